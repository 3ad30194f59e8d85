"""What can go wrong between this camera and an RPC server of Solana, each with a stable code.

`guarded` is the gate: whatever a library throws behind it, the panics of Rust among it, which are no
`Exception`, comes out as an RpcError whose text is ours. Addresses of servers hold keys, and so may
the texts of libraries: none of them gets into ours.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar

import httpx2

from mmoment_chain.errors import ChainError

Result = TypeVar('Result')

LONGEST_WAIT_S = 3600.0
"""What a server asks us to wait at most."""
METHOD_NOT_FOUND = -32601
PREFLIGHT_FAILED = -32002
NODE_UNHEALTHY = -32005
# Another server would say the same: it is about what we sent.
_OUR_FAULT = {
    -32700,  # not read
    -32600,  # no request
    -32602,  # parameters
    PREFLIGHT_FAILED,
    -32003,  # signatures
    -32006,  # signatures checked by built-in programs
    -32013,  # number of signatures
    -32015,  # version of the transaction
}
# Not ours to hold up or to reword.
_NOT_FAULTS = (asyncio.CancelledError, KeyboardInterrupt, SystemExit, GeneratorExit)


class RpcError(ChainError):
    """Base class. `text` is ours and names no key; `retry_after_s`: 0 where nobody told."""

    code = 'rpc_failed'

    def __init__(self, text: str, *, retry_after_s: float = 0.0) -> None:
        self.text = text
        self.retry_after_s = retry_after_s
        super().__init__(f'{self.code}: {text}')

    @property
    def helps_elsewhere(self) -> bool:
        """Whether another server may do better."""
        return True


class EndpointAway(RpcError):
    """The server cannot be reached, or broke off."""

    code = 'endpoint_away'


class RpcTimedOut(RpcError):
    """No answer in time. What was asked may have been done all the same."""

    code = 'timed_out'


class RateLimited(RpcError):
    """The server takes no more requests for a while."""

    code = 'rate_limited'


class KeyRefused(RpcError):
    """The server knows us not, or not any more."""

    code = 'key_refused'


class BadAnswer(RpcError):
    """The server answered with something that cannot be read."""

    code = 'bad_answer'


class NodeBehind(RpcError):
    """The server does not keep up with the chain."""

    code = 'node_behind'


class WrongCluster(RpcError):
    """The server is of another chain than the one that was configured."""

    code = 'wrong_cluster'


class RpcRefused(RpcError):
    """The server read the request and says no."""

    code = 'rpc_refused'

    def __init__(self, text: str, number: int, data: Mapping[str, Any]) -> None:
        super().__init__(text)
        self.number = number
        self.data = data

    @property
    def helps_elsewhere(self) -> bool:
        """Not where the fault lies in the request."""
        return self.number not in _OUR_FAULT


class ChainAway(RpcError):
    """No server answered; `failures` has what each of them did."""

    code = 'chain_away'

    def __init__(self, failures: Sequence[RpcError]) -> None:
        self.failures = tuple(failures)
        waits = [failure.retry_after_s for failure in failures]
        texts = '; '.join(failure.text for failure in failures)
        super().__init__(
            f'no endpoint of the chain answers: {texts}',
            retry_after_s=min(waits, default=0.0),
        )


async def guarded(ask: Callable[[], Awaitable[Result]], endpoint: str, timeout_s: float) -> Result:
    """What `ask` returns within that time. endpoint: its name for people, without keys.

    Raises RpcError, and nothing else but a cancellation.
    """
    task = asyncio.ensure_future(_told_by(ask, endpoint))
    try:
        # Unlike wait_for it never takes a cancellation for an answer.
        await asyncio.wait({task}, timeout=timeout_s)
        if task.done():
            return task.result()
    finally:
        task.cancel()
    raise RpcTimedOut(f'{endpoint} gave no answer within {timeout_s:g} s')


async def _told_by(ask: Callable[[], Awaitable[Result]], endpoint: str) -> Result:
    # Around the call itself: an event loop must not see what is no Exception.
    try:
        return await ask()
    except _NOT_FAULTS:
        raise
    except RpcError:
        raise
    except BaseException as error:
        # The texts of libraries quote addresses.
        raise _told(error, endpoint) from None


def refusal(endpoint: str, error: Any) -> RpcError:
    """Of the member `error` of a JSON-RPC answer, of whatever shape it is."""
    number = error.get('code') if isinstance(error, dict) else None
    if not isinstance(number, int) or isinstance(number, bool):
        return BadAnswer(f'{endpoint} answered with an error that cannot be read')
    given = error.get('data')
    data = given if isinstance(given, dict) else {}
    if number == NODE_UNHEALTHY:
        behind = data.get('numSlotsBehind')
        far = f' by {behind} slots' if isinstance(behind, int) else ''
        return NodeBehind(f'{endpoint} is behind the chain{far}')
    # Some providers tell it in the body, with the number of HTTP or one of their own.
    if number in (429, -32429):
        return RateLimited(f'{endpoint} takes no more requests for now')
    if number == METHOD_NOT_FOUND:
        return RpcRefused(f'{endpoint} does not know what it is asked for', number, data)
    if number == PREFLIGHT_FAILED:
        return RpcRefused(f'{endpoint} tried the transaction and it fails', number, data)
    return RpcRefused(f'{endpoint} refuses the request (error {number})', number, data)


def _told(error: BaseException, endpoint: str) -> RpcError:
    cause = _known(error)
    if isinstance(cause, httpx2.HTTPStatusError):
        return _of_status(cause.response, endpoint)
    if isinstance(cause, httpx2.TimeoutException | asyncio.TimeoutError | TimeoutError):
        return RpcTimedOut(f'{endpoint} gave no answer in time')
    if isinstance(cause, httpx2.ConnectError):
        return EndpointAway(f'{endpoint} cannot be reached')
    if isinstance(cause, httpx2.TransportError | OSError):
        return EndpointAway(f'{endpoint} broke off')
    return BadAnswer(f'{endpoint} gave an answer that cannot be read ({type(cause).__name__})')


def _known(error: BaseException) -> BaseException:
    """The first fault of the connection, since libraries wrap what comes from below."""
    at: BaseException | None = error
    while at is not None and not isinstance(at, httpx2.HTTPError | OSError):
        at = at.__cause__
    return at or error


def _of_status(response: httpx2.Response, endpoint: str) -> RpcError:
    status = response.status_code
    wait_s = retry_after_s(
        response.headers.get('retry-after', ''), response.headers.get('date', '')
    )
    if status == 429:
        return RateLimited(f'{endpoint} takes no more requests for now', retry_after_s=wait_s)
    if status in (401, 402, 403):
        return KeyRefused(f'{endpoint} does not let us in (status {status}): check its key')
    return EndpointAway(f'{endpoint} is out of order (status {status})', retry_after_s=wait_s)


def retry_after_s(value: str, date: str = '') -> float:
    """Seconds of the header Retry-After (RFC 9110, 10.2.3), a number or a date; 0: none.

    date: header Date of the same answer, since the clock of this machine may be off.
    """
    value = value.strip()
    if value.isascii() and value.isdigit():
        return min(float(value), LONGEST_WAIT_S)
    try:
        wait = parsedate_to_datetime(value) - parsedate_to_datetime(date)
    except (TypeError, ValueError):
        return 0.0
    return min(max(0.0, wait.total_seconds()), LONGEST_WAIT_S)
