"""What a viewer does who is late, or loses packets: skips, and asks for keyframes ever more rarely."""

import asyncio
import itertools
from functools import partial

import pytest
from fake_video import FakeVideo, packet
from video_world import numbers, run_scenario, settle

from mmoment_api.video_hub import ASK_PERIOD_S, VideoHub
from mmoment_api.video_viewer import ASK_FIRST_S, ASK_LAST_S, LATE_S, QUEUE_S, STEADY_S
from mmoment_api.viewer_seats import ViewerSeats


@pytest.fixture
def run(clock):
    return partial(run_scenario, clock)


def test_who_asks_too_soon_is_not_forgotten(clock):
    async def body():
        source = FakeVideo()
        hub = VideoHub(source, ViewerSeats(4), lambda: ('', ''), 0.0, clock)
        viewer = hub.enter(False)
        hub.hear(False, packet(5))
        await settle()
        assert source.asked == [False]
        clock.now_s += ASK_PERIOD_S * 0.9
        viewer.lose()
        viewer.lose()
        assert source.asked == [False]
        clock.now_s += ASK_PERIOD_S * 0.2
        await asyncio.sleep(ASK_PERIOD_S * 0.3)
        assert source.asked == [False, False]

    asyncio.run(body())


async def lose_for(world, viewer, wait_s, step_s=0.1):
    """It gets each keyframe at once and loses at once again; seconds between those asked for."""
    asked_s, number = [], 1
    for _ in range(round(wait_s / step_s)):
        number += 1
        before = len(world.source.asked)
        viewer.lose()
        world.hub.look_after()
        if len(world.source.asked) > before:
            asked_s.append(world.clock.now_s)
            await world.put(packet(number, keyframe=True))
        world.clock.now_s += step_s
    return [round(after - one, 1) for one, after in itertools.pairwise(asked_s)]


def test_a_slow_viewer_goes_on_at_the_next_keyframe_and_holds_up_nobody(run):
    async def scenario(world):
        slow, fast = world.hub.enter(False), world.hub.enter(False)
        await world.put(packet(1, keyframe=True))
        assert await numbers(slow) == [1]
        for number in range(2, 20):
            world.clock.now_s += QUEUE_S / 5
            await world.put(packet(number))
            assert (await numbers(fast))[-1] == number
        # Nothing that is older than the queue is long waits for it.
        assert await numbers(slow) == []
        assert world.source.asked
        assert world.hub.figures.skips == 1
        await world.put(packet(20), packet(21, keyframe=True), packet(22))
        assert await numbers(slow) == [21, 22]

    run(scenario)


def test_a_late_viewer_skips_to_a_keyframe_that_comes_anyway(run):
    async def scenario(world):
        viewer = world.hub.enter(False)
        await world.put(packet(1, keyframe=True), packet(2))
        world.clock.now_s += LATE_S * 1.5
        await world.put(packet(3, keyframe=True), packet(4))
        assert await numbers(viewer) == [3, 4]
        assert world.source.asked == []

    run(scenario)


def test_who_loses_again_and_again_is_given_fewer_keyframes(run):
    async def scenario(world):
        viewer = world.hub.enter(False)
        await world.put(packet(1, keyframe=True))
        pauses = await lose_for(world, viewer, 24.0)
        assert pauses[0] == pytest.approx(ASK_FIRST_S, abs=0.15)
        assert pauses[-1] == pytest.approx(ASK_LAST_S, abs=0.15)
        assert pauses == sorted(pauses)
        assert len(pauses) < 10
        # A newcomer has done nothing.
        world.hub.leave(viewer)
        await world.put(*(packet(number) for number in range(1000, 1020)))
        before = len(world.source.asked)
        world.hub.enter(False).lose()
        await world.put(packet(2000))
        assert len(world.source.asked) == before + 1

    run(scenario)


def test_who_has_kept_up_for_a_while_is_helped_at_once_again(run):
    async def scenario(world):
        viewer = world.hub.enter(False)
        await world.put(packet(1, keyframe=True))
        await lose_for(world, viewer, 10.0)
        await world.put(packet(900, keyframe=True))
        world.clock.now_s += ASK_LAST_S + STEADY_S + 1.0
        before = len(world.source.asked)
        viewer.lose()
        assert len(world.source.asked) == before + 1

    run(scenario)


def test_losses_of_the_encoder_are_nobodys_fault(run):
    async def scenario(world):
        world.hub.enter(False)
        await world.put(packet(1, keyframe=True))
        for number in range(10, 100, 10):
            world.clock.now_s += 1.0
            before = len(world.source.asked)
            await world.put(packet(number))
            assert len(world.source.asked) == before + 1
            await world.put(packet(number + 1, keyframe=True))

    run(scenario)
