"""Hands the packets of the encoder to any number of viewers; nothing is encoded for any of them.

Each viewer has a short queue of its own. Who cannot keep up goes on at the next keyframe, which is
asked for, and holds up nobody. A new viewer gets what came since the last keyframe if that is
little, else the encoder is asked for a keyframe.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from functools import partial
from typing import Protocol

from mmoment_api.live_wire import VideoPacket, silent, video_message
from mmoment_api.video_viewer import VideoFigures, VideoMessage, VideoViewer
from mmoment_api.viewer_seats import ViewerSeats

# A page that is reloaded finds the channel still open.
LINGER_S = 2.0
# Longer than any camera of ours needs from one picture to the next.
SILENT_AFTER_S = 2.0
# Decoding so much to catch up takes less than a keyframe takes to come.
CATCH_UP_PACKETS = 15
CATCH_UP_BYTES = 256 * 1024
# An encoder that makes no keyframe when asked would otherwise keep a new viewer for seconds.
KEYFRAME_WAIT_S = 0.2
# A keyframe takes the room of several other packets, from all viewers.
ASK_PERIOD_S = 0.5
GROUP_AT_MOST_BYTES = 4 * 1024 * 1024


class VideoSource(Protocol):
    """Where the packets of a channel, annotated or not, come from; nothing waits."""

    def open(self, annotated: bool) -> None:
        """Let them come."""

    def close(self, annotated: bool) -> None:
        """Let them come no more."""

    def request_keyframe(self, annotated: bool) -> None:
        """Ask for one, to come soon."""


class VideoHub:
    """The viewers and their channels; but for `hear`, all belongs to the event loop's thread.

    explain: the part to blame while a channel delivers nothing, and why, in a sentence.
    """

    def __init__(
        self,
        source: VideoSource,
        seats: ViewerSeats,
        explain: Callable[[], tuple[str, str]],
        linger_s: float = LINGER_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.source = source
        self.clock = clock
        self.figures = VideoFigures()
        self._seats = seats
        self._explain = explain
        self._linger_s = linger_s
        self._loop: asyncio.AbstractEventLoop | None = None
        self._viewers: set[VideoViewer] = set()
        self._channels: dict[bool, _Channel] = {}

    @property
    def viewers(self) -> frozenset[VideoViewer]:
        """Who looks at the moment."""
        return frozenset(self._viewers)

    def enter(self, annotated: bool) -> VideoViewer:
        """A new viewer; raises `TooManyViewers`."""
        viewer = self.reserve(annotated)
        self.begin(viewer)
        return viewer

    def reserve(self, annotated: bool) -> VideoViewer:
        """One that has a seat and gets nothing before `begin`; raises `TooManyViewers`."""
        self._seats.take()
        self._loop = asyncio.get_running_loop()
        viewer = VideoViewer(annotated, self.figures, self.clock, partial(self._ask, annotated))
        self._viewers.add(viewer)
        self.figures.viewers = len(self._viewers)
        return viewer

    def begin(self, viewer: VideoViewer) -> None:
        """Let pictures come for it."""
        if viewer not in self._viewers:
            return
        channel = self._channels.get(viewer.annotated)
        if channel is None:
            channel = self._channels[viewer.annotated] = _Channel(self, viewer.annotated)
            self.source.open(viewer.annotated)
        channel.enter(viewer)

    def leave(self, viewer: VideoViewer) -> None:
        """Forget a viewer; its channel ends a little later if nobody else looks."""
        if viewer not in self._viewers:
            return
        viewer.close()
        self._viewers.discard(viewer)
        self._seats.give_back()
        self.figures.viewers = len(self._viewers)
        channel = self._channels.get(viewer.annotated)
        if channel is not None:
            channel.viewers.discard(viewer)
            if not channel.viewers:
                loop = asyncio.get_running_loop()
                loop.call_later(self._linger_s, self._end_unwatched, channel)

    def hear(self, annotated: bool, packet: VideoPacket) -> None:
        """Take a packet of a channel; from any thread."""
        loop = self._loop
        if loop is not None:
            message = VideoMessage(packet, video_message(packet))
            # The loop may have closed just now, and then nobody waits for anything.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(self._take, annotated, message)

    def hold_back(self, annotated: bool) -> None:
        """Note that a packet may not be shown, and none before it any more; from any thread."""
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._forget, annotated)

    def look_after(self) -> None:
        """Tell viewers that nothing comes, ask again for keyframes; to be called once a second."""
        for channel in self._channels.values():
            channel.look_after(self._explain)

    def close(self) -> None:
        """End all viewers and channels."""
        for viewer in self._viewers:
            viewer.close()
        for annotated in self._channels:
            self.source.close(annotated)
        self._channels.clear()

    def _ask(self, annotated: bool) -> None:
        channel = self._channels.get(annotated)
        if channel is not None:
            channel.ask()

    def _take(self, annotated: bool, message: VideoMessage) -> None:
        channel = self._channels.get(annotated)
        if channel is not None:
            self.figures.packets += 1
            channel.take(message)

    def _forget(self, annotated: bool) -> None:
        channel = self._channels.get(annotated)
        if channel is not None:
            channel.forget()

    def _end_unwatched(self, channel: _Channel) -> None:
        if not channel.viewers and self._channels.get(channel.annotated) is channel:
            del self._channels[channel.annotated]
            self.source.close(channel.annotated)


class _Channel:
    """What came since the last keyframe, and who looks."""

    def __init__(self, hub: VideoHub, annotated: bool) -> None:
        self.annotated = annotated
        self.viewers: set[VideoViewer] = set()
        self._hub = hub
        self._group: list[VideoMessage] = []
        self._group_bytes = 0
        self._heard_s = hub.clock()
        self._asked_s = float('-inf')
        self._later: asyncio.TimerHandle | None = None

    def enter(self, viewer: VideoViewer) -> None:
        self.viewers.add(viewer)
        if not self._group:
            # A source that was just opened begins with a keyframe by itself.
            return
        if len(self._group) <= CATCH_UP_PACKETS and self._group_bytes <= CATCH_UP_BYTES:
            viewer.catch_up(self._group)
            return
        self.ask()
        asyncio.get_running_loop().call_later(KEYFRAME_WAIT_S, self._serve, viewer)

    def take(self, message: VideoMessage) -> None:
        self._heard_s = self._hub.clock()
        packet = message.packet
        if packet.keyframe:
            self.forget()
        elif not self._follows(packet):
            self.forget()
            for viewer in self.viewers:
                if not viewer.needs_keyframe:
                    viewer.break_off()
            self.ask()
            return
        self._group.append(message)
        self._group_bytes += len(message.data)
        for viewer in self.viewers:
            viewer.offer(message)
        if self._group_bytes > GROUP_AT_MOST_BYTES:
            # Nobody could catch up with it; the sequence goes on for those who have it.
            self._group = [message]

    def ask(self) -> None:
        """Ask for the keyframe that somebody needs, as soon as one of those may have it."""
        due_s = [viewer.asks_from_s for viewer in self.viewers if viewer.needs_keyframe]
        if not due_s:
            return
        if self._later is not None:
            self._later.cancel()
            self._later = None
        wait_s = max(self._asked_s + ASK_PERIOD_S, min(due_s)) - self._hub.clock()
        if wait_s <= 0:
            self._asked_s = self._hub.clock()
            self._hub.figures.asked += 1
            self._hub.source.request_keyframe(self.annotated)
        else:
            self._later = asyncio.get_running_loop().call_later(wait_s, self.ask)

    def look_after(self, explain: Callable[[], tuple[str, str]]) -> None:
        if not self.viewers:
            return
        if self._hub.clock() - self._heard_s > SILENT_AFTER_S:
            # What was last seen must not greet a new viewer as if it were now.
            self.forget()
            text = silent(*explain())
            for viewer in self.viewers:
                viewer.notice(text)
        self.ask()

    def forget(self) -> None:
        """Let nobody begin with what has been."""
        self._group, self._group_bytes = [], 0

    def _follows(self, packet: VideoPacket) -> bool:
        if not self._group:
            return False
        last = self._group[-1].packet
        return packet.epoch == last.epoch and packet.sequence == last.sequence + 1

    def _serve(self, viewer: VideoViewer) -> None:
        """Let a viewer begin at the last keyframe after all."""
        is_whole = bool(self._group) and self._group[0].packet.keyframe
        if viewer in self.viewers and viewer.needs_keyframe and is_whole:
            viewer.catch_up(self._group)
