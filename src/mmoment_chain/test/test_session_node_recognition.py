"""Sealed templates on their way from their owner to face_node."""

import pytest
from sealed_people import Person, kept_person
from session_world import Wallet, status, wait_until

from mmoment_chain import vault
from mmoment_chain.envelope import Custody
from mmoment_interfaces.srv import CheckOut, GetSession, GetTemplate, GrantRights

pytestmark = pytest.mark.graph


def test_a_sealed_template_is_kept_admitted_and_wiped_with_the_session(world, anna):
    sessions = world.sessions()
    faces = world.start_faces()
    node = world.start()
    person = kept_person(world, anna)
    given = world.call(GetTemplate, 'get_template', wallet=anna.address)
    assert (given.record_id, given.model_id, given.custody) == (
        person.record.record_id,
        'model-1',
        'user',
    )
    assert bytes(given.envelope) == person.envelope.to_bytes()
    wait_until(lambda: status(node, 'presence')['to_be_forgotten'] == '0', 'the first check-out')
    wrapped = person.wrapped(world, node)
    opened = world.check_in(anna, wrapped_key=wrapped, display_name='Anna')
    assert opened.success, opened.message
    assert opened.message == 'Checked in.'
    assert opened.session.face_known
    (request,) = faces.asked
    assert (request.identity, request.display_name) == (anna.address, 'Anna')
    assert (request.record_id, request.model_id) == (person.record.record_id, 'model-1')
    assert bytes(request.wrapped_key) == wrapped
    assert bytes(request.envelope) == person.envelope.to_bytes()
    wait_until(lambda: [one.face_known for one in sessions[-1].sessions] == [True], 'the face')
    world.call(CheckOut, 'check_out', token=opened.token)
    wait_until(lambda: not faces.known, 'the wipe')
    # What face_node was given opens the template, by the keys of this camera and no others.
    assert wrapped not in b''.join(
        path.read_bytes() for path in world.folder.rglob('*') if path.is_file()
    )


def test_keys_are_wrapped_to_the_device_whatever_its_name_in_signed_texts(world, anna):
    node = world.start(camera_id='lobby')
    assert 'urn:mmoment:camera:lobby' in world.challenge(anna).text
    answer = world.call(GetTemplate, 'get_template', wallet=anna.address)
    assert answer.camera_id == node._identity.camera_id != 'lobby'
    assert bytes(answer.camera_key) == node._identity.unsealing_public


def test_a_face_node_that_was_started_again_is_told_once_more(world, anna):
    sessions = world.sessions()
    faces = world.start_faces()
    node = world.start()
    person = kept_person(world, anna)
    opened = world.check_in(anna, wrapped_key=person.wrapped(world, node))
    assert opened.session.face_known
    faces.end()
    faces = world.start_faces()
    wait_until(lambda: anna.address in faces.known, 'the second admission')
    wait_until(lambda: sessions[-1].sessions[0].face_known, 'the face')


def test_without_a_face_node_the_check_in_does_not_wait_and_it_is_told_later(world, anna):
    node = world.start()
    person = kept_person(world, anna)
    opened = world.check_in(anna, wrapped_key=person.wrapped(world, node))
    assert opened.success
    assert not opened.session.face_known
    faces = world.start_faces()
    wait_until(lambda: anna.address in faces.known, 'the admission')


def test_a_check_in_goes_on_without_recognition_and_says_why(world, anna):
    faces = world.start_faces()
    node = world.start()
    person = kept_person(world, anna)
    faces.refusal = 'it was made by another model'
    wrapped = person.wrapped(world, node)
    opened = world.check_in(anna, wrapped_key=wrapped)
    assert opened.success
    assert not opened.session.face_known
    assert 'not recognised: it was made by another model' in opened.message
    damaged = world.check_in(anna, wrapped_key=wrapped[:-1])
    assert damaged.success
    assert 'not a wrapped key' in damaged.message
    stranger = world.check_in(Wallet(), wrapped_key=wrapped)
    assert stranger.success
    assert 'No face template' in stranger.message


def test_only_who_may_enrol_keeps_a_template(world, anna):
    world.start(default_rights=['view'])
    opened = world.check_in(anna)
    answer = Person(anna).keep(world, opened.token)
    assert answer.error_code == 'missing_right'
    world.call(GrantRights, 'grant_rights', wallet=anna.address, rights=['enroll'])
    person = Person(anna)
    assert person.keep(world, opened.token, consent_version='').error_code == 'no_consent'
    assert person.keep(world, opened.token, envelope=b'plain').error_code == 'bad_envelope'
    assert person.keep(world, opened.token).success


def test_the_camera_keeps_a_template_itself_for_who_agreed_to_that(world, anna):
    faces = world.start_faces()
    world.start()
    opened = world.check_in(anna)
    key = world.call(GetTemplate, 'get_template', wallet=anna.address).camera_key
    person = Person(anna)
    sealed = vault.seal(b'embedding', bytes(key), person.record, Custody.CAMERA)
    assert person.keep(world, opened.token, envelope=sealed.to_bytes(), custody='camera').success
    again = world.check_in(anna)
    assert again.session.face_known
    assert bytes(faces.known[anna.address].wrapped_key) == b''


def test_whose_template_the_camera_keeps_is_known_again_after_a_restart(world, anna):
    node = world.start()
    gone = Wallet()
    for wallet in (anna, gone):
        opened = world.check_in(wallet, display_name='Anna')
        key = world.call(GetTemplate, 'get_template', wallet=wallet.address).camera_key
        person = Person(wallet)
        sealed = vault.seal(b'embedding', bytes(key), person.record, Custody.CAMERA).to_bytes()
        assert person.keep(world, opened.token, envelope=sealed, custody='camera').success
    assert world.call(CheckOut, 'check_out', token=opened.token).success
    world.end(node)
    faces = world.start_faces()
    sessions = world.sessions()
    world.start()
    wait_until(lambda: faces.known, 'the admission')
    assert faces.known[anna.address].display_name == 'Anna'
    wait_until(lambda: [one.face_known for one in sessions[-1].sessions] == [True], 'the face')
    assert set(faces.known) == {anna.address}


def test_who_loses_the_right_to_be_recognised_is_forgotten_by_face_node(world, anna):
    faces = world.start_faces()
    node = world.start(default_rights=['view', 'enroll'])
    world.call(GrantRights, 'grant_rights', wallet=anna.address, rights=['recognize'])
    person = kept_person(world, anna)
    opened = world.check_in(anna, wrapped_key=person.wrapped(world, node))
    assert opened.session.face_known
    world.call(GrantRights, 'grant_rights', wallet=anna.address, revoke=True)
    wait_until(lambda: not faces.known, 'the wipe')
    assert world.call(GetSession, 'get_session', token=opened.token).success


@pytest.mark.parametrize('wrapped', [b'', b'x' * 40])
@pytest.mark.parametrize('has_another', [False, True])
def test_who_checks_in_again_without_their_key_is_not_recognised_by_the_old_one(
    world, anna, wrapped, has_another
):
    faces = world.start_faces()
    node = world.start()
    person = kept_person(world, anna)
    before = world.check_in(anna, wrapped_key=person.wrapped(world, node))
    assert before.session.face_known
    if has_another:
        # Who has another session beside asked for it there as well.
        world.check_in(anna)
    again = world.check_in(anna, wrapped_key=wrapped, replaces=before.token)
    assert again.success
    assert again.session.face_known is has_another
    if has_another:
        assert anna.address in faces.known
    else:
        wait_until(lambda: not faces.known, 'the wipe')
        assert ('not recognised' in again.message) == bool(wrapped)


def test_somebody_else_at_the_same_browser_takes_nothing_over(world, anna):
    faces = world.start_faces()
    node = world.start()
    person = kept_person(world, anna)
    before = world.check_in(anna, wrapped_key=person.wrapped(world, node))
    assert world.check_in(Wallet(), replaces=before.token).success
    wait_until(lambda: not faces.known, 'the wipe')
    assert status(node, 'presence')['people'] == '1'
