"""Face NFTs are built for who has a sealed face, and only at the camera whose group they join."""

import base64
import dataclasses

import pytest
from face_world import sealed_face
from kinds_world import SLOT, KindsWorld

from mmoment_chain.face_nft import face_of
from mmoment_chain.nft_rules import Reason
from mmoment_chain.rpc_errors import NodeBehind
from mmoment_chain.wallet import wallet_text


@pytest.fixture
def world():
    world = KindsWorld()
    world.perform('create_group', 'owner', name='Gym')
    return world


def judged(world, person='anna'):
    return world.judged('face', person, trusted=world._own_trusted())


def test_a_kept_face_goes_onto_the_chain_and_away_again(world):
    face, before = world.keep_face('anna'), world.balance(world.key('anna'))
    row = world.perform('mint_face', 'anna', world.stay('anna'))
    assert len(row.plans) >= 1
    held = judged(world)
    assert held.holds
    assert row.accounts == (held.mint,)
    assert face_of(world.data(held.mint)) == face
    assert sum(plan.rent_lamports for plan in row.plans) > 0
    assert world.refused('mint_face', 'anna', world.stay('anna')) == 'already_there'

    new = world.keep_face('anna')
    world.perform('update_face', 'anna', world.stay('anna'))
    assert face_of(world.data(held.mint)) == new != face

    world.perform('burn_face', 'anna')
    assert judged(world).reason is Reason.NONE
    spent = before - world.balance(world.key('anna'))
    # Fees only.
    assert 0 < spent < 100_000


def test_a_face_may_also_be_given_as_it_is(world):
    face = sealed_face(world.key('anna'))
    given = {
        'envelope': base64.b64encode(face.envelope).decode(),
        'model_id': face.model_id,
        'record_id': face.record_id,
    }
    world.perform('mint_face', 'anna', **given)
    assert face_of(world.data(judged(world).mint)) == face
    broken = {**given, 'envelope': base64.b64encode(face.envelope[:-1]).decode()}
    assert world.refused('mint_face', 'berta', **broken) == 'bad_envelope'
    assert world.refused('mint_face', 'berta', **{**given, 'envelope': '?'}) == 'bad_value'
    assert world.refused('mint_face', 'berta', **given, colour='red') == 'bad_value'


def test_what_was_begun_and_not_finished_can_be_burned_by_its_name(world):
    world.keep_face('anna')
    row = world.built('mint_face', 'anna')
    assert len(row.plans) > 1, 'this says nothing if one transaction is enough'
    assert not hasattr(world.sent_plan(row.plans[0], 'anna'), 'err')
    assert judged(world).reason is Reason.NONE
    assert world.refused('burn_face', 'anna') == 'not_there'
    world.perform('burn_face', 'anna', mint=wallet_text(row.accounts[0]))
    assert not world.data(row.accounts[0])


def test_who_lags_behind_what_a_person_has_seen_does_not_say_that_nothing_is_there(world):
    mint = wallet_text(b'9' * 32)
    assert world.refused('burn_face', 'anna', mint=mint, slot=str(SLOT)) == 'not_there'
    with pytest.raises(NodeBehind):
        world.built('burn_face', 'anna', mint=mint, slot=str(SLOT + 1))
    assert world.refused('burn_face', 'anna', mint=mint, slot='soon') == 'bad_value'


def test_nobody_burns_what_is_not_theirs(world):
    world.keep_face('anna')
    world.perform('mint_face', 'anna')
    mint = wallet_text(judged(world).mint)
    assert world.refused('burn_face', 'berta', mint=mint) == 'not_owner'
    assert world.refused('burn_face', 'anna', mint=wallet_text(world.own_group.public)) in (
        'not_owner',
        'not_there',
    )
    assert world.refused('burn_face', 'anna', mint=wallet_text(world.camera)) == 'not_there'


def test_without_the_right_to_be_enrolled_there_is_no_face(world):
    world.keep_face('anna')
    guest = world.stay('anna', {'view'})
    assert world.refused('mint_face', 'anna', guest) == 'missing_right'
    assert world.refused('update_face', 'anna', guest) == 'missing_right'
    assert world.refused('mint_face', 'berta', world.stay('berta')) == 'no_template'


def test_without_a_group_or_its_authority_there_is_no_face():
    world = KindsWorld()
    world.keep_face('anna')
    assert world.refused('mint_face', 'anna') == 'no_group'
    world.perform('create_group', 'owner')
    assert world.refused('create_group', 'owner') == 'already_there'
    assert world.refused('create_group', 'owner', world.stay('owner')) == 'missing_right'
    foreign = dataclasses.replace(
        world.here.faces, group_authority=world.key('rival'), group_key=None
    )
    world.here = dataclasses.replace(world.here, faces=foreign)
    assert world.refused('mint_face', 'anna') == 'no_group'
    assert world.refused('create_group', 'owner') == 'already_there'


def test_the_device_pays_for_faces_where_it_is_told_to_and_gets_the_rent_back():
    world = KindsWorld(device_pays_for=['mint_face', 'burn_face', 'create_group'])
    world.perform('create_group', 'owner')
    world.keep_face('anna')
    mine, before = world.balance(world.key('anna')), world.balance(world.device)
    world.perform('mint_face', 'anna')
    world.perform('burn_face', 'anna')
    assert world.balance(world.key('anna')) == mine
    assert 0 < before - world.balance(world.device) < 100_000


def test_who_signs_is_told_what_the_chain_will_show_for_good(world):
    world.keep_face('anna')
    for plan in world.built('mint_face', 'anna').plans:
        said = ' '.join(plan.sentences)
        assert 'your wallet has a face NFT of the group of this camera' in said
        assert 'stays in the history of the chain' in said
    world.perform('mint_face', 'anna')
    assert 'stays in the history' in ' '.join(world.built('update_face', 'anna').plans[0].sentences)
