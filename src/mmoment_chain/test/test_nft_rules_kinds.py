"""Texts of rules, and the rules for collections, tokens and grants."""

from dataclasses import replace
from fractions import Fraction

import pytest
from face_world import NOW_S, shared_world
from solders.account import Account as ChainAccount
from solders.pubkey import Pubkey
from spl.token import instructions as library
from spl.token import models

from mmoment_chain import program_instructions, token_2022
from mmoment_chain.errors import Refused
from mmoment_chain.nft_rules import (
    SENTENCES,
    Reason,
    Rule,
    RuleKind,
    first_question,
    judge,
    parse_rule,
)
from mmoment_chain.program_layout import rights_bits
from mmoment_chain.wallet import wallet_text

KEY = bytes([7]) * 32
FROZEN = 2


@pytest.fixture(scope='module')
def quick():
    return shared_world()


def test_collections(quick):
    ours, theirs = (wallet_text(quick.key(name)) for name in ('group', 'rival group'))
    assert quick.judged(f'collection:{ours}', 'anna').mint == quick.anna_mint
    assert quick.reason(f'collection:{ours}', 'anna') == 'holds'
    assert quick.reason(f'collection:{theirs}', 'anna') == 'foreign_group'
    assert quick.reason(f'collection:{theirs}', 'berta') == 'holds'
    assert quick.reason(f'collection:{ours}', 'owner') == 'none'
    # A mint that is no group.
    assert quick.reason(f'collection:{wallet_text(quick.anna_mint)}', 'anna') == 'foreign_group'


def coin(world, program, holder, amount, decimals=2):
    """A mint of tokens that can be handed on, and `amount` of its smallest units."""
    mint, key = world.new_mint(), world.key(holder)
    of = {'program_id': Pubkey.from_bytes(program)}
    addresses = [Pubkey.from_bytes(each) for each in (key, mint)]
    owner, address = addresses
    account = library.get_associated_token_address(owner, address, of['program_id'])
    create = token_2022.create_mint_account(key, mint, 82, world.minimum(82))
    create_account = create_for(program, create)
    done = world.send(
        holder,
        create_account,
        library.initialize_mint2(
            models.InitializeMint2Params(
                decimals=decimals, mint=address, mint_authority=owner, freeze_authority=owner, **of
            )
        ),
        library.create_idempotent_associated_token_account(owner, owner, address, of['program_id']),
        library.mint_to(
            models.MintToParams(
                mint=address, dest=account, mint_authority=owner, amount=amount, **of
            )
        ),
    )
    assert not hasattr(done, 'err'), done.meta().logs()
    return mint, bytes(account)


def create_for(program, create):
    data = bytes(create.data)[:-32] + program
    return type(create)(create.program_id, data, create.accounts)


@pytest.mark.parametrize('program', [token_2022.CLASSIC_TOKEN, token_2022.TOKEN_2022])
def test_tokens(quick, program):
    mint, account = coin(quick, program, 'anna', 250)
    text = f'token:{wallet_text(mint)}'
    assert quick.judged(text, 'anna').mint == mint
    said = {
        amount: quick.reason(f'{text}{amount}', 'anna') for amount in ('', ':2.5', ':2.501', ':3')
    }
    assert list(said.values()) == ['holds', 'holds', 'not_enough', 'not_enough']
    assert quick.reason(text, 'berta') == 'none'

    there = quick.account(account)
    data = bytearray(there.data)
    data[108] = FROZEN
    quick.put(account, ChainAccount(there.lamports, bytes(data), there.owner))
    assert quick.reason(text, 'anna') == 'frozen'
    assert quick.reason(f'{text}:2.5', 'anna') == 'frozen'
    assert quick.reason(f'{text}:3', 'anna') == 'not_enough'


def test_tokens_of_another_mint_are_not_counted(quick):
    coin(quick, token_2022.TOKEN_2022, 'anna', 1_000_000)
    _, trusted, asked, answer, _ = quick.parts()
    mint, _ = coin(quick, token_2022.TOKEN_2022, 'anna', 100)
    rule = parse_rule(f'token:{wallet_text(mint)}:2')
    everything = [*answer, *quick.answer(rule, asked.wallet)]
    accounts = {mint: quick.fetched(mint)}
    assert judge(rule, trusted, asked, answer, accounts).reason is Reason.NONE
    assert judge(rule, trusted, asked, everything, accounts).reason is Reason.NOT_ENOUGH


def test_a_token_of_a_mint_that_is_none(quick):
    assert quick.reason(f'token:{wallet_text(KEY)}', 'anna') == 'none'


def grant(world, *words, expires_s=0):
    world.must(
        program_instructions.grant(
            world.program, world.camera, world.owner, world.payer,
            subject=world.key('anna'), rights=rights_bits(words), expires_s=expires_s,
        )
    )  # fmt: skip


def test_grants(quick):
    assert quick.reason('grant:stream', 'anna') == 'none'
    grant(quick, 'stream', expires_s=int(NOW_S) + 60)
    assert quick.reason('grant:stream', 'anna') == 'holds'
    assert quick.reason('grant:record', 'anna') == 'missing_right'
    assert quick.reason('grant:stream', 'berta') == 'none'
    assert quick.reason('grant:stream', 'anna', now_s=NOW_S + 60) == 'expired'
    grant(quick, 'admin')
    assert quick.reason('grant:record', 'anna') == 'holds'
    quick.must(
        program_instructions.revoke(
            quick.program, quick.camera, quick.owner, subject=quick.key('anna'), paid_by=quick.payer
        )
    )
    assert quick.reason('grant:record', 'anna') == 'none'


def test_grants_of_another_camera_or_program(quick):
    grant(quick, 'stream')
    rule, trusted, asked, answer, accounts = quick.parts(text='grant:stream')
    assert judge(rule, trusted, asked, answer, accounts).holds
    ((address, account),) = accounts.items()
    for forged in (
        replace(account, program=KEY),
        replace(account, data=account.data.replace(quick.camera, KEY)),
        replace(account, data=account.data.replace(asked.subject, KEY)),
    ):
        assert judge(rule, trusted, asked, answer, {address: forged}).reason is Reason.NONE
    broken = replace(account, data=account.data[:50])
    assert judge(rule, trusted, asked, answer, {address: broken}).reason is Reason.DAMAGED


# --- texts ---


@pytest.mark.parametrize(
    ('text', 'rule'),
    [
        ('face', Rule(RuleKind.FACE)),
        (f'collection:{wallet_text(KEY)}', Rule(RuleKind.COLLECTION, KEY)),
        (f'token:{wallet_text(KEY)}', Rule(RuleKind.TOKEN, KEY)),
        (f'token:{wallet_text(KEY)}:10', Rule(RuleKind.TOKEN, KEY, Fraction(10))),
        (f'token:{wallet_text(KEY)}:0.05', Rule(RuleKind.TOKEN, KEY, Fraction(1, 20))),
        ('grant:stream', Rule(RuleKind.GRANT, right='stream')),
    ],
)
def test_rules_that_can_be_written(text, rule):
    assert parse_rule(text) == rule


@pytest.mark.parametrize(
    'text',
    [
        '', 'Face', 'face:', 'face:x', 'faces', 'collection', 'collection:', 'collection:0OIl',
        f'collection:{wallet_text(KEY)}:1', 'token', 'token:x', f'token:{wallet_text(KEY)}:',
        f'token:{wallet_text(KEY)}:0', f'token:{wallet_text(KEY)}:0.0', f'token:{wallet_text(KEY)}:-1',
        f'token:{wallet_text(KEY)}:1e3', f'token:{wallet_text(KEY)}:1/2', f'token:{wallet_text(KEY)}:.5',
        f'token:{wallet_text(KEY)}:1:2', 'grant', 'grant:', 'grant:fly', 'grant:view:1', ' face',
    ],
)  # fmt: skip
def test_texts_that_are_no_rule(text):
    with pytest.raises(Refused) as caught:
        parse_rule(text)
    assert caught.value.code == 'bad_rule'


def test_a_grant_needs_no_tokens():
    assert first_question(parse_rule('grant:view')) is None


def test_every_reason_has_a_sentence():
    assert set(SENTENCES) == set(Reason)
