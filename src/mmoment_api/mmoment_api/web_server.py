"""The HTTP server in a thread of its own, on a socket that was bound beforehand."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
import threading
from collections.abc import Callable
from functools import partial
from typing import Any

import uvicorn
from starlette.types import ASGIApp

from mmoment_api.live_viewer import end_stalled, end_unwelcome
from mmoment_api.services import Services
from mmoment_api.web_protocol import ConnectionLimits, LimitedProtocol
from mmoment_api.web_socket import LineProtocol
from mmoment_node.errors import ConfigurationError

# Connections inherit it. More than this would hold seconds of video for a slow viewer: at 10 Mb/s,
# the system's default lets a viewer fall 3 s behind, this 0.5 s, and fast ones lose nothing.
SEND_BUFFER_BYTES = 128 * 1024
BACKLOG = 256
MESSAGE_AT_MOST_BYTES = 64 * 1024
# Open streams are ended first; what then still runs is a request that waits for another node.
GRACE_S = 1
STOP_WAIT_S = 3.0
WATCH_PERIOD_S = 1.0


def bind(host: str, port: int, stalled_s: float) -> socket.socket:
    """A listening socket; raises `ConfigurationError` if the address cannot be had.

    stalled_s: the system cuts connections whose other side took nothing for so long.
    """
    where = f'{host}:{port}'
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
    except OSError as error:
        raise ConfigurationError(
            f'api_node: host {host!r} is no address of this machine, set the parameter host '
            f'({error.strerror})'
        ) from error
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with contextlib.suppress(OSError):
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(stalled_s * 1000))
        listener.bind(address)
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise ConfigurationError(
                f'api_node: {where} is in use, stop what listens there or set the parameter port'
            ) from error
        if error.errno == errno.EACCES:
            raise ConfigurationError(
                f'api_node: {where} may only be opened by root, set the parameter port to 1024 or '
                'more'
            ) from error
        raise ConfigurationError(
            f'api_node: cannot listen on {where}, set the parameters host and port '
            f'({error.strerror})'
        ) from error
    listener.setblocking(False)
    return listener


class WebServer:
    """Serves the app until stopped."""

    def __init__(
        self,
        app: ASGIApp,
        listener: socket.socket,
        services: Services,
        stalled_s: float,
        limits: ConnectionLimits = ConnectionLimits(),  # noqa: B008 (it is frozen)
    ) -> None:
        self._services = services
        self._listener = listener
        self._stalled_s = stalled_s
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        # The server only calls it, as it would call the class.
        protocol: Any = partial(LimitedProtocol, limits)
        self._server = uvicorn.Server(
            uvicorn.Config(
                app,
                http=protocol,
                ws=LineProtocol,
                # Text of some hundred bytes, or video: deflating it would cost more than sending it.
                ws_per_message_deflate=False,
                # Clients have nothing to say.
                ws_max_size=MESSAGE_AT_MOST_BYTES,
                # Any local program could call itself any address: what a caller says about where
                # it comes from is believed from nobody, not even from a tunnel on this machine.
                proxy_headers=False,
                lifespan='off',
                # Addresses may carry the token of a sign-in link.
                access_log=False,
                log_config=None,
                server_header=False,
                timeout_graceful_shutdown=GRACE_S,
            )
        )

    @property
    def connections(self) -> int:
        """How many are open."""
        return len(self._server.server_state.connections)

    def start(self, spawn: Callable[[Callable[[], None], str], threading.Thread]) -> None:
        """Serve in a thread made by `spawn`, which ends the node if the server fails."""
        # Made here, so that `stop` can reach it before the thread has come that far.
        self._loop = _new_loop()
        self._thread = spawn(self._run, 'web-server')

    def stop(self) -> None:
        """End all streams and connections, then the thread."""
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._begin_stop)
        if self._thread is not None:
            self._thread.join(STOP_WAIT_S)
        self._services.live.join(STOP_WAIT_S)
        self._listener.close()

    def _begin_stop(self) -> None:
        self._services.events.close()
        self._services.live.close()
        self._services.video.close()
        self._server.should_exit = True

    def _run(self) -> None:
        loop = self._loop
        assert loop is not None
        try:
            loop.run_until_complete(self._serve())
        finally:
            self._loop = None
            loop.close()

    async def _serve(self) -> None:
        services = self._services
        services.events.bind(asyncio.get_running_loop())
        tasks = [
            asyncio.ensure_future(work) for work in (self._watch(), services.control.keep_layers())
        ]
        try:
            await self._server.serve(sockets=[self._listener])
        finally:
            services.events.bind(None)
            if services.whep is not None:
                await services.whep.close()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _watch(self) -> None:
        """End streams that nobody takes, or whose session is over, until cancelled."""
        services = self._services
        while True:
            await asyncio.sleep(WATCH_PERIOD_S)
            for hub in (services.live, services.video):
                end_stalled(hub, services.clock(), self._stalled_s)
                end_unwelcome(hub)
            services.video.look_after()
            services.events.end_unwelcome()


def _new_loop() -> asyncio.AbstractEventLoop:
    """The loop of uvloop where that is installed: it sends at about half the cost."""
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()
