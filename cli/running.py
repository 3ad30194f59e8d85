"""Whether a graph runs from what this clone has built, however it was started."""

from __future__ import annotations

import os
from pathlib import Path

from cli.project import Project

SUPERVISOR = 'mmoment_bringup.supervisor'


def process_of_graph(project: Project, processes: Path = Path('/proc')) -> int | None:
    """Return a process of a graph that runs from this clone, or None."""
    for folder in processes.glob('[0-9]*'):
        try:
            words = os.fsdecode((folder / 'cmdline').read_bytes()).split('\0')
        except OSError:
            continue
        if _is_node(words, project) or _is_supervisor(words, project):
            return int(folder.name)
    return None


def _is_node(words: list[str], project: Project) -> bool:
    # A node is a script, so the interpreter stands before it.
    executables = [
        f'{project.install}{os.sep}{name}{os.sep}lib{os.sep}{name}{os.sep}'
        for name in project.packages()
    ]
    return any(word.startswith(tuple(executables)) for word in words[:2])


def _is_supervisor(words: list[str], project: Project) -> bool:
    return SUPERVISOR in words[1:3] and words[0].startswith(f'{project.venv}{os.sep}')
