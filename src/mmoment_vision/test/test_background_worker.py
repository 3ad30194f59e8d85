import os
import threading

import pytest

from mmoment_vision.background_worker import BackgroundWorker

WAIT_S = 10.0


class Gate:
    """Work that waits until it may go on."""

    def __init__(self):
        self.open = threading.Event()
        self.begun = threading.Event()

    def __call__(self, job):
        self.begun.set()
        assert self.open.wait(WAIT_S)
        return job * 10


@pytest.fixture
def gate():
    return Gate()


@pytest.fixture
def start():
    started = []

    def make(work, **options):
        started.append(BackgroundWorker(work, 'test', **options))
        return started[-1]

    yield make
    for worker in started:
        worker.close()


def test_the_giver_does_not_wait_and_fetches_each_result_once(start, gate):
    worker = start(gate)
    worker.give(4)
    assert gate.begun.wait(WAIT_S)
    assert worker.is_busy
    assert worker.take() is None
    assert not worker.wait(0.01)
    gate.open.set()
    assert worker.wait(WAIT_S)
    assert not worker.is_busy
    assert worker.take() == 40
    assert worker.take() is None


def test_a_forgotten_job_has_no_result_and_the_next_one_has(start, gate):
    worker = start(gate)
    worker.give(1)
    assert gate.begun.wait(WAIT_S)
    worker.forget()
    gate.open.set()
    assert worker.wait(WAIT_S)
    assert worker.take() is None
    worker.give(2)
    assert worker.wait(WAIT_S)
    assert worker.take() == 20


def test_a_result_not_taken_yet_can_be_forgotten(start, gate):
    gate.open.set()
    worker = start(gate)
    worker.give(1)
    assert worker.wait(WAIT_S)
    worker.forget()
    assert worker.take() is None


def test_what_was_not_taken_comes_out_at_the_end(start, gate):
    gate.open.set()
    worker = start(gate)
    worker.give(1)
    assert worker.wait(WAIT_S)
    assert worker.close() == 10


def test_a_fault_comes_out_where_the_result_would(start):
    def fail(job):
        raise RuntimeError('model broke')

    worker = start(fail)
    worker.give(1)
    assert worker.wait(WAIT_S)
    with pytest.raises(RuntimeError, match='model broke'):
        worker.take()


def test_nice_work_ranks_below_the_rest_of_the_process(start):
    own = os.getpriority(os.PRIO_PROCESS, 0)
    worker = start(lambda _: os.getpriority(os.PRIO_PROCESS, threading.get_native_id()), niceness=3)
    worker.give(1)
    assert worker.wait(WAIT_S)
    assert worker.take() == min(own + 3, 19)
    assert os.getpriority(os.PRIO_PROCESS, 0) == own
