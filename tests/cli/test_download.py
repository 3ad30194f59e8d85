"""Downloads from a real server on loopback, with the faults of real networks."""

import os
import resource
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cli.download import DownloadError, Patience, download, forget, length
from tests.standins.file_server import FileServer

ROOT = Path(__file__).resolve().parents[2]
CONTENT = os.urandom(300_000)
SHORT = Patience(silence_s=0.3, slow_s=0.3, slow_bytes=10_000)


@pytest.fixture
def server():
    running = FileServer(CONTENT)
    yield running
    running.close()


@pytest.fixture
def part(tmp_path: Path) -> Path:
    return tmp_path / 'model.pt.part'


def fetch(server: FileServer, part: Path, pauses_s=()) -> list[int]:
    shown: list[int] = []
    download(server.address, len(CONTENT), part, shown.append, SHORT, pauses_s)
    return shown


def test_whole_file_comes_at_once(server: FileServer, part: Path):
    shown = fetch(server, part)

    assert part.read_bytes() == CONTENT
    assert shown == sorted(shown)
    assert shown[-1] == len(CONTENT)
    assert server.ranges() == [None]


def test_broken_connection_goes_on_in_the_same_run(server: FileServer, part: Path):
    server.faults = [100_000]

    fetch(server, part, pauses_s=(0.0,))

    assert part.read_bytes() == CONTENT
    assert server.ranges() == [None, 'bytes=100000-']


def test_broken_download_goes_on_in_the_next_run(server: FileServer, part: Path):
    server.faults = [100_000]

    with pytest.raises(DownloadError, match='the connection broke') as told:
        fetch(server, part)
    assert told.value.has_begun
    assert length(part) == 100_000
    fetch(server, part)

    assert part.read_bytes() == CONTENT
    assert server.ranges() == [None, 'bytes=100000-']


def test_complete_part_asks_nobody(server: FileServer, part: Path):
    part.write_bytes(CONTENT)

    fetch(server, part)

    assert not server.seen


@pytest.mark.parametrize('announces_length', [True, False])
def test_server_without_ranges_begins_anew(server: FileServer, part: Path, announces_length: bool):
    server.announces_length = announces_length
    server.faults = [100_000, 'no range']

    fetch(server, part, pauses_s=(0.0,))

    assert part.read_bytes() == CONTENT


def test_other_version_is_not_put_behind_the_first(server: FileServer, part: Path):
    server.content = bytes(len(CONTENT))
    server.faults = [100_000]
    with pytest.raises(DownloadError):
        fetch(server, part)
    server.content = CONTENT

    fetch(server, part)

    assert part.read_bytes() == CONTENT
    assert server.seen[1]['If-Range'].startswith('"')


@pytest.mark.parametrize('content', [CONTENT + b'more', CONTENT[:-1], b'<html>sign in</html>'])
def test_file_of_another_size_is_refused_and_what_there_was_is_kept(
    server: FileServer, part: Path, content: bytes
):
    server.faults = [100_000]
    with pytest.raises(DownloadError):
        fetch(server, part)
    server.content = content

    with pytest.raises(DownloadError, match=rf'{len(content)} bytes instead of {len(CONTENT)}'):
        fetch(server, part)
    assert length(part) == 100_000


def test_endless_answer_stops_at_the_size(server: FileServer, part: Path):
    server.announces_length = False
    server.content = CONTENT + b'more'

    fetch(server, part)

    assert part.read_bytes() == CONTENT


def test_other_range_than_asked_for_is_refused(server: FileServer, part: Path):
    part.write_bytes(CONTENT[:5])
    server.faults = ['lie']

    with pytest.raises(DownloadError, match="instead of 'bytes 5-299999/300000'"):
        fetch(server, part)


def test_too_long_part_begins_anew(server: FileServer, part: Path):
    part.write_bytes(CONTENT + b'more')

    fetch(server, part)

    assert part.read_bytes() == CONTENT


@pytest.mark.parametrize(('answer', 'tries'), [('404', 1), ('403', 1), ('503', 3), ('429', 3)])
def test_answer_of_the_server_is_told(server: FileServer, part: Path, answer: str, tries: int):
    server.faults = [answer] * tries

    with pytest.raises(DownloadError, match=f'it answers {answer} ') as told:
        fetch(server, part, pauses_s=(0.0, 0.0))
    assert len(server.seen) == tries
    assert not told.value.has_begun


def test_refused_range_begins_anew(server: FileServer, part: Path):
    part.write_bytes(CONTENT[:70_000])
    server.faults = ['416']

    fetch(server, part, pauses_s=(0.0,))

    assert part.read_bytes() == CONTENT


def test_silence_is_bounded_and_then_goes_on(server: FileServer, part: Path):
    server.faults = ['stall']

    fetch(server, part, pauses_s=(0.0,))

    assert part.read_bytes() == CONTENT
    assert server.ranges() == [None, f'bytes={len(CONTENT) // 2}-']


@pytest.mark.parametrize(('fault', 'told'), [('stall', 'nothing came'), ('trickle', 'only ')])
def test_silent_or_slow_server_is_given_up(server: FileServer, part: Path, fault: str, told: str):
    server.faults = [fault] * 2

    with pytest.raises(DownloadError, match=told) as error:
        fetch(server, part, pauses_s=(0.0,))
    assert error.value.has_begun


def test_absent_server_is_told_without_waiting(part: Path):
    with socket.socket() as closed:
        closed.bind(('127.0.0.1', 0))
        address = f'http://127.0.0.1:{closed.getsockname()[1]}/model.pt'

        with pytest.raises(DownloadError, match='Connection refused') as told:
            download(address, 9, part, lambda count: None, pauses_s=(60.0,))
    assert not told.value.has_begun


def test_full_disk_keeps_what_came(server: FileServer, part: Path):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (150_000, before[1]))
    try:
        with pytest.raises(OSError, match='File too large'):
            fetch(server, part)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)

    fetch(server, part)

    assert part.read_bytes() == CONTENT
    assert server.ranges()[1] not in (None, 'bytes=0-')


def test_forget_leaves_nothing(server: FileServer, part: Path):
    fetch(server, part)

    forget(part)

    assert not list(part.parent.iterdir())


PROGRAM = """
import sys
from pathlib import Path
from cli.download import download
download(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]), lambda count: None)
"""


def test_killed_in_the_middle_goes_on(server: FileServer, part: Path):
    server.faults = ['stall']
    words = [sys.executable, '-c', PROGRAM, server.address, str(len(CONTENT)), str(part)]
    with subprocess.Popen(words, env={**os.environ, 'PYTHONPATH': str(ROOT)}) as process:
        limit = time.monotonic() + 30
        while length(part) < len(CONTENT) // 2:
            assert time.monotonic() < limit
            time.sleep(0.01)
        process.kill()
    assert process.returncode == -signal.SIGKILL

    fetch(server, part)

    assert part.read_bytes() == CONTENT
    assert server.ranges() == [None, f'bytes={len(CONTENT) // 2}-']
