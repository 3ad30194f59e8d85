"""Against a real S3 server, through a line that breaks."""

import hashlib
import io
import random
import socket

import pytest
from s3_server import BUCKET, Line, S3Server

from mmoment_stream import media_remote_s3
from mmoment_stream.media_remote import Differs, NotWanted, RemoteFault, open_remote
from mmoment_stream.media_remote_s3 import PART_BYTES

pytestmark = pytest.mark.graph

NAME = '2026-11-25/clip.mp4'
OBJECT = f'camera-1/{NAME}'
LARGE = random.Random(1).randbytes(2 * PART_BYTES + 12_345)
SMALL = b'a small one'


@pytest.fixture(scope='module')
def server():
    running = S3Server()
    running.start()
    yield running
    running.kill()


@pytest.fixture
def line(server):
    made = Line(server.port)
    yield made
    made.close()


@pytest.fixture
def remote(server, line, tmp_path):
    opened = open_remote(f's3://{BUCKET}', server.options(tmp_path, line.endpoint), 'camera-1')
    opened.delete(NAME, always)
    return opened


def always():
    return True


def put(remote, content, sha256=None, is_wanted=always):
    digest = sha256 or hashlib.sha256(content).hexdigest()
    remote.put(NAME, io.BytesIO(content), len(content), digest, is_wanted)


@pytest.mark.parametrize('content', [b'', SMALL, LARGE[:PART_BYTES], LARGE])
def test_a_copy_is_what_was_sent(server, remote, content):
    put(remote, content)
    assert server.objects() == {OBJECT: content}
    assert server.begun() == []


def test_sending_again_what_is_there_sends_nothing(remote, line):
    put(remote, LARGE)
    before = line.sent
    put(remote, LARGE)
    assert line.sent - before < 5000


def test_a_broken_upload_goes_on_where_it_broke(server, remote, line):
    line.cut_after = line.sent + PART_BYTES + PART_BYTES // 2
    with pytest.raises(RemoteFault):
        put(remote, LARGE)
    assert server.objects() == {}
    assert server.begun() == [OBJECT]
    line.cut_after, before = None, line.sent
    put(remote, LARGE)
    # One of three parts had arrived.
    assert line.sent - before < 1.5 * PART_BYTES
    assert server.objects() == {OBJECT: LARGE}
    assert server.begun() == []


def test_another_process_goes_on_with_it_too(server, remote, line, tmp_path):
    line.cut_after = line.sent + PART_BYTES + PART_BYTES // 2
    with pytest.raises(RemoteFault):
        put(remote, LARGE)
    line.cut_after, before = None, line.sent
    again = open_remote(f's3://{BUCKET}', server.options(tmp_path, line.endpoint), 'camera-1')
    put(again, LARGE)
    assert line.sent - before < 1.5 * PART_BYTES
    assert server.objects() == {OBJECT: LARGE}


def test_parts_of_another_file_are_not_taken_for_those_of_this_one(server, remote, line):
    line.cut_after = line.sent + PART_BYTES + PART_BYTES // 2
    other = bytes(PART_BYTES) + LARGE[PART_BYTES:]
    with pytest.raises(RemoteFault):
        put(remote, other)
    line.cut_after = None
    put(remote, LARGE)
    assert server.objects() == {OBJECT: LARGE}


@pytest.mark.parametrize('content', [SMALL, LARGE])
def test_a_copy_that_is_damaged_is_replaced(server, remote, content):
    client = server.client()
    client.pipe_file(f'{BUCKET}/{OBJECT}', bytes(len(content)))
    put(remote, content)
    assert server.objects() == {OBJECT: content}


@pytest.mark.parametrize('content', [SMALL, LARGE])
def test_where_the_store_has_no_digest_the_copy_is_read_back(server, remote, monkeypatch, content):
    monkeypatch.setattr(media_remote_s3, '_etag', lambda parts: 'something else')
    put(remote, content)
    assert server.objects() == {OBJECT: content}
    server.client().pipe_file(f'{BUCKET}/{OBJECT}', bytes(len(content)))
    put(remote, content)
    assert server.objects() == {OBJECT: content}


def test_a_file_that_is_not_the_one_that_was_kept_is_not_sent(server, remote):
    with pytest.raises(Differs):
        put(remote, LARGE, sha256='0' * 64)
    assert server.objects() == {}
    assert server.begun() == []


def test_deleting_leaves_nothing_also_of_what_was_begun(server, remote, line):
    put(remote, SMALL)
    line.cut_after = line.sent + PART_BYTES + PART_BYTES // 2
    with pytest.raises(RemoteFault):
        put(remote, LARGE)
    line.cut_after = None
    remote.delete(NAME, always)
    assert server.objects() == {}
    assert server.begun() == []
    remote.delete(NAME, always)


def test_a_bucket_that_is_not_there_is_told(server, tmp_path):
    remote = open_remote('s3://no-such-bucket/x', server.options(tmp_path))
    with pytest.raises(RemoteFault, match='does not exist'):
        put(remote, SMALL)


def test_a_server_that_is_not_there_is_told(server, tmp_path):
    with socket.create_server(('127.0.0.1', 0)) as nobody:
        port = nobody.getsockname()[1]
    options = server.options(tmp_path, f'http://127.0.0.1:{port}')
    remote = open_remote(f's3://{BUCKET}', options)
    with pytest.raises(RemoteFault, match='connect'):
        put(remote, SMALL)


def test_what_hangs_is_given_up_at_once_when_nobody_wants_it(server, tmp_path):
    with socket.create_server(('127.0.0.1', 0)) as silent:
        endpoint = f'http://127.0.0.1:{silent.getsockname()[1]}'
        remote = open_remote(f's3://{BUCKET}', server.options(tmp_path, endpoint))
        asked = []

        def for_a_while():
            asked.append(1)
            return len(asked) < 3

        # It would wait for minutes otherwise.
        with pytest.raises(NotWanted):
            put(remote, SMALL, is_wanted=for_a_while)
