"""`kill -9` while a clip is recorded: what is left plays and lacks two seconds at most.

MMOMENT_CRASH_ROUNDS sets how many recorders are killed.
"""

import os
import pickle
import subprocess
import sys
import time
from pathlib import Path

import pytest
from coded_video import SECOND_NS, coded, shown

from mmoment_stream.clip_finish import NothingPlayable, finish_clip
from mmoment_stream.errors import Refused

RECORDERS = int(os.environ.get('MMOMENT_CRASH_ROUNDS', '6'))
LONGEST_S = 5.0
# Whole groups of pictures: the recorder begins anew with them.
PACKETS = 300
MOST_LOST_NS = 2 * SECOND_NS


def started(clip, packets):
    program = Path(__file__).with_name('clip_recorder.py')
    environment = os.environ | {'PYTHONPATH': os.pathsep.join(path for path in sys.path if path)}
    words = [sys.executable, program, clip, packets]
    return subprocess.Popen(words, stdout=subprocess.PIPE, env=environment)


def killed(process):
    """Kill it; returns when that was and when each packet had been added."""
    assert process.poll() is None
    # Before: a test that has to wait for a processor must not make it later than it was.
    killed_ns = time.monotonic_ns()
    process.kill()
    told, _ = process.communicate()
    added_ns = [int(line.split()[1]) for line in told.splitlines()]
    return killed_ns, added_ns


@pytest.fixture
def recorders(tmp_path):
    """All of them record; each with its clip."""
    packets = tmp_path / 'packets'
    packets.write_bytes(pickle.dumps(coded(PACKETS)))
    clips = [tmp_path / f'{number}.mp4' for number in range(RECORDERS)]
    recorders = [started(clip, packets) for clip in clips]
    try:
        first_lines = [recorder.stdout.readline() for recorder in recorders]
        assert all(first_lines)
        yield list(zip(clips, recorders, strict=True))
    finally:
        # None ends by itself.
        for recorder in recorders:
            recorder.kill()
            recorder.wait()


@pytest.mark.graph
def test_what_is_left_plays_and_lacks_two_seconds_at_most_whenever_it_is_killed(recorders, chance):
    moments_s = sorted(chance.uniform(0.0, LONGEST_S) for _ in recorders)
    start_s = time.monotonic()
    left = []
    for (clip, recorder), moment_s in zip(recorders, moments_s, strict=True):
        time.sleep(max(0.0, start_s + moment_s - time.monotonic()))
        left.append((clip, *killed(recorder)))
    kept = 0
    for clip, killed_ns, added_ns in left:
        # The first line was read before.
        must_be_there = sum(moment <= killed_ns - MOST_LOST_NS for moment in added_ns)
        finished = clip.with_suffix('.finished.mp4')
        try:
            summary = finish_clip(clip, finished)
        except (NothingPlayable, Refused):
            assert must_be_there == 0
            continue
        assert shown(finished) == [number % PACKETS for number in range(summary.packets)]
        assert summary.packets > must_be_there
        assert summary.fast_start
        kept += 1
    assert kept > 0
