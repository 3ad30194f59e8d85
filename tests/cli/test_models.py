"""`./mmoment models` against a real server on loopback, with a small model in place of the large one."""

import fcntl
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest

from cli import download, models
from cli.main import main
from cli.project import Project
from mmoment_vision import model_store
from tests.standins.file_server import FileServer

ROOT = Path(__file__).resolve().parents[2]
CONTENT = os.urandom(300_000)
BAD = bytes(len(CONTENT))


@pytest.fixture
def server() -> Iterator[FileServer]:
    running = FileServer(CONTENT)
    yield running
    running.close()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where models lie in these tests."""
    monkeypatch.setenv('MMOMENT_MODELS', str(tmp_path / 'models'))
    return tmp_path / 'models'


@pytest.fixture(autouse=True)
def path(server: FileServer, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The small model's file; the table of models names it under the large one's name."""
    known = models.store()
    small = replace(
        known.FACENET,
        address=server.address,
        size_bytes=len(CONTENT),
        sha256=sha256(CONTENT).hexdigest(),
    )
    monkeypatch.setitem(known.MODELS, 'facenet', small)
    monkeypatch.setattr(models, 'PATIENCE', download.Patience(silence_s=0.3))
    monkeypatch.setattr(models, 'PAUSES_S', ())
    monkeypatch.setattr('cli.main.end_children_on_sigterm', lambda: None)
    return folder / small.file_name


def part_of(path: Path) -> Path:
    return models.part_of(path)


def only_line(capsys: pytest.CaptureFixture[str]) -> str:
    """The one line of an error; progress comes before it."""
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith('mmoment: ')]
    assert len(lines) == 1
    return lines[0]


def test_nodes_and_command_know_the_same_models_in_the_same_place(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    monkeypatch.undo()
    known = models.store()
    assert Path(known.__file__).read_text() == Path(model_store.__file__).read_text()
    for environ in ({}, {'MMOMENT_MODELS': 'a'}, {'XDG_DATA_HOME': '/x'}):
        assert known.models_folder(environ) == model_store.models_folder(environ)
    assert [repr(model) for model in known.MODELS.values()] == [
        repr(model) for model in model_store.MODELS.values()
    ]


def test_fetched_model_is_found_by_nodes(path: Path, capsys: pytest.CaptureFixture[str]):
    assert main(['models', 'fetch']) == 0

    assert model_store.find(model_store.FACENET) == path
    assert path.read_bytes() == CONTENT
    assert not part_of(path).exists()
    assert f'facenet is ready: {path}' in capsys.readouterr().err


def test_present_model_is_not_fetched_again(server: FileServer, path: Path):
    main(['models', 'fetch'])

    assert main(['models', 'fetch', 'facenet']) == 0
    assert len(server.seen) == 1


def test_damaged_model_is_replaced(path: Path, capsys: pytest.CaptureFixture[str]):
    path.parent.mkdir()
    path.write_bytes(BAD)

    assert main(['models', 'fetch']) == 0

    assert path.read_bytes() == CONTENT
    assert 'is damaged (SHA-256' in capsys.readouterr().err


def test_broken_download_says_what_is_kept_and_goes_on(
    server: FileServer, path: Path, capsys: pytest.CaptureFixture[str]
):
    server.faults = [200_000]
    assert main(['models', 'fetch']) == 1
    assert '0.2 of 0.3 MB are kept, run this again to go on there' in only_line(capsys)
    assert not path.exists()

    assert main(['models', 'fetch']) == 0
    assert path.read_bytes() == CONTENT
    assert server.ranges() == [None, 'bytes=200000-']


def test_wrong_content_is_removed_and_both_hashes_told(
    server: FileServer, path: Path, capsys: pytest.CaptureFixture[str]
):
    server.content = BAD

    assert main(['models', 'fetch']) == 1

    line = only_line(capsys)
    assert f'SHA-256 {sha256(BAD).hexdigest()[:12]}…' in line
    assert f'instead of {sha256(CONTENT).hexdigest()[:12]}…' in line
    assert [entry.name for entry in path.parent.iterdir()] == ['.lock']


def test_rest_that_does_not_go_with_the_beginning_is_fetched_anew(server: FileServer, path: Path):
    # A server that names no versions: only the check at the end can tell.
    server.has_tags = False
    path.parent.mkdir()
    part_of(path).write_bytes(BAD[:100_000])

    assert main(['models', 'fetch']) == 0

    assert path.read_bytes() == CONTENT
    assert server.ranges() == ['bytes=100000-', None]


@pytest.mark.parametrize('fault', ['404', 'no server'])
def test_unreachable_file_is_told_with_the_way_without_network(
    server: FileServer, capsys: pytest.CaptureFixture[str], fault: str
):
    server.faults = ['404']
    if fault == 'no server':
        server.close()

    assert main(['models', 'fetch']) == 1

    line = only_line(capsys)
    assert server.address in line
    assert '0.3 MB' in line
    assert sha256(CONTENT).hexdigest() in line
    assert './mmoment models fetch facenet --from FILE' in line


def test_silent_server_ends_the_download(server: FileServer, capsys: pytest.CaptureFixture[str]):
    server.faults = ['stall']

    assert main(['models', 'fetch']) == 1
    assert 'nothing came for' in only_line(capsys)


def test_too_little_room_is_told_before(
    server: FileServer, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    usage = models.shutil.disk_usage('/')
    monkeypatch.setattr(models.shutil, 'disk_usage', lambda folder: usage._replace(free=200_000))

    assert main(['models', 'fetch']) == 1

    assert '0.2 MB are free' in only_line(capsys)
    assert not server.seen


@pytest.mark.skipif(os.geteuid() == 0, reason='root may write anywhere')
def test_folder_of_somebody_else_is_told(folder: Path, capsys: pytest.CaptureFixture[str]):
    folder.mkdir(mode=0o555)

    assert main(['models', 'fetch']) == 1
    assert '--folder' in only_line(capsys)


@pytest.mark.parametrize('is_folder', [True, False])
def test_model_from_a_folder_or_file(
    server: FileServer, path: Path, tmp_path: Path, is_folder: bool
):
    stick = tmp_path / 'stick'
    stick.mkdir()
    given = stick if is_folder else stick / 'renamed.pt'
    (stick / path.name if is_folder else given).write_bytes(CONTENT)
    path.parent.mkdir()
    part_of(path).write_bytes(CONTENT[:10])

    assert main(['models', 'fetch', '--from', str(given)]) == 0

    assert path.read_bytes() == CONTENT
    assert {entry.name for entry in path.parent.iterdir()} == {path.name, '.lock'}
    assert not server.seen


@pytest.mark.parametrize(
    ('content', 'told'), [(BAD, 'SHA-256'), (CONTENT[:-1], '299999 bytes'), (None, 'no file')]
)
def test_wrong_file_given_is_refused(
    path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], content, told: str
):
    given = tmp_path / 'given.pt'
    if content is not None:
        given.write_bytes(content)

    assert main(['models', 'fetch', '--from', str(given)]) == 1

    assert told in only_line(capsys)
    assert [entry.name for entry in path.parent.iterdir()] == ['.lock']


def test_other_folder_is_used_and_nodes_are_told_of(
    tmp_path: Path, path: Path, capsys: pytest.CaptureFixture[str]
):
    assert main(['models', 'fetch', '--folder', str(tmp_path / 'other')]) == 0

    assert (tmp_path / 'other' / path.name).read_bytes() == CONTENT
    assert f'MMOMENT_MODELS={tmp_path / "other"}' in capsys.readouterr().err
    assert not path.exists()


def test_two_at_once_are_refused(folder: Path, capsys: pytest.CaptureFixture[str]):
    folder.mkdir()
    with (folder / '.lock').open('a') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert main(['models', 'fetch']) == 1
    assert 'another ./mmoment models is at work' in only_line(capsys)


def test_unknown_model_lists_the_known(capsys: pytest.CaptureFixture[str]):
    assert main(['models', 'fetch', 'facnet']) == 1
    assert only_line(capsys) == 'mmoment: no model facnet; there are: facenet'


@pytest.mark.parametrize(
    ('there', 'in_part', 'told'),
    [
        (None, None, 'not there: ./mmoment models fetch facenet'),
        (CONTENT, None, 'there, and its content is right'),
        (BAD, None, 'damaged (SHA-256'),
        (
            None,
            CONTENT[:100_000],
            '0.1 of 0.3 MB are there: ./mmoment models fetch facenet goes on',
        ),
    ],
)
def test_list_says_how_each_is(
    path: Path, capsys: pytest.CaptureFixture[str], there, in_part, told: str
):
    path.parent.mkdir()
    if there is not None:
        path.write_bytes(there)
    if in_part is not None:
        part_of(path).write_bytes(in_part)

    assert main(['models', 'list']) == 0

    text = capsys.readouterr().out
    assert f'facenet: {told}' in text
    for word in (str(path), '300000 bytes', 'licence', 'for '):
        assert word in text


def test_remove_leaves_nothing(path: Path, capsys: pytest.CaptureFixture[str]):
    main(['models', 'fetch'])
    part_of(path).write_bytes(CONTENT)

    assert main(['models', 'remove', 'facenet']) == 0
    assert 'facenet: 0.6 MB freed' in capsys.readouterr().out
    assert [entry.name for entry in path.parent.iterdir()] == ['.lock']

    assert main(['models', 'remove', 'facenet']) == 0
    assert 'facenet is not there' in capsys.readouterr().out


PROGRAM = """
import signal, sys
from dataclasses import replace
from cli import models
from cli.main import main
signal.signal(signal.SIGINT, signal.default_int_handler)
known = models.store()
known.MODELS['facenet'] = replace(
    known.FACENET, address=sys.argv[1], size_bytes=int(sys.argv[2]), sha256=sys.argv[3]
)
class Told(models.Meter):
    def __call__(self, have):
        super().__call__(have)
        print(have, flush=True)
models.Meter = Told
sys.exit(main(['models', 'fetch']))
"""


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_ended_in_the_middle_goes_on(server: FileServer, path: Path, number: signal.Signals):
    server.faults = ['stall']
    words = [server.address, str(len(CONTENT)), sha256(CONTENT).hexdigest()]
    with subprocess.Popen(
        [sys.executable, '-c', PROGRAM, *words],
        env={**os.environ, 'PYTHONPATH': str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        while int(process.stdout.readline()) < len(CONTENT) // 2:
            pass
        process.send_signal(number)
        _, error = process.communicate(timeout=30)

    if number == signal.SIGINT:
        assert process.returncode == 130
        assert '0.1 of 0.3 MB are kept' in error
        assert error.splitlines()[-1] == 'mmoment: interrupted; run it again to go on'
    assert download.length(part_of(path)) == len(CONTENT) // 2
    assert main(['models', 'fetch']) == 0
    assert path.read_bytes() == CONTENT
    assert server.ranges() == [None, f'bytes={len(CONTENT) // 2}-']


def test_nothing_but_the_standard_library_is_needed(path: Path):
    """An interpreter without any installed package, as on a machine where nothing is set up yet."""
    entry = ROOT / 'mmoment'

    answer = subprocess.run(
        [sys.executable, '-S', entry, 'models', 'list'],
        env={name: os.environ[name] for name in ('PATH', 'MMOMENT_MODELS')},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )

    assert 'not there: ./mmoment models fetch facenet' in answer.stdout
    assert str(path) in answer.stdout


def test_log_lies_with_the_other_logs():
    main(['models', 'fetch'])
    assert '== facenet from 127.0.0.1' in (Project.here().state / 'models.log').read_text()
