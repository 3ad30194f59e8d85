"""How files are sent: whole and in parts, and read no faster than they are taken."""

import asyncio
import http.client
import os
import threading
import time

import pytest
from starlette.requests import Request

from mmoment_api.media_control import CLIP
from mmoment_api.web_files import PIECE_BYTES, FileAnswer, FileLabel, open_file


def large(services, tmp_path, pieces=40):
    content = os.urandom(1024) * (pieces * PIECE_BYTES // 1024)
    record = services.media.keep(CLIP, '', content, tmp_path)
    return f'/api/videos/{record.filename}', content


def test_a_large_file_arrives_whole(served, services, tmp_path):
    path, content = large(services, tmp_path)
    connection = http.client.HTTPConnection('127.0.0.1', served.port, timeout=5)
    connection.request('GET', path, headers={'Cookie': served.cookie})
    answer = connection.getresponse()
    assert answer.read() == content
    # The connection is good for more.
    connection.request(
        'GET', path, headers={'Cookie': served.cookie, 'Range': f'bytes={PIECE_BYTES}-'}
    )
    answer = connection.getresponse()
    assert answer.status == 206
    assert answer.read() == content[PIECE_BYTES:]
    connection.request('HEAD', path, headers={'Cookie': served.cookie})
    answer = connection.getresponse()
    assert (answer.status, answer.read()) == (200, b'')
    assert answer.headers['Content-Length'] == str(len(content))
    connection.close()


def test_who_takes_nothing_makes_us_read_little(served, services, tmp_path, monkeypatch):
    path, content = large(services, tmp_path)
    counts = []
    real = os.pread

    def pread(*arguments):
        counts.append(len(real(*arguments)))
        return real(*arguments)

    monkeypatch.setattr(os, 'pread', pread)
    connection = served.connect(receive_buffer=16 * 1024)
    head = f'GET {path} HTTP/1.1\r\nHost: localhost\r\nCookie: {served.cookie}\r\n\r\n'
    connection.sendall(head.encode())
    assert connection.recv(15) == b'HTTP/1.1 200 OK'
    before = -1
    while before != len(counts):
        before = len(counts)
        time.sleep(0.2)
    # What the buffers on the way hold, and not the whole file.
    assert 0 < sum(counts) < len(content) / 4
    # Others are served meanwhile.
    assert served.get('/api/status')['success']
    connection.close()


class SlowClient:
    """Takes a piece when the test says so; leaves when the test says so."""

    def __init__(self):
        self.pieces = []
        self.is_gone = asyncio.Event()

    async def receive(self):
        await self.is_gone.wait()
        return {'type': 'http.disconnect'}

    async def send(self, message):
        if message['type'] == 'http.response.body' and message['body']:
            self.pieces.append(len(message['body']))
            if len(self.pieces) == 3:
                self.is_gone.set()
                await asyncio.sleep(0)


def test_who_leaves_is_sent_nothing_more(tmp_path):
    path = tmp_path / 'a.mp4'
    path.write_bytes(bytes(20 * PIECE_BYTES))

    async def scenario():
        client, file = SlowClient(), open_file(str(path))
        scope = {'type': 'http', 'method': 'GET', 'headers': []}
        answer = FileAnswer(Request(scope), file, FileLabel('a.mp4', 'video/mp4', ''))
        await answer(scope, client.receive, client.send)
        return client.pieces, file.closed

    pieces, is_closed = asyncio.run(scenario())
    assert set(pieces) == {PIECE_BYTES}
    assert len(pieces) < 6
    assert is_closed


def test_files_are_read_in_another_thread(tmp_path, monkeypatch):
    path = tmp_path / 'a.mp4'
    path.write_bytes(bytes(10))
    readers = []
    real = os.pread

    def pread(*arguments):
        readers.append(threading.current_thread())
        return real(*arguments)

    async def scenario():
        monkeypatch.setattr(os, 'pread', pread)
        client = SlowClient()
        scope = {'type': 'http', 'method': 'GET', 'headers': []}
        label = FileLabel('a.mp4', 'video/mp4', '')
        await FileAnswer(Request(scope), open_file(str(path)), label)(
            scope, client.receive, client.send
        )

    asyncio.run(scenario())
    assert len(readers) == 1
    assert readers[0] is not threading.current_thread()


def test_a_file_that_becomes_shorter_cuts_the_answer(tmp_path):
    path = tmp_path / 'a.mp4'
    path.write_bytes(bytes(10 * PIECE_BYTES))

    async def scenario():
        file = open_file(str(path))
        scope = {'type': 'http', 'method': 'GET', 'headers': []}
        answer = FileAnswer(Request(scope), file, FileLabel('a.mp4', 'video/mp4', ''))
        os.truncate(path, PIECE_BYTES)
        client = SlowClient()
        with pytest.raises(OSError, match='shorter'):
            await answer(scope, client.receive, client.send)
        assert file.closed

    asyncio.run(scenario())


@pytest.mark.parametrize('kind', ['folder', 'pipe'])
def test_what_only_poses_as_a_file_is_not_waited_for(tmp_path, kind):
    path = tmp_path / 'x'
    os.mkdir(path) if kind == 'folder' else os.mkfifo(path)
    with pytest.raises(OSError):
        open_file(str(path))
