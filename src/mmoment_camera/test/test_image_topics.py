"""Whole images are made while somebody looks, and only then; a missing cv_bridge costs one topic."""

import sys
import threading

import numpy as np
import pytest

rclpy = pytest.importorskip('rclpy')
from sensor_msgs.msg import CameraInfo  # noqa: E402
from std_msgs.msg import Header  # noqa: E402

from mmoment_camera import image_messages  # noqa: E402
from mmoment_camera.image_topics import ImageTopics  # noqa: E402

PICTURE = np.zeros((24, 32, 3), np.uint8)
RAW, COMPRESSED, INFO = 'image_raw', 'image_raw/compressed', 'camera_info'


class Publisher:
    """Says how many look, and keeps what is published."""

    def __init__(self):
        self.subscribers = 0
        self.published = []

    def get_subscription_count(self):
        return self.subscribers

    def publish(self, message):
        self.published.append(message)


class Node:
    """As much of a node as ImageTopics uses."""

    def __init__(self):
        self.publishers = {}
        self.errors = []

    def create_publisher(self, kind, topic, qos):
        return self.publishers.setdefault(topic, Publisher())

    def destroy_publisher(self, publisher):
        pass

    def get_logger(self):
        return self

    def error(self, text):
        self.errors.append(text)


@pytest.fixture
def node():
    return Node()


@pytest.fixture
def faults():
    return []


@pytest.fixture
def topics(node, faults):
    topics = ImageTopics(
        node,
        camera_info=lambda width, height: CameraInfo(width=width, height=height),
        jpeg_quality=lambda: 80,
        on_fault=faults.append,
    )
    yield topics
    topics.close()
    assert not faults


def counts(node):
    return {topic: len(publisher.published) for topic, publisher in node.publishers.items()}


def test_nothing_is_made_before_somebody_looks_nor_afterwards(node, topics, wait_until):
    topics.offer(PICTURE, Header())
    assert not [thread for thread in threading.enumerate() if thread.name == 'image topics']
    for publisher in node.publishers.values():
        publisher.subscribers = 1
    topics.offer(PICTURE, Header(frame_id='eye'))
    wait_until(lambda: counts(node) == {RAW: 1, COMPRESSED: 1, INFO: 1}, 'one of each')
    node.publishers[RAW].subscribers = 0
    topics.offer(PICTURE, Header())
    wait_until(lambda: counts(node) == {RAW: 1, COMPRESSED: 2, INFO: 2}, 'what is looked at')
    for publisher in node.publishers.values():
        publisher.subscribers = 0
    topics.offer(PICTURE, Header())
    topics.stop()
    assert counts(node) == {RAW: 1, COMPRESSED: 2, INFO: 2}


def test_without_cv_bridge_the_other_topics_go_on(node, topics, wait_until, monkeypatch):
    image_messages._bridge.cache_clear()
    monkeypatch.setitem(sys.modules, 'cv_bridge', None)
    for publisher in node.publishers.values():
        publisher.subscribers = 1
    topics.offer(PICTURE, Header())
    wait_until(lambda: counts(node) == {RAW: 0, COMPRESSED: 1, INFO: 1}, 'the others')
    topics.offer(PICTURE, Header())
    wait_until(lambda: counts(node) == {RAW: 0, COMPRESSED: 2, INFO: 2}, 'the others again')
    (error,) = node.errors
    assert 'image_raw stays empty' in error
    assert 'install' in error
