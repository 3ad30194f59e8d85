"""The picture source as a person gives it to `./mmoment up`."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

from cli.errors import CliError

SECRET_PREFIX = 'secret:'
"""Before the path of a file whose first line is the address; camera_node reads it."""
PASSWORD_MARKS = frozenset('@=#')
"""Every address that `mmoment_node.redaction` finds a password in has one of these, and few others do."""


def checked_source(source: str) -> str:
    """Return the source as the camera node takes it: a file by its full name.

    What else a source may be is the camera's to judge; only a missing file is told before a long setup.
    Raises CliError, without repeating what may be a password.
    """
    if source.startswith(SECRET_PREFIX):
        return SECRET_PREFIX + _secret_file(source.removeprefix(SECRET_PREFIX))
    if '://' in source or source.startswith('/dev/'):
        return source
    path = Path(source).expanduser()
    if path.is_file():
        return str(path.resolve())
    if '@' in source:
        raise CliError('--source: no such file, and an address begins with rtsp:// or http://')
    if '/' in source or '.' in source:
        raise CliError(
            f'--source {source}: no such file; cameras are /dev/videoN, rtsp://… or http://…'
        )
    return source


def _secret_file(name: str) -> str:
    # Links are kept: what a secret's name leads to may be exchanged while the graph runs.
    path = os.path.abspath(os.path.expanduser(name))
    try:
        mode = os.stat(path).st_mode
    except OSError as error:
        raise CliError(f'--source {SECRET_PREFIX}{name}: {error.strerror}') from error
    if not stat.S_ISREG(mode):
        raise CliError(f'--source {SECRET_PREFIX}{name}: is no file; write the address into one')
    if not os.access(path, os.R_OK):
        raise CliError(f'--source {SECRET_PREFIX}{name}: may not be read by this user')
    return path


def may_hold_password(source: str) -> bool:
    """Whether this is an address in which a password may stand; in doubt it is."""
    _, separator, rest = source.partition('://')
    return bool(separator) and not PASSWORD_MARKS.isdisjoint(rest)


def kept_in_memory(address: str) -> str:
    """Put an address where only this user can read it, and return the `secret:` source that names it.

    It lies in memory of this process and goes with it; the program that the process becomes keeps it.
    """
    descriptor = os.memfd_create('mmoment-source')
    os.fchmod(descriptor, 0o600)
    os.write(descriptor, os.fsencode(f'{address}\n'))
    os.set_inheritable(descriptor, True)
    return f'{SECRET_PREFIX}/proc/{os.getpid()}/fd/{descriptor}'


def begin_again_without(address: str) -> None:
    """Replace this process by one whose command line, which everybody can read, lacks the address."""
    print(
        'mmoment: the address may hold a password: only the camera is told, by a file in memory',
        file=sys.stderr,
        flush=True,
    )
    secret = kept_in_memory(address)
    words = [word.replace(address, secret) for word in sys.orig_argv]
    os.execv(sys.executable, words)
