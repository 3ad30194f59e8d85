"""`./mmoment shell`: a shell, or one command, in which python, colcon and the workspace work."""

from __future__ import annotations

import argparse
import os
import shlex
from collections.abc import Mapping
from pathlib import Path

from cli.environment import ACTIVE, LISTS
from cli.errors import CliError
from cli.prepare import prepare
from cli.project import Project

SUMMARY = 'open a shell (or run one command) with python, colcon and the workspace'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `shell`."""
    parser.usage = './mmoment shell [-- COMMAND [ARGUMENT ...]]'


def start_file(env: Mapping[str, str]) -> str:
    """Text of a bash start file.

    The person's own start file often puts other Pythons in front, so ours is repeated after it.
    """
    kept = [*LISTS, ACTIVE, 'VIRTUAL_ENV']
    lines = ['[ -f ~/.bashrc ] && . ~/.bashrc']
    lines += [f'export {name}={shlex.quote(env[name])}' for name in kept if name in env]
    lines.append('PS1=\'(mmoment) \'"$PS1"')
    return '\n'.join(lines) + '\n'


def run(options: argparse.Namespace) -> int:
    """Run `shell`: becomes the shell or the command."""
    words = list(options.more)
    project = Project.here()
    ready = prepare(project)
    if not words:
        words = [os.environ.get('SHELL') or 'bash', '-i']
        if Path(words[0]).name == 'bash':
            started_with = project.state / 'bashrc'
            started_with.write_text(start_file(ready.env), encoding='utf-8')
            words = [words[0], '--rcfile', str(started_with), '-i']
    try:
        os.execvpe(words[0], words, dict(ready.env))
    except OSError as error:
        raise CliError(f'cannot run {words[0]}: {error.strerror}') from error
