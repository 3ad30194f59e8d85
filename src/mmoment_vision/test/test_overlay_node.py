"""The overlay node: draws what belongs to a picture, while someone looks."""

import functools
import time

import cv2
import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticStatus
from rclpy.lifecycle import TransitionCallbackReturn
from rclpy.parameter import Parameter
from ros_world import RosWorld, grey
from sensor_msgs.msg import CompressedImage, Image

from mmoment_camera.frame_topic import FrameSubscriber
from mmoment_camera.image_messages import CvBridgeUnusable
from mmoment_interfaces.msg import Face, FaceArray, Frame, StageStatus
from mmoment_node import stage
from mmoment_node.stall_watch import StallWatch
from mmoment_vision import overlay_node
from mmoment_vision.overlay_node import OverlayNode

pytestmark = pytest.mark.graph

FACE = Face(track_id=7, x=100.0, y=80.0, width=60.0, height=80.0, score=0.9)
ONLY_FACES = {'show_status': False}


@pytest.fixture
def world():
    world = RosWorld()
    world.faces = world.tester.create_publisher(FaceArray, 'faces', 2)
    yield world
    world.close()


def publish_face(world):
    def publish(notice):
        world.faces.publish(
            FaceArray(header=notice.header, monotonic_ns=notice.monotonic_ns, faces=[FACE])
        )

    return publish


def watch(world):
    """The annotated pictures, newest last, as (picture, live)."""
    seen = []
    FrameSubscriber(
        world.tester, 'overlay/frames', lambda frame: seen.append((frame.copy(), frame.live))
    )
    return seen


def is_drawn(seen):
    return bool(seen) and bool((seen[-1][0] != grey()).any())


def test_faces_are_drawn_until_they_are_stale_and_only_while_the_layer_is_on(world):
    seen = watch(world)
    node = world.start(OverlayNode, faces_limit_s=0.2, **ONLY_FACES)
    publish = publish_face(world)
    world.show(grey(), until=lambda: is_drawn(seen), also=publish)
    changed = (seen[-1][0] != grey()).any(axis=2)
    assert changed[77:84, 97:104].any()
    assert not changed[:, 200:].any()
    node.set_parameters([Parameter('show_faces', value=False)])
    world.show(grey(), until=lambda: not is_drawn(seen), also=publish)
    node.set_parameters([Parameter('show_faces', value=True)])
    world.show(grey(), until=lambda: is_drawn(seen), also=publish)
    world.show(grey(), until=lambda: not is_drawn(seen))


def test_placeholder_is_passed_on_as_it_is_and_marked(world):
    seen = watch(world)
    world.start(OverlayNode)
    world.show(grey(), until=lambda: seen, live=False, also=publish_face(world))
    picture, live = seen[-1]
    assert not live
    np.testing.assert_array_equal(picture, grey())


def test_nothing_is_drawn_while_nobody_looks(world):
    status = world.listen(StageStatus, 'stage_status')
    world.start(OverlayNode)
    world.show(grey(), until=lambda: len(status) >= 2)
    assert status[-1].processed == 0
    watch(world)
    world.show(grey(), until=lambda: status[-1].processed > 0)


def test_no_more_pictures_are_drawn_than_asked_for(world):
    seen = watch(world)
    status = world.listen(StageStatus, 'stage_status')
    world.start(OverlayNode, maximum_rate_hz=2.0)
    world.show(grey(), until=lambda: status and status[-1].processed >= 2)
    assert status[-1].dropped > 3 * status[-1].processed
    shown = len(seen)
    world.show(grey(), seconds=1.0)
    assert 1 <= len(seen) - shown <= 3


def test_health_is_bad_when_pictures_cannot_be_read_but_not_when_nobody_looks(world, monkeypatch):
    monkeypatch.setattr(stage, 'StallWatch', functools.partial(StallWatch, 0.5, 0.5))
    node = world.start(OverlayNode)
    levels = []

    def diagnose(notice=None):
        (status,) = node.diagnose()
        levels.append(status.level)

    world.show(grey(), seconds=2.0, also=diagnose)
    assert set(levels) == {DiagnosticStatus.OK}
    del levels[:]
    notices = world.tester.create_publisher(Frame, 'frames', 1)
    for sequence in range(1000, 1030):
        notices.publish(Frame(sequence=sequence, epoch=1, segment='mmoment.that.is.gone'))
        diagnose()
        time.sleep(0.05)
    assert levels[-1] == DiagnosticStatus.ERROR


def test_a_start_that_fails_half_way_leaves_nothing_behind(world, monkeypatch):
    def broken(*_):
        raise RuntimeError('no more publishers')

    node = world.start(OverlayNode, autostart=False)
    node.trigger_configure()
    with monkeypatch.context() as broken_world:
        broken_world.setattr(overlay_node, 'StageReporter', broken)
        assert node.trigger_activate() == TransitionCallbackReturn.FAILURE
    assert [one.topic_name for one in node.subscriptions] == []
    seen = watch(world)
    assert node.trigger_activate() == TransitionCallbackReturn.SUCCESS
    world.show(grey(), until=lambda: seen)


def test_images_for_other_tools_are_the_annotated_picture(world):
    images = world.listen(Image, 'overlay/image', depth=1)
    compressed = world.listen(CompressedImage, 'overlay/image/compressed', depth=1)
    world.start(OverlayNode, jpeg_quality=95, **ONLY_FACES)
    publish = publish_face(world)
    world.show(grey(), until=lambda: len(images) > 2 and len(compressed) > 2, also=publish)
    image = images[-1]
    assert (image.height, image.width, image.encoding, image.step) == (240, 320, 'bgr8', 960)
    assert image.header.frame_id == 'camera_optical_frame'
    pixels = np.frombuffer(image.data, np.uint8).reshape(240, 320, 3)
    assert (pixels != grey()).any()
    decoded = cv2.imdecode(np.frombuffer(compressed[-1].data, np.uint8), cv2.IMREAD_COLOR)
    assert np.abs(decoded.astype(int) - pixels).mean() < 3


def test_viewers_have_the_picture_before_it_is_converted_for_other_tools(world, monkeypatch):
    seen, came_first = [], []
    FrameSubscriber(
        world.tester, 'overlay/frames', lambda frame: seen.append(frame.header.stamp.nanosec)
    )
    convert = overlay_node.to_image

    def slow(picture, header):
        deadline = time.monotonic() + 1.0
        while header.stamp.nanosec not in seen and time.monotonic() < deadline:
            time.sleep(0.01)
        came_first.append(header.stamp.nanosec in seen)
        return convert(picture, header)

    monkeypatch.setattr(overlay_node, 'to_image', slow)
    world.listen(Image, 'overlay/image', depth=1)
    world.start(OverlayNode)
    world.show(grey(), until=lambda: seen and len(came_first) > 3)
    assert came_first[-1]


def test_without_cv_bridge_only_whole_images_are_missing(world, monkeypatch):
    tries = []

    def unusable(picture, header):
        tries.append(header)
        raise CvBridgeUnusable('install it')

    monkeypatch.setattr(overlay_node, 'to_image', unusable)
    images = world.listen(Image, 'overlay/image', depth=1)
    compressed = world.listen(CompressedImage, 'overlay/image/compressed', depth=1)
    node = world.start(OverlayNode)
    world.show(grey(), until=lambda: tries and len(compressed) > 3)
    assert (len(tries), images, node.fault) == (1, [], None)


def test_grey_pictures_become_coloured_ones(world):
    seen = watch(world)
    world.start(OverlayNode, **ONLY_FACES)
    world.show(grey()[:, :, 0].copy(), until=lambda: seen)
    np.testing.assert_array_equal(seen[-1][0], grey())
