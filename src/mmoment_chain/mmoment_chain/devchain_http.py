"""The dev chain as a web application (ASGI): JSON-RPC by POST and by WebSocket, for any page.

Wallets in browsers call it from pages of all sites, so every origin is welcome: there is nothing on
a dev chain that is worth protecting. Its control methods are another matter, see there.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import math
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from mmoment_chain.devchain_rpc import Reply, Rpc
from mmoment_chain.devchain_subscriptions import Client, Subscriptions

BODY_AT_MOST_BYTES = 50 * 1024
"""As Solana's nodes have it."""
NOTICES_AT_MOST = 10_000
"""That wait for one slow client, who is cut off then."""
CLOSED_GOING_AWAY, CLOSED_TOO_SLOW = 1001, 1008

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
SendMessage = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_PREFLIGHT = [
    (b'access-control-allow-methods', b'POST, GET, OPTIONS'),
    (b'access-control-allow-private-network', b'true'),
    (b'access-control-max-age', b'86400'),
]


class DevchainApp:
    """Answers requests and WebSocket clients. One event loop runs it, in the chain's thread."""

    def __init__(self, rpc: Rpc, subscriptions: Subscriptions) -> None:
        self._rpc = rpc
        self._subscriptions = subscriptions
        self._sockets: set[asyncio.Task[None]] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: SendMessage) -> None:
        """Called by the server for each request and each WebSocket."""
        if scope['type'] == 'http':
            await self._request(scope, receive, send)
        elif scope['type'] == 'websocket':
            await self._socket(receive, send)

    def close_sockets(self) -> int:
        """End all WebSocket connections; returns how many there were."""
        tasks = list(self._sockets)
        for task in tasks:
            task.cancel()
        return len(tasks)

    async def _request(self, scope: Scope, receive: Receive, send: SendMessage) -> None:
        headers = dict(scope['headers'])
        method = scope['method']
        if method == 'OPTIONS':
            asked = headers.get(b'access-control-request-headers', b'content-type')
            more = [*_PREFLIGHT, (b'access-control-allow-headers', asked)]
            await _answer(send, Reply(status=204), more)
        elif method == 'GET' and scope['path'] == '/health':
            text = b'behind' if self._rpc.trouble else b'ok'
            await _answer(send, Reply(text), [], b'text/plain')
        elif method != 'POST':
            reply = Reply(b'Used HTTP Method is not allowed. POST or OPTIONS is required\n', 405)
            await _answer(send, reply, [(b'allow', b'POST, OPTIONS')], b'text/plain')
        elif headers.get(b'content-type', b'').partition(b';')[0].strip() != b'application/json':
            message = (
                b'Supplied content type is not allowed. '
                b'Content-Type: application/json is required\n'
            )
            await _answer(send, Reply(message, 415), [], b'text/plain')
        else:
            body = await _body(receive)
            if body is None:
                await _answer(send, Reply(b'the request is too large\n', 413), [], b'text/plain')
                return
            reply = self._rpc.answer(body, may_control=_may_control(scope, headers))
            if reply.delay_s:
                await asyncio.sleep(reply.delay_s)
            await _answer(send, reply)

    async def _socket(self, receive: Receive, send: SendMessage) -> None:
        if (await receive())['type'] != 'websocket.connect':
            return
        await send({'type': 'websocket.accept'})
        task = asyncio.ensure_future(self._converse(receive, send))
        self._sockets.add(task)
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            task.cancel()
        finally:
            self._sockets.discard(task)

    async def _converse(self, receive: Receive, send: SendMessage) -> None:
        """Take what a client says and send it what it wants to know, until either ends it."""
        waiting: asyncio.Queue[str] = asyncio.Queue(NOTICES_AT_MOST)
        is_slow = asyncio.Event()

        def queue(text: str) -> None:
            try:
                waiting.put_nowait(text)
            except asyncio.QueueFull:
                is_slow.set()

        client = self._subscriptions.join(queue)
        work = [
            asyncio.ensure_future(each)
            for each in (self._listen(receive, client), _talk(send, waiting), is_slow.wait())
        ]
        try:
            await asyncio.wait(work, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._subscriptions.leave(client)
            for each in work:
                each.cancel()
            await asyncio.gather(*work, return_exceptions=True)
            code = CLOSED_TOO_SLOW if is_slow.is_set() else CLOSED_GOING_AWAY
            # It may have gone by itself.
            with contextlib.suppress(RuntimeError, OSError):
                await send({'type': 'websocket.close', 'code': code})

    async def _listen(self, receive: Receive, client: Client) -> None:
        """Take what a client says until it goes."""
        while True:
            message = await receive()
            if message['type'] == 'websocket.disconnect':
                return
            text = message.get('text')
            if text is None:
                text = (message.get('bytes') or b'').decode('utf-8', 'replace')
            self._subscriptions.receive(client, text)


async def _talk(send: SendMessage, waiting: asyncio.Queue[str]) -> None:
    while True:
        await send({'type': 'websocket.send', 'text': await waiting.get()})


async def _body(receive: Receive) -> bytes | None:
    """The body of a request; None: it is too large."""
    body = bytearray()
    while True:
        message = await receive()
        if message['type'] != 'http.request':
            return None
        body += message.get('body', b'')
        if len(body) > BODY_AT_MOST_BYTES:
            return None
        if not message.get('more_body'):
            return bytes(body)


async def _answer(
    send: SendMessage,
    reply: Reply,
    more: list[tuple[bytes, bytes]] | None = None,
    kind: bytes = b'application/json; charset=utf-8',
) -> None:
    # One byte more than comes: the server then ends the connection, and the client knows.
    length = len(reply.body) + reply.is_cut
    headers = [
        (b'content-type', kind),
        (b'content-length', str(length).encode()),
        (b'access-control-allow-origin', b'*'),
        *(more or []),
    ]
    if reply.retry_after_s is not None:
        headers.append((b'retry-after', str(math.ceil(reply.retry_after_s)).encode()))
    if reply.status == 204:
        headers = [each for each in headers if each[0] not in (b'content-type', b'content-length')]
    await send({'type': 'http.response.start', 'status': reply.status, 'headers': headers})
    body = reply.body[: len(reply.body) // 2] if reply.is_cut else reply.body
    await send({'type': 'http.response.body', 'body': body, 'more_body': reply.is_cut})


def _may_control(scope: Scope, headers: dict[bytes, bytes]) -> bool:
    """Whether the caller is a program on this machine, and no page in a browser."""
    caller = scope.get('client')
    if caller is None or b'origin' in headers or b'sec-fetch-site' in headers:
        return False
    try:
        return ipaddress.ip_address(caller[0]).is_loopback
    except ValueError:
        return False
