"""Makes photos and clips of what the camera sees, and puts them into the library of their owners."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field

from mmoment_chain.media_records import MediaRecord
from mmoment_stream.clip_finish import NothingPlayable, finish_clip
from mmoment_stream.clip_summary import NS_PER_S, ClipSummary
from mmoment_stream.errors import Refused
from mmoment_stream.media_draft import ClipDraft, Origin
from mmoment_stream.media_intake import ClipLook, new_media_id
from mmoment_stream.media_library import MediaLibrary
from mmoment_stream.people_seen import PeopleSeen
from mmoment_stream.photo_file import (
    NoThumbnail,
    PhotoFormat,
    PhotoStamp,
    clip_thumbnail,
    encode_photo,
    picture_thumbnail,
)
from mmoment_stream.photo_memory import KeptPicture
from mmoment_stream.recorder import ASKED, ClipWish, Recorder, Recording

NS_PER_MS = 1_000_000
MIME_TYPES = {'jpeg': 'image/jpeg', 'webp': 'image/webp'}
MODEL, SOFTWARE = 'Mmoment camera', 'Mmoment 0.1.0'
# A face is named a moment before or after a picture is taken.
AROUND_A_PHOTO_NS = NS_PER_S // 2
# The encoder begins as soon as somebody needs packets; a process may have to start first.
VIDEO_PATIENCE_S = 4.0
FORGOTTEN = 'The person whose this would be was forgotten meanwhile'
LATER = 'The disk is slow: the clip is kept later'

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ClipLength:
    """How long a clip is to be, in seconds."""

    preroll_s: float  # before it was asked for
    duration_s: float  # after that
    longest_s: float  # in all


@dataclass(slots=True)
class RunningClip:
    """A clip that is being recorded, and what comes of it."""

    draft: ClipDraft
    recording: Recording
    outcome: Future[MediaRecord] = field(default_factory=Future)

    @property
    def media_id(self) -> str:
        """Its id, from the begin."""
        return self.draft.media_id

    @property
    def origin(self) -> Origin:
        """Whose it is."""
        return self.draft.origin


@dataclass(frozen=True, slots=True)
class _Left:
    """A clip that is over and not kept yet; `recording`: its file may not be closed."""

    draft: ClipDraft
    recording: Recording | None


class MediaMaker:
    """Takes photos and records clips. Safe to use from several threads.

    recorders: by whether their video has what the overlay draws. seen: whose faces were named.
    camera_id: as the device signs itself.
    """

    def __init__(
        self,
        library: MediaLibrary,
        recorders: Mapping[bool, Recorder],
        seen: PeopleSeen,
        camera_id: str,
    ) -> None:
        self._library = library
        self._recorders = recorders
        self._seen = seen
        self._camera_id = camera_id
        self._lock = threading.Lock()
        self._beginning: dict[str, str | None] = {}  # wallets by media id
        self._running: dict[str, RunningClip] = {}
        self._left: list[_Left] = []

    def photo(
        self, origin: Origin, picture: KeptPicture, kind: PhotoFormat, quality: int
    ) -> MediaRecord:
        """Keep a picture as a photo, durably. Raises Refused."""
        media_id = new_media_id()
        stamp = PhotoStamp(picture.utc_ns, self._camera_id, media_id, MODEL, SOFTWARE)
        at_ns = picture.monotonic_ns
        height, width = picture.image.shape[:2]
        return self._library.keep_photo(
            origin,
            encode_photo(picture.image, stamp, kind, quality),
            media_id=media_id,
            mime_type=MIME_TYPES[kind],
            started_ms=picture.utc_ns // NS_PER_MS,
            width=width,
            height=height,
            thumbnail=picture_thumbnail(picture.image),
            people=self._seen.between(at_ns - AROUND_A_PHOTO_NS, at_ns + AROUND_A_PHOTO_NS),
        )

    def begin_clip(
        self, origin: Origin, asked_ns: int, now_ms: int, length: ClipLength
    ) -> RunningClip:
        """Record from now on. asked_ns: CLOCK_MONOTONIC; now_ms: since 1970. Raises Refused."""
        draft = self._library.begin_clip(origin, now_ms - round(length.preroll_s * 1000))
        wish = ClipWish(
            draft.media_id,
            draft.recording,
            asked_ns,
            length.preroll_s,
            length.duration_s,
            length.longest_s,
        )
        with self._lock:
            self._beginning[draft.media_id] = origin.wallet
        try:
            recorder = self._recorders[origin.annotated]
            clip = RunningClip(draft, recorder.begin(wish, VIDEO_PATIENCE_S))
        except BaseException:
            with self._lock:
                self._beginning.pop(draft.media_id, None)
            self._library.discard_clip(draft)
            raise
        with self._lock:
            is_wanted = draft.media_id in self._beginning
            self._beginning.pop(draft.media_id, None)
            self._running[clip.media_id] = clip
        if not is_wanted:
            clip.recording.end(ASKED)
        return clip

    def end_clips_of(self, wallet: str) -> bool:
        """Have what is recorded of this person be over, also what is about to begin.

        Returns whether there was something.
        """
        with self._lock:
            beginning = [each for each, owner in self._beginning.items() if owner == wallet]
            for media_id in beginning:
                del self._beginning[media_id]
            own = [clip for clip in self._running.values() if clip.origin.wallet == wallet]
        taking = [clip for clip in own if not clip.recording.is_over]
        for clip in taking:
            clip.recording.end(ASKED)
        return bool(beginning or taking)

    def keep_clip(self, clip: RunningClip) -> MediaRecord:
        """Keep a clip that is over, durably; whoever waits for `outcome` is told. Raises Refused."""
        try:
            record = self._kept(clip)
        except BaseException as error:
            self._let_go(clip)
            clip.outcome.set_exception(error)
            raise
        # Whoever is told that it is kept does not find it running.
        self._let_go(clip)
        clip.outcome.set_result(record)
        return record

    def keep_left(self) -> list[MediaRecord]:
        """Keep clips that were over and could not be kept then; returns those that now are."""
        with self._lock:
            left, self._left = self._left, []
        kept = []
        for each in left:
            try:
                kept.append(self._whole(each.draft, each.recording))
            except Refused as refusal:
                _logger.info('%s: %s', each.draft.name, refusal)
        return kept

    @property
    def running(self) -> tuple[RunningClip, ...]:
        """Clips that are not kept yet."""
        with self._lock:
            return tuple(self._running.values())

    def salvage(self, draft: ClipDraft) -> ClipLook | None:
        """Make a whole clip of what a killed process has left. See `media_recovery`."""
        if not (draft.recording.exists() or draft.path.exists()):
            # Killed before there was anything.
            return None
        try:
            return self._look(draft, finish_clip(draft.recording, draft.path), ())
        except NothingPlayable:
            return None

    def _kept(self, clip: RunningClip) -> MediaRecord:
        return self._whole(clip.draft, clip.recording)

    def _closed(self, draft: ClipDraft, recording: Recording) -> None:
        """Have the file written to its end. Raises Refused."""
        try:
            recording.finish()
        except Refused as refusal:
            if isinstance(refusal.__cause__, TimeoutError):
                # The disk hangs, and all of the clip is still to come.
                self._keep_later(draft, recording)
                raise Refused('not_kept', LATER) from refusal.__cause__
            if not recording.packets:
                # Nothing was written, so that nothing would be found at the next start either.
                self._library.discard_clip(draft)
            raise

    def _keep_later(self, draft: ClipDraft, recording: Recording | None) -> None:
        with self._lock:
            self._left.append(_Left(draft, recording))

    def _whole(self, draft: ClipDraft, recording: Recording | None) -> MediaRecord:
        """Make a whole clip of what was recorded, and keep it. Raises Refused.

        recording: whose file may not be closed yet.
        """
        if recording is not None:
            self._closed(draft, recording)
        if not self._is_wanted(draft):
            self._library.discard_clip(draft)
            raise Refused('not_kept', FORGOTTEN)
        try:
            summary = finish_clip(draft.recording, draft.path)
            people = self._seen.between(summary.first_monotonic_ns, summary.last_monotonic_ns)
            return self._library.keep_clip(draft, self._look(draft, summary, people))
        except NothingPlayable:
            self._library.discard_clip(draft)
            raise Refused('not_kept') from None
        except Refused:
            if self._is_wanted(draft):
                self._keep_later(draft, None)
            raise

    def _is_wanted(self, draft: ClipDraft) -> bool:
        """False: whose it was to be was erased meanwhile."""
        try:
            return self._library.folder.note(draft.name).exists()
        except OSError:
            # Nobody can tell, so it stays for another try.
            return True

    def _let_go(self, clip: RunningClip) -> None:
        with self._lock:
            self._running.pop(clip.media_id, None)
        self._recorders[clip.origin.annotated].let_go(clip.media_id)

    def _look(self, draft: ClipDraft, summary: ClipSummary, people: tuple[str, ...]) -> ClipLook:
        try:
            thumbnail = clip_thumbnail(draft.path)
        except (NoThumbnail, OSError) as error:
            _logger.warning('%s has no thumbnail: %s', draft.name, error)
            thumbnail = b''
        return ClipLook(
            started_ms=summary.first_utc_ns // NS_PER_MS,
            duration_ms=round(summary.duration_s * 1000),
            width=summary.width,
            height=summary.height,
            thumbnail=thumbnail,
            people=people,
        )
