"""Calls of session_node and what it publishes, between two real nodes of one process."""

import asyncio
import os
import time
from dataclasses import replace

import pytest
from builtin_interfaces.msg import Time
from std_msgs.msg import Header
from two_nodes import LATCHED, PartNodes, until

from mmoment_api.access import Access
from mmoment_api.bridge import ANSWER_WAIT_S
from mmoment_api.errors import ApiError
from mmoment_api.person_sessions import PersonSessions
from mmoment_api.session_control import (
    CheckInWish,
    ErasedPerson,
    GivenTemplate,
    SessionRecord,
    WithdrawnConsent,
)
from mmoment_api.session_messages import CHANGES, SERVICES, SessionCalls, session_event
from mmoment_api.session_topics import SessionTopics
from mmoment_interfaces.msg import Session, SessionArray, SessionEvent
from mmoment_interfaces.srv import CheckIn

pytestmark = pytest.mark.graph

ANN = 'So11111111111111111111111111111111111111112'
NOW_S = 1_700_000_000
TOKEN = 't' * 43


def ann(**changes):
    message = Session(session_id='s1', identity=ANN, display_name='Ann', source='siws')
    message.rights = ['view', 'enroll']
    message.created = Time(sec=NOW_S, nanosec=5_000_000)
    message.expires = Time(sec=NOW_S + 3600)
    message.last_seen = Time(sec=NOW_S)
    for name, value in changes.items():
        setattr(message, name, value)
    return message


RECORD = SessionRecord(
    session_id='s1',
    identity=ANN,
    display_name='Ann',
    rights=frozenset({'view', 'enroll'}),
    source='siws',
    created_ms=NOW_S * 1000 + 5,
    expires_ms=(NOW_S + 3600) * 1000,
    last_seen_ms=NOW_S * 1000,
)


class SessionNodes(PartNodes):
    """The web node's side, and a session_node that answers what a test tells it to."""

    PART, SERVICES, CALLS = 'session_node', SERVICES, 'session_calls'
    SERVICE_OF = {
        'renew_session': 'get_session',
        'note_presence': 'get_session',
        'revoke_sessions': 'revoke_session',
    }

    def play(self):
        super().play()
        self.sessions = self.other.create_publisher(SessionArray, 'sessions', LATCHED)
        self.events = self.other.create_publisher(SessionEvent, 'session_events', 10)

    def hear(self):
        self.people = PersonSessions(
            self.bridge.session_calls, time.monotonic, lambda: NOW_S * 1000
        )
        self.listen_by(SessionTopics(self.own, self.people, self.hub))


@pytest.fixture(scope='module')
def graph():
    nodes = SessionNodes(f'test_session_messages_{os.getpid()}')
    yield nodes
    nodes.close()


def test_a_challenge(graph):
    challenge, asked = graph.call(
        'create_challenge',
        *(ANN, 'host:1', '10.0.0.1', True),
        text='sign this',
        nonce='n',
        memo_transaction='m',
        issued=Time(sec=NOW_S),
        expires=Time(sec=NOW_S + 300),
    )
    assert (asked.wallet, asked.domain, asked.source, asked.with_memo) == (
        *(ANN, 'host:1', '10.0.0.1', True),
    )
    assert (challenge.text, challenge.nonce, challenge.memo_transaction) == ('sign this', 'n', 'm')
    assert (challenge.issued_ms, challenge.expires_ms) == (NOW_S * 1000, (NOW_S + 300) * 1000)


def test_a_check_in_a_renewal_and_a_look(graph):
    wish = CheckInWish(ANN, 'text', 'signature', 'memo', 'Ann', '10.0.0.1', b'wrapped', 'before')
    withheld = {'withheld': ['record'], 'withheld_because': ['No NFT']}
    opened, asked = graph.call(
        'check_in', wish, token=TOKEN, session=ann(), message='Welcome', **withheld
    )
    assert (opened.token, opened.record, opened.message) == (TOKEN, RECORD, 'Welcome')
    assert opened.withheld == (('record', 'No NFT'),)
    assert (asked.wallet, asked.message, asked.signature) == (ANN, 'text', 'signature')
    assert (asked.memo_transaction, asked.display_name) == ('memo', 'Ann')
    assert (asked.source, bytes(asked.wrapped_key)) == ('10.0.0.1', b'wrapped')
    assert asked.replaces == 'before'
    record, asked = graph.call('get_session', TOKEN, 'view', True, session=ann())
    assert not asked.passive
    record, asked = graph.call('get_session', TOKEN, 'view', False, session=ann())
    assert asked.passive
    assert (record, asked.token, asked.right, asked.renew) == (RECORD, TOKEN, 'view', False)
    opened, asked = graph.call('renew_session', TOKEN, new_token='new', session=ann())
    assert (opened.token, opened.record, asked.token, asked.renew) == ('new', RECORD, TOKEN, True)
    _, asked = graph.call('note_presence', 's1')
    assert (asked.session_id, asked.token, asked.passive, asked.renew) == ('s1', '', False, False)


def test_a_check_in_is_waited_for_while_session_node_asks_the_face_part():
    waits_s = []

    class FakeNode:
        def create_client(self, kind, name, qos_profile):
            return name

    async def call(client, request, part, wait_s=None):
        waits_s.append((client, wait_s))
        return CheckIn.Response(success=True, session=ann())

    calls = SessionCalls(FakeNode(), call)
    calls.open()
    asyncio.run(calls.check_in(CheckInWish(ANN)))
    assert waits_s == [('check_in', 10.0)]
    assert waits_s[0][1] > 2 * ANSWER_WAIT_S


def test_what_the_owner_asks_for(graph):
    sessions, _ = graph.call('list_sessions', sessions=[ann()])
    assert sessions == [RECORD]
    ended, asked = graph.call('revoke_sessions', 's1', '', sessions=2)
    assert (ended, asked.session_id, asked.identity) == (2, 's1', '')
    _, asked = graph.call('grant_rights', ANN, ['view'], 1.5, True)
    assert (asked.wallet, asked.rights, asked.hours, asked.revoke) == (ANN, ['view'], 1.5, True)


def test_what_is_agreed_to_kept_and_erased(graph):
    _, asked = graph.call('give_consent', TOKEN, '1')
    assert (asked.token, asked.consent_version) == (TOKEN, '1')
    given = GivenTemplate('r1', 'model', 'user', b'sealed')
    record_id, asked = graph.call('keep_template', TOKEN, given, '1', record_id='r1')
    assert (record_id, asked.token, asked.record_id, asked.model_id) == (
        *('r1', TOKEN),
        'r1',
        'model',
    )
    assert (bytes(asked.envelope), asked.custody, asked.consent_version) == (b'sealed', 'user', '1')
    kept, asked = graph.call(
        'get_template',
        ANN,
        record_id='r1',
        model_id='model',
        custody='user',
        envelope=b'sealed',
        camera_key=b'k' * 32,
        camera_id='camera',
    )
    assert (kept.envelope, kept.camera_key, kept.camera_id) == (b'sealed', b'k' * 32, 'camera')
    _, asked = graph.call('check_out', TOKEN)
    assert (asked.token, asked.session_id) == (TOKEN, '')


@pytest.mark.parametrize('is_forgotten', [False, True])
def test_a_consent_is_withdrawn(graph, is_forgotten):
    withdrawn, asked = graph.call(
        'forget_template',
        *(TOKEN, ''),
        templates=2,
        consents=1,
        face_forgotten=is_forgotten,
        message='Gone',
    )
    assert withdrawn == WithdrawnConsent(2, 1, is_forgotten, 'Gone')
    assert (asked.token, asked.wallet) == (TOKEN, '')
    _, asked = graph.call('forget_template', '', ANN)
    assert (asked.token, asked.wallet) == ('', ANN)


@pytest.mark.parametrize('done', ['face_forgotten', 'traces_cleaned', 'media_erased'])
def test_what_an_erasure_has_done_and_left(graph, done):
    erased, asked = graph.call(
        'forget_person', TOKEN, '', True, erased=4, message='Soon', **{done: True}
    )
    assert erased == replace(ErasedPerson(4, False, False, False, 'Soon'), **{done: True})
    assert (asked.token, asked.wallet, asked.confirm_media) == (TOKEN, '', True)
    assert (asked.message, asked.signature, asked.memo_transaction) == ('', '', '')


@pytest.mark.parametrize(
    ('method', 'arguments', 'code', 'status', 'told'),
    [
        ('create_challenge', (ANN, 'd', 's', False), 'too_many', 429, 'too_many'),
        ('create_challenge', (ANN, 'd', 's', False), 'wrong_domain', 403, 'wrong_domain'),
        ('check_in', (CheckInWish(ANN),), 'wrong_domain', 401, 'wrong_domain'),
        ('check_in', (CheckInWish(ANN),), 'not_kept', 503, 'not_kept'),
        ('check_out', (TOKEN,), 'bad_token', 401, 'bad_token'),
        ('get_session', (TOKEN, '', True), 'session_over', 401, 'not_signed_in'),
        ('get_session', (TOKEN, 'view', True), 'missing_right', 403, 'missing_right'),
        ('renew_session', (TOKEN,), 'bad_token', 401, 'not_signed_in'),
        ('revoke_sessions', ('s1', ''), 'no_session', 404, 'no_session'),
        ('grant_rights', (ANN, ['fly'], 0.0, False), 'unknown_right', 422, 'unknown_right'),
        ('give_consent', (TOKEN, ''), 'no_consent', 422, 'no_consent'),
        ('give_consent', (TOKEN, ''), 'session_over', 401, 'not_signed_in'),
        ('keep_template', (TOKEN, GivenTemplate('', '', '', b''), ''), 'no_consent', 422, 'no_consent'),
        ('get_template', (ANN,), 'no_template', 404, 'no_template'),
        ('grant_rights', (ANN, ['view'], 1e9, False), 'bad_duration', 422, 'bad_duration'),
        ('list_sessions', (), 'not_kept', 503, 'not_kept'),
        ('list_sessions', (), 'another', 503, 'another'),
        ('forget_template', ('', ANN), 'bad_wallet', 422, 'bad_wallet'),
        ('forget_template', (TOKEN, ''), 'session_over', 401, 'session_over'),
        ('forget_person', ('', ANN, False), 'bad_wallet', 422, 'bad_wallet'),
        ('check_out', (TOKEN,), '', 503, 'part_not_running'),
    ],
)  # fmt: skip
def test_refusals(graph, method, arguments, code, status, told):
    answer = {'success': False, 'error_code': code, 'message': 'Why'}
    if code == 'no_template':
        answer.update(camera_key=b'kkk', camera_id='camera')
    if code == 'too_many':
        answer['retry_after_s'] = 2.5
    with pytest.raises(ApiError) as refusal:
        graph.call(method, *arguments, **answer)
    assert (refusal.value.status, refusal.value.code) == (status, told)
    if code == 'no_template':
        assert refusal.value.details == {'camera_key': 'a2tr', 'camera_id': 'camera'}
    if code == 'too_many':
        assert refusal.value.headers == {'Retry-After': '3'}


def test_who_is_checked_in_is_heard_also_when_it_was_said_before(graph):
    header = Header(stamp=Time(sec=NOW_S + 1))
    graph.sessions.publish(SessionArray(header=header, run='r', number=1, sessions=[ann()]))
    until(lambda: graph.people.live == (RECORD,))
    # The clock on the wall was set back meanwhile.
    header = Header(stamp=Time(sec=NOW_S - 60))
    graph.sessions.publish(SessionArray(header=header, run='r', number=2))
    until(lambda: graph.people.live == ())
    assert not graph.people.is_live(RECORD, Access.VIEW)


def test_what_happens_is_told(graph):
    async def scenario(heard):
        ending = SessionEvent(kind=SessionEvent.REVOKED, session_id='s2', identity=ANN)
        ending.sequence, ending.reason = 7, 'revoked'
        graph.events.publish(ending)
        assert (await heard())['data'] == {
            'change': 'revoked',
            'sequence': 7,
            'identity': ANN,
            'session': 's2',
            'reason': 'revoked',
        }

    graph.listening({'sessions'}, scenario, lambda identity: identity == ANN)
    ended = SessionRecord('s2', ANN, rights=frozenset({'view'}), expires_ms=NOW_S * 2000)
    assert not graph.people.is_live(ended, Access.VIEW)


def test_whoever_is_forgotten_is_not_named_by_their_session():
    event = session_event(SessionEvent(kind=SessionEvent.FORGOTTEN, session_id='s1'))
    assert (event['change'], event['identity'], event['session']) == ('forgotten', None, None)
    assert len(CHANGES) == 6
