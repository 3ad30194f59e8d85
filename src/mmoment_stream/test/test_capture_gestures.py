import threading

import pytest

pytest.importorskip('rclpy')

from clip_world import wait_until

from mmoment_interfaces.msg import GestureAction, Session
from mmoment_stream import capture_gestures
from mmoment_stream.capture_gestures import CaptureGestures
from mmoment_stream.capture_parameters import CaptureParameters
from mmoment_stream.errors import Refused, SessionRefused
from mmoment_stream.session_client import Holder


class World:
    """Node, jobs, sessions and announcer of gestures, which remember what is asked of them."""

    def __init__(self):
        self.parts = self.jobs = self.sessions = self.announcer = self
        self.logged = []
        self.photos, self.clips, self.ended, self.told = [], [], [], []
        self.has_clips = False
        self.refusal = None
        self.gate = threading.Event()
        self.gate.set()
        self.live = [
            Session(session_id='s1', identity='ann', rights=['capture', 'record']),
            Session(session_id='s2', identity='ben', rights=['view']),
            Session(session_id='s3', identity='ben', rights=['admin']),
            Session(session_id='s4', identity='', rights=['admin']),
        ]
        self.parameters = CaptureParameters()
        self.gestures = CaptureGestures(
            self, lambda: self.parts, lambda: self.live, lambda: self.parameters
        )

    def create_subscription(self, kind, name, callback, qos):
        assert name == 'gesture_actions'
        self.heard = callback
        return callback

    def destroy_subscription(self, subscription):
        self.heard = None

    def get_logger(self):
        return self

    def info(self, text):
        self.logged.append(text)

    warning = error = info

    def holder(self, session_id, right):
        self.gate.wait(20)
        if self.refusal is not None:
            raise self.refusal
        return Holder(next(s.identity for s in self.live if s.session_id == session_id), session_id)

    def photo(self, origin, moment_ns):
        self.photos.append((origin.wallet, origin.session_id, moment_ns))

    def end_clips_of(self, wallet):
        self.ended.append(wallet)
        return self.has_clips

    def clip(self, origin, asked_ns, duration_s):
        self.clips.append((origin.wallet, origin.gesture, asked_ns, duration_s))

    def failed(self, kind, origin, refusal):
        self.told.append((kind, origin.wallet, refusal.code))

    def gesture(self, action='photo', identity='ann', outcome=GestureAction.REQUESTED):
        self.heard(
            GestureAction(
                action=action,
                identity=identity,
                outcome=outcome,
                gesture='peace',
                monotonic_ns=77,
            )
        )

    def settle(self):
        wait_until(lambda: not self.gestures._pending)

    @property
    def done(self):
        self.settle()
        return [*self.photos, *self.clips, *self.ended]


@pytest.fixture
def world():
    world = World()
    yield world
    world.gate.set()
    world.gestures.close()


def test_a_photo_is_of_the_moment_of_the_gesture(world):
    world.gesture()
    assert world.done == [('ann', 's1', 77)]


def test_a_clip_begins_unless_one_is_to_end(world):
    world.parameters = CaptureParameters(gesture_clip_s=60.0, clip_at_most_s=40.0)
    world.gesture('clip')
    world.settle()
    assert (world.ended, world.clips) == (['ann'], [('ann', 'peace', 77, 40.0)])
    world.has_clips = True
    world.gesture('clip')
    world.settle()
    assert (world.ended, len(world.clips)) == (['ann', 'ann'], 1)


def test_the_session_that_has_the_right_counts(world):
    world.gesture(identity='ben')
    assert world.done == [('ben', 's3', 77)]


@pytest.mark.parametrize(
    'wish',
    [
        {'outcome': GestureAction.NO_OWNER},
        {'outcome': GestureAction.NO_RIGHT},
        {'outcome': GestureAction.COOL_DOWN},
        {'action': 'stream'},
        {'identity': ''},
        {'identity': 'cyd'},
    ],
)
def test_nothing_else_is_done(world, wish):
    world.gesture(**wish)
    assert world.done == []
    assert world.told == []


def test_before_the_library_is_there_nothing_is_done(world):
    world.parts = None
    world.gesture()
    world.parts = world
    assert world.done == []
    assert 'starting' in world.logged[0]


def test_what_session_node_refuses_is_told_to_whoever_asked(world):
    world.refusal = SessionRefused('missing_right', 'You may not')
    world.gesture('clip')
    assert world.done == []
    assert world.told == [('clip', 'ann', 'missing_right')]


def test_what_is_refused_ends_nothing_and_neither_does_a_mistake(world):
    world.photo = lambda *_: raising(Refused('no_picture'))
    world.gesture()
    world.settle()
    world.photo = lambda *_: raising(ZeroDivisionError('a mistake'))
    world.gesture()
    world.settle()
    assert 'no picture' in world.logged[0]
    assert 'ZeroDivisionError' in world.logged[1]
    assert 'test_capture_gestures' in world.logged[1]
    world.gesture('clip')
    world.settle()
    assert len(world.clips) == 1


def raising(error):
    raise error


def test_more_at_once_than_can_be_done_are_refused_instead_of_done_later(world, monkeypatch):
    monkeypatch.setattr(capture_gestures, 'THREADS', 3)
    world.gate.clear()
    for _ in range(5):
        world.gesture()
    assert len(world.gestures._pending) == 3
    assert [text for text in world.logged if 'too many' in text] == world.logged[:2]
    world.gate.set()
    assert len(world.done) == 3
    world.gesture()
    assert len(world.done) == 4


def test_the_end_waits_for_what_is_being_done_and_no_longer_than_it_may(world, monkeypatch):
    monkeypatch.setattr(capture_gestures, 'CLOSING_PATIENCE_S', 0.05)
    world.gate.clear()
    world.gesture()
    (pending,) = world.gestures._pending
    wait_until(pending.running)
    world.gestures.close()
    assert world.heard is None
    assert not pending.done()
    world.gate.set()
    assert world.done == [('ann', 's1', 77)]
