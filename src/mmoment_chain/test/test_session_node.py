"""Sessions as their clients see them: through services and topics, with real signatures."""

import pytest
from book_world import OWNER
from session_world import LATCHED, Wallet, status, wait_until

from mmoment_chain import consent_records, consent_texts, event_log
from mmoment_chain.rights import DEFAULT_RIGHTS, RIGHTS
from mmoment_chain.session_node import rest_s
from mmoment_interfaces.msg import PersonArray, SessionEvent
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

pytestmark = pytest.mark.graph

DEFAULTS = list(DEFAULT_RIGHTS)


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


def test_recording_a_consent_needs_the_right_to_be_enrolled(world, anna):
    world.start(default_rights=['view'])
    token = world.check_in(anna).token
    version = consent_texts.VERSIONS[0]
    answer = world.call(GiveConsent, 'give_consent', token=token, consent_version=version)
    assert answer.error_code == 'missing_right'


@pytest.mark.parametrize(('took_s', 'rests_s'), [(0.0, 0.0), (0.01, 0.04), (5.0, 1.0)])
def test_a_long_list_is_followed_by_a_rest_in_proportion(took_s, rests_s):
    assert rest_s(took_s) == rests_s
