"""A reader hands out its newest picture, tells of its fault once, and hangs alone."""

import threading

import numpy as np
import pytest

from mmoment_camera.errors import SourceError
from mmoment_camera.source import Picture, PictureSource, SourceSettings
from mmoment_camera.watched_reader import ReaderCount, WatchedReader


class Script(PictureSource):
    """Does what the test puts into `steps`: a number to deliver, an error to raise, or a hang."""

    kind = 'script'

    def __init__(self, *steps):
        super().__init__('script', SourceSettings())
        self.steps = list(steps)
        self.released = threading.Event()
        self.done = threading.Event()
        self.closed = threading.Event()

    def open(self):
        self.do(self.steps.pop(0))

    def read(self):
        if not self.steps:
            self.done.set()
            self.released.wait()
            raise SourceError('the end')
        return self.do(self.steps.pop(0))

    def do(self, step):
        if isinstance(step, Exception):
            raise step
        if step == 'hang':
            self.released.wait()
        return Picture(np.full((2, 2, 3), 0, np.uint8), step if isinstance(step, int) else 0, 0)

    def close(self):
        self.closed.set()


def test_only_the_newest_picture_is_handed_out():
    source = Script('open', 1, 2, 3)
    reader = WatchedReader(source)
    reader.start()
    assert source.done.wait(5)
    assert reader.take(0).monotonic_ns == 3
    assert reader.dropped == 2
    assert reader.take(0) is None
    source.released.set()


@pytest.mark.parametrize('place', ['open', 'read'])
def test_the_fault_comes_after_the_last_picture(place):
    steps = (SourceError('gone'),) if place == 'open' else ('open', 7, SourceError('gone'))
    source = Script(*steps)
    reader = WatchedReader(source)
    reader.start()
    assert source.closed.wait(5)
    if place == 'read':
        assert reader.take(5).monotonic_ns == 7
    with pytest.raises(SourceError, match='gone'):
        reader.take(5)


def test_a_librarys_fault_becomes_a_sentence():
    source = Script('open', ZeroDivisionError('rtsp://anna:geheim@x'))
    reader = WatchedReader(source)
    reader.start()
    with pytest.raises(SourceError, match='ZeroDivisionError') as caught:
        reader.take(5)
    assert 'geheim' not in str(caught.value)
    assert source.closed.wait(5)


def test_wake_ends_a_wait_once():
    source = Script('hang')
    reader = WatchedReader(source)
    reader.start()
    reader.wake()
    assert reader.take(60) is None
    source.released.set()


def test_silence_is_measured_from_start_and_picture():
    now = [100.0]
    source = Script('hang', 1)
    reader = WatchedReader(source, monotonic=lambda: now[0])
    reader.start()
    now[0] = 107.0
    assert reader.silence_s == 7.0
    source.released.set()
    assert reader.take(5) is not None
    assert reader.silence_s == 0.0


def test_a_hanging_reader_is_counted_until_it_comes_back():
    count = ReaderCount(most_stuck=2)
    sources = [Script('hang', 1), Script('hang', 1)]
    readers = [WatchedReader(source) for source in sources]
    for reader in readers:
        reader.start()
        assert not reader.stop(0.01)
        count.abandon(reader)
    assert not count.has_room
    sources[0].released.set()
    assert readers[0].stop(5)
    assert count.stuck == 1
    assert count.has_room
    assert count.abandoned == 2
    assert sources[0].closed.is_set()
    assert readers[0].take(0) is None, 'a late picture goes nowhere'
    sources[1].released.set()
