"""Files with keys of the device: readable by one user, written whole or not at all.

A file that exists is never made anew, and one that cannot be trusted is never used: the text of
DeviceKeyError says how to recover.
"""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from mmoment_chain.errors import ChainError
from mmoment_chain.secret_bytes import SecretBytes
from mmoment_node.durable_files import NameNotKept, drafts_in, keep, sync_folder, write_new
from mmoment_node.errors import ConfigurationError

# A file of keys is a few hundred bytes.
MOST_FILE_BYTES = 64 * 1024
OTHERS = stat.S_IRWXG | stat.S_IRWXO


class DeviceKeyError(ChainError, ConfigurationError):
    """The keys of this device cannot be used; the text says what a person has to do."""


def recovery(folder: Path) -> str:
    """What to do about keys that are missing or damaged."""
    return (
        f'put {folder} back from a backup; if there is none, move it away: the next start makes '
        'new keys, but then this is a new camera, which must be registered again and cannot open '
        'the templates in its keeping'
    )


def create_folder(folder: Path, files: Mapping[str, SecretBytes]) -> bool:
    """Make `folder` with these files, all or nothing; False if there is one already.

    Several processes may try at once: one makes it. An empty folder counts as none.
    """
    folder = Path(os.path.abspath(folder))
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with locked(folder.parent):
            if _has_content(folder):
                return False
            unfinished = f'.{folder.name}.new-'
            for left in folder.parent.glob(f'{unfinished}*'):
                shutil.rmtree(left)
            made = Path(tempfile.mkdtemp(prefix=unfinished, dir=folder.parent))
            # Whatever the umask is.
            made.chmod(0o700)
            for name, content in files.items():
                write_new(made / name, content.view)
            sync_folder(made)
            # Takes the place of an empty folder, too. Until here nothing has that name.
            made.rename(folder)
            sync_folder(folder.parent)
    except OSError as error:
        hint = (
            '; it is a mount point: name a folder inside it' if error.errno == errno.EBUSY else ''
        )
        raise DeviceKeyError(
            f'the keys of this device cannot be made in {folder}: {error.strerror}{hint}'
        ) from error
    return True


def read_file(path: Path) -> SecretBytes:
    """The whole content of a file that only its owner may read."""
    try:
        _check_folder(path.parent)
        with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC), 'rb', 0) as file:
            state = os.fstat(file.fileno())
            _check_owner(path, state)
            if not stat.S_ISREG(state.st_mode) or not 0 < state.st_size <= MOST_FILE_BYTES:
                raise DeviceKeyError(f'{path} is no file of keys: {recovery(path.parent)}')
            content = SecretBytes(state.st_size)
            if file.readinto(content.view) != state.st_size:
                content.close()
                raise DeviceKeyError(f'{path} could not be read whole: {recovery(path.parent)}')
    except FileNotFoundError as error:
        raise DeviceKeyError(f'{path} is missing: {recovery(path.parent)}') from error
    except PermissionError as error:
        raise DeviceKeyError(
            f'{path} may not be read by this user (number {os.geteuid()}): start as the user who '
            'made it, or give that folder and its files to this one (chown -R)'
        ) from error
    except OSError as error:
        raise DeviceKeyError(
            f'{path} cannot be read ({error.strerror}): {recovery(path.parent)}'
        ) from error
    return content


def replace_file(path: Path, content: SecretBytes) -> None:
    """Write `path` anew; whenever this is interrupted, there is the old file or the new one.

    To be called under `locked(path.parent)`.
    """
    try:
        keep(path, content.view)
    except NameNotKept as error:
        raise DeviceKeyError(
            f'{path} has its new content and the keys in it are those in use, but a power cut may '
            f'bring back the old ones ({error.strerror}): look after the disk of {path.parent}, '
            'then do it again'
        ) from error
    except OSError as error:
        raise DeviceKeyError(
            f'{path} could not be changed ({error.strerror}); the keys that were in use are still '
            'there: make room or remove the cause, then try again'
        ) from error


def sweep_drafts(folder: Path) -> None:
    """Delete what somebody who was killed while replacing a file has left: it may hold keys."""
    try:
        # Whoever replaces one now is waited for.
        with locked(folder):
            for draft in drafts_in(folder):
                draft.unlink(missing_ok=True)
    except OSError as error:
        raise DeviceKeyError(
            f'what was left of an interrupted change in {folder} may hold keys and cannot be '
            f'deleted ({error.strerror}): remove the cause, or delete .*.draft there'
        ) from error


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keep other processes from changing the keys at the same time."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _has_content(folder: Path) -> bool:
    try:
        return bool(os.listdir(folder))
    except FileNotFoundError:
        return False


def _check_folder(folder: Path) -> None:
    state = os.stat(folder)
    if not stat.S_ISDIR(state.st_mode):
        raise DeviceKeyError(f'{folder} is no folder: {recovery(folder)}')
    _check_owner(folder, state)


def _check_owner(path: Path, state: os.stat_result) -> None:
    if state.st_mode & OTHERS:
        raise DeviceKeyError(
            f'others than its owner may open {path} (mode {stat.S_IMODE(state.st_mode):04o}): if '
            f'nobody did, chmod go= {path}; if somebody may have, replace the keys after that: '
            './mmoment keys rotate'
        )
    if state.st_uid not in (os.geteuid(), 0):
        raise DeviceKeyError(
            f'{path} belongs to user number {state.st_uid}, this process to {os.geteuid()}: start '
            'as the user who made it, or give that folder and its files to this one (chown -R)'
        )
