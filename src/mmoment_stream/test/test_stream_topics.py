"""What is taken from an encoder and asked of it, whether it is there, away, or silent."""

import secrets

import pytest

pytest.importorskip('rclpy')

import rclpy
from capture_stage import VIDEO_QOS
from clip_world import wait_until
from coded_video import coded
from played_session_node import PlayedSessionNode
from spinning import Spinning
from std_srvs.srv import Trigger

from mmoment_interfaces.msg import VideoLimit, VideoPacket
from mmoment_node.spare_domain import spare_domain
from mmoment_stream.encoder_messages import packet_message
from mmoment_stream.stream_topics import StreamSessions, StreamVideo

pytestmark = pytest.mark.graph

PART = {'public': '', 'annotated': 'overlay/'}


class PlayedEncoder:
    """Serves both channels as encoder_node does, and sends what it is told to."""

    def __init__(self, node):
        self.asked = []
        self.limits = {name: [] for name in PART}
        self.videos = {}
        self._node, self._services = node, []
        for name, part in PART.items():
            self.videos[name] = node.create_publisher(VideoPacket, f'{part}video', VIDEO_QOS)
            node.create_subscription(VideoLimit, f'{part}video_limit', self.limits[name].append, 10)
        self.come()

    def come(self):
        for name, part in PART.items():
            service = f'{part}request_keyframe'
            self._services.append(
                self._node.create_service(Trigger, service, lambda *call, n=name: self._on(n, call))
            )

    def go_away(self):
        while self._services:
            self._node.destroy_service(self._services.pop())

    def watched(self):
        return [name for name, video in self.videos.items() if video.get_subscription_count()]

    def _on(self, name, call):
        self.asked.append(name)
        return call[1]


class World:
    def __init__(self):
        self.context = rclpy.Context()
        rclpy.init(context=self.context, domain_id=spare_domain())
        namespace = f'test_{secrets.token_hex(4)}'
        self.node, self.tester = (
            rclpy.create_node(name, namespace=namespace, context=self.context)
            for name in ('stream_node', 'encoder_node')
        )
        self.encoder = PlayedEncoder(self.tester)
        self.taken = []
        self.video = StreamVideo(self.node, self.taken.append)
        self._spinning = [Spinning(self.context, each) for each in (self.node, self.tester)]

    def close(self):
        self.video.close()
        for each in self._spinning:
            each.end()
        for node in (self.node, self.tester):
            node.destroy_node()
        rclpy.shutdown(context=self.context)


@pytest.fixture
def world():
    world = World()
    yield world
    world.close()


def test_packets_are_of_the_channel_that_is_taken(world):
    packets = coded(2)
    assert world.encoder.watched() == []
    for channel, packet in zip(PART, packets, strict=True):
        assert world.video.settle(channel, 0)
        assert not world.video.settle(channel, 900)
        wait_until(lambda c=channel: world.encoder.watched() == [c])
        world.encoder.videos[channel].publish(packet_message(packet, 'camera'))
        wait_until(lambda p=packet: world.taken and world.taken[-1] == p)
    assert world.taken == packets
    # Another one that was on its way.
    world.video._on_packet('public', packet_message(packets[0], 'camera'))
    assert world.taken == packets
    world.video.settle('', 0)
    wait_until(lambda: world.encoder.watched() == [])


def test_a_keyframe_is_asked_of_the_encoder_of_the_channel(world):
    world.video.request_keyframe()
    for channel in PART:
        world.video.settle(channel, 0)
        wait_until(world.video._askers[channel]._client.service_is_ready)
        world.video.request_keyframe()
        wait_until(lambda c=channel: world.encoder.asked[-1:] == [c])
    assert world.encoder.asked == list(PART)


def test_an_encoder_that_is_away_or_dies_over_it_keeps_nobody_waiting(world):
    asker = world.video._askers['public']
    world.video.settle('public', 0)
    wait_until(asker._client.service_is_ready)
    world.encoder.go_away()
    # Perhaps before the graph has told, perhaps after.
    for _ in range(100):
        world.video.request_keyframe()
    wait_until(lambda: not asker._client.service_is_ready())
    world.video.request_keyframe()
    assert len(asker._client._pending_requests) <= 1
    world.encoder.come()
    wait_until(asker._client.service_is_ready)
    world.video.request_keyframe()
    wait_until(lambda: world.encoder.asked[-1:] == ['public'])


def test_a_limit_is_said_again_until_it_is_over_or_of_another_channel(world):
    limits = world.encoder.limits
    wait_until(lambda: world.video._limits['public'].get_subscription_count())
    for _ in range(2):
        world.video.settle('public', 700)
    wait_until(lambda: [each.kbps for each in limits['public']] == [700, 700])
    world.video.settle('annotated', 500)
    wait_until(lambda: [each.kbps for each in limits['public']] == [700, 700, 0])
    wait_until(lambda: [each.kbps for each in limits['annotated']] == [500])
    for _ in range(2):
        world.video.settle('', 0)
    wait_until(lambda: [each.kbps for each in limits['annotated']] == [500, 0])
    assert {each.asker for each in limits['public']} == {world.node.get_fully_qualified_name()}


def test_sessions_are_told_by_their_ends_and_it_is_known_who_tells(world):
    told = []
    sessions = StreamSessions(world.node, told.append)
    assert not sessions.is_anybody_telling
    session_node = PlayedSessionNode(world.tester)
    wait_until(lambda: sessions.is_anybody_telling)
    session_id = session_node.check_in('ann')
    wait_until(lambda: told and told[-1] == [0.0])
    session_node._sessions[session_id].expires.sec = 1_800_000_000
    session_node._sessions[session_id].expires.nanosec = 500_000_000
    session_node.tell()
    wait_until(lambda: told[-1] == [1_800_000_000.5])
    sessions.close()
