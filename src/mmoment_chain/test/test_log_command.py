import json
import stat
import subprocess
import sys

import pytest
from store_world import WALLET, opened, session

from mmoment_chain import event_log, session_records
from mmoment_chain.log_command import main


@pytest.fixture
def path(tmp_path):
    """Store of a camera that has stopped."""
    with opened(tmp_path) as store, store.transaction() as tx:
        event_log.append(tx, 'started')
        event_log.append(tx, 'check_in', WALLET)
    return tmp_path / 'store.sqlite3'


def tamper(path):
    with opened(path.parent) as store, store.transaction() as tx:
        tx.change('DROP TRIGGER events_stay')
        tx.change("UPDATE events SET entry = replace(entry, 'check_in', 'x') WHERE sequence = 2")


def test_a_good_log_is_told_with_its_last_hash(path, capsys):
    assert main(['verify', '--store', str(path)]) == 0
    out = capsys.readouterr().out
    assert out.startswith('2 entries, all as written; hash of the last: ')
    noted = out.split()[-1]
    assert main(['verify', '--store', str(path), '--noted', noted]) == 0
    assert main(['verify', '--store', str(path), '--noted', 'f' * 64]) == 1


@pytest.mark.parametrize('noted', ['00', 'x' * 64])
def test_a_noted_hash_that_is_none_is_refused(noted, capsys):
    with pytest.raises(SystemExit):
        main(['verify', '--noted', noted])
    assert capsys.readouterr().err.endswith('a hash has 64 hexadecimal digits\n')


def test_the_first_bad_entry_is_told(path, capsys):
    tamper(path)
    assert main(['verify', '--store', str(path)]) == 1
    assert capsys.readouterr().err == (
        'error: entry 2: its hash does not follow from its text and the entry before\n'
    )


def test_an_export_is_private_and_verifies(path, tmp_path, capsys):
    target = tmp_path / 'log.jsonl'
    assert main(['export', '--store', str(path), str(target)]) == 0
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert '2 entries in' in capsys.readouterr().out
    path.unlink()
    assert main(['verify', str(target)]) == 0
    target.write_text(target.read_text().replace('check_in', 'check_up'))
    assert main(['verify', str(target)]) == 1
    assert 'entry 2' in capsys.readouterr().err


def test_an_export_of_a_tampered_log_tells_when_it_is_verified(path, tmp_path):
    tamper(path)
    target = tmp_path / 'log.jsonl'
    assert main(['export', '--store', str(path), str(target)]) == 0
    assert main(['verify', str(target)]) == 1


def test_the_standard_output_takes_the_lines_alone(path):
    words = [sys.executable, '-m', 'mmoment_chain.log_command', 'export', '--store', str(path)]
    done = subprocess.run(words, capture_output=True, check=True)
    assert done.stderr.startswith(b'note: ')
    assert [list(json.loads(line)) for line in done.stdout.splitlines()][-1] == ['entries', 'head']


def test_a_reader_that_goes_away_is_no_traceback(tmp_path):
    with opened(tmp_path) as store, store.transaction() as tx:
        for _ in range(2000):
            event_log.append(tx, 'x')
    words = f'{sys.executable} -m mmoment_chain.log_command export --store {store.path} | head -1'
    done = subprocess.run(words, shell=True, capture_output=True, check=False)
    assert done.stderr == b''


def test_a_running_camera_is_exported_verified_and_copied(path, tmp_path, capsys):
    target = tmp_path / 'copy.sqlite3'
    with opened(tmp_path) as store:
        with store.transaction() as tx:
            session_records.add(tx, session())
            event_log.append(tx, 'check_in', WALLET)
        assert main(['verify', '--store', str(path)]) == 0
        assert main(['export', '--store', str(path), str(tmp_path / 'log')]) == 0
        assert main(['backup', '--store', str(path), str(target)]) == 0
    assert '3 entries' in capsys.readouterr().out
    assert main(['verify', '--store', str(target)]) == 0


@pytest.mark.parametrize('action', ['export', 'backup'])
def test_a_copy_is_told_to_know_people(path, tmp_path, action, capsys):
    assert main([action, '--store', str(path), str(tmp_path / 'copy')]) == 0
    told = capsys.readouterr().err
    assert told.startswith('note: this copy knows people')
    assert told.count('\n') == 1
    assert main(['verify', '--store', str(path)]) == 0
    assert capsys.readouterr().err == ''


def test_the_store_is_found_by_the_namespace(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv('MMOMENT_DATA', str(tmp_path))
    opened(tmp_path / 'cameras' / 'gym').close()
    assert main(['verify', '--namespace', '/gym']) == 0
    assert main(['verify', '--namespace', 'bar']) == 2
    assert 'cameras/bar/store.sqlite3' in capsys.readouterr().err


@pytest.mark.parametrize(
    ('words', 'told'),
    [
        (['verify', '--store', '/no/such'], 'there is no store at /no/such'),
        (['verify', '/no/such'], '/no/such cannot be read (No such file or directory)'),
        (['verify', __file__], 'is no exported event log'),
        (['export', '--store', '/no/such', 'x'], 'there is no store'),
    ],
)
def test_what_cannot_be_done_is_one_line(words, told, capsys):
    assert main(words) == 2
    err = capsys.readouterr().err
    assert told in err
    assert err.count('\n') == 1


@pytest.mark.parametrize('action', ['export', 'backup'])
def test_no_file_is_replaced(path, tmp_path, action, capsys):
    target = tmp_path / 'mine'
    target.write_text('mine')
    assert main([action, '--store', str(path), str(target)]) == 2
    assert 'exists already' in capsys.readouterr().err
    assert target.read_text() == 'mine'
