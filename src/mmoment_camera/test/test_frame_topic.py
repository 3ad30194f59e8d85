"""Frames through ring and notice, within one process and over a writer's death."""

import secrets
import subprocess
import sys
import textwrap
import threading
import time

import numpy as np
import pytest
from builtin_interfaces.msg import Time
from std_msgs.msg import Header

from mmoment_camera.frame_ring import FrameOverwritten, Geometry, RingInUse, ring_name, sweep
from mmoment_camera.frame_topic import FramePublisher, FrameSubscriber
from mmoment_node.spare_domain import spare_domain

rclpy = pytest.importorskip('rclpy')
pytestmark = pytest.mark.graph


@pytest.fixture
def ros(monkeypatch):
    """A node in a namespace and domain of its own, spun by a thread."""
    monkeypatch.setenv('ROS_DOMAIN_ID', str(spare_domain()))
    context = rclpy.Context()
    rclpy.init(context=context)
    node = rclpy.create_node('tester', namespace=f'test_{secrets.token_hex(4)}', context=context)
    executor = rclpy.executors.SingleThreadedExecutor(context=context)
    executor.add_node(node)
    thread = threading.Thread(target=executor.spin, daemon=True)
    thread.start()
    yield node
    executor.shutdown()
    thread.join(10)
    node.destroy_node()
    rclpy.shutdown(context=context)


def picture(value: int, height: int = 48, width: int = 64) -> np.ndarray:
    return np.full((height, width, 3), value, np.uint8)


def publish(publisher: FramePublisher, value: int, **keywords) -> int:
    image = picture(value, **keywords)
    stamp = Time(sec=value)
    return publisher.publish(
        image, stamp=stamp, frame_id='camera_optical_frame', monotonic_ns=value
    ).sequence


def wait_until(condition, timeout_s: float = 15.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_worker_gets_the_newest_picture_with_its_header_and_drops_are_counted(ros):
    publisher = FramePublisher(ros, 'frames', channel='clean')
    subscriber = FrameSubscriber(ros, 'frames')
    wait_until(lambda: publisher.subscriber_count == 1)
    publish(publisher, 1)
    frame = subscriber.newest(timeout_s=10)
    assert (frame.sequence, frame.monotonic_ns, frame.live) == (1, 1, True)
    assert (frame.header.stamp.sec, frame.header.frame_id) == (1, 'camera_optical_frame')
    assert (frame.copy() == 1).all()

    for value in (2, 3, 4):
        publish(publisher, value)
        time.sleep(0.1)
    assert subscriber.newest(timeout_s=10).sequence == 4
    assert (subscriber.received, subscriber.dropped) == (4, 2)
    assert subscriber.newest(timeout_s=0.05) is None
    publisher.close()


def test_a_callback_gets_every_picture(ros):
    seen = []
    publisher = FramePublisher(ros, 'frames', channel='clean')
    FrameSubscriber(ros, 'frames', lambda frame: seen.append(frame.image[0, 0, 0]))
    wait_until(lambda: publisher.subscriber_count == 1)
    for value in (5, 6, 7):
        publish(publisher, value)
        wait_until(lambda value=value: seen[-1:] == [value])
    publisher.close()


def test_a_change_of_size_makes_a_new_ring_and_numbering_goes_on(ros):
    publisher = FramePublisher(ros, 'frames', channel='clean')
    subscriber = FrameSubscriber(ros, 'frames')
    wait_until(lambda: publisher.subscriber_count == 1)
    publish(publisher, 1)
    assert subscriber.newest(timeout_s=10).image.shape == (48, 64, 3)
    assert publish(publisher, 2, height=24, width=32) == 2
    frame = subscriber.newest(timeout_s=10)
    assert frame.image.shape == (24, 32, 3)
    assert subscriber.dropped == 0
    publisher.close()


def test_drawing_in_place_is_announced_only_when_it_succeeds(ros):
    publisher = FramePublisher(ros, 'overlay/frames', channel='annotated')
    subscriber = FrameSubscriber(ros, 'overlay/frames')
    wait_until(lambda: publisher.subscriber_count == 1)
    geometry, header = Geometry(64, 48), Header(frame_id='camera_optical_frame')
    with pytest.raises(ZeroDivisionError), publisher.slot(geometry, header=header, monotonic_ns=1):
        raise ZeroDivisionError
    with publisher.slot(geometry, header=header, monotonic_ns=2, live=False) as slot:
        slot.image[:] = 99
    frame = subscriber.newest(timeout_s=10)
    assert (frame.monotonic_ns, frame.live, frame.image[5, 5, 1]) == (2, False, 99)
    publisher.close()


def test_a_picture_that_is_held_too_long_is_refused(ros):
    publisher = FramePublisher(ros, 'frames', channel='clean', slots=3)
    subscriber = FrameSubscriber(ros, 'frames')
    wait_until(lambda: publisher.subscriber_count == 1)
    publish(publisher, 1)
    frame = subscriber.newest(timeout_s=10)
    for value in (2, 3, 4):
        publish(publisher, value)
    assert not frame.intact()
    with pytest.raises(FrameOverwritten):
        frame.copy()
    publisher.close()


def test_two_writers_of_one_channel_are_refused(ros):
    publisher = FramePublisher(ros, 'frames', channel='clean')
    publish(publisher, 1)
    second = FramePublisher(ros, 'frames', channel='clean')
    with pytest.raises(RingInUse, match='start this one in another namespace'):
        publish(second, 2)
    publisher.close()


def test_close_wakes_a_waiting_worker(ros):
    subscriber = FrameSubscriber(ros, 'frames')
    results = []
    thread = threading.Thread(target=lambda: results.append(subscriber.newest(timeout_s=60)))
    thread.start()
    subscriber.close()
    thread.join(10)
    assert results == [None]


def test_a_picture_that_arrives_while_the_subscriber_closes_is_no_fault(ros):
    publisher = FramePublisher(ros, 'frames', channel='clean')
    subscriber = FrameSubscriber(ros, 'frames')
    wait_until(lambda: publisher.subscriber_count == 1)
    publish(publisher, 1)
    assert subscriber.newest(timeout_s=10) is not None
    reader = subscriber._reader

    class ClosedAtTheWorstMoment:
        @property
        def epoch(self):
            subscriber.close()
            return reader.epoch

        read = reader.read

    subscriber._reader = ClosedAtTheWorstMoment()
    publish(publisher, 2)
    frame = subscriber.newest(timeout_s=10)
    assert (frame.sequence, frame.image[0, 0, 0]) == (2, 2)
    publisher.close()


def start_writer(namespace: str, value: int) -> subprocess.Popen:
    code = f"""
        import numpy as np, rclpy, time
        from builtin_interfaces.msg import Time
        from mmoment_camera.frame_topic import FramePublisher
        rclpy.init()
        publisher = FramePublisher(
            rclpy.create_node('writer', namespace={namespace!r}), 'frames', channel='clean')
        while True:
            publisher.publish(np.full((48, 64, 3), {value}, np.uint8), stamp=Time(),
                              frame_id='camera', monotonic_ns=time.monotonic_ns())
            time.sleep(0.03)
    """
    return subprocess.Popen([sys.executable, '-c', textwrap.dedent(code)])


def test_a_reader_attaches_again_by_itself_after_the_writer_was_killed(ros):
    subscriber = FrameSubscriber(ros, 'frames')
    segment = ring_name(ros.get_namespace(), 'clean')
    for value in (1, 2):
        process = start_writer(ros.get_namespace(), value)
        try:
            wait_until(
                lambda value=value: (
                    (frame := subscriber.newest(timeout_s=1)) is not None
                    and frame.image[0, 0, 0] == value
                ),
                timeout_s=30,
            )
        finally:
            process.kill()
            process.wait()
    assert segment in sweep()
