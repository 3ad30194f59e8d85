"""Reads a secret from a file that only the user of the camera, or root, can read and change.

No text made here repeats the name of the file: somebody may have put the key in its place.
"""

from __future__ import annotations

import os
import re
import stat
from dataclasses import dataclass, field
from pathlib import Path

from mmoment_stream.errors import StreamError
from mmoment_stream.push_target import PushError

# A key has a line; multistream addresses have a few.
MOST_BYTES = 16 << 10
FOR_OTHERS = 0o077
PLAIN_NAME = re.compile(r'[A-Za-z0-9_][A-Za-z0-9._-]{0,99}')
KEY = re.compile(r'[\x21-\x7e]{1,512}')
PASSPHRASE_MARK = 'passphrase='
# The length that SRT takes.
PASSPHRASE = re.compile(r'[\x21-\x7e]{10,79}')


class Unusable(StreamError):
    """What is wrong with a file that should hold a secret, and what to do; it does not name it."""


@dataclass(frozen=True, slots=True)
class SrtSecrets:
    """What a key file says for SRT: key: the streamid, passphrase: of the encryption; empty: none."""

    key: str = field(default='', repr=False)
    passphrase: str = field(default='', repr=False)


def is_plain_name(name: str) -> bool:
    """Whether this names a file in the key folder, and nothing outside it."""
    return PLAIN_NAME.fullmatch(name) is not None


def key_path(folder: Path, name: str) -> Path:
    """Where the key file lies. name: plain, in `folder`, or an absolute path. Raises PushError."""
    if is_plain_name(name):
        return folder / name
    if os.path.isabs(name):
        return Path(name)
    raise PushError('no_key', 'it takes the name of a file in the key folder')


def read_key(folder: Path, name: str) -> str:
    """The one word in a key file, read anew. Raises PushError: no_key."""
    words = read_secret(folder, name).split()
    if len(words) != 1 or KEY.fullmatch(words[0]) is None:
        raise PushError('no_key', 'it has to hold one line with the key and nothing else')
    return words[0]


def read_srt_secrets(folder: Path, name: str) -> SrtSecrets:
    """The streamid and a line passphrase=WORD, or one of them, read anew. Raises PushError: no_key."""
    words = read_secret(folder, name).split()
    phrases = [word for word in words if word.startswith(PASSPHRASE_MARK)]
    keys = [word for word in words if not word.startswith(PASSPHRASE_MARK)]
    if not words or len(phrases) > 1 or len(keys) > 1 or not all(map(KEY.fullmatch, keys)):
        raise PushError(
            'no_key',
            f'for SRT it has to hold a line with the streamid, one with {PASSPHRASE_MARK}'
            'WORD, or both',
        )
    passphrase = phrases[0][len(PASSPHRASE_MARK) :] if phrases else ''
    if phrases and PASSPHRASE.fullmatch(passphrase) is None:
        raise PushError('no_key', 'a passphrase of SRT has 10 to 79 letters')
    return SrtSecrets(keys[0] if keys else '', passphrase)


def read_secret(folder: Path, name: str) -> str:
    """All text of a key file, read anew. Raises PushError: no_key, saying what to do."""
    path = key_path(folder, name)
    try:
        return content_of(path).decode('ascii')
    except Unusable as error:
        raise PushError('no_key', str(error)) from None
    except UnicodeDecodeError:
        raise PushError('no_key', 'it holds signs that no key has') from None


def content_of(path: Path) -> bytes:
    """All of a file that is ours, or root's, alone, at most MOST_BYTES. Raises Unusable."""
    try:
        # Without waiting for whoever may write to a pipe of this name.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
        try:
            _check(os.fstat(descriptor))
            with open(descriptor, 'rb', closefd=False) as file:
                data = file.read(MOST_BYTES + 1)
        finally:
            # Not by `open`: it leaves open what turns out to be a folder.
            os.close(descriptor)
    except FileNotFoundError:
        raise Unusable('it is not there') from None
    except OSError as error:
        raise Unusable(error.strerror or 'it cannot be read') from None
    if len(data) > MOST_BYTES:
        raise Unusable('it is too long for a key')
    return data


def _check(facts: os.stat_result) -> None:
    if not stat.S_ISREG(facts.st_mode):
        raise Unusable('it is no file')
    if facts.st_uid not in (0, os.geteuid()):
        raise Unusable('it belongs to another user: chown it')
    if facts.st_mode & FOR_OTHERS:
        raise Unusable('it can be read by others: chmod 600')
