"""One connection of a push from its first picture to its end: times, epochs, congestion, slate."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from mmoment_stream import slate
from mmoment_stream.bitrate_control import BitrateControl
from mmoment_stream.h264 import ParameterSets, parameter_sets
from mmoment_stream.push_figures import PushFigures
from mmoment_stream.push_queue import NS_PER_S, PushQueue
from mmoment_stream.push_target import Cancelled, PushSink, VideoFormat
from mmoment_stream.slate import Slate
from mmoment_stream.video_packet import VideoPacket

NS_PER_MS = 1_000_000
# How long the end of a connection may stay unseen while nothing is sent.
STEP_S = 0.1
# A limit of the bitrate lapses after 5 s.
TELL_LIMIT_EVERY_S = 1.0
USUAL_SIZE = (1280, 720)
USUAL_FPS = 30.0


@dataclass(frozen=True, slots=True)
class PushVideo:
    """What a push gets its pictures from, and whom it tells what it needs; see StreamPush."""

    queue: PushQueue
    control: BitrateControl
    figures: PushFigures
    request_keyframe: Callable[[], None]
    limit: Callable[[int], None]
    slate_after_s: float
    keyframe_every_s: float
    clock: Callable[[], float]

    def format_of(self, keyframe: VideoPacket) -> VideoFormat | None:
        """What a decoder has to know before this keyframe; None: it does not say so itself."""
        sets = parameter_sets(keyframe.data)
        if sets is None:
            return None
        fps, kbps = self.queue.rates()
        return VideoFormat(keyframe.width, keyframe.height, sets, fps or USUAL_FPS, kbps)

    def format_now(self) -> VideoFormat:
        """Of the pictures that come; of the slate if none do. Raises PushError: no_video."""
        keyframe = self.queue.keyframe
        video = None if keyframe is None else self.format_of(keyframe)
        if video is not None and self.queue.silence_s < self.slate_after_s:
            return video
        width, height = (video.width, video.height) if video else USUAL_SIZE
        return Slate(width, height).format


class PushConnection:
    """Feeds one sink that is open. For one thread; the properties are for any."""

    def __init__(
        self,
        sink: PushSink,
        opened_for: VideoFormat,
        video: PushVideo,
        *,
        on_live: Callable[[], None],
        on_slate: Callable[[], None],
    ) -> None:
        """on_live: the first picture is sent. on_slate: `shows_slate` has changed."""
        self._sink = sink
        self._video = video
        self._clock = video.clock
        self._on_live = on_live
        self._on_slate = on_slate
        self._size = (opened_for.width, opened_for.height)
        # The epoch is not known yet, so the first keyframe is compared by its parameter sets.
        self._epoch: int | None = None
        self._sets = opened_for.sets
        self._origin_ns: int | None = None
        self._time_ms = -1
        self._sent_bytes = 0
        self._is_draining = False
        self._slate: Slate | None = None
        self._slate_due_s = 0.0
        self._video_s = self._clock() - self._starting_silence_s()
        self._asked_s = float('-inf')
        self._told_kbps, self._told_s = 0, 0.0
        self.queued_bytes = 0
        self.shows_slate = False

    def run(self, stopped: threading.Event) -> None:
        """Send until that event; raises PushError when the connection is lost, Cancelled if told."""
        video = self._video
        video.queue.begin()
        video.control.begin()
        try:
            while not stopped.is_set():
                self._step()
        finally:
            video.queue.end()
            if self._told_kbps:
                video.limit(0)
        raise Cancelled

    def _step(self) -> None:
        if self._video.queue.needs_keyframe:
            self._ask_for_keyframe()
        packet = self._next()
        if packet is None:
            self._sink.poll()
        elif self._has_room():
            self._send(packet)
        else:
            self._video.figures.dropped(1)
            self._sink.poll()
        self._regulate()

    def _ask_for_keyframe(self) -> None:
        now_s = self._clock()
        if now_s - self._asked_s >= self._video.keyframe_every_s:
            self._asked_s = now_s
            self._video.request_keyframe()

    def _next(self) -> VideoPacket | None:
        """The next picture of the camera, or of the slate if none came for long."""
        packet = self._video.queue.take(STEP_S)
        now_s = self._clock()
        if packet is not None:
            self._video_s = now_s
            self._slate = None
            return packet
        if now_s - self._video_s < self._video.slate_after_s:
            return None
        if self._slate is None:
            # What comes now refers to pictures that the slate has taken the place of.
            self._video.queue.skip()
            self._slate = Slate(*self._size)
            self._slate_due_s = now_s
        if now_s < self._slate_due_s:
            return None
        self._slate_due_s = max(self._slate_due_s + 1 / slate.FPS, now_s)
        return self._slate.packet(round(now_s * NS_PER_S), time.time_ns())

    def _has_room(self) -> bool:
        """Whether the network takes pictures; if not, none are sent until its queue is short."""
        control, queued_bytes = self._video.control, self._sink.queued_bytes()
        if self._is_draining and control.is_drained(queued_bytes):
            self._is_draining = False
            self._video.queue.skip()
            if self._slate is not None:
                self._slate.begin()
            # The picture at hand belongs to those that are left out.
            return False
        self._is_draining = self._is_draining or control.is_choked(queued_bytes)
        return not self._is_draining

    def _send(self, packet: VideoPacket) -> None:
        if packet.keyframe:
            self._follow(packet)
        self._sink.send(packet, self._due_ms(packet.monotonic_ns))
        size_bytes = len(packet.data)
        self._sent_bytes += size_bytes
        self._video.figures.sent(size_bytes, self._clock())
        self._tell_slate(not packet.live)
        if self._origin_ns == packet.monotonic_ns:
            self._on_live()

    def _follow(self, keyframe: VideoPacket) -> None:
        """Announce another epoch."""
        video = self._video.format_of(keyframe)
        sets: ParameterSets = self._sets if video is None else video.sets
        is_other = sets != self._sets or self._epoch not in (None, keyframe.epoch)
        self._epoch, self._sets = keyframe.epoch, sets
        self._size = (keyframe.width, keyframe.height)
        if is_other and video is not None:
            self._sink.change(video)

    def _due_ms(self, monotonic_ns: int) -> int:
        """Time since the first picture; more than that of the picture before."""
        if self._origin_ns is None:
            self._origin_ns = monotonic_ns
        self._time_ms = max(self._time_ms + 1, (monotonic_ns - self._origin_ns) // NS_PER_MS)
        return self._time_ms

    def _tell_slate(self, shows_slate: bool) -> None:
        if shows_slate != self.shows_slate:
            self.shows_slate = shows_slate
            self._on_slate()

    def _regulate(self) -> None:
        """Look at the network's queue, and say to the encoder how much it takes."""
        control, now_s = self._video.control, self._clock()
        self.queued_bytes = self._sink.queued_bytes()
        control.observe(self._sent_bytes, self.queued_bytes, self._video.queue.rates()[1])
        kbps = control.limit_kbps
        is_due = kbps and now_s - self._told_s >= TELL_LIMIT_EVERY_S
        if kbps != self._told_kbps or is_due:
            self._told_kbps, self._told_s = kbps, now_s
            self._video.limit(kbps)

    def _starting_silence_s(self) -> float:
        """How long no picture has come already, at most what makes the slate be shown at once."""
        return min(self._video.queue.silence_s, self._video.slate_after_s)
