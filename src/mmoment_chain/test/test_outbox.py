"""Events and visits reach the chain once, and nothing is sent where it must not be."""

import asyncio
import dataclasses
import itertools
import sqlite3

import pytest
from outbox_world import CLOCK, VERDICTS, CameraWorld, Key, dev_chain

from mmoment_chain import event_log
from mmoment_chain.devchain_faults import FOR_EVER, Fault, FaultKind
from mmoment_chain.held_back import (
    BALANCE,
    BUDGET,
    NOT_REGISTERED,
    WRONG_DEVICE,
    WRONG_LOG,
    HeldBack,
)
from mmoment_chain.program_build import PROGRAM_ID
from mmoment_chain.program_instructions import append_log, close_camera, rotate_device
from mmoment_chain.program_layout import LogRecord, RecordKind
from mmoment_chain.transaction_sending import TransactionSender
from mmoment_node.recovery import RecoveryState

pytestmark = pytest.mark.graph
_numbers = itertools.count(1)


@pytest.fixture(scope='module')
def server(tmp_path_factory):
    with dev_chain(tmp_path_factory.mktemp('chain')) as running:
        yield running


@pytest.fixture
def unknown(server, tmp_path):
    """A camera that is not registered."""
    with CameraWorld(tmp_path / 'camera', [server.url], f'outbox {next(_numbers)}') as world:
        yield world
    server.faults.clear()


@pytest.fixture
def world(unknown):
    unknown.register()
    return unknown


def held(world, **settings):
    with pytest.raises(HeldBack) as error:
        world.drain(**settings)
    return error.value.code


def test_every_event_is_a_record_once(world):
    world.log(45)
    status = world.drain()
    assert (status.log_here, status.log_there, status.waits) == (45, 45, False)
    assert status.spent_lamports == 3 * 5000
    assert len(status.last_signature) == 64
    camera = world.assert_told()
    assert camera.log_counts[RecordKind.MEDIA] == 45
    world.drain()
    assert world.assert_told() == camera


def test_the_node_sends_what_comes_while_it_runs(world):
    async def work(client):
        outbox = world.outbox(client)
        running = asyncio.ensure_future(outbox.run())
        for _ in range(5):
            await asyncio.to_thread(world.log, 3)
            await asyncio.sleep(0.03)
        session = await asyncio.to_thread(world.come)
        while outbox.status.waits or outbox.status.log_there != 16:
            await asyncio.sleep(0.01)
        await asyncio.to_thread(world.go, session)
        while outbox.status.waits or outbox.status.log_there != 17:
            await asyncio.sleep(0.01)
        running.cancel()
        return outbox.status

    status = world.run(lambda client: asyncio.wait_for(work(client), 20))
    assert status.recovery.state is RecoveryState.LIVE
    world.assert_told()


def test_few_events_wait_for_more(world):
    async def work(client):
        outbox = world.outbox(client, flush_records=4, flush_after_s=3600.0)
        for _ in range(3):
            await outbox.round()
        assert (outbox.status.log_there, outbox.status.waits) == (0, True)
        await asyncio.to_thread(world.log)
        await outbox.round()
        return outbox.status.log_there

    world.log(3)
    assert world.run(work) == 4


def test_few_events_wait_no_longer_than_told(world):
    async def work(client):
        outbox = world.outbox(client, flush_records=4, flush_after_s=0.3)
        begin_s = CLOCK.elapsed_s()
        while not outbox.status.log_there:
            await outbox.round()
            await asyncio.sleep(0.01)
        return CLOCK.elapsed_s() - begin_s

    world.log(3)
    assert world.run(work) >= 0.3


def test_nothing_is_sent_for_a_camera_that_is_not_registered(unknown):
    unknown.log()
    assert held(unknown) == NOT_REGISTERED

    async def work(client):
        outbox = unknown.outbox(client)
        pause_s = await outbox.round()
        return outbox.status, pause_s

    status, pause_s = unknown.run(work)
    assert (status.held_back, status.camera) == (NOT_REGISTERED, None)
    assert status.recovery.state is RecoveryState.WAITING_TO_RETRY
    assert pause_s > 0
    assert status.text
    unknown.register()
    unknown.drain_through()
    unknown.assert_told()


def test_nothing_is_sent_once_the_camera_has_another_device_key(world):
    other = Key('another device')
    world.send(
        [rotate_device(PROGRAM_ID, world.place.camera, world.owner.public, other.public)],
        world.owner,
        other,
    )
    world.log()
    assert held(world) == WRONG_DEVICE
    assert world.chain_camera().log_count == 0


def test_nothing_is_sent_for_another_log_than_the_one_on_the_chain(world):
    foreign = LogRecord(RecordKind.OTHER, 1, bytes([1]) * 32)
    place = world.place
    world.send([append_log(place.program, place.camera, place.device, 1, [foreign])])
    assert held(world) == WRONG_LOG  # the chain has more
    world.log(5)
    world.come()
    assert held(world) == WRONG_LOG  # the chain has other ones
    assert world.chain_camera().log_count == 1

    async def work(client):
        outbox = world.outbox(client)
        await outbox.round()
        while outbox.status.visits_waiting:
            await outbox._visits.wait(10.0)
            await outbox.round()
        return outbox.status

    # People come and go all the same, and it is told what to do.
    status = world.run(work)
    assert status.held_back == WRONG_LOG
    assert 'close_camera' in status.text
    camera = world.chain_camera()
    assert (camera.log_count, camera.visits) == (1, 1)


def test_a_log_that_was_changed_is_not_sent(world):
    world.log(30)
    world.drain()
    world.log(5)
    world.store.close()
    with sqlite3.connect(world.store.path) as raw:
        raw.execute('DROP TRIGGER events_stay')
        raw.execute(
            "UPDATE events SET entry = replace(entry, 'photo', 'phono') WHERE sequence = 33"
        )
    raw.close()
    world.store = type(world.store)(world.store.path, world.store.clock)
    assert held(world) == WRONG_LOG
    assert world.chain_camera().log_count == 30


def test_records_that_somebody_else_sent_are_done(world):
    """Two processes send the same log: none of them doubles or loses anything."""

    async def work(client):
        outboxes = [world.outbox(client) for _ in range(3)]
        await asyncio.gather(*(outbox.drain() for outbox in outboxes))

    world.log(200)
    world.run(work)
    world.assert_told()


def test_a_budget_is_kept(world):
    world.log(100)
    assert held(world, budget_lamports=12_000) == BUDGET
    camera = world.chain_camera()
    assert camera.log_count == 40

    async def work(client):
        outbox = world.outbox(client, budget_lamports=12_000)
        await outbox.round()
        assert (outbox.status.held_back, outbox.status.budget_lamports) == (BUDGET, 12_000)
        outbox.set_budget(0)
        await outbox.drain()
        return outbox.status

    status = world.run(work)
    assert status.spent_lamports == 5 * 5000
    assert status.held_back == ''
    world.assert_told()


def test_an_empty_account_holds_everything_back_until_it_is_filled(world):
    world.spend_all()
    world.log(3)
    world.come()
    assert held(world) == BALANCE
    world.fund(10**9)
    world.drain()
    world.assert_told(present=1)


def test_a_camera_that_was_closed_and_registered_again_gets_the_whole_log(world):
    world.log(5)
    world.drain()
    world.send(
        [close_camera(PROGRAM_ID, world.place.camera, world.owner.public, world.device.public)],
        world.owner,
    )
    assert held(world) == NOT_REGISTERED
    world.register()
    world.drain()
    world.assert_told()


def test_an_outage_costs_nothing_but_time(world, server):
    server.faults.add(Fault(FaultKind.CLOSE, times=FOR_EVER))

    async def work(client):
        outbox = world.outbox(client)
        pauses_s = []
        for _ in range(4):
            await asyncio.to_thread(world.log, 10)
            pauses_s.append(await outbox.round())
        assert outbox.status.recovery.state is RecoveryState.WAITING_TO_RETRY
        assert outbox.status.recovery.retries == 4
        assert outbox.status.recovery.last_error
        assert outbox.status.held_back == ''
        server.faults.clear()
        while outbox.status.waits:
            await outbox.round()
        assert outbox.status.recovery.state is RecoveryState.LIVE
        assert outbox.status.text == ''
        return pauses_s

    pauses_s = world.run(work)
    assert min(pauses_s) > 0
    assert pauses_s[3] > pauses_s[0]
    camera = world.assert_told()
    assert camera.log_count == 40


def test_a_chain_that_goes_away_while_something_is_sent_is_told(world, server):
    """What was sent is asked for until the chain is back, however long that takes."""
    server.faults.add(Fault(FaultKind.LOSE_ANSWER, ('sendTransaction',)))
    server.faults.add(Fault(FaultKind.CLOSE, ('getSignatureStatuses',), times=FOR_EVER))
    world.log(3)

    async def work(client):
        outbox = world.outbox(client)
        give_up = dataclasses.replace(client.sender._settings, give_up_after_s=0.1)
        sender = TransactionSender(client.pool, VERDICTS, CLOCK, give_up)
        outbox._sender._sender = sender
        sending = asyncio.ensure_future(outbox.drain())
        while outbox.status.recovery.state is not RecoveryState.WAITING_TO_RETRY:
            await asyncio.sleep(0.01)
        assert outbox.status.text
        server.faults.clear()
        return await sending

    assert world.run(work).recovery.state is RecoveryState.LIVE
    world.assert_told()


def test_a_node_that_lags_leads_to_no_double(world, server):
    world.log(60)
    account = ('getAccountInfo',)
    server.faults.add(Fault(FaultKind.STALE, account, times=FOR_EVER, blocks=3))
    world.drain()
    server.faults.clear()
    camera = world.assert_told()
    assert camera.log_counts[RecordKind.MEDIA] == 60


def test_an_empty_log_is_in_order(world):
    status = world.drain()
    assert (status.log_here, status.log_there, status.waits) == (0, 0, False)
    with world.store.reading() as query:
        assert event_log.head(query) == (0, event_log.GENESIS)
