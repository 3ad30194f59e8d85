"""What comes out of the queue can be decoded, and is never old."""

import threading
import time

import pytest
from push_world import FakeClock, packet

from mmoment_stream.push_queue import PushQueue


def queue_of(**more):
    dropped = []
    queue = PushQueue(on_dropped=dropped.append, **more)
    queue.begin()
    return queue, dropped


def all_of(queue):
    found = []
    while (one := queue.take(0)) is not None:
        found.append(one.sequence)
    return found


def test_it_begins_with_a_keyframe():
    queue, dropped = queue_of()
    assert queue.needs_keyframe
    for sequence in range(1, 4):
        queue.offer(packet(sequence))
    assert queue.take(0) is None
    queue.offer(packet(4, keyframe=True))
    queue.offer(packet(5))
    assert not queue.needs_keyframe
    assert all_of(queue) == [4, 5]
    assert sum(dropped) == 3


def test_before_it_begins_it_only_remembers_the_newest_keyframe():
    dropped = []
    queue = PushQueue(on_dropped=dropped.append)
    queue.offer(packet(1, keyframe=True))
    assert (queue.keyframe.sequence, queue.needs_keyframe) == (1, False)
    queue.begin()
    assert all_of(queue) == []
    assert queue.needs_keyframe
    assert dropped == []
    queue.offer(packet(2, keyframe=True))
    queue.end()
    assert all_of(queue) == []
    assert (queue.keyframe.sequence, dropped) == (2, [])


def test_too_many_seconds_skip_to_the_newest_keyframe_that_waits():
    queue, dropped = queue_of(longest_s=1.0)
    for sequence in range(1, 32):
        queue.offer(packet(sequence, keyframe=sequence in (1, 20)))
    assert dropped == []
    # Now the first one is more than a second older than the newest.
    queue.offer(packet(32))
    assert sum(dropped) == 19
    assert all_of(queue) == list(range(20, 33))


def test_too_many_seconds_without_a_keyframe_wait_for_one():
    queue, dropped = queue_of(longest_s=1.0)
    for sequence in range(1, 33):
        queue.offer(packet(sequence, keyframe=sequence == 1))
    assert queue.needs_keyframe
    queue.offer(packet(33))
    assert queue.take(0) is None
    assert sum(dropped) == 33
    queue.offer(packet(34, keyframe=True))
    assert all_of(queue) == [34]


def test_too_many_bytes_are_too_much_as_well():
    queue, dropped = queue_of(most_bytes=1000)
    queue.offer(packet(1, keyframe=True, size_bytes=400))
    queue.offer(packet(2, size_bytes=400))
    queue.offer(packet(3, keyframe=True, size_bytes=400))
    assert all_of(queue) == [3]
    assert sum(dropped) == 2
    # What was taken counts no more.
    for sequence in (4, 5):
        queue.offer(packet(sequence, size_bytes=400))
        assert queue.take(0).sequence == sequence


@pytest.mark.parametrize(
    'strange', [packet(4), packet(3, epoch=2), packet(2)], ids=['lost', 'epoch', 'twice']
)
def test_what_does_not_follow_waits_for_the_next_keyframe(strange):
    queue, dropped = queue_of()
    queue.offer(packet(1, keyframe=True))
    queue.offer(packet(2))
    queue.offer(strange)
    assert queue.needs_keyframe
    assert all_of(queue) == [1, 2]
    assert dropped == [1]
    queue.offer(packet(9, keyframe=True, epoch=2))
    queue.offer(packet(10, epoch=2))
    assert all_of(queue) == [9, 10]


def test_skip_leaves_out_what_waits():
    queue, dropped = queue_of()
    queue.offer(packet(1, keyframe=True))
    queue.offer(packet(2))
    queue.skip()
    assert queue.needs_keyframe
    assert queue.take(0) is None
    assert dropped == [2]


def test_silence_and_rates_are_of_what_is_offered():
    clock = FakeClock()
    queue = PushQueue(clock=clock)
    assert queue.silence_s == float('inf')
    for sequence in range(1, 31):
        queue.offer(packet(sequence, size_bytes=1000))
        clock.now_s += 0.1
    fps, kbps = queue.rates()
    assert (fps, kbps) == (pytest.approx(10), pytest.approx(80))
    clock.now_s += 2
    assert queue.silence_s == pytest.approx(2.1)


def test_a_picture_and_a_wake_end_a_wait():
    queue, _ = queue_of()
    taken = []
    for act in (lambda: queue.offer(packet(1, keyframe=True)), queue.wake):
        thread = threading.Thread(target=lambda: taken.append(queue.take(60)))
        thread.start()
        time.sleep(0.02)
        act()
        thread.join(10)
        assert not thread.is_alive()
    assert [taken[0].sequence, taken[1]] == [1, None]


def test_video_that_begins_can_be_waited_for():
    clock = FakeClock()
    queue = PushQueue(clock=clock)
    assert not queue.await_video(0, 2.0)
    found = []
    thread = threading.Thread(target=lambda: found.append(queue.await_video(60, 2.0)))
    thread.start()
    # Of which the format is not known yet.
    queue.offer(packet(1))
    assert not queue.await_video(0, 2.0)
    queue.offer(packet(2, keyframe=True))
    thread.join(10)
    assert found == [True]
    clock.now_s += 3
    assert not queue.await_video(0, 2.0)
    queue.offer(packet(3))
    assert queue.await_video(0, 2.0)
