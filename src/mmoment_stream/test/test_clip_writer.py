import dataclasses
import errno
import itertools
import json
import shutil
import subprocess
import threading

import pytest
from clip_world import Disk, FailingFile, record, wait_until
from coded_video import (
    HEIGHT,
    SECOND_NS,
    START_NS,
    UTC_AHEAD_NS,
    WIDTH,
    coded,
    coded_at,
    coded_with_gaps,
    later,
    moments,
    shown,
)

from mmoment_stream.appended_file import AppendedFile
from mmoment_stream.clip_queue import LONGEST_GAP_NS, USUAL_INTERVAL_NS
from mmoment_stream.clip_writer import ClipWriter
from mmoment_stream.errors import Refused
from mmoment_stream.packet_ring import PacketRing

TICK_S = 1 / 90_000
GOP = 30


@pytest.fixture
def path(tmp_path):
    return tmp_path / 'clip.mp4'


def probed_duration_s(path):
    command = ['ffprobe', '-v', 'error', '-of', 'json', '-show_entries', 'format=duration', path]
    told = subprocess.run(command, capture_output=True, check=True).stdout
    return float(json.loads(told)['format']['duration'])


def test_every_picture_is_in_the_clip_once_and_in_order(path):
    packets = coded(150)
    writer, summary = record(path, packets)
    assert shown(path) == list(range(150))
    assert writer.ended == 'finished'
    assert dataclasses.asdict(summary) == {
        'bytes': path.stat().st_size,
        'packets': 150,
        'dropped': 0,
        'first_monotonic_ns': START_NS,
        'last_monotonic_ns': pytest.approx(packets[-1].monotonic_ns, abs=SECOND_NS // 90_000),
        'first_utc_ns': START_NS + UTC_AHEAD_NS,
        'duration_s': pytest.approx(5.0, abs=TICK_S),
        'width': WIDTH,
        'height': HEIGHT,
        'fast_start': False,
    }


def test_only_the_user_of_the_camera_may_read_it(path):
    record(path, coded(2))
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize('fps', [15, 30])
def test_a_minute_with_missing_pictures_plays_at_true_speed(path, fps):
    packets = coded_with_gaps(60, fps, seed=fps)
    assert len(packets) < 0.95 * 60 * fps
    _, summary = record(path, packets)
    found = moments(path)
    expected = [(packet.monotonic_ns - START_NS) / SECOND_NS for packet in packets]
    assert [begin for begin, _ in found] == pytest.approx(expected, abs=TICK_S)
    # Each lasts until the next one, across all fragments; the last one as the others on average.
    for (begin, lasts), (following, _) in itertools.pairwise(found):
        assert begin + lasts == pytest.approx(following, abs=TICK_S / 2)
    assert found[-1][1] == pytest.approx(expected[-1] / (len(packets) - 1), abs=TICK_S)
    assert sum(found[-1]) == pytest.approx(60.0, abs=1 / fps)
    assert summary.duration_s == pytest.approx(sum(found[-1]), abs=TICK_S)
    assert len(packets) == summary.packets
    assert summary.dropped == 0


@pytest.mark.parametrize('fps', [15, 30])
def test_ffprobe_finds_the_true_duration(path, fps):
    if shutil.which('ffprobe') is None:
        pytest.skip('ffprobe is not installed')
    record(path, coded_with_gaps(60, fps, seed=fps))
    assert probed_duration_s(path) == pytest.approx(60.0, abs=1 / fps)


def test_the_seconds_before_come_from_the_ring(path):
    packets = coded(240)
    ring = PacketRing(5.0, 10_000_000)
    for packet in packets[:200]:
        ring.add(packet)
    asked_ns = packets[199].monotonic_ns - 3 * SECOND_NS
    before = ring.since(asked_ns)
    writer = ClipWriter(path, before[0])
    # What the ring gave comes again with what is new.
    for packet in [*before, *packets[190:]]:
        assert writer.add(packet)
    summary = writer.finish()
    first = shown(path)[0]
    assert shown(path) == list(range(first, 240))
    assert 0 <= asked_ns - summary.first_monotonic_ns < GOP * SECOND_NS // 30


def test_a_clip_of_one_picture_lasts_as_long_as_one(path):
    _, summary = record(path, coded(1))
    assert summary.packets == 1
    assert summary.duration_s == pytest.approx(USUAL_INTERVAL_NS / SECOND_NS, abs=TICK_S)
    assert shown(path) == [0]


def test_a_stall_of_the_camera_is_in_the_clip(path):
    packets = coded(60)
    _, summary = record(path, [*packets[:40], *later(packets[40:], 7 * SECOND_NS)])
    assert summary.duration_s == pytest.approx(9.0, abs=0.2)
    begins = [begin for begin, _ in moments(path)]
    assert begins[40] - begins[39] == pytest.approx(7 + 1 / 30, abs=TICK_S)
    assert shown(path) == list(range(60))


def test_a_packet_is_in_the_file_soon_even_if_no_other_comes(path):
    writer = ClipWriter(path, coded(1)[0])
    wait_until(lambda: writer.packets == 1)
    assert shown(path) == [0]
    writer.finish()


def test_while_it_is_recorded_the_file_is_a_clip(path):
    packets = coded(150)
    writer = ClipWriter(path, packets[0])
    for count in range(1, 150):
        writer.add(packets[count])
        if count % 30 == 29:
            # All but what began less than 0.8 s ago.
            wait_until(lambda wanted=count - 25: writer.packets >= wanted)
            assert shown(path)[: count - 25] == list(range(count - 25))
    writer.finish()


def test_a_disk_that_hangs_keeps_nothing_from_the_file(path):
    is_asked, may_go_on = threading.Event(), threading.Event()

    def hang(_):
        is_asked.set()
        assert may_go_on.wait(20)

    packets = coded(150)
    writer = ClipWriter(path, packets[0], open_file=lambda path: AppendedFile(path, hang))
    for packet in packets[1:]:
        writer.add(packet)
    assert is_asked.wait(20)
    # What outlives this process does not wait for what outlives the power.
    wait_until(lambda: writer.packets >= 125)
    assert shown(path)[:125] == list(range(125))
    with pytest.raises(Refused):
        writer.finish(timeout_s=0.05)
    may_go_on.set()
    assert writer.finish().packets == 150


def test_what_does_not_reach_the_disk_is_told(path):
    fault = OSError(errno.EIO, 'as the test wants it')

    def fail(_):
        raise fault

    packets = coded(150)
    writer = ClipWriter(path, packets[0], open_file=lambda path: AppendedFile(path, fail))
    for packet in packets[1:]:
        writer.add(packet)
    assert writer.finish().packets == len(shown(path)) > 0
    assert writer.ended == 'not_kept'
    assert writer.fault is fault


def test_a_slow_disk_holds_up_nobody_and_costs_pictures_up_to_a_keyframe(path, caplog):
    packets = coded(270)
    room = sum(len(packet.data) for packet in packets[:120])
    disk = Disk()
    writer = ClipWriter(path, packets[0], queue_bytes=room, open_file=disk.open)
    for packet in packets[1:30]:
        writer.add(packet)
    wait_until(lambda: writer.packets > 0)
    disk.file.hold()
    for packet in packets[30:60]:
        writer.add(packet)
    assert disk.file.is_held.wait(20)
    for packet in packets[60:200]:
        assert writer.add(packet)
    assert writer.is_behind
    assert 'the disk is too slow for clip.mp4' in caplog.text
    disk.file.release()
    wait_until(lambda: writer.packets > 125)
    for packet in packets[200:]:
        assert writer.add(packet)
    assert not writer.is_behind
    summary = writer.finish()
    numbers = shown(path)
    missing = sorted(set(range(270)) - set(numbers))
    assert missing == list(range(missing[0], 210))
    assert numbers == [*range(missing[0]), *range(210, 270)]
    assert summary.dropped == len(missing)
    assert summary.packets == len(numbers)
    # What is there has its true time.
    begins = [begin for begin, _ in moments(path)]
    assert begins == pytest.approx([number / 30 for number in numbers], abs=TICK_S)
    assert summary.duration_s == pytest.approx(9.0, abs=1 / 30)


def test_a_packet_lost_on_its_way_costs_pictures_up_to_a_keyframe(path):
    packets = coded(90)
    _, summary = record(path, [*packets[:40], *packets[41:]])
    assert shown(path) == [*range(40), *range(60, 90)]
    assert summary.dropped == 20


@pytest.mark.parametrize(
    ('error', 'ending'),
    [(errno.ENOSPC, 'disk_full'), (errno.EDQUOT, 'disk_full'), (errno.EIO, 'not_kept')],
)
def test_what_was_written_before_a_fault_of_the_disk_plays(path, error, ending):
    packets = coded(150)
    fault = OSError(error, 'as the test wants it')
    disk = Disk(lambda path: FailingFile(path, fault, pieces=2))
    writer = ClipWriter(path, packets[0], open_file=disk.open)
    for packet in packets[1:]:
        writer.add(packet)
    wait_until(lambda: writer.ended is not None)
    assert writer.ended == ending
    assert writer.fault is fault
    assert not writer.add(packets[-1])
    summary = writer.finish()
    assert shown(path) == list(range(summary.packets))
    assert 30 < summary.packets < 60
    assert summary.bytes == path.stat().st_size


@pytest.mark.parametrize(
    ('error', 'code'), [(errno.ENOSPC, 'disk_full'), (errno.EROFS, 'not_kept')]
)
def test_a_disk_that_takes_nothing_is_told(path, error, code):
    fault = OSError(error, 'as the test wants it')
    disk = Disk(lambda path: FailingFile(path, fault, pieces=0))
    with pytest.raises(Refused) as caught:
        record(path, coded(2), open_file=disk.open)
    assert caught.value.code == code
    assert caught.value.__cause__ is fault


def test_a_folder_that_is_missing_is_told(tmp_path):
    with pytest.raises(Refused) as caught:
        record(tmp_path / 'none' / 'clip.mp4', coded(2))
    assert caught.value.code == 'not_kept'
    assert isinstance(caught.value.__cause__, FileNotFoundError)


def test_a_disk_that_never_answers_is_not_waited_for(path):
    disk = Disk()
    writer = ClipWriter(path, coded(1)[0], open_file=disk.open)
    wait_until(lambda: writer.packets == 1)
    disk.file.hold()
    writer.add(coded(2)[1])
    with pytest.raises(Refused) as caught:
        writer.finish(timeout_s=0.05)
    assert caught.value.code == 'not_kept'
    assert 'has not answered' in str(caught.value.__cause__)
    disk.file.release()


@pytest.mark.parametrize(
    'changes', [{'epoch': 8}, {'width': 640}, {'height': 360}], ids=lambda changes: str(changes)
)
def test_other_video_ends_the_clip(path, changes):
    packets = coded(60)
    writer = ClipWriter(path, packets[0])
    for packet in packets[1:40]:
        assert writer.add(packet)
    assert not writer.add(dataclasses.replace(packets[40], **changes))
    assert writer.ended == 'video_changed'
    # Not even what would have followed.
    assert not writer.add(packets[40])
    assert writer.finish().packets == 40
    assert writer.ended == 'video_changed'
    assert shown(path) == list(range(40))


@pytest.mark.parametrize('step_ns', [-SECOND_NS, LONGEST_GAP_NS + SECOND_NS])
def test_time_that_jumps_ends_the_clip(path, step_ns):
    packets = coded(60)
    writer = ClipWriter(path, packets[0])
    for packet in packets[1:40]:
        assert writer.add(packet)
    (jumped,) = later(packets[40:41], step_ns)
    assert not writer.add(jumped)
    assert writer.ended == 'time_jumped'
    assert writer.finish().duration_s == pytest.approx(40 / 30, abs=TICK_S)


def test_a_wall_clock_that_is_set_changes_nothing(path):
    packets = coded(60)
    changed = [dataclasses.replace(packet, utc_ns=packet.utc_ns - 10**15) for packet in packets]
    _, summary = record(path, [*packets[:30], *changed[30:]])
    assert summary.first_utc_ns == packets[0].utc_ns
    assert summary.duration_s == pytest.approx(2.0, abs=TICK_S)


def test_times_that_go_back_a_little_or_stand_still_are_kept_in_order(path):
    steps = [0, 33, 66, 60, 60, 133, 166]
    packets = coded_at(tuple(START_NS + step * 1_000_000 for step in steps))
    record(path, packets)
    assert shown(path) == list(range(7))
    begins = [round(begin * 90_000) for begin, _ in moments(path)]
    assert begins == [0, 2970, 5940, 5941, 5942, 11970, 14940]


def test_several_clips_share_packets(tmp_path):
    packets = coded(120)
    writers = {n: ClipWriter(tmp_path / f'{n}.mp4', packets[n * 30]) for n in range(4)}
    for number, packet in enumerate(packets):
        for n, writer in writers.items():
            if number > n * 30:
                writer.add(packet)
    for n, writer in writers.items():
        assert writer.finish().packets == 120 - n * 30
        assert shown(tmp_path / f'{n}.mp4') == list(range(n * 30, 120))


def test_a_clip_must_begin_with_a_keyframe(path):
    with pytest.raises(ValueError, match='keyframe'):
        ClipWriter(path, coded(2)[1])
    assert not path.exists()


def test_a_keyframe_without_parameter_sets_is_told(path):
    (good,) = coded(1)
    bad = dataclasses.replace(good, data=b'\0\0\0\1\x65' + bytes(50))
    with pytest.raises(Refused) as caught:
        record(path, [bad])
    assert caught.value.code == 'not_kept'


def test_no_thread_is_left(path):
    before = threading.active_count()
    record(path, coded(2))
    assert threading.active_count() == before


def test_progress_is_told_while_it_is_recorded(path):
    packets = coded(60)
    writer = ClipWriter(path, packets[0])
    for packet in packets[1:]:
        writer.add(packet)
    assert writer.elapsed_s == pytest.approx(59 / 30)
    wait_until(lambda: writer.packets >= 24)
    assert 0 < writer.bytes <= path.stat().st_size
    assert writer.ended is None
    writer.finish()
