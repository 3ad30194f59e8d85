"""A push through all its states, with a sink and a provider that fail as told."""

import dataclasses
import threading
import time

import pytest
from push_world import (
    INGEST,
    KEY,
    QUICK,
    FakeProvider,
    World,
    healthy,
    packet,
    pushing,
    until,
)

from mmoment_node.recovery import RecoveryState
from mmoment_stream.push_target import Ingest, Playback, PushError, PushTarget

IDLE, CONNECTING, LIVE = RecoveryState.IDLE, RecoveryState.CONNECTING, RecoveryState.LIVE
WAITING, FAILED = RecoveryState.WAITING_TO_RETRY, RecoveryState.FAILED


def is_live(world):
    return lambda: world.state is LIVE


def test_it_connects_asks_for_a_keyframe_and_is_live_with_the_first_picture():
    with pushing(target=PushTarget('main', silent_audio=True)) as world:
        until(is_live(world))
        (sink,) = world.sinks
        ((ingest, video, silent_audio),) = sink.opened
        assert (ingest, silent_audio) == (INGEST, True)
        assert (video.width, video.height, video.sets.sequence) == (320, 180, b'\x67a')
        assert sink.sent[0][0].keyframe
        until(lambda: len(sink.sent) > 10)
        world.push.stop()
        world.thread.join(10)
    assert world.states() == [CONNECTING, LIVE, IDLE]
    assert sink.is_closed
    assert world.provider.is_closed


def test_times_begin_at_zero_on_each_connection_and_are_those_of_the_capture():
    with pushing() as world:
        for number in range(2):
            until(lambda number=number: len(world.sinks) > number and is_live(world)())
            sink = world.sinks[number]
            until(lambda sink=sink: len(sink.sent) > 20)
            times = [time_ms for _, time_ms in sink.sent]
            origin_ns = sink.sent[0][0].monotonic_ns
            assert times[0] == 0
            assert times == sorted(set(times))
            assert all(
                abs(time_ms - (one.monotonic_ns - origin_ns) / 1e6) <= 1
                for one, time_ms in sink.sent
            )
            sink.sending = PushError('closed')


@pytest.mark.parametrize('when', ['opening', 'sending'])
def test_after_each_loss_it_is_live_again_by_itself(when):
    def prepare(sink):
        if when == 'opening' and len(world.sinks) in (0, 2, 3):
            sink.opening = PushError('refused', 'nobody there')

    world = World(prepare=prepare)
    world.begin()
    try:
        until(is_live(world))
        for count in range(1, 4):
            before = len(world.sinks)
            world.sinks[-1].sending = PushError('closed')
            until(lambda before=before: len(world.sinks) > before)
            until(is_live(world))
            assert world.report.reconnects == count
            assert world.sinks[-1].sent[0][0].keyframe
        assert all(sink.is_closed for sink in world.sinks[:-1])
        assert not world.sinks[-1].is_closed
        # Asked before each attempt: the key may be another one.
        assert world.provider.asked == len(world.sinks)
        assert set(world.states()) == {CONNECTING, LIVE, WAITING}
    finally:
        world.end()


@pytest.mark.parametrize('code', ['key_rejected', 'already_publishing', 'untrusted', 'stalled'])
def test_what_may_pass_is_tried_again_with_its_error_told(code):
    def prepare(sink):
        sink.opening = PushError(code) if len(world.sinks) < 2 else None

    world = World(prepare=prepare)
    world.begin()
    try:
        until(is_live(world))
        waiting = [report for report in world.reports if report.push.state is WAITING]
        assert [report.push.retries for report in waiting] == [1, 2]
        assert {report.error_code for report in waiting} == {code}
        assert waiting[0].push.last_error == PushError(code).text
        assert 0 < waiting[0].push.next_try_s <= 0.05
        # Kept while it is live: the state says whether it still counts.
        assert (world.report.error_code, world.report.push.retries) == (code, 0)
    finally:
        world.end()


def test_a_configuration_is_looked_at_again_until_it_can_be_used():
    provider = FakeProvider(PushError('no_key', 'main.key is missing'))
    with pushing(provider) as world:
        until(lambda: provider.asked > 3)
        assert (world.state, world.report.error_code) == (FAILED, 'no_key')
        assert 'main.key' in world.report.push.last_error
        assert world.states() == [CONNECTING, FAILED]
        provider.answer = INGEST
        until(is_live(world))
    assert world.states() == [CONNECTING, FAILED, CONNECTING, LIVE, IDLE]


def test_what_a_provider_refuses_is_asked_less_and_less_often():
    limits = dataclasses.replace(QUICK, refused_s=3600.0)
    provider = FakeProvider(PushError('provider_refused'))
    with pushing(provider, limits=limits) as world:
        until(lambda: provider.asked == 3)
        # 0.05 s, 0.1 s, 0.2 s, ...: with the same pause each time it would be ten and more.
        time.sleep(0.5)
        assert provider.asked <= 5
        assert (world.state, world.report.error_code) == (FAILED, 'provider_refused')
        provider.answer = INGEST
        until(is_live(world))


@pytest.mark.parametrize('fault', [RuntimeError("can't start new thread"), OSError(24, 'no room')])
def test_a_system_without_threads_or_descriptors_is_no_end(fault):
    provider = FakeProvider(fault)
    with pushing(provider) as world:
        until(lambda: provider.asked > 2)
        assert (world.state, world.report.error_code) == (WAITING, 'unreachable')
        provider.answer = INGEST
        until(is_live(world))


def test_health_is_of_the_connection_that_is_there():
    provider = FakeProvider(state=healthy())
    with pushing(provider) as world:
        until(lambda: world.report.provider_known)
        provider.answer = PushError('provider_away')
        world.sinks[-1].sending = PushError('closed')
        until(lambda: world.state is WAITING)
        assert not world.report.provider_known


def test_what_waits_is_left_out_when_something_else_is_shown():
    gate = threading.Event()
    with pushing() as world:
        until(is_live(world))
        (sink,) = world.sinks
        send = sink.send

        def held(packet, time_ms):
            gate.wait(10)
            send(packet, time_ms)

        sink.send = held
        time.sleep(0.2)
        # What is at hand goes out, what waits behind it does not.
        world.push.skip()
        last = time.monotonic_ns()
        count = len(sink.sent)
        gate.set()
        until(lambda: len(sink.sent) > count + 3)
        later = [one for one, _ in sink.sent[count + 1 :]]
        assert later[0].keyframe
        assert all(one.monotonic_ns > last - 20_000_000 for one in later)


def test_an_address_that_no_sink_takes_fails_once_until_it_is_another_one():
    def prepare(sink):
        made.append(1)
        return PushError('bad_address') if world.provider.answer is INGEST else None

    made = []
    world = World(prepare=prepare)
    world.begin()
    try:
        until(lambda: world.provider.asked > 4)
        assert (world.state, len(made)) == (FAILED, 1)
        world.provider.answer = Ingest('rtmp://127.0.0.1:2/live', KEY)
        until(is_live(world))
        assert len(made) == 2
    finally:
        world.end()


def test_a_pause_that_the_provider_asks_for_is_kept():
    provider = FakeProvider(PushError('provider_busy', retry_after_s=0.4))
    with pushing(provider) as world:
        until(lambda: world.state is WAITING)
        assert world.report.push.next_try_s == 0.4
        began_s = time.monotonic()
        provider.answer = INGEST
        until(is_live(world))
        assert time.monotonic() - began_s > 0.3


def fates():
    yield 'ingest', FakeProvider('block'), lambda sink: None
    yield 'opening', FakeProvider(), lambda sink: setattr(sink, 'opening', 'block')
    yield 'sending', FakeProvider(), lambda sink: setattr(sink, 'sending', 'block')
    yield (
        'waiting',
        FakeProvider(PushError('provider_busy', retry_after_s=3600)),
        lambda sink: None,
    )
    yield 'failed', FakeProvider(PushError('no_key', retry_after_s=3600)), lambda sink: None
    yield 'health', FakeProvider(state='block'), lambda sink: None
    yield 'live', FakeProvider(), lambda sink: None


@pytest.mark.parametrize(('name', 'provider', 'prepare'), fates(), ids=lambda each: str(each)[:9])
@pytest.mark.parametrize('with_video', [True, False])
def test_stop_ends_it_at_once_in_every_state(name, provider, prepare, with_video):
    world = World(provider, prepare=prepare)
    world.begin(with_video=with_video)
    time.sleep(0.1)
    # Offering waits for nothing in any of them.
    began_s = time.monotonic()
    for sequence in range(1000):
        world.push.offer(packet(sequence, keyframe=sequence % 100 == 0))
    assert time.monotonic() - began_s < 1
    began_s = time.monotonic()
    world.end()
    assert time.monotonic() - began_s < 1
    assert world.state is IDLE
    assert all(sink.is_closed for sink in world.sinks)
    assert world.provider.is_closed
    assert 'push_health_main' not in [thread.name for thread in threading.enumerate()]


def test_stop_does_not_wait_for_the_next_request_of_a_keyframe():
    limits = dataclasses.replace(QUICK, keyframe_every_s=30.0)
    world = World(limits=limits)
    world.begin(with_video=False)
    until(lambda: world.encoder.requests)
    began_s = time.monotonic()
    world.end()
    assert time.monotonic() - began_s < 5
    assert world.sinks[0].opened == []


def test_a_push_that_is_stopped_before_it_runs_does_nothing():
    world = World()
    world.push.stop()
    world.push.run()
    assert world.sinks == []
    assert (world.state, world.provider.is_closed) == (IDLE, True)


def test_the_report_tells_of_the_stream_and_never_of_the_key():
    playback = Playback('abc', 'https://127.0.0.1/abc.m3u8', '')
    ingest = Ingest('rtmp://127.0.0.1:1/live', KEY, playback)
    provider = FakeProvider(ingest, PushError('provider_away', 'no route'))
    with pushing(provider) as world:
        until(lambda: world.report.provider_error)
        assert not world.report.provider_known
        provider.state = healthy(issues=('jitter',))
        until(lambda: world.report.provider_known)
        world.sinks[-1].sending = PushError('closed', f'bye {KEY}')
        until(lambda: world.report.reconnects and world.report.provider_known)
        report = world.report
    assert report.address == 'rtmp://127.0.0.1:1/live'
    assert (report.playback, report.provider) == (playback, 'rtmp')
    assert (report.provider_active, report.provider_healthy) == (True, False)
    assert (report.provider_issues, report.provider_checked_s) == (('jitter',), 5.0)
    assert report.provider_error == ''
    assert report.packets_sent > 0
    assert report.bytes_sent == 100 * report.packets_sent
    assert 'bye' in report.push.last_error
    assert not [each for each in world.reports if KEY in repr(each)]


def test_health_is_asked_while_live_and_can_be_asked_for():
    provider = FakeProvider(state=healthy())
    with pushing(provider, limits=dataclasses.replace(QUICK, health_s=3600)) as world:
        until(is_live(world))
        assert provider.asked_health == 0
        world.push.refresh()
        until(lambda: world.report.provider_known)
        assert world.reports[-1].provider_known
    assert provider.asked_health == 1
