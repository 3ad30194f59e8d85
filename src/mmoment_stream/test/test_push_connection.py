"""What goes through one connection: epochs, the slate, and what a slow network makes of it."""

import dataclasses
import itertools
import time

from push_world import INGEST, QUICK, FakeProvider, World, packet, pushing, until

from mmoment_node.recovery import RecoveryState
from mmoment_stream.push_target import PushError
from mmoment_stream.slate import EPOCH

WITH_SLATE = dataclasses.replace(QUICK, slate_after_s=0.25, first_video_s=0.3)
LIVE = RecoveryState.LIVE


def first_sink(world):
    until(lambda: world.sinks and world.state is LIVE)
    return world.sinks[0]


def epochs(sink):
    return [epoch for epoch, _ in itertools.groupby(one.epoch for one, _ in sink.sent)]


def test_another_epoch_is_announced_before_its_keyframe():
    with pushing() as world:
        sink = first_sink(world)
        assert sink.changes == []
        world.encoder.sets, world.encoder.epoch = b'b', 2
        until(lambda: epochs(sink) == [1, 2])
        place = next(n for n, event in enumerate(sink.events) if event[0] == 'change')
    assert [video.sets.sequence for video in sink.changes] == [b'\x67b']
    _, following, _ = sink.events[place + 1]
    assert (following.keyframe, following.epoch) == (True, 2)


def test_keyframes_are_asked_for_until_one_comes_but_not_all_the_time():
    limits = dataclasses.replace(QUICK, keyframe_every_s=0.2)
    with pushing(limits=limits, with_video=False) as world:
        world.push.offer(packet(1, keyframe=True))
        until(lambda: world.sinks)
        began_s = time.monotonic()
        until(lambda: len(world.encoder.requests) == 4)
        assert time.monotonic() - began_s > 0.35
        world.push.offer(packet(7, keyframe=True))
        until(lambda: world.state is LIVE)
        asked = len(world.encoder.requests)
        time.sleep(0.3)
        assert len(world.encoder.requests) == asked


def test_the_slate_is_shown_while_no_picture_comes_and_gives_way_to_a_keyframe():
    with pushing(limits=WITH_SLATE) as world:
        sink = first_sink(world)
        world.encoder.is_paused.set()
        until(lambda: world.report.slate)
        until(lambda: len(sink.sent) > 3 and sink.sent[-3][0].epoch == EPOCH)
        assert world.state is LIVE
        assert world.reports[-1].slate
        slates = [one for one, _ in sink.sent if one.epoch == EPOCH]
        assert slates[0].keyframe
        assert (slates[0].width, slates[0].height) == (320, 180)
        world.encoder.is_paused.clear()
        until(lambda: not world.report.slate)
        assert not world.reports[-1].slate
    assert epochs(sink) == [1, EPOCH, 1]
    slate_to_video = [
        two
        for (one, _), (two, _) in itertools.pairwise(sink.sent)
        if one.epoch == EPOCH and two.epoch == 1
    ]
    assert [one.keyframe for one in slate_to_video] == [True]
    assert [video.width for video in sink.changes] == [320, 320]
    times = [time_ms for _, time_ms in sink.sent]
    assert times == sorted(set(times))


def test_without_any_video_the_audience_sees_the_slate():
    with pushing(limits=WITH_SLATE, with_video=False) as world:
        sink = first_sink(world)
        ((_, video, _),) = sink.opened
        assert (video.width, video.height) == (1280, 720)
        assert world.report.slate
        assert world.encoder.requests
        # The format of the slate is what it was opened for.
        until(lambda: len(sink.sent) > 2)
        assert sink.changes == []
        world.push.offer(packet(1, keyframe=True, at_ns=time.monotonic_ns()))
        until(lambda: not world.report.slate)
        assert [video.width for video in sink.changes] == [320]


def test_a_configuration_that_is_mended_gives_the_encoder_time_to_begin():
    provider = FakeProvider(PushError('no_key'))
    limits = dataclasses.replace(WITH_SLATE, first_video_s=1.0)
    with pushing(provider, limits=limits, with_video=False) as world:
        world.push.offer(packet(1, keyframe=True))
        # Longer than it waits for the first picture.
        time.sleep(1.1)
        assert world.state is RecoveryState.FAILED
        provider.answer = INGEST
        until(lambda: world.encoder.requests)
        assert world.sinks[0].opened == []
        world.encoder.begin(world.push)
        sink = first_sink(world)
        assert sink.sent[0][0].epoch == 1
        assert not [report for report in world.reports if report.slate]


def test_after_a_loss_while_the_camera_is_away_the_slate_comes_at_once():
    with pushing(limits=dataclasses.replace(WITH_SLATE, slate_after_s=1.0)) as world:
        first_sink(world)
        world.encoder.is_paused.set()
        until(lambda: world.report.slate)
        world.sinks[0].sending = PushError('closed')
        until(lambda: len(world.sinks) == 2)
        lost_s = time.monotonic()
        until(lambda: world.sinks[1].sent)
        assert time.monotonic() - lost_s < 0.9
        assert world.sinks[1].opened[0][1].width == 320


def test_placeholders_of_the_camera_are_passed_on_and_told_as_slate():
    with pushing(with_video=False) as world:
        world.push.offer(packet(1, keyframe=True))
        until(lambda: world.sinks and world.sinks[0].opened)
        for sequence in itertools.count(2):
            # The first ones may come before anybody waits for them.
            keyframe = not world.sinks[0].sent
            world.push.offer(packet(sequence, keyframe=keyframe, live=False))
            if world.report.slate and len(world.sinks[0].sent) > 3:
                break
            time.sleep(0.01)
        assert not [one for one, _ in world.sinks[0].sent if one.live]
        world.push.offer(packet(sequence + 1))
        until(lambda: not world.report.slate)
        assert world.state is LIVE
        assert not world.reports[-1].slate


def test_a_choked_network_gets_nothing_until_it_has_drained_and_then_a_keyframe():
    with pushing() as world:
        sink = first_sink(world)
        sink.queued = 400_000
        until(lambda: world.report.dropped > 5)
        before, asked = len(sink.sent), len(world.encoder.requests)
        time.sleep(0.1)
        assert len(sink.sent) == before
        # A keyframe now would only be in the way.
        assert len(world.encoder.requests) == asked
        assert world.report.queued_bytes == 400_000
        sink.queued = 0
        until(lambda: len(sink.sent) > before + 3)
        following = sink.sent[before][0]
    assert following.keyframe
    assert len(world.encoder.requests) > asked


def test_a_slate_that_was_left_out_begins_anew_too():
    with pushing(limits=WITH_SLATE, with_video=False) as world:
        sink = first_sink(world)
        until(lambda: len(sink.sent) > 1)
        sink.queued = 400_000
        until(lambda: world.report.dropped > 0)
        before = len(sink.sent)
        sink.queued = 0
        until(lambda: len(sink.sent) > before)
        assert sink.sent[before][0].keyframe


def test_a_sink_that_is_slow_loses_pictures_and_not_time():
    limits = dataclasses.replace(QUICK, queue_s=0.3)
    world = World(limits=limits)
    world.begin()
    try:
        sink = first_sink(world)
        ages_ms = []

        def send(one, time_ms):
            time.sleep(0.05)
            ages_ms.append((time.monotonic_ns() - one.monotonic_ns) / 1e6)

        sink.send = send
        until(lambda: world.report.dropped > 30)
    finally:
        world.end()
    assert max(ages_ms) < 1000


def test_the_encoder_is_asked_for_less_again_and_again_and_let_go_of_at_the_end():
    with pushing(with_video=False) as world:
        world.encoder.size_bytes = 2000
        world.encoder.begin(world.push)
        sink = first_sink(world)
        sink.queued = 40_000
        until(lambda: world.limits)
        kbps = world.limits[0]
        assert world.report.target_kbps == kbps
        assert kbps < 0.9 * 60 * 2000 * 8e-3
        # It is said again before it lapses, though nothing has changed.
        sink.queued = 12_000
        until(lambda: len(world.limits) >= 2)
        assert set(world.limits) == {kbps}
        sink.sending = PushError('closed')
        until(lambda: world.limits[-1] == 0)
        until(lambda: len(world.sinks) == 2 and world.limits[-1] == kbps)
    assert world.limits[-1] == 0
