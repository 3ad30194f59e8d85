"""One encoder from its opening to its end: packets with their times, keyframes when they are due."""

from __future__ import annotations

import secrets
from collections import OrderedDict
from dataclasses import dataclass, replace

from mmoment_node.rates import RateMeter
from mmoment_stream.encoder_backends import (
    RAISED_AT_MOST,
    TICKS_PER_S,
    AccessUnit,
    EncoderBackend,
    EncoderSettings,
)
from mmoment_stream.h264 import is_keyframe
from mmoment_stream.picture_planes import Planes
from mmoment_stream.video_packet import VideoPacket

NS_PER_S = 1_000_000_000
# Many who ask at once get one keyframe; whoever asks all the time cannot have nothing but those.
KEYFRAME_GAP_NS = 250_000_000
# A picture that comes this share of a period early is in time: cameras jitter.
EARLY_SHARE = 0.5
# How long pictures are counted before the bitrate is meant for the rate at which they come.
SETTLING_S = 2.0
RATE_TOLERANCE = 0.15


@dataclass(frozen=True, slots=True)
class Origin:
    """What a packet says of its picture; see `VideoPacket`."""

    monotonic_ns: int
    utc_ns: int
    frame_sequence: int
    live: bool


class EncoderRun:
    """Used by one thread, `request_keyframe` aside. Closes what it was given."""

    def __init__(self, backend: EncoderBackend, settings: EncoderSettings) -> None:
        self.backend = backend
        self.settings = settings
        self.epoch = secrets.randbits(63) | 1
        self._opened_fps = settings.fps
        self._highest_kbps = settings.bitrate_kbps * RAISED_AT_MOST
        self._aimed_kbps = float(settings.bitrate_kbps)
        self._rate = RateMeter()
        self._pending: OrderedDict[int, Origin] = OrderedDict()
        self._last_pts = -1
        self._sequence = 0
        self._began_ns = -1
        self._has_begun = False  # a keyframe has come out
        self._keyframe_ns = -1  # capture time of the last one; each encoder begins with one
        self._forced_pts: int | None = None  # of a picture that is to become one and is not out
        self._is_requested = False

    def request_keyframe(self) -> None:
        """Make the next picture a keyframe, as far as the encoder can; from any thread."""
        self._is_requested = True

    def adopt(self, settings: EncoderSettings) -> bool:
        """Go on with other settings; False if that takes another encoder."""
        if settings == self.settings:
            return True
        as_before = replace(
            settings,
            fps=self.settings.fps,
            bitrate_kbps=self.settings.bitrate_kbps,
            keyframe_interval_s=self.settings.keyframe_interval_s,
        )
        if as_before != self.settings or not self.backend.follows_changes:
            return False
        if not self.backend.change_bitrate(settings.bitrate_kbps):
            return False
        self._aimed_kbps = settings.bitrate_kbps
        self.settings = settings
        return True

    def encode(self, planes: Planes, origin: Origin) -> list[VideoPacket]:
        """The packets that come out for this picture, or for earlier ones. Raises `EncoderFault`."""
        if self._began_ns < 0:
            self._began_ns = self._keyframe_ns = origin.monotonic_ns
        elapsed_ns = origin.monotonic_ns - self._began_ns
        pts = max(elapsed_ns * TICKS_PER_S // NS_PER_S, self._last_pts + 1)
        self._last_pts = pts
        self._pending[pts] = origin
        self._follow_rate(elapsed_ns / NS_PER_S)
        is_forced = self.backend.forces_keyframes and self._is_keyframe_due(origin.monotonic_ns)
        if is_forced:
            self._forced_pts = pts
            self._is_requested = False
        units = self.backend.encode(planes, pts, force_keyframe=is_forced)
        packets = [self._packet(unit) for unit in units]
        return [packet for packet in packets if packet is not None]

    def close(self) -> None:
        """Release the encoder."""
        self.backend.close()

    def _is_keyframe_due(self, captured_ns: int) -> bool:
        if self._forced_pts is not None:
            return False
        since_ns = captured_ns - self._keyframe_ns
        if self._is_requested and since_ns >= KEYFRAME_GAP_NS:
            return True
        early_s = EARLY_SHARE / self._opened_fps
        return since_ns >= (self.settings.keyframe_interval_s - early_s) * NS_PER_S

    def _packet(self, unit: AccessUnit) -> VideoPacket | None:
        """The unit with what is known of its picture; None for one that nobody could decode."""
        origin = None
        while self._pending and origin is None:
            pts, candidate = self._pending.popitem(last=False)
            # What the encoder has swallowed never comes out.
            origin = candidate if pts >= unit.pts else None
        keyframe = is_keyframe(unit.data)
        if self._forced_pts is not None and unit.pts >= self._forced_pts:
            self._forced_pts = None
            self._is_requested = self._is_requested or not keyframe
        if origin is None or not (keyframe or self._has_begun):
            return None
        if keyframe:
            self._has_begun = True
            self._keyframe_ns = origin.monotonic_ns
        self._sequence += 1
        return VideoPacket(
            data=unit.data,
            monotonic_ns=origin.monotonic_ns,
            utc_ns=origin.utc_ns,
            sequence=self._sequence,
            frame_sequence=origin.frame_sequence,
            epoch=self.epoch,
            keyframe=keyframe,
            live=origin.live,
            width=self.settings.width,
            height=self.settings.height,
        )

    def _follow_rate(self, elapsed_s: float) -> None:
        """Encoders count pictures, not seconds: give each its share at the rate at which they come."""
        self._rate.tick(elapsed_s)
        hz = self._rate.hz(elapsed_s)
        if elapsed_s < SETTLING_S or hz <= 0 or not self.backend.follows_changes:
            return
        wanted_kbps = min(self.settings.bitrate_kbps * self._opened_fps / hz, self._highest_kbps)
        is_off = abs(wanted_kbps / self._aimed_kbps - 1.0) > RATE_TOLERANCE
        if is_off and self.backend.change_bitrate(wanted_kbps):
            self._aimed_kbps = wanted_kbps
