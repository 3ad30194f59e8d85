import threading
import time
from dataclasses import replace

import av
import pytest
from coded_video import SECOND_NS, START_NS, coded, later

from mmoment_stream.errors import Refused
from mmoment_stream.packet_ring import PacketRing
from mmoment_stream.recorder import ASKED, LIMIT, ClipWish, Recorder

GOP = 30
MIB = 1024 * 1024


@pytest.fixture
def recorder():
    recorder = Recorder(PacketRing(5.0, 64 * MIB), lambda: 2)
    yield recorder
    for recording in recorder.recordings:
        recording.end(ASKED)
        recording.finish()


def wish(tmp_path, name='clip', asked_s=4.0, preroll_s=2.0, duration_s=100.0, longest_s=100.0):
    return ClipWish(
        name,
        tmp_path / f'{name}.mp4',
        START_NS + round(asked_s * SECOND_NS),
        preroll_s,
        duration_s,
        longest_s,
    )


def give(recorder, packets):
    for packet in packets:
        recorder.take(packet)


def seconds(nanoseconds):
    return (nanoseconds - START_NS) / SECOND_NS


def test_a_clip_begins_before_it_was_asked_for_and_ends_when_it_is_stopped(recorder, tmp_path):
    packets = coded(180)
    give(recorder, packets[:120])
    recording = recorder.begin(wish(tmp_path), 0.0)
    assert seconds(recording.started_ns) == 2.0
    give(recorder, packets[120:150])
    recording.end(ASKED)
    give(recorder, packets[150:])
    summary = recording.finish()
    assert recording.reason == ASKED
    assert (seconds(summary.first_monotonic_ns), summary.packets) == (2.0, 90)
    assert seconds(summary.last_monotonic_ns) == pytest.approx(149 / 30)
    with av.open(str(recording.wish.path)) as file:
        assert sum(1 for _ in file.decode(video=0)) == 90


@pytest.mark.parametrize(
    ('duration_s', 'longest_s', 'last'), [(0.5, 100.0, 135), (100.0, 2.5, 135), (1.0, 4.0, 150)]
)
def test_it_is_over_by_itself_when_its_time_is(recorder, tmp_path, duration_s, longest_s, last):
    packets = coded(180)
    give(recorder, packets[:120])
    recording = recorder.begin(
        wish(tmp_path, duration_s=duration_s, longest_s=longest_s), patience_s=0.0
    )
    give(recorder, packets[120:])
    assert recording.wait(0.0)
    assert recording.reason == LIMIT
    assert recording.finish().last_monotonic_ns == packets[last].monotonic_ns


def test_a_clip_whose_camera_falls_silent_is_over_when_its_time_is(recorder, tmp_path):
    now_ns = time.monotonic_ns()
    packets = later(coded(30), now_ns - START_NS - 20 * SECOND_NS)
    give(recorder, packets)
    begun_ns = packets[-1].monotonic_ns
    recording = recorder.begin(
        ClipWish('clip', tmp_path / 'clip.mp4', begun_ns, 1.0, 5.0, 9.0), 0.0
    )
    assert recording.wait(0.0)
    assert recording.reason == LIMIT


def test_several_clips_share_the_packets_each_with_its_own_begin_and_end(recorder, tmp_path):
    packets = coded(180)
    give(recorder, packets[:60])
    one = recorder.begin(wish(tmp_path, 'one', asked_s=1.9, preroll_s=0.0), 0.0)
    give(recorder, packets[60:120])
    two = recorder.begin(wish(tmp_path, 'two', asked_s=4.0, preroll_s=3.0), 0.0)
    with pytest.raises(Refused) as refusal:
        recorder.begin(wish(tmp_path, 'three'), 0.0)
    assert refusal.value.code == 'busy'
    one.end(ASKED)
    give(recorder, packets[120:])
    two.end(ASKED)
    first, second = one.finish(), two.finish()
    assert [seconds(first.first_monotonic_ns), seconds(second.first_monotonic_ns)] == [1.0, 1.0]
    assert (first.packets, second.packets) == (90, 150)
    for each in (one, two):
        recorder.let_go(each.wish.media_id)
    assert recorder.recordings == ()
    assert not recorder.is_needed


def test_what_has_no_packets_yet_waits_for_the_first_keyframe(recorder, tmp_path):
    begun = []
    thread = threading.Thread(
        target=lambda: begun.append(recorder.begin(wish(tmp_path, preroll_s=0.0), 20.0))
    )
    thread.start()
    while not recorder.is_needed:
        time.sleep(0.001)
    packets = coded(150)
    give(recorder, packets[1:30])
    thread.join(0.05)
    assert thread.is_alive()
    give(recorder, packets[30:])
    thread.join(20.0)
    assert begun[0].started_ns <= packets[120].monotonic_ns
    begun[0].end(ASKED)
    assert begun[0].finish().packets > 0


@pytest.mark.parametrize('left', ['nothing', 'an old second'])
def test_without_video_nothing_is_recorded(recorder, tmp_path, left):
    if left != 'nothing':
        give(recorder, coded(30))
    with pytest.raises(Refused) as refusal:
        recorder.begin(wish(tmp_path, asked_s=60.0, preroll_s=2.0), 0.05)
    assert refusal.value.code == 'no_video'
    assert not recorder.is_needed
    assert not list(tmp_path.iterdir())


def test_of_placeholders_there_is_no_clip(recorder, tmp_path):
    give(recorder, [replace(packet, live=False) for packet in coded(120)])
    with pytest.raises(Refused) as refusal:
        recorder.begin(wish(tmp_path), 0.05)
    assert refusal.value.code == 'no_video'


def test_what_an_encoder_left_that_has_ended_is_no_clip(recorder, tmp_path):
    give(recorder, coded(120))
    with pytest.raises(Refused) as refusal:
        recorder.begin(wish(tmp_path, asked_s=5.5, preroll_s=4.0), 0.05)
    assert refusal.value.code == 'no_video'


def test_another_encoder_ends_a_clip_and_what_there_is_stays(recorder, tmp_path):
    give(recorder, coded(120))
    recording = recorder.begin(wish(tmp_path), 0.0)
    give(recorder, later(coded(30, epoch=8), 5 * SECOND_NS))
    assert recording.wait(0.0)
    assert recording.reason == 'video_changed'
    assert recording.finish().packets == 60


def test_nothing_of_the_seconds_before_is_left_once_nobody_wants_them(recorder, tmp_path):
    give(recorder, coded(120))
    recorder.forget_packets()
    with pytest.raises(Refused):
        recorder.begin(wish(tmp_path), 0.0)


def test_once_it_is_closed_clips_are_over_and_none_begins(recorder, tmp_path):
    give(recorder, coded(120))
    recording = recorder.begin(wish(tmp_path), 0.0)
    refused = []

    def begin():
        with pytest.raises(Refused) as refusal:
            recorder.begin(wish(tmp_path, 'waiting', asked_s=60.0), 600.0)
        refused.append(refusal.value.code)

    waiting = threading.Thread(target=begin)
    waiting.start()
    while not recorder._beginning:
        time.sleep(0.001)
    recorder.close()
    waiting.join(20.0)
    assert refused == ['not_ready']
    assert recording.is_over
    assert recording.finish().packets == 60
    with pytest.raises(Refused) as refusal:
        recorder.begin(wish(tmp_path, 'late'), 0.0)
    assert refusal.value.code == 'not_ready'


def test_the_seconds_before_may_become_more(tmp_path):
    recorder = Recorder(PacketRing(1.0, 64 * MIB), lambda: 2)
    recorder.keep(5.0)
    give(recorder, coded(180))
    recording = recorder.begin(wish(tmp_path, asked_s=6.0, preroll_s=5.0), 0.0)
    assert seconds(recording.started_ns) == 1.0
    recording.end(ASKED)
    recording.finish()


def test_what_the_disk_ended_was_not_ended_by_the_limit(recorder, tmp_path):
    give(recorder, coded(120))
    # Over long ago, which no packet has said yet.
    missing = ClipWish('clip', tmp_path / 'none' / 'clip.mp4', START_NS, 1.0, 50.0, 90.0)
    recording = recorder.begin(missing, 0.0)
    while recording._writer.ended is None:
        time.sleep(0.001)
    assert recording.wait(0.0)
    assert recording.reason == 'not_kept'
    assert isinstance(recording.fault, FileNotFoundError)
    recorder.let_go('clip')
