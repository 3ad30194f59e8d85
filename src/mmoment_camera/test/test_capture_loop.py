"""The loop recovers from every fault a source can have, visibly, and waits for none of them."""

import threading
import time

import numpy as np
import pytest

from mmoment_camera.capture_loop import LOOP_END_S, CaptureLoop, describe_outage
from mmoment_camera.errors import SourceError, SourceUnusable
from mmoment_camera.placeholder import paint_placeholder
from mmoment_camera.source import Picture, PictureSource, SourceSettings
from mmoment_camera.source_address import SourceAddress, parse_source
from mmoment_camera.source_plan import SourcePlan
from mmoment_node.recovery import BackOff, RecoveryState

QUICK = BackOff(first_s=0.02, cap_s=0.05)
SETTINGS = SourceSettings(width_px=64, height_px=48, open_timeout_s=0.1, read_timeout_s=0.1)
# A busy machine leaves a thread waiting for a good while, and nothing is wrong with it.
STALL_S = 1.0
AT_ONCE_S = 1.0


class Camera(PictureSource):
    """A camera whose condition the test sets: good, broken, hanging, unusable or ending."""

    kind = 'fake'
    condition = 'good'
    opened = 0
    released = threading.Event()

    def __init__(self, address, settings):
        super().__init__(address.description, settings)
        self.pixel_format = 'FAKE'

    def open(self):
        type(self).opened += 1
        self.meet_condition()

    def read(self):
        time.sleep(0.005)
        self.meet_condition()
        return Picture(np.zeros((48, 64, 3), np.uint8), time.monotonic_ns())

    def meet_condition(self):
        match type(self).condition:
            case 'broken':
                raise SourceError('camera is broken')
            case 'unusable':
                raise SourceUnusable('camera is a toaster')
            case 'hanging':
                type(self).released.wait()
            case 'crashing':
                raise ZeroDivisionError

    def close(self):
        pass


class Watcher:
    """Collects what a loop hands on and tells."""

    def __init__(self):
        self.live = self.placeholders = 0
        self.last = None
        self.states = []
        self.notes = []
        self.faults = []
        self.deliver_fault = None

    def deliver(self, picture, is_live):
        if self.deliver_fault:
            raise self.deliver_fault
        self.live += is_live
        self.placeholders += not is_live
        self.last = picture

    def on_change(self, snapshot):
        # A receiver may ask at any time: this must not lock up.
        self.loop.status()
        self.states.append(snapshot.state)


@pytest.fixture
def camera():
    class ThisCamera(Camera):
        released = threading.Event()

    yield ThisCamera
    ThisCamera.condition = 'good'
    ThisCamera.released.set()


@pytest.fixture
def watcher(camera):
    watcher = Watcher()
    watcher.loop = CaptureLoop(
        SETTINGS,
        watcher.deliver,
        stall_timeout_s=STALL_S,
        on_change=watcher.on_change,
        on_note=watcher.notes.append,
        on_fault=watcher.faults.append,
        make=camera,
        back_off=QUICK,
    )
    yield watcher
    watcher.loop.stop()


def state(watcher):
    return watcher.loop.status().recovery.state


def plan(text='rtsp://anna:geheim@camera/'):
    return SourcePlan(parse_source(text))


def grows(watcher, name='live'):
    """True once three more have come."""
    goal = getattr(watcher, name) + 3
    return lambda: getattr(watcher, name) >= goal


def test_pictures_flow_and_are_counted(watcher, wait_until):
    watcher.loop.start(plan())
    wait_until(grows(watcher), 'live pictures')
    status = watcher.loop.status()
    assert status.recovery.state is RecoveryState.LIVE
    assert status.source == 'rtsp://***@camera/'
    assert (status.width_px, status.height_px) == (64, 48)
    assert status.pixel_format == 'FAKE'
    assert status.frames >= 3
    assert 0 <= status.frame_age_s < STALL_S
    assert watcher.states[:2] == [RecoveryState.CONNECTING, RecoveryState.LIVE]


@pytest.mark.parametrize('condition', ['broken', 'hanging', 'crashing'])
def test_each_fault_shows_and_heals_by_itself(watcher, camera, wait_until, condition):
    watcher.loop.start(plan())
    wait_until(grows(watcher), 'live pictures')
    camera.condition = condition
    wait_until(lambda: state(watcher) is not RecoveryState.LIVE, 'the fault is seen')
    wait_until(grows(watcher, 'placeholders'), 'placeholders')
    status = watcher.loop.status()
    assert status.recovery.last_error
    assert 'geheim' not in status.recovery.last_error
    assert (watcher.last.image.shape[1], watcher.last.image.shape[0]) == (64, 48)
    camera.condition = 'good'
    camera.released.set()
    wait_until(grows(watcher), 'live pictures again')
    assert watcher.loop.status().recovery.retries == 0
    seen = watcher.placeholders
    wait_until(grows(watcher), 'live pictures')
    assert watcher.placeholders == seen, 'no placeholder between live pictures'


def test_a_camera_that_is_absent_at_start_is_waited_for(watcher, camera, wait_until):
    camera.condition = 'broken'
    watcher.loop.start(plan())
    wait_until(lambda: watcher.loop.status().recovery.retries >= 3, 'retries')
    assert watcher.loop.status().frame_age_s == -1
    camera.condition = 'good'
    wait_until(grows(watcher), 'live pictures')


def test_hanging_readers_are_bounded(watcher, camera, wait_until):
    camera.condition = 'hanging'
    watcher.loop.start(plan())
    wait_until(
        lambda: 'hang in the driver' in watcher.loop.status().recovery.last_error, 'the bound'
    )
    opened = camera.opened
    assert watcher.loop.status().stuck_readers == opened == 3
    retries = watcher.loop.status().recovery.retries
    wait_until(lambda: watcher.loop.status().recovery.retries > retries + 2, 'more retries')
    assert camera.opened == opened, 'no further thread is lost'
    camera.condition = 'good'
    camera.released.set()
    wait_until(grows(watcher), 'live pictures')
    assert watcher.loop.status().stuck_readers == 0
    assert watcher.loop.status().abandoned_readers == 3


def test_an_unusable_source_waits_for_a_person(watcher, camera, wait_until):
    camera.condition = 'unusable'
    watcher.loop.start(plan())
    wait_until(lambda: state(watcher) is RecoveryState.FAILED, 'failed')
    opened = camera.opened
    time.sleep(0.2)
    assert camera.opened == opened, 'it is not tried again'
    camera.condition = 'good'
    watcher.loop.change(plan())
    wait_until(grows(watcher), 'live pictures after the change')


@pytest.mark.parametrize('condition', ['good', 'broken', 'hanging', 'unusable'])
def test_change_and_stop_never_wait_for_a_camera(watcher, camera, wait_until, condition):
    camera.condition = condition
    watcher.loop.start(plan())
    wait_until(lambda: camera.opened, 'an attempt')
    before_s = time.monotonic()
    watcher.loop.change(plan('rtsp://other/'))
    assert time.monotonic() - before_s < AT_ONCE_S
    wait_until(lambda: watcher.loop.status().source == 'rtsp://other/', 'the other source')
    before_s = time.monotonic()
    watcher.loop.stop()
    assert time.monotonic() - before_s < LOOP_END_S, 'no thread had to be left behind'
    assert state(watcher) is RecoveryState.IDLE


def test_it_starts_again_after_a_stop(watcher, wait_until):
    for _ in range(2):
        watcher.loop.start(plan())
        wait_until(grows(watcher), 'live pictures')
        watcher.loop.stop()


class SlowSearch:
    """A plan whose look for cameras takes until it is released, as gst-inspect does on a board."""

    def __init__(self):
        self.begun, self.released = threading.Event(), threading.Event()
        self.plan = SourcePlan(SourceAddress('auto'), devices=self.devices, has_csi=lambda: False)

    def devices(self):
        self.begun.set()
        self.released.wait()
        return ['/dev/video5']


@pytest.fixture
def search():
    search = SlowSearch()
    yield search
    search.released.set()


def threads(name):
    return [thread for thread in threading.enumerate() if thread.name.startswith(name)]


def test_a_change_does_not_wait_for_the_search_of_the_old_source(watcher, search, wait_until):
    watcher.loop.start(search.plan)
    assert search.begun.wait(5)
    watcher.loop.change(plan('rtsp://other/'))
    wait_until(grows(watcher), 'live pictures while the search still hangs')
    search.released.set()
    wait_until(lambda: len(threads('capture')) == 1, 'the end of the old search')
    wait_until(grows(watcher), 'live pictures')
    assert watcher.loop.status().source == 'rtsp://other/'
    assert not threads('reader of /dev/video5')
    assert not watcher.notes, 'the old search has found nothing'


def test_a_change_just_before_the_reader_starts_is_not_missed(camera, wait_until):
    watcher = Watcher()
    made, told = [], set()

    def make(address, settings):
        made.append(address)
        if len(made) == 1:
            watcher.loop.change(plan('rtsp://other/'))
        return camera(address, settings)

    loop = watcher.loop = CaptureLoop(
        SETTINGS,
        watcher.deliver,
        stall_timeout_s=STALL_S,
        on_change=lambda snapshot: told.add((snapshot.state.name, loop.status().source)),
        make=make,
        back_off=QUICK,
    )
    loop.start(plan('rtsp://old/'))
    wait_until(grows(watcher), 'live pictures')
    loop.stop()
    assert ('LIVE', 'rtsp://other/') in told
    assert ('LIVE', 'rtsp://old/') not in told
    assert camera.opened == 1, 'the old source is not even opened'


def test_a_run_that_comes_back_after_stop_and_start_leaves_nothing(watcher, search, wait_until):
    watcher.loop.start(search.plan)
    assert search.begun.wait(5)
    watcher.loop.stop()
    assert state(watcher) is RecoveryState.IDLE
    watcher.loop.start(plan())
    wait_until(grows(watcher), 'live pictures')
    assert len(threads('capture')) == 2
    search.released.set()
    wait_until(lambda: len(threads('capture')) == 1, 'the end of the old run')
    wait_until(grows(watcher), 'live pictures of the new run')
    assert len(threads('reader of')) == 1
    assert len(threads('placeholder')) == 1
    assert state(watcher) is RecoveryState.LIVE


def test_nothing_is_handed_on_after_stop(watcher, wait_until):
    watcher.loop.start(plan())
    wait_until(grows(watcher), 'live pictures')
    watcher.loop.stop()
    seen = watcher.live, watcher.placeholders
    time.sleep(0.1)
    assert (watcher.live, watcher.placeholders) == seen


def test_a_slow_receiver_gets_the_newest_and_the_rest_is_counted(camera, wait_until):
    watcher = Watcher()
    loop = watcher.loop = CaptureLoop(
        SETTINGS,
        lambda picture, is_live: (time.sleep(0.05), watcher.deliver(picture, is_live)),
        stall_timeout_s=STALL_S,
        make=camera,
        back_off=QUICK,
    )
    loop.start(plan())
    wait_until(grows(watcher), 'live pictures')
    loop.stop()
    assert loop.status().dropped > loop.status().frames


def test_a_fault_of_the_receiver_ends_the_loop_and_is_told(watcher, wait_until):
    watcher.deliver_fault = RuntimeError('shared memory is full')
    watcher.loop.start(plan())
    wait_until(lambda: watcher.faults, 'the fault')
    assert str(watcher.faults[0]) == 'shared memory is full'
    watcher.loop.stop()


def test_auto_takes_the_first_camera_that_delivers_and_stays_with_it(wait_until):
    conditions = {'/dev/video0': 'broken', '/dev/video1': 'good', 'demo': 'good', 'pattern': 'good'}

    def make(address, settings):
        class Device(Camera):
            @property
            def condition(self):
                return conditions[address.description]

            def meet_condition(self):
                if self.condition == 'broken':
                    raise SourceError(f'{address.description} is broken')

        return Device(address, settings)

    watcher = Watcher()
    loop = watcher.loop = CaptureLoop(
        SETTINGS,
        watcher.deliver,
        stall_timeout_s=STALL_S,
        make=make,
        back_off=QUICK,
        on_note=watcher.notes.append,
    )
    auto = SourcePlan(
        SourceAddress('auto'),
        devices=lambda: ['/dev/video0', '/dev/video1'],
        has_csi=lambda: False,
    )
    loop.start(auto)
    wait_until(grows(watcher), 'live pictures')
    assert loop.status().source == '/dev/video1'
    assert loop.status().chosen_by_auto
    assert watcher.notes == ['auto: /dev/video0 is broken', 'auto: chose /dev/video1']
    conditions['/dev/video1'] = 'broken'
    wait_until(lambda: loop.status().recovery.retries >= 3, 'retries')
    assert 'demo' not in loop.status().source, 'the demo must not hide the loss'
    assert loop.status().recovery.last_error == '/dev/video1 is broken', 'of the one that was there'
    assert len(watcher.notes) == 2, 'the search is told once, not with every retry'
    conditions['/dev/video0'] = 'good'
    wait_until(grows(watcher), 'live pictures of the other camera')
    assert loop.status().source == '/dev/video0'
    loop.stop()


def test_auto_without_a_camera_plays_the_demo_and_says_so(watcher, wait_until):
    auto = SourcePlan(SourceAddress('auto'), devices=list, has_csi=lambda: False)
    watcher.loop.start(auto)
    wait_until(grows(watcher), 'live pictures')
    assert watcher.loop.status().source in ('demo', 'pattern')
    assert 'no camera' in watcher.notes[-1]


def test_the_outage_is_described(watcher, camera, wait_until):
    camera.condition = 'broken'
    watcher.loop.start(plan())
    wait_until(lambda: state(watcher) is RecoveryState.WAITING_TO_RETRY, 'a retry')
    text = '\n'.join(describe_outage(watcher.loop.status(), time.time()))
    assert 'rtsp://***@camera/' in text
    assert 'camera is broken' in text
    assert 'geheim' not in text
    assert paint_placeholder(640, 360, text.splitlines()).any()
