"""What wallets hold, asked of servers that answer from a chain in this process."""

import asyncio

import pytest
from face_world import shared_world
from fake_clock import FakeClock
from reading_world import Client, Pool, checks

from mmoment_chain.chain_reading import FACE, Reader
from mmoment_chain.errors import Refused
from mmoment_chain.face_nft import face_of
from mmoment_chain.nft_rules import Reason, parse_rule
from mmoment_chain.rpc_errors import NodeBehind


@pytest.fixture(scope='module')
def world():
    return shared_world()


@pytest.fixture
def client(world):
    return Client(world)


def test_rent_is_never_less_than_the_chain_asks_for(world, client):
    rent = asyncio.run(Reader(Pool(client), world.program).rent())
    for size in (0, 1, 165, 512, 1283, 10_000):
        assert rent(size) == world.minimum(size)


def test_an_account_of_another_program_is_none_of_the_registry(world, client):
    async def scene():
        reader = Reader(Pool(client), world.program)
        assert (await reader.account(world.camera)).data
        assert (await reader.account(world.anna_mint)).data is None
        assert (await reader.any_account(world.anna_mint)).data
        assert await reader.any_account(b'9' * 32) is None
        assert await reader.lamports(world.camera) == world.balance(world.camera)

    asyncio.run(scene())


def test_a_server_that_lags_behind_does_not_say_that_something_is_not_there(world, client):
    async def scene():
        reader = Reader(Pool(client), world.program)
        assert await reader.any_account(b'9' * 32, 7) is None
        with pytest.raises(NodeBehind, match='slot 8'):
            await reader.any_account(b'9' * 32, 8)
        assert (await reader.any_account(world.anna_mint, 8)).data

    asyncio.run(scene())


def test_what_was_asked_a_moment_ago_is_remembered_unless_it_is_to_be_fresh(world, client):
    clock = FakeClock()
    asked = checks(world, client, clock)

    async def scene():
        anna = world.key('anna')
        first = await asked.verify(anna, FACE)
        assert (first.judgement.mint, first.slot) == (world.anna_mint, 7)
        clock.advance(29.0)
        assert await asked.verify(anna, FACE) is first
        assert client.questions == 1
        assert await asked.verify(anna, FACE, is_fresh=True) == first
        assert client.questions == 2
        clock.advance(30.0)
        await asked.verify(anna, FACE)
        assert client.questions == 3
        asked.forget(anna)
        await asked.verify(anna, FACE)
        assert client.questions == 4
        clock.advance(30.0)
        other = await asked.verify(anna, parse_rule('grant:view'))
        assert other.judgement.reason is Reason.NONE
        # Who was asked about long ago is not remembered.
        assert [wallet for wallet, _ in asked._known] == [anna]
        assert len(asked._known) == 1

    asyncio.run(scene())


def test_only_a_face_that_counts_is_given(world, client):
    asked = checks(world, client, FakeClock())

    async def scene():
        face, mint = await asked.face(world.key('anna'))
        assert (face, mint) == (face_of(world.data(world.anna_mint)), world.anna_mint)
        for person, code in (('berta', 'foreign_group'), ('owner', 'none')):
            with pytest.raises(Refused) as caught:
                await asked.face(world.key(person))
            assert caught.value.code == code

    asyncio.run(scene())


def test_of_whom_is_forgotten_nothing_is_remembered(world, client):
    asked = checks(world, client, FakeClock())

    async def scene():
        anna, berta = world.key('anna'), world.key('berta')
        await asked.verify(anna, FACE)
        await asked.verify(berta, FACE)
        asked.erase(anna)
        assert {wallet for wallet, _ in asked._known} == {berta}
        assert anna not in {wallet for _, wallet in asked._mints._held}
        # Nor what comes of a look that had begun before.
        answer = client.get_multiple_accounts

        async def slow(keys):
            found = await answer(keys)
            asked.erase(anna)
            return found

        client.get_multiple_accounts = slow
        assert (await asked.verify(anna, FACE)).judgement.holds
        assert {wallet for wallet, _ in asked._known} == {berta}
        assert anna not in {wallet for _, wallet in asked._mints._held}

    asyncio.run(scene())


def test_what_is_old_is_let_go_of_also_if_nobody_asks(world, client):
    clock = FakeClock()
    asked = checks(world, client, clock)
    asyncio.run(asked.verify(world.key('anna'), FACE))
    clock.advance(86_400)
    asked.tidy()
    assert (asked._known, asked._mints._held) == ({}, {})
