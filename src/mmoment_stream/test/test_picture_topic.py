"""Pictures for photos, read only while somebody may want one."""

import secrets
import threading
import time

import pytest

pytest.importorskip('rclpy')

import rclpy
from capture_stage import Stage
from clip_world import wait_until
from spinning import Spinning

from mmoment_camera.pattern import read_number
from mmoment_node.spare_domain import spare_domain
from mmoment_stream import picture_topic
from mmoment_stream.photo_memory import PhotoMemory
from mmoment_stream.picture_topic import PictureTap

pytestmark = pytest.mark.graph

MIB = 1 << 20


class World:
    def __init__(self):
        self.context = rclpy.Context()
        rclpy.init(context=self.context, domain_id=spare_domain())
        namespace = f'test_{secrets.token_hex(4)}'
        self._nodes = [
            rclpy.create_node(name, namespace=namespace, context=self.context)
            for name in ('reader', 'stage')
        ]
        self.memory = PhotoMemory(0.6, 16 * MIB)
        self.tap = PictureTap(self._nodes[0], 'public/frames', self.memory)
        self.stage = Stage(self._nodes[1])
        self._spinning = [Spinning(self.context, node) for node in self._nodes]
        self.worker = threading.Thread(target=self.tap.work, daemon=True)
        self.worker.start()

    def close(self):
        self.tap.close()
        self.worker.join(20)
        assert not self.worker.is_alive()
        for spinning in self._spinning:
            spinning.end()
        self.stage.close()
        for node in self._nodes:
            node.destroy_node()
        rclpy.shutdown(context=self.context)


@pytest.fixture
def world():
    world = World()
    yield world
    world.close()


def test_it_reads_while_pictures_are_wanted_and_forgets_them_then(world, monkeypatch):
    monkeypatch.setattr(picture_topic, 'LINGER_S', 0.0)
    assert world.stage.watched == set()
    world.tap.keep(True)
    wait_until(lambda: len(world.memory) > 5)
    moment_ns = time.monotonic_ns() - 200_000_000
    picture = world.tap.nearest(moment_ns, 20.0)
    taken_ns, utc_ns = world.stage.taken[read_number(picture.image)]
    assert (picture.monotonic_ns, picture.utc_ns, picture.live) == (taken_ns, utc_ns, True)
    assert abs(taken_ns - moment_ns) < 200_000_000
    world.tap.keep(False)
    wait_until(lambda: world.stage.watched == set())
    wait_until(lambda: len(world.memory) == 0)


def test_whoever_asks_has_it_read_for_a_while(world, monkeypatch):
    monkeypatch.setattr(picture_topic, 'LINGER_S', 0.6)
    asked_ns = time.monotonic_ns()
    picture = world.tap.nearest(asked_ns, 20.0)
    assert picture.monotonic_ns >= asked_ns
    assert world.stage.watched == {'public'}
    wait_until(lambda: world.stage.watched == set())


def test_at_its_end_nobody_waits(world):
    world.stage.close()
    found = []
    asking = threading.Thread(target=lambda: found.append(world.tap.nearest(2**62, 600.0)))
    asking.start()
    wait_until(lambda: world.tap._wanted_until_s)
    world.tap.close()
    asking.join(20)
    assert found == [None]
    world.worker.join(20)
    assert not world.worker.is_alive()
