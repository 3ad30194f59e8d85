import threading

import numpy as np
import pytest

from mmoment_stream.photo_memory import KeptPicture, PhotoMemory

MS = 1_000_000
SHAPE = (4, 5, 3)
PICTURE_BYTES = 60


def picture(at_ms, live=True):
    image = np.full(SHAPE, at_ms % 251, np.uint8)
    return KeptPicture(image, at_ms * MS, at_ms * MS, at_ms, live)


@pytest.fixture
def memory():
    memory = PhotoMemory(keep_s=0.5, bytes_at_most=1_000_000)
    for at_ms in range(1000, 2001, 100):
        memory.add(picture(at_ms))
    return memory


@pytest.mark.parametrize(
    ('moment_ms', 'found_ms'), [(2000, 2000), (1760, 1800), (1740, 1700), (1500, 1500), (0, 1500)]
)
def test_the_nearest_picture_of_the_last_moment(memory, moment_ms, found_ms):
    assert memory.nearest(moment_ms * MS, 0.0).sequence == found_ms
    assert len(memory) == 6


def test_memory_is_bounded_and_the_newest_picture_always_kept():
    memory = PhotoMemory(keep_s=100.0, bytes_at_most=3 * PICTURE_BYTES)
    for at_ms in range(1, 10):
        memory.add(picture(at_ms))
    assert len(memory) == 3
    assert memory.nearest(0, 0.0).sequence == 7
    small = PhotoMemory(keep_s=0.0, bytes_at_most=1)
    small.add(picture(1))
    small.add(picture(2))
    assert small.nearest(0, 0.0).sequence == 2


def test_a_picture_that_is_still_to_come_is_waited_for(memory):
    found = []
    waiting = threading.Thread(target=lambda: found.append(memory.nearest(2090 * MS, 20.0)))
    waiting.start()
    memory.add(picture(2060))
    waiting.join(0.05)
    assert waiting.is_alive()
    memory.add(picture(2100))
    waiting.join(20.0)
    assert found[0].sequence == 2100


def test_without_pictures_there_is_none(memory):
    memory.clear()
    assert memory.nearest(1000 * MS, 0.01) is None
    assert len(memory) == 0
    # Nothing is left of the count of bytes either.
    memory.add(picture(5))
    assert memory.nearest(0, 0.0).sequence == 5


def test_a_camera_that_begins_anew_begins_an_empty_memory(memory):
    memory.add(picture(300))
    assert memory.nearest(2000 * MS, 0.0).sequence == 300
    assert len(memory) == 1


def test_who_waits_when_it_is_closed_gets_what_is_there_at_once(memory):
    found = []
    waiting = threading.Thread(target=lambda: found.append(memory.nearest(9000 * MS, 600.0)))
    waiting.start()
    memory.close()
    waiting.join(20.0)
    assert found[0].sequence == 2000
    assert memory.nearest(9000 * MS, 600.0).sequence == 2000
