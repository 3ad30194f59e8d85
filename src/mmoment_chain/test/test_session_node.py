"""Sessions as their clients see them: through services and topics, with real signatures."""

import dataclasses

import pytest
from book_world import OWNER
from rclpy.lifecycle import TransitionCallbackReturn
from rclpy.parameter import Parameter
from session_world import LATCHED, SessionWorld, Wallet, wait_until

from mmoment_chain import consent_records, consent_texts, event_log, vault
from mmoment_chain.envelope import Custody, Envelope, Record, new_record_id
from mmoment_chain.rights import DEFAULT_RIGHTS, RIGHTS
from mmoment_chain.sealing import public_of
from mmoment_chain.secret_bytes import SecretBytes
from mmoment_chain.store import Store
from mmoment_chain.vault import CameraKey
from mmoment_interfaces.msg import CameraStatus, GestureAction, PersonArray, SessionEvent
from mmoment_interfaces.srv import (
    CheckIn,
    CheckOut,
    ForgetPerson,
    GetSession,
    GetTemplate,
    GiveConsent,
    GrantRights,
    KeepTemplate,
    ListSessions,
    RevokeSession,
)
from mmoment_node.errors import ConfigurationError

pytestmark = pytest.mark.graph

DEFAULTS = list(DEFAULT_RIGHTS)


@pytest.fixture
def world(tmp_path):
    world = SessionWorld(tmp_path)
    yield world
    world.close()


@pytest.fixture
def anna():
    return Wallet()


def status(node, concern):
    (found,) = [one for one in node.diagnose() if one.name.endswith(f': {concern}')]
    return {pair.key: pair.value for pair in found.values} | {'message': found.message}


class Person:
    """A wallet, the key it seals to, and a template sealed to it."""

    def __init__(self, wallet):
        self.wallet = wallet
        self.own = SecretBytes.random(32)
        self.record = Record(wallet.address, 'model-1', new_record_id())
        self.envelope = vault.seal(b'embedding' * 20, public_of(self.own), self.record)

    def keep(self, world, token, **changes):
        fields = {
            'token': token,
            'envelope': self.envelope.to_bytes(),
            'record_id': self.record.record_id,
            'model_id': self.record.model_id,
            'custody': 'user',
            'consent_version': consent_texts.ACCEPTED[changes.get('custody', 'user')][-1],
        }
        return world.call(KeepTemplate, 'keep_template', **{**fields, **changes})

    def wrapped(self, world, node, minutes=60):
        """As the page does it: by what the camera says of itself."""
        given = world.call(GetTemplate, 'get_template', wallet=self.wallet.address)
        camera = CameraKey(given.camera_id, bytes(given.camera_key))
        ends_ms = node._parts.clock.utc_ms() + minutes * 60_000
        envelope = Envelope.from_bytes(bytes(given.envelope))
        return vault.rewrap(envelope, self.record, self.own, camera, ends_ms).to_bytes()


def kept_person(world, wallet):
    person = Person(wallet)
    opened = world.check_in(wallet)
    assert person.keep(world, opened.token).success
    assert world.call(CheckOut, 'check_out', token=opened.token).success
    return person


def test_a_person_checks_in_acts_and_checks_out_and_everybody_is_told(world, anna):
    sessions, people, events = (
        world.sessions(),
        world.listen(PersonArray, 'people', LATCHED),
        world.events(),
    )
    node = world.start()
    opened = world.check_in(anna, display_name=' Anna \n')
    assert opened.success, opened.message
    assert (opened.error_code, len(opened.token)) == ('', 43)
    session = opened.session
    assert (session.identity, session.display_name, session.source) == (
        anna.address,
        'Anna',
        'siws',
    )
    assert session.rights == DEFAULTS
    assert session.expires.sec - session.created.sec == 12 * 3600
    wait_until(lambda: sessions and sessions[-1].sessions, 'the session')
    (told,) = sessions[-1].sessions
    told.last_seen = session.last_seen
    assert told == session
    wait_until(lambda: people and people[-1].people, 'the person')
    (person,) = people[-1].people
    assert (person.identity, person.rights) == (anna.address, DEFAULTS)

    found = world.call(GetSession, 'get_session', token=opened.token, right='capture')
    assert found.success
    assert found.session.session_id == session.session_id
    assert not found.new_token
    refused = world.call(GetSession, 'get_session', token=opened.token, right='admin')
    assert refused.error_code == 'missing_right'
    assert refused.session.session_id == ''
    listed = world.call(ListSessions, 'list_sessions', identity=anna.address).sessions
    assert [one.session_id for one in listed] == [session.session_id]
    assert world.call(ListSessions, 'list_sessions', identity=OWNER).sessions == []
    assert status(node, 'sessions')['sessions'] == '1'

    assert world.call(CheckOut, 'check_out', token=opened.token).success
    wait_until(lambda: not sessions[-1].sessions and not people[-1].people, 'an empty list')
    wait_until(lambda: len(events) == 2, 'both events')
    assert [(one.kind, one.sequence, one.reason) for one in events] == [
        (SessionEvent.CHECKED_IN, 1, ''),
        (SessionEvent.CHECKED_OUT, 2, 'asked'),
    ]
    assert {one.identity for one in events} == {anna.address}
    assert opened.token not in str((sessions, people, events))


def test_a_hardware_wallet_checks_in_by_a_transaction(world, anna):
    world.start()
    plain = world.challenge(anna)
    assert plain.memo_transaction == ''
    challenge = world.challenge(anna, with_memo=True)
    signed = anna.sign_transaction(challenge.memo_transaction)
    opened = world.call(CheckIn, 'check_in', wallet=anna.address, memo_transaction=signed)
    assert opened.success, opened.message
    assert opened.session.source == 'memo'
    again = world.call(CheckIn, 'check_in', wallet=anna.address, memo_transaction=signed)
    assert again.error_code == 'used_nonce'
    for text in ('no base64!', 'AAAA', 'A' * 5000):
        answer = world.call(CheckIn, 'check_in', wallet=anna.address, memo_transaction=text)
        assert answer.error_code == 'malformed'


def test_the_old_text_is_refused_unless_it_is_allowed(world, anna):
    node = world.start()

    def old(nonce):
        text = f'{anna.address}|{node._parts.clock.utc_ms()}|{nonce}'
        return world.call(
            CheckIn,
            'check_in',
            wallet=anna.address,
            message=text,
            signature=anna.sign(text),
        )

    assert old('nonce-1234').error_code == 'not_enabled'
    world.end(node)
    node = world.start(allow_legacy_sign_in=True)
    opened = old('nonce-1234')
    assert opened.success, opened.message
    assert opened.session.source == 'legacy'
    assert old('nonce-1234').error_code == 'used_nonce'


def test_a_renewed_token_works_and_the_old_one_a_moment_longer(world, anna):
    events = world.events()
    world.start()
    old = world.check_in(anna).token
    renewed = world.call(GetSession, 'get_session', token=old, renew=True)
    assert renewed.success
    assert renewed.new_token not in ('', old)
    for token in (old, renewed.new_token):
        assert world.call(GetSession, 'get_session', token=token).success
    wait_until(lambda: any(one.kind == SessionEvent.RENEWED for one in events), 'the event')


def test_sessions_tokens_and_camera_outlive_the_process(world, anna):
    node = world.start()
    opened = world.check_in(anna)
    camera_id = status(node, 'keys')['camera_id']
    world.end(node)
    sessions = world.sessions()
    node = world.start()
    found = world.call(GetSession, 'get_session', token=opened.token)
    assert found.session.session_id == opened.session.session_id
    assert status(node, 'keys')['camera_id'] == camera_id
    wait_until(lambda: sessions and sessions[-1].sessions, 'the session')


def test_deactivated_it_publishes_nothing_and_activated_it_goes_on(world, anna):
    node = world.start()
    opened = world.check_in(anna)
    assert node.trigger_deactivate() == TransitionCallbackReturn.SUCCESS
    topic = f'/{world.namespace}/people'
    wait_until(lambda: world.tester.count_publishers(topic) == 0, 'the publisher to go')
    assert node.trigger_activate() == TransitionCallbackReturn.SUCCESS
    assert world.call(GetSession, 'get_session', token=opened.token).success
    for step in (
        node.trigger_deactivate,
        node.trigger_cleanup,
        node.trigger_configure,
        node.trigger_activate,
    ):
        assert step() == TransitionCallbackReturn.SUCCESS
    assert world.call(GetSession, 'get_session', token=opened.token).success


# --- the owner ------------------------------------------------------------------------------------


def test_the_owner_has_all_grants_and_revokes(world, anna):
    owner, events = Wallet(4), world.events()
    people = world.listen(PersonArray, 'people', LATCHED)
    world.start(owner_wallet=OWNER)
    assert world.check_in(owner).session.rights == list(RIGHTS)
    guest = world.check_in(anna)
    given = world.call(GrantRights, 'grant_rights', wallet=anna.address, rights=['stream'])
    assert given.success, given.message
    assert 'stream' in given.message
    found = world.call(GetSession, 'get_session', token=guest.token, right='stream')
    assert found.session.rights == [*DEFAULTS, 'stream']
    wait_until(
        lambda: any(
            'stream' in one.rights and one.identity == anna.address for one in people[-1].people
        ),
        'the right',
    )
    taken = world.call(GrantRights, 'grant_rights', wallet=anna.address, revoke=True)
    assert taken.success
    refused = world.call(GetSession, 'get_session', token=guest.token, right='stream')
    assert refused.error_code == 'missing_right'

    ended = world.call(RevokeSession, 'revoke_session', identity=anna.address)
    assert (ended.success, ended.sessions) == (True, 1)
    assert world.call(GetSession, 'get_session', token=guest.token).error_code == 'bad_token'
    wait_until(lambda: any(one.kind == SessionEvent.REVOKED for one in events), 'the event')
    wait_until(
        lambda: [one.identity for one in people[-1].people] == [OWNER], 'the owner left alone'
    )


def test_a_session_is_found_by_its_public_name_and_ends_with_the_next_check_in(world, anna):
    world.start()
    before = world.check_in(anna)
    name = before.session.session_id
    assert world.call(GetSession, 'get_session', session_id=name).session.identity == anna.address
    after = world.check_in(anna, replaces=before.token)
    assert world.call(GetSession, 'get_session', token=before.token).error_code == 'bad_token'
    (left,) = world.call(ListSessions, 'list_sessions').sessions
    assert left.session_id == after.session.session_id


def test_what_a_person_agreed_to_is_recorded(world, anna):
    node = world.start()
    token = world.check_in(anna).token
    version = consent_texts.VERSIONS[0]
    for named, refusal in ((version, ''), (version, ''), ('another', 'no_consent')):
        answer = world.call(GiveConsent, 'give_consent', token=token, consent_version=named)
        assert answer.error_code == refusal
    with node._store.reading() as query:
        given = consent_records.history(query, anna.address)
        events = event_log.of_subject(query, anna.address)
    assert [one.text_version for one in given] == [version]
    assert [one.kind for one in events] == ['checked_in', 'consent_given']


def test_a_session_is_ended_by_its_public_name(world, anna):
    world.start()
    opened = [world.check_in(anna) for _ in range(3)]
    ids = [one.session.session_id for one in opened]
    assert world.call(CheckOut, 'check_out', session_id=ids[0]).success
    assert world.call(RevokeSession, 'revoke_session', session_id=ids[1]).sessions == 1
    for one, code in zip(opened, ('bad_token', 'bad_token', ''), strict=True):
        assert world.call(GetSession, 'get_session', token=one.token).error_code == code


@pytest.mark.parametrize(
    ('kind', 'service', 'fields', 'code'),
    [
        (CheckOut, 'check_out', {}, 'no_session'),
        (CheckOut, 'check_out', {'token': 'x'}, 'bad_token'),
        (CheckOut, 'check_out', {'session_id': "' OR 1=1 --"}, 'no_session'),
        (GetSession, 'get_session', {}, 'bad_token'),
        (GetSession, 'get_session', {'token': 'A' * 43}, 'bad_token'),
        (GetSession, 'get_session', {'session_id': 'x'}, 'no_session'),
        (GetSession, 'get_session', {'session_id': 'x', 'renew': True}, 'bad_token'),
        (GetTemplate, 'get_template', {'wallet': 'anna'}, 'bad_wallet'),
        (GetTemplate, 'get_template', {'wallet': OWNER}, 'no_template'),
        (GrantRights, 'grant_rights', {'wallet': OWNER, 'rights': ['fly']}, 'unknown_right'),
        (GrantRights, 'grant_rights', {'wallet': 'anna', 'rights': ['view']}, 'bad_wallet'),
        (RevokeSession, 'revoke_session', {}, 'no_session'),
        (RevokeSession, 'revoke_session', {'identity': 'anna'}, 'bad_wallet'),
        (RevokeSession, 'revoke_session', {'identity': OWNER}, 'no_session'),
        (ForgetPerson, 'forget_person', {}, 'bad_wallet'),
        (ForgetPerson, 'forget_person', {'token': 'A' * 43}, 'bad_token'),
        (KeepTemplate, 'keep_template', {'token': 'A' * 43}, 'bad_token'),
        (GiveConsent, 'give_consent', {}, 'bad_token'),
        (GiveConsent, 'give_consent', {'token': 'A' * 43, 'consent_version': 'x'}, 'bad_token'),
    ],
)
def test_what_cannot_be_done_is_refused_by_its_code(world, kind, service, fields, code):
    node = world.start()
    answer = world.call(kind, service, **fields)
    assert (answer.success, answer.error_code) == (False, code)
    assert answer.message
    assert node.fault is None


# --- presence -------------------------------------------------------------------------------------


def test_who_is_seen_or_gestures_stays_and_who_is_not_is_checked_out(world):
    seen, gesturing, away = Wallet(), Wallet(), Wallet()
    events = world.events()
    actions = world.tester.create_publisher(GestureAction, 'gesture_actions', 10)
    faces = world.start_faces()
    world.start(absent_minutes=0.05)
    for wallet in (seen, gesturing, away):
        assert world.check_in(wallet).success

    def departed():
        faces.sees(seen.address)
        actions.publish(GestureAction(outcome=GestureAction.REQUESTED, identity=gesturing.address))
        # Asked for by somebody who may not: no sign that they are who they seem.
        actions.publish(GestureAction(outcome=GestureAction.NO_RIGHT, identity=away.address))
        return [one for one in events if one.kind == SessionEvent.CHECKED_OUT]

    wait_until(departed, 'a check-out')
    assert [(one.identity, one.reason) for one in departed()] == [(away.address, 'absent')]
    staying = world.call(ListSessions, 'list_sessions').sessions
    assert {one.identity for one in staying} == {seen.address, gesturing.address}
    assert [one.face_known for one in staying if one.identity == seen.address] == [True]


def test_a_camera_that_delivers_nothing_makes_nobody_absent(world, anna):
    faces = world.start_faces()
    camera = world.tester.create_publisher(CameraStatus, 'camera_status', LATCHED)
    camera.publish(CameraStatus(frame_age_s=60.0))
    node = world.start(absent_minutes=0.05)
    wait_until(lambda: not node._is_picture_live, 'the status')
    world.check_in(anna)
    clock, presence = node._parts.clock, node._book.presence
    ends_s = clock.elapsed_s() + 5.0

    def has_waited():
        faces.sees()
        return clock.elapsed_s() > ends_s

    wait_until(has_waited)
    assert len(presence) == 1

    def is_gone():
        faces.sees()
        return len(presence) == 0

    camera.publish(CameraStatus(frame_age_s=0.1))
    wait_until(is_gone, 'the check-out')


# --- recognition ----------------------------------------------------------------------------------


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


# --- forgetting -----------------------------------------------------------------------------------


def test_forget_me_leaves_nothing_and_the_log_verifies(world, anna):
    events = world.events()
    faces = world.start_faces()
    node = world.start()
    person = kept_person(world, anna)
    opened = world.check_in(
        anna, wrapped_key=person.wrapped(world, node), display_name='Anna Unmistakable'
    )
    other = world.call(ForgetPerson, 'forget_person', token=opened.token, wallet=Wallet().address)
    assert other.error_code == 'wrong_wallet'
    answer = world.call(ForgetPerson, 'forget_person', token=opened.token, confirm_media=True)
    assert answer.success, answer.message
    assert answer.erased > 5
    assert 'photos and clips' in answer.message
    assert not faces.known
    assert world.call(GetSession, 'get_session', token=opened.token).error_code == 'bad_token'
    template = world.call(GetTemplate, 'get_template', wallet=anna.address)
    assert template.error_code == 'no_template'
    wait_until(lambda: events and events[-1].kind == SessionEvent.FORGOTTEN, 'the event')
    assert (events[-1].identity, events[-1].session_id) == ('', '')
    path = node._home.store
    world.end(node)
    kept = b''.join(one.read_bytes() for one in path.parent.glob('store*'))
    for text in (anna.address, 'Anna Unmistakable'):
        assert text.encode() not in kept
    with Store(path, node._parts.clock, read_only=True) as store, store.reading() as query:
        assert event_log.verify(query).is_good
        assert event_log.read(query)[-1].kind == event_log.ERASURE


def test_whom_a_face_node_that_hangs_still_knows_is_forgotten_after_a_restart(world, anna):
    faces = world.start_faces()
    node = world.start()
    person = kept_person(world, anna)
    opened = world.check_in(anna, wrapped_key=person.wrapped(world, node))
    assert opened.session.face_known
    faces.hang()
    answer = world.call(ForgetPerson, 'forget_person', token=opened.token)
    assert answer.success
    assert not answer.face_forgotten
    assert not answer.traces_cleaned
    world.end(node)
    assert anna.address in faces.known
    node = world.start()
    faces.go_on()
    wait_until(lambda: not faces.known, 'the wipe')
    path = node._home.store

    def is_clean():
        files = [one.read_bytes() for one in path.parent.glob('store*')]
        return not any(anna.address.encode() in data for data in files)

    wait_until(is_clean, 'the note to go')


def test_somebody_without_a_session_is_forgotten_for_the_owner(world, anna):
    world.start()
    kept_person(world, anna)
    answer = world.call(ForgetPerson, 'forget_person', wallet=anna.address)
    assert answer.success
    assert 'photos' not in answer.message
    assert world.call(GetTemplate, 'get_template', wallet=anna.address).error_code == 'no_template'


# --- the start ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ('parameters', 'told'),
    [
        ({'owner_wallet': 'me'}, 'owner_wallet'),
        ({'default_rights': ['fly']}, "'fly'"),
        ({'domains': ['http://x/path']}, 'http://x/path'),
        ({'camera_id': 'a b'}, 'camera_id'),
        ({'session_hours': 1000.0}, 'session_hours'),
    ],
)
def test_a_parameter_that_cannot_work_is_told_by_name(world, parameters, told):
    with pytest.raises(ConfigurationError, match=told):
        world.start(**parameters)


def test_limits_are_changed_while_it_runs_and_nonsense_is_refused(world, anna):
    node = world.start()
    opened = world.check_in(anna)
    (bad,) = node.set_parameters([Parameter('default_rights', value=['fly'])])
    assert not bad.successful
    assert 'fly' in bad.reason
    (good,) = node.set_parameters([Parameter('default_rights', value=['view'])])
    assert good.successful
    found = world.call(GetSession, 'get_session', token=opened.token)
    assert found.session.rights == ['view']


def test_a_damaged_store_ends_the_start_with_what_to_do(world, anna):
    node = world.start()
    for _ in range(3):
        world.check_in(anna)
    path = node._home.store
    world.end(node)
    data = bytearray(path.read_bytes())
    for start in range(4096, len(data), 4096):
        data[start : start + 64] = b'\xff' * 64
    path.write_bytes(data)
    with pytest.raises(ConfigurationError, match=r'damaged.*backup'):
        world.start()


def test_two_cameras_do_not_share_a_store(world):
    world.start()
    with pytest.raises(ConfigurationError, match='in use by process'):
        world.start()


def test_no_parameter_is_a_secret(world, anna):
    node = world.start()
    opened = world.check_in(anna)
    values = str([dataclasses.asdict(node.parameters), node.diagnose()])
    assert opened.token not in values
    assert anna.address not in values
