import asyncio
import json
import threading
from functools import partial

import pytest
from fake_video import FakeVideo, packet
from video_world import numbers, run_scenario, settle, texts_and_numbers

from mmoment_api.video_hub import (
    ASK_PERIOD_S,
    CATCH_UP_BYTES,
    CATCH_UP_PACKETS,
    SILENT_AFTER_S,
    VideoHub,
)
from mmoment_api.viewer_seats import TooManyViewers, ViewerSeats


@pytest.fixture
def run(clock):
    return partial(run_scenario, clock)


def test_all_viewers_get_the_same_bytes_in_order(run):
    async def scenario(world):
        viewers = [world.hub.enter(False) for _ in range(3)]
        await world.put(packet(1, keyframe=True), packet(2), packet(3))
        for viewer in viewers:
            start = json.loads(await viewer.next())
            assert (start['type'], start['codec'], start['width']) == ('start', 'avc1.42C01F', 1280)
        first = [await viewer.next() for viewer in viewers]
        assert len({id(message) for message in first}) == 1
        for viewer in viewers:
            assert await numbers(viewer) == [2, 3]

    run(scenario)


def test_nothing_comes_before_a_keyframe(run):
    async def scenario(world):
        viewer = world.hub.enter(False)
        await world.put(packet(7), packet(8))
        assert await texts_and_numbers(viewer) == []
        assert world.source.asked == [False]
        await world.put(packet(9, keyframe=True), packet(10))
        assert await numbers(viewer) == [9, 10]

    run(scenario)


def test_channels_are_open_only_while_somebody_looks(run):
    async def scenario(world):
        assert world.source.open_channels == set()
        clean, drawn = world.hub.enter(False), world.hub.enter(True)
        assert world.source.open_channels == {False, True}
        await world.put(packet(1, keyframe=True), annotated=True)
        assert await numbers(clean) == []
        assert await numbers(drawn) == [1]
        world.hub.leave(drawn)
        await asyncio.sleep(0.01)
        assert world.source.open_channels == {False}
        # Of what was before, nothing greets who comes next.
        assert await texts_and_numbers(world.hub.enter(True)) == []

    run(scenario)


def test_who_comes_back_at_once_finds_the_channel_open(clock):
    async def body():
        source = FakeVideo()
        hub = VideoHub(source, ViewerSeats(4), lambda: ('', ''), 0.05, clock)
        hub.leave(hub.enter(False))
        viewer = hub.enter(False)
        await asyncio.sleep(0.1)
        assert source.open_channels == {False}
        hub.leave(viewer)
        await asyncio.sleep(0.1)
        assert source.open_channels == set()

    asyncio.run(body())


def test_a_newcomer_catches_up_with_a_short_group(run):
    async def scenario(world):
        world.hub.enter(False)
        await world.put(packet(1, keyframe=True), *(packet(n) for n in range(2, 6)))
        newcomer = world.hub.enter(False)
        assert await numbers(newcomer) == [1, 2, 3, 4, 5]
        assert world.source.asked == []
        await world.put(packet(6))
        assert await numbers(newcomer) == [6]

    run(scenario)


@pytest.mark.parametrize('size', [0, CATCH_UP_BYTES])
def test_for_a_long_group_a_keyframe_is_asked_for(run, size):
    async def scenario(world):
        world.hub.enter(False)
        last = 2 if size else CATCH_UP_PACKETS + 1
        await world.put(
            packet(1, keyframe=True, size=size), *(packet(n) for n in range(2, last + 1))
        )
        newcomer = world.hub.enter(False)
        assert world.source.asked == [False]
        await world.put(packet(last + 1), packet(last + 2, keyframe=True), packet(last + 3))
        assert await numbers(newcomer) == [last + 2, last + 3]

    run(scenario)


def test_an_encoder_that_makes_no_keyframe_keeps_nobody_waiting(run):
    async def scenario(world):
        world.hub.enter(False)
        last = CATCH_UP_PACKETS + 5
        await world.put(packet(1, keyframe=True), *(packet(n) for n in range(2, last + 1)))
        newcomer = world.hub.enter(False)
        assert isinstance(await newcomer.next(), str)
        assert await numbers(newcomer) == list(range(1, last + 1))

    run(scenario)


def test_many_newcomers_ask_once(run):
    async def scenario(world):
        world.hub.enter(False)
        await world.put(packet(1, keyframe=True), *(packet(n) for n in range(2, 40)))
        for _ in range(10):
            world.hub.enter(False)
        assert world.source.asked == [False]
        world.clock.now_s += ASK_PERIOD_S
        world.hub.enter(False)
        assert world.source.asked == [False, False]

    run(scenario)


def test_a_lost_packet_makes_all_wait_for_a_keyframe(run):
    async def scenario(world):
        viewer = world.hub.enter(False)
        await world.put(packet(1, keyframe=True), packet(2), packet(4), packet(5))
        assert await numbers(viewer) == []
        assert world.source.asked == [False]
        await world.put(packet(6, keyframe=True), packet(7))
        assert await numbers(viewer) == [6, 7]

    run(scenario)


def test_what_is_held_back_greets_nobody_and_a_keyframe_follows(run):
    async def scenario(world):
        viewer = world.hub.enter(False)
        await world.put(packet(1, keyframe=True), packet(2))
        assert await numbers(viewer) == [1, 2]
        world.hub.hold_back(False)
        await settle()
        newcomer = world.hub.enter(False)
        assert await numbers(newcomer) == []
        await world.put(packet(4), packet(5, keyframe=True))
        assert await numbers(viewer) == await numbers(newcomer) == [5]

    run(scenario)


def test_another_encoder_is_announced(run):
    async def scenario(world):
        viewer = world.hub.enter(False)
        await world.put(packet(1, keyframe=True, epoch=1), packet(2, epoch=1))
        await texts_and_numbers(viewer)
        await world.put(packet(1, keyframe=True, epoch=2**63), packet(2, epoch=2**63))
        start, *pictures = await texts_and_numbers(viewer)
        assert (start['type'], start['epoch']) == ('start', str(2**63))
        assert pictures == [1, 2]

    run(scenario)


def test_silence_is_told_with_the_reason_and_forgets_what_was_seen(run):
    async def scenario(world):
        viewer = world.hub.enter(False)
        await world.put(packet(1, keyframe=True))
        await texts_and_numbers(viewer)
        world.hub.look_after()
        assert await texts_and_numbers(viewer) == []
        world.clock.now_s += SILENT_AFTER_S + 0.1
        world.hub.look_after()
        (told,) = await texts_and_numbers(viewer)
        assert told | {'version': 1} == {
            'type': 'silent',
            'version': 1,
            'part': 'encoder_node',
            'reason': 'it rests',
        }
        newcomer = world.hub.enter(False)
        assert await numbers(newcomer) == []
        # What comes then is no news to a decoder that has missed nothing; it begins anew all the same.
        await world.put(packet(2))
        assert world.source.asked == [False]
        await world.put(packet(3, keyframe=True))
        assert await numbers(viewer) == await numbers(newcomer) == [3]

    run(scenario)


def test_a_keyframe_that_does_not_come_is_asked_for_again(run):
    async def scenario(world):
        viewer = world.hub.enter(False)
        await world.put(packet(5))
        for _ in range(3):
            world.clock.now_s += 1.0
            world.hub.look_after()
        assert len(world.source.asked) == 4
        await world.put(packet(6, keyframe=True))
        world.clock.now_s += 1.0
        world.hub.look_after()
        assert len(world.source.asked) == 4
        assert await numbers(viewer) == [6]

    run(scenario)


def test_nothing_is_made_for_a_seat_that_is_only_reserved(run):
    async def scenario(world):
        viewer = world.hub.reserve(False)
        assert world.source.open_channels == set()
        other = world.hub.enter(False)
        await world.put(packet(1, keyframe=True))
        assert await numbers(other) == [1]
        world.clock.now_s += 10.0
        await world.put(packet(2))
        assert world.source.asked == []
        assert await texts_and_numbers(viewer) == []
        world.hub.leave(other)
        await asyncio.sleep(0.01)
        world.hub.begin(viewer)
        assert world.source.open_channels == {False}
        await world.put(packet(3, keyframe=True))
        assert await numbers(viewer) == [3]
        world.hub.leave(viewer)
        world.hub.begin(viewer)
        await asyncio.sleep(0.01)
        assert world.source.open_channels == set()

    run(scenario)


def test_there_are_so_many_seats(run):
    async def scenario(world):
        viewers = [world.hub.enter(False), world.hub.enter(True)]
        with pytest.raises(TooManyViewers):
            world.hub.enter(False)
        world.hub.leave(viewers[0])
        world.hub.leave(viewers[0])
        world.hub.enter(False)
        with pytest.raises(TooManyViewers):
            world.hub.enter(False)

    run(scenario, seats=2)


def test_closing_ends_viewers_and_channels(run):
    async def scenario(world):
        viewer = world.hub.enter(False)
        waiting = asyncio.ensure_future(viewer.next())
        await settle()
        world.hub.close()
        assert await waiting is None
        assert world.source.open_channels == set()

    run(scenario)


def test_packets_come_from_another_thread_also_when_nobody_looks(run):
    async def scenario(world):
        world.hub.hear(False, packet(1, keyframe=True))
        viewer = world.hub.enter(False)
        thread = threading.Thread(target=world.hub.hear, args=(False, packet(2, keyframe=True)))
        thread.start()
        await asyncio.to_thread(thread.join)
        await settle()
        assert await numbers(viewer) == [2]

    run(scenario)
