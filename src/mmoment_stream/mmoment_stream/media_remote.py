"""Where copies of photos and clips go: any file system of fsspec, by its URL.

What is read from the remote store decides whether a copy is whole; nothing is taken for done
because a call returned. s3:// has its own way (media_remote_s3.py); everywhere else a copy is
written under another name, read back, and renamed.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import stat
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, BinaryIO, Protocol
from urllib.parse import urlsplit

import fsspec
from fsspec.implementations.local import LocalFileSystem

from mmoment_node import durable_files
from mmoment_node.errors import ConfigurationError
from mmoment_node.redaction import HIDDEN, redact_text, redact_url
from mmoment_stream.errors import StreamError

S3_SCHEMES = ('s3', 's3a')
BLOCK_BYTES = 1 << 20
PART_ENDING = '.part'
ONLY_OWNER_FOLDER = 0o700
OTHERS = stat.S_IRWXG | stat.S_IRWXO
# Shorter values would hide parts of ordinary words.
SHORTEST_SECRET = 4

IsWanted = Callable[[], bool]
"""Asked in between; False: give up what is under way."""


class RemoteFault(StreamError):
    """The remote store could not be used; trying again may help. The text holds no credential."""


class NotWanted(StreamError):
    """What was under way was given up because nobody wants it any more."""


class Differs(StreamError):
    """A file is not the one whose digest was given; trying again would not help."""


class RemoteStore(Protocol):
    """Keeps copies by name, such as `DAY/FILE`. Methods raise RemoteFault or NotWanted."""

    def put(self, name: str, file: BinaryIO, size: int, sha256: str, is_wanted: IsWanted) -> None:
        """Have a whole copy under this name. sha256: of the file, hex. Raises Differs too."""

    def delete(self, name: str, is_wanted: IsWanted) -> None:
        """Have no copy of this name, nor a part of one."""


def open_remote(url: str, options_file: str = '', folder: str = '') -> RemoteStore:
    """The remote store at this URL, in a folder of it; speaks to nobody yet.

    options_file: JSON with what fsspec's class for this kind takes, credentials too; readable by
    its owner alone. Raises ConfigurationError.
    """
    _require_no_credentials(url)
    options = read_options(Path(options_file)) if options_file else {}
    scheme = urlsplit(url).scheme
    try:
        if scheme in S3_SCHEMES:
            # Takes a second to import.
            from mmoment_stream.media_remote_s3 import S3Store, s3_options

            options = s3_options(options)
        system, root = fsspec.core.url_to_fs(url, **options)
    except (ImportError, ValueError, TypeError) as error:
        text = hide(' '.join(str(error).split()), options)
        raise ConfigurationError(
            f'the remote store {redact_url(url)} cannot be used ({text}): see to its URL, to the '
            'names in its options file, and to the package that it needs (s3:// needs s3fs)'
        ) from None
    root = '/'.join(part for part in (root.rstrip('/'), folder) if part)
    if scheme in S3_SCHEMES:
        return S3Store(system, root, options)
    if isinstance(system, LocalFileSystem):
        return LocalStore(system, root, options)
    return FileStore(system, root, options)


def read_options(path: Path) -> dict[str, Any]:
    """What an options file says. Raises ConfigurationError."""
    try:
        with path.open('rb') as file:
            mode = path.stat().st_mode
            content = file.read()
    except OSError as error:
        raise ConfigurationError(
            f'{path} with the options of the remote store cannot be read ({error.strerror}): name '
            'the right file, readable by the user who runs the camera'
        ) from error
    if mode & OTHERS:
        raise ConfigurationError(
            f'others than its owner may read {path}, which holds credentials: chmod go= {path}'
        )
    try:
        options = json.loads(content)
    except ValueError:
        options = None
    if not isinstance(options, dict):
        # Without the text of the fault, which quotes the content.
        raise ConfigurationError(f'{path} is no JSON object: write {{"key": …, "secret": …}}')
    return options


def hide(text: str, options: Mapping[str, Any]) -> str:
    """A text of a library without credentials that it may quote."""
    for value in sorted(_values(options), key=len, reverse=True):
        if len(value) >= SHORTEST_SECRET:
            text = text.replace(value, HIDDEN)
    return redact_text(text)


class FileStore:
    """A remote store that renames: a folder, SFTP, WebDAV, and the like."""

    def __init__(self, system: Any, root: str, options: Mapping[str, Any]) -> None:
        """system: an fsspec file system."""
        self._system = system
        self._root = root
        self._options = options

    def put(self, name: str, file: BinaryIO, size: int, sha256: str, is_wanted: IsWanted) -> None:
        """Have a whole copy under this name."""
        target = f'{self._root}/{name}'
        part = f'{target}{PART_ENDING}'
        with Faults(self._options):
            if self._is_whole(target, size, sha256, is_wanted):
                return
            self._make_folder(target.rpartition('/')[0])
            digest = hashlib.sha256()
            with self._new_file(part) as copy:
                for block in blocks(file, is_wanted):
                    digest.update(block)
                    copy.write(block)
            if digest.hexdigest() != sha256:
                self._system.rm_file(part)
                raise Differs(f'{name} is not what it was when it was kept')
            if not self._is_whole(part, size, sha256, is_wanted):
                raise RemoteFault(f'{name} did not arrive as it was sent')
            self._rename(part, target)

    def delete(self, name: str, is_wanted: IsWanted) -> None:
        """Have no copy of this name, nor a part of one."""
        target = f'{self._root}/{name}'
        with Faults(self._options):
            for path in (f'{target}{PART_ENDING}', target):
                if self._system.exists(path):
                    self._system.rm_file(path)

    def _make_folder(self, path: str) -> None:
        self._system.makedirs(path, exist_ok=True)

    def _new_file(self, path: str) -> AbstractContextManager[Any]:
        opened: AbstractContextManager[Any] = self._system.open(path, 'wb')
        return opened

    def _rename(self, path: str, target: str) -> None:
        self._system.mv(path, target)

    def _is_whole(self, path: str, size: int, sha256: str, is_wanted: IsWanted) -> bool:
        # Some systems remember what they were asked before.
        self._system.invalidate_cache()
        try:
            if self._system.size(path) != size:
                return False
        except FileNotFoundError:
            return False
        digest = hashlib.sha256()
        with self._system.open(path, 'rb') as copy:
            for block in blocks(copy, is_wanted):
                digest.update(block)
        return digest.hexdigest() == sha256


class LocalStore(FileStore):
    """A folder of this machine, such as of another disk: for the user of the camera alone.

    A copy is on the disk before it is one. The folder that is given stays as open as it is; those
    that are made are not.
    """

    def _make_folder(self, path: str) -> None:
        folder = Path(path)
        missing = [each for each in (folder, *folder.parents) if not each.exists()]
        for each in reversed(missing):
            each.mkdir(ONLY_OWNER_FOLDER, exist_ok=True)
            _sync_folder(each.parent)

    @contextlib.contextmanager
    def _new_file(self, path: str) -> Iterator[BinaryIO]:
        Path(path).unlink(missing_ok=True)
        with open(durable_files.create(Path(path)), 'wb') as file:
            yield file
            file.flush()
            os.fsync(file.fileno())

    def _rename(self, path: str, target: str) -> None:
        os.replace(path, target)
        _sync_folder(Path(target).parent)


def _sync_folder(folder: Path) -> None:
    try:
        durable_files.sync_folder(folder)
    except OSError as error:
        # Folders of some network file systems cannot be asked to.
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise


def blocks(file: Any, is_wanted: IsWanted) -> Iterator[bytes]:
    """Yield the content of a file. Raises NotWanted in between."""
    while block := file.read(BLOCK_BYTES):
        if not is_wanted():
            raise NotWanted('the upload was ended')
        yield block


class Faults:
    """Raise whatever a library raises as RemoteFault."""

    def __init__(self, options: Mapping[str, Any]) -> None:
        self._options = options

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, Exception) and not isinstance(error, StreamError):
            # Libraries raise what they like.
            text = ' '.join(str(error).split()) or type(error).__name__
            raise RemoteFault(hide(text, self._options)) from None


def _require_no_credentials(url: str) -> None:
    if '@' in urlsplit(url).netloc or redact_url(url) != url:
        raise ConfigurationError(
            f'{redact_url(url)} holds credentials, which everybody can read in a parameter: put '
            'them into the options file'
        )


def _values(options: object) -> Iterator[str]:
    if isinstance(options, Mapping):
        for value in options.values():
            yield from _values(value)
    elif isinstance(options, str):
        yield options
