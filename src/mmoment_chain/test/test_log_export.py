import io
import json

import pytest
from store_world import OTHER_WALLET, WALLET, opened

from mmoment_chain import event_log, log_export
from mmoment_chain.errors import StoreError


@pytest.fixture
def store(tmp_path):
    with opened(tmp_path) as opened_store:
        with opened_store.transaction() as tx:
            event_log.append(tx, 'started')
            event_log.append(tx, 'check_in', WALLET, {'n': 1}, {'display_name': 'Zoë'})
            event_log.append(tx, 'check_in', OTHER_WALLET)
        yield opened_store


def exported(store):
    file = io.BytesIO()
    with store.reading() as query:
        log_export.export(query, file)
    return file.getvalue()


def verified(content, noted=None):
    return log_export.verify_export(io.BytesIO(content), noted)


def changed(content, number, change):
    """The export with one of its lines changed by `change`, from JSON to JSON."""
    lines = content.splitlines()
    value = json.loads(lines[number])
    change(value)
    text = json.dumps(value, sort_keys=True, separators=(',', ':'), ensure_ascii=False)
    lines[number] = text.encode()
    return b'\n'.join(lines) + b'\n'


def test_an_export_verifies_without_its_store(store):
    with store.reading() as query:
        expected = event_log.verify(query)
    assert verified(exported(store)) == expected
    assert expected.entries == 3


def test_an_empty_log_is_exported(tmp_path):
    with opened(tmp_path / 'empty') as store:
        content = exported(store)
    assert verified(content).entries == 0
    assert len(content.splitlines()) == 2


def test_an_export_has_what_is_there_and_its_salts(store):
    lines = [json.loads(line) for line in exported(store).splitlines()]
    assert lines[0] == {'format': 'mmoment-event-log', 'version': 1}
    assert lines[2]['entry']['data'] == {'n': 1}
    assert lines[2]['open']['display_name']['value'] == 'Zoë'
    assert lines[2]['open']['subject']['value'] == WALLET
    assert len(lines[2]['open']['subject']['salt']) == 64
    assert lines[4] == {'entries': 3, 'head': lines[3]['hash']}


def test_what_was_erased_is_not_exported_and_the_rest_verifies(store):
    before = exported(store)
    with store.transaction() as tx:
        event_log.erase(tx, WALLET)
    content = exported(store)
    assert WALLET.encode() in before
    assert WALLET.encode() not in content
    assert verified(content).entries == 4


def drop(name, *path):
    def change(value):
        for step in path:
            value = value[step]
        del value[name]

    return change


def put(name, new, *path):
    def change(value):
        for step in path:
            value = value[step]
        value[name] = new

    return change


@pytest.mark.parametrize(
    ('number', 'change', 'first_bad', 'reason'),
    [
        (2, put('kind', 'check_out', 'entry'), 2, 'hash'),
        (2, put('n', 2, 'entry', 'data'), 2, 'hash'),
        (1, put('sequence', 5, 'entry'), 1, 'taken out'),
        (3, put('hash', '00'), 3, 'hash'),
        (2, put('value', 'Ann', 'open', 'display_name'), 2, 'personal field display_name'),
        (2, put('value', OTHER_WALLET, 'open', 'subject'), 2, 'personal field subject'),
        (2, put('age', {'salt': '', 'value': '7'}, 'open'), 2, 'personal field age'),
        (2, put('value', 5, 'open', 'subject'), 2, 'damaged'),
        (2, put('salt', 'xx', 'open', 'subject'), 2, 'damaged'),
        (2, drop('open'), 2, 'damaged'),
        (2, put('entry', 'text'), 2, 'no entry'),
        (2, drop('personal', 'entry'), 2, 'no entry'),
        (4, put('entries', 4), 4, 'last line'),
        (4, put('head', '00'), 4, 'last line'),
    ],
)
def test_the_first_changed_line_is_named(store, number, change, first_bad, reason):
    verdict = verified(changed(exported(store), number, change))
    assert verdict.first_bad == first_bad
    assert reason in verdict.reason


def test_a_personal_field_may_be_left_out(store):
    content = changed(exported(store), 2, drop('subject', 'open'))
    assert WALLET.encode() not in content
    assert verified(content).is_good


@pytest.mark.parametrize('kept', [1, 2, 3, 4])
def test_a_file_that_was_cut_short_is_no_whole_log(store, kept):
    lines = exported(store).splitlines(keepends=True)
    verdict = verified(b''.join(lines[:kept]))
    assert verdict.first_bad == kept
    assert 'cut short' in verdict.reason


def test_a_line_cut_in_the_middle_is_named(store):
    content = exported(store)
    verdict = verified(content[: content.index(b'"check_in"') + 4])
    assert (verdict.first_bad, verdict.reason) == (2, 'its line is damaged')


def test_what_follows_the_end_is_told(store):
    content = exported(store)
    verdict = verified(content + content.splitlines(keepends=True)[2])
    assert verdict.first_bad == 4
    assert 'follows' in verdict.reason


def test_lines_that_changed_places_or_came_twice_are_found(store):
    first, one, two, three, last = exported(store).splitlines(keepends=True)
    assert verified(b''.join((first, one, three, two, last))).first_bad == 2
    assert verified(b''.join((first, one, two, two, three, last))).first_bad == 3
    assert verified(b''.join((first, two, three, last))).first_bad == 1


def test_a_noted_hash_must_be_there(store):
    content = exported(store)
    lines = [json.loads(line) for line in content.splitlines()]
    assert verified(content, bytes.fromhex(lines[2]['hash'])).is_good
    assert verified(content, bytes(31) + b'x').first_bad == 4


@pytest.mark.parametrize('content', [b'', b'hello\n', b'{}\n', b'\xff\xfe\n', b'[]'])
def test_something_else_is_no_export(content):
    with pytest.raises(StoreError, match='no exported event log'):
        verified(content)


def test_a_tampered_entry_is_exported_as_it_is(store, tmp_path):
    with store.transaction() as tx:
        tx.change('DROP TRIGGER events_stay')
        tx.change("UPDATE events SET entry = 'scrawl' WHERE sequence = 2")
    verdict = verified(exported(store))
    assert (verdict.first_bad, verdict.reason) == (2, 'it is no entry')
