"""One viewer of the encoder's packets: a short queue, and what is left out of it.

Who cannot keep up goes on at the next keyframe, which is asked for.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from mmoment_api.live_viewer import LiveViewer
from mmoment_api.live_wire import VideoPacket, video_start

# What waits longer for a viewer is old, and its link has no room for it.
QUEUE_S = 0.3
# From then on, a keyframe that comes anyway is a chance to be in time again.
LATE_S = 0.1
# Others pay for the keyframes that one asks for: who loses again and again waits longer each time,
# until it has kept up for a while.
ASK_FIRST_S = 0.5
ASK_LAST_S = 4.0
STEADY_S = 8.0


@dataclass(slots=True)
class VideoFigures:
    """What the video view does, since the start; counted in the event loop's thread only.

    skips: how often a viewer was too slow. asked: for keyframes.
    """

    viewers: int = 0
    packets: int = 0
    sent: int = 0
    dropped: int = 0
    skips: int = 0
    asked: int = 0
    timed_out: int = 0


@dataclass(frozen=True, slots=True)
class VideoMessage:
    """A packet with the message that is made of it once for all."""

    packet: VideoPacket
    data: bytes


class VideoViewer(LiveViewer['bytes | str']):
    """One viewer; all methods belong to the event loop's thread.

    asks_from_s: when a keyframe may be asked for on its behalf.
    """

    def __init__(
        self,
        annotated: bool,
        figures: VideoFigures,
        clock: Callable[[], float],
        ask: Callable[[], None],
    ) -> None:
        super().__init__()
        self.annotated = annotated
        self.needs_keyframe = True
        self.asks_from_s = float('-inf')
        self._ask_pause_s = 0.0
        self._figures = figures
        self._clock = clock
        self._ask = ask
        self._queue: deque[tuple[float, VideoMessage]] = deque()
        self._notice: str | None = None
        self._epoch: int | None = None

    def offer(self, message: VideoMessage) -> None:
        """Take the next packet of the channel, or skip it until there is a keyframe."""
        now_s = self._clock()
        waited_s = now_s - self._queue[0][0] if self._queue else 0.0
        if message.packet.keyframe:
            if waited_s > LATE_S:
                self._skip()
            self.needs_keyframe = False
        elif self.needs_keyframe:
            self._figures.dropped += 1
            return
        elif waited_s > QUEUE_S:
            self._figures.dropped += 1
            self.lose()
            return
        self._queue.append((now_s, message))
        self._wake()

    def catch_up(self, group: list[VideoMessage]) -> None:
        """Take everything since a keyframe."""
        now_s = self._clock()
        self.needs_keyframe = False
        self._queue.extend((now_s, message) for message in group)
        self._wake()

    def lose(self) -> None:
        """It cannot decode anything until the next keyframe, which is asked for."""
        if not self.needs_keyframe:
            self._back_off()
        self.break_off()
        self._ask()

    def break_off(self) -> None:
        """Nothing can be decoded until the next keyframe, through no fault of its own."""
        self._skip()
        self.needs_keyframe = True

    def notice(self, text: str) -> None:
        """Say this as soon as possible; only the newest counts."""
        self._notice = text
        self._wake()

    def _take(self) -> bytes | str | None:
        """The next message, if there is one: text, or a picture."""
        if self._queue:
            return self._next_of_queue()
        text, self._notice = self._notice, None
        return text

    def _next_of_queue(self) -> bytes | str:
        message = self._queue[0][1]
        if message.packet.epoch != self._epoch:
            self._epoch = message.packet.epoch
            return video_start(message.packet)
        self._queue.popleft()
        self._notice = None
        self._figures.sent += 1
        return message.data

    def _back_off(self) -> None:
        now_s = self._clock()
        if now_s - self.asks_from_s > STEADY_S:
            self._ask_pause_s = 0.0
        due_s = max(now_s, self.asks_from_s + self._ask_pause_s)
        self.asks_from_s = min(due_s, now_s + self._ask_pause_s)
        self._ask_pause_s = min(max(2 * self._ask_pause_s, ASK_FIRST_S), ASK_LAST_S)

    def _skip(self) -> None:
        self._figures.dropped += len(self._queue)
        self._figures.skips += 1
        self._queue.clear()
