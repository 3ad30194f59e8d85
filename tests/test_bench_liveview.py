"""What `bench liveview` makes of what it sees, on messages that are known."""

import socket
import struct

import pytest

from bench.liveview_viewers import Viewer, summary
from mmoment_api.live_wire import head

MS_NS = 1_000_000


def frame(payload, kind=2):
    """A frame as a server sends it."""
    size = len(payload)
    if size < 126:
        return bytes([0x80 | kind, size]) + payload
    if size < 2**16:
        return struct.pack('>BBH', 0x80 | kind, 126, size) + payload
    return struct.pack('>BBQ', 0x80 | kind, 127, size) + payload


@pytest.fixture
def line():
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    with ours, theirs:
        yield Viewer(ours), theirs


@pytest.mark.parametrize('size', [10, 5000, 70_000])
@pytest.mark.parametrize('piece', [3, 1000, 1 << 20])
def test_pictures_are_told_from_texts_however_they_arrive(line, size, piece):
    viewer, theirs = line
    picture = head(3, 7, 107, 5 * MS_NS) + bytes(size)
    data = b'HTTP/1.1 101 Switching\r\n\r\n' + frame(b'{"type":"start"}', 1) + frame(picture)
    for start in range(0, len(data), piece):
        theirs.sendall(data[start : start + piece])
        while viewer.read():
            pass
    (arrival,) = viewer.arrivals
    assert (arrival.sequence, arrival.captured_ns) == (7, 5 * MS_NS)
    assert arrival.size >= size + 24


def test_it_answers_when_it_is_asked_whether_it_is_there(line):
    viewer, theirs = line
    theirs.sendall(b'HTTP/1.1 101 Switching\r\n\r\n' + frame(b'four', 9))
    viewer.read()
    assert theirs.recv(100) == b'\x8a\x84\0\0\0\0four'


def test_a_refusal_is_told(line):
    viewer, theirs = line
    theirs.sendall(b'HTTP/1.1 401 Unauthorized\r\n\r\n')
    with pytest.raises(ConnectionError, match='401'):
        viewer.read()


def test_a_picture_is_stale_until_the_next_one_is_there(line, monkeypatch):
    viewer, theirs = line
    theirs.sendall(b'HTTP/1.1 101 Switching\r\n\r\n')
    # Taken at 0, 100 and 200 ms, there 10, 40 and 20 ms later; the last is looked at until 300 ms.
    for sequence, (captured_ms, late_ms) in enumerate(((0, 10), (100, 40), (200, 20)), 1):
        theirs.sendall(frame(head(2, sequence, sequence, captured_ms * MS_NS)))
        at_ns = (captured_ms + late_ms) * MS_NS
        monkeypatch.setattr('time.monotonic_ns', lambda at_ns=at_ns: at_ns)
        viewer.read()
    monkeypatch.setattr('time.monotonic_ns', lambda: 300 * MS_NS)
    found = summary([viewer], 0)
    assert (found['pictures'], found['delivered']) == (3, 1.0)
    assert found['staleness_max_ms'] == pytest.approx(140)
    assert found['age_p50_ms'] == pytest.approx(20)
    assert found['fps_per_viewer'] == pytest.approx(10)
