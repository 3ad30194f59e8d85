import asyncio

import httpx2
import pytest
from rpc_world import rpc_refused
from solders.rpc.responses import GetBalanceResp

from mmoment_chain import rpc_errors
from mmoment_chain.rpc_errors import (
    BadAnswer,
    ChainAway,
    EndpointAway,
    KeyRefused,
    NodeBehind,
    RateLimited,
    RpcError,
    RpcRefused,
    RpcTimedOut,
    guarded,
    refusal,
    retry_after_s,
)

URL = 'https://rpc.test/v2/SECRET?api-key=SECRET'
REQUEST = httpx2.Request('POST', URL)
# Of these solders panics: no Exception comes out of it.
PANIC = '{"jsonrpc":"2.0","id":0,"error":{"code":-32005,"message":"Node is unhealthy"}}'


def caught(raised):
    """What `guarded` makes of an exception, or of what a function raises."""

    async def ask():
        if isinstance(raised, BaseException):
            raise raised
        return raised()

    with pytest.raises(BaseException) as told:
        asyncio.run(guarded(ask, 'node', 5.0))
    return told.value


def status(code, **headers):
    headers = {name.replace('_', '-'): value for name, value in headers.items()}
    response = httpx2.Response(code, headers=headers, request=REQUEST, text='SECRET')
    return httpx2.HTTPStatusError(f'{code} for {URL}', request=REQUEST, response=response)


def wrapped(error):
    """As solana-py wraps it."""
    outer = Exception('raised')
    outer.__cause__ = error
    return outer


@pytest.mark.parametrize(
    ('raised', 'kind'),
    [
        (httpx2.ConnectError(URL, request=REQUEST), EndpointAway),
        (httpx2.ReadError(URL, request=REQUEST), EndpointAway),
        (httpx2.RemoteProtocolError(URL, request=REQUEST), EndpointAway),
        (httpx2.ReadTimeout(URL, request=REQUEST), RpcTimedOut),
        (ConnectionResetError(URL), EndpointAway),
        (status(500), EndpointAway),
        (status(503), EndpointAway),
        (status(404), EndpointAway),
        (status(429), RateLimited),
        (status(401), KeyRefused),
        (status(403), KeyRefused),
        (httpx2.DecodingError(URL, request=REQUEST), BadAnswer),
        (UnicodeDecodeError('utf-8', b'', 0, 1, URL), BadAnswer),
        (AttributeError(URL), BadAnswer),
        (lambda: GetBalanceResp.from_json(PANIC), BadAnswer),
        (lambda: GetBalanceResp.from_json('<html>'), BadAnswer),
    ],
)
@pytest.mark.parametrize('wrap', [lambda error: error, wrapped])
def test_every_fault_is_one_of_ours_and_tells_no_key(raised, kind, wrap):
    error = caught(wrap(raised) if isinstance(raised, Exception) else raised)
    assert type(error) is kind
    assert error.text.startswith('node ')
    assert str(error) == f'{error.code}: {error.text}'
    while error is not None:
        assert 'SECRET' not in str(error)
        # What a traceback would print.
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def test_a_panic_is_no_exception_before_it_comes_to_the_gate():
    with pytest.raises(BaseException) as panic:
        GetBalanceResp.from_json(PANIC)
    assert not isinstance(panic.value, Exception)


@pytest.mark.parametrize('error', [KeyboardInterrupt(), SystemExit(1)])
def test_what_ends_the_process_ends_it(error):
    with pytest.raises(type(error)):
        asyncio.run(rpc_errors._told_by(_raises(error), 'node'))


def _raises(error):
    async def ask():
        raise error

    return ask


def test_what_gives_no_answer_is_cancelled_and_told():
    seen = []

    async def ask():
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            seen.append('cancelled')
            raise

    async def run():
        with pytest.raises(RpcTimedOut, match=r'no answer within 0\.01 s'):
            await guarded(ask, 'node', 0.01)
        await asyncio.sleep(0)
        assert seen == ['cancelled']

    asyncio.run(run())


def test_a_cancellation_is_let_through():
    async def run():
        begun = asyncio.Event()

        async def ask():
            begun.set()
            await asyncio.Event().wait()

        task = asyncio.ensure_future(guarded(ask, 'node', 60.0))
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(run())


@pytest.mark.parametrize(
    ('value', 'date', 'seconds'),
    [
        ('7', '', 7.0),
        (' 0 ', '', 0.0),
        ('99999999', '', 3600.0),
        ('-3', '', 0.0),
        ('soon', '', 0.0),
        ('', '', 0.0),
        ('Thu, 01 Jan 2026 00:01:00 GMT', 'Thu, 01 Jan 2026 00:00:30 GMT', 30.0),
        ('Thu, 01 Jan 2026 00:00:00 GMT', 'Thu, 01 Jan 2026 00:00:30 GMT', 0.0),
        ('Thu, 01 Jan 2026 00:01:00 GMT', '', 0.0),
    ],
)
def test_how_long_a_server_asks_us_to_wait(value, date, seconds):
    assert retry_after_s(value, date) == seconds


def test_a_limit_says_when_it_ends():
    assert caught(status(429, retry_after='12')).retry_after_s == 12.0
    assert caught(status(503, retry_after='9')).retry_after_s == 9.0


@pytest.mark.parametrize('error', [None, 7, 'no', [], {}, {'code': 'x'}, {'code': True}])
def test_an_error_of_no_known_shape_is_a_bad_answer(error):
    assert type(refusal('node', error)) is BadAnswer


@pytest.mark.parametrize(
    ('number', 'kind', 'helps_elsewhere'),
    [
        (-32602, RpcRefused, False),
        (-32002, RpcRefused, False),
        (-32003, RpcRefused, False),
        (-32601, RpcRefused, True),
        (-32603, RpcRefused, True),
        (-32011, RpcRefused, True),
        (-99999, RpcRefused, True),
        (-32005, NodeBehind, True),
        (-32429, RateLimited, True),
        (429, RateLimited, True),
    ],
)
def test_whether_another_server_may_do_better(number, kind, helps_elsewhere):
    error = rpc_refused(number)
    assert type(error) is kind
    assert error.helps_elsewhere is helps_elsewhere


def test_a_node_says_how_far_behind_it_is():
    assert 'by 42 slots' in rpc_refused(-32005, {'numSlotsBehind': 42}).text
    assert rpc_refused(-32005, {'numSlotsBehind': None}).text == 'node is behind the chain'


def test_if_all_fail_each_is_told_and_the_shortest_wait():
    away = ChainAway([RateLimited('a is full', retry_after_s=5.0), RateLimited('b is full')])
    assert away.text == 'no endpoint of the chain answers: a is full; b is full'
    assert away.retry_after_s == 0.0
    assert ChainAway([RateLimited('a', retry_after_s=5.0)]).retry_after_s == 5.0


def test_codes_are_stable():
    kinds = {kind.code for kind in RpcError.__subclasses__()}
    assert kinds == {
        'endpoint_away',
        'wrong_cluster',
        'timed_out',
        'rate_limited',
        'key_refused',
        'bad_answer',
        'node_behind',
        'rpc_refused',
        'chain_away',
    }
