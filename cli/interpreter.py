"""Choice of a Python that every package has wheels for.

This module and `./mmoment` are read by whatever `python3` the machine has (3.8 or newer): no newer
syntax here.
"""

from __future__ import annotations

import os
import subprocess
import sys

OLDEST = (3, 10)
NEWEST = (3, 12)
"""mediapipe 0.10.18 and the ROS 2 wheels together serve this range."""


def is_suitable(version: tuple[int, ...]) -> bool:
    """Whether a version (major, minor) is one the project runs on."""
    return OLDEST <= tuple(version[:2]) <= NEWEST


def version_of(python: str) -> tuple[int, int] | None:
    """Version (major, minor) of an interpreter, or None if it does not run (a dangling shim, say)."""
    try:
        answer = subprocess.run(
            [python, '-c', 'import sys; print(*sys.version_info[:2])'],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=20,
            check=True,
        ).stdout.split()
        return int(answer[0]), int(answer[1])
    except (OSError, subprocess.SubprocessError, ValueError, IndexError):
        return None


def find_interpreter(path: str, wanted: tuple[int, int] | None = None) -> str | None:
    """Full name of a suitable Python on `path`, or None.

    `wanted`: exactly this (major, minor); otherwise the newest suitable one.
    """
    versions = [wanted] if wanted else [(3, minor) for minor in range(NEWEST[1], OLDEST[1] - 1, -1)]
    for version in versions:
        for name in ('python{}.{}'.format(*version), 'python3'):
            for folder in path.split(os.pathsep):
                candidate = os.path.join(folder, name)
                if folder and os.access(candidate, os.X_OK) and version_of(candidate) == version:
                    return candidate
    return None


def use_suitable_interpreter(script: str) -> None:
    """Go on in a suitable Python: return if this one is, else replace this process, else exit 1."""
    if is_suitable(sys.version_info[:2]):
        return
    other = find_interpreter(os.environ.get('PATH', ''))
    if other is None:
        running = '{}.{}'.format(*sys.version_info[:2])
        sys.exit(
            'mmoment: needs Python 3.10, 3.11 or 3.12; this is Python {} ({}) and none of them is on PATH. '
            'Install one, for example with `apt install python3.12 python3.12-venv python3.12-dev` or '
            '`uv python install 3.12`, and run this again.'.format(running, sys.executable)
        )
    os.execv(other, [other, script, *sys.argv[1:]])
