"""The head on the chain proves a log, and the transactions say which entry is wrong."""

import io
import json
import sqlite3

import pytest
from outbox_world import CameraWorld, dev_chain

from mmoment_chain import chain_verify, log_export
from mmoment_chain.canonical_json import canonical
from mmoment_chain.chain_verify import check_batches, check_records
from mmoment_chain.outbox_records import LogDamaged
from mmoment_chain.program_build import PROGRAM_ID
from mmoment_chain.program_layout import NO_HEAD, LogRecord, RecordKind, next_head
from mmoment_chain.store import Store

pytestmark = pytest.mark.graph
RECORDS = 47


@pytest.fixture(scope='module')
def told(tmp_path_factory):
    """A camera that told the chain of all that it logged, and the batches as fetched from there."""
    with dev_chain(tmp_path_factory.mktemp('chain')) as server:
        folder = tmp_path_factory.mktemp('camera')
        with CameraWorld(folder, [server.url], 'verify') as world:
            world.register()
            world.log(RECORDS)
            world.drain()

            async def fetch(client):
                return await chain_verify.fetch_batches(client.pool, PROGRAM_ID, world.place.camera)

            camera = world.chain_camera()
            yield world, world.run(fetch), camera.log_count, camera.log_head


def own_of(world):
    with world.store.reading() as query:
        return list(chain_verify.of_store(query))


def exported(world):
    file = io.BytesIO()
    with world.store.reading() as query:
        log_export.export(query, file)
    return file.getvalue().splitlines(keepends=True)


def changed(records, number):
    wrong = LogRecord(RecordKind.OTHER, 1, bytes(32))
    return [*records[: number - 1], wrong, *records[number:]]


def test_store_export_and_transactions_lead_to_the_head(told):
    world, batches, count, head = told
    own = own_of(world)
    assert count == len(own) == RECORDS
    assert [len(batch.records) for batch in batches] == [20, 20, 7]
    links = log_export.links_of(exported(world))
    for finding in (
        check_records(own, count, head),
        check_records(chain_verify.of_links(links), count, head),
        check_batches(batches, count, head),
        check_batches(batches, count, head, own),
    ):
        assert finding.is_good, finding
        assert (finding.records, finding.head) == (count, head)


def test_what_is_not_on_the_chain_yet_does_not_count(told):
    world, batches, count, head = told
    more = [*own_of(world), LogRecord(RecordKind.MEDIA, 5, bytes(32))]
    assert check_records(more, count, head).is_good
    assert check_batches(batches, count, head, more).is_good


@pytest.mark.parametrize('number', [1, 20, 21, RECORDS])
def test_the_transactions_tell_which_entry_is_wrong(told, number):
    world, batches, count, head = told
    own = changed(own_of(world), number)
    assert check_records(own, count, head).first_wrong == 0
    finding = check_batches(batches, count, head, own)
    assert finding.first_wrong == number
    assert not finding.is_good


def test_a_log_that_is_too_short_is_told_with_its_first_missing_entry(told):
    world, batches, count, head = told
    own = own_of(world)[:-3]
    assert check_records(own, count, head).first_wrong == count - 2
    assert check_batches(batches, count, head, own).first_wrong == count - 2


def test_a_missing_transaction_is_told(told):
    _, batches, count, head = told
    assert check_batches(batches[1:], count, head).first_wrong == 1
    assert check_batches([batches[0], batches[2]], count, head).first_wrong == 21
    assert check_batches(batches[:2], count, head).first_wrong == 41


def test_a_server_that_lies_about_a_transaction_is_told(told):
    _, batches, count, head = told
    lied = chain_verify.Batch(
        21, tuple(changed(list(batches[1].records), 3)), 'x', 1, batches[1].head
    )
    finding = check_batches([batches[0], lied, batches[2]], count, head)
    assert finding.first_wrong == 21
    no_logs = chain_verify.Batch(21, lied.records, 'x', 1)
    last = chain_verify.Batch(41, batches[2].records, 'x', 1)
    assert check_batches([batches[0], no_logs, last], count, head).first_wrong == 0


def test_an_entry_that_was_changed_in_the_store_is_named(told, tmp_path):
    world, batches, count, head = told
    world.store.backup(tmp_path / 'copy')
    with sqlite3.connect(tmp_path / 'copy') as raw:
        raw.execute('DROP TRIGGER events_stay')
        raw.execute("UPDATE events SET entry = replace(entry, 'photo', 'phono') WHERE sequence = 9")
    raw.close()
    with (
        Store(tmp_path / 'copy', world.store.clock, read_only=True) as copy,
        copy.reading() as query,
    ):
        with pytest.raises(LogDamaged) as damage:
            list(chain_verify.of_store(query))
        assert damage.value.sequence == 9
        assert check_batches(batches, count, head, chain_verify.of_store(query)).first_wrong == 9


def test_a_file_that_was_tampered_with_is_damaged_there(told):
    world, batches, count, head = told
    lines = exported(world)
    entry, opened = json.loads(lines[3]), json.loads(lines[4])
    entry['entry']['data']['n'] = 99
    opened['open'] = {'subject': {'salt': '00' * 32, 'value': 'somebody'}}
    last = json.loads(lines[-1]) | {'head': '00' * 32}
    for number, line in (
        (3, lines[3].replace(b'"time_ms"', b'"tome_ms"')),
        (3, canonical(entry)),  # its hash is as it was
        (4, canonical(opened)),
        (count + 1, canonical(last)),
        (count + 1, None),
    ):
        at = number if number <= count else -1
        changed_lines = [*lines]
        changed_lines[at:] = [*([line] if line else []), *(lines[at + 1 :] if at > 0 else [])]
        changed_lines = [
            each if isinstance(each, bytes) else each.encode() for each in changed_lines
        ]
        with pytest.raises(LogDamaged) as damage:
            list(chain_verify.of_links(log_export.links_of(changed_lines)))
        assert damage.value.sequence == number
        own = chain_verify.of_links(log_export.links_of(changed_lines))
        assert check_batches(batches, count, head, own).first_wrong == number


def test_an_empty_log_is_proven_by_an_empty_head():
    assert check_records([], 0, NO_HEAD).is_good
    assert check_batches([], 0, NO_HEAD, []).is_good
    record = LogRecord(RecordKind.MEDIA, 5, bytes(32))
    assert check_records([record], 1, next_head(NO_HEAD, 1, record)).is_good


def test_other_transactions_and_other_cameras_do_not_count(told):
    world, _, _, _ = told

    async def fetch(client):
        return await chain_verify.fetch_batches(client.pool, PROGRAM_ID, world.owner.public)

    assert world.run(fetch) == []
