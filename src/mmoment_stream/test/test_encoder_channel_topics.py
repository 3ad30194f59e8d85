"""Two channels of one encoder node: neither knows of the other, and each keeps to its own limits."""

import time

import pytest

pytest.importorskip('rclpy')

from encoder_graph import EncoderGraph, TrustingProber, keyframes, software
from encoder_world import FakeEncoder

from mmoment_interfaces.msg import VideoLimit
from mmoment_stream.bitrate_limits import LEASE_S
from mmoment_stream.encoder_backends import SOFTWARE, EncoderUnusable
from mmoment_stream.encoder_node import EncoderNode

pytestmark = pytest.mark.graph


class SoftwareNode(EncoderNode):
    """Without trials of hardware, which take a while."""

    OPENERS = {SOFTWARE: software}


class OneVideo(FakeEncoder):
    """A fake hardware encoder that makes one video at a time."""

    in_use = 0

    def __init__(self, wanted):
        if OneVideo.in_use:
            raise EncoderUnusable('fake_hardware', 'cannot be opened: it makes one video')
        OneVideo.in_use += 1
        super().__init__('fake_hardware', wanted)

    def close(self):
        OneVideo.in_use -= 1


class BusyNode(EncoderNode):
    """Has that one."""

    OPENERS = {'fake_hardware': OneVideo, SOFTWARE: software}
    PROBER = TrustingProber


@pytest.fixture
def graph():
    graphs = []

    def start(node_class=SoftwareNode, **parameters):
        graphs.append(EncoderGraph(node_class, **parameters))
        return graphs[-1]

    yield start
    for each in graphs:
        each.close()


def test_the_pictures_with_drawings_have_video_of_their_own(graph):
    world = graph(keyframe_interval_s=10.0)
    world.wait(lambda: world.status and world.overlay_status)
    assert world.overlay_status[-1].channel == 'annotated'
    clean, drawn_channel = world.node._channels
    # Nothing is done for what nobody has ever asked for.
    assert drawn_channel._worker is None
    drawn, subscription = world.take('overlay/video')
    world.show(until=lambda: len(drawn) > 5)
    assert (drawn[0].keyframe, drawn[0].sequence) == (True, 1)
    assert (world.public.subscriber_count, world.annotated.subscriber_count) == (0, 1)
    assert clean._encoder.report().packets == 0
    assert not world.status[-1].encoding

    packets, _ = world.take()
    world.show(until=lambda: len(packets) > 5)
    assert {packet.epoch for packet in packets}.isdisjoint({packet.epoch for packet in drawn})
    # Each picture once in each.
    count = len(drawn)
    world.show(until=lambda: len(drawn) > count + 5)
    for taken in (packets, drawn):
        sequences = [packet.sequence for packet in taken]
        assert sequences == list(range(1, len(taken) + 1))
    world.show(until=lambda: world.status[-1].encoding and world.overlay_status[-1].encoding)

    # A keyframe is for those who asked.
    answer = world.request_keyframe('overlay/request_keyframe')
    world.show(until=lambda: answer.done() and len(keyframes(drawn)) > 1)
    assert keyframes(packets) == [0]

    world.leave(subscription)
    world.show(until=lambda: world.annotated.subscriber_count == 0)
    world.show(until=lambda: not world.overlay_status[-1].encoding)
    world.wait(lambda: drawn_channel._encoder._run is None)
    count = len(packets)
    world.show(until=lambda: len(packets) > count + 5)
    assert len({packet.epoch for packet in packets}) == 1


def test_hardware_for_one_video_is_no_obstacle_to_another(graph):
    world = graph(BusyNode)
    packets, subscription = world.take()
    world.show(until=lambda: len(packets) > 3)
    drawn, _ = world.take('overlay/video')
    world.show(until=lambda: len(drawn) > 3)
    world.show(until=lambda: world.status[-1].encoder and world.overlay_status[-1].encoder)
    assert (world.status[-1].encoder, world.status[-1].hardware) == ('fake_hardware', True)
    status = world.overlay_status[-1]
    assert (status.encoder, status.hardware) == (SOFTWARE, False)
    assert 'fake_hardware: cannot be opened: it makes one video, though it has' in status.reason
    count = len(packets)
    world.show(until=lambda: len(packets) > count + 3)
    assert len({packet.epoch for packet in packets}) == 1

    # Free again, it is for the next who begins.
    world.leave(subscription)
    world.show(until=lambda: not OneVideo.in_use)
    world.node._channels[1]._encoder.release()
    world.show(until=lambda: world.overlay_status[-1].hardware)


def test_each_channel_keeps_to_the_limits_that_it_is_asked_for(graph):
    world = graph(bitrate_kbps=1200)
    packets, _ = world.take()
    drawn, _ = world.take('overlay/video')
    limits = world.tester.create_publisher(VideoLimit, 'overlay/video_limit', 10)
    world.show(until=lambda: packets and drawn and limits.get_subscription_count())

    def aim():
        return [told[-1].target_kbps for told in (world.status, world.overlay_status)]

    world.show(until=lambda: aim() == [1200, 1200])
    limits.publish(VideoLimit(asker='one', kbps=700))
    limits.publish(VideoLimit(asker='other', kbps=500))
    world.show(until=lambda: aim() == [1200, 500])
    limits.publish(VideoLimit(asker='other', kbps=0))
    world.show(until=lambda: aim() == [1200, 700])
    # Who says it no more has died.
    world.node._channels[1]._limits._clock = lambda: time.monotonic() + LEASE_S
    world.show(until=lambda: aim() == [1200, 1200])
    for taken in (packets, drawn):
        assert len({packet.epoch for packet in taken}) == 1
