"""What a stage says about itself, with a clock and a node of the test's own."""

from types import SimpleNamespace

import pytest
from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticStatus

from mmoment_node import stage
from mmoment_node.managed_node import ManagedNode
from mmoment_node.stage import StageReporter

MS = 1_000_000


class Node:
    """As much of a managed node as a reporter uses."""

    is_running = True
    diagnostic = ManagedNode.diagnostic

    def __init__(self):
        self.published = []

    def create_publisher(self, message_class, topic, qos):
        return SimpleNamespace(publish=self.published.append)

    def create_timer(self, period_s, callback):
        self.tick = callback

    def get_name(self):
        return 'probe'

    def get_fully_qualified_name(self):
        return '/cam/probe'

    def get_namespace(self):
        return '/cam'

    def get_clock(self):
        return SimpleNamespace(now=lambda: SimpleNamespace(to_msg=Time))


class Clock:
    def __init__(self):
        self.now_ns = 1000 * 1000 * MS

    def monotonic_ns(self):
        return self.now_ns

    def monotonic(self):
        return self.now_ns * 1e-9


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(stage, 'time', clock)
    return clock


@pytest.fixture
def frames():
    return SimpleNamespace(received=0, dropped=0, overwritten=0)


def run(reporter, clock, frames, seconds, work=lambda: None):
    """Ten pictures a second, a diagnostic every second; returns the last."""
    for _ in range(seconds):
        for _ in range(10):
            clock.now_ns += 100 * MS
            frames.received += 1
            work()
        status = reporter.diagnostic()
    return status


def test_figures_are_those_of_the_results(clock, frames):
    node = Node()
    reporter = StageReporter(node, frames, 'model')
    run(reporter, clock, frames, 10, lambda: reporter.done(clock.now_ns - 40 * MS))
    frames.dropped, frames.overwritten = 3, 2
    node.tick()
    (status,) = node.published
    assert (status.stage, status.backend, status.processed) == ('probe', 'model', 100)
    assert status.fps == pytest.approx(10.0)
    assert status.latency_p50_ms == pytest.approx(40.0)
    assert (status.dropped, status.overwritten) == (3, 2)


def test_pictures_without_results_are_an_error_until_there_are_some(clock, frames):
    reporter = StageReporter(Node(), frames, 'model')

    def done():
        reporter.done(clock.now_ns)

    status = run(reporter, clock, frames, 5, done)
    assert (status.level, status.message) == (DiagnosticStatus.OK, '10.0 results per second')
    status = run(reporter, clock, frames, 9)
    assert status.level == DiagnosticStatus.ERROR
    assert status.message == 'no result for 9 s while pictures arrive'
    assert run(reporter, clock, frames, 5, done).level == DiagnosticStatus.OK


def test_a_stage_whose_results_nobody_wants_is_well(clock, frames):
    reporter = StageReporter(Node(), frames, 'model')
    assert run(reporter, clock, frames, 60, reporter.idle).level == DiagnosticStatus.OK
    assert reporter.status().processed == 0


def test_a_stage_without_pictures_is_well(clock, frames):
    reporter = StageReporter(Node(), frames, 'model')
    clock.now_ns += 60_000 * MS
    assert reporter.diagnostic().level == DiagnosticStatus.OK


def test_of_a_node_with_several_stages_each_has_its_name(clock, frames):
    node = Node()
    reporter = StageReporter(node, frames, 'model', part='second')
    node.tick()
    assert [status.stage for status in node.published] == ['probe/second']
    assert reporter.diagnostic().name == 'cam/probe: second/pictures'
