"""Subscriptions, as solana-py's WebSocket client meets them."""

import asyncio
import json
import urllib.request

import pytest
import websockets
from devchain_world import (
    SOL,
    body,
    client,
    funded,
    latest,
    noted,
    paying,
    run,
    sent,
    server,
    someone,
)
from solana.rpc.commitment import Confirmed, Finalized, Processed
from solana.rpc.jsonrpc import SolanaJsonRpcError
from solana.rpc.models import TxOpts
from solana.rpc.websocket_api import SolanaWsClient
from solders.keypair import Keypair
from solders.rpc.config import RpcTransactionLogsFilter, RpcTransactionLogsFilterMentions
from solders.system_program import CreateAccountParams, create_account

WAIT_S = 20


@pytest.fixture(scope='module')
def chain(tmp_path_factory):
    with server(tmp_path_factory.mktemp('subscribed')) as running:
        yield running


def heard(chain, work):
    """Result of a coroutine function that is given a client, and one that listens."""

    async def ask():
        async with (
            client(chain.url, commitment=Confirmed) as asking,
            SolanaWsClient(chain.websocket_url) as listening,
        ):
            return await asyncio.wait_for(work(asking, listening), WAIT_S)

    return run(ask())


@pytest.mark.parametrize('level', [Processed, Confirmed, Finalized])
def test_signature_is_told_once_when_it_is_where_the_client_wants_it(chain, level):
    async def work(asking, listening):
        payer = await funded(asking)
        made = paying(payer, (await latest(asking)).blockhash, someone())
        wish = await listening.signature_subscribe(signature=made.signatures[0], commitment=level)
        await asking.send_transaction(made)
        told = await listening.recv()
        assert told.subscription == wish.subscription_id
        assert told.result.value.err is None
        status = (await asking.get_signature_statuses([made.signatures[0]])).value[0]
        assert int(status.confirmation_status) >= ['processed', 'confirmed', 'finalized'].index(
            level
        )
        # Whoever comes later is told at once.
        await listening.signature_subscribe(signature=made.signatures[0], commitment=level)
        assert (await listening.recv()).result.value.err is None

    heard(chain, work)


def test_failed_transaction_is_told_with_its_error_in_the_form_of_the_network(chain):
    """Read without solders, which takes neither error numbers of programs nor receptions."""

    async def work(asking, listening):
        payer = await funded(asking, SOL)
        made = paying(payer, (await latest(asking)).blockhash, someone(), 2 * SOL)
        config = {'commitment': 'confirmed', 'enableReceivedNotification': True}
        async with websockets.connect(chain.websocket_url) as raw:
            await raw.send(body('signatureSubscribe', str(made.signatures[0]), config).decode())
            number = json.loads(await raw.recv())['result']
            await asking.send_transaction(made, TxOpts(skip_preflight=True))
            told = [json.loads(await raw.recv()) for _ in range(2)]
        assert [each['method'] for each in told] == ['signatureNotification'] * 2
        assert [each['params']['subscription'] for each in told] == [number] * 2
        assert [each['params']['result']['value'] for each in told] == [
            'receivedSignature',
            {'err': {'InstructionError': [0, {'Custom': 1}]}},
        ]

    heard(chain, work)


def test_account_is_told_when_it_changes_and_when_it_goes(chain):
    async def work(asking, listening):
        payer = await funded(asking)
        short_lived = await funded(asking, SOL)
        await listening.account_subscribe(
            pubkey=short_lived.pubkey(), commitment=Confirmed, encoding='base64'
        )
        await sent(asking, payer, [noted(payer, 'about somebody else')])
        made = (await latest(asking)).blockhash
        await asking.send_transaction(paying(short_lived, made, payer.pubkey(), SOL - 5000))
        assert (await listening.recv()).result.value.lamports == 0

    heard(chain, work)


def test_unsubscribed_means_silence(chain):
    async def work(asking, listening):
        payer = await funded(asking)
        friend = someone()
        wish = await listening.account_subscribe(pubkey=friend, commitment=Processed)
        other = await listening.account_subscribe(pubkey=friend, commitment=Confirmed)
        await listening.unsubscribe(wish)
        await asking.send_transaction(paying(payer, (await latest(asking)).blockhash, friend, SOL))
        assert (await listening.recv()).subscription == other.subscription_id

    heard(chain, work)


def test_accounts_of_a_program_are_told_by_filter(chain):
    async def work(asking, listening):
        payer, owner = await funded(asking), someone()
        await listening.program_subscribe(
            program_id=owner, commitment=Confirmed, encoding='base64', filters=[8]
        )
        for space in (4, 8):
            made = Keypair()
            given = CreateAccountParams(
                from_pubkey=payer.pubkey(), to_pubkey=made.pubkey(), lamports=SOL, space=space,
                owner=owner,
            )  # fmt: skip
            await sent(asking, payer, [create_account(given)], made)
        told = (await listening.recv()).result.value
        assert told.pubkey == made.pubkey()
        assert told.account.owner == owner

    heard(chain, work)


def test_logs_are_told_of_all_and_of_what_mentions_an_address(chain):
    async def work(asking, listening):
        payer, other = await funded(asking), await funded(asking)
        mentions = await listening.logs_subscribe(
            filter_=RpcTransactionLogsFilterMentions(payer.pubkey()), commitment=Confirmed
        )
        everything = await listening.logs_subscribe(
            filter_=RpcTransactionLogsFilter.All, commitment=Confirmed
        )
        first = await sent(asking, other, [noted(other, 'not about the payer')])
        second = await sent(asking, payer, [noted(payer, 'about the payer')])
        told = [await listening.recv() for _ in range(3)]
        seen = [(each.subscription, each.result.value.signature) for each in told]
        assert seen.count((everything.subscription_id, first)) == 1
        assert seen.count((everything.subscription_id, second)) == 1
        assert seen.count((mentions.subscription_id, second)) == 1
        assert 'about the payer' in ' '.join(told[-1].result.value.logs)

    heard(chain, work)


def test_slots_and_roots_are_told(chain):
    async def work(asking, listening):
        slots = await listening.slot_subscribe()
        told = [(await listening.recv()).result for _ in range(3)]
        assert [each.slot - told[0].slot for each in told] == [0, 1, 2]
        assert all(each.parent == each.slot - 1 and each.root < each.parent for each in told)
        await listening.unsubscribe(slots)
        await listening.root_subscribe()
        assert (await listening.recv()).result > told[0].root

    heard(chain, work)


def test_what_is_not_offered_is_refused(chain):
    async def work(asking, listening):
        with pytest.raises(SolanaJsonRpcError, match='Method not found'):
            await listening.vote_subscribe()

    heard(chain, work)


def test_nonsense_gets_an_error_and_the_connection_goes_on(chain):
    async def work():
        async with websockets.connect(chain.websocket_url) as raw:
            for given in (
                '{', '[1]', '{"method": 1}',
                '{"jsonrpc":"2.0","id":1,"method":"accountSubscribe","params":["x"]}',
                '{"jsonrpc":"2.0","id":1,"method":"logsSubscribe","params":[7]}',
                '{"jsonrpc":"2.0","id":1,"method":"slotUnsubscribe","params":[99]}',
                '{"jsonrpc":"2.0","id":1,"method":"Subscribe"}',
            ):  # fmt: skip
                await raw.send(given)
                assert 'error' in json.loads(await raw.recv())
            await raw.send('{"jsonrpc":"2.0","id":5,"method":"slotSubscribe"}')
            assert json.loads(await raw.recv())['id'] == 5
            assert json.loads(await raw.recv())['method'] == 'slotNotification'

    run(asyncio.wait_for(work(), WAIT_S))


def test_websockets_are_served_at_the_port_of_json_rpc_too(chain):
    async def work():
        async with SolanaWsClient(chain.url.replace('http', 'ws')) as listening:
            await listening.slot_subscribe()
            await listening.recv()

    run(asyncio.wait_for(work(), WAIT_S))


def test_connections_are_cut_on_demand(chain):
    async def work():
        async with websockets.connect(chain.websocket_url) as raw:
            assert await asyncio.to_thread(control, chain, 'closeSockets') == 1
            with pytest.raises(websockets.ConnectionClosed) as caught:
                await raw.recv()
            assert caught.value.rcvd.code == 1001

    run(asyncio.wait_for(work(), WAIT_S))


def control(chain, method, *params):
    call = {'jsonrpc': '2.0', 'id': 1, 'method': f'devchain_{method}', 'params': list(params)}
    request = urllib.request.Request(
        chain.url, json.dumps(call).encode(), {'content-type': 'application/json'}
    )
    with urllib.request.urlopen(request) as response:
        return json.load(response)['result']
