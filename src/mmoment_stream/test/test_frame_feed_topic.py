"""Pictures of one topic after the other, and counts that go on."""

import threading

import pytest

pytest.importorskip('rclpy')

from encoder_graph import PICTURES, EncoderGraph

from mmoment_node.managed_node import ManagedNode
from mmoment_stream.encoder_parameters import EncoderParameters
from mmoment_stream.frame_feed_topic import FrameFeed

pytestmark = pytest.mark.graph


class Idle(ManagedNode[EncoderParameters]):
    """Somebody to be in the graph."""

    NAME = 'idle'
    PARAMETERS = EncoderParameters


@pytest.fixture
def world():
    world = EncoderGraph(Idle)
    world.feed = FrameFeed(world.node)
    yield world
    world.feed.close()
    world.close()


def test_it_reads_what_is_open(world):
    assert world.feed.newest(0.01) is None
    world.feed.open('public/frames')
    assert world.feed.topic == 'public/frames'
    world.show(until=lambda: world.feed.newest(0.1) is not None)
    assert (world.public.subscriber_count, world.annotated.subscriber_count) == (1, 0)
    world.feed.open('overlay/frames')
    world.wait(lambda: world.public.subscriber_count == 0)
    frames = []
    world.show(until=lambda: frames.append(world.feed.newest(0.1)) or frames[-1] is not None)
    assert frames[-1].image.shape == PICTURES[0].shape
    world.feed.close()
    assert world.feed.topic == ''
    world.wait(lambda: world.annotated.subscriber_count == 0)


def test_counts_go_on_over_another_topic(world):
    world.feed.open('public/frames')
    world.show(until=lambda: world.feed.received >= 5)
    # Nothing was taken, so all but the newest are passed over.
    assert world.feed.dropped >= world.feed.received - 5
    received = world.feed.received
    world.feed.open('overlay/frames')
    assert world.feed.received >= received
    world.show(until=lambda: world.feed.received >= received + 5)
    assert world.feed.overwritten == 0


def test_closing_wakes_whoever_waits(world):
    world.feed.open('public/frames')
    answers = []
    thread = threading.Thread(target=lambda: answers.append(world.feed.newest(60.0)))
    thread.start()
    world.feed.close()
    thread.join(20)
    assert answers == [None]
