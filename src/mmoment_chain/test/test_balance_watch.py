import asyncio

import pytest
from rpc_world import RpcWorld

from mmoment_chain.balance_watch import Balance, BalanceWatch
from mmoment_chain.rpc_errors import ChainAway, EndpointAway
from mmoment_chain.wallet import wallet_text

DEVICE = bytes([5]) * 32
LOW = 1_000_000


@pytest.fixture
def chain():
    return RpcWorld()


def watch(chain, seen, low=LOW):
    return BalanceWatch(chain.pool, DEVICE, low, chain.clock, seen.append)


def test_a_low_balance_is_told_with_what_to_do(chain):
    seen = []
    watched = watch(chain, seen)
    chain.ledger.balance = LOW
    assert not asyncio.run(watched.check()).is_low
    chain.ledger.balance = LOW - 1
    balance = asyncio.run(watched.check())
    assert balance.is_low
    assert '0.000999999 SOL' in balance.text
    assert '0.001 SOL' in balance.text
    assert wallet_text(DEVICE) in balance.text
    assert balance.since_ms == chain.clock.utc_ms()
    assert [each.is_low for each in seen] == [False, True]


def test_the_alarm_does_not_flicker_around_its_limit(chain):
    seen = []
    watched = watch(chain, seen)
    for lamports in (LOW - 1, LOW, LOW + LOW // 20, LOW - 1, LOW + LOW // 10, LOW):
        chain.ledger.balance = lamports
        asyncio.run(watched.check())
    assert [each.is_low for each in seen] == [True, True, True, True, False, False]


def test_no_limit_is_no_alarm(chain):
    chain.ledger.balance = 0
    assert asyncio.run(watch(chain, [], low=0).check()) == Balance(lamports=0)


def test_what_cannot_be_asked_is_not_known(chain):
    seen = []
    watched = watch(chain, seen)
    chain.nodes[0].is_down = EndpointAway('gone')
    with pytest.raises(ChainAway):
        asyncio.run(watched.check())
    assert watched.balance == Balance(lamports=-1, is_low=False)
    assert seen == []


def test_watching_goes_on_while_the_chain_is_away(chain):
    seen, pauses = [], []
    watched = watch(chain, seen)
    chain.nodes[0].is_down = EndpointAway('gone')

    async def sleep(seconds):
        pauses.append(seconds)
        chain.clock.advance(seconds)
        if len(pauses) == 2:
            chain.nodes[0].is_down = None
        if len(pauses) == 3:
            raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(watched.watch(30.0, sleep))
    assert pauses == [30.0, 30.0, 30.0]
    assert [each.lamports for each in seen] == [chain.ledger.balance]
