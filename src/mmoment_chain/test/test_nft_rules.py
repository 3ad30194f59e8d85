"""The gate, asked as the node asks it: what is genuine is let in, and everything that looks like it is not."""

import random
from dataclasses import replace

import pytest
from face_world import FaceWorld, sealed_face, shared_world
from look_alike import freeze, hand_on, look_alike, thaw

from mmoment_chain import face_nft, token_2022
from mmoment_chain.nft_rules import (
    Account,
    Question,
    Reason,
    judge,
    second_questions,
)
from mmoment_chain.wallet import wallet_text

KEY = bytes([7]) * 32


@pytest.fixture(params=['default', 'mainnet'])
def world(request):
    world = FaceWorld(request.param)
    world.make_group()
    return world


@pytest.fixture(scope='module')
def quick():
    return shared_world()


def looks_like_one(world, holder, *, operator='owner', group='group', also_to='', **how):
    """A mint with one thing that is not as it must be, that an operator admitted all the same."""
    mint = world.new_mint()
    if also_to:
        how['also_to'] = world.key(also_to)
    steps = look_alike(
        mint, world.key(holder), world.minimum(3000), group=world.key(group),
        authority=world.key(operator), **how,
    )  # fmt: skip
    for step in steps:
        do(world, holder, *step)
    return mint


def do(world, payer, *instructions):
    done = world.send(payer, *instructions)
    assert not hasattr(done, 'err'), done.meta().logs()


def test_a_genuine_one_is_let_in(world):
    mint = world.mint_face('anna', 'payer')
    judgement = world.judged('face', 'anna')
    assert judgement.holds
    assert judgement.mint == mint


def test_who_has_none_is_not(world):
    world.mint_face('anna')
    assert world.reason('face', 'berta') == 'none'


def test_after_burning_it_is_gone(world):
    mint = world.mint_face('anna')
    world.burn_face('anna', mint)
    assert world.reason('face', 'anna') == 'none'


def test_burnt_with_the_account_left_open(world):
    mint = world.mint_face('anna')
    burn = token_2022.burn(world.tokens('anna', mint), mint, world.key('anna'), 1)
    assert not hasattr(world.send('anna', burn), 'err')
    assert world.reason('face', 'anna') == 'none'


def test_one_that_was_never_finished(world):
    plan = world.mint_plan('anna')
    world.run(plan, 'anna', len(plan.steps) - 1)
    assert world.reason('face', 'anna') == 'none'


def test_a_foreign_group_of_the_same_name(world):
    world.make_group('rival', 'Gym faces', 'rival group')
    world.mint_face('anna', group='rival group', operator='rival')
    assert world.reason('face', 'anna') == 'foreign_group'
    # There it is genuine.
    assert world.judged('face', 'anna', trusted=world.trusted('rival group', 'rival')).holds


def test_a_group_that_others_admit_to(world):
    # At the address that is configured, but not with the authority that is.
    world.make_group('rival', 'Gym faces', 'rival group')
    world.mint_face('anna', group='rival group', operator='rival')
    assert world.reason('face', 'anna', trusted=world.trusted('rival group')) == 'foreign_group'


@pytest.mark.parametrize('address', ['anna', 'nowhere'])
def test_a_group_that_is_none(world, address):
    world.mint_face('anna')
    assert world.reason('face', 'anna', trusted=world.trusted(address)) == 'foreign_group'


def test_a_closed_group_has_no_genuine_members(world):
    world.mint_face('anna')
    plan = face_nft.close_group(world.owner, world.key('group'), world.owner)
    world.run(plan, 'owner')
    assert world.reason('face', 'anna') == 'foreign_group'


def test_the_look_alike_of_these_tests_would_be_let_in(world):
    mint = looks_like_one(world, 'anna')
    assert world.judged('face', 'anna').mint == mint
    assert world.judged('face', 'anna').holds


@pytest.mark.parametrize(
    ('how', 'reason'),
    [
        ({'is_transferable': True}, 'transferable'),
        ({'amount': 2}, 'not_single'),
        ({'decimals': 1}, 'not_single'),
        ({'keeps_minting': True}, 'not_single'),
        ({'also_to': 'berta'}, 'not_single'),
        ({'delegate': KEY}, 'not_theirs'),
        ({'writer': KEY, 'has_face': False}, 'not_theirs'),
        ({'has_face': False}, 'incomplete'),
    ],
)
def test_one_thing_is_wrong(world, how, reason):
    looks_like_one(world, 'anna', **how)
    assert world.reason('face', 'anna') == reason


def test_frozen_and_thawed(world):
    mint = looks_like_one(world, 'anna', freezes=world.owner)
    do(world, 'owner', freeze(mint, world.key('anna'), world.owner))
    assert world.reason('face', 'anna') == 'frozen'
    assert world.reason(f'collection:{wallet_text(world.key("group"))}', 'anna') == 'frozen'
    do(world, 'owner', thaw(mint, world.key('anna'), world.owner))
    assert world.reason('face', 'anna') == 'holds'


@pytest.mark.parametrize('how', [{}, {'operator': 'rival', 'group': 'rival group'}])
def test_a_look_alike_that_was_handed_on(world, how):
    world.make_group('rival', 'Gym faces', 'rival group')
    mint = looks_like_one(world, 'anna', is_transferable=True, **how)
    do(world, 'anna', *hand_on(mint, world.key('anna'), world.key('berta')))
    reason = 'foreign_group' if how else 'transferable'
    assert world.reason('face', 'berta') == reason
    assert world.reason('face', 'anna') == 'none'


def test_a_face_that_is_half_replaced(world):
    mint, anna = world.mint_face('anna'), world.key('anna')
    lamports = world.account(mint).lamports
    plan = face_nft.update_face(
        anna, anna, mint, world.mint(mint), lamports, sealed_face(anna), world.minimum
    )
    world.run(plan, 'anna', 1)
    assert world.reason('face', 'anna') == 'incomplete'
    for step in plan.steps[1:]:
        world.send('anna', *step.instructions)
    assert world.reason('face', 'anna') == 'holds'


def test_the_genuine_one_counts_among_others(world):
    world.make_group('rival', 'Gym faces', 'rival group')
    world.mint_face('anna', group='rival group', operator='rival')
    looks_like_one(world, 'anna', is_transferable=True)
    mint = world.mint_face('anna')
    assert world.judged('face', 'anna').mint == mint
    assert world.judged('face', 'anna').holds


# --- what the chain answers, changed ---
def test_accounts_of_another_program_are_none(quick):
    rule, trusted, asked, answer, accounts = quick.parts()
    assert judge(rule, trusted, asked, answer, accounts).holds
    foreign = [replace(each, program=KEY) for each in answer]
    assert judge(rule, trusted, asked, foreign, accounts).reason is Reason.NONE
    for address, reason in ((quick.anna_mint, Reason.NONE), (trusted.group, Reason.FOREIGN_GROUP)):
        forged = {**accounts, address: replace(accounts[address], program=KEY)}
        assert judge(rule, trusted, asked, answer, forged).reason is reason


def test_tokens_of_somebody_else_are_not_counted(quick):
    rule, trusted, asked, answer, accounts = quick.parts()
    asked = replace(asked, wallet=quick.key('berta'))
    assert judge(rule, trusted, asked, answer, accounts).reason is Reason.NONE


def test_an_empty_account_is_none(quick):
    rule, trusted, asked, (tokens,), accounts = quick.parts()
    emptied = replace(tokens, data=tokens.data[:64] + bytes(8) + tokens.data[72:])
    assert judge(rule, trusted, asked, [emptied], accounts).reason is Reason.NONE
    assert second_questions(rule, trusted, asked, [emptied]) == [Question((trusted.group,))]


@pytest.mark.parametrize('missing', ['group', 'mint'])
def test_what_was_not_found_proves_nothing(quick, missing):
    rule, trusted, asked, answer, accounts = quick.parts()
    del accounts[trusted.group if missing == 'group' else quick.anna_mint]
    assert not judge(rule, trusted, asked, answer, accounts).holds


def test_a_group_whose_account_names_another(quick):
    rule, trusted, asked, answer, accounts = quick.parts()
    group = accounts[trusted.group]
    # Its address is in its pointer, its metadata and its group: one after the other is changed.
    begin, changed = 0, 0
    while (begin := group.data.find(trusted.group, begin)) >= 0:
        data = group.data[:begin] + KEY + group.data[begin + len(KEY) :]
        forged = {**accounts, trusted.group: replace(group, data=data)}
        changed += judge(rule, trusted, asked, answer, forged).reason is Reason.FOREIGN_GROUP
        begin += 1
    assert changed == 2


def test_a_member_whose_account_names_another(quick):
    rule, trusted, asked, answer, accounts = quick.parts()
    mint = accounts[quick.anna_mint]
    begin, changed = 0, 0
    while (begin := mint.data.find(quick.anna_mint, begin)) >= 0:
        data = mint.data[:begin] + KEY + mint.data[begin + len(KEY) :]
        forged = {**accounts, quick.anna_mint: replace(mint, data=data)}
        changed += judge(rule, trusted, asked, answer, forged).reason is Reason.FOREIGN_GROUP
        begin += 1
    assert changed == 2


@pytest.mark.parametrize('text', ['face', f'token:{wallet_text(KEY)}', 'grant:view'])
def test_whatever_comes_nothing_is_let_in_by_chance(quick, text):
    source = random.Random(3)
    rule, trusted, asked, answer, accounts = quick.parts('berta', text)

    def damaged(account):
        data = bytearray(account.data if account else b'')
        for _ in range(source.randrange(1, 6)):
            if data:
                data[source.randrange(len(data))] = source.randrange(256)
        data = data[: source.choice((len(data), source.randrange(len(data) + 1)))]
        return Account(KEY, source.choice((token_2022.TOKEN_2022, trusted.program)), bytes(data))

    for _ in range(1000):
        given = [source.choice((each, damaged(each))) for each in answer]
        found = {key: source.choice((each, damaged(each))) for key, each in accounts.items()}
        found = {key: each for key, each in found.items() if each}
        second_questions(rule, trusted, asked, given)
        assert not judge(rule, trusted, asked, given, found).holds
