import dataclasses
import threading

import pytest
from coded_video import SECOND_NS, START_NS

from mmoment_stream.packet_ring import PacketRing, follows
from mmoment_stream.video_packet import VideoPacket

GOP = 10
FPS = 10
BYTES = 100


def packet(number, **changes):
    """Ten packets a second, one in ten a keyframe; the first is a keyframe."""
    moment_ns = START_NS + number * SECOND_NS // FPS
    made = VideoPacket(
        data=bytes(BYTES),
        monotonic_ns=moment_ns,
        utc_ns=moment_ns,
        sequence=number + 1,
        frame_sequence=number,
        epoch=1,
        keyframe=number % GOP == 0,
        live=True,
        width=64,
        height=36,
    )
    return dataclasses.replace(made, **changes)


def filled(count, seconds=3.0, bytes_at_most=1_000_000):
    ring = PacketRing(seconds, bytes_at_most)
    for number in range(count):
        ring.add(packet(number))
    return ring


def kept(ring, monotonic_ns=0):
    return [packet.sequence - 1 for packet in ring.since(monotonic_ns)]


def at(number):
    return START_NS + number * SECOND_NS // FPS


@pytest.mark.parametrize('count', range(1, 60))
def test_it_covers_the_seconds_asked_for_and_at_most_a_group_more(count):
    numbers = kept(filled(count))
    assert numbers == list(range(numbers[0], count))
    assert numbers[0] % GOP == 0
    # From the first kept to the newest.
    assert numbers[0] == 0 or numbers[-1] - numbers[0] >= 3 * FPS
    assert numbers[-1] - numbers[0] < 3 * FPS + GOP


def test_a_clip_begins_at_the_newest_keyframe_at_or_before_the_moment():
    ring = filled(40, seconds=10.0)
    assert kept(ring, at(20)) == list(range(20, 40))
    assert kept(ring, at(20) - 1) == list(range(10, 40))
    assert kept(ring, at(29)) == list(range(20, 40))
    # Before everything that is kept, and after it.
    assert kept(ring, at(0) - 1) == list(range(40))
    assert kept(ring, at(1000)) == list(range(30, 40))


def test_whole_groups_go_when_the_bytes_are_too_many():
    ring = filled(40, seconds=100.0, bytes_at_most=25 * BYTES)
    assert kept(ring) == list(range(20, 40))
    assert ring.bytes == 20 * BYTES


def test_it_never_exceeds_its_bytes_even_if_a_single_group_would():
    ring = PacketRing(100.0, 25 * BYTES)
    for number in range(100):
        ring.add(packet(number, keyframe=number in (0, 90)))
        assert ring.bytes <= 25 * BYTES
    assert kept(ring) == list(range(90, 100))


def test_nothing_is_kept_that_cannot_be_decoded():
    ring = PacketRing(100.0, 1_000_000)
    for number in range(5, 40):
        # The beginning of a group was missed, and later a packet got lost.
        if number != 23:
            ring.add(packet(number))
    assert kept(ring) == [*range(10, 23), *range(30, 40)]


def test_what_is_there_already_is_not_kept_twice():
    ring = filled(20)
    for number in range(20):
        ring.add(packet(number))
    assert kept(ring) == list(range(20))


def test_another_epoch_takes_the_place_of_the_one_before():
    ring = filled(20)
    # Until its first keyframe comes, what is there is still good.
    ring.add(packet(31, epoch=2))
    assert kept(ring) == list(range(20))
    ring.add(packet(0, epoch=2))
    ring.add(packet(1, epoch=2))
    assert [(packet.epoch, packet.sequence) for packet in ring.since(0)] == [(2, 1), (2, 2)]
    assert ring.bytes == 2 * BYTES


def test_placeholders_are_kept_with_their_flag():
    ring = PacketRing(3.0, 1_000_000)
    ring.add(packet(0))
    ring.add(packet(1, live=False))
    assert [packet.live for packet in ring.since(0)] == [True, False]


def test_packets_are_shared_not_copied():
    ring = PacketRing(3.0, 1_000_000)
    added = packet(0)
    ring.add(added)
    assert ring.since(0)[0] is added


def test_cleared_it_begins_anew_with_a_keyframe():
    ring = filled(25)
    ring.clear()
    assert ring.bytes == 0
    ring.add(packet(25))
    assert kept(ring) == []
    ring.add(packet(30))
    assert kept(ring) == [30]


def test_readers_see_a_whole_clip_while_packets_come():
    ring = PacketRing(3.0, 1_000_000)
    is_over = threading.Event()
    seen = []

    def read():
        while not is_over.is_set():
            seen.append(kept(ring))

    reader = threading.Thread(target=read)
    reader.start()
    for number in range(5000):
        ring.add(packet(number))
    is_over.set()
    reader.join()
    assert any(seen)
    for numbers in filter(None, seen):
        assert numbers == list(range(numbers[0], numbers[-1] + 1))
        assert numbers[0] % GOP == 0


def test_what_follows():
    assert follows(packet(0), None)
    assert not follows(packet(1), None)
    assert follows(packet(12), packet(11))
    assert not follows(packet(13), packet(11))
    assert not follows(packet(11), packet(11))
    assert follows(packet(20), packet(11))
    assert not follows(packet(10), packet(11))
    assert not follows(packet(12, epoch=2), packet(11))
    assert follows(packet(0, epoch=2), packet(11))


def test_how_much_it_keeps_may_change():
    ring = filled(50, seconds=1.0)
    assert len(ring.since(0)) <= 20
    ring.keep(4.0)
    for number in range(50, 100):
        ring.add(packet(number))
    assert 40 < len(ring.since(0)) <= 50
    ring.keep(1.0)
    ring.add(packet(100))
    assert len(ring.since(0)) <= 21
