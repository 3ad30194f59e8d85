import dataclasses
import sqlite3

import pytest
from fake_clock import START_MS
from media_world import put
from store_world import OTHER_WALLET, WALLET, opened, traces

from mmoment_chain import event_log, media_records, media_signature
from mmoment_chain.media_records import Candidate, Leaving, Position, Totals

THIRD = '9xQeWvG816bUx9EPjHmaT23yvVM2ZWbrrpZb9PusVFin'


@pytest.fixture
def tx(tmp_path):
    with opened(tmp_path) as store, store.transaction() as opened_transaction:
        yield opened_transaction


def ids(records):
    return [int(one.media_id, 16) for one in records]


def test_one_is_found_as_it_was_kept_by_id_and_by_name(tx):
    people = [f'{number}-{WALLET}' for number in range(12)]
    kept = put(
        tx,
        7,
        session_id='s',
        people=people,
        favourite=True,
        kind='clip',
        duration_ms=12_040,
        mime_type='video/mp4',
        trigger='gesture',
        gesture='thumb_up',
        annotated=True,
    )
    put(tx, 8)
    assert media_records.get(tx, kept.media_id) == kept
    assert media_records.get(tx, 'file-7.jpg') == kept
    assert media_records.get(tx, 'file-9.jpg') is None
    opened_names = media_records.openings(tx, kept.media_id)
    assert set(opened_names) == {'owner', 'session', *(f'person_{n}' for n in range(1, 13))}
    assert media_signature.is_opened(kept.record, opened_names)


def test_no_two_have_one_name_or_id(tx):
    kept = put(tx, 1)
    for changes in ({'filename': 'other.jpg'}, {'facts': put(tx, 2).facts}):
        with pytest.raises(sqlite3.IntegrityError):
            media_records.add(tx, dataclasses.replace(kept, **changes), {})


def test_the_list_is_newest_first_and_by_owner_and_kind(tx):
    put(tx, 1)
    put(tx, 2, OTHER_WALLET, kind='clip')
    put(tx, 3, None)
    put(tx, 4, kind='clip')
    page, count = media_records.page, media_records.count
    assert ids(page(tx, 10)) == [4, 3, 2, 1]
    assert ids(page(tx, 2)) == [4, 3]
    assert ids(page(tx, 10, wallet=WALLET)) == [4, 1]
    assert ids(page(tx, 10, kind='clip')) == [4, 2]
    assert ids(page(tx, 10, wallet=WALLET, kind='clip')) == [4]
    assert ids(page(tx, 10, wallet=THIRD)) == []
    assert [count(tx), count(tx, wallet=WALLET), count(tx, kind='clip')] == [4, 2, 2]
    assert count(tx, wallet=OTHER_WALLET, kind='photo') == 0


def test_a_walk_through_the_list_is_not_disturbed_by_what_comes_and_goes(tx):
    for number in range(1, 21):
        # Several at the same moment.
        put(tx, number, started_ms=START_MS + number // 3)
    found, after = [], None
    while batch := media_records.page(tx, 3, after=after):
        found += batch
        last = batch[-1]
        after = Position(last.facts.started_ms, last.media_id)
        put(tx, 100 + len(found))
        # Also one that was just shown, where the walk stands.
        media_records.remove(tx, last.media_id)
    assert ids(found) == list(range(20, 0, -1))


def test_both_orders_are_served_by_an_index(tx):
    for sql in (
        'SELECT * FROM media ORDER BY started_ms DESC, media_id DESC LIMIT 5',
        "SELECT * FROM media WHERE wallet = 'w' ORDER BY started_ms DESC, media_id DESC LIMIT 5",
    ):
        plan = ' '.join(row['detail'] for row in tx.all(f'EXPLAIN QUERY PLAN {sql}'))
        assert 'USING INDEX' in plan
        assert 'TEMP B-TREE' not in plan
    plan = tx.one('EXPLAIN QUERY PLAN SELECT count(*), sum(bytes) FROM media')['detail']
    assert 'COVERING INDEX media_started' in plan


def test_totals(tx):
    assert media_records.totals(tx) == Totals(0, 0)
    put(tx, 1, bytes=5)
    put(tx, 2, bytes=2**40)
    assert media_records.totals(tx) == Totals(2, 2**40 + 5)


def test_neither_favourites_nor_the_newest_are_in_the_way(tx):
    put(tx, 3, favourite=True)
    for number in (4, 2, 1):
        put(tx, number)
    assert list(media_records.oldest(tx)) == [
        Candidate(f'{number:032x}', START_MS + number, 1000 + number) for number in (1, 2)
    ]
    assert media_records.set_favourite(tx, f'{1:032x}', True)
    assert media_records.set_favourite(tx, f'{3:032x}', False)
    assert not media_records.set_favourite(tx, f'{9:032x}', True)
    assert [int(one.media_id, 16) for one in media_records.oldest(tx)] == [2, 3]
    assert media_records.set_uploaded(tx, f'{3:032x}', START_MS)
    assert [one.is_uploaded for one in media_records.oldest(tx)] == [False, True]


def test_a_file_is_leaving_until_it_is_gone_everywhere(tx):
    put(tx, 1)
    put(tx, 2)
    assert media_records.begin_upload(tx, f'{2:032x}')
    for number in (1, 2):
        assert media_records.remove(tx, f'{number:032x}')
    assert not media_records.remove(tx, f'{2:032x}')
    assert media_records.count(tx) == 0
    assert media_records.openings(tx, f'{1:032x}') == {}
    here_only = Leaving('file-1.jpg', is_here=True, is_remote=False)
    assert media_records.leaving(tx) == [here_only, Leaving('file-2.jpg', True, True)]
    media_records.gone_here(tx, 'file-1.jpg')
    media_records.gone_here(tx, 'file-2.jpg')
    assert media_records.leaving(tx) == [Leaving('file-2.jpg', False, True)]
    media_records.gone_remote(tx, 'file-2.jpg')
    assert media_records.leaving(tx) == []


def test_what_is_to_be_uploaded_is_listed_oldest_first_until_it_is(tx):
    for number in (2, 3, 1):
        put(tx, number)
    assert ids(media_records.to_upload(tx, 2)) == [1, 2]
    assert media_records.count_to_upload(tx) == 3
    assert media_records.begin_upload(tx, f'{1:032x}')
    assert media_records.count_to_upload(tx) == 3
    assert media_records.set_uploaded(tx, f'{1:032x}', START_MS)
    assert media_records.get(tx, 'file-1.jpg').uploaded_ms == START_MS
    assert ids(media_records.to_upload(tx, 5)) == [2, 3]
    assert not media_records.begin_upload(tx, f'{9:032x}')
    assert not media_records.set_uploaded(tx, f'{9:032x}', START_MS)


def test_erasing_takes_a_person_out_of_everything_and_leaves_the_rest(tmp_path):
    with opened(tmp_path) as store:
        with store.transaction() as tx:
            put(tx, 1, WALLET, session_id='s1', people=(WALLET, OTHER_WALLET))
            kept = put(tx, 2, OTHER_WALLET, session_id='s2', people=(THIRD, WALLET))
            put(tx, 3, None, people=(WALLET,))
            for number, owner in ((1, WALLET), (2, OTHER_WALLET)):
                personal = {media_records.MEDIA_ID: f'{number:032x}'}
                event_log.append(tx, 'photo_taken', owner, personal=personal)
        with store.transaction() as tx:
            assert media_records.erase(tx, WALLET) == ['file-1.jpg']
            assert media_records.leaving(tx) == [Leaving('file-1.jpg', True, False)]
        assert store.scrub()
        assert traces(tmp_path, WALLET) == []
        assert traces(tmp_path, f'{1:032x}') == []
        with store.reading() as query:
            assert event_log.verify(query).is_good
            left = media_records.get(query, 'file-2.jpg')
            assert left == dataclasses.replace(kept, people=(THIRD,))
            opened_names = media_records.openings(query, left.media_id)
            assert set(opened_names) == {'owner', 'session', 'person_1'}
            assert media_signature.is_opened(left.record, opened_names)
            assert media_records.get(query, 'file-3.jpg').people == ()
            events = event_log.read(query)
            assert [event.subject for event in events] == [None, OTHER_WALLET, None]
            assert (events[2].kind, events[2].data) == ('media_deleted', {'reason': 'forgotten'})


def test_who_keeps_their_media_is_forgotten_in_those_of_others_alone(tx):
    mine = put(tx, 1, WALLET, people=(WALLET,))
    put(tx, 2, OTHER_WALLET, people=(WALLET,))
    assert media_records.forget_seen(tx, WALLET) == 1
    assert media_records.get(tx, 'file-1.jpg') == mine
    assert media_records.get(tx, 'file-2.jpg').people == ()
