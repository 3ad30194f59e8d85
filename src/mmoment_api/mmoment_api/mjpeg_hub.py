"""Shows the frame rings to any number of viewers: one encode per picture and size for all.

A channel (clean or annotated) is only read while somebody looks, and one thread per channel
encodes. Each viewer has room for one part, the newest; a slow one drops pictures and holds up
nobody. Time is the caller's clock, so that tests need not wait.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from mmoment_api.mjpeg_encoder import Part, Picture, encode_part
from mmoment_api.mjpeg_rungs import Pace, Rung

# How long a channel's thread waits for a picture before it looks whether it should end.
PICTURE_WAIT_S = 0.25
# A page that is reloaded finds the channel still open.
LINGER_S = 2.0


_logger = logging.getLogger(__name__)


class PictureSource(Protocol):
    """Where a channel's pictures come from; used by one thread."""

    def newest(self, timeout_s: float) -> Picture | None:
        """The newest picture not yet taken, or None if none came in time."""

    def close(self) -> None:
        """Release it."""


class TooManyViewers(Exception):
    """There is no room for one more viewer."""


@dataclass(slots=True)
class LiveFigures:
    """What the live view does, since the start."""

    viewers: int = 0
    pictures: int = 0
    encodes: int = 0
    overwritten: int = 0
    sent: int = 0
    dropped: int = 0
    timed_out: int = 0


class Viewer:
    """One viewer; all methods belong to the event loop's thread.

    sending_since_s is for the watchdog: when the part now on its way was handed to the transport.
    """

    def __init__(self, rung: Rung, figures: LiveFigures) -> None:
        self.rung = rung
        self.sending_since_s: float | None = None
        # How to end a connection that takes nothing any more; whoever serves the viewer knows.
        self.abandon: Callable[[], object] = self.close
        # Asked now and then: a session may end while its stream runs.
        self.is_welcome: Callable[[], bool] = lambda: True
        self.is_closed = False
        self._figures = figures
        self._pace = Pace(rung.rate_fps)
        self._part: Part | None = None
        self._waiter: asyncio.Future[None] | None = None

    def offer(self, part: Part) -> None:
        """Take the newest part; one that was not sent yet is dropped."""
        if not self._pace.is_due(part.monotonic_ns):
            return
        if self._part is not None:
            self._figures.dropped += 1
        self._part = part
        self._wake()

    def close(self) -> None:
        """Let `next` return None from now on."""
        self.is_closed = True
        self._wake()

    async def next(self) -> Part | None:
        """The newest part that was not sent yet; None after `close`."""
        while not self.is_closed:
            if self._part is not None:
                part, self._part = self._part, None
                self._figures.sent += 1
                return part
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        return None

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


class LiveHub:
    """The viewers and the channels they look at; all methods belong to the event loop's thread.

    open_source: makes the source of a channel, annotated or not; called in the channel's thread.
    """

    def __init__(
        self,
        open_source: Callable[[bool], PictureSource],
        viewers_at_most: int,
        quality: Callable[[], int],
        linger_s: float = LINGER_S,
    ) -> None:
        self._open_source = open_source
        self._viewers_at_most = viewers_at_most
        self._quality = quality
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
        if len(self._viewers) >= self._viewers_at_most:
            raise TooManyViewers
        viewer = Viewer(rung, self.figures)
        self._viewers.add(viewer)
        self.figures.viewers = len(self._viewers)
        channel = self._channels.get(rung.annotated)
        if channel is None:
            channel = _Channel(self, rung.annotated, self._open_source, self._quality)
            self._channels[rung.annotated] = channel
        channel.enter(viewer)
        return viewer

    def leave(self, viewer: Viewer) -> None:
        """Forget a viewer; its channel ends a little later if nobody else looks."""
        if viewer not in self._viewers:
            return
        viewer.close()
        self._viewers.discard(viewer)
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


class _Channel:
    """One ring, read and encoded by one thread for all who look at it."""

    def __init__(
        self,
        hub: LiveHub,
        annotated: bool,
        open_source: Callable[[bool], PictureSource],
        quality: Callable[[], int],
    ) -> None:
        self.annotated = annotated
        self._hub = hub
        self._figures = hub.figures
        self._open_source = open_source
        self._quality = quality
        self._viewers: dict[int, set[Viewer]] = {}
        self._newest: dict[int, Part] = {}
        self._ended = threading.Event()
        self._loop = asyncio.get_running_loop()
        # What the thread must encode: replaced as a whole, so that it needs no lock.
        self._wishes: tuple[tuple[int, frozenset[int]], ...] = ()
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
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._hub.end_failed, self)

    def _read_to_end(self) -> None:
        with contextlib.closing(self._open_source(self.annotated)) as source:
            paces: dict[tuple[int, int], Pace] = {}
            while not self._ended.is_set():
                picture = source.newest(PICTURE_WAIT_S)
                if picture is None or not self._wishes:
                    continue
                parts = self._encode(picture, paces)
                if parts and not self._ended.is_set():
                    # The loop may close between the check and the call.
                    with contextlib.suppress(RuntimeError):
                        self._loop.call_soon_threadsafe(self._deliver, parts)

    def _encode(
        self, picture: Picture, paces: dict[tuple[int, int], Pace]
    ) -> list[tuple[int, Part]]:
        parts: list[tuple[int, Part]] = []
        for width_px, rates_fps in self._wishes:
            # Every pace is asked for every picture: each has its own grid of time.
            due = [
                paces.setdefault((width_px, rate), Pace(rate)).is_due(picture.monotonic_ns)
                for rate in rates_fps
            ]
            if not any(due):
                continue
            part = encode_part(picture, width_px, self._quality())
            if part is None:
                self._figures.overwritten += 1
                break
            parts.append((width_px, part))
        # Together, so that their ratio is right whenever somebody looks.
        self._figures.pictures += 1
        self._figures.encodes += len(parts)
        return parts

    # --- in the loop's thread -----------------------------------------------------------------

    def _deliver(self, parts: list[tuple[int, Part]]) -> None:
        for width_px, part in parts:
            viewers = self._viewers.get(width_px)
            if viewers:
                self._newest[width_px] = part
                for viewer in viewers:
                    viewer.offer(part)
