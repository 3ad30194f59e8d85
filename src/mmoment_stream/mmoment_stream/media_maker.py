"""Makes photos and clips of what the camera sees, and puts them into the library of their owners."""

from __future__ import annotations

import logging
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
from mmoment_stream.recorder import ClipWish, Recorder, Recording

NS_PER_MS = 1_000_000
MIME_TYPES = {'jpeg': 'image/jpeg', 'webp': 'image/webp'}
MODEL, SOFTWARE = 'Mmoment camera', 'Mmoment 0.1.0'
# A face is named a moment before or after a picture is taken.
AROUND_A_PHOTO_NS = NS_PER_S // 2
# The encoder begins as soon as somebody needs packets; a process may have to start first.
VIDEO_PATIENCE_S = 4.0

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


class MediaMaker:
    """Takes photos and records clips. Safe to use from several threads.

    seen: whose faces were named. camera_id: as the device signs itself.
    """

    def __init__(
        self, library: MediaLibrary, recorder: Recorder, seen: PeopleSeen, camera_id: str
    ) -> None:
        self._library = library
        self._recorder = recorder
        self._seen = seen
        self._camera_id = camera_id
        self._running: dict[str, RunningClip] = {}

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
        try:
            recording = self._recorder.begin(wish, VIDEO_PATIENCE_S)
        except BaseException:
            self._library.discard_clip(draft)
            raise
        clip = RunningClip(draft, recording)
        self._running[clip.media_id] = clip
        return clip

    def keep_clip(self, clip: RunningClip) -> MediaRecord:
        """Keep a clip that is over, durably; whoever waits for `outcome` is told. Raises Refused."""
        try:
            record = self._kept(clip)
        except BaseException as error:
            clip.outcome.set_exception(error)
            raise
        else:
            clip.outcome.set_result(record)
            return record
        finally:
            self._running.pop(clip.media_id, None)
            self._recorder.let_go(clip.media_id)

    @property
    def running(self) -> tuple[RunningClip, ...]:
        """Clips that are not kept yet."""
        return tuple(self._running.values())

    def salvage(self, draft: ClipDraft) -> ClipLook | None:
        """Make a whole clip of what a killed process has left. See `media_recovery`."""
        try:
            return self._look(draft, finish_clip(draft.recording, draft.path), ())
        except (NothingPlayable, FileNotFoundError):
            return None

    def _kept(self, clip: RunningClip) -> MediaRecord:
        draft = clip.draft
        try:
            clip.recording.finish()
        except Refused:
            if not clip.recording.packets:
                # Nothing was written, so that nothing would be found at the next start either.
                self._library.discard_clip(draft)
            raise
        try:
            summary = finish_clip(draft.recording, draft.path)
        except NothingPlayable:
            self._library.discard_clip(draft)
            raise Refused('not_kept') from None
        people = self._seen.between(summary.first_monotonic_ns, summary.last_monotonic_ns)
        return self._library.keep_clip(draft, self._look(draft, summary, people))

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
