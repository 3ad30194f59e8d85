"""Repair of the CMake files inside the ROS 2 wheels.

They name the Python and NumPy headers of the machine on which the wheels were built.
"""

from __future__ import annotations

import re
from pathlib import Path

PYTHON_HEADERS = re.compile(r'/opt/(?:python|_internal)/[^;"\s]*?/include/python3\.\d+')
NUMPY_HEADERS = re.compile(r'/opt/(?:python|_internal)/[^;"\s]*?/numpy/_?core/include')


def repaired(text: str, python_headers: str, numpy_headers: str) -> str:
    """Return the text of a CMake file with this machine's header folders."""
    text = NUMPY_HEADERS.sub(lambda _: numpy_headers, text)
    return PYTHON_HEADERS.sub(lambda _: python_headers, text)


def repair(venv: Path, python_headers: str, numpy_headers: str) -> int:
    """Repair every CMake file of an environment; returns how many were changed."""
    changed = 0
    for path in venv.glob('share/**/*.cmake'):
        text = path.read_text(encoding='utf-8', errors='surrogateescape')
        if '/opt/' not in text:
            continue
        better = repaired(text, python_headers, numpy_headers)
        if better != text:
            path.write_text(better, encoding='utf-8', errors='surrogateescape')
            changed += 1
    return changed


def move(venv: Path, old: Path) -> int:
    """Rewrite the environment's own folder where scripts and CMake files name it.

    `old` is where the environment lay before. Returns how many files were changed.
    """
    changed = 0
    files = [path for path in (venv / 'bin').iterdir() if path.is_file() and not path.is_symlink()]
    before, after = str(old).encode(), str(venv).encode()
    for path in [*files, *venv.glob('share/**/*.cmake'), venv / 'pyvenv.cfg']:
        content = path.read_bytes()
        if before in content and b'\0' not in content:
            path.write_bytes(content.replace(before, after))
            changed += 1
    return changed
