"""Times, numbers and keyframes of one encoder; the encoder is a fake that counts."""

import itertools

import numpy as np
import pytest
from encoder_world import FakeUnits, settings

from mmoment_stream.encoder_run import EncoderRun, Origin

SECOND_NS = 1_000_000_000
PLANES = np.zeros((24, 16), np.uint8)
START_NS = 7_000 * SECOND_NS


def origin(number, fps=30.0, live=True):
    monotonic_ns = START_NS + round(number / fps * SECOND_NS)
    return Origin(monotonic_ns, monotonic_ns + 10**18, 100 + number, live)


def run_of(backend=None, **more):
    return EncoderRun(backend or FakeUnits(), settings(**more))


def encode(run, numbers, fps=30.0, at=lambda number: None):
    packets = []
    for number in numbers:
        at(number)
        packets += run.encode(PLANES, origin(number, fps))
    return packets


def keyframes(packets):
    """Numbers of the pictures that became keyframes."""
    return [packet.frame_sequence - 100 for packet in packets if packet.keyframe]


def test_packets_say_what_their_pictures_did():
    run = run_of()
    first, second = encode(run, [3, 4])
    assert (first.sequence, second.sequence) == (1, 2)
    assert (first.frame_sequence, second.frame_sequence) == (103, 104)
    assert first.monotonic_ns == origin(3).monotonic_ns
    assert first.utc_ns == origin(3).utc_ns
    assert (first.keyframe, second.keyframe) == (True, False)
    assert first.epoch == second.epoch == run.epoch
    assert (first.width, first.height) == (320, 180)
    (placeholder,) = run.encode(PLANES, origin(5, live=False))
    assert not placeholder.live
    assert run_of().epoch != run.epoch


@pytest.mark.parametrize('delay', [1, 3])
def test_packets_that_come_later_are_still_of_their_own_pictures(delay):
    packets = encode(run_of(FakeUnits(delay)), range(10))
    assert [packet.frame_sequence for packet in packets] == list(range(100, 110 - delay))


def test_what_the_encoder_swallows_leaves_no_hole_in_the_numbers():
    backend = FakeUnits(delay=1)
    backend.swallows = {4, 5}
    packets = encode(run_of(backend), range(10))
    assert [packet.frame_sequence - 100 for packet in packets] == [0, 1, 2, 3, 6, 7, 8]
    assert [packet.sequence for packet in packets] == list(range(1, 8))


def test_what_comes_before_the_first_keyframe_is_left_out():
    backend = FakeUnits()
    backend.swallows = {0}
    packets = encode(run_of(backend, keyframe_interval_s=1.0), range(40))
    assert keyframes(packets) == [30]
    assert (packets[0].frame_sequence, packets[0].sequence) == (130, 1)


def test_keyframes_come_by_time_though_pictures_are_missing():
    seen = [n for n in range(400) if n % 7 not in (1, 2)]
    moments = [n / 30 for n in keyframes(encode(run_of(keyframe_interval_s=2.0), seen))]
    for earlier, later in itertools.pairwise(moments):
        assert later - earlier == pytest.approx(2.0, abs=3 / 30)
    assert len(moments) == 7


def test_a_picture_that_comes_a_little_early_is_a_keyframe_in_time():
    run = run_of(keyframe_interval_s=1.0)
    packets = []
    for number in range(40):
        packets += run.encode(PLANES, origin(number - 0.3 if number == 30 else number))
    assert [n for n, packet in enumerate(packets) if packet.keyframe] == [0, 30]


@pytest.mark.parametrize('fps', [5.0, 30.0])
def test_keyframes_come_by_time_whatever_the_rate(fps):
    packets = encode(run_of(keyframe_interval_s=1.0), range(int(fps * 4)), fps)
    assert keyframes(packets) == [round(n * fps) for n in range(4)]


def test_a_keyframe_that_is_asked_for_comes_with_the_next_picture():
    run = run_of(keyframe_interval_s=5.0)

    def at(number):
        if number == 20:
            run.request_keyframe()

    # The next regular one is due later then.
    assert keyframes(encode(run, range(180), at=at)) == [0, 20, 170]


def test_many_who_ask_at_once_get_one():
    run = run_of(keyframe_interval_s=5.0)

    def at(number):
        if 10 <= number < 14:
            run.request_keyframe()

    assert keyframes(encode(run, range(60), at=at)) == [0, 10, 18]


@pytest.mark.parametrize('delay', [0, 2])
def test_one_request_makes_one_keyframe_though_it_comes_out_later(delay):
    backend = FakeUnits(delay)
    run = run_of(backend, keyframe_interval_s=5.0)
    encode(run, range(30), at=lambda number: number == 20 and run.request_keyframe())
    assert backend.forced == [20]


def test_an_encoder_that_forgets_a_request_is_asked_again():
    backend = FakeUnits()
    run = run_of(backend, keyframe_interval_s=5.0)

    def at(number):
        backend.obeys = number >= 15
        if number == 10:
            run.request_keyframe()

    assert keyframes(encode(run, range(30), at=at)) == [0, 15]


def test_an_encoder_that_cannot_be_asked_is_not():
    backend = FakeUnits(forces_keyframes=False)
    run = run_of(backend)
    encode(run, range(100), at=lambda number: run.request_keyframe())
    assert backend.forced == []


def test_bitrate_interval_and_rate_change_within_the_run():
    backend = FakeUnits()
    run = run_of(backend, bitrate_kbps=800, keyframe_interval_s=5.0)
    encode(run, range(10))
    assert run.adopt(settings(bitrate_kbps=800, keyframe_interval_s=5.0))
    assert backend.kbps == []
    assert run.adopt(settings(bitrate_kbps=500, keyframe_interval_s=1.0, fps=15.0))
    assert backend.kbps == [500]
    assert keyframes(encode(run, range(10, 70))) == [30, 60]


@pytest.mark.parametrize(
    'change', [{'width': 640}, {'height': 360}, {'preset': 'faster'}, {'threads': 2}]
)
def test_other_changes_take_another_encoder(change):
    assert not run_of().adopt(settings(**change))


def test_an_encoder_that_follows_no_changes_is_replaced_for_each():
    run = run_of(FakeUnits(follows_changes=False))
    assert run.adopt(settings())
    assert not run.adopt(settings(bitrate_kbps=500))
    assert not run.adopt(settings(keyframe_interval_s=1.0))


@pytest.mark.parametrize(('fps', 'share'), [(15.0, 2.0), (60.0, 0.5), (5.0, 4.0)])
def test_each_picture_gets_the_bits_for_the_rate_at_which_they_come(fps, share):
    backend = FakeUnits()
    run = run_of(backend, bitrate_kbps=1000, fps=30.0)
    encode(run, range(int(2.2 * fps)), fps)
    assert backend.kbps == [pytest.approx(1000 * share, rel=0.03)]
    encode(run, range(int(2.2 * fps), int(6 * fps)), fps)
    assert len(backend.kbps) == 1
    # And so does another bitrate.
    run.adopt(settings(bitrate_kbps=500, fps=30.0))
    encode(run, range(int(6 * fps), int(6 * fps) + 2), fps)
    assert backend.kbps[-1] == pytest.approx(min(500 / fps * 30, 4000), rel=0.03)


def test_a_camera_that_jitters_changes_nothing():
    backend = FakeUnits()
    chance = np.random.default_rng(1)
    run = run_of(backend)
    for number in range(200):
        run.encode(PLANES, origin(number + chance.uniform(-0.3, 0.3)))
    assert backend.kbps == []


def test_close_closes_the_encoder():
    backend = FakeUnits()
    run_of(backend).close()
    assert backend.is_closed
