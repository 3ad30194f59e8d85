"""However many worthless tokens somebody sends to a person, what is genuine is found."""

import asyncio

import pytest
from face_world import NOW_S, shared_world
from fake_clock import FakeClock
from reading_world import Client, checks
from worthless import BYTES, worthless

from mmoment_chain.chain_reading import FACE
from mmoment_chain.mint_memory import HELD, UNKNOWN
from mmoment_chain.nft_rules import MINTS_AT_ONCE, Asked, judge, parse_rule, second_questions
from mmoment_chain.rpc_errors import RpcError
from mmoment_chain.token_accounts import TokenAccount
from mmoment_chain.wallet import wallet_text

SENT = 350
QUESTIONS = -(-(SENT + 1) // MINTS_AT_ONCE)


@pytest.fixture(scope='module')
def world():
    """Anna has a face NFT, and so many tokens of others; Berta has such tokens only."""
    world = shared_world()
    world.run(world.mint_plan('owner'), 'owner')
    for person in ('anna', 'berta'):
        send(world, person, SENT)
    return world


def send(world, person, count):
    lamports = world.minimum(BYTES)
    for _ in range(count):
        sent = worthless(world.key('rival'), world.key(person), world.new_mint(), lamports)
        assert not hasattr(done := world.send('rival', *sent), 'err'), done.meta().logs()


@pytest.fixture(params=['face', 'collection'])
def rule(request, world):
    more = f':{wallet_text(world.key("group"))}' if request.param == 'collection' else ''
    return parse_rule(request.param + more)


def asked_of(world, rule, person, **more):
    """Whom is asked about, and the second questions; the genuine one is named last."""
    asked = Asked(world.key(person), world.key(person), NOW_S)
    answer = world.answer(rule, asked.wallet)
    answer.sort(key=lambda each: TokenAccount.from_bytes(each.data).mint == world.anna_mint)
    return asked, second_questions(rule, world.trusted(), asked, answer, **more)


def test_all_that_somebody_holds_is_asked_for(world, rule):
    asked, questions = asked_of(world, rule, 'anna')
    assert len(questions) == QUESTIONS
    mints = [mint for question in questions for mint in question.addresses[1:]]
    assert len(mints) == len(set(mints)) == SENT + 1
    assert mints[-1] == world.anna_mint
    for question in questions:
        assert question.addresses[0] == world.key('group')
        # As many as a server tells at once.
        assert len(question.addresses) <= 100
        held = {TokenAccount.from_bytes(each.data).mint for each in question.tokens}
        assert held == set(question.addresses[1:])
    accounts = {each: world.fetched(each) for each in questions[-1].addresses}
    judgement = judge(rule, world.trusted(), asked, questions[-1].tokens, accounts)
    assert (judgement.holds, judgement.mint) == (True, world.anna_mint)


def test_what_was_seen_before_says_where_to_look_first(world, rule):
    _, (first, *_) = asked_of(
        world, rule, 'anna', place=lambda mint: HELD if mint == world.anna_mint else UNKNOWN
    )
    assert first.addresses[1] == world.anna_mint


def test_who_has_been_sent_many_is_let_in_and_soon_at_the_cost_of_one_question(world, rule):
    client = Client(world, last=world.anna_mint)
    asking = checks(world, client, FakeClock())

    async def scene():
        for costs in (QUESTIONS, 1, 1):
            before = client.questions
            verified = await asking.verify(world.key('anna'), rule, is_fresh=True)
            assert verified.judgement.mint == world.anna_mint
            assert verified.judgement.holds
            assert client.questions - before == costs
        if rule == FACE:
            _, mint = await asking.face(world.key('anna'))
            assert mint == world.anna_mint

    asyncio.run(scene())


def test_who_has_been_sent_none_costs_one_question(world, rule):
    client = Client(world)
    verified = asyncio.run(checks(world, client, FakeClock()).verify(world.key('owner'), rule))
    assert verified.judgement.holds
    assert client.questions == 1


def test_who_has_worthless_ones_only_is_not_let_in(world, rule):
    client = Client(world, last=world.berta_mint)
    asking = checks(world, client, FakeClock())

    async def scene():
        for _ in range(2):
            verified = await asking.verify(world.key('berta'), rule, is_fresh=True)
            # Her NFT of another group comes nearest, wherever it stands.
            assert verified.judgement.reason.value == 'foreign_group'
            assert verified.judgement.mint == world.berta_mint

    asyncio.run(scene())
    assert client.questions == 2 * QUESTIONS


def test_a_look_that_was_broken_off_goes_on_where_it_was(world, rule):
    client = Client(world, last=world.anna_mint)
    answers, most = client.get_multiple_accounts, 2

    async def limited(keys):
        if client.questions % (most + 1) == most:
            client.questions += 1
            raise RpcError('so many questions are answered, and no more')
        return await answers(keys)

    client.get_multiple_accounts = limited
    asking = checks(world, client, FakeClock())

    async def scene():
        with pytest.raises(RpcError):
            await asking.verify(world.key('anna'), rule)
        return await asking.verify(world.key('anna'), rule)

    assert 2 * most == QUESTIONS
    assert asyncio.run(scene()).judgement.holds


def test_one_that_is_new_is_found_among_those_that_were_looked_at_in_vain():
    world = shared_world()
    send(world, 'berta', SENT)

    async def scene():
        asking = checks(world, client, FakeClock())
        assert not (await asking.verify(world.key('berta'), FACE)).judgement.holds
        client._last = mint = world.mint_face('berta')
        before = client.questions
        verified = await asking.verify(world.key('berta'), FACE, is_fresh=True)
        assert verified.judgement.mint == mint
        assert client.questions == before + 1
        # And after it was burnt, nothing is.
        world.burn_face('berta', mint)
        verified = await asking.verify(world.key('berta'), FACE, is_fresh=True)
        assert verified.judgement.reason.value == 'foreign_group'

    client = Client(world)
    asyncio.run(scene())


def test_what_is_sent_after_a_face_was_found_costs_nothing():
    world = shared_world()
    client = Client(world, last=world.anna_mint)
    asking = checks(world, client, FakeClock())

    async def scene():
        assert (await asking.verify(world.key('anna'), FACE)).judgement.holds
        send(world, 'anna', SENT)
        verified = await asking.verify(world.key('anna'), FACE, is_fresh=True)
        assert verified.judgement.mint == world.anna_mint
        assert client.questions == 2

    asyncio.run(scene())
