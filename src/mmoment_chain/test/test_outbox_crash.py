"""`kill -9` of whoever tells the chain, at any moment and at any line: nothing is lost or doubled.

MMOMENT_CRASH_ROUNDS sets how many rounds there are.
"""

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from outbox_world import CameraWorld, dev_chain
from test_outbox_faults import Visitors

pytestmark = pytest.mark.graph
ROUNDS = int(os.environ.get('MMOMENT_CRASH_ROUNDS', '2'))
LINE_ROUNDS = int(os.environ.get('MMOMENT_CRASH_ROUNDS', '6'))
# A round runs about so many lines of the outbox.
LINES = 1000
WITHIN_A_STEP_S = 0.05
MOST_LINES_SAID = 12


@pytest.fixture(scope='module')
def server(tmp_path_factory):
    # A blockhash lives 150 blocks, and what was noted but not sent is waited for as long.
    with dev_chain(tmp_path_factory.mktemp('chain'), block_ms=5) as running:
        yield running


@pytest.fixture
def world(server, tmp_path, request):
    with CameraWorld(tmp_path, [server.url], request.node.name) as made:
        made.register()
        yield made


@contextlib.contextmanager
def drainer(world, name, *how):
    program = Path(__file__).with_name('outbox_drainer.py')
    words = [sys.executable, program, world.folder, world.urls[0], name, *how]
    environment = os.environ | {'PYTHONPATH': os.pathsep.join(path for path in sys.path if path)}
    process = subprocess.Popen(
        words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, text=True
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def test_killed_at_any_moment(world, request, chance):
    people = Visitors(world)
    for _ in range(ROUNDS):
        people.move()
        with drainer(world, request.node.name) as process:
            for number in range(chance.randrange(1, MOST_LINES_SAID)):
                assert process.stdout.readline()
                if number == 3:
                    people.move(30)
            time.sleep(chance.uniform(0.0, WITHIN_A_STEP_S))
    world.drain_through()
    world.assert_told(present=1)


def test_killed_at_any_line(world, request, chance):
    people = Visitors(world)
    ends = []
    with drainer(world, request.node.name, 'lines') as process:
        for number in range(LINE_ROUNDS):
            people.move(25 if number % 2 else 1)
            share = (number + chance.random()) / LINE_ROUNDS
            process.stdin.write(f'{round(share * LINES) + 1}\n')
            process.stdin.flush()
            ends.append(process.stdout.readline().strip())
    assert set(ends) <= {str(-signal.SIGKILL), '0'}, ends
    assert str(-signal.SIGKILL) in ends
    world.drain_through()
    world.assert_told(present=1)
