"""Pictures come through the bridge only while asked for, and show no stranger who is to be hidden."""

import asyncio
import os
import threading
import time

import numpy as np
import pytest
import rclpy
from bridge_world import BridgeWorld
from rclpy.executors import SingleThreadedExecutor
from two_nodes import until

from mmoment_api import bridge as bridge_module
from mmoment_api.bridge import Bridge
from mmoment_api.events import EventHub
from mmoment_api.graph_state import GraphState
from mmoment_camera.frame_topic import FramePublisher

pytestmark = pytest.mark.graph

NAMESPACE = f'test_bridge_pictures_{os.getpid()}'


@pytest.fixture(scope='module')
def graph():
    nodes = BridgeWorld(NAMESPACE)
    yield nodes
    nodes.close()


class OtherOverlay:
    """An overlay node of its own process, as far as others can tell; shows everybody at first."""

    def __init__(self, graph):
        self.node = rclpy.create_node(
            'overlay_node', namespace=f'{NAMESPACE}_other', context=graph.context
        )
        self.node.declare_parameter('blur_strangers', False)
        for name in bridge_module.LAYER_PARAMETERS[:-1]:
            self.node.declare_parameter(name, True)
        self.frames = FramePublisher(self.node, 'public/frames', channel='public')
        self._executor = SingleThreadedExecutor(context=graph.context)
        self._executor.add_node(self.node)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._spin, daemon=True)
        self._thread.start()

    def _spin(self):
        while not self._ended.is_set():
            self._executor.spin_once(timeout_sec=0.05)

    @property
    def hides(self):
        return self.node.get_parameter('blur_strangers').value

    def show(self, value):
        image = np.full((48, 64, 3), value, np.uint8)
        stamp = self.node.get_clock().now().to_msg()
        self.frames.publish(image, stamp=stamp, frame_id='camera', monotonic_ns=1)

    def end(self):
        self._ended.set()
        self._thread.join()
        self.frames.close()
        self.node.destroy_node()


@pytest.fixture
def watched(graph):
    """A bridge of another namespace whose switches are looked after, as the server does."""
    own = rclpy.create_node('api_node', namespace=f'{NAMESPACE}_other', context=graph.context)
    bridge = Bridge(own, GraphState(time.monotonic), EventHub())
    bridge.open()
    ended = threading.Event()
    executor = SingleThreadedExecutor(context=graph.context)
    executor.add_node(own)

    def spin():
        while not ended.is_set():
            executor.spin_once(timeout_sec=0.05)

    spinning = threading.Thread(target=spin, daemon=True)
    spinning.start()
    bridge.resume()
    loop = asyncio.new_event_loop()
    serving = threading.Thread(target=loop.run_forever, daemon=True)
    serving.start()
    keeping = asyncio.run_coroutine_threadsafe(bridge.keep_layers(), loop)
    yield bridge, loop
    keeping.cancel()
    bridge.pause()
    time.sleep(0.1)
    loop.call_soon_threadsafe(loop.stop)
    serving.join()
    ended.set()
    spinning.join()
    bridge.close()
    own.destroy_node()
    loop.close()


def test_the_undrawn_picture_is_the_public_one(graph):
    # `frames` shows strangers even when they are to be blurred; nobody outside may see it.
    raw = FramePublisher(graph.other, 'frames', channel='raw')
    public = FramePublisher(graph.other, 'public/frames', channel='public')
    source = graph.bridge.open_source(annotated=False)
    until(lambda: public.subscriber_count == 1)
    assert raw.subscriber_count == 0
    source.close()
    until(lambda: public.subscriber_count == 0)
    for publisher in (raw, public):
        publisher.close()


def test_pictures_come_through_the_ring_and_only_while_asked_for(graph):
    publisher = FramePublisher(graph.other, 'overlay/frames', channel='annotated')
    assert publisher.subscriber_count == 0
    source = graph.bridge.open_source(annotated=True)
    until(lambda: publisher.subscriber_count == 1)
    image = np.arange(48 * 64 * 3, dtype=np.uint8).reshape(48, 64, 3)
    stamp = graph.other.get_clock().now().to_msg()
    publisher.publish(image, stamp=stamp, frame_id='camera_optical_frame', monotonic_ns=77)
    picture = until(lambda: source.newest(0.5))
    assert (picture.monotonic_ns, picture.live) == (77, True)
    assert np.array_equal(picture.image, image)
    assert picture.intact()
    source.close()
    until(lambda: publisher.subscriber_count == 0)
    publisher.close()


def test_strangers_stay_hidden_when_another_overlay_takes_over(graph, watched):
    bridge, loop = watched
    first = OtherOverlay(graph)
    until(bridge._set_layers.service_is_ready)
    asyncio.run_coroutine_threadsafe(bridge.set_layers({'blur_strangers': True}), loop).result(10)
    assert first.hides
    source = bridge.open_source(annotated=False)
    until(lambda: first.frames.subscriber_count == 1)
    assert until(lambda: source.newest(0.2), lambda: first.show(1)).image[0, 0, 0] == 1
    assert bridge.layer_keeper.why_held_back == ''
    # A kill leaves no time for a farewell.
    first.end()
    second = OtherOverlay(graph)
    assert not second.hides
    until(lambda: second.frames.subscriber_count == 1)

    def shown():
        hides_before = second.hides
        second.show(2 if hides_before else 3)
        return source.newest(0.2)

    # Not one of those that were made while it showed everybody.
    assert until(shown).image[0, 0, 0] == 2
    assert second.hides
    source.close()
    second.end()
