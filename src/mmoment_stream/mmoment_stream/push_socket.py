"""A connection on which nothing blocks for longer than told, and any wait ends when cancelled.

TLS proves who the server is: certificates and names are always checked. What has left is judged by
the kernel's queue, as only that tells a slow network from one that takes nothing any more.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import select
import socket
import ssl
import struct
import termios
import time
from pathlib import Path

from mmoment_stream.cancel_switch import CancelSwitch
from mmoment_stream.name_lookup import Endpoint, Resolve, endpoints, resolve
from mmoment_stream.push_target import PushError
from mmoment_stream.stall_watch import StallWatch

# Less than half a second of video: more would be sent late, and hide that the network is slow.
SEND_BUFFER_BYTES = 128 * 1024
RECEIVE_BYTES = 64 * 1024
# A silent connection is asked for a sign of life. TCP_USER_TIMEOUT would not do while it is used:
# Linux counts it through every full window, also where the peer takes bytes all the time, slowly.
KEEPALIVE_IDLE_S = 5
KEEPALIVE_EVERY_S = 2
KEEPALIVE_TIMES = 3
# How often, within the time for a stall, a write that waits looks whether anything is taken.
LOOKS = 10
# Ends a connection without waiting for what it has not taken.
LINGER_NOT = struct.pack('ii', 1, 0)
# tcpi_bytes_acked of struct tcp_info, linux/tcp.h.
ACKNOWLEDGED_AT, ACKNOWLEDGED = 120, struct.Struct('=Q')
UNREACHABLE = (errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN, errno.EADDRNOTAVAIL)
NOT_NOW = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


class PushSocket:
    """One connection. Used by one thread; only `cancel` is for others.

    stall_s: how long nothing may be taken. whole_s: how long one `send` may take altogether.
    Every method raises PushError and, after `cancel`, Cancelled.
    """

    def __init__(self, *, stall_s: float, whole_s: float, ask: Resolve = resolve) -> None:
        self._stall_s = stall_s
        self._whole_s = whole_s
        self._ask = ask
        self._switch = CancelSwitch()
        self._watch = StallWatch(stall_s)
        self._socket: socket.socket | None = None
        self._is_torn = False

    def connect(self, host: str, port: int, tls: ssl.SSLContext | None, deadline_s: float) -> None:
        """Find the server, connect, and let it prove itself, all before the deadline.

        Raises PushError (name_unknown, refused, unreachable, timed_out, untrusted, protocol).
        """
        self._switch.arm()
        self._switch.check()
        found = endpoints(host, port, self._switch, deadline_s, self._ask)
        for left, endpoint in zip(range(len(found), 0, -1), found, strict=True):
            # Each address has its share, so that a dead one does not use up the time of the others.
            now_s = time.monotonic()
            try:
                self._connect_to(endpoint, now_s + (deadline_s - now_s) / left)
                break
            except PushError:
                self._drop()
                if left == 1:
                    raise
        if tls is not None:
            self._prove(tls, host, deadline_s)

    def send(self, data: bytes | bytearray) -> None:
        """Hand all of it to the kernel. Raises PushError (stalled, closed)."""
        self.check_progress()
        self._is_torn = True
        waiting = memoryview(data)
        end_s = time.monotonic() + self._whole_s
        while waiting:
            events = select.POLLOUT
            try:
                count = self._connected.send(waiting)
            except NOT_NOW as error:
                count = 0
                events = select.POLLIN if isinstance(error, ssl.SSLWantReadError) else events
            except OSError as error:
                raise _lost(error) from error
            waiting = waiting[count:]
            now_s = time.monotonic()
            if waiting and now_s > end_s:
                raise PushError('stalled')
            if waiting and not count:
                look_s = min(end_s, now_s + self._stall_s / LOOKS)
                self._switch.wait(self._connected.fileno(), events, look_s)
                self.check_progress()
        self._is_torn = False
        self._switch.check()

    def check_progress(self) -> None:
        """Notice that what was sent is not taken. Raises PushError (stalled)."""
        self._watch.note(self.delivered_bytes(), self.queued_bytes())

    def receive(self) -> bytes:
        """What has arrived; nothing, if nothing has. Raises PushError (closed)."""
        self._switch.check()
        try:
            data = self._connected.recv(RECEIVE_BYTES)
        except NOT_NOW:
            return b''
        except OSError as error:
            raise _lost(error) from error
        if not data:
            raise PushError('closed')
        return data

    def await_data(self, deadline_s: float) -> bytes:
        """What has arrived, as soon as something has. Raises PushError (timed_out, closed)."""
        while not (data := self.receive()):
            # Servers answer in small pieces, and hold the next back until one is acknowledged.
            self._connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
            if not self._switch.wait(self._connected.fileno(), select.POLLIN, deadline_s):
                raise PushError('timed_out')
        return data

    def queued_bytes(self) -> int:
        """What the other side has not acknowledged yet; 0 without a connection."""
        if self._socket is None:
            return 0
        return int.from_bytes(fcntl.ioctl(self._socket, termios.TIOCOUTQ, bytes(4)), 'little')

    def delivered_bytes(self) -> int:
        """What the other side's kernel has acknowledged, with what TLS adds."""
        info = self._connected.getsockopt(
            socket.IPPROTO_TCP, socket.TCP_INFO, ACKNOWLEDGED_AT + ACKNOWLEDGED.size
        )
        return int(ACKNOWLEDGED.unpack_from(info, ACKNOWLEDGED_AT)[0])

    def cancel(self) -> None:
        """Have whatever waits raise Cancelled at once; from any thread, for good."""
        self._switch.cancel()

    def close(self, last_words: bytes = b'') -> None:
        """End the connection without waiting.

        last_words: sent if there is room for them, and nothing before them was cut off.
        """
        if self._socket is not None:
            is_said = False
            with contextlib.suppress(OSError):
                if last_words and not self._is_torn:
                    is_said = self._socket.send(last_words) == len(last_words)
                # From here on the kernel is alone with it.
                self._socket.setsockopt(
                    socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(self._stall_s * 1000)
                )
                if is_said and isinstance(self._socket, ssl.SSLSocket):
                    self._socket.unwrap()
            if not is_said:
                # The server learns at once that nobody is here; else it may keep the key busy.
                self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_NOT)
        self._drop()
        self._switch.release()

    @property
    def _connected(self) -> socket.socket:
        if self._socket is None:
            raise PushError('closed')
        return self._socket

    def _connect_to(self, endpoint: Endpoint, deadline_s: float) -> None:
        family, address = endpoint
        try:
            self._socket = socket.socket(family, socket.SOCK_STREAM)
            _set_options(self._socket)
            code = self._socket.connect_ex(address)
        except OSError as error:
            raise PushError('unreachable', error.strerror or '') from error
        if code == errno.EINPROGRESS:
            if not self._switch.wait(self._socket.fileno(), select.POLLOUT, deadline_s):
                raise PushError('timed_out', 'while the connection was made')
            code = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code == errno.ECONNREFUSED:
            raise PushError('refused')
        if code == errno.ETIMEDOUT:
            raise PushError('timed_out', 'while the connection was made')
        if code:
            raise PushError('unreachable', os.strerror(code))

    def _prove(self, tls: ssl.SSLContext, host: str, deadline_s: float) -> None:
        """The TLS handshake."""
        step = 'during the TLS handshake'
        try:
            wrapped = tls.wrap_socket(
                self._connected, server_hostname=host, do_handshake_on_connect=False
            )
        except OSError as error:
            raise PushError('closed', step) from error
        self._socket = wrapped
        while True:
            try:
                wrapped.do_handshake()
                return
            except ssl.SSLWantReadError:
                events = select.POLLIN
            except ssl.SSLWantWriteError:
                events = select.POLLOUT
            except ssl.SSLCertVerificationError as error:
                raise PushError('untrusted', error.verify_message) from error
            except ssl.SSLEOFError as error:
                raise PushError('closed', step) from error
            except ssl.SSLError as error:
                raise PushError('protocol', 'it does not speak TLS') from error
            except OSError as error:
                raise PushError('closed', step) from error
            if not self._switch.wait(wrapped.fileno(), events, deadline_s):
                raise PushError('timed_out', step)

    def _drop(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None


def trust(ca_file: Path | None) -> ssl.SSLContext:
    """What proves a server: the system's authorities, and those in a file; TLS 1.2 or newer.

    Raises PushError (untrusted) if the file cannot be read.
    """
    try:
        context = ssl.create_default_context()
        if ca_file is not None:
            context.load_verify_locations(ca_file)
    except OSError as error:
        raise PushError('untrusted', 'the file with authorities cannot be read') from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _set_options(connection: socket.socket) -> None:
    connection.setblocking(False)
    for level, option, value in (
        (socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES),
        (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
        (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
        (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, KEEPALIVE_IDLE_S),
        (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, KEEPALIVE_EVERY_S),
        (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, KEEPALIVE_TIMES),
    ):
        connection.setsockopt(level, option, value)


def _lost(error: OSError) -> PushError:
    """What a failure of an established connection means."""
    if error.errno in (errno.ETIMEDOUT, *UNREACHABLE):
        return PushError('stalled')
    return PushError('closed')
