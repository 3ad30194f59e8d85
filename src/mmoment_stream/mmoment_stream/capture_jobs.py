"""What people ask for, by a gesture or a call: photos, and clips from their begin to the library."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent import futures
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import replace
from typing import Protocol, cast

from mmoment_chain.media_records import MediaRecord
from mmoment_chain.media_signature import CLIP, PHOTO
from mmoment_stream.capture_parameters import PHOTO_FORMATS, CaptureParameters
from mmoment_stream.clip_summary import NS_PER_S
from mmoment_stream.errors import Refused
from mmoment_stream.media_draft import Origin
from mmoment_stream.media_maker import NS_PER_MS, ClipLength, MediaMaker, RunningClip
from mmoment_stream.photo_file import PhotoFormat
from mmoment_stream.photo_memory import KeptPicture
from mmoment_stream.recorder import ASKED, LIMIT

# overlay_node may have to begin to work for a photo.
PICTURE_PATIENCE_S = 3.0
# A photo that is farther from the moment that was meant is another one.
LARGEST_DISTANCE_NS = NS_PER_S
# Whoever stops a clip is told when it is kept; a slow disk has that long.
KEEP_PATIENCE_S = 20.0
LOOK_S = 0.25


class Pictures(Protocol):
    """Where photos come from."""

    def nearest(self, moment_ns: int, patience_s: float) -> KeptPicture | None:
        """The picture nearest to that moment; None: none came."""


class Announcer(Protocol):
    """Tells others what happened; waits for nobody."""

    def kept(self, record: MediaRecord, reason: str = '') -> None:
        """A photo or clip is there; `reason`: why a clip ended before it was to."""

    def started(self, clip: RunningClip) -> None:
        """A recording began."""

    def over(self) -> None:
        """A recording is over."""

    def failed(self, kind: str, origin: Origin, refusal: Refused) -> None:
        """Nothing came of a photo or clip."""


class CaptureJobs:
    """Each call does one job to its end, in the thread of its caller.

    pictures and video: by whether they have what the overlay draws. video: keeps packets coming
    while it is entered.
    """

    def __init__(
        self,
        maker: MediaMaker,
        pictures: Mapping[bool, Pictures],
        video: Mapping[bool, Callable[[], AbstractContextManager[None]]],
        announcer: Announcer,
        parameters: Callable[[], CaptureParameters],
    ) -> None:
        self._maker = maker
        self._pictures = pictures
        self._video = video
        self._announcer = announcer
        self._parameters = parameters

    @property
    def running(self) -> tuple[RunningClip, ...]:
        """Clips that are not kept yet."""
        return self._maker.running

    def photo(self, origin: Origin, moment_ns: int = 0, kind: str = '') -> MediaRecord:
        """Take a photo. moment_ns: CLOCK_MONOTONIC; 0: now. Raises Refused."""
        with self._telling(PHOTO, origin):
            record = self._photo(origin, moment_ns, kind)
        self._announcer.kept(record)
        return record

    def clip(
        self,
        origin: Origin,
        asked_ns: int,
        duration_s: float = 0.0,
        preroll_s: float = -1.0,
        look: Callable[[RunningClip], None] = lambda clip: None,
    ) -> MediaRecord:
        """Record a clip until it is over. duration_s: 0 for as long as clips may be; preroll_s: below
        0 for the usual. `look` is called now and then, and may end it. Raises Refused."""
        origin = replace(origin, annotated=self._parameters().clips_are_annotated)
        with self._telling(CLIP, origin), ExitStack() as video:
            video.enter_context(self._video[origin.annotated]())
            clip = self._begin(origin, asked_ns, duration_s, preroll_s)
            try:
                self._announcer.started(clip)
                # Whoever asked is told at once that it has begun.
                look(clip)
                while not clip.recording.wait(LOOK_S):
                    look(clip)
            finally:
                # Also if `look` raises: what is recorded is kept.
                clip.recording.end(ASKED)
                # Nobody needs packets while that is done.
                video.close()
                record = self._keep(clip)
        return record

    def stop(self, clips: Iterable[RunningClip]) -> list[MediaRecord]:
        """Have these be over; returns those that are kept then. Raises Refused if that is none."""
        stopping = list(clips)
        for clip in stopping:
            clip.recording.end(ASKED)
        outcomes = [clip.outcome for clip in stopping]
        done = futures.wait(outcomes, KEEP_PATIENCE_S).done
        kept = [each.result() for each in outcomes if each in done and not each.exception()]
        if kept:
            return kept
        for outcome in done:
            outcome.result()
        raise Refused('not_kept', 'The disk is slow: the clip is kept later')

    def end_clips_of(self, wallet: str) -> bool:
        """Have the clips of this person be over, also one that is about to begin; waits for nothing.

        Returns whether there were any.
        """
        return self._maker.end_clips_of(wallet)

    def keep_left(self) -> None:
        """Keep clips that could not be kept when they were over, such as on a disk that was full."""
        for record in self._maker.keep_left():
            self._announcer.kept(record)

    @contextmanager
    def _telling(self, kind: str, origin: Origin) -> Iterator[None]:
        try:
            yield
        except Refused as refusal:
            self._announcer.failed(kind, origin, refusal)
            raise

    def _keep(self, clip: RunningClip) -> MediaRecord:
        try:
            record = self._maker.keep_clip(clip)
        finally:
            self._announcer.over()
        reason = clip.recording.reason
        self._announcer.kept(record, '' if reason in (ASKED, LIMIT) else reason)
        return record

    def _photo(self, origin: Origin, moment_ns: int, kind: str) -> MediaRecord:
        parameters, now_ns = self._parameters(), time.monotonic_ns()
        kind = kind or parameters.photo_format
        if kind not in PHOTO_FORMATS:
            raise Refused('malformed', f'A photo is one of: {", ".join(PHOTO_FORMATS)}')
        is_now, moment_ns = not moment_ns, moment_ns or now_ns
        if moment_ns > now_ns + LARGEST_DISTANCE_NS:
            raise Refused('malformed', 'This moment is yet to come')
        picture = self._pictures[origin.annotated].nearest(moment_ns, PICTURE_PATIENCE_S)
        if picture is None or not picture.live:
            raise Refused('no_picture')
        distance_ns = picture.monotonic_ns - moment_ns
        if distance_ns < -LARGEST_DISTANCE_NS:
            # The camera hangs.
            raise Refused('no_picture')
        # Whoever asks for a photo now takes the next picture, however long it takes to come.
        if distance_ns > LARGEST_DISTANCE_NS and not is_now:
            raise Refused('too_old')
        return self._maker.photo(origin, picture, cast(PhotoFormat, kind), parameters.photo_quality)

    def _begin(
        self, origin: Origin, asked_ns: int, duration_s: float, preroll_s: float
    ) -> RunningClip:
        parameters = self._parameters()
        longest_s = parameters.clip_at_most_s
        if not (0.0 <= duration_s <= longest_s and preroll_s <= longest_s):
            raise Refused('malformed', f'A clip has at most {longest_s:g} seconds')
        length = ClipLength(
            parameters.preroll_s if preroll_s < 0 else preroll_s,
            duration_s or longest_s,
            longest_s,
        )
        return self._maker.begin_clip(origin, asked_ns, time.time_ns() // NS_PER_MS, length)
