"""One target that is pushed to for as long as it is wanted: connects, sends, and never gives up."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from mmoment_node.recovery import BackOff
from mmoment_stream.push_figures import PushFigures
from mmoment_stream.push_report import PushReport
from mmoment_stream.push_target import Ingest, PushSink, PushTarget, StreamProvider
from mmoment_stream.video_packet import VideoPacket

MakeSink = Callable[[Ingest], PushSink]
"""A new sink for one attempt; raises PushError, bad_address if there is none. See push_sinks."""


@dataclass(frozen=True, slots=True)
class PushLimits:
    """Times of one push, in seconds."""

    slate_after_s: float = 2.0  # without packets, while connected
    first_video_s: float = 3.0  # for the very first packet, before the slate is pushed
    keyframe_every_s: float = 0.5  # between two requests
    look_again_s: float = 3.0  # at a configuration that could not be used
    lasting_s: float = 10.0  # of being live, after which pauses start small again
    health_s: float = 12.0  # between two questions to the provider


class StreamPush:
    """Pushes to one target. `run` is for one thread, and once; all else is for any thread.

    States are those of `Recovery`. FAILED means that a person must mend the configuration; the push
    looks every few seconds whether that has been done, and goes on by itself.
    """

    def __init__(
        self,
        target: PushTarget,
        provider: StreamProvider,
        make_sink: MakeSink,
        *,
        request_keyframe: Callable[[], None],
        limit: Callable[[int], None],
        on_change: Callable[[], None] = lambda: None,
        figures: PushFigures | None = None,
        back_off: BackOff | None = None,
        limits: PushLimits | None = None,
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        """None of the callbacks may block; they are called from threads of the push.

        request_keyframe: asks the encoder for one; called again until one comes.
        limit: the most this network takes, in kbit/s, 0: no limit any more. Called at each change,
            and once a second while there is a limit.
        on_change: `report` tells of another state, slate or health; not called for mere figures.
        figures: of an earlier push to this target, to go on counting.
        clock: that of the packets, CLOCK_MONOTONIC, in seconds.
        """

    def run(self) -> None:
        """Push until `stop`. Closes the provider at the end."""

    def offer(self, packet: VideoPacket) -> None:
        """Here is the next picture; never blocks, in no state of the push."""

    def stop(self) -> None:
        """End `run` at once, whatever it is doing; for good."""

    def refresh(self) -> None:
        """Ask the provider now how the stream is doing; returns before it has answered."""

    def report(self) -> PushReport:
        """The present state."""
        raise NotImplementedError
