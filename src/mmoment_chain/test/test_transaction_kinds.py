"""What is built does on the chain what its sentences say, and nothing else is built."""

import dataclasses

import pytest
from kinds_world import NOW_S, KindsWorld

from mmoment_chain.program_layout import ChainSession, Grant, Mode
from mmoment_chain.wallet import wallet_text


@pytest.fixture
def world():
    return KindsWorld()


@pytest.fixture
def registered(world):
    world.perform('register_camera', 'owner', name='Door', model='mk1')
    return world


def test_a_registration_is_paid_and_owned_by_who_signs(world):
    row = world.perform('register_camera', 'owner', name='Door', features='5', closed_list='yes')
    camera = world.camera_now()
    assert (camera.owner, camera.device, camera.payer) == (world.owner, world.device, world.owner)
    assert (camera.name, camera.features, camera.has_closed_list) == ('Door', 5, True)
    assert camera.mode is Mode.PRIVATE
    assert row.accounts == (world.camera,)
    (plan,) = row.plans
    assert plan.rent_lamports == world.balance(world.camera)
    assert "'Door'" in plan.sentences[0]
    assert world.refused('register_camera', 'owner', name='Door') == 'already_there'


def test_a_public_camera_says_so_before_it_is_signed(world):
    (plan,) = world.perform('register_camera', 'owner', name='Door', mode='public').plans
    assert world.camera_now().mode is Mode.PUBLIC
    assert any('wallet of everybody' in sentence for sentence in plan.sentences)


def test_what_is_not_given_stays_as_it_is(registered):
    registered.perform('update_camera', 'owner', address='https://door.example')
    camera = registered.camera_now()
    assert (camera.name, camera.model) == ('Door', 'mk1')
    assert camera.address == 'https://door.example'


def test_the_owner_opens_and_closes_it(registered):
    registered.perform('set_active', 'owner', active='no')
    assert not registered.camera_now().is_active
    registered.perform('set_active', 'owner', active='yes')
    assert registered.camera_now().is_active


def test_a_grant_names_nobody_in_private_mode_and_is_taken_back(registered):
    anna = registered.key('anna')
    given = {'for': wallet_text(anna), 'rights': 'record stream', 'hours': '2'}
    (plan,) = registered.perform('grant', 'owner', **given).plans
    subject = registered.here.blinded(anna)
    grant = Grant.from_bytes(registered.data(registered.grant_of(subject)))
    assert grant.rights == {'record', 'stream'}
    assert grant.expires_s == NOW_S + 7200
    assert wallet_text(anna) in plan.sentences[0]
    assert plan.rent_lamports
    # The account is there: only what it holds changes.
    assert not registered.built('grant', 'owner', **given).plans[0].rent_lamports
    registered.perform('revoke', 'owner', **{'for': wallet_text(anna)})
    assert not registered.data(registered.grant_of(subject))
    assert registered.refused('revoke', 'owner', **{'for': wallet_text(anna)}) == 'not_there'


def test_all_rent_comes_back_when_it_is_closed(world):
    before = world.balance(world.owner)
    world.perform('register_camera', 'owner', name='Door')
    world.perform('close_camera', 'owner')
    assert not world.data(world.camera)
    # Two fees, of three signatures in all: the device and the owner, then the owner.
    assert before - world.balance(world.owner) == 15_000


def test_another_device_key_is_named_by_the_owner(registered):
    assert registered.refused('rotate_device', 'owner') == 'already_there'
    new = registered.key('new device')
    place = dataclasses.replace(registered.here.place, device=new)
    registered.here = dataclasses.replace(registered.here, place=place)
    (plan,) = registered.built('rotate_device', 'owner').plans
    assert wallet_text(new) in plan.sentences[0]
    registered.must(*plan.instructions)
    assert registered.camera_now().device == new


@pytest.mark.parametrize(
    ('kind', 'values'),
    [
        ('update_camera', {'name': 'Mine'}),
        ('set_active', {'active': 'no'}),
        ('rotate_device', {}),
        ('close_camera', {}),
        ('revoke', {'for': wallet_text(bytes([8]) * 32)}),
        ('grant', {'for': wallet_text(bytes([8]) * 32), 'rights': 'view'}),
    ],
)
def test_what_is_the_owners_nobody_else_gets(registered, kind, values):
    assert registered.refused(kind, 'anna', **values) == 'not_owner'
    guest = registered.stay('owner')
    assert registered.refused(kind, 'owner', guest, **values) == 'missing_right'
    empty = KindsWorld()
    assert empty.refused(kind, 'owner', **values) in ('not_registered', 'not_owner')


@pytest.mark.parametrize(
    ('kind', 'values'),
    [
        ('register_camera', {}),
        ('register_camera', {'name': ' '}),
        ('register_camera', {'name': 'x' * 65}),
        ('register_camera', {'name': 'Door', 'mode': 'secret'}),
        ('register_camera', {'name': 'Door', 'colour': 'red'}),
        ('set_active', {}),
        ('set_active', {'active': 'maybe'}),
        ('grant', {'for': 'anna', 'rights': 'view'}),
        ('grant', {'for': wallet_text(bytes([8]) * 32), 'rights': 'fly'}),
        ('revoke', {}),
    ],
)
def test_values_that_cannot_be_taken_are_refused(world, kind, values):
    assert world.refused(kind, 'owner', **values) == 'bad_value'


def test_a_person_checks_in_at_a_public_camera_each_time_with_the_next_number():
    world = KindsWorld(Mode.PUBLIC, device_pays_for=['check_in'])
    world.perform('register_camera', 'owner', name='Door')
    anna, before = world.key('anna'), world.balance(world.key('anna'))
    assert world.refused('check_in', 'anna') == 'no_session'
    (plan,) = world.perform('check_in', 'anna', world.stay('anna')).plans
    session = ChainSession.from_bytes(world.data(world.session_of(anna)))
    assert (session.visit, session.is_present, session.payer) == (1, True, world.device)
    assert (session.checked_in_s, session.expires_s) == (NOW_S - 5, NOW_S + 3600)
    assert world.balance(anna) == before
    assert plan.rent_lamports
    assert world.refused('check_in', 'anna', world.stay('anna')) == 'already_there'


def test_a_private_camera_tells_of_visits_itself(registered):
    assert registered.refused('check_in', 'anna', registered.stay('anna')) == 'wrong_mode'


def test_owners_are_told_what_follows_from_what_they_sign(registered):
    def said(kind, **values):
        return ' '.join(registered.built(kind, 'owner', **values).plans[0].sentences)

    assert 'people can still check in at the camera itself' in said('set_active', active='no')
    closed = said('update_camera', closed_list='yes')
    assert 'were of the same person' in closed
    assert 'set at the camera' in closed
    granted = {'for': wallet_text(registered.key('anna')), 'rights': 'view'}
    assert 'were of the same person' not in said('grant', **granted)
    registered.perform('update_camera', 'owner', closed_list='yes')
    assert 'were of the same person' in said('grant', **granted)
    fresh = KindsWorld().built('register_camera', 'owner', name='Door').plans[0].sentences
    assert 'kinds and times of events' in fresh[-1]


def test_a_grant_says_whose_rights_it_changes(registered):
    granted = {'for': wallet_text(registered.key('anna')), 'rights': 'view'}
    anna = registered.key('anna')
    assert registered.perform('grant', 'owner', **granted).about == anna
    assert (
        registered.built('revoke', 'owner', **{'for': wallet_text(registered.key('anna'))}).about
        == anna
    )
    assert registered.built('set_active', 'owner', active='no').about is None
