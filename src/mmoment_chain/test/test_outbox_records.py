import re
import sqlite3
from pathlib import Path

import pytest

from mmoment_chain import event_log, outbox_records
from mmoment_chain.outbox_records import HEAD_EVERY, KINDS, LogDamaged, LogHeads
from mmoment_chain.program_layout import NO_HEAD, RecordKind, next_head

SOURCES = Path(__file__).resolve().parents[2]


def fill(store, count, kind='photo_taken'):
    with store.transaction() as tx:
        return [event_log.append(tx, kind, None, {'number': number}) for number in range(count)]


def tampered(store, sql):
    path = store.path
    store.close()
    raw = sqlite3.connect(path)
    for trigger in ('events_stay', 'events_are_kept'):
        raw.execute(f'DROP TRIGGER {trigger}')
    raw.execute(sql)
    raw.commit()
    raw.close()
    return type(store)(path, store.clock)


def test_a_record_is_kind_time_and_link_of_its_event(store, clock):
    events = fill(store, 2) + fill(store, 1, 'checked_in') + fill(store, 1, 'a_new_thing')
    with store.reading() as query:
        records = outbox_records.read(query, 0, 10)
    assert [record.digest for record in records] == [event.hash for event in events]
    assert {record.at for record in records} == {clock.utc_ms()}
    kinds = [record.kind for record in records]
    assert kinds == [RecordKind.MEDIA, RecordKind.MEDIA, RecordKind.SESSION, RecordKind.OTHER]


def test_records_are_read_from_where_the_chain_is(store):
    events = fill(store, 50)
    with store.reading() as query:
        digests = [record.digest for record in outbox_records.read(query, 30, 5)]
        assert outbox_records.read(query, 50, 5) == []
    assert digests == [event.hash for event in events[30:35]]


def test_a_clock_before_1970_is_no_obstacle(store, clock):
    clock.set_wall(-5)
    fill(store, 1)
    with store.reading() as query:
        assert outbox_records.read(query, 0, 1)[0].at == 0


def test_every_kind_that_is_logged_has_its_place():
    texts = [
        path.read_text()
        for path in SOURCES.glob('*/*/*.py')
        if path.parent.name == path.parents[1].name
    ]
    source = '\n'.join(texts)
    named = set(re.findall(r"event_log\.append\(\s*tx, '(\w+)'", source))
    named |= set(re.findall(r"^LOG_\w+ = '(\w+)'", source, re.MULTILINE))
    named |= set(re.findall(r"^LOG_\w+, LOG_\w+ = '(\w+)', '\w+'", source, re.MULTILINE))
    named |= set(re.findall(r"^LOG_\w+, LOG_\w+ = '\w+', '(\w+)'", source, re.MULTILINE))
    assert len(named) > 8
    # A name of a personal field.
    assert named - {'session'} - set(KINDS) == set()


def test_heads_are_those_of_the_chain_at_any_count(store):
    heads = LogHeads()
    fill(store, 2 * HEAD_EVERY + 7)
    with store.reading() as query:
        expected = [NO_HEAD]
        for number, record in enumerate(outbox_records.read(query, 0, 10_000), 1):
            expected.append(next_head(expected[-1], number, record))
        last = len(expected) - 1
        for count in (3, last, 0, HEAD_EVERY, HEAD_EVERY - 1, HEAD_EVERY + 1, last, last - 1):
            assert heads.at(query, count) == expected[count]
        assert heads.at(query, last + 1) is None


def test_heads_go_on_with_the_log(store):
    heads = LogHeads()
    for _ in range(3):
        fill(store, HEAD_EVERY)
        with store.reading() as query:
            count, _ = event_log.head(query)
            assert heads.at(query, count) == LogHeads().at(query, count)


@pytest.mark.parametrize(
    'sql',
    [
        "UPDATE events SET entry = replace(entry, 'photo', 'phono') WHERE sequence = 7",
        "UPDATE events SET hash = x'00' WHERE sequence = 7",
        'DELETE FROM events WHERE sequence = 7',
    ],
)
def test_a_changed_entry_is_named_and_never_sent(store, sql):
    fill(store, 20)
    with tampered(store, sql) as changed, changed.reading() as query:
        for look in (
            lambda: outbox_records.read(query, 0, 20),
            lambda: outbox_records.read(query, 5, 20),
            lambda: LogHeads().at(query, 20),
        ):
            with pytest.raises(LogDamaged) as damage:
                look()
            assert damage.value.sequence == 7
        assert len(outbox_records.read(query, 0, 6)) == 6
