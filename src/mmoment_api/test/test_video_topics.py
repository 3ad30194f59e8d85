"""Packets come from the graph only while somebody looks, and as they are."""

import os
import threading
from array import array

import pytest
import rclpy
from rclpy.executors import SingleThreadedExecutor
from std_srvs.srv import Trigger
from two_nodes import until

from mmoment_api.video_topics import VIDEO_QOS, VideoTopics
from mmoment_interfaces.msg import VideoPacket

pytestmark = pytest.mark.graph


class World:
    """The web node's side and the encoder's, in one thread that spins both."""

    def __init__(self):
        self.context = rclpy.Context()
        rclpy.init(args=[], context=self.context)
        self.node = rclpy.create_node(
            'video', namespace=f'test_video_topics_{os.getpid()}', context=self.context
        )
        self.publishers = {
            annotated: self.node.create_publisher(VideoPacket, topic, VIDEO_QOS)
            for annotated, topic in ((False, 'video'), (True, 'overlay/video'))
        }
        self.asked = []
        for service in ('request_keyframe', 'overlay/request_keyframe'):
            self.node.create_service(Trigger, service, self._answer(service))
        self.executor = SingleThreadedExecutor(context=self.context)
        self.executor.add_node(self.node)
        self.is_open = {False: True, True: True}
        gates = {
            annotated: lambda captured_ns, annotated=annotated: self.is_open[annotated]
            for annotated in (False, True)
        }
        self.heard = []
        self.topics = VideoTopics(self.node, self.executor.create_task, gates)
        self.topics.hear = lambda annotated, packet: self.heard.append((annotated, packet))
        self.held_back = []
        self.topics.hold_back = self.held_back.append
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self._spin, daemon=True)
        self.thread.start()

    def _answer(self, service):
        def answer(request, response):
            self.asked.append(service)
            response.success = True
            return response

        return answer

    def _spin(self):
        while not self.ended.is_set():
            self.executor.spin_once(timeout_sec=0.05)

    def takers(self, annotated):
        return self.publishers[annotated].get_subscription_count()

    def publish(self, annotated, sequence):
        message = VideoPacket(
            sequence=sequence,
            frame_sequence=sequence + 5,
            monotonic_ns=77,
            epoch=2**64 - 1,
            keyframe=True,
            live=True,
            width=64,
            height=48,
            format='h264',
        )
        message.data = array('B', b'\0\0\1\x65data')
        self.publishers[annotated].publish(message)

    def close(self):
        self.ended.set()
        self.thread.join()
        self.topics.end()
        self.node.destroy_node()
        self.context.try_shutdown()


@pytest.fixture(scope='module')
def world():
    made = World()
    yield made
    made.close()


@pytest.mark.parametrize('annotated', [False, True])
def test_packets_come_while_somebody_looks(world, annotated):
    world.heard.clear()
    assert world.takers(annotated) == 0
    world.topics.open(annotated)
    until(lambda: world.takers(annotated) == 1)
    until(lambda: world.heard, lambda: world.publish(annotated, 3))
    channel, packet = world.heard[0]
    assert channel is annotated
    assert packet.data == b'\0\0\1\x65data'
    assert (packet.sequence, packet.frame_sequence, packet.monotonic_ns) == (3, 8, 77)
    assert (packet.epoch, packet.keyframe, packet.live) == (2**64 - 1, True, True)
    assert (packet.width, packet.height) == (64, 48)
    world.topics.close(annotated)
    until(lambda: world.takers(annotated) == 0)


def test_what_is_held_back_does_not_come(world):
    world.topics.open(False)
    until(lambda: world.takers(False) == 1)
    world.heard.clear()
    world.is_open[False] = False
    until(lambda: world.held_back, lambda: world.publish(False, 1))
    assert set(world.held_back) == {False}
    assert world.heard == []
    world.is_open[False] = True
    until(lambda: world.heard, lambda: world.publish(False, 2))
    assert world.heard[0][1].sequence == 2
    world.topics.close(False)


def test_a_keyframe_is_asked_of_the_right_encoder(world):
    for annotated, service in ((True, 'overlay/request_keyframe'), (False, 'request_keyframe')):
        world.asked.clear()
        until(lambda: world.asked, lambda flag=annotated: world.topics.request_keyframe(flag))
        assert set(world.asked) == {service}


def test_an_encoder_that_never_answers_leaves_nothing_behind(world):
    client = world.topics._clients[False]
    until(client.service_is_ready)
    world.ended.set()
    world.thread.join()
    # Nothing is spun any more: no answer comes.
    for _ in range(5):
        world.topics._request(False)
    assert len(client._pending_requests) == 1
