"""Which clips are being recorded, by what `capture_node` says once a second while there are any."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from mmoment_api.media_control import RunningClip

SILENT_AFTER_S = 3.0
# Between the answer to whoever began a clip and the list that has it.
NOTED_S = 2.0


class Recordings:
    """The clips that run, by the clock given (seconds, monotonic).

    The list that is heard is replaced as a whole by the thread that hears it; what is noted beside
    it belongs to the event loop.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._heard: tuple[float, tuple[RunningClip, ...]] = (0.0, ())
        self._noted: dict[str, tuple[float, RunningClip]] = {}

    def hear(self, clips: Sequence[RunningClip]) -> None:
        """Take the list of all that run."""
        self._heard = (self._clock(), tuple(clips))

    def has_gone_silent(self) -> bool:
        """Whether there were clips, and whoever records them has not said for long that they go on."""
        heard_s, clips = self._heard
        return bool(clips) and self._clock() - heard_s > SILENT_AFTER_S

    def note_started(self, clip: RunningClip) -> None:
        """Take a clip that has just begun, ahead of the list."""
        now_s = self._clock()
        self._noted = {key: item for key, item in self._noted.items() if item[0] > now_s}
        self._noted[clip.media_id] = (now_s + NOTED_S, clip)

    def note_stopped(self, media_id: str) -> None:
        """Take that a clip has just ended."""
        self._noted.pop(media_id, None)

    def running(self) -> tuple[RunningClip, ...]:
        """All that run now, as far as it is known."""
        heard = () if self.has_gone_silent() else self._heard[1]
        known = {clip.media_id for clip in heard}
        now_s = self._clock()
        noted = [clip for until_s, clip in self._noted.values() if until_s > now_s]
        return (*heard, *(clip for clip in noted if clip.media_id not in known))

    def of(self, identity: str) -> tuple[RunningClip, ...]:
        """Those of one wallet; an empty one is the owner of the camera."""
        return tuple(clip for clip in self.running() if clip.identity == identity)
