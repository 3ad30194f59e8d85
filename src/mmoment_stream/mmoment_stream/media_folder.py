"""Where the files of photos and clips lie, for the user who runs the camera and nobody else.

FOLDER/YYYY-MM-DD/NAME              by the day (UTC) on which it begins
FOLDER/YYYY-MM-DD/NAME.thumb.jpg
FOLDER/drafts/NAME                  whole, and not in its day yet
FOLDER/drafts/NAME.recording        a clip that is being recorded
FOLDER/drafts/NAME.note.json        what is to become of that, should this process be killed
FOLDER/drafts/.reserve              room that is given up so that deleting works on a full disk

NAME is the UTC time and 128 random bits, so nobody finds one by guessing. A file is whole and on
the disk among the drafts before anybody is told of it, and then moves: wherever it is found there,
it belongs to the library as soon as its row does.
"""

from __future__ import annotations

import base64
import contextlib
import os
import re
import secrets
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path

from mmoment_node import durable_files

FOLDER_MODE = 0o700
MEDIA_NAME = 'media'
"""Name of this folder in that of the camera."""
DRAFTS = 'drafts'
THUMBNAIL_ENDING = '.thumb.jpg'
RECORDING_ENDING = '.recording'
NOTE_ENDING = '.note.json'
RESERVE = '.reserve'
# What the store takes to note some fifty deletions at once.
RESERVE_BYTES = 2 << 20
FILE_ENDINGS = {'image/jpeg': '.jpg', 'image/webp': '.webp', 'video/mp4': '.mp4'}
"""By MIME type: what the library keeps."""
NAME = re.compile(r'(\d{4})(\d\d)(\d\d)T\d{6}Z-[a-z2-7]{26}\.(?:jpg|webp|mp4)')
RANDOM_BYTES = 16
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def new_name(started_ms: int, mime_type: str) -> str:
    """Name of a new file. started_ms: since 1970, before the year 10000. KeyError: no such type."""
    moment = EPOCH + timedelta(milliseconds=max(0, started_ms))
    random = base64.b32encode(secrets.token_bytes(RANDOM_BYTES)).decode('ascii')
    return f'{moment:%Y%m%dT%H%M%SZ}-{random.rstrip("=").lower()}{FILE_ENDINGS[mime_type]}'


def is_name(name: str) -> bool:
    """Whether this names a file of the library, which is to be known before it becomes a path."""
    return NAME.fullmatch(name) is not None


def day_of(name: str) -> str:
    """The day of a file, as YYYY-MM-DD. Raises ValueError for what is no name."""
    match = NAME.fullmatch(name)
    if match is None:
        raise ValueError(f'{name!r} is no name of a photo or clip')
    return '-'.join(match.groups()[:3])


class MediaFolder:
    """The files below `root`. Methods raise OSError.

    What is no name, such as one that somebody wrote into the store, leads nowhere: nothing is found
    or deleted there, and asking for its path raises ValueError.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.drafts = root / DRAFTS

    def prepare(self) -> None:
        """Have the folders."""
        self.root.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
        self.drafts.mkdir(mode=FOLDER_MODE, exist_ok=True)
        for folder in (self.root, self.drafts):
            folder.chmod(FOLDER_MODE)
            durable_files.sync_folder(folder.parent)
        self.hold_reserve()

    def path(self, name: str) -> Path:
        """Where the file is to lie."""
        return self.root / day_of(name) / name

    def draft(self, name: str) -> Path:
        """Where it lies whole, until it has its place."""
        day_of(name)
        return self.drafts / name

    def recording(self, name: str) -> Path:
        """Where a clip is recorded."""
        return self.draft(name).with_name(f'{name}{RECORDING_ENDING}')

    def note(self, name: str) -> Path:
        """What is to become of the recording."""
        return self.draft(name).with_name(f'{name}{NOTE_ENDING}')

    def place(self, name: str) -> None:
        """Move a kept file and its thumbnail to their place, if they are not there yet."""
        path, draft = self.path(name), self.draft(name)
        if not draft.exists():
            return
        _make_folder(path.parent)
        # The file last: whoever finds it in its place finds its thumbnail too.
        for source, target in ((_thumbnail(draft), _thumbnail(path)), (draft, path)):
            # It may have been deleted, or placed by another thread, in this very moment.
            with contextlib.suppress(FileNotFoundError):
                source.replace(target)
        durable_files.sync_folder(path.parent)

    def find(self, name: str) -> Path | None:
        """The file, or None where there is none. One that still lies among the drafts is placed."""
        if not is_name(name):
            return None
        with contextlib.suppress(OSError):
            # On a full disk it stays where it is.
            self.place(name)
        return self.look(name)

    def look(self, name: str) -> Path | None:
        """The file, or None where there is none. Changes nothing."""
        if not is_name(name):
            return None
        # In the order of its way, so that it is not missed while it moves.
        places = (self.draft(name), self.path(name))
        return next((path for path in places if path.is_file()), None)

    def find_thumbnail(self, name: str) -> Path | None:
        """Its thumbnail, or None where there is none."""
        if not is_name(name):
            return None
        places = (_thumbnail(self.draft(name)), _thumbnail(self.path(name)))
        return next((path for path in places if path.is_file()), None)

    def delete(self, name: str) -> None:
        """Delete the file wherever it lies, and everything beside it, for good."""
        if not is_name(name):
            return
        path = self.path(name)
        # The drafts first: whoever moves the file meanwhile moves it before we look there.
        self.discard(name)
        _unlink(path, _thumbnail(path))
        with contextlib.suppress(OSError):
            # Only where nothing is left in it.
            path.parent.rmdir()

    def discard(self, name: str) -> None:
        """Delete whatever lies among the drafts under this name."""
        draft = self.draft(name)
        # The note last: with it, what a kill in between has left is known to be unfinished.
        _unlink(_thumbnail(draft), draft, self.recording(name), self.note(name))

    def forget_recording(self, name: str) -> None:
        """Delete what a clip was made of, now that it is kept."""
        _unlink(self.recording(name), self.note(name))

    def names_in_drafts(self) -> list[str]:
        """Names under which something lies among the drafts, oldest first."""
        found = (NAME.match(path.name) for path in self.drafts.iterdir())
        return sorted({match.group() for match in found if match is not None})

    def files(self) -> Iterator[Path]:
        """Yield every file that lies here, the drafts aside."""
        for path in sorted(self.root.rglob('*')):
            if path.is_file() and self.drafts not in path.parents:
                yield path

    def hold_reserve(self) -> None:
        """Take the reserve, if there is room and it is not taken."""
        reserve = self.drafts / RESERVE
        if reserve.exists():
            return
        with contextlib.suppress(OSError):
            descriptor = durable_files.create(reserve)
            try:
                os.posix_fallocate(descriptor, 0, RESERVE_BYTES)
            except OSError:
                reserve.unlink()
                raise
            finally:
                os.close(descriptor)

    def release_reserve(self) -> bool:
        """Give its room up for what must be written now. False: it was given up before."""
        try:
            (self.drafts / RESERVE).unlink()
        except FileNotFoundError:
            return False
        return True

    def free_bytes(self) -> int:
        """Room that is left on the disk."""
        state = os.statvfs(self.root)
        return state.f_bavail * state.f_frsize


def thumbnail_name(name: str) -> str:
    """Name of the thumbnail of a file."""
    return f'{name}{THUMBNAIL_ENDING}'


def _unlink(*paths: Path) -> None:
    """Delete those of these files of one folder that are there."""
    there = [path for path in paths if path.is_symlink() or path.exists()]
    for path in there:
        path.unlink(missing_ok=True)
    if there:
        durable_files.sync_folder(there[0].parent)


def _thumbnail(path: Path) -> Path:
    return path.with_name(thumbnail_name(path.name))


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(mode=FOLDER_MODE)
    except FileExistsError:
        return
    durable_files.sync_folder(folder.parent)
