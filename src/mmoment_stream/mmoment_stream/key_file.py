"""Reads a secret from a file that only the user of the camera, or root, can read and change."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path

from mmoment_stream.push_target import PushError

# A key has a line; multistream addresses have a few.
MOST_BYTES = 16 << 10
FOR_OTHERS = 0o077
PLAIN_NAME = re.compile(r'[A-Za-z0-9_][A-Za-z0-9._-]{0,99}')
KEY = re.compile(r'[\x21-\x7e]{1,512}')


def is_plain_name(name: str) -> bool:
    """Whether this names a file in the key folder, and nothing outside it."""
    return PLAIN_NAME.fullmatch(name) is not None


def key_path(folder: Path, name: str) -> Path:
    """Where the key file lies. name: plain, in `folder`, or an absolute path. Raises PushError."""
    if is_plain_name(name):
        return folder / name
    if os.path.isabs(name):
        return Path(name)
    # The name is not repeated: somebody may have given the key in its place.
    raise PushError('no_key', 'it takes the name of a file in the key folder')


def read_key(folder: Path, name: str) -> str:
    """The one word in a key file, read anew. Raises PushError: no_key."""
    words = read_secret(folder, name).split()
    if len(words) != 1 or KEY.fullmatch(words[0]) is None:
        raise PushError('no_key', f'{name} has to hold one line with the key and nothing else')
    return words[0]


def read_secret(folder: Path, name: str) -> str:
    """All text of a key file, read anew. Raises PushError: no_key, saying what to do."""
    path = key_path(folder, name)
    try:
        # Without waiting for whoever may write to a pipe of this name.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
        with open(descriptor, 'rb') as file:
            _check(os.fstat(descriptor), name)
            data = file.read(MOST_BYTES + 1)
    except FileNotFoundError:
        raise PushError('no_key', f'{name} is not there') from None
    except OSError as error:
        raise PushError('no_key', f'{name}: {error.strerror}') from None
    if len(data) > MOST_BYTES:
        raise PushError('no_key', f'{name} is too long for a key')
    try:
        return data.decode('ascii')
    except UnicodeDecodeError:
        raise PushError('no_key', f'{name} holds signs that no key has') from None


def _check(facts: os.stat_result, name: str) -> None:
    if not stat.S_ISREG(facts.st_mode):
        raise PushError('no_key', f'{name} is not a file')
    if facts.st_uid not in (0, os.geteuid()):
        raise PushError('no_key', f'{name} belongs to another user: chown it')
    if facts.st_mode & FOR_OTHERS:
        raise PushError('no_key', f'{name} can be read by others: chmod 600')
