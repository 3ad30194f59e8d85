"""How the capture benchmark reads clips and what it says of them."""

import dataclasses
import shutil
from pathlib import Path

import pytest

from bench.capture import Judged
from bench.capture_clips import (
    Probed,
    ReadClip,
    ShownPicture,
    encodes_per_picture,
    judge,
    probe,
    probed,
    read_clip,
    seconds_between,
    stamp_us,
)
from bench.capture_simulated import DROPPED_SHARE, simulated_clip
from mmoment_camera.pattern import STAMP_MODULUS_US, Mark

FPS = 25
PERIOD_US = 40_000
# Marks begin anew at zero within the clip.
FIRST_US = STAMP_MODULUS_US - 150_000
FIRST_NS = FIRST_US * 1000


def mark(number):
    return Mark(number, (FIRST_US + number * PERIOD_US) % STAMP_MODULUS_US)


def clip_of(*numbers, duration_s=None, unreadable=0):
    """Each picture shown when it was taken, the last one for a period."""
    shown = [
        ShownPicture(mark(number), (number - numbers[0]) / FPS, b'%d' % number)
        for number in numbers
    ]
    whole_s = (numbers[-1] - numbers[0] + 1) / FPS
    return ReadClip(shown, whole_s if duration_s is None else duration_s, unreadable)


def encoded(*numbers):
    return {mark(number).capture_us: sequence for sequence, number in enumerate(numbers, 100)}


def judged(clip, sequences, **more):
    return judge(clip, sequences, FPS, more.pop('wanted_ns', FIRST_NS), **more)


def test_a_clip_with_every_picture_once_is_faultless():
    score = judged(clip_of(*range(50)), encoded(*range(60)), ends_ns=FIRST_NS + 2 * 10**9)
    assert (score.pictures, score.missing_or_doubled, score.not_encoded) == (50, 0, 0)
    assert score.early_frames == 0
    assert score.duration_error_frames == pytest.approx(0)
    assert score.end_error_frames == pytest.approx(0)
    assert score.time_error_ms == pytest.approx(0)


def test_what_was_encoded_and_is_not_there_is_missing():
    numbers = [number for number in range(50) if number not in (7, 8, 31)]
    assert judged(clip_of(*numbers), encoded(*range(50))).missing == 3


def test_what_was_never_encoded_is_not_missing():
    numbers = [number for number in range(50) if number % 10]
    score = judged(clip_of(*numbers), encoded(*numbers))
    assert (score.missing, score.not_encoded) == (0, 4)
    score = judged(clip_of(*(number for number in numbers if number != 15)), encoded(*numbers))
    assert (score.missing, score.not_encoded) == (1, 4)


def test_packets_that_were_not_heard_are_known_by_their_neighbours():
    heard = {
        stamp: sequence
        for stamp, sequence in encoded(*range(50)).items()
        if sequence not in (100, 101, 120, 121, 149)
    }
    assert judged(clip_of(*range(50)), heard).missing == 0
    without = [number for number in range(50) if number != 20]
    assert judged(clip_of(*without), heard).missing == 1
    with pytest.raises(RuntimeError, match='no packets of this clip were heard'):
        judged(clip_of(*range(50)), encoded(*range(60, 70)))


def test_pictures_shown_again_or_out_of_order_are_doubled():
    assert judged(clip_of(0, 1, 2, 2, 3, 4), encoded(*range(5))).doubled == 1
    score = judged(clip_of(0, 1, 3, 2, 4), encoded(*range(5)))
    assert (score.doubled, score.missing) == (1, 0)


def test_a_picture_that_cannot_be_read_is_missing():
    numbers = [number for number in range(10) if number != 4]
    score = judged(clip_of(*numbers, unreadable=1), encoded(*range(10)))
    assert (score.missing, score.unreadable) == (1, 1)


def test_begin_and_end_are_held_against_what_was_meant():
    sequences = encoded(*range(100))
    clip = clip_of(*range(10, 60))
    score = judged(clip, sequences, wanted_ns=FIRST_NS + 15 * PERIOD_US * 1000)
    assert score.early_frames == pytest.approx(5)
    assert score.end_error_frames is None
    score = judged(clip, sequences, ends_ns=FIRST_NS + 70 * PERIOD_US * 1000)
    assert (score.early_frames, score.end_error_frames) == pytest.approx((-10, -10))


def test_a_duration_that_is_not_true_is_told():
    sequences = encoded(*range(50))
    assert judged(
        clip_of(*range(50), duration_s=1.8), sequences
    ).duration_error_frames == pytest.approx(-5)


def test_the_picture_at_the_most_wrong_time_counts():
    clip = clip_of(*range(5))
    clip.pictures[3] = dataclasses.replace(clip.pictures[3], at_s=3 / FPS - 0.012)
    assert judged(clip, encoded(*range(5))).time_error_ms == pytest.approx(12)


def test_marks_run_over_and_a_clip_goes_on():
    assert seconds_between(STAMP_MODULUS_US - 500_000, 500_000) == 1.0
    assert seconds_between(500_000, STAMP_MODULUS_US - 500_000) == -1.0
    assert stamp_us((STAMP_MODULUS_US + 3) * 1000) == 3


def test_nothing_to_be_read_is_no_score():
    with pytest.raises(RuntimeError, match='0 pictures'):
        judged(ReadClip([], 1.0, 30), encoded(*range(30)))


def test_clips_of_one_encode_have_the_same_packets():
    first, second = clip_of(*range(20)), clip_of(*range(10, 30))
    assert encodes_per_picture([first, second]) == 1.0
    other = [dataclasses.replace(each, coded=b'other') for each in second.pictures[:5]]
    second = ReadClip(other + second.pictures[5:], second.duration_s)
    assert encodes_per_picture([first, second]) == 1.5
    with pytest.raises(RuntimeError, match='in common'):
        encodes_per_picture([clip_of(0, 1), clip_of(2, 3)])


@pytest.fixture(scope='module')
def simulated(tmp_path_factory):
    return simulated_clip(tmp_path_factory.mktemp('clips'), 30, 12.0, (320, 180), seed=3)


@pytest.mark.parametrize('fps', [15, 30])
def test_a_camera_that_drops_pictures_gives_a_true_clip(fps, tmp_path):
    made = simulated_clip(tmp_path, fps, 12.0, (320, 180), seed=fps)
    clip = read_clip(made.path)
    score = judge(clip, made.sequences, fps, made.wanted_ns, made.ends_ns)
    assert (score.missing_or_doubled, score.unreadable) == (0, 0)
    share = score.not_encoded / (score.pictures + score.not_encoded)
    assert share == pytest.approx(DROPPED_SHARE, abs=0.06)
    assert 0 <= score.early_frames <= 2 * fps + 1
    assert abs(score.duration_error_frames) < 1
    assert score.time_error_ms < 0.1
    assert made.ends_ns - made.wanted_ns == 12 * 10**9
    # The last picture may be one that was dropped.
    assert -5 < score.end_error_frames <= 1


def test_a_packet_that_never_reached_the_clip_is_seen(simulated):
    clip = read_clip(simulated.path)
    gone = dataclasses.replace(clip, pictures=clip.pictures[:100] + clip.pictures[101:])
    score = judge(gone, simulated.sequences, 30, simulated.wanted_ns)
    assert score.missing == 1


def test_ffprobe_is_understood(tmp_path):
    text = '{"programs": [], "streams": [{"duration": "2.000000", "nb_read_frames": "50"}]}'
    seen = probed(text)
    assert seen == Probed(50, 2.0)
    assert seen.agrees(clip_of(*range(50)))
    assert not seen.agrees(clip_of(*range(49)))
    assert not seen.agrees(clip_of(*range(50), duration_s=2.04))


def test_ffprobe_sees_the_same_where_it_is_installed(simulated):
    if shutil.which('ffprobe') is None:
        pytest.skip('ffprobe is not installed')
    clip, judging = read_clip(simulated.path), Judged()
    score = judge(clip, simulated.sequences, 30, simulated.wanted_ns)
    judging.add(simulated.path, clip, score)
    assert (judging.probed, judging.disagreements) == (1, 0)


def test_without_ffprobe_nothing_is_said(monkeypatch, tmp_path):
    monkeypatch.setenv('PATH', str(tmp_path))
    assert probe(Path('no.mp4')) is None
