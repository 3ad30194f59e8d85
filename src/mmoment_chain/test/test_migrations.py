import contextlib
import sqlite3

import pytest
from store_world import opened

from mmoment_chain import migrations
from mmoment_chain.errors import StoreUnusable

MORE = (
    *migrations.STEPS,
    ('CREATE TABLE visits (id INTEGER PRIMARY KEY) STRICT', 'INSERT INTO visits VALUES (1)'),
    ('ALTER TABLE visits ADD COLUMN note TEXT',),
)
FAILING = (*migrations.STEPS, ('CREATE TABLE visits (id)', 'CREATE TABLE visits (id)'))


@pytest.fixture
def raw(tmp_path):
    connection = sqlite3.connect(tmp_path / 'raw', isolation_level=None)
    with contextlib.closing(connection):
        yield connection


def version(raw, tmp_path):
    return migrations.version(raw, tmp_path / 'raw')


def schema(raw):
    return raw.execute('SELECT name, sql FROM sqlite_schema ORDER BY name').fetchall()


def test_an_empty_file_has_version_0_and_becomes_the_newest(raw, tmp_path):
    assert version(raw, tmp_path) == 0
    migrations.migrate(raw, 0)
    assert version(raw, tmp_path) == migrations.NEWEST == len(migrations.STEPS)


def test_an_earlier_store_goes_through_the_steps_it_lacks_and_keeps_what_it_has(raw):
    known = len(migrations.STEPS)
    migrations.migrate(raw, 0, MORE[:known])
    raw.execute("INSERT INTO consents (wallet, text_version, given_ms) VALUES ('w', 'a-1', 5)")
    migrations.migrate(raw, known, MORE)
    assert raw.execute('SELECT id, note FROM visits').fetchall() == [(1, None)]
    assert raw.execute('SELECT wallet FROM consents').fetchall() == [('w',)]
    assert raw.execute('PRAGMA user_version').fetchone() == (len(MORE),)
    # Again from there: nothing is left to do.
    migrations.migrate(raw, len(MORE), MORE)


def test_both_ways_to_the_newest_version_lead_to_the_same_schema(raw, tmp_path):
    migrations.migrate(raw, 0, MORE)
    with contextlib.closing(sqlite3.connect(tmp_path / 'other', isolation_level=None)) as other:
        for count in range(len(MORE)):
            migrations.migrate(other, count, MORE[: count + 1])
        assert schema(other) == schema(raw)


def test_a_step_that_fails_leaves_the_version_before(raw, tmp_path):
    with pytest.raises(sqlite3.OperationalError):
        migrations.migrate(raw, 0, FAILING)
    assert raw.execute('PRAGMA user_version').fetchone() == (migrations.NEWEST,)
    assert version(raw, tmp_path) == migrations.NEWEST
    assert 'visits' not in [name for name, _ in schema(raw)]


def test_a_database_of_another_program_has_no_version(raw, tmp_path):
    raw.execute('CREATE TABLE recipes (name)')
    with pytest.raises(StoreUnusable, match='another program'):
        version(raw, tmp_path)


def test_a_store_knows_its_version(tmp_path):
    opened(tmp_path).close()
    path = tmp_path / 'store.sqlite3'
    with contextlib.closing(sqlite3.connect(path)) as raw:
        assert migrations.version(raw, path) == migrations.NEWEST
        assert raw.execute('PRAGMA application_id').fetchone() == (migrations.APPLICATION_ID,)
