"""Services of the session node in surroundings that go wrong, and those that end what was kept."""

import contextlib
import dataclasses
import sqlite3
import threading

import pytest
from fake_clock import FakeClock
from rclpy.parameter import Parameter
from session_world import SessionWorld, Wallet, wait_until

from mmoment_chain import consent_texts, event_log, vault
from mmoment_chain.envelope import Envelope, Record, new_record_id
from mmoment_chain.errors import StoreFull
from mmoment_chain.sealing import public_of
from mmoment_chain.secret_bytes import SecretBytes
from mmoment_chain.session_node import SessionNode
from mmoment_chain.vault import CameraKey
from mmoment_interfaces.srv import (
    CheckIn,
    CheckOut,
    ForgetPerson,
    ForgetTemplate,
    GetSession,
    GetTemplate,
    GrantRights,
    KeepTemplate,
    ListSessions,
)

pytestmark = pytest.mark.graph

HOUR_S = 3600.0
DAY_S = 24 * HOUR_S


class NodeOnFakeClock(SessionNode):
    """Its clock stands still until a test moves it."""

    fake = None

    def clock(self):
        return NodeOnFakeClock.fake


@pytest.fixture
def clock():
    NodeOnFakeClock.fake = FakeClock()
    return NodeOnFakeClock.fake


@pytest.fixture
def world(tmp_path):
    world = SessionWorld(tmp_path)
    yield world
    world.close()


@pytest.fixture
def anna():
    return Wallet()


class Kept:
    """Somebody's template, sealed to their own key and kept by the camera."""

    def __init__(self, world, token, wallet):
        self._own = SecretBytes.random(32)
        self._record = Record(wallet.address, 'model-1', new_record_id())
        self._envelope = vault.seal(b'embedding' * 20, public_of(self._own), self._record)
        answer = world.call(
            KeepTemplate,
            'keep_template',
            token=token,
            envelope=self._envelope.to_bytes(),
            record_id=self._record.record_id,
            model_id='model-1',
            custody='user',
            consent_version=consent_texts.ACCEPTED['user'][-1],
        )
        assert answer.success, answer.message

    def wrapped(self, world, node, hours=1.0):
        given = world.call(GetTemplate, 'get_template', wallet=self._record.wallet)
        camera = CameraKey(given.camera_id, bytes(given.camera_key))
        ends_ms = node._parts.clock.utc_ms() + round(hours * 3_600_000)
        envelope = Envelope.from_bytes(bytes(given.envelope))
        return vault.rewrap(envelope, self._record, self._own, camera, ends_ms).to_bytes()


def check_in_known(world, node, wallet, hours=1.0):
    kept = Kept(world, world.check_in(wallet).token, wallet)
    opened = world.check_in(wallet, wrapped_key=kept.wrapped(world, node, hours))
    assert opened.session.face_known, opened.message
    return opened


def events_of(node, wallet):
    with node._store.reading() as query:
        return [one.kind for one in event_log.of_subject(query, wallet.address)]


# --- faults ---------------------------------------------------------------------------------------


class Broken:
    """A part of the node that fails whatever it is asked."""

    def __init__(self, error):
        self._error = error

    def __getattr__(self, name):
        raise self._error


def test_a_fault_nobody_foresaw_is_answered_and_the_node_goes_on(world, anna, capfd):
    node = world.start()
    opened = world.check_in(anna)
    whole = node._requests._parts
    node._requests._parts = dataclasses.replace(whole, keeping=Broken(KeyError('planted secret')))
    answer = world.call(GetTemplate, 'get_template', wallet=anna.address)
    assert (answer.success, answer.error_code) == (False, 'internal')
    assert 'its log says more' in answer.message
    node._requests._parts = whole
    assert world.call(GetSession, 'get_session', token=opened.token).success
    assert node.fault is None
    told = capfd.readouterr()
    assert 'KeyError' in told.err + told.out
    assert 'template_of' in told.err + told.out
    assert 'planted secret' not in told.err + told.out + answer.message


def test_a_store_that_fails_is_told_by_every_service_of_the_book(world, anna):
    node = world.start()
    whole = node._requests._parts
    node._requests._parts = dataclasses.replace(whole, book=Broken(StoreFull('no room')))
    for kind, service, fields in (
        (ListSessions, 'list_sessions', {}),
        (GetSession, 'get_session', {'token': 'A' * 43}),
        (GrantRights, 'grant_rights', {'wallet': anna.address, 'rights': ['view']}),
    ):
        answer = world.call(kind, service, **fields)
        assert (answer.success, answer.error_code) == (False, 'not_kept')
        assert answer.message
    node._requests._parts = whole
    listed = world.call(ListSessions, 'list_sessions')
    assert (listed.success, listed.error_code) == (True, '')


@pytest.mark.parametrize('hours', [-1.0, float('nan'), float('inf'), 1e30, 90_000.0])
def test_hours_that_make_no_sense_grant_nothing(world, anna, hours):
    node = world.start()
    answer = world.call(
        GrantRights, 'grant_rights', wallet=anna.address, rights=['admin'], hours=hours
    )
    assert (answer.success, answer.error_code) == (False, 'bad_duration')
    assert events_of(node, anna) == []
    assert 'admin' not in world.check_in(anna).session.rights


def test_while_face_node_hangs_others_are_answered(world, anna):
    faces = world.start_faces()
    node = world.start()
    people = [Wallet() for _ in range(4)]
    wrapped = []
    for one in people:
        opened = world.check_in(one)
        wrapped.append(Kept(world, opened.token, one).wrapped(world, node))
    guest = world.check_in(anna)
    faces.hang()
    client = world.tester.create_client(CheckIn, 'check_in')
    assert client.wait_for_service(10)
    coming = []
    for one, key in zip(people, wrapped, strict=True):
        text = world.challenge(one).text
        request = CheckIn.Request(
            wallet=one.address, message=text, signature=one.sign(text), wrapped_key=key
        )
        coming.append(client.call_async(request))
    wait_until(lambda: sum(one.done() for one in coming) >= 2, 'those who do not wait')
    assert world.call(GetSession, 'get_session', token=guest.token).success
    assert world.call(ListSessions, 'list_sessions').success
    # Two still wait for a face_node that does not answer.
    assert sum(not one.done() for one in coming) == 2
    wait_until(lambda: all(one.done() for one in coming), 'the rest')
    assert all(one.result().success for one in coming)


# --- how long somebody is known, and their name kept ----------------------------------------------


def test_recognition_lasts_as_long_as_the_key_whenever_the_session_is_renewed(world, anna, clock):
    faces = world.start_faces()
    node = world.start(NodeOnFakeClock, session_hours=1.0, absent_minutes=1440.0)
    token = check_in_known(world, node, anna, hours=3.0).token
    for _ in range(4):
        clock.advance(0.7 * HOUR_S)
        token = world.call(GetSession, 'get_session', token=token, renew=True).new_token
        assert token
    assert node._admissions.next_call() is None
    found = world.call(GetSession, 'get_session', token=token)
    assert found.session.face_known
    clock.advance(0.3 * HOUR_S)
    wait_until(lambda: not faces.known, 'the end of the key')
    assert world.call(GetSession, 'get_session', token=token).success


def test_names_are_kept_for_so_many_days_or_for_ever(world, anna, clock):
    events = world.events()
    node = world.start(NodeOnFakeClock, keep_people_days=0.0)
    gone, there = world.check_in(anna), world.check_in(Wallet())
    assert world.call(CheckOut, 'check_out', token=gone.token).success
    assert events_of(node, anna) == ['checked_in', 'checked_out']
    clock.advance(31 * DAY_S)
    wait_until(lambda: any(one.reason == 'expired' for one in events), 'a tick')
    clock.advance(HOUR_S)
    assert world.call(GetSession, 'get_session', token=there.token).error_code
    assert events_of(node, anna) == ['checked_in', 'checked_out']
    (set_,) = node.set_parameters([Parameter('keep_people_days', value=30.0)])
    assert set_.successful
    wait_until(lambda: events_of(node, anna) == [], 'the names to go')
    with node._store.reading() as query:
        assert event_log.verify(query).is_good


# --- ending what was kept -------------------------------------------------------------------------


def test_consent_is_withdrawn_and_the_person_stays_checked_in(world, anna):
    faces = world.start_faces()
    node = world.start()
    opened = check_in_known(world, node, anna)
    other = world.call(
        ForgetTemplate, 'forget_template', token=opened.token, wallet=Wallet().address
    )
    assert other.error_code == 'wrong_wallet'
    assert faces.known
    answer = world.call(ForgetTemplate, 'forget_template', token=opened.token)
    assert answer.success, answer.message
    assert (answer.templates, answer.consents, answer.face_forgotten) == (1, 1, True)
    assert not faces.known
    template = world.call(GetTemplate, 'get_template', wallet=anna.address)
    assert template.error_code == 'no_template'
    found = world.call(GetSession, 'get_session', token=opened.token, right='enroll')
    assert found.success
    assert not found.session.face_known
    assert events_of(node, anna)[-2:] == ['consent_withdrawn', 'templates_deleted']
    again = world.call(ForgetTemplate, 'forget_template', token=opened.token)
    assert (again.success, again.templates, again.consents) == (True, 0, 0)
    # Whoever agrees once more is known once more.
    assert check_in_known(world, node, anna)


def test_the_owner_forgets_a_template_by_the_wallet(world, anna):
    faces = world.start_faces()
    node = world.start()
    check_in_known(world, node, anna)
    answer = world.call(ForgetTemplate, 'forget_template', wallet=anna.address)
    assert (answer.success, answer.templates, answer.face_forgotten) == (True, 1, True)
    assert not faces.known
    for fields, code in (
        ({}, 'bad_wallet'),
        ({'wallet': 'anna'}, 'bad_wallet'),
        ({'token': 'A' * 43}, 'bad_token'),
    ):
        assert world.call(ForgetTemplate, 'forget_template', **fields).error_code == code


def test_an_erasure_says_what_is_left_to_do(world, anna):
    faces = world.start_faces()
    node = world.start()
    check_in_known(world, node, anna)
    done = world.call(ForgetPerson, 'forget_person', wallet=anna.address, confirm_media=True)
    assert (done.success, done.face_forgotten, done.traces_cleaned) == (True, True, True)
    assert not done.media_erased
    assert 'photos and clips' in done.message
    check_in_known(world, node, anna)
    faces.hang()
    with contextlib.closing(sqlite3.connect(node._home.store, isolation_level=None)) as reader:
        reader.execute('BEGIN')
        reader.execute('SELECT count(*) FROM sessions').fetchone()
        left = world.call(ForgetPerson, 'forget_person', wallet=anna.address)
    assert (left.success, left.face_forgotten, left.traces_cleaned) == (True, False, False)
    assert 'asked again' in left.message
    assert 'cleaned as soon as' in left.message
    faces.go_on()
    wait_until(lambda: not faces.known, 'the face to be forgotten')


def signed_request(world, wallet, **changes):
    challenge = world.challenge(wallet, purpose='forget_me')
    assert challenge.success, challenge.message
    assert 'forget me' in challenge.text
    given = {'wallet': wallet.address, 'message': challenge.text}
    return given | {'signature': wallet.sign(challenge.text)} | changes


def test_somebody_is_forgotten_by_their_signature_without_a_session(world, anna):
    node = world.start()
    token = world.check_in(anna).token
    request = signed_request(world, anna)
    answer = world.call(ForgetPerson, 'forget_person', **request)
    assert answer.success, answer.message
    assert answer.erased > 0
    assert events_of(node, anna) == []
    assert world.call(GetSession, 'get_session', token=token).error_code == 'bad_token'
    # What was signed once erases nothing of what comes after.
    token = world.check_in(anna).token
    again = world.call(ForgetPerson, 'forget_person', **request)
    assert again.error_code == 'used_nonce'
    assert world.call(GetSession, 'get_session', token=token).success


def test_and_by_the_transaction_of_a_hardware_wallet(world, anna):
    node = world.start()
    world.check_in(anna)
    challenge = world.challenge(anna, with_memo=True, purpose='forget_me')
    signed = anna.sign_transaction(challenge.memo_transaction)
    answer = world.call(ForgetPerson, 'forget_person', wallet=anna.address, memo_transaction=signed)
    assert answer.success, answer.message
    assert events_of(node, anna) == []


def test_no_other_signature_erases_anybody(world, anna):
    node = world.start()
    token, mallory = world.check_in(anna).token, Wallet()
    text = world.challenge(anna).text
    for fields, code in (
        # Signed to check in.
        (signed_request(world, anna, message=text, signature=anna.sign(text)), 'unknown_nonce'),
        (signed_request(world, anna, signature=mallory.sign('x')), 'bad_signature'),
        (signed_request(world, anna, signature=''), 'bad_signature'),
        ({**signed_request(world, mallory), 'wallet': anna.address}, 'wrong_wallet'),
        # Half a proof is not the word of the owner.
        ({'wallet': anna.address, 'signature': anna.sign(text)}, 'malformed'),
        ({'wallet': anna.address, 'memo_transaction': 'AAAA'}, 'malformed'),
    ):
        answer = world.call(ForgetPerson, 'forget_person', **fields)
        assert (answer.success, answer.error_code) == (False, code), fields
    assert world.call(GetSession, 'get_session', token=token).success
    to_forget = signed_request(world, anna)
    wrong_way = world.call(CheckIn, 'check_in', **to_forget)
    assert wrong_way.error_code == 'unknown_nonce'
    assert world.challenge(anna, purpose='give_me_all').error_code == 'malformed'
    assert node.fault is None


# --- where people sign in -------------------------------------------------------------------------


def test_people_sign_in_where_the_page_is(world, anna):
    world.start(port=5003)
    assert world.challenge(anna).text.startswith('127.0.0.1:5003 wants')
    assert world.challenge(anna, domain='localhost:5003').success
    assert world.challenge(anna, domain='localhost:5002').error_code == 'wrong_domain'


def test_where_the_port_is_not_known_they_sign_in_at_any_of_this_machine(world, anna):
    world.start(port=0)
    text = world.challenge(anna, domain='localhost:40123').text
    opened = world.call(
        CheckIn, 'check_in', wallet=anna.address, message=text, signature=anna.sign(text)
    )
    assert opened.success
    assert world.check_in(Wallet()).success
    assert world.challenge(anna, domain='192.168.1.20:40123').error_code == 'wrong_domain'


# --- lists of sessions ----------------------------------------------------------------------------


def test_what_could_not_be_published_is_published_later(world, anna):
    class Stuck(SessionNode):
        tries = 0
        fails = False

        def _header(self):
            if self.fails and threading.current_thread() is self._worker:
                self.tries += 1
                raise StoreFull('the disk is full')
            return super()._header()

    sessions = world.sessions()
    node = world.start(Stuck)
    wait_until(lambda: sessions, 'the first list')
    node.fails = True
    assert world.check_in(anna).success
    wait_until(lambda: node.tries > 1, 'another try')
    assert not sessions[-1].sessions
    node.fails = False
    wait_until(lambda: sessions[-1].sessions, 'the session')


def test_a_clock_that_is_set_is_told_with_the_next_list_of_the_same_run(world, anna, clock):
    sessions = world.sessions()
    node = world.start(NodeOnFakeClock)
    world.check_in(anna)
    wait_until(lambda: sessions and sessions[-1].sessions, 'the session')
    before = sessions[-1]
    clock.set_wall(clock.utc_ms() + round(DAY_S * 1000))
    wait_until(lambda: sessions[-1].number > before.number, 'another list')
    (session,) = sessions[-1].sessions
    assert session.expires.sec - before.sessions[0].expires.sec == DAY_S
    clock.set_wall(clock.utc_ms() - round(2 * DAY_S * 1000))
    wait_until(lambda: sessions[-1].sessions[0].expires.sec < session.expires.sec, 'the times')
    assert {one.run for one in sessions} == {before.run}
    numbers = [one.number for one in sessions]
    assert numbers == sorted(set(numbers))
    assert numbers[0] > 0
    world.end(node)
    world.start(NodeOnFakeClock)
    wait_until(lambda: sessions[-1].run not in ('', before.run), 'another run')
