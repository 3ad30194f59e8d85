import asyncio

import pytest
from rpc_world import RpcWorld, rpc_refused

from mmoment_chain.clusters import GENESIS
from mmoment_chain.rpc_errors import (
    ChainAway,
    EndpointAway,
    NodeBehind,
    RateLimited,
    RpcRefused,
    RpcTimedOut,
    WrongCluster,
)
from mmoment_node.recovery import RecoveryState


def slot(client):
    return client.get_slot()


def read(world, question=slot):
    return asyncio.run(world.pool.read(question))


def check(world):
    return asyncio.run(world.pool.check())


def used(world):
    return world.pool.status.endpoint


def away():
    return EndpointAway('node cannot be reached')


def test_the_preferred_server_is_asked_as_long_as_it_answers():
    world = RpcWorld(3)
    for _ in range(5):
        read(world)
    assert [len(node.calls) for node in world.nodes] == [5, 0, 0]
    assert world.pool.status.is_live


def test_a_failure_goes_to_the_next_within_the_call_and_is_told():
    world = RpcWorld(3)
    world.nodes[0].is_down = away()
    assert read(world).value > 0
    assert used(world) == 'http://node1.test/***'
    first = world.pool.status.endpoints[0]
    assert first.recovery.state is RecoveryState.WAITING_TO_RETRY
    assert first.recovery.last_error == 'node cannot be reached'
    assert 'SECRET' not in repr(world.pool.status)


def test_a_server_that_failed_is_left_alone_until_a_check_finds_it_well():
    world = RpcWorld(2)
    world.nodes[0].is_down = away()
    read(world)
    world.nodes[0].is_down = None
    world.clock.advance(100)
    read(world)
    assert world.nodes[0].calls == ['get_slot']
    check(world)
    read(world)
    assert used(world) == 'http://node0.test/***'
    assert world.pool.status.endpoints[0].recovery.retries == 0


def test_pauses_between_checks_grow_and_are_kept():
    world = RpcWorld(2)
    world.nodes[0].is_down = away()
    seen = []
    for _ in range(40):
        check(world)
        seen.append(len(world.nodes[0].calls))
        world.clock.advance(0.5)
    assert [seen.index(count) * 0.5 for count in range(1, 5)] == [0.0, 1.0, 3.0, 7.0]


def test_all_away_is_told_with_every_reason_and_ends_when_one_is_back():
    world = RpcWorld(2)
    for node in world.nodes:
        node.is_down = away()
    with pytest.raises(ChainAway) as caught:
        read(world)
    assert len(caught.value.failures) == 2
    assert not world.pool.status.is_live
    world.nodes[1].is_down = None
    # Nothing better is known, so the next call tries them all.
    assert read(world).value > 0
    assert used(world) == 'http://node1.test/***'


def test_what_is_our_fault_is_asked_once_and_held_against_nobody():
    world = RpcWorld(2)
    world.nodes[0].faults['get_slot'] = [rpc_refused(-32602)]
    with pytest.raises(RpcRefused):
        read(world)
    assert world.nodes[1].calls == []
    assert world.pool.by_preference()[0].name == 'http://node0.test/***'


def test_what_one_server_does_not_know_another_may():
    world = RpcWorld(2)
    world.nodes[0].faults['get_slot'] = [rpc_refused(-32601)]
    assert read(world).value > 0
    assert world.nodes[1].calls == ['get_slot']
    assert world.pool.status.endpoints[0].recovery.state is RecoveryState.LIVE


def test_a_limit_is_kept_for_as_long_as_it_was_told():
    world = RpcWorld(2)
    world.nodes[0].faults['get_slot'] = [RateLimited('full', retry_after_s=30.0)]
    read(world)
    world.clock.advance(29)
    read(world)
    assert len(world.nodes[0].calls) == 1
    world.clock.advance(2)
    read(world)
    assert len(world.nodes[0].calls) == 2
    assert not world.pool.status.endpoints[0].is_limited


def test_where_all_are_limited_nothing_is_asked_and_the_wait_is_told():
    world = RpcWorld(1)
    world.nodes[0].faults['get_slot'] = [RateLimited('full', retry_after_s=30.0)]
    with pytest.raises(ChainAway):
        read(world)
    world.clock.advance(10)
    with pytest.raises(ChainAway) as caught:
        read(world)
    assert caught.value.retry_after_s == pytest.approx(20.0)
    assert len(world.nodes[0].calls) == 1


def test_a_server_that_lags_behind_the_others_is_not_asked():
    world = RpcWorld(2, slots_behind_at_most=50)
    world.nodes[0].lag = 60
    check(world)
    assert world.pool.status.endpoints[0].is_behind
    assert '60 slots behind' in world.pool.status.endpoints[0].recovery.last_error
    read(world)
    assert used(world) == 'http://node1.test/***'
    world.nodes[0].lag = 40
    check(world)
    read(world)
    assert used(world) == 'http://node0.test/***'


def test_one_that_lags_is_better_than_none():
    world = RpcWorld(2)
    world.nodes[0].lag = 60
    check(world)
    world.nodes[1].is_down = away()
    assert read(world).value > 0
    assert used(world) == 'http://node0.test/***'


def test_one_that_says_that_it_is_not_well_is_not_asked():
    world = RpcWorld(2)
    world.nodes[0].faults['is_connected'] = [NodeBehind('node is behind')]
    check(world)
    read(world)
    assert used(world) == 'http://node1.test/***'


def test_a_line_stays_where_it_is_though_the_preferred_one_is_back():
    world = RpcWorld(2)
    world.nodes[0].is_down = away()
    line = world.pool.line()

    async def run():
        await line.ask(slot)
        world.nodes[0].is_down = None
        world.clock.advance(10)
        await world.pool.check()
        await line.ask(slot)
        assert world.nodes[1].calls.count('get_slot') == 3
        assert line.moves == 1
        # And moves when it has to.
        world.nodes[1].is_down = away()
        await line.ask(slot)

    asyncio.run(run())
    assert line.moves == 2
    assert used(world) == 'http://node0.test/***'


def test_a_question_that_hangs_costs_its_time_only():
    world = RpcWorld(2, timeout_s=0.02)

    async def hangs(client):
        if client is world.nodes[0]:
            await asyncio.Event().wait()
        return await client.get_slot()

    assert read(world, hangs).value > 0
    kinds = [each.recovery.last_error for each in world.pool.status.endpoints]
    assert 'no answer within' in kinds[0]
    assert RpcTimedOut.code == 'timed_out'


def test_every_change_is_told_once():
    seen = []
    world = RpcWorld(2, on_change=seen.append)
    read(world)
    read(world)
    world.nodes[0].is_down = away()
    read(world)
    assert [status.endpoint for status in seen] == [
        'http://node0.test/***',
        'http://node1.test/***',
    ]


def test_watching_goes_on_and_looks_sooner_at_what_failed():
    world = RpcWorld(2, check_every_s=15.0)
    world.nodes[0].is_down = away()
    pauses = []

    async def sleep(seconds):
        pauses.append(seconds)
        world.clock.advance(seconds)
        if len(pauses) == 2:
            world.nodes[0].is_down = None
        if len(pauses) == 4:
            raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(world.pool.watch(sleep))
    assert pauses == [1.0, 2.0, 15.0, 15.0]
    assert used(world) == 'http://node0.test/***'


def test_closing_ends_every_connection_and_a_question_opens_it_again():
    world = RpcWorld(2)

    async def run():
        await world.pool.check()
        await world.pool.close()
        await world.pool.close()
        await world.pool.read(slot)

    asyncio.run(run())
    assert [node.closed for node in world.nodes] == [1, 1]


def test_a_server_of_another_chain_is_told_and_never_asked_anything():
    world = RpcWorld(2, cluster='localnet')
    world.nodes[0].genesis = GENESIS['mainnet']
    for _ in range(3):
        assert read(world).value > 0
    assert world.nodes[0].calls == ['get_genesis_hash']
    assert world.nodes[1].calls == ['get_genesis_hash'] + 3 * ['get_slot']
    told = world.pool.status.endpoints[0].recovery.last_error
    assert 'mainnet, and localnet is configured' in told

    # The other way round as well; and the only server there is.
    world = RpcWorld(1, cluster='mainnet')
    for _ in range(2):
        with pytest.raises(ChainAway) as caught:
            read(world)
        assert isinstance(caught.value.failures[0], WrongCluster)
    world.nodes[0].genesis = GENESIS['mainnet']
    world.clock.advance(100)
    assert read(world).value > 0
    assert world.nodes[0].calls == 2 * ['get_genesis_hash'] + ['get_slot']
