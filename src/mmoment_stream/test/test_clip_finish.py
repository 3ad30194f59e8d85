import dataclasses
import errno
import random

import av
import pytest
from clip_world import record
from coded_video import SECOND_NS, coded, coded_with_gaps, later, shown

from mmoment_stream import clip_finish
from mmoment_stream.clip_finish import NothingPlayable, finish_clip, read_summary
from mmoment_stream.errors import Refused
from mmoment_stream.mp4_boxes import boxes, whole_bytes

MICROSECOND_NS = 1000


@pytest.fixture
def recorded(tmp_path):
    return tmp_path / 'recorded.mp4'


@pytest.fixture
def finished(tmp_path):
    return tmp_path / 'finished.mp4'


def kinds(path):
    with path.open('rb') as file:
        return [box.kind for box in boxes(file)]


def packets_of(path):
    with av.open(str(path)) as container:
        return [
            (packet.pts, packet.dts, packet.duration, packet.is_keyframe, bytes(packet))
            for packet in container.demux(video=0)
            if packet.size
        ]


def test_the_finished_clip_has_one_index_before_the_same_packets_at_the_same_times(
    recorded, finished
):
    packets = coded_with_gaps(10, 30, seed=1)
    _, summary = record(recorded, [*packets[:100], *later(packets[100:], 3 * SECOND_NS)])
    before = packets_of(recorded)
    assert kinds(recorded).count(b'moof') > 5
    result = finish_clip(recorded, finished)
    assert kinds(finished)[:2] == [b'ftyp', b'moov']
    assert b'moof' not in kinds(finished)
    assert kinds(finished)[-1] == b'mdat'
    assert packets_of(finished) == before
    assert shown(finished) == list(range(len(packets)))
    assert not recorded.exists()
    assert finished.stat().st_mode & 0o777 == 0o600
    assert result == dataclasses.replace(
        summary, bytes=finished.stat().st_size, fast_start=True, dropped=None
    )
    # And whoever has only the file finds the same in it.
    assert read_summary(finished) == result


def test_the_summary_of_a_recording_is_in_its_file(recorded):
    _, summary = record(recorded, coded(90))
    assert read_summary(recorded) == dataclasses.replace(summary, dropped=None)


def test_the_finished_clip_says_when_it_was_taken(recorded, finished):
    packets = coded(30)
    record(recorded, packets)
    finish_clip(recorded, finished)
    with av.open(str(finished)) as container:
        # Any player: whole seconds are what MP4 knows.
        assert container.streams.video[0].metadata['creation_time'] == '2023-11-14T23:36:40.000000Z'
        assert container.metadata['mmoment_first_utc_ns'] == str(packets[0].utc_ns)


def test_a_file_that_is_cut_anywhere_keeps_every_whole_fragment(recorded, finished):
    _, summary = record(recorded, coded(100))
    content, packets = recorded.read_bytes(), packets_of(recorded)
    chance = random.Random(5)
    with recorded.open('rb') as file:
        edges = [edge for box in boxes(file) for edge in (box.start, box.start + 8, box.end)]
    sizes = {
        *(edge + near for edge in edges for near in (-1, 0, 1) if 0 <= edge + near <= len(content)),
        *(chance.randrange(len(content)) for _ in range(60)),
    }
    kept = set()
    for size in sorted(sizes):
        recorded.write_bytes(content[:size])
        with recorded.open('rb') as file:
            whole = whole_bytes(file)
        if not whole:
            with pytest.raises(NothingPlayable, match='delete it'):
                finish_clip(recorded, finished)
            assert recorded.exists()
            assert not finished.exists()
            continue
        result = finish_clip(recorded, finished)
        assert packets_of(finished) == packets[: result.packets]
        assert result.duration_s == pytest.approx(result.packets / 30, abs=1e-4)
        kept.add(result.packets)
    # What belongs to a fragment is kept when all of it is there, and not before.
    assert len(kept) == 5
    assert max(kept) == summary.packets
    assert shown(finished) == list(range(100))


@pytest.mark.parametrize('size', [0, 7, 1000, 50_000])
def test_noise_in_place_of_a_file_is_told(recorded, finished, size):
    recorded.write_bytes(random.Random(size).randbytes(size))
    with pytest.raises(NothingPlayable):
        finish_clip(recorded, finished)


def test_damage_anywhere_in_a_file_costs_nothing_that_still_plays(recorded, finished):
    chance = random.Random(6)
    _, summary = record(recorded, coded(100))
    good = recorded.read_bytes()
    as_recorded = 0
    for _ in range(100):
        damaged = bytearray(good)
        at = chance.randrange(len(damaged))
        damaged[at : at + 64] = chance.randbytes(len(damaged[at : at + 64]))
        recorded.write_bytes(damaged)
        finished.unlink(missing_ok=True)
        try:
            result = finish_clip(recorded, finished)
        except NothingPlayable:
            assert recorded.exists()
            assert not finished.exists()
            continue
        assert result == read_summary(finished)
        assert 0 < result.packets <= summary.packets
        as_recorded += not result.fast_start
    assert as_recorded < 20


@pytest.mark.parametrize('size', [0x7FFFFFFF, 0xFFFFF])
def test_what_lies_behind_damage_is_not_thrown_away(recorded, finished, size):
    record(recorded, coded(100))
    with recorded.open('rb') as file:
        second = [box for box in boxes(file) if box.kind == b'moof'][1]
    damaged = bytearray(recorded.read_bytes())
    # The size of its last packet: more than memory holds, or than the file has.
    damaged[second.end - 8 : second.end - 4] = size.to_bytes(4, 'big')
    recorded.write_bytes(damaged)
    result = finish_clip(recorded, finished)
    assert not result.fast_start
    assert 24 < result.packets < 48
    assert finished.read_bytes() == bytes(damaged)


def test_it_may_be_repeated_after_a_crash_at_any_moment(recorded, finished):
    record(recorded, coded(60))
    content = recorded.read_bytes()
    first = finish_clip(recorded, finished)
    # It was finished, and whoever asked for it never heard of it.
    assert finish_clip(recorded, finished) == first
    # The finished file had its name, but the recorded one was not yet gone.
    recorded.write_bytes(content)
    assert finish_clip(recorded, finished) == first
    assert not recorded.exists()
    # Neither is there.
    finished.unlink()
    with pytest.raises(Refused) as caught:
        finish_clip(recorded, finished)
    assert caught.value.code == 'not_kept'


def test_without_room_for_a_second_file_the_clip_stays_as_it_was_recorded(small_disk):
    recorded, finished = small_disk / 'recorded.mp4', small_disk / 'finished.mp4'
    writer, summary = record(recorded, coded(350, gop=2))
    assert recorded.stat().st_size > 600_000
    assert writer.ended == 'finished'
    result = finish_clip(recorded, finished)
    assert result == dataclasses.replace(summary, dropped=None)
    assert not result.fast_start
    assert [path.name for path in small_disk.iterdir()] == ['finished.mp4']
    assert shown(finished) == list(range(350))


def test_a_disk_that_fills_up_while_recording_ends_the_clip_and_what_is_there_plays(small_disk):
    recorded, finished = small_disk / 'recorded.mp4', small_disk / 'finished.mp4'
    writer, summary = record(recorded, coded(700, gop=2))
    assert writer.ended == 'disk_full'
    assert writer.fault.errno == errno.ENOSPC
    assert 50 < summary.packets < 700
    assert summary.bytes == recorded.stat().st_size
    result = finish_clip(recorded, finished)
    assert result.packets == summary.packets
    assert shown(finished) == list(range(summary.packets))


def test_a_name_with_odd_signs_is_a_name(tmp_path):
    recorded, finished = tmp_path / 'a:b %d?.mp4', tmp_path / 'http:c#.mp4'
    record(recorded, coded(10))
    assert finish_clip(recorded, finished).packets == 10
    assert shown(finished) == list(range(10))


def test_a_finished_clip_of_another_program_is_no_clip_of_ours(tmp_path):
    path = tmp_path / 'other.mp4'
    with av.open(str(path), 'w') as container:
        stream = container.add_stream('libx264', rate=30)
        stream.width, stream.height, stream.pix_fmt = 64, 36, 'yuv420p'
        container.mux(stream.encode(av.VideoFrame(64, 36, 'yuv420p')))
        container.mux(stream.encode(None))
    with pytest.raises(NothingPlayable):
        read_summary(path)


def test_the_index_has_room_for_what_every_packet_adds(recorded, finished, monkeypatch):
    # Every other packet a keyframe, each of another duration: as large as an index becomes.
    chance = random.Random(7)
    packets = coded(600, gop=2)
    shaken = [
        dataclasses.replace(
            packet, monotonic_ns=packet.monotonic_ns + chance.randrange(30_000) * MICROSECOND_NS
        )
        for packet in packets
    ]
    record(recorded, shaken)
    monkeypatch.setattr(clip_finish, 'INDEX_BYTES', 1500)
    assert finish_clip(recorded, finished).fast_start
    assert len(packets_of(finished)) == 600
