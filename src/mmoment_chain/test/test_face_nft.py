"""Every plan in the machine of Solana, with real templates, to the last lamport."""

import itertools

import pytest
from face_world import (
    FEE,
    MODEL_ID,
    PRICE,
    UNITS,
    FaceWorld,
    owner_private,
    sealed_face,
    template_of,
)
from solders.pubkey import Pubkey
from spl.token import instructions as library
from spl.token import models
from vault_vectors import secret

from mmoment_chain import face_nft, token_2022, vault
from mmoment_chain.envelope import Envelope, Record
from mmoment_chain.errors import Refused
from mmoment_chain.face_fields import FACE, SealedFace, content_of, names_of_face
from mmoment_chain.wallet import wallet_text
from mmoment_vision.face_template import FaceTemplate


@pytest.fixture(params=['default', 'mainnet'])
def world(request):
    world = FaceWorld(request.param)
    world.make_group()
    return world


PRIORITY = -(-UNITS * PRICE // 1_000_000)
"""Paid for the units of each transaction, rounded up."""


def fees(sent):
    return sum(each.fee for each in sent)


def opened(world, person, mint):
    """The template that the person opens of what is on the chain."""
    face = face_nft.face_of(world.data(mint))
    record = Record(wallet_text(world.key(person)), face.model_id, face.record_id)
    with secret(owner_private(world.key(person))) as private:
        return vault.open_own(Envelope.from_bytes(face.envelope), record, private)


@pytest.mark.parametrize('payer', ['anna', 'payer'])
@pytest.mark.parametrize('dimension', [128, 512, 2048])
def test_from_the_first_lamport_to_the_last(world, payer, dimension):
    people = ('anna', 'payer', 'owner')
    before = {name: world.balance(world.key(name)) for name in people}
    face = sealed_face(world.key('anna'), dimension)
    plan = world.mint_plan('anna', payer, face=face)
    sent = world.run(plan, payer)

    account = world.account(plan.mint)
    tokens = world.account(world.tokens('anna', plan.mint))
    assert face_nft.face_of(bytes(account.data)) == face
    assert account.lamports == world.minimum(len(account.data))
    assert plan.rent_lamports == account.lamports + tokens.lamports
    spent = plan.rent_lamports + fees(sent)
    assert world.balance(world.key(payer)) == before[payer] - spent

    sent += world.burn_face('anna', plan.mint, payer)
    assert world.account(plan.mint) is None
    assert world.account(world.tokens('anna', plan.mint)) is None
    for name in people:
        paid = fees(sent) if name == payer else 0
        assert world.balance(world.key(name)) == before[name] - paid
    assert all(each.fee == FEE * each.signers + PRIORITY for each in sent)


def test_the_template_comes_back_to_its_owner(world):
    mint = world.mint_face('anna')
    with opened(world, 'anna', mint) as template:
        found = FaceTemplate.from_bytes(template.view)
        assert found.model_id == MODEL_ID
        assert found.to_bytes() == template_of(world.key('anna')).to_bytes()
    # Nobody else's key opens it.
    face = face_nft.face_of(world.data(mint))
    record = Record(wallet_text(world.key('anna')), face.model_id, face.record_id)
    with secret(owner_private(world.key('berta'))) as private, pytest.raises(Refused):
        vault.open_own(Envelope.from_bytes(face.envelope), record, private)


def test_who_signs_what(world):
    plan = world.mint_plan('anna', 'payer')
    anna, payer, owner = world.key('anna'), world.payer, world.owner
    first, *between, last = (step.signers for step in plan.steps)
    assert first == {payer, plan.mint, anna}
    assert all(signers == {anna} for signers in between)
    assert last == {payer, plan.mint, anna, owner}


def test_the_person_cannot_mint_to_somebody_else_on_the_way(world):
    plan = world.mint_plan('anna')
    world.run(plan, 'anna', 1)
    anna, berta = world.key('anna'), world.key('berta')
    room = token_2022.create_token_account(anna, berta, plan.mint)
    given = token_2022.mint_to(plan.mint, world.tokens('berta', plan.mint), anna, 1)
    assert failed(world, 'anna', room, given)
    taken = token_2022.set_authority(plan.mint, token_2022.Authority.MINT_TOKENS, anna, anna)
    assert failed(world, 'anna', taken)


def test_few_transactions_for_the_template_of_a_camera(world):
    assert [len(world.mint_plan('anna', payer).steps) for payer in ('anna', 'payer')] == [2, 3]


@pytest.mark.parametrize('payer', ['anna', 'payer'])
def test_whatever_the_length_everything_fits(world, payer):
    # Around the lengths where a piece, a field or a transaction more is needed.
    for dimension in [1, 17, 100, *range(300, 800, 23), 1500, 4096]:
        face = sealed_face(world.key('anna'), dimension)
        plan = world.mint_plan('anna', payer, face=face)
        assert max(each.size for each in world.run(plan, payer)) <= 1232
        assert face_nft.face_of(world.data(plan.mint)) == face


def test_pieces_only_where_they_save_a_transaction(world):
    anna = world.key('anna')
    mints = [world.mint_face('anna', face=sealed_face(anna, size)) for size in (128, 512)]
    names = [names_of_face(world.mint(mint).metadata().fields) for mint in mints]
    assert names == [['face'], ['face.0', 'face.1']]


@pytest.mark.parametrize(('old', 'new'), itertools.permutations([128, 512, 2048], 2))
def test_another_face_takes_the_place_of_the_old_one(world, old, new):
    anna = world.key('anna')
    mint = world.mint_face('anna', face=sealed_face(anna, old))
    before = world.account(mint)
    face = sealed_face(anna, new)
    plan = face_nft.update_face(
        anna, world.payer, mint, world.mint(mint), before.lamports, face, world.minimum
    )
    paid = world.balance(world.payer)
    sent = world.run(plan, 'payer')

    after = world.account(mint)
    assert face_nft.face_of(bytes(after.data)) == face
    # Nothing of the old one is left, and no lamport more is locked than is needed.
    fields = world.mint(mint).metadata().fields
    pieces = [fields[name] for name in names_of_face(fields)]
    assert sum(map(len, pieces)) == len(content_of(face))
    assert after.lamports == max(before.lamports, world.minimum(len(after.data)))
    assert plan.rent_lamports == after.lamports - before.lamports
    assert world.balance(world.payer) == paid - plan.rent_lamports - fees(sent)
    assert all({anna} <= step.signers <= {anna, world.payer} for step in plan.steps)


def test_an_update_that_breaks_off_leaves_no_face(world):
    anna = world.key('anna')
    mint = world.mint_face('anna')
    lamports = world.account(mint).lamports
    face = sealed_face(anna)
    plan = face_nft.update_face(anna, anna, mint, world.mint(mint), lamports, face, world.minimum)
    assert len(plan.steps) > 1
    world.run(plan, 'anna', len(plan.steps) - 1)
    with pytest.raises(Refused) as caught:
        face_nft.face_of(world.data(mint))
    assert caught.value.code == 'none'
    # Once more from the beginning.
    lamports = world.account(mint).lamports
    plan = face_nft.update_face(anna, anna, mint, world.mint(mint), lamports, face, world.minimum)
    world.run(plan, 'anna')
    assert face_nft.face_of(world.data(mint)) == face


def test_a_face_that_was_never_finished_gives_all_back(world):
    before = world.balance(world.key('anna'))
    plan = world.mint_plan('anna')
    sent = world.run(plan, 'anna', 1)
    sent += world.burn_face('anna', plan.mint)
    assert world.account(plan.mint) is None
    assert world.balance(world.key('anna')) == before - fees(sent)


def test_the_rent_goes_where_the_person_says(world):
    mint = world.mint_face('anna', 'payer')
    before = world.balance(world.key('berta'))
    locked = world.balance(mint) + world.balance(world.tokens('anna', mint))
    plan = face_nft.burn_face(
        world.key('anna'), world.key('anna'), mint, world.mint(mint), world.key('berta')
    )
    assert wallet_text(world.key('berta')) in plan.steps[0].says
    world.run(plan, 'anna')
    assert world.balance(world.key('berta')) == before + locked


def failed(world, payer, *instructions):
    return hasattr(world.send(payer, *instructions), 'err')


def test_it_cannot_be_handed_on(world):
    mint = world.mint_face('anna')
    to = token_2022.associated_address(world.key('berta'), mint)
    transfer = library.transfer_checked(
        models.TransferCheckedParams(
            program_id=Pubkey.from_bytes(token_2022.TOKEN_2022),
            source=Pubkey.from_bytes(world.tokens('anna', mint)),
            mint=Pubkey.from_bytes(mint),
            dest=Pubkey.from_bytes(to),
            owner=Pubkey.from_bytes(world.key('anna')),
            amount=1,
            decimals=0,
        )
    )
    room = token_2022.create_token_account(world.key('anna'), world.key('berta'), mint)
    done = world.send('anna', room, transfer)
    assert 'Custom(37)' in str(done.err())


def test_nobody_else_can_touch_it(world):
    mint, berta = world.mint_face('anna'), world.key('berta')
    tokens = world.tokens('anna', mint)
    assert failed(world, 'berta', token_2022.burn(tokens, mint, berta, 1))
    assert failed(world, 'berta', token_2022.update_field(mint, berta, FACE, 'x'))
    assert failed(world, 'berta', token_2022.close_account(tokens, berta, berta))
    assert failed(world, 'owner', token_2022.burn(tokens, mint, world.owner, 1))
    # Not even its owner can have a second one, or close a mint of which there is a token.
    anna = world.key('anna')
    assert failed(world, 'anna', token_2022.mint_to(mint, tokens, anna, 1))
    assert failed(world, 'anna', token_2022.close_account(mint, anna, anna))
    assert world.mint(mint).supply == 1


def test_without_the_authority_of_the_group_there_is_no_member(world):
    plan = world.mint_plan('berta', operator='berta')
    *_, last = plan.steps
    world.run(plan, 'berta', len(plan.steps) - 1)
    assert failed(world, 'berta', *last.instructions)
    assert world.mint(plan.mint).member() is None
    assert world.account(world.tokens('berta', plan.mint)) is None


def test_room_for_the_token_that_somebody_else_made_does_not_block(world):
    plan = world.mint_plan('anna')
    *_, last = plan.steps
    world.run(plan, 'anna', len(plan.steps) - 1)
    room = token_2022.create_token_account(world.key('rival'), world.key('anna'), plan.mint)
    assert not failed(world, 'rival', room)
    assert not failed(world, 'anna', *last.instructions)
    assert world.mint(plan.mint).supply == 1


def test_what_is_not_theirs_is_not_planned(world):
    mint, berta = world.mint_face('anna'), world.key('berta')
    account = world.mint(mint)
    with pytest.raises(Refused) as caught:
        face_nft.burn_face(berta, berta, mint, account)
    assert caught.value.code == 'not_owner'
    face = sealed_face(berta)
    with pytest.raises(Refused) as caught:
        face_nft.update_face(berta, berta, mint, account, 1, face, world.minimum)
    assert caught.value.code == 'not_owner'


def test_a_group_goes_and_gives_all_back(world):
    before = world.balance(world.key('rival'))
    group = world.make_group('rival', 'Other faces', 'other group')
    assert world.balance(group) == world.minimum(len(world.data(group)))
    plan = face_nft.close_group(world.key('rival'), group, world.key('rival'))
    world.run(plan, 'rival')
    assert world.account(group) is None
    assert world.balance(world.key('rival')) == before - fees(world.sent[-2:])


def test_a_name_that_fits_no_transaction_is_refused(world):
    with pytest.raises(ValueError, match='too long'):
        world.make_group('rival', 'x' * 800, 'long group')


def test_most_bytes_of_a_template(world):
    # The vault takes 16 KiB; the program runs out of memory at about 28 KB of text.
    anna = world.key('anna')
    envelope = sealed_face(anna).envelope
    body = bytes(16 * 1024 + 16)
    large = Envelope.from_bytes(envelope)
    large = type(large)(large.custody, large.recipient_id, large.sealed_key, large.nonce, body)
    face = SealedFace(large.to_bytes(), MODEL_ID, 'large', 'user')
    mint = world.mint_face('anna', 'payer', face=face)
    assert face_nft.face_of(world.data(mint)) == face
