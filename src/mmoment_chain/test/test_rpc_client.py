"""The client against servers that answer with rubbish, over real connections."""

import asyncio
import contextlib
import json

import pytest
from solders.pubkey import Pubkey
from solders.signature import Signature

from mmoment_chain.rpc_client import FINALIZED, RpcClient, TxOpts
from mmoment_chain.rpc_errors import (
    BadAnswer,
    EndpointAway,
    NodeBehind,
    RateLimited,
    RpcError,
    RpcRefused,
    guarded,
)

ADDRESS = Pubkey.from_bytes(bytes([7]) * 32)
CALLS = {
    'is_connected': lambda client: client.is_connected(),
    'get_slot': lambda client: client.get_slot(),
    'get_balance': lambda client: client.get_balance(ADDRESS),
    'get_latest_blockhash': lambda client: client.get_latest_blockhash(),
    'get_epoch_info': lambda client: client.get_epoch_info(FINALIZED),
    'get_account_info': lambda client: client.get_account_info(ADDRESS),
    'get_multiple_accounts': lambda client: client.get_multiple_accounts([ADDRESS]),
    'get_fees': lambda client: client.get_recent_prioritization_fees([ADDRESS]),
    'get_signature_statuses': lambda client: client.get_signature_statuses([Signature.default()]),
    'send': lambda client: client.send_raw_transaction(b'x', TxOpts(skip_preflight=True)),
}
ODD_ERROR = {'InstructionError': [0, {'Nonsense': [1]}]}
PREFLIGHT = {'code': -32002, 'message': 'x', 'data': {'err': ODD_ERROR, 'logs': []}}
RUBBISH = [
    '',
    'null',
    '[]',
    '5',
    '"text"',
    '{}',
    '<html>504</html>',
    '\ufffd\x00',
    '[' * 100_000,
    '{"error":' + '[' * 100_000,
    '{"jsonrpc":"2.0","id":0}',
    '{"jsonrpc":"2.0","id":0,"result":{}}',
    '{"jsonrpc":"2.0","id":0,"result":[null]}',
    '{"jsonrpc":"2.0","id":0,"result":null,"error":null}',
    '{"jsonrpc":"2.0","id":0,"result":{"context":{"slot":1e999},"value":-1}}',
    '{"jsonrpc":"2.0","id":0,"error":"no"}',
    '{"jsonrpc":"2.0","id":0,"error":[]}',
    '{"jsonrpc":"2.0","id":0,"error":{"code":"x","message":3}}',
    '{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"Parse error"}}',
    # At the next ones solders panics, or takes the error for a number.
    '{"jsonrpc":"2.0","id":0,"error":{"code":-32005,"message":"Node is unhealthy"}}',
    '{"jsonrpc":"2.0","id":0,"error":{"code":-32429,"message":"slow down"}}',
    '{"jsonrpc":"2.0","id":0,"\\u0065rror":{"code":-32429,"message":"slow down"}}',
    json.dumps({'jsonrpc': '2.0', 'id': 0, 'error': PREFLIGHT}),
]


@contextlib.asynccontextmanager
async def served(status, body, headers=''):
    """Address of a server that gives every request this answer; no status: it hangs up."""

    async def answer(reader, writer):
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = await reader.readuntil(b'\r\n\r\n')
                length = next(
                    int(line.split(b':')[1])
                    for line in head.lower().split(b'\r\n')
                    if line.startswith(b'content-length')
                )
                await reader.readexactly(length)
                if not status:
                    break
                text = body.encode('utf-8', 'surrogatepass')
                writer.write(
                    f'HTTP/1.1 {status} X\r\ncontent-length: {len(text)}\r\n{headers}\r\n'.encode()
                    + text
                )
                await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, '127.0.0.1', 0)
    async with server:
        yield f'http://127.0.0.1:{server.sockets[0].getsockname()[1]}/SECRET'


def caught(call, status, body, headers=''):
    async def run():
        async with served(status, body, headers) as url:
            client = RpcClient(url, 'node', 10.0)
            try:
                await guarded(lambda: call(client), 'node', 10.0)
            finally:
                await client.close()

    with pytest.raises(RpcError) as error:
        asyncio.run(run())
    assert 'SECRET' not in str(error.value)
    return error.value


async def told(client, call):
    """The error, or the answer."""
    try:
        return await guarded(lambda: call(client), 'node', 10.0)
    except RpcError as error:
        return error


def test_rubbish_is_one_of_our_errors_whatever_was_asked():
    async def run():
        for body in RUBBISH:
            async with served(200, body) as url:
                client = RpcClient(url, 'node', 10.0)
                for name, call in CALLS.items():
                    assert isinstance(await told(client, call), RpcError), (name, body[:80])
                await client.close()

    asyncio.run(run())


def error_body(code, **more):
    return json.dumps({'jsonrpc': '2.0', 'id': 0, 'error': {'code': code, 'message': 'x', **more}})


def test_errors_are_told_by_what_they_are():
    balance = CALLS['get_balance']
    assert type(caught(balance, 200, error_body(-32005))) is NodeBehind
    assert type(caught(balance, 200, error_body(-32429))) is RateLimited
    assert type(caught(balance, 200, '[]')) is BadAnswer
    assert type(caught(balance, 0, '')) is EndpointAway
    refused = caught(CALLS['send'], 200, json.dumps({'error': PREFLIGHT}))
    assert type(refused) is RpcRefused
    assert refused.data['err'] == ODD_ERROR


def test_a_limit_comes_with_its_time():
    error = caught(CALLS['get_slot'], 429, 'SECRET', 'retry-after: 17\r\n')
    assert (type(error), error.retry_after_s) == (RateLimited, 17.0)


def test_an_account_with_the_word_error_in_it_is_an_answer():
    data = ['"error"', 'base64']
    account = {'data': data, 'lamports': 1, 'owner': str(ADDRESS), 'executable': False}
    value = {**account, 'rentEpoch': 0, 'space': 0, 'note': 'error'}
    body = {'jsonrpc': '2.0', 'id': 0, 'result': {'context': {'slot': 1}, 'value': 3}}
    body['result']['error'] = value

    async def run():
        async with served(200, json.dumps(body)) as url:
            client = RpcClient(url, 'node', 10.0)
            answer = await guarded(lambda: client.get_balance(ADDRESS), 'node', 10.0)
            await client.close()
            return answer.value

    assert asyncio.run(run()) == 3
