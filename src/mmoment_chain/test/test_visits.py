import contextlib
import sqlite3

import pytest
from store_world import OTHER_WALLET, WALLET, session, traces

from mmoment_chain import migrations, session_records, visits
from mmoment_chain.visits import DONE, IN, TO_CHECK_IN, TO_CHECK_OUT

SUBJECT = bytes([5]) * 32
SIGNATURE = bytes([6]) * 64


def begin(store, number=1, **changes):
    made = session(number, **changes)
    with store.transaction() as tx:
        session_records.add(tx, made)
    return made.id


def change(store, function, *arguments):
    with store.transaction() as tx:
        return function(tx, *arguments)


def end(store, session_id, reason='asked'):
    assert change(store, session_records.end, session_id, store.clock.utc_ms(), reason)


def due(store, is_public=False):
    with store.reading() as query:
        found = visits.due(query, 100, is_public=is_public)
        assert visits.waiting(query, is_public=is_public) == len(found)
        return found


def test_a_session_is_a_visit_from_its_first_moment(store):
    name = begin(store)
    (visit,) = due(store)
    assert (visit.session_id, visit.state, visit.wallet) == (name, TO_CHECK_IN, WALLET)
    assert (visit.subject, visit.ended_ms, visit.is_undecided) == (None, None, False)


def test_from_check_in_to_done(store):
    name = begin(store)
    change(store, visits.name, name, SUBJECT)
    change(store, visits.sending, name, 'enter', b'signature', 900)
    (visit,) = due(store)
    assert visit.is_undecided
    assert (visit.step, visit.signature, visit.subject) == ('enter', b'signature', SUBJECT)
    change(store, visits.moved, name, IN, 77)
    assert due(store) == []
    end(store, name, 'absent')
    (visit,) = due(store)
    assert (visit.state, visit.end_reason, visit.slot) == (TO_CHECK_OUT, 'absent', 77)
    assert not visit.is_undecided
    change(store, visits.moved, name, DONE, 78)
    assert due(store) == []


def test_who_left_while_the_check_in_was_on_its_way_is_to_be_checked_out(store):
    name = begin(store)
    change(store, visits.sending, name, 'enter', b'signature', 900)
    end(store, name)
    assert due(store)[0].state == TO_CHECK_IN
    change(store, visits.moved, name, IN, 77)
    assert due(store)[0].state == TO_CHECK_OUT


def test_what_was_not_sent_is_due_again(store):
    name = begin(store)
    change(store, visits.sending, name, 'enter', b'signature', 900)
    change(store, visits.not_sent, name)
    assert not due(store)[0].is_undecided


def test_what_the_chain_never_takes_does_not_wait(store):
    name = begin(store)
    change(store, visits.refused, name, 'no_grant')
    end(store, name)
    assert due(store) == []


def test_those_that_are_not_decided_come_first(store):
    begin(store, 1)
    name = begin(store, 2)
    change(store, visits.sending, name, 'enter', b'signature', 900)
    assert due(store)[0].session_id == name


def test_in_public_mode_only_ends_wait(store):
    name = begin(store)
    assert due(store, is_public=True) == []
    end(store, name)
    assert len(due(store, is_public=True)) == 1


def test_no_more_are_told_than_are_asked_for(store):
    names = [begin(store, number) for number in range(5)]
    with store.reading() as query:
        found = visits.due(query, 2, is_public=False)
    assert [visit.session_id for visit in found] == names[:2]


def test_what_was_over_before_the_registration_is_left_out(store):
    over, here, told = (begin(store, number) for number in range(3))
    change(store, visits.sending, told, 'whole', b'signature', 900)
    end(store, over)
    end(store, told)
    assert change(store, visits.leave_out, store.clock.utc_ms() + 1) == 1
    assert {visit.session_id for visit in due(store)} == {here, told}


def test_open_sessions_of_before_become_visits(tmp_path, clock):
    path = tmp_path / 'old'
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as raw:
        migrations.migrate(raw, 0, migrations.STEPS[:4])
        row = "('{}', NULL, NULL, '[]', NULL, NULL, 1, 2, 1, 1, {}, NULL, NULL)"
        raw.execute(f'INSERT INTO sessions VALUES {row.format("open", "NULL")}')
        raw.execute(f'INSERT INTO sessions VALUES {row.format("over", "5")}')
        migrations.migrate(raw, 4)
        assert raw.execute('SELECT session_id FROM chain_visits').fetchall() == [('open',)]


@pytest.mark.parametrize('is_public', [False, True])
def test_of_who_is_forgotten_only_the_subject_stays_as_long_as_it_is_needed(
    store, tmp_path, is_public
):
    name = begin(store)
    subject = SUBJECT
    change(store, visits.name, name, subject)
    change(store, visits.sending, name, 'enter', SIGNATURE, 900)
    change(store, visits.moved, name, IN, 5)
    end(store, name)
    change(store, session_records.erase, WALLET)
    (visit,) = due(store, is_public)
    assert (visit.wallet, visit.subject) == (None, subject)
    assert change(store, visits.forget_wallets) == 0
    with store.reading() as query:
        assert not visits.has_forgotten(query)
    change(store, visits.moved, name, DONE, 6)
    with store.reading() as query:
        assert visits.has_forgotten(query)
    assert store.scrub()
    assert traces(tmp_path, WALLET) == []
    assert change(store, visits.forget_wallets) == 1
    assert store.scrub()
    for path in tmp_path.iterdir():
        assert subject not in path.read_bytes()
        assert SIGNATURE not in path.read_bytes()
    with store.reading() as query:
        assert not visits.has_forgotten(query)
        assert visits.was_told(query)


def test_another_session_of_the_same_person_is_known(store):
    first, second = begin(store, 1), begin(store, 2)
    begin(store, 3, wallet=OTHER_WALLET)
    with store.reading() as query:
        assert visits.others_here(query, first, WALLET)
        assert visits.unnamed(query).keys() == {first, second, 'session-3'}
    end(store, second)
    with store.reading() as query:
        assert not visits.others_here(query, first, WALLET)
