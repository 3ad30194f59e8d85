"""What is built, sent once, and paid for; against a builder and a chain that do as the test says."""

import asyncio
import dataclasses

import pytest
from kinds_world import Key, KindsWorld
from solders.hash import Hash
from solders.message import MessageV0, to_bytes_versioned
from solders.pubkey import Pubkey
from store_world import session

from mmoment_chain import session_records, spending
from mmoment_chain.errors import Refused
from mmoment_chain.pending_transactions import PendingTransactions
from mmoment_chain.program_layout import Mode
from mmoment_chain.transaction_building import Built
from mmoment_chain.transaction_desk import Order, TransactionDesk
from mmoment_chain.transaction_sending import Outcome, Sent

FEE = 5000


class Builder:
    """Makes what has no signatures yet."""

    def __init__(self):
        self.plans = []

    async def build(self, plan):
        self.plans.append(plan)
        payer = Pubkey.from_bytes(plan.payer)
        message = MessageV0.try_compile(payer, list(plan.instructions), [], Hash.new_unique())
        raw = bytes(to_bytes_versioned(message))
        count = message.header.num_required_signatures
        signers = tuple(bytes(key) for key in message.account_keys[:count])
        wire = bytes([count]) + bytes(64 * count) + raw
        return Built(wire, raw, signers, signers, (), (), 1, FEE, plan.rent_lamports, 100)


class Chain:
    """Answers with the outcomes it is given, one for each transaction."""

    def __init__(self):
        self.outcomes = []
        self.sent = []
        self.gate = None

    async def send(self, wire, last_valid_height):
        self.sent.append(wire)
        if self.gate is not None:
            await self.gate.wait()
        outcome = self.outcomes.pop(0) if self.outcomes else Outcome.CONFIRMED
        slot = 7 if outcome is Outcome.CONFIRMED else 0
        return Sent(outcome, wire[1:65], slot, text='so')


class World(KindsWorld):
    def __init__(self, store, clock, device_pays_for=(), budget=0, mode=Mode.PRIVATE):
        super().__init__(mode, device_pays_for=device_pays_for)
        self.store, self.builder, self.sender, self.decided = store, Builder(), Chain(), []
        self.desk = TransactionDesk(
            self.here, PendingTransactions(clock), self.builder, self.sender, store,
            lambda: budget, lambda pending, sent: self.decided.append(sent.outcome),
        )  # fmt: skip

    async def build(self, kind, person, **values):
        return await self.desk.build(Order(kind, self.key(person), None, values))

    async def submit(self, pending, *people):
        built = pending.built
        keys = [*map(Key, map(self.pair, (*people, 'device')))]
        keys += pending.row.plans[pending.number].others
        by_key = {key.public: key for key in keys}
        signatures = [
            by_key[key].sign(built.message) if key in by_key else bytes(64) for key in built.signers
        ]
        wire = built.transaction[:1] + b''.join(signatures) + built.message
        return await self.desk.submit(pending.id, wire)

    def spent(self):
        with self.store.reading() as query:
            return spending.spent(query)


@pytest.fixture
def world(store, clock):
    world = World(store, clock)
    world.perform('register_camera', 'owner', name='Door')
    return world


async def code(work):
    with pytest.raises(Refused) as caught:
        await work
    return caught.value.code


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
    world = World(store, clock, device_pays_for=['set_active'], budget=2 * FEE)
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


def test_nobody_is_given_the_signature_of_the_device(store, clock):
    world = World(store, clock, device_pays_for=['set_active'])
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
    world = World(store, clock, mode=Mode.PUBLIC, device_pays_for=['check_in'])
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
