"""What wallets have sent themselves, at the desk; what the chain says of it is as the test says."""

import asyncio
import dataclasses

import pytest
from desk_world import DeskWorld, code

from mmoment_chain.program_layout import Mode
from mmoment_chain.transaction_desk import LOOKS_PER_WALLET, Order
from mmoment_chain.transaction_sending import Outcome

ANOTHER = bytes([3]) * 64


@pytest.fixture
def world(store, clock):
    world = DeskWorld(store, clock)
    world.perform('register_camera', 'owner', name='Door')
    return world


def with_device(world, pending):
    """As the real builder leaves it: the signatures that the device can give are there."""
    built, device = pending.built, world.here.place.device
    ours = {device, *(key.public for key in pending.row.plans[pending.number].others)}
    places = [bytes([7]) * 64 if key in ours else bytes(64) for key in built.signers]
    signed = built.transaction[:1] + b''.join(places) + built.message
    missing = tuple(key for key in built.signers if key not in ours)
    return dataclasses.replace(
        pending, built=dataclasses.replace(built, transaction=signed, missing=missing)
    )


def test_what_the_chain_has_is_confirmed_once_and_the_next_follows(world):
    world.perform('create_group', 'owner')
    world.keep_face('anna')

    async def scene():
        first = await world.build('mint_face', 'anna')
        signature = world.signature(first, 'anna')
        sent = await world.desk.confirm(first.id, signature)
        assert (sent.outcome, sent.signature) == (Outcome.CONFIRMED, signature)
        assert await world.desk.confirm(first.id, signature) == sent
        assert world.elsewhere.asked == [(first.built, signature)]
        assert world.decided == [Outcome.CONFIRMED]
        # What is there is not sent again, and no other transaction is taken for it.
        assert await world.submit(first, 'anna') == sent
        assert world.sender.sent == []
        assert await code(world.desk.confirm(first.id, ANOTHER)) == 'foreign_transaction'
        following = await world.build('mint_face', 'anna', after=first.id)
        assert following.number == 1

    asyncio.run(scene())


@pytest.mark.parametrize('refusal', ['foreign_transaction', 'unknown_signature'])
def test_what_is_something_else_changes_nothing(world, refusal):
    async def scene():
        built = await world.build('set_active', 'owner', active='no')
        world.elsewhere.outcomes = [refusal]
        assert await code(world.desk.confirm(built.id, ANOTHER)) == refusal
        assert world.decided == []
        assert (await world.submit(built, 'owner')).is_confirmed

    asyncio.run(scene())


def test_of_what_is_not_decided_one_hears_by_asking_again(world):
    async def scene():
        built = await world.build('set_active', 'owner', active='no')
        signature = world.signature(built, 'owner')
        world.elsewhere.outcomes = [Outcome.UNKNOWN]
        assert (await world.desk.confirm(built.id, signature)).outcome is Outcome.UNKNOWN
        assert (await world.desk.confirm(built.id, signature)).is_confirmed

    asyncio.run(scene())


def test_what_failed_is_settled_only_if_it_is_the_very_message(world):
    async def scene():
        built = await world.build('set_active', 'owner', active='no')
        signature = world.signature(built, 'owner')
        world.elsewhere.outcomes = [Outcome.REFUSED, Outcome.REFUSED]
        assert (await world.desk.confirm(built.id, ANOTHER)).outcome is Outcome.REFUSED
        assert world.decided == []
        failed = await world.desk.confirm(built.id, signature)
        assert failed.outcome is Outcome.REFUSED
        assert await world.submit(built, 'owner') == failed
        assert world.sender.sent == []

    asyncio.run(scene())


def test_what_was_sent_from_here_may_be_asked_for_while_that_is_under_way(world):
    world.perform('create_group', 'owner')
    world.keep_face('anna')

    async def scene():
        world.sender.gate = asyncio.Event()
        first = await world.build('mint_face', 'anna')
        submitting = asyncio.ensure_future(world.submit(first, 'anna'))
        await asyncio.sleep(0.01)
        assert await code(world.build('mint_face', 'anna', after=first.id)) == 'out_of_order'
        assert (await world.desk.confirm(first.id, world.signature(first, 'anna'))).is_confirmed
        assert (await world.build('mint_face', 'anna', after=first.id)).number == 1
        world.sender.gate.set()
        assert (await submitting).is_confirmed

    asyncio.run(scene())


def test_a_wallet_that_pays_is_given_what_it_can_send(world):
    world.perform('create_group', 'owner')
    world.keep_face('anna')

    async def scene():
        pending = await world.build('mint_face', 'anna')
        while True:
            whole = with_device(world, pending)
            assert world.desk.offered(whole) == whole.built.transaction
            assert world.desk.is_wallets_to_send(whole)
            if pending.is_last:
                break
            await world.submit(pending, 'anna')
            pending = await world.build('mint_face', 'anna', after=pending.id)
        assert world.here.place.device in whole.built.signers
        assert whole.built.missing == (world.key('anna'),)

    asyncio.run(scene())


@pytest.mark.parametrize('device_pays_for', [(), ('check_in',)])
def test_a_visit_is_sent_from_here_only(store, clock, device_pays_for):
    world = DeskWorld(store, clock, mode=Mode.PUBLIC, device_pays_for=device_pays_for)
    world.perform('register_camera', 'owner', name='Door')

    async def scene():
        order = Order('check_in', world.key('anna'), world.stay('anna'), {})
        whole = with_device(world, await world.desk.build(order))
        assert bytes([7]) * 64 in whole.built.transaction
        assert bytes([7]) * 64 not in world.desk.offered(whole)
        assert not world.desk.is_wallets_to_send(whole)

    asyncio.run(scene())


def test_of_two_signatures_one_is_looked_for_at_a_time(world):
    async def scene():
        world.elsewhere.gate = asyncio.Event()
        built = await world.build('set_active', 'owner', active='no')
        signature = world.signature(built, 'owner')
        looks = [asyncio.ensure_future(world.desk.confirm(built.id, signature)) for _ in range(2)]
        await asyncio.sleep(0.01)
        other = await asyncio.wait_for(world.desk.confirm(built.id, ANOTHER), 5)
        assert (other.outcome, other.signature) == (Outcome.UNKNOWN, ANOTHER)
        # Whoever asked has gone.
        looks[0].cancel()
        world.elsewhere.gate.set()
        assert (await looks[1]).is_confirmed
        assert world.elsewhere.asked == [(built.built, signature)]
        assert world.decided == [Outcome.CONFIRMED]

    asyncio.run(scene())


def test_for_a_wallet_there_are_few_looks_at_a_time(world):
    async def scene():
        world.elsewhere.gate = asyncio.Event()
        built = [
            await world.build('set_active', 'owner', active='no')
            for _ in range(LOOKS_PER_WALLET + 1)
        ]
        *first, last = built
        looks = [asyncio.ensure_future(world.desk.confirm(each.id, ANOTHER)) for each in first]
        await asyncio.sleep(0.01)
        asking = world.desk.confirm(last.id, ANOTHER)
        assert (await asyncio.wait_for(asking, 5)).outcome is Outcome.UNKNOWN
        assert len(world.elsewhere.asked) == LOOKS_PER_WALLET
        world.elsewhere.gate.set()
        await asyncio.gather(*looks)
        # A look that ended, whichever way, makes room.
        world.elsewhere.outcomes = ['foreign_transaction']
        assert await code(world.desk.confirm(last.id, ANOTHER)) == 'foreign_transaction'
        assert (await world.desk.confirm(last.id, ANOTHER)).is_confirmed

    asyncio.run(scene())


def test_how_long_a_signature_may_come_to_the_chain_is_asked_when_it_is_first_told(world):
    async def scene():
        world.elsewhere.outcomes = [Outcome.UNKNOWN] * 3
        built = await world.build('set_active', 'owner', active='no')
        for signature, height in ((ANOTHER, 500), (ANOTHER, 600), (bytes([4]) * 64, 700)):
            world.elsewhere.height = height
            await world.desk.confirm(built.id, signature)
        assert world.elsewhere.heights == [500, 500, 700]

    asyncio.run(scene())


@pytest.mark.parametrize('outcome', [Outcome.REFUSED, Outcome.EXPIRED, Outcome.CONFIRMED])
def test_what_a_wallet_has_sent_is_not_undone_by_what_was_sent_from_here(world, outcome):
    world.perform('create_group', 'owner')
    world.keep_face('anna')

    async def scene():
        world.sender.gate, world.sender.outcomes = asyncio.Event(), [outcome]
        first = await world.build('mint_face', 'anna')
        submitting = asyncio.ensure_future(world.submit(first, 'anna'))
        await asyncio.sleep(0.01)
        # With another message: that of here can only fail now.
        found = await world.desk.confirm(first.id, ANOTHER)
        world.sender.gate.set()
        assert await submitting == found
        assert await world.submit(first, 'anna') == found
        assert (first.sent, world.decided) == (found, [Outcome.CONFIRMED])
        assert (await world.build('mint_face', 'anna', after=first.id)).number == 1

    asyncio.run(scene())
