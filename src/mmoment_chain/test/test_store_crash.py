"""`kill -9` at any moment: nothing acknowledged is lost, nothing is half done, the chain verifies.

MMOMENT_CRASH_ROUNDS sets how many rounds there are.
"""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from crash_writer import expected, found
from store_world import opened

from mmoment_chain import event_log

ROUNDS = int(os.environ.get('MMOMENT_CRASH_ROUNDS', '20'))
OPERATIONS = 1000
# Somewhere within an operation: they take 1 to 10 ms.
WITHIN_OPERATION_S = 0.01
# While the store is made, opened, recovered or checked.
WHILE_STARTING_S = 0.4


def killed(folder, round_number, chance):
    """Run the writer, kill it at a moment that chance finds; returns how many acknowledgements came."""
    program = Path(__file__).with_name('crash_writer.py')
    words = [sys.executable, program, folder, str(round_number), str(OPERATIONS)]
    environment = os.environ | {'PYTHONPATH': os.pathsep.join(path for path in sys.path if path)}
    process = subprocess.Popen(words, stdout=subprocess.PIPE, env=environment)
    try:
        if round_number % 5 == 1:
            time.sleep(chance.uniform(0.0, WHILE_STARTING_S))
            lines = []
        else:
            wanted = chance.randrange(1, OPERATIONS)
            lines = [process.stdout.readline() for _ in range(wanted)]
            time.sleep(chance.uniform(0.0, WITHIN_OPERATION_S))
    finally:
        process.kill()
        rest, _ = process.communicate()
    lines += rest.splitlines()
    # A line is one write, which no kill cuts in two.
    assert [int(line) for line in lines] == list(range(len(lines)))
    return len(lines)


@pytest.mark.graph
def test_nothing_acknowledged_is_lost_whenever_the_process_is_killed(tmp_path, chance):
    done_before = []
    for round_number in range(ROUNDS):
        acknowledged = killed(tmp_path, round_number, chance)
        # Opening checks the integrity of the file.
        with opened(tmp_path) as store, store.reading() as query:
            verdict = event_log.verify(query)
            assert verdict.is_good, verdict
            done = verdict.entries - sum(done_before)
            # The last operation may have been done without time to say so.
            assert done in (acknowledged, acknowledged + 1)
            done_before.append(done)
            for number, count in enumerate(done_before):
                assert found(query, number) == expected(count)
    assert sum(done_before) > 0
