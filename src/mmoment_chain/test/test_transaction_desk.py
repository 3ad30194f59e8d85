"""What is built, sent once, and paid for; against a builder and a chain that do as the test says."""

import asyncio
import dataclasses

import pytest
from desk_world import FEE, DeskWorld, code
from store_world import session

from mmoment_chain import session_records
from mmoment_chain.errors import Refused
from mmoment_chain.nft_rules import Judgement, Reason
from mmoment_chain.pending_transactions import KEPT_S
from mmoment_chain.program_layout import Mode
from mmoment_chain.transaction_desk import Order
from mmoment_chain.transaction_sending import Outcome


@pytest.fixture
def world(store, clock):
    world = DeskWorld(store, clock)
    world.perform('register_camera', 'owner', name='Door')
    return world


def test_what_is_submitted_again_is_sent_once(world):
    async def scene():
        world.sender.gate = asyncio.Event()
        built = await world.build('set_active', 'owner', active='no')
        twice = [asyncio.ensure_future(world.submit(built, 'owner')) for _ in range(2)]
        await asyncio.sleep(0.01)
        # Whoever asked has gone.
        twice[0].cancel()
        world.sender.gate.set()
        first = await twice[1]
        assert await world.submit(built, 'owner') == first
        assert (first.outcome, len(world.sender.sent)) == (Outcome.CONFIRMED, 1)
        assert world.decided == [Outcome.CONFIRMED]

    asyncio.run(scene())


def test_of_what_is_not_decided_one_hears_by_asking_again(world):
    async def scene():
        world.sender.outcomes = [Outcome.UNKNOWN]
        built = await world.build('set_active', 'owner', active='no')
        assert (await world.submit(built, 'owner')).outcome is Outcome.UNKNOWN
        assert (await world.submit(built, 'owner')).outcome is Outcome.CONFIRMED

    asyncio.run(scene())


def test_a_row_is_built_one_after_the_other(world):
    world.perform('create_group', 'owner')
    world.keep_face('anna')

    async def scene():
        first = await world.build('mint_face', 'anna')
        assert len(first.row.plans) > 1
        # It got lost: it is built anew.
        again = await world.build('mint_face', 'anna', after=first.id)
        assert (again.number, again.row) == (0, first.row)
        last = again
        while not last.is_last:
            await world.submit(last, 'anna')
            following = await world.build('mint_face', 'anna', after=last.id)
            assert following.number == last.number + 1
            last = following
        assert world.builder.plans == [first.row.plans[0], *first.row.plans]
        await world.submit(last, 'anna')
        assert await code(world.build('mint_face', 'anna', after=last.id)) == 'already_there'
        assert await code(world.build('burn_face', 'anna', after=last.id)) == 'not_ours'
        assert await code(world.build('mint_face', 'berta', after=first.id)) == 'not_ours'
        assert await code(world.build('mint_face', 'anna', after='x')) == 'not_ours'
        assert await code(world.build('fly', 'anna')) == 'bad_value'

    asyncio.run(scene())


def test_what_the_device_pays_for_is_counted_and_corrected(store, clock):
    world = DeskWorld(store, clock, device_pays_for=['set_active'], budget=2 * FEE)
    world.perform('register_camera', 'owner', name='Door')

    async def scene():
        async def once(outcome):
            world.sender.outcomes = [outcome]
            built = await world.build('set_active', 'owner', active='no')
            return await world.submit(built, 'owner')

        await once(Outcome.EXPIRED)
        assert world.spent() == 0
        await once(Outcome.CONFIRMED)
        assert world.spent() == FEE
        await once(Outcome.UNKNOWN)
        assert world.spent() == 2 * FEE
        built = await world.build('set_active', 'owner', active='no')
        sent = len(world.sender.sent)
        assert await code(world.submit(built, 'owner')) == 'budget'
        assert len(world.sender.sent) == sent

    asyncio.run(scene())


def test_nobody_is_given_the_signature_of_the_device_for_what_it_pays(store, clock):
    world = DeskWorld(store, clock, device_pays_for=['set_active'])
    world.perform('register_camera', 'owner', name='Door')

    async def scene():
        pending = await world.build('set_active', 'owner', active='no')
        built = pending.built
        signed = dataclasses.replace(
            built, transaction=built.transaction[:1] + bytes([7]) * 128 + built.message
        )
        paid = dataclasses.replace(pending, built=signed)
        assert world.desk.offered(paid)[1:129] == bytes(64) + bytes([7]) * 64
        by_owner = dataclasses.replace(signed, signers=signed.signers[::-1])
        own = dataclasses.replace(paid, built=by_owner)
        assert world.desk.offered(own)[1:129] == bytes([7]) * 64 + bytes(64)
        assert not world.desk.is_wallets_to_send(own)

    asyncio.run(scene())


def test_what_people_pay_for_is_not_counted(world):
    async def scene():
        built = await world.build('set_active', 'owner', active='no')
        await world.submit(built, 'owner')
        assert world.spent() == 0
        assert await code(world.submit(await world.build('set_active', 'owner', active='no'))) == (
            'unsigned'
        )

    asyncio.run(scene())


def test_a_check_in_is_not_sent_once_its_session_is_over(store, clock):
    world = DeskWorld(store, clock, mode=Mode.PUBLIC, device_pays_for=['check_in'])
    world.perform('register_camera', 'owner', name='Door')
    stay = world.stay('anna')

    def put(**changes):
        now_ms = clock.utc_ms()
        with store.transaction() as tx:
            tx.change('DELETE FROM chain_visits')
            tx.change('DELETE FROM sessions')
            times = {'expires_ms': now_ms + 1, **changes}
            session_records.add(tx, session(id=stay.id, **times))

    async def scene():
        built = await world.desk.build(Order('check_in', world.key('anna'), stay, {}))
        for changes in ({'ended_ms': clock.utc_ms()}, {'expires_ms': clock.utc_ms()}):
            put(**changes)
            assert await code(world.submit(built, 'anna')) == 'no_session'
        assert world.sender.sent == []
        put()
        assert (await world.submit(built, 'anna')).is_confirmed
        put(ended_ms=clock.utc_ms())
        # What was sent is told all the same.
        assert (await world.submit(built, 'anna')).is_confirmed

    asyncio.run(scene())


@pytest.fixture
def anna(world, store, clock):
    """Somebody who is checked in, may enrol, and has a face to put on the chain."""
    world.perform('create_group', 'owner')
    world.keep_face('anna')
    stay = world.stay('anna')
    with store.transaction() as tx:
        session_records.add(tx, session(id=stay.id, expires_ms=clock.utc_ms() + 3_600_000))
    return stay


def order(world, kind, stay, **values):
    return Order(kind, world.key('anna'), stay, values)


async def begun(world, anna, kind='mint_face'):
    """The first of a row, which is on the chain."""
    first = await world.desk.build(order(world, kind, anna))
    assert (await world.submit(first, 'anna')).is_confirmed
    assert not first.is_last
    return first


@pytest.mark.parametrize('kind', ['mint_face', 'update_face'])
def test_a_row_goes_on_only_with_the_right_that_it_needs(world, anna, kind):
    if kind == 'update_face':
        world.perform('mint_face', 'anna')

    async def scene():
        first = await world.desk.build(order(world, kind, anna))
        poorer = dataclasses.replace(anna, id='s2', rights=frozenset({'view'}))
        # To be built once more, then on the chain.
        for _ in range(2):
            wish = order(world, kind, poorer, after=first.id)
            assert await code(world.desk.build(wish)) == 'missing_right'
            # Nor by somebody of whom no session tells what they may.
            nobody = order(world, kind, None, after=first.id)
            assert await code(world.desk.build(nobody)) == 'no_session'
            assert (await world.submit(first, 'anna')).is_confirmed
            if first.is_last:
                return
        assert (await world.desk.build(order(world, kind, anna, after=first.id))).row is first.row

    asyncio.run(scene())


def test_what_is_the_owners_goes_on_only_by_the_owner(world, anna):
    admin = dataclasses.replace(anna, rights=frozenset({'admin'}))

    async def scene():
        row = (await world.build('set_active', 'owner', active='no')).row
        for kind in ('set_active', 'create_group'):
            begun = world.pending.add(kind, anna.wallet, row, 0, None, anna.id)
            again = order(world, kind, anna, after=begun.id)
            assert await code(world.desk.build(again)) == 'missing_right'
            again = order(world, kind, admin, after=begun.id)
            assert (await world.desk.build(again)).row is row

    asyncio.run(scene())


def test_nothing_of_a_session_is_sent_once_that_is_over(world, store, anna):
    async def scene():
        first = await world.desk.build(order(world, 'mint_face', anna))
        with store.transaction() as tx:
            session_records.end(tx, anna.id, tx.utc_ms(), 'asked')
        assert await code(world.submit(first, 'anna')) == 'no_session'
        assert world.sender.sent == []

    asyncio.run(scene())


def test_of_whom_was_forgotten_nothing_goes_on(world, anna):
    async def scene():
        first = await begun(world, anna)
        second = await world.desk.build(order(world, 'mint_face', anna, after=first.id))
        sent = len(world.sender.sent)
        world.desk.forget(anna.wallet)
        assert await code(world.submit(second, 'anna')) == 'not_ours'
        assert await code(world.desk.confirm(second.id, bytes(64))) == 'not_ours'
        again = order(world, 'mint_face', anna, after=first.id)
        assert await code(world.desk.build(again)) == 'not_ours'
        assert len(world.sender.sent) == sent
        # Nothing of the envelope is left.
        assert world.pending._kept == {}

    asyncio.run(scene())


def test_whoever_is_forgotten_while_something_is_built_is_not_remembered_by_it(world, anna):
    async def scene():
        build, goes_on = world.builder.build, asyncio.Event()

        async def slow(plan):
            await goes_on.wait()
            return await build(plan)

        world.builder.build = slow
        building = [
            asyncio.ensure_future(world.desk.build(order(world, 'mint_face', anna))),
            asyncio.ensure_future(world.build('set_active', 'owner', active='no')),
        ]
        await asyncio.sleep(0.01)
        world.desk.forget(anna.wallet)
        goes_on.set()
        assert await code(building[0]) == 'not_ours'
        # Others' goes on.
        assert list(world.pending._kept.values()) == [await building[1]]

    asyncio.run(scene())


def test_whoever_is_forgotten_just_before_it_is_sent_is_not_sent_for(world, anna, monkeypatch):
    async def scene():
        first = await world.desk.build(order(world, 'mint_face', anna))
        is_open = world.desk._require_open
        loop = asyncio.get_running_loop()

        def meanwhile(session_id):
            is_open(session_id)
            loop.call_soon_threadsafe(world.desk.forget, anna.wallet)

        monkeypatch.setattr(world.desk, '_require_open', meanwhile)
        assert await code(world.submit(first, 'anna')) == 'not_ours'
        assert world.sender.sent == []

    asyncio.run(scene())


def test_of_rows_that_were_begun_at_once_one_is_finished(world, anna):
    async def scene():
        rows = [await begun(world, anna) for _ in range(2)]
        held = Judgement(Reason.HOLDS, rows[0].row.accounts[0])

        async def found(wallet):
            return held

        faces = dataclasses.replace(world.here.faces, found=found)
        world.desk._here = dataclasses.replace(world.here, faces=faces)
        texts = []
        for first in rows:
            with pytest.raises(Refused) as refusal:
                await world.desk.build(order(world, 'mint_face', anna, after=first.id))
            assert refusal.value.code == 'already_there'
            texts.append(refusal.value.text)
        assert 'it is done' in texts[0]
        assert 'update or burn' in texts[1]

    asyncio.run(scene())


def test_what_is_old_is_let_go_of(world, clock):
    async def scene():
        await world.build('set_active', 'owner', active='no')
        clock.advance(KEPT_S)
        world.desk.tidy()
        assert world.pending._kept == {}

    asyncio.run(scene())
