"""`kill -9` at any moment, while another process keeps the store: nothing acknowledged is lost.

MMOMENT_CRASH_ROUNDS sets how many rounds there are.
"""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from library_world import world_at
from test_media_recovery import salvage

from mmoment_stream.media_library import MediaLibrary
from mmoment_stream.media_recovery import recover

ROUNDS = int(os.environ.get('MMOMENT_CRASH_ROUNDS', '12'))
# Steps are acknowledged every few milliseconds.
WITHIN_A_STEP_S = 0.02
MOST_STEPS = 60


def killed(folder, seed, chance):
    """Run the writer, kill it at a moment that chance finds; returns what it said."""
    program = Path(__file__).with_name('crash_library.py')
    words = [sys.executable, program, folder, str(seed)]
    environment = os.environ | {'PYTHONPATH': os.pathsep.join(path for path in sys.path if path)}
    process = subprocess.Popen(words, stdout=subprocess.PIPE, env=environment, text=True)
    try:
        lines = [process.stdout.readline() for _ in range(chance.randrange(1, MOST_STEPS))]
        time.sleep(chance.uniform(0.0, WITHIN_A_STEP_S))
    finally:
        process.kill()
        rest, _ = process.communicate()
    return [line.split() for line in [*lines, *rest.splitlines()]]


@pytest.mark.graph
def test_nothing_acknowledged_is_lost_and_nothing_is_half_there(tmp_path, chance):
    there = set()
    with world_at(tmp_path) as world:
        for seed in range(ROUNDS):
            said = killed(tmp_path, seed, chance)
            asked_to_go = {media for word, media in said if word == 'deleting'}
            gone = {media for word, media in said if word == 'deleted'}
            # A clip of which a second was on the disk is kept, however far it came.
            there |= {media for word, media in said if word in ('kept', 'recording')}
            world.library = MediaLibrary(world.store, world.folder, world.key)
            found = recover(world.library, salvage)
            assert found.problems == ()
            ids = {record.media_id for record in world.assert_sound()}
            assert there - asked_to_go <= ids
            assert not gone & ids
            # At most the last step was done without time to say so.
            assert len(ids - there) <= 1
            there = ids
    assert there
