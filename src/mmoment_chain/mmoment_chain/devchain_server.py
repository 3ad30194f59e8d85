"""The dev chain as a server: one thread that owns the chain, answers clients and closes blocks."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import socket
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import uvicorn

from mmoment_chain import devchain_genesis, program_build
from mmoment_chain.clock import Clock, SystemClock
from mmoment_chain.devchain_chain import FINALIZED_AFTER_BLOCKS, Chain
from mmoment_chain.devchain_control import Control
from mmoment_chain.devchain_errors import DevchainError
from mmoment_chain.devchain_faults import Faults
from mmoment_chain.devchain_http import DevchainApp
from mmoment_chain.devchain_rpc import Rpc
from mmoment_chain.devchain_store import DevchainStore
from mmoment_chain.devchain_subscriptions import Subscriptions

PORT = 8899
BACKLOG = 256
MESSAGE_AT_MOST_BYTES = 64 * 1024
# Longer than clients keep idle connections, so that it is not we who end them while a call is
# on its way.
KEEP_ALIVE_S = 75
START_WAIT_S = 30.0
STOP_WAIT_S = 10.0
PORT_TRIES = 50

T = TypeVar('T')
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class DevchainSettings:
    """How a dev chain runs.

    folder: where it is kept. port: of JSON-RPC, 0 for any that is free; WebSockets are served there,
    too, and at the next port, where clients look for them. program: what is deployed at
    `program_id`; None for nothing.
    """

    folder: Path
    host: str = '127.0.0.1'
    port: int = PORT
    block_ms: int = 400
    finalized_after_blocks: int = FINALIZED_AFTER_BLOCKS
    has_control: bool = False
    program_id: bytes = program_build.PROGRAM_ID
    program: bytes | None = None


class DevchainServer:
    """A dev chain that runs from `start` to `stop`, or within `with`."""

    def __init__(self, settings: DevchainSettings, clock: Clock | None = None) -> None:
        self.settings = settings
        self.faults = Faults()
        self.control = Control(self.faults)
        self._clock = clock or SystemClock()
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._server: uvicorn.Server | None = None
        self._sockets: list[socket.socket] = []
        self._is_ready: Future[None] = Future()

    @property
    def url(self) -> str:
        """Where JSON-RPC is served."""
        return f'http://{self._address(0)}'

    @property
    def websocket_url(self) -> str:
        """Where WebSocket clients are served."""
        return f'ws://{self._address(1)}'

    def start(self) -> None:
        """Open the chain and serve it. Raises DevchainError."""
        self._sockets = _bound(self.settings.host, self.settings.port)
        try:
            self._store = DevchainStore(self.settings.folder)
        except DevchainError:
            self._close_sockets()
            raise
        self._thread = threading.Thread(target=self._run, name='devchain', daemon=True)
        self._thread.start()
        try:
            self._is_ready.result(START_WAIT_S)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Close the last block, and end all connections."""
        if self._server is not None:
            self._server.should_exit = True
        if self._thread is not None:
            self._thread.join(STOP_WAIT_S)
        self._close_sockets()

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait until the server ends; whether it has."""
        assert self._thread is not None
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def call(self, function: Callable[[Chain], T]) -> T:
        """Do something with the chain, in its thread, between two calls of clients."""
        assert self._loop is not None
        done: Future[T] = Future()

        def run() -> None:
            try:
                done.set_result(function(self.chain))
            except BaseException as error:
                done.set_exception(error)

        self._loop.call_soon_threadsafe(run)
        return done.result(START_WAIT_S)

    def __enter__(self) -> DevchainServer:
        self.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()

    def _address(self, number: int) -> str:
        host, port = self._sockets[number].getsockname()[:2]
        return f'[{host}]:{port}' if ':' in host else f'{host}:{port}'

    def _close_sockets(self) -> None:
        for each in self._sockets:
            each.close()

    # --- in the thread of the chain ---------------------------------------------------------------

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:
            if self._is_ready.done():
                _log.exception('the dev chain has failed')
            else:
                self._is_ready.set_exception(error)
        finally:
            self._store.close()

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        settings = self.settings
        self.chain = Chain(
            self._store, self._clock, finalized_after=settings.finalized_after_blocks
        )
        faucet = devchain_genesis.faucet_of(self.chain)
        if settings.program is not None:
            devchain_genesis.deploy(self.chain, faucet, settings.program_id, settings.program)
        self.faucet = faucet.address
        # No fork undoes what a chain begins with.
        self.chain.settle()
        rpc = Rpc(self.chain, faucet, self.faults)
        app = DevchainApp(rpc, Subscriptions(self.chain, faucet))
        self.control.end_sockets = app.close_sockets
        if settings.has_control:
            rpc.control = self.control.methods()
        self._server = uvicorn.Server(_server_config(app))
        blocks = asyncio.ensure_future(self._close_blocks(rpc))
        started = asyncio.ensure_future(self._tell_started())
        try:
            await self._server.serve(sockets=self._sockets)
        finally:
            started.cancel()
            blocks.cancel()
            await asyncio.gather(blocks, started, return_exceptions=True)
            app.close_sockets()
            self.chain.close_block()

    async def _tell_started(self) -> None:
        assert self._server is not None
        while not self._server.started:
            await asyncio.sleep(0.002)
        self._is_ready.set_result(None)

    async def _close_blocks(self, rpc: Rpc) -> None:
        period_s = self.settings.block_ms / 1000
        loop = asyncio.get_running_loop()
        due = loop.time() + period_s
        while True:
            await asyncio.sleep(due - loop.time())
            # What was missed while the machine slept is not made up for.
            due = max(due + period_s, loop.time())
            if self.control.is_paused:
                continue
            try:
                self.chain.close_block()
                rpc.trouble = ''
            except sqlite3.Error as error:
                if not rpc.trouble:
                    _log.error('a block cannot be written, nothing is confirmed: %s', error)
                rpc.trouble = f'a block cannot be written: {error}'


def _server_config(app: DevchainApp) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        ws='websockets-sansio',
        ws_per_message_deflate=False,
        ws_max_size=MESSAGE_AT_MOST_BYTES,
        timeout_keep_alive=KEEP_ALIVE_S,
        # Who calls is believed from the connection alone.
        proxy_headers=False,
        lifespan='off',
        access_log=False,
        log_config=None,
        server_header=False,
        timeout_graceful_shutdown=1,
    )


def _bound(host: str, port: int) -> list[socket.socket]:
    """Listening sockets at this port and the next one. Raises DevchainError."""
    last: OSError | None = None
    for _ in range(1 if port else PORT_TRIES):
        with contextlib.ExitStack() as undo:
            try:
                first = undo.enter_context(_listener(host, port))
                second = undo.enter_context(_listener(host, first.getsockname()[1] + 1))
            except (OSError, OverflowError) as error:
                last = error if isinstance(error, OSError) else None
                continue
            undo.pop_all()
            return [first, second]
    reason = 'no two ports are free' if last is None else last.strerror
    if last is not None and last.errno == errno.EADDRINUSE:
        reason = (
            f'ports {port} and {port + 1} are in use: stop what listens there, or choose --port'
        )
    raise DevchainError(f'cannot listen on {host}: {reason}')


def _listener(host: str, port: int) -> socket.socket:
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        listener.bind(address)
        listener.listen(BACKLOG)
        listener.setblocking(False)
    except BaseException:
        listener.close()
        raise
    return listener
