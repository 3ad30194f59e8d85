"""An encoder node among its neighbours, in a context, domain and namespace of their own."""

from __future__ import annotations

import secrets
import threading
import time

import rclpy
from builtin_interfaces.msg import Time
from encoder_world import scene
from rclpy.executors import SingleThreadedExecutor
from rclpy.parameter import Parameter
from rclpy.qos import DurabilityPolicy, QoSProfile
from std_srvs.srv import Trigger

from mmoment_camera.frame_topic import FramePublisher
from mmoment_interfaces.msg import EncoderStatus, VideoPacket
from mmoment_node.spare_domain import spare_domain
from mmoment_stream.encoder_backends import SOFTWARE, PyavEncoder
from mmoment_stream.encoder_probe import ProbeResult
from mmoment_stream.encoder_prober import EncoderProber

PERIOD_S = 1 / 30
PATIENCE_S = 30.0
LATCHED_QOS = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
PICTURES = [scene(number) for number in range(30)]


class TrustingProber(EncoderProber):
    """A fake: every encoder passes."""

    def results(self, names, size, fps):
        return (ProbeResult(name, True) for name in names)


def software(wanted):
    """Opens x264."""
    return PyavEncoder(SOFTWARE, wanted)


def keyframes(packets):
    """Where they are."""
    return [number for number, packet in enumerate(packets) if packet.keyframe]


class EncoderGraph:
    """A tester node in place of overlay_node and of whoever takes packets, and the node."""

    def __init__(self, node_class, **parameters):
        self.context = rclpy.Context()
        rclpy.init(context=self.context, domain_id=spare_domain())
        namespace = f'test_{secrets.token_hex(4)}'
        self._executor = SingleThreadedExecutor(context=self.context)
        self.tester = rclpy.create_node('tester', namespace=namespace, context=self.context)
        self._executor.add_node(self.tester)
        self.public = FramePublisher(self.tester, 'public/frames', channel='public')
        self.annotated = FramePublisher(self.tester, 'overlay/frames', channel='annotated')
        self.status, self.overlay_status = [], []
        for prefix, told in (('', self.status), ('overlay/', self.overlay_status)):
            self.tester.create_subscription(
                EncoderStatus, f'{prefix}encoder_status', told.append, LATCHED_QOS
            )
        self.shown = 0
        self.number_at = {}  # of PICTURES, by capture time
        overrides = [Parameter(name, value=value) for name, value in parameters.items()]
        self.node = node_class(
            context=self.context, namespace=namespace, parameter_overrides=overrides
        )
        self._executor.add_node(self.node)
        self._thread = threading.Thread(target=self._executor.spin, daemon=True)
        self._thread.start()
        self.node.bring_up(lambda: None)

    def take(self, topic='video'):
        """Packets from now on, and the subscription."""
        arrived = []
        subscription = self.tester.create_subscription(VideoPacket, topic, arrived.append, 100)
        return arrived, subscription

    def request_keyframe(self, name='request_keyframe'):
        """Call the service; its answer comes later."""
        client = self.tester.create_client(Trigger, name)
        assert client.wait_for_service(PATIENCE_S)
        return client.call_async(Trigger.Request())

    def leave(self, subscription):
        """Take packets no more."""
        self.tester.destroy_subscription(subscription)

    def show(self, until=lambda: False, seconds=None, live=True):
        """Publish pictures on both channels, as overlay_node does, until a condition holds."""
        deadline_s = time.monotonic() + (seconds or PATIENCE_S)
        while not until():
            if time.monotonic() > deadline_s:
                assert seconds, 'not seen in time'
                return
            began_s = time.monotonic()
            now_ns = time.monotonic_ns()
            self.number_at[now_ns] = number = self.shown % len(PICTURES)
            for channel in (self.public, self.annotated):
                if channel.subscriber_count:
                    channel.publish(
                        PICTURES[number],
                        stamp=Time(sec=1000, nanosec=now_ns % 10**9),
                        frame_id='camera_optical_frame',
                        monotonic_ns=now_ns,
                        live=live,
                    )
            self.shown += 1
            time.sleep(max(0.0, PERIOD_S - (time.monotonic() - began_s)))

    def wait(self, condition):
        """Wait without pictures."""
        deadline_s = time.monotonic() + PATIENCE_S
        while not condition():
            assert time.monotonic() < deadline_s, 'not seen in time'
            time.sleep(0.01)

    def close(self):
        self.node.shut_down()
        for channel in (self.public, self.annotated):
            channel.close()
        self._executor.shutdown()
        self._thread.join(10)
        for node in (self.node, self.tester):
            node.destroy_node()
        rclpy.shutdown(context=self.context)
