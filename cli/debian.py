"""Debian packages: which are missing, and how they get here."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cli.errors import CliError
from cli.progress import CommandFailed, Progress

PACKAGE_OF_LIBRARY = {
    'libEGL.so': 'libegl1',
    'libGL.so': 'libgl1',
    'libGLESv2.so': 'libgles2',
    'libSM.so': 'libsm6',
    'libX11.so': 'libx11-6',
    'libXext.so': 'libxext6',
    'libXrender.so': 'libxrender1',
    'libatomic.so': 'libatomic1',
    'libglib-2.0.so': 'libglib2.0-0',
    'libgomp.so': 'libgomp1',
    'libgthread-2.0.so': 'libglib2.0-0',
    'libxcb.so': 'libxcb1',
}
"""Shared libraries that the wheels expect of the machine."""
START_POLICY = Path('/usr/sbin/policy-rc.d')
"""While this file says 101, packages do not start services."""
NO_SERVICES = """#!/bin/sh
# Made by Mmoment's ./mmoment for one installation: services are held back while it locks this file.
# Left behind, it changes nothing and may be removed.
exec flock --nonblock --conflict-exit-code 101 "$0" true
"""


def library_package(error: str) -> str | None:
    """Debian package of the shared library that an import error names, if it is a known one."""
    missing = re.search(r'(lib[\w+.-]+?\.so)[.\d]*: cannot open shared object file', error)
    return PACKAGE_OF_LIBRARY.get(missing[1]) if missing else None


def read_list(path: Path) -> list[str]:
    """Package names of a list file: one per line, `#` begins a comment."""
    lines = path.read_text(encoding='utf-8').splitlines()
    return [name for line in lines if (name := line.partition('#')[0].strip())]


def not_installed(packages: Sequence[str]) -> list[str]:
    """Those packages that dpkg does not hold; all of them where there is no dpkg."""
    if not shutil.which('dpkg-query'):
        return list(packages)
    answer = subprocess.run(
        ['dpkg-query', '-W', '-f', '${Package} ${db:Status-Status}\n', *packages],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    ).stdout
    words = (line.split() for line in answer.splitlines())
    installed = {pair[0] for pair in words if pair[1:] == ['installed']}
    return [name for name in packages if name not in installed]


def may_install() -> bool:
    """Whether this is root on Debian, Ubuntu or a descendant."""
    return os.geteuid() == 0 and shutil.which('apt-get') is not None


def install_command(packages: Sequence[str]) -> str:
    """Return the command that a person would type."""
    return f'sudo apt-get install --no-install-recommends {" ".join(packages)}'


def require(packages: Sequence[str], why: str, progress: Progress) -> None:
    """Install packages if we are root on Debian; otherwise raise CliError naming them and the command."""
    if not packages:
        return
    if not may_install():
        raise CliError(f'{why}. On Debian or Ubuntu: {install_command(packages)}')
    progress.more(1)
    with progress.step(f'Debian packages: {" ".join(packages)}'):
        install(packages, progress)


def install(packages: Sequence[str], progress: Progress) -> None:
    """Install packages as root: no questions, nothing recommended, no service started."""
    env = {**os.environ, 'DEBIAN_FRONTEND': 'noninteractive', 'LC_ALL': 'C.UTF-8'}
    env.pop('LD_LIBRARY_PATH', None)
    wait = '-oDPkg::Lock::Timeout=300'
    call: dict[str, Any] = {'env': env, 'condense': _condense}
    command = ['apt-get', wait, 'install', '-y', '-q', '--no-install-recommends', *packages]
    with _services_held_back():
        try:
            progress.run(command, failure='apt-get install failed', **call)
        except CommandFailed:
            # Most often the package lists are absent (a container) or old.
            progress.run(['apt-get', wait, 'update', '-q'], failure='apt-get update failed', **call)
            progress.run(command, failure=f'could not install {" ".join(packages)}', **call)


def _condense(line: str) -> str | None:
    return line[:70] if line.startswith(('Get:', 'Unpacking', 'Setting up')) else None


@contextmanager
def _services_held_back() -> Iterator[None]:
    """Let packages start no service meanwhile; a policy that the machine has of its own stays in force.

    The kernel drops our lock however we end, so that a policy we could not remove allows everything.
    """
    if START_POLICY.exists() and not _is_left_behind(START_POLICY):
        yield
        return
    START_POLICY.write_text(NO_SERVICES, encoding='utf-8')
    START_POLICY.chmod(0o755)
    # For reading: what is open for writing cannot be executed.
    with START_POLICY.open(encoding='utf-8') as policy:
        try:
            fcntl.flock(policy, fcntl.LOCK_EX)
            yield
        finally:
            START_POLICY.unlink(missing_ok=True)


def _is_left_behind(path: Path) -> bool:
    """Whether this is our policy, and nobody holds it any more."""
    with path.open(encoding='utf-8', errors='replace') as policy:
        if policy.read() != NO_SERVICES:
            return False
        try:
            fcntl.flock(policy, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
