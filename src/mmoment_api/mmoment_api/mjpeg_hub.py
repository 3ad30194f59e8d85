"""Shows the frame rings to any number of viewers: one encode per picture and size for all.

A channel (clean or annotated) is only read while somebody looks, and one thread per channel
encodes. Each viewer has room for one part, the newest; a slow one drops pictures and holds up
nobody. A channel that falls silent shows a picture that says so: the last one would look live.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

from mmoment_api.live_viewer import LiveViewer
from mmoment_api.mjpeg_encoder import Image, Part, Picture, encode_part
from mmoment_api.mjpeg_rungs import NS_PER_S, Pace, Rung
from mmoment_api.viewer_seats import ViewerSeats
from mmoment_camera.placeholder import paint_placeholder

# How long a channel's thread waits for a picture before it looks whether it should end.
PICTURE_WAIT_S = 0.25
# A page that is reloaded finds the channel still open.
LINGER_S = 2.0
# Longer than any camera of ours needs from one picture to the next, shorter than anybody would
# believe a picture that stands still.
SILENT_AFTER_S = 2.0
# The reason becomes clearer as time goes by; it is painted anew so often.
STAND_IN_PERIOD_S = 1.0
# Width and height where no picture has ever been seen.
STAND_IN_PX = (1280, 720)

_logger = logging.getLogger(__name__)


class PictureSource(Protocol):
    """Where a channel's pictures come from; used by one thread."""

    def newest(self, timeout_s: float) -> Picture | None:
        """The newest picture not yet taken, or None if none came in time."""

    def close(self) -> None:
        """Release it."""


@dataclass(slots=True)
class StandIn:
    """The picture of a channel that delivers none."""

    sequence: int
    monotonic_ns: int
    image: Image
    live: bool = False

    def intact(self) -> bool:
        """Nobody else writes to it."""
        return True


@dataclass(slots=True)
class LiveFigures:
    """What the live view does, since the start; counted in the event loop's thread only."""

    viewers: int = 0
    pictures: int = 0
    encodes: int = 0
    overwritten: int = 0
    sent: int = 0
    dropped: int = 0
    timed_out: int = 0


class Viewer(LiveViewer[Part]):
    """One viewer; all methods belong to the event loop's thread."""

    def __init__(self, rung: Rung, figures: LiveFigures) -> None:
        super().__init__()
        self.rung = rung
        self._figures = figures
        self._part: Part | None = None

    def offer(self, part: Part) -> None:
        """Take the newest part; one that was not sent yet is dropped."""
        if self._part is not None:
            self._figures.dropped += 1
        self._part = part
        self._wake()

    def _take(self) -> Part | None:
        """The newest part, if it was not sent yet."""
        part, self._part = self._part, None
        if part is not None:
            self._figures.sent += 1
        return part


class LiveHub:
    """The viewers and the channels they look at; all methods belong to the event loop's thread.

    open_source: makes the source of a channel, annotated or not. explain: why a channel delivers
    nothing, in a sentence for the picture that says so. Both are called in the channel's thread.
    """

    def __init__(
        self,
        open_source: Callable[[bool], PictureSource],
        viewers_at_most: int,
        quality: Callable[[], int],
        explain: Callable[[bool], str],
        linger_s: float = LINGER_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.open_source = open_source
        self.quality = quality
        self.explain = explain
        self.clock = clock
        self.seats = ViewerSeats(viewers_at_most)
        self._linger_s = linger_s
        self._viewers: set[Viewer] = set()
        self._channels: dict[bool, _Channel] = {}
        self.figures = LiveFigures()

    @property
    def viewers(self) -> frozenset[Viewer]:
        """Who looks at the moment."""
        return frozenset(self._viewers)

    def enter(self, rung: Rung) -> Viewer:
        """A new viewer, which gets the last part at once if there is one; `TooManyViewers`."""
        self.seats.take()
        viewer = Viewer(rung, self.figures)
        self._viewers.add(viewer)
        self.figures.viewers = len(self._viewers)
        channel = self._channels.get(rung.annotated)
        if channel is None:
            channel = _Channel(self, rung.annotated)
            self._channels[rung.annotated] = channel
        channel.enter(viewer)
        return viewer

    def leave(self, viewer: Viewer) -> None:
        """Forget a viewer; its channel ends a little later if nobody else looks."""
        if viewer not in self._viewers:
            return
        viewer.close()
        self._viewers.discard(viewer)
        self.seats.give_back()
        self.figures.viewers = len(self._viewers)
        channel = self._channels.get(viewer.rung.annotated)
        if channel is None:
            return
        channel.leave(viewer)
        if not channel.is_watched:
            asyncio.get_running_loop().call_later(self._linger_s, self._end_unwatched, channel)

    def close(self) -> None:
        """End all viewers and channels; their threads end by themselves."""
        for viewer in self._viewers:
            viewer.close()
        for channel in self._channels.values():
            channel.end()
        self._channels.clear()

    def join(self, timeout_s: float) -> None:
        """Wait for threads of channels that were ended; from any thread."""
        for thread in threading.enumerate():
            if isinstance(thread, _ChannelThread) and thread.hub is self:
                thread.join(timeout_s)

    def end_failed(self, channel: _Channel) -> None:
        """End the viewers of a channel whose thread has failed."""
        channel.close_viewers()
        if self._channels.get(channel.annotated) is channel:
            del self._channels[channel.annotated]

    def _end_unwatched(self, channel: _Channel) -> None:
        if not channel.is_watched and self._channels.get(channel.annotated) is channel:
            channel.end()
            del self._channels[channel.annotated]


class _ChannelThread(threading.Thread):
    """A thread that knows whose it is."""

    def __init__(self, hub: LiveHub, work: Callable[[], None], name: str) -> None:
        super().__init__(target=work, name=name, daemon=True)
        self.hub = hub


@dataclass(frozen=True, slots=True)
class _Encoded:
    """A part of one picture, the width it was made for, and the rates that it is due for."""

    part: Part
    width_px: int
    rates_fps: frozenset[int]


class _Channel:
    """One ring, read and encoded by one thread for all who look at it."""

    def __init__(self, hub: LiveHub, annotated: bool) -> None:
        self.annotated = annotated
        self._hub = hub
        self._viewers: dict[int, set[Viewer]] = {}
        self._newest: dict[int, Part] = {}
        self._ended = threading.Event()
        self._loop = asyncio.get_running_loop()
        # What the thread must encode: replaced as a whole, so that it needs no lock.
        self._wishes: tuple[tuple[int, frozenset[int]], ...] = ()
        # These belong to the thread.
        self._paces: dict[tuple[int, int], Pace] = {}
        self._sequence = 0
        self._size_px = STAND_IN_PX
        self._stand_in_due_s = 0.0
        name = 'live-annotated' if annotated else 'live-clean'
        _ChannelThread(hub, self._run, name).start()

    @property
    def is_watched(self) -> bool:
        return bool(self._viewers)

    def enter(self, viewer: Viewer) -> None:
        width_px = viewer.rung.width_px
        self._viewers.setdefault(width_px, set()).add(viewer)
        self._note_wishes()
        if width_px in self._newest:
            viewer.offer(self._newest[width_px])

    def leave(self, viewer: Viewer) -> None:
        width_px = viewer.rung.width_px
        viewers = self._viewers.get(width_px, set())
        viewers.discard(viewer)
        if not viewers:
            self._viewers.pop(width_px, None)
            # An old part must not greet the next viewer of this size.
            self._newest.pop(width_px, None)
        self._note_wishes()

    def end(self) -> None:
        self._ended.set()

    def close_viewers(self) -> None:
        for viewers in self._viewers.values():
            for viewer in viewers:
                viewer.close()

    def _note_wishes(self) -> None:
        self._wishes = tuple(
            (width_px, frozenset(viewer.rung.rate_fps for viewer in viewers))
            for width_px, viewers in self._viewers.items()
        )

    # --- in the channel's thread --------------------------------------------------------------

    def _run(self) -> None:
        try:
            self._read_to_end()
        except Exception:
            # Told here and ended: the next viewer tries again.
            _logger.exception('The live view of a frame ring has failed')
            self._in_loop(self._hub.end_failed, self)

    def _read_to_end(self) -> None:
        with contextlib.closing(self._hub.open_source(self.annotated)) as source:
            self._stand_in_due_s = self._hub.clock() + SILENT_AFTER_S
            while not self._ended.is_set():
                picture = source.newest(PICTURE_WAIT_S)
                if picture is not None or not self._wishes:
                    self._stand_in_due_s = self._hub.clock() + SILENT_AFTER_S
                if picture is not None and self._wishes:
                    self._show(picture)
                elif self._hub.clock() >= self._stand_in_due_s:
                    self._stand_in_due_s = self._hub.clock() + STAND_IN_PERIOD_S
                    self._show_stand_in()

    def _show(self, picture: Picture) -> None:
        self._sequence = picture.sequence
        self._size_px = (picture.image.shape[1], picture.image.shape[0])
        due: list[tuple[int, frozenset[int]]] = []
        for width_px, rates_fps in self._wishes:
            # Every pace is asked for every picture: each has its own schedule.
            now = frozenset(
                rate
                for rate in rates_fps
                if self._paces.setdefault((width_px, rate), Pace(rate)).is_due(picture.monotonic_ns)
            )
            if now:
                due.append((width_px, now))
        encoded = self._encode(picture, due)
        # Together, so that their ratio is right whenever somebody looks.
        self._in_loop(self._count, len(encoded), len(encoded) < len(due))
        self._in_loop(self._deliver, encoded)

    def _show_stand_in(self) -> None:
        now_ns = int(self._hub.clock() * NS_PER_S)
        image = paint_placeholder(*self._size_px, [self._hub.explain(self.annotated)])
        stand_in = StandIn(self._sequence, now_ns, image)
        # Whoever wants few pictures wants this one all the same.
        self._in_loop(self._deliver, self._encode(stand_in, self._wishes))

    def _encode(
        self, picture: Picture, wishes: Iterable[tuple[int, frozenset[int]]]
    ) -> list[_Encoded]:
        """Parts for these wishes; fewer if the picture was overwritten meanwhile."""
        encoded: list[_Encoded] = []
        for width_px, rates_fps in wishes:
            part = encode_part(picture, width_px, self._hub.quality())
            if part is None:
                break
            encoded.append(_Encoded(part, width_px, rates_fps))
        return encoded

    def _in_loop(self, call: Callable[..., object], *arguments: object) -> None:
        # The loop may have closed just now, and then nobody waits for anything.
        if not self._ended.is_set():
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(call, *arguments)

    # --- in the loop's thread -----------------------------------------------------------------

    def _count(self, encodes: int, was_overwritten: bool) -> None:
        figures = self._hub.figures
        figures.pictures += 1
        figures.encodes += encodes
        figures.overwritten += was_overwritten

    def _deliver(self, encoded: list[_Encoded]) -> None:
        for item in encoded:
            viewers = self._viewers.get(item.width_px)
            if viewers:
                self._newest[item.width_px] = item.part
                for viewer in viewers:
                    if viewer.rung.rate_fps in item.rates_fps:
                        viewer.offer(item.part)
