"""The live picture over WebRTC, as WHEP: the packets of the encoder as they are.

aiortc sends them, and is only loaded where the switch is on. What a browser shows comes by UDP, so
no tunnel carries it; and of this machine only its own addresses are offered, no server of others is
asked which those are from outside.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import logging
import secrets
from collections.abc import Callable
from fractions import Fraction
from functools import partial
from typing import Any

from mmoment_api.errors import ApiError
from mmoment_api.live_wire import HEAD, KEYFRAME
from mmoment_api.video_hub import VideoHub
from mmoment_api.video_viewer import VideoViewer
from mmoment_api.viewer_seats import TooManyViewers
from mmoment_node.errors import ConfigurationError

# Each costs as much as 20 viewers over WebSocket: everything is encrypted here.
PEERS_AT_MOST = 8
# From the answer until pictures can flow.
CONNECT_WAIT_S = 15.0
NAME_BYTES = 16
# What browsers offer: a picture and sound, here and there twice. Each costs sockets of its own.
MEDIA = frozenset({'audio', 'video'})
MEDIA_AT_MOST = 4
MEDIA_LINE = 'm='
NS_TIME_BASE = Fraction(1, 1_000_000_000)
OVER = frozenset({'failed', 'closed'})

_logger = logging.getLogger(__name__)


def open_peers(hub: VideoHub) -> WhepPeers:
    """Nobody looks yet; raises `ConfigurationError` where aiortc is not installed."""
    if importlib.util.find_spec('aiortc') is None:
        raise ConfigurationError('api_node: the parameter whep needs aiortc: pip install aiortc')
    return WhepPeers(hub)


class WhepPeers:
    """The browsers that look; belongs to the event loop's thread."""

    def __init__(self, hub: VideoHub, at_most: int = PEERS_AT_MOST) -> None:
        self._hub = hub
        self._at_most = at_most
        self._peers: dict[str, _Peer] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def count(self) -> int:
        """How many look."""
        return len(self._peers)

    async def open(
        self, offer: str, annotated: bool, is_welcome: Callable[[], bool]
    ) -> tuple[str, str]:
        """Name and answer (SDP) for a browser's offer; raises `ApiError` and `TooManyViewers`."""
        if len(self._peers) >= self._at_most:
            raise TooManyViewers
        _check_media(offer)
        # Until it is connected, nothing is made for it.
        viewer = self._hub.reserve(annotated)
        viewer.is_welcome = is_welcome
        name = secrets.token_urlsafe(NAME_BYTES)
        try:
            peer = self._peers[name] = _Peer(
                viewer, partial(self._hub.begin, viewer), lambda: self._end_soon(name)
            )
        except BaseException:
            self._hub.leave(viewer)
            raise
        try:
            return name, await peer.answer(offer)
        except BaseException:
            await self.end(name)
            raise

    async def end(self, name: str) -> bool:
        """Let go of one; False: there is none of this name."""
        peer = self._peers.pop(name, None)
        if peer is None:
            return False
        self._hub.leave(peer.viewer)
        await peer.close()
        return True

    async def close(self) -> None:
        """Let go of all."""
        for name in list(self._peers):
            await self.end(name)

    def _end_soon(self, name: str) -> None:
        task = asyncio.ensure_future(self._ended(name))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _ended(self, name: str) -> None:
        await self.end(name)


class _Peer:
    """One connection. begin: called when pictures can flow. over: when it is of no more use."""

    def __init__(
        self, viewer: VideoViewer, begin: Callable[[], None], over: Callable[[], None]
    ) -> None:
        from aiortc import RTCConfiguration, RTCPeerConnection

        self.viewer = viewer
        self._begin = begin
        self._over = over
        # Without the empty list, it would ask a server on the Internet.
        self._connection: Any = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self._connection.on('connectionstatechange', self._on_state)
        self._deadline = asyncio.get_running_loop().call_later(CONNECT_WAIT_S, self._give_up)

    async def answer(self, offer: str) -> str:
        from aiortc import RTCRtpSender, RTCSessionDescription

        connection = self._connection
        sender = connection.addTrack(_packet_track(self.viewer, self._begin, self._over))
        # A loss that cannot be mended: the packets are made elsewhere, and the next keyframe, too.
        sender._send_keyframe = self.viewer.lose
        codecs = RTCRtpSender.getCapabilities('video').codecs
        (transceiver,) = connection.getTransceivers()
        # Before the offer is taken: what is agreed on must be what the packets are.
        transceiver.setCodecPreferences([one for one in codecs if one.mimeType == 'video/H264'])
        try:
            await connection.setRemoteDescription(RTCSessionDescription(sdp=offer, type='offer'))
            self._take_nothing()
            await connection.setLocalDescription(await connection.createAnswer())
        except Exception as error:
            # Of what it raises for an offer that is none, little is said anywhere.
            _logger.debug('An offer was not understood', exc_info=True)
            raise ApiError(
                422, 'invalid', 'The offer is no SDP of a browser that takes H.264'
            ) from error
        answer: str = connection.localDescription.sdp
        if 'H264' not in answer:
            raise ApiError(422, 'invalid', 'The offer takes no H.264')
        return answer

    async def close(self) -> None:
        self._deadline.cancel()
        with contextlib.suppress(ConnectionError):
            await self._connection.close()

    def _take_nothing(self) -> None:
        """Receive no media: aiortc decodes it and keeps all of it until somebody fetches it."""
        for transceiver in self._connection.getTransceivers():
            is_ours = transceiver.sender.track is not None
            transceiver.direction = 'sendonly' if is_ours else 'inactive'

    def _on_state(self) -> None:
        state = self._connection.connectionState
        if state == 'connected':
            self._deadline.cancel()
        elif state in OVER:
            self._over()

    def _give_up(self) -> None:
        if self._connection.connectionState != 'connected':
            self._over()


def _check_media(offer: str) -> None:
    """Raises `ApiError` for an offer of anything but picture and sound, or of too much."""
    lines = [line for line in offer.splitlines() if line.startswith(MEDIA_LINE)]
    kinds = {line[len(MEDIA_LINE) :].partition(' ')[0] for line in lines}
    if not kinds <= MEDIA or len(lines) > MEDIA_AT_MOST:
        raise ApiError(422, 'invalid', 'The offer has more in it than picture and sound')


def _packet_track(viewer: VideoViewer, begin: Callable[[], None], over: Callable[[], None]) -> Any:
    """A track of the viewer's packets."""
    from aiortc.mediastreams import MediaStreamError, MediaStreamTrack
    from av import Packet

    class PacketTrack(MediaStreamTrack):  # type: ignore[misc,unused-ignore]
        kind = 'video'

        def __init__(self) -> None:
            super().__init__()
            self._has_begun = False

        async def recv(self) -> Any:
            if not self._has_begun:
                self._has_begun = True
                begin()
            message = await viewer.next()
            while isinstance(message, str):
                message = await viewer.next()
            if message is None:
                over()
                raise MediaStreamError
            return _packet_of(Packet, message)

    return PacketTrack()


def _packet_of(make: Callable[[bytes], Any], message: bytes) -> Any:
    _, flags, _, _, monotonic_ns = HEAD.unpack_from(message)
    packet = make(message[HEAD.size :])
    packet.pts = monotonic_ns
    packet.time_base = NS_TIME_BASE
    packet.is_keyframe = bool(flags & KEYFRAME)
    return packet
