import asyncio
import time

import cv2
import numpy as np
import pytest

from mmoment_api.mjpeg_encoder import DELIMITER
from mmoment_api.mjpeg_hub import (
    SILENT_AFTER_S,
    STAND_IN_PERIOD_S,
    LiveHub,
)
from mmoment_api.mjpeg_rungs import Rung, snap
from mmoment_api.viewer_seats import TooManyViewers

FRAME_NS = 33_333_333


def explain(annotated):
    return 'overlay_node is silent' if annotated else 'camera_node is silent'


@pytest.fixture
def run(sources, clock):
    def run(scenario, viewers_at_most=64):
        async def body():
            hub = LiveHub(sources, viewers_at_most, lambda: 80, explain, 0.0, clock)
            try:
                return await asyncio.wait_for(scenario(hub), 10)
            finally:
                hub.close()
                await asyncio.to_thread(hub.join, 2.0)

        return asyncio.run(body())

    return run


async def until(condition):
    deadline_s = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < deadline_s, 'it never came true'
        await asyncio.sleep(0.002)


async def show(sources, picture, sequence, channel=0):
    """Show one picture and wait until the channel's thread is done with it and waits for more."""
    await until(lambda: len(sources.opened) > channel)
    source = sources.opened[channel]
    taken = source.taken
    source.put(picture(sequence, sequence * FRAME_NS))
    await until(lambda: source.taken > taken)


def test_one_encode_per_picture_for_all_viewers_of_a_size(run, sources, picture):
    async def scenario(hub):
        viewers = [hub.enter(snap(True, None, None)) for _ in range(50)]
        for sequence in (1, 2, 3):
            await show(sources, picture, sequence)
            parts = await asyncio.gather(*(viewer.next() for viewer in viewers))
            assert {part.sequence for part in parts} == {sequence}
            assert len({id(part.data) for part in parts}) == 1
        assert (hub.figures.pictures, hub.figures.encodes) == (3, 3)
        assert hub.figures.sent == 150
        assert len(sources.opened) == 1

    run(scenario)


def test_each_size_and_channel_is_encoded_for_itself(run, sources, picture):
    async def scenario(hub):
        large = hub.enter(snap(True, None, None))
        small = hub.enter(snap(True, 320, None))
        clean = hub.enter(snap(False, None, None))
        await until(lambda: len(sources.opened) == 2)
        assert {source.annotated for source in sources.opened} == {True, False}
        for source in sources.opened:
            source.put(picture(1, 1))
        assert await large.next() is not await small.next()
        await clean.next()
        assert hub.figures.encodes == 3

    run(scenario)


def test_nobody_looking_reads_and_encodes_nothing(run, sources, picture):
    async def scenario(hub):
        assert sources.opened == []
        viewer = hub.enter(Rung())
        await show(sources, picture, 1)
        await viewer.next()
        hub.leave(viewer)
        await until(lambda: sources.opened[0].is_closed)
        assert hub.figures.viewers == 0
        hub.enter(Rung())
        await until(lambda: len(sources.opened) == 2)

    run(scenario)


def test_a_slow_viewer_gets_the_newest_and_holds_up_nobody(run, sources, picture):
    async def scenario(hub):
        slow, fast = hub.enter(Rung()), hub.enter(Rung())
        for sequence in (1, 2, 3, 4):
            await show(sources, picture, sequence)
            assert (await fast.next()).sequence == sequence
        assert (await slow.next()).sequence == 4
        assert hub.figures.dropped == 3

    run(scenario)


def test_a_lower_rate_shares_the_encode(run, sources, picture):
    async def scenario(hub):
        every, half = hub.enter(snap(True, None, None)), hub.enter(snap(True, None, 15))
        seen = []
        for sequence in range(1, 13):
            await show(sources, picture, sequence)
            await every.next()
            if half._part is not None:
                seen.append((await half.next()).sequence)
        assert len(seen) == pytest.approx(6, abs=1)
        assert hub.figures.encodes == 12

    run(scenario)


def test_a_low_rate_alone_saves_the_encodes(run, sources, picture):
    async def scenario(hub):
        hub.enter(snap(True, None, 10))
        for sequence in range(1, 31):
            await show(sources, picture, sequence)
        await until(lambda: hub.figures.pictures == 30)
        assert hub.figures.encodes == pytest.approx(10, abs=1)

    run(scenario)


def test_a_newcomer_sees_the_last_picture_at_once(run, sources, picture):
    async def scenario(hub):
        first = hub.enter(Rung())
        await show(sources, picture, 1)
        await first.next()
        second = hub.enter(Rung())
        assert (await second.next()).sequence == 1

    run(scenario)


def shown(part):
    """The headers and the picture of a part."""
    head, _, jpeg = part.data.removesuffix(DELIMITER).partition(b'\r\n\r\n')
    return head, cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)


def test_silence_shows_a_placeholder_to_everybody_and_pictures_return(run, sources, picture, clock):
    async def scenario(hub):
        viewers = [hub.enter(snap(True, None, rate)) for rate in (None, 1)]
        await show(sources, picture, 1)
        for viewer in viewers:
            head, _ = shown(await viewer.next())
            assert b'X-Live: 1' in head
        clock.now_s += SILENT_AFTER_S
        for viewer in viewers:
            head, image = shown(await viewer.next())
            assert b'X-Live: 0' in head
            assert image.shape == (72, 128, 3)
            assert image.std() > 1
        newcomer = hub.enter(snap(True, None, None))
        assert b'X-Live: 0' in (await newcomer.next()).data
        clock.now_s += STAND_IN_PERIOD_S
        assert b'X-Live: 0' in (await newcomer.next()).data
        await show(sources, picture, 60)
        head, _ = shown(await newcomer.next())
        assert b'X-Live: 1' in head
        assert hub.figures.pictures == 2

    run(scenario)


def test_each_channel_says_who_is_silent(run, sources, clock):
    async def scenario(hub):
        viewers = [hub.enter(snap(annotated, 640, None)) for annotated in (True, False)]
        await until(lambda: len(sources.opened) == 2)
        clock.now_s += SILENT_AFTER_S
        annotated, clean = [shown(await viewer.next())[1] for viewer in viewers]
        assert annotated.shape == clean.shape == (360, 640, 3)
        assert (annotated != clean).any()

    run(scenario)


def test_every_picture_ends_the_silence(run, sources, picture, clock):
    async def scenario(hub):
        viewer = hub.enter(Rung())
        await show(sources, picture, 1)
        await viewer.next()
        clock.now_s += SILENT_AFTER_S / 2
        await show(sources, picture, 2)
        await viewer.next()
        clock.now_s += SILENT_AFTER_S / 2
        await show(sources, picture, 3)
        assert (await viewer.next()).sequence == 3

    run(scenario)


def test_there_is_room_for_so_many(run):
    async def scenario(hub):
        viewers = [hub.enter(Rung()) for _ in range(3)]
        with pytest.raises(TooManyViewers):
            hub.enter(Rung())
        hub.leave(viewers[0])
        hub.enter(Rung())

    run(scenario, viewers_at_most=3)


def test_overwritten_pictures_are_counted_and_not_shown(run, sources, picture):
    async def scenario(hub):
        viewer = hub.enter(Rung())
        await until(lambda: sources.opened)
        sources.opened[0].put(picture(1, 1, is_intact=False))
        sources.opened[0].put(picture(2, 2))
        assert (await viewer.next()).sequence == 2
        assert hub.figures.overwritten == 1

    run(scenario)


def test_a_failing_source_ends_its_viewers_and_the_next_one_tries_again(run, sources, picture):
    async def scenario(hub):
        viewer = hub.enter(Rung())
        await until(lambda: sources.opened)
        sources.opened[0].newest = None
        sources.opened[0].put(picture(1, 1))
        while await viewer.next() is not None:
            pass
        assert sources.opened[0].is_closed
        hub.leave(viewer)
        again = hub.enter(Rung())
        await until(lambda: len(sources.opened) == 2)
        sources.opened[1].put(picture(2, 2))
        assert (await again.next()).sequence == 2

    run(scenario)


def test_closing_ends_viewers_and_threads(run, sources):
    async def scenario(hub):
        viewer = hub.enter(Rung())
        await until(lambda: sources.opened)
        waiting = asyncio.ensure_future(viewer.next())
        await asyncio.sleep(0)
        hub.close()
        assert await waiting is None
        await until(lambda: sources.opened[0].is_closed)
        hub.leave(viewer)

    run(scenario)
