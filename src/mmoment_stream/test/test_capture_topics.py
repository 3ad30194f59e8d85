import contextlib

import pytest

pytest.importorskip('rclpy')

from capture_parts import MakerWorld, origin
from coded_video import coded
from library_world import ANNA
from rclpy.clock import Clock

from mmoment_interfaces.msg import MediaEvent, MediaItem
from mmoment_stream.capture_topics import CaptureAnnouncer, VideoTap
from mmoment_stream.encoder_messages import packet_message
from mmoment_stream.errors import Refused, SessionRefused


class Publisher(list):
    """Keeps what is published; refuses like one that was destroyed."""

    is_there = True

    def publish(self, message):
        assert self.is_there, 'published on what was destroyed'
        self.append(message)


class Graph:
    """A node whose topics are lists. The newest subscription is `heard`."""

    def __init__(self):
        self.published = {}
        self.heard = None
        self.opened = 0
        self.logged = []

    def create_subscription(self, kind, name, callback, qos):
        assert name == 'overlay/video'
        self.heard = callback
        self.opened += 1
        return callback

    def destroy_subscription(self, callback):
        assert callback == self.heard
        self.heard = None

    def create_publisher(self, kind, name, qos):
        return self.published.setdefault(name, Publisher())

    def destroy_publisher(self, publisher):
        publisher.is_there = False

    def create_timer(self, period_s, callback):
        self.tick = callback
        return callback

    def destroy_timer(self, timer):
        self.tick = None

    def get_clock(self):
        return Clock()

    def get_logger(self):
        return self

    def error(self, text):
        self.logged.append(text)


@pytest.fixture
def world(tmp_path):
    world = MakerWorld(tmp_path)
    world.graph = Graph()
    yield world
    world.close()


@pytest.fixture
def video(world):
    return VideoTap(world.graph, 'overlay/video', world.recorder)


@pytest.fixture
def announcer(world):
    world.changes = []
    return CaptureAnnouncer(
        world.graph, world.library, world.maker, lambda: world.changes.append(1)
    )


def send(world, packets):
    for packet in packets:
        world.graph.heard(packet_message(packet, 'camera'))


def test_video_is_taken_while_it_is_wanted_or_needed(world, video):
    assert not video.is_open
    video.keep(True)
    video.keep(True)
    assert (video.is_open, world.graph.opened) == (True, 1)
    with video.needed(), video.needed():
        video.keep(False)
        assert video.is_open
    assert not video.is_open
    with contextlib.suppress(ZeroDivisionError), video.needed():
        raise ZeroDivisionError
    assert (video.is_open, world.graph.opened) == (False, 2)


def test_the_seconds_before_are_kept_only_as_long_as_video_is_taken(world, video):
    video.keep(True)
    send(world, coded(30))
    assert video.received == 30
    assert world.recorder._ring.bytes == sum(len(packet.data) for packet in coded(30))
    late = world.graph.heard
    video.keep(False)
    assert world.recorder._ring.bytes == 0
    # One that was on its way.
    late(packet_message(coded(60)[30], 'camera'))
    assert world.recorder._ring.bytes == 0


def test_a_clip_that_outlives_the_wish_gets_its_packets(world, video):
    video.keep(True)
    send(world, coded(60)[:30])
    with video.needed():
        clip = world.clip_of(coded(60)[:30])
        video.keep(False)
        send(world, coded(60)[30:])
        clip.recording.end('asked')
    assert clip.recording.finish().packets == 60


def test_once_closed_it_takes_nothing_whoever_needs_it(world, video):
    video.keep(True)
    with video.needed():
        video.close()
        assert not video.is_open
    with video.needed():
        assert not video.is_open
    video.keep(True)
    assert (video.is_open, world.graph.opened) == (False, 1)


def test_it_tells_what_is_being_recorded_at_once_and_once_a_second(world, announcer):
    told = world.graph.published['recordings']
    assert [message.recordings for message in told] == [[]]
    world.graph.tick()
    assert len(told) == 1
    world.give(coded(60))
    clip = world.clip_of(coded(60))
    announcer.started(clip)
    (recording,) = told[-1].recordings
    assert (recording.media_id, recording.identity) == (clip.media_id, ANNA)
    assert recording.limit_s == pytest.approx(60.0, abs=0.1)
    world.graph.tick()
    assert len(told) == 3
    (event,) = world.graph.published['media_events']
    assert (event.kind, event.media.media_id) == (MediaEvent.STARTED, clip.media_id)
    assert (event.media.kind, event.media.gesture) == (MediaItem.CLIP, 'thumb_up')


def test_it_tells_what_comes_and_goes_and_that_there_is_something_to_put_in_order(world, announcer):
    photo, clip = world.photo(), world.clip()
    announcer.kept(photo)
    announcer.kept(clip, 'video_changed')
    announcer.deleted(photo, 'retention')
    events = world.graph.published['media_events']
    assert [(event.kind, event.media.media_id, event.reason) for event in events] == [
        (MediaEvent.TAKEN, photo.media_id, ''),
        (MediaEvent.RECORDED, clip.media_id, 'video_changed'),
        (MediaEvent.DELETED, photo.media_id, 'retention'),
    ]
    assert len(world.changes) == 3
    announcer.salvaged([clip])
    assert (events[-1].kind, events[-1].reason) == (MediaEvent.RECORDED, 'cut_short')


@pytest.mark.parametrize(
    ('refusal', 'is_to_be_put_in_order'),
    [
        (Refused('no_picture'), False),
        (Refused('disk_full'), True),
        (SessionRefused('missing_right', 'You may not'), False),
    ],
)
def test_it_tells_of_what_nothing_came(world, announcer, refusal, is_to_be_put_in_order):
    announcer.failed('photo', origin(annotated=True), refusal)
    (event,) = world.graph.published['media_events']
    assert (event.kind, event.reason, event.message) == (
        MediaEvent.FAILED,
        refusal.code,
        refusal.text,
    )
    assert (event.media.identity, event.media.annotated) == (ANNA, True)
    assert bool(world.changes) == is_to_be_put_in_order
    assert world.graph.logged == []


def test_the_log_is_told_what_is_behind_a_refusal(world, announcer):
    refusal = Refused('not_kept')
    refusal.__cause__ = OSError('the disk is on fire')
    announcer.failed('clip', origin(), refusal)
    assert 'on fire' in world.graph.logged[0]


def test_whoever_tells_something_after_the_end_is_not_heard_and_not_harmed(world, announcer):
    announcer.close()
    assert world.graph.tick is None
    announcer.over()
    announcer.kept(world.photo())
    announcer.failed('photo', origin(), Refused('no_picture'))
