"""Servers and networks with faults, on 127.0.0.1: what a push meets sooner or later.

`Tarpit` takes connections and says nothing; `FullBacklog` does not even take them; `Relay` lies
between a client and a real server and breaks, slows or stops what goes through it.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import struct
import threading
from collections.abc import Callable

LOOPBACK = '127.0.0.1'
BLOCK_BYTES = 4096
# As small as the kernel allows: what a slow relay has not passed on waits at the sender.
BUFFER_BYTES = 8 * 1024
RESET = struct.pack('ii', 1, 0)
PATIENCE_S = 5.0


class Tarpit:
    """Connections are made, by the kernel; nothing is ever read or said."""

    backlog = 64

    def __init__(self) -> None:
        self._listener = socket.socket()
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_BYTES)
        self._listener.bind((LOOPBACK, 0))
        self._listener.listen(self.backlog)
        self.port: int = self._listener.getsockname()[1]

    def __enter__(self) -> Tarpit:
        return self

    def __exit__(self, *what: object) -> None:
        self.close()

    def close(self) -> None:
        """Reset what was connected."""
        self._listener.close()


class FullBacklog(Tarpit):
    """No further connection is made, nor refused: as a server that is switched off, or a firewall."""

    backlog = 0

    def __init__(self) -> None:
        super().__init__()
        self._waiting = []
        for _ in range(3):
            client = socket.socket()
            client.setblocking(False)
            client.connect_ex((LOOPBACK, self.port))
            self._waiting.append(client)

    def close(self) -> None:
        """Let them go."""
        for client in self._waiting:
            client.close()
        super().close()


class Relay:
    """Passes connections on to a port. The faults may be caused from any thread.

    tls: the relay proves itself with it to clients, and passes on what was inside.
    """

    def __init__(self, target_port: int, *, tls: ssl.SSLContext | None = None) -> None:
        self._target_port = target_port
        self._tls = tls
        self._limit_kbps = 0.0
        self._upstream_bytes = 0
        self._transports: set[asyncio.BaseTransport] = set()
        self._loop = asyncio.new_event_loop()
        self._flowing = asyncio.Event()
        self._flowing.set()
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_BYTES)
        listener.bind((LOOPBACK, 0))
        self.port: int = listener.getsockname()[1]
        self._server = self._loop.run_until_complete(
            asyncio.start_server(self._serve, sock=listener, ssl=tls, limit=BLOCK_BYTES)
        )
        self._thread = threading.Thread(target=self._loop.run_forever, name='relay')
        self._thread.start()

    def __enter__(self) -> Relay:
        return self

    def __exit__(self, *what: object) -> None:
        self.close()

    @property
    def upstream_bytes(self) -> int:
        """What went from clients to the server so far."""
        return self._upstream_bytes

    @property
    def connections(self) -> int:
        """How many are open."""
        return len(self._transports) // 2

    def limit_kbps(self, kbps: float) -> None:
        """Pass on so much at most from each client to the server; 0: all of it."""
        self._limit_kbps = kbps

    def freeze(self) -> None:
        """Pass on nothing, in either direction; connections stay open.

        Of what is sent then, the buffers here still take some ten kilobytes, sooner or later.
        """
        self._call(self._flowing.clear)

    def thaw(self) -> None:
        """Go on after `freeze`."""
        self._call(self._flowing.set)

    def reset_all(self) -> None:
        """Reset every connection, on both sides, in the middle of whatever they do."""
        self._call(self._reset_all)

    def close(self) -> None:
        """Reset what is open, and end the thread."""
        if not self._thread.is_alive():
            return
        self._call(self._server.close)
        self._call(self._reset_all)
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(PATIENCE_S)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _call(self, action: Callable[[], object]) -> None:
        """Have it done in the relay's thread; returns once it is done."""
        is_done = threading.Event()

        def act() -> None:
            try:
                action()
            finally:
                is_done.set()

        self._loop.call_soon_threadsafe(act)
        assert is_done.wait(PATIENCE_S), 'the thread of the relay does not answer'

    def _reset_all(self) -> None:
        for transport in list(self._transports):
            _reset(transport)

    async def _end(self) -> None:
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        # Transports that were closed say so in the next round.
        await asyncio.sleep(0)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await asyncio.open_connection(
                LOOPBACK, self._target_port, limit=BLOCK_BYTES
            )
        except OSError:
            _reset(writer.transport)
            return
        ends = {writer.transport, far_writer.transport}
        self._transports |= ends
        try:
            up = asyncio.ensure_future(self._pass_on(reader, far_writer, is_up=True))
            down = asyncio.ensure_future(self._pass_on(far_reader, writer, is_up=False))
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.wait({up, down}, return_when=asyncio.FIRST_COMPLETED)
            for each in (up, down):
                each.cancel()
        finally:
            self._transports -= ends
            for transport in ends:
                with contextlib.suppress(OSError, RuntimeError):
                    transport.close()

    async def _pass_on(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, is_up: bool
    ) -> None:
        writer.transport.set_write_buffer_limits(high=BLOCK_BYTES)
        with contextlib.suppress(OSError):
            while True:
                await self._flowing.wait()
                data = await reader.read(BLOCK_BYTES)
                await self._flowing.wait()
                if not data:
                    return
                writer.write(data)
                await writer.drain()
                if is_up:
                    self._upstream_bytes += len(data)
                    if self._limit_kbps:
                        await asyncio.sleep(len(data) * 8 / 1000 / self._limit_kbps)


def _reset(transport: asyncio.BaseTransport) -> None:
    connection = transport.get_extra_info('socket')
    with contextlib.suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    assert isinstance(transport, asyncio.WriteTransport)
    transport.abort()
