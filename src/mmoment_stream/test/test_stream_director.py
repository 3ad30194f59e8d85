"""Which pushes run, and what is told of them together."""

import threading
from dataclasses import replace

import pytest

from mmoment_node.recovery import RecoverySnapshot, RecoveryState
from mmoment_stream.errors import Refused
from mmoment_stream.push_report import PushReport
from mmoment_stream.push_target import PushTarget
from mmoment_stream.stream_director import StreamDirector
from mmoment_stream.stream_memory import StreamMemory
from mmoment_stream.stream_settings import WHILE_CHECKED_IN, StreamSettings

PATIENCE_S = 10.0
CONNECTING, LIVE, WAITING, FAILED, IDLE = (
    RecoveryState.CONNECTING,
    RecoveryState.LIVE,
    RecoveryState.WAITING_TO_RETRY,
    RecoveryState.FAILED,
    RecoveryState.IDLE,
)


class FakePush:
    """A push without a server, in the state that a test puts it in."""

    def __init__(self, target, figures, ask):
        self.target, self.figures, self.ask = target, figures, ask
        self.taken = []
        self.refreshed = 0
        self.push = RecoverySnapshot(CONNECTING, since_s=5.0)
        self.is_stopped = threading.Event()
        self.has_ended = threading.Event()

    def run(self):
        assert self.is_stopped.wait(PATIENCE_S)
        self.has_ended.set()

    def offer(self, packet):
        self.taken.append(packet)

    def skip(self):
        self.taken.append('skip')

    def stop(self):
        self.is_stopped.set()

    def refresh(self):
        self.refreshed += 1

    def report(self):
        target = self.target
        counts = self.figures.counts(0.0)
        return PushReport(
            target.name, target.provider, '', True, self.push, packets_sent=counts.packets_sent
        )


def target(name, **more):
    return PushTarget(name, url='rtmp://host/live', key_file='main.key', **more)


MAIN, SECOND = target('main'), target('second')


class World:
    def __init__(self, folder, *targets, **settings):
        self.is_anybody_here = False
        self.made = []
        self.now_s = 100.0
        parameters = StreamSettings(targets=targets, **settings)
        self.memory = StreamMemory(folder / 'settings.json', parameters, is_wanted_at_start=False)
        self.director = StreamDirector(
            self.memory, lambda: self.is_anybody_here, self._make, self._spawn, lambda: self.now_s
        )

    def _make(self, *arguments):
        # Nobody is pushed to before whoever was there instead has let go of the server.
        assert all(push.has_ended.is_set() for push in self.made if push.is_stopped.is_set())
        self.made.append(FakePush(*arguments))
        return self.made[-1]

    def _spawn(self, work, name):
        thread = threading.Thread(target=work, name=name, daemon=True)
        thread.start()
        return thread

    @property
    def running(self):
        """The pushes by name of their target."""
        return {push.target.name: push for push in self.made if not push.is_stopped.is_set()}

    def configure(self, *targets):
        self.memory.configure(('targets',), StreamSettings(targets=targets))
        self.director.settle()

    def states(self):
        return [each.push.state for each in self.director.report().targets]


@pytest.fixture
def world(tmp_path):
    worlds = []

    def make(*targets, **settings):
        worlds.append(World(tmp_path, *targets, **settings))
        return worlds[-1]

    yield make
    for each in worlds:
        each.director.close()


def test_nothing_runs_until_it_is_wanted_and_nothing_after(world):
    here = world(MAIN, SECOND, target('off', enabled=False))
    here.director.settle()
    assert here.made == []
    here.director.start()
    assert set(here.running) == {'main', 'second'}
    here.director.start()
    assert len(here.made) == 2
    here.director.stop()
    assert here.running == {}
    assert all(push.has_ended.is_set() for push in here.made)
    assert not here.memory.wish.is_wanted


def test_one_is_started_and_stopped_and_the_others_are_left_alone(world):
    here = world(MAIN, SECOND, target('off', enabled=False))
    here.director.start('second')
    assert set(here.running) == {'second'}
    second = here.running['second']
    here.director.start('main')
    assert here.running['second'] is second
    here.director.stop('main')
    assert here.running == {'second': second}
    report = here.director.report()
    assert [report.wish.wanted.has(each.name) for each in report.targets] == [False, True, False]
    assert (report.wish.is_wanted, report.held_back) == (True, '')
    here.director.start()
    assert set(here.running) == {'main', 'second'}
    assert here.running['second'] is second
    here.director.stop('second')
    assert set(here.running) == {'main'}


@pytest.mark.parametrize(('name', 'code'), [('gone', 'unknown_target'), ('off', 'target_left_out')])
def test_what_cannot_be_started_or_stopped_changes_nothing(world, name, code):
    here = world(MAIN, SECOND, target('off', enabled=False))
    here.director.start('main')
    before = here.running
    for change in (here.director.start, here.director.stop):
        with pytest.raises(Refused) as caught:
            change(name)
        assert caught.value.code == code
        assert here.running == before


def test_one_that_was_started_waits_while_it_is_left_out(world):
    here = world(MAIN, SECOND)
    here.director.start('main')
    here.configure(replace(MAIN, enabled=False), SECOND)
    assert here.running == {}
    assert here.director.report().held_back == 'no_target'
    here.configure(MAIN, SECOND)
    assert set(here.running) == {'main'}


def test_pushes_end_even_if_that_cannot_be_kept(world, tmp_path):
    here = world(MAIN)
    here.director.start()
    (tmp_path / 'settings.json').unlink()
    (tmp_path / 'settings.json').mkdir()
    with pytest.raises(Refused):
        here.director.stop()
    assert here.running == {}


def test_without_a_target_nothing_can_be_wanted(world):
    here = world(target('off', enabled=False), PushTarget('later', 'none'))
    with pytest.raises(Refused) as caught:
        here.director.start()
    assert caught.value.code == 'no_target'
    assert not here.memory.wish.is_wanted


def test_a_target_that_has_not_changed_is_left_alone(world):
    here = world(MAIN, SECOND)
    here.director.start()
    before = here.running
    third, changed = target('third'), replace(SECOND, key_file='other.key')
    here.configure(third, changed, MAIN)
    after = here.running
    assert after['main'] is before['main']
    assert (after['second'].target, after['third'].target) == (changed, third)
    assert len(here.made) == 4
    here.configure(MAIN)
    assert here.running == {'main': before['main']}
    here.configure(replace(MAIN, enabled=False))
    assert here.running == {}
    # Still wanted: it goes on as soon as there is somewhere to push to.
    assert here.director.report().held_back == 'no_target'
    here.configure(MAIN)
    assert set(here.running) == {'main'}


def test_counts_go_on_from_one_push_to_the_next(world):
    here = world(MAIN)
    here.director.start()
    here.running['main'].figures.sent(1000, 0.0)
    here.director.stop()
    assert here.director.report().targets[0].packets_sent == 1
    here.director.start()
    assert here.director.report().targets[0].packets_sent == 1


def test_while_checked_in_means_while_somebody_is(world):
    here = world(MAIN, schedule=WHILE_CHECKED_IN)
    here.director.start()
    assert here.running == {}
    report = here.director.report()
    assert (report.wish.is_wanted, report.held_back) == (True, 'nobody_checked_in')
    assert report.push.state is IDLE
    here.is_anybody_here = True
    here.director.settle()
    assert set(here.running) == {'main'}
    assert here.director.report().held_back == ''
    here.is_anybody_here = False
    here.director.settle()
    assert here.running == {}


def test_all_get_the_same_packet_and_are_asked_alike(world):
    here = world(MAIN, SECOND)
    here.director.start()
    packet = object()
    here.director.offer(packet)
    here.director.refresh()
    assert [push.taken for push in here.made] == [[packet], [packet]]
    assert [push.refreshed for push in here.made] == [1, 1]
    here.director.stop()
    here.director.offer(packet)
    assert [len(push.taken) for push in here.made] == [1, 1]


def test_the_slowest_network_decides_and_only_while_it_is_used(world):
    here = world(MAIN, SECOND, bitrate_kbps=2000)
    assert here.director.limit_kbps == 0
    here.director.start()
    assert here.director.limit_kbps == 2000
    here.running['main'].ask(700)
    here.running['second'].ask(900)
    assert here.director.limit_kbps == 700
    slow = here.running['main']
    here.configure(SECOND)
    assert here.director.limit_kbps == 900
    # From a thread that ends.
    slow.ask(300)
    assert here.director.limit_kbps == 900
    here.running['second'].ask(0)
    assert here.director.limit_kbps == 2000
    here.director.stop()
    assert here.director.limit_kbps == 0


def test_the_encoder_works_only_for_a_push_that_may_come_to_something(world):
    here = world(MAIN, SECOND)
    assert not here.director.needs_video
    here.director.start()
    first, second = here.made
    first.push = second.push = RecoverySnapshot(FAILED)
    assert not here.director.needs_video
    for state in (CONNECTING, LIVE, WAITING):
        second.push = RecoverySnapshot(state)
        assert here.director.needs_video


@pytest.mark.parametrize(
    ('states', 'best'),
    [
        ((WAITING, LIVE), LIVE),
        ((FAILED, CONNECTING), CONNECTING),
        ((FAILED, WAITING), WAITING),
        ((FAILED, FAILED), FAILED),
    ],
)
def test_all_together_are_as_the_best_of_them(world, states, best):
    here = world(MAIN, SECOND, target('off', enabled=False))
    here.director.start()
    for push, state in zip(here.made, states, strict=True):
        push.push = RecoverySnapshot(state, since_s=7.0, last_error=f'error of {state}')
    report = here.director.report()
    assert report.push == RecoverySnapshot(best, since_s=7.0, last_error=f'error of {best}')
    assert report.is_live == (best is LIVE)
    assert here.states() == [*states, IDLE]


def test_what_is_idle_says_since_when(world):
    here = world(MAIN, SECOND)
    assert here.director.report().push == RecoverySnapshot(IDLE, since_s=100.0)
    here.director.start()
    here.now_s = 230.0
    here.director.stop()
    report = here.director.report()
    assert report.push.since_s == 230.0
    assert [each.push.since_s for each in report.targets] == [230.0, 230.0]


def test_what_waits_is_left_out_of_every_push(world):
    here = world(MAIN, SECOND)
    here.director.start()
    here.director.skip()
    assert [push.taken for push in here.made] == [['skip'], ['skip']]


def test_the_address_of_what_is_idle_is_shown_without_options(world):
    other = PushTarget('other', url='srt://host:9000?latency=20000')
    here = world(MAIN, other)
    shown = [each.address for each in here.director.report().targets]
    assert shown == ['rtmp://host/live', 'srt://host:9000']


def test_the_end_ends_all_and_forgets_nothing(world):
    here = world(MAIN, SECOND)
    here.director.start()
    here.director.close()
    assert all(push.has_ended.is_set() for push in here.made)
    here.director.settle()
    assert len(here.made) == 2
    assert here.memory.wish.is_wanted
