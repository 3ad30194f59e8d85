import pytest
from fake_clock import START_MS
from store_world import OTHER_WALLET, WALLET, digest, opened, session, traces

from mmoment_chain import session_records


@pytest.fixture
def tx(tmp_path):
    with opened(tmp_path) as store, store.transaction() as opened_transaction:
        yield opened_transaction


def ids(sessions):
    return [one.id for one in sessions]


def test_a_session_is_found_by_id_token_and_wallet(tx):
    session_records.add(tx, session(1))
    session_records.add(tx, session(2, OTHER_WALLET))
    assert session_records.get(tx, 'session-1') == session(1)
    assert session_records.by_token_hash(tx, digest('token 2')) == session(2, OTHER_WALLET)
    assert session_records.of_wallet(tx, WALLET) == [session(1)]
    assert session_records.get(tx, 'session-3') is None
    assert session_records.by_token_hash(tx, digest('token 3')) is None


def test_a_renewed_session_is_found_by_both_tokens_until_the_old_one_is_forgotten(tx):
    session_records.add(tx, session())
    new = digest('new')
    assert session_records.renew(tx, 'session-1', new, START_MS + 900, START_MS + 5)
    found = session_records.by_token_hash(tx, new)
    assert found.previous_token_hash == digest('token 1')
    assert (found.expires_ms, found.renewed_ms) == (START_MS + 900, START_MS + 5)
    assert session_records.by_token_hash(tx, digest('token 1')) == found
    session_records.forget_previous_token(tx, 'session-1')
    assert session_records.by_token_hash(tx, digest('token 1')) is None
    assert session_records.by_token_hash(tx, new) is not None


def test_a_second_renewal_ends_the_first_token(tx):
    session_records.add(tx, session())
    for name in ('second', 'third'):
        session_records.renew(tx, 'session-1', digest(name), START_MS, START_MS)
    assert session_records.by_token_hash(tx, digest('token 1')) is None
    assert session_records.by_token_hash(tx, digest('second')) is not None


def test_an_ended_session_is_kept_and_opened_by_no_token(tx):
    session_records.add(tx, session())
    session_records.renew(tx, 'session-1', digest('new'), START_MS, START_MS)
    assert session_records.end(tx, 'session-1', START_MS + 7, 'check_out')
    for token in ('token 1', 'new'):
        assert session_records.by_token_hash(tx, digest(token)) is None
    found = session_records.get(tx, 'session-1')
    assert not found.is_open
    assert (found.ended_ms, found.end_reason) == (START_MS + 7, 'check_out')


def test_a_session_ends_once(tx):
    session_records.add(tx, session())
    assert session_records.end(tx, 'session-1', START_MS, 'check_out')
    assert not session_records.end(tx, 'session-1', START_MS + 1, 'absent')
    assert not session_records.renew(tx, 'session-1', digest('new'), START_MS, START_MS)
    assert session_records.get(tx, 'session-1').end_reason == 'check_out'
    assert not session_records.end(tx, 'session-2', START_MS, 'check_out')


def test_open_and_recent_sessions(tx):
    for number in (3, 1, 2):
        session_records.add(tx, session(number))
    session_records.end(tx, 'session-2', START_MS, 'check_out')
    assert ids(session_records.open_sessions(tx)) == ['session-1', 'session-3']
    assert session_records.count_open(tx) == 2
    assert ids(session_records.recent(tx, 2)) == ['session-3', 'session-2']
    assert ids(session_records.recent(tx, 2, START_MS + 2)) == ['session-1']


def test_a_clock_set_back_makes_nobody_absent(tx):
    session_records.add(tx, session(1))
    session_records.add(tx, session(2))
    session_records.set_last_seen(tx, {'session-1': START_MS - 5000, 'session-2': START_MS + 5000})
    assert session_records.get(tx, 'session-1').last_seen_ms == START_MS + 1
    assert session_records.get(tx, 'session-2').last_seen_ms == START_MS + 5000


def test_rights_and_expiry_are_replaced(tx):
    session_records.add(tx, session())
    session_records.set_rights(tx, 'session-1', {'view', 'stream'})
    session_records.set_expiry(tx, 'session-1', START_MS + 3)
    found = session_records.get(tx, 'session-1')
    assert found.rights == {'view', 'stream'}
    assert found.expires_ms == START_MS + 3


def test_long_ended_sessions_name_nobody(tx):
    for number in (1, 2, 3):
        session_records.add(tx, session(number))
    session_records.end(tx, 'session-1', START_MS + 10, 'check_out')
    session_records.end(tx, 'session-2', START_MS + 20, 'check_out')
    assert session_records.forget_people(tx, START_MS + 20) == 1
    assert session_records.forget_people(tx, START_MS + 20) == 0
    found = session_records.get(tx, 'session-1')
    assert (found.wallet, found.display_name, found.source) == (None, None, None)
    assert found.end_reason == 'check_out'
    assert ids(session_records.of_wallet(tx, WALLET)) == ['session-2', 'session-3']


def test_erasing_leaves_the_sessions_of_others(tx):
    session_records.add(tx, session(1))
    session_records.add(tx, session(2, OTHER_WALLET))
    assert session_records.is_named(tx, WALLET)
    assert session_records.erase(tx, WALLET) == 1
    assert not session_records.is_named(tx, WALLET)
    assert session_records.is_named(tx, OTHER_WALLET)
    found = session_records.get(tx, 'session-1')
    assert (found.wallet, found.display_name, found.source) == (None, None, None)
    assert session_records.by_token_hash(tx, digest('token 1')) is None
    assert session_records.get(tx, 'session-2') == session(2, OTHER_WALLET)


def test_a_session_shows_neither_name_nor_digest_of_its_token():
    text = repr(session())
    assert 'Person' not in text
    assert repr(digest('token 1'))[2:-1] not in text


def test_erased_names_leave_the_files(tmp_path):
    with opened(tmp_path) as store:
        with store.transaction() as tx:
            session_records.add(tx, session())
        assert traces(tmp_path, 'Person 1')
        with store.transaction() as tx:
            session_records.erase(tx, WALLET)
        store.scrub()
        assert traces(tmp_path, 'Person 1') == []
        assert traces(tmp_path, WALLET) == []
