"""Each fault, as solana-py's client meets it, and as the chain is afterwards."""

import asyncio
import time

import pytest
from devchain_world import (
    SOL,
    asked,
    client,
    confirmed,
    funded,
    latest,
    paying,
    run,
    server,
    someone,
)
from solana.exceptions import SolanaRpcException
from solana.rpc.commitment import Confirmed, Processed
from solana.rpc.core import RPCException
from solders.rpc.errors import NodeUnhealthyMessage

from mmoment_chain.devchain_errors import RpcError
from mmoment_chain.devchain_faults import FOR_EVER, Fault, FaultKind, Faults

SEND = ('sendTransaction',)


@pytest.fixture(scope='module')
def chain(tmp_path_factory):
    with server(tmp_path_factory.mktemp('faulty')) as running:
        yield running


@pytest.fixture(autouse=True)
def _nothing_wrong(chain):
    yield
    chain.faults.clear()
    chain.control.is_paused = False


def test_faults_strike_in_order_and_are_used_up():
    faults = Faults()
    faults.add(
        Fault(FaultKind.DELAY, ('getSlot',), times=2, skips=1, seconds=1.0),
        Fault(FaultKind.CLOSE),
    )
    taken = [faults.take('getSlot') for _ in range(4)]
    # The first call passes that fault by, and meets the next.
    assert [each and each.kind for each in taken] == [
        FaultKind.CLOSE,
        FaultKind.DELAY,
        FaultKind.DELAY,
        None,
    ]
    assert faults.waiting == []
    assert faults.struck == {FaultKind.CLOSE: 1, FaultKind.DELAY: 2}


def test_fault_may_strike_for_ever_until_cleared():
    faults = Faults()
    faults.add(Fault(FaultKind.DROP, SEND, times=FOR_EVER))
    assert all(faults.take('sendTransaction') for _ in range(1000))
    assert faults.take('getSlot') is None
    faults.clear()
    assert faults.take('sendTransaction') is None


@pytest.mark.parametrize(
    'given', [None, {}, {'kind': 'flood'}, {'kind': 'drop', 'severity': 1}, ['drop']]
)
def test_what_is_no_fault_is_refused(given):
    with pytest.raises(RpcError, match='kind'):
        Fault.from_json(given)


def test_delay(chain):
    async def work(asking):
        chain.faults.add(Fault(FaultKind.DELAY, ('getSlot',), seconds=0.3))
        begin = time.monotonic()
        await asking.get_slot()
        assert time.monotonic() - begin >= 0.3

    asked(chain, work)


def test_others_do_not_wait_for_a_delayed_answer(chain):
    async def work(asking):
        chain.faults.add(Fault(FaultKind.DELAY, ('getSlot',), seconds=0.5))
        slow = asyncio.ensure_future(asking.get_slot())
        while chain.faults.waiting:
            await asyncio.sleep(0.001)
        await asking.get_block_height()
        assert not slow.done()
        await slow

    asked(chain, work)


def test_too_many_requests(chain):
    async def work(asking):
        chain.faults.add(Fault(FaultKind.TOO_MANY, seconds=7))
        with pytest.raises(SolanaRpcException) as caught:
            await asking.get_slot()
        response = caught.value.__cause__.response
        assert (response.status_code, response.headers['retry-after']) == (429, '7')
        await asking.get_slot()

    asked(chain, work)


def test_dropped_transaction_is_accepted_and_never_runs(chain):
    async def work(asking):
        payer, friend = await funded(asking), someone()
        chain.faults.add(Fault(FaultKind.DROP, SEND))
        dropped = paying(payer, (await latest(asking)).blockhash, friend, SOL)
        signature = (await asking.send_transaction(dropped)).value
        assert signature == dropped.signatures[0]
        chain.call(lambda each: each.advance(3))
        assert (await asking.get_signature_statuses([signature])).value == [None]
        # Sent again, it arrives.
        await asking.send_transaction(dropped)
        await confirmed(asking, signature)
        assert (await asking.get_balance(friend)).value == SOL

    asked(chain, work)


@pytest.mark.parametrize(('kind', 'lamports'), [(FaultKind.CLOSE, 0), (FaultKind.LOSE_ANSWER, SOL)])
def test_connection_that_ends_before_or_after_the_work_is_done(chain, kind, lamports):
    async def work():
        # Its own retry would hide what happens.
        async with client(chain.url, commitment=Confirmed, max_transport_retries=0) as asking:
            payer, friend = await funded(asking), someone()
            chain.faults.add(Fault(kind, SEND))
            sent = paying(payer, (await latest(asking)).blockhash, friend, SOL)
            with pytest.raises(SolanaRpcException):
                await asking.send_transaction(sent)
            assert (await asking.get_balance(friend, Processed)).value == lamports

    run(work())


def test_error_body_of_any_kind(chain):
    async def work(asking):
        chain.faults.add(Fault(FaultKind.ERROR, code=-32603, message='Internal error'))
        with pytest.raises(RPCException, match='Internal error'):
            await asking.get_slot()
        chain.faults.add(Fault(FaultKind.BODY, code=503, message='<html>busy</html>'))
        with pytest.raises(SolanaRpcException):
            await asking.get_slot()
        chain.faults.add(Fault(FaultKind.BODY, message='{"jsonrpc": "2.0", "id"'))
        with pytest.raises(Exception, match='EOF'):
            await asking.get_slot()

    asked(chain, work)


def test_node_that_is_behind_says_by_how_much(chain):
    async def work(asking):
        chain.faults.add(Fault(FaultKind.BEHIND, ('getHealth', 'getSlot'), times=2, blocks=42))
        with pytest.raises(RPCException) as caught:
            await asking.get_slot()
        assert isinstance(caught.value.args[0], NodeUnhealthyMessage)
        assert caught.value.args[0].data.num_slots_behind == 42
        with pytest.raises(RPCException, match='behind by 42 slots'):
            await asking.is_connected()

    asked(chain, work)


def test_stale_node_answers_as_it_would_have(chain):
    async def work(asking):
        payer, friend = await funded(asking), someone()
        chain.control.is_paused = True
        signature = (
            await asking.send_transaction(paying(payer, (await latest(asking)).blockhash, friend))
        ).value
        chain.call(lambda each: each.close_block())
        chain.faults.add(
            Fault(FaultKind.STALE, ('getSignatureStatuses', 'getBalance'), times=2, blocks=2)
        )
        assert (await asking.get_signature_statuses([signature])).value == [None]
        assert (await asking.get_balance(friend, Processed)).value == 0
        assert (await asking.get_signature_statuses([signature])).value[0] is not None
        assert (await asking.get_balance(friend, Processed)).value > 0

    asked(chain, work)


def test_expired_blockhash(chain):
    async def work(asking):
        payer = await funded(asking)
        chain.faults.add(Fault(FaultKind.EXPIRED))
        told = await latest(asking)
        assert told.last_valid_block_height < (await asking.get_block_height(Processed)).value
        with pytest.raises(RPCException, match='Blockhash not found'):
            await asking.send_transaction(paying(payer, told.blockhash, someone()))

    asked(chain, work)


def test_fork_forgets_what_was_confirmed(chain):
    async def work(asking):
        payer, friend = await funded(asking), someone()
        chain.control.is_paused = True
        chain.call(lambda each: each.settle())
        sent = paying(payer, (await latest(asking)).blockhash, friend, SOL)
        signature = (await asking.send_transaction(sent)).value
        chain.call(lambda each: each.close_block())
        status = (await asking.get_signature_statuses([signature])).value[0]
        assert str(status.confirmation_status).endswith('Confirmed')

        chain.call(lambda each: each.fork(2))

        assert (await asking.get_signature_statuses([signature], True)).value == [None]
        assert (await asking.get_transaction(signature, 'json', None, 0)).value is None
        assert (await asking.get_balance(friend, Processed)).value == 0
        assert (await asking.get_signatures_for_address(friend)).value == []

    asked(chain, work)
