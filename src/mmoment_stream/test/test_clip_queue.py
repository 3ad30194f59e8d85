import threading

import pytest
from coded_video import SECOND_NS, START_NS, later
from test_packet_ring import BYTES, packet

from mmoment_stream.clip_queue import BATCH_NS, LONGEST_INTERVAL_NS, ClipQueue

ROOM_BYTES = 1_000_000


def taken(queue):
    """What is left, and when each batch ends, in tenths of a second: each packet has one."""
    batches = []
    while (batch := queue.take()) is not None:
        numbers = [packet.sequence - 1 for packet in batch.packets]
        batches.append((numbers, (batch.end_ns - START_NS) * 10 // SECOND_NS))
    return batches


def test_a_batch_spans_less_than_a_second_and_ends_where_the_next_begins():
    queue = filled(20)
    queue.end('finished')
    assert taken(queue) == [([*range(8)], 8), ([*range(8, 16)], 16), ([*range(16, 20)], 20)]


def filled(count, room_bytes=ROOM_BYTES):
    queue = ClipQueue(packet(0), room_bytes)
    for number in range(1, count):
        assert queue.add(packet(number))
    return queue


def test_a_batch_waits_until_it_is_long_enough():
    queue = filled(8)
    batches = []
    taker = threading.Thread(target=lambda: batches.append(queue.take()))
    taker.start()
    queue.add(packet(8))
    taker.join(20)
    assert batches[0].packets == [packet(number) for number in range(8)]
    assert batches[0].end_ns == packet(8).monotonic_ns


def test_a_packet_that_nothing_follows_is_given_after_a_while():
    queue = filled(9)
    assert len(queue.take().packets) == 8
    assert queue.take().packets == [packet(8)]


def test_the_end_wakes_whoever_waits():
    queue = filled(9)
    queue.take()
    batches = []

    def take_all():
        while batches[-1:] != [None]:
            batches.append(queue.take())

    taker = threading.Thread(target=take_all)
    taker.start()
    queue.end('finished')
    taker.join(20)
    assert [batch and batch.packets for batch in batches] == [[packet(8)], None]


def test_the_last_picture_lasts_as_long_as_the_others_on_average():
    queue = filled(3)
    # A second is missing: three intervals in 1.2 s.
    queue.add(*later([packet(3)], SECOND_NS * 9 // 10))
    queue.end('finished')
    last_ns = packet(3).monotonic_ns + SECOND_NS * 9 // 10
    assert [queue.take().end_ns, queue.take().end_ns] == [last_ns, last_ns + SECOND_NS * 4 // 10]


def test_after_a_long_stall_the_last_picture_does_not_stay_for_as_long():
    queue = ClipQueue(packet(0), ROOM_BYTES)
    (second,) = later([packet(1)], 40 * SECOND_NS)
    queue.add(second)
    queue.end('finished')
    queue.take()
    assert queue.take().end_ns == second.monotonic_ns + LONGEST_INTERVAL_NS


def test_without_room_packets_are_left_out_up_to_a_keyframe_that_finds_half_of_it():
    queue = filled(30, room_bytes=20 * BYTES)
    assert queue.is_behind
    assert len(queue.take().packets) == 8
    # There is room for it, but too little for what follows it.
    for number in range(30, 40):
        assert queue.add(packet(number))
    assert queue.is_behind
    assert len(queue.take().packets) == 8
    for number in range(40, 45):
        assert queue.add(packet(number))
    assert not queue.is_behind
    queue.end('finished')
    numbers = [number for batch, _ in taken(queue) for number in batch]
    assert numbers == [*range(16, 20), *range(40, 45)]
    assert queue.offered == 45


def test_given_up_it_lets_go_of_everything():
    queue = filled(20)
    queue.end('finished')
    queue.give_up('disk_full')
    assert queue.take() is None
    assert queue.ending == 'disk_full'
    assert not queue.add(packet(20))


def test_the_first_reason_stays():
    queue = ClipQueue(packet(0), ROOM_BYTES)
    assert not queue.add(packet(1, epoch=2))
    queue.end('finished')
    assert queue.ending == 'video_changed'


def test_an_old_packet_that_comes_again_is_no_jump_of_time():
    queue = filled(40)
    assert queue.add(packet(3))
    assert queue.offered == 40
    assert queue.span_ns == 39 * SECOND_NS // 10


def test_it_begins_with_a_keyframe():
    with pytest.raises(ValueError, match='keyframe'):
        ClipQueue(packet(1), ROOM_BYTES)


def test_a_batch_is_short_enough_for_two_seconds():
    assert BATCH_NS < SECOND_NS
