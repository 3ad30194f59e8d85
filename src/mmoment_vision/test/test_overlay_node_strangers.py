"""The overlay node hides strangers on all that leaves it."""

import threading
import time

import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticStatus
from overlay_world import (
    FACE,
    NAMED,
    ONLY_FACES,
    fine_detail,
    is_hidden,
    is_sharp,
    noise,
    publish_face,
    watch,
    whole_is_hidden,
)
from rclpy.parameter import Parameter
from ros_world import RosWorld

from mmoment_interfaces.msg import FaceArray
from mmoment_vision.overlay_node import OverlayNode

pytestmark = pytest.mark.graph


@pytest.fixture
def world(tmp_path, monkeypatch):
    monkeypatch.setenv('MMOMENT_DATA', str(tmp_path))
    world = RosWorld()
    world.faces = world.tester.create_publisher(FaceArray, 'faces', 2)
    yield world
    world.close()


def test_strangers_are_hidden_on_both_channels_and_named_people_are_not(world):
    public, seen = watch(world, 'public/frames'), watch(world)
    node = world.start(OverlayNode, blur_strangers=True, show_faces=False, **ONLY_FACES)
    publish = publish_face(world, FACE, NAMED)
    for pictures in (public, seen):
        world.show(
            noise(),
            until=lambda pictures=pictures: is_hidden(pictures, FACE) and is_sharp(pictures, NAMED),
            also=publish,
        )
    assert node.diagnose()[1].level == DiagnosticStatus.OK
    node.set_parameters([Parameter('blur_strangers', value=False)])
    world.show(noise(), until=lambda: is_sharp(public, FACE) and is_sharp(seen, FACE), also=publish)
    np.testing.assert_array_equal(public[-1][0], noise())


def test_everything_is_hidden_from_the_first_picture_while_no_faces_come(world):
    public, seen = watch(world, 'public/frames'), watch(world)
    node = world.start(OverlayNode, blur_strangers=True, **ONLY_FACES)
    world.show(noise(), until=lambda: len(public) > 5 and len(seen) > 5)
    for pictures in (public, seen):
        assert all(fine_detail(picture) < 0.1 * fine_detail(noise()) for picture, _ in pictures)
    (_, privacy) = node.diagnose()
    assert privacy.level == DiagnosticStatus.WARN
    assert 'faces are not known' in privacy.message


def test_everything_is_hidden_when_the_faces_stop_and_the_status_line_says_why(world):
    public, seen = watch(world, 'public/frames'), watch(world)
    world.start(OverlayNode, blur_strangers=True)
    publish = publish_face(world, NAMED)
    world.show(noise(), until=lambda: is_sharp(public, NAMED), also=publish)

    def status_end():
        """Where the plate of the status line ends, on a picture that is all fog."""
        steps = np.abs(np.diff(seen[-1][0][215:232].astype(int), axis=1)).max(axis=(0, 2))
        return int(np.nonzero(steps > 40)[0].max())

    world.show(noise(), until=lambda: whole_is_hidden(public) and len(seen) > 3)
    assert status_end() > 250
    assert not is_sharp(seen, NAMED)


def test_strangers_stay_hidden_in_every_picture_while_the_detector_drops_out(world):
    public = watch(world, 'public/frames')
    world.start(OverlayNode, blur_strangers=True)
    with_face, without = publish_face(world, FACE, NAMED), publish_face(world, NAMED)
    world.show(noise(), until=lambda: is_sharp(public, NAMED), also=with_face)
    del public[:]
    for publish in (without, with_face, without):
        world.show(noise(), seconds=0.4, also=publish)
    assert len(public) > 8
    assert all(is_hidden(public[: index + 1], FACE) for index in range(len(public)))
    world.show(noise(), until=lambda: is_sharp(public, FACE), also=without)


def test_a_placeholder_is_not_blurred_and_the_next_scene_begins_hidden(world):
    public = watch(world, 'public/frames')
    world.start(OverlayNode, blur_strangers=True)
    publish = publish_face(world, NAMED)
    world.show(noise(), until=lambda: is_sharp(public, NAMED), also=publish)
    world.show(noise(), until=lambda: public and not public[-1][1], live=False, also=publish)
    np.testing.assert_array_equal(public[-1][0], noise())
    del public[:]
    world.show(noise(), until=lambda: public and public[-1][1], also=publish)
    first = next(picture for picture, live in public if live)
    assert fine_detail(first) < 0.1 * fine_detail(noise())


def test_the_very_faces_of_a_picture_are_waited_for_longer_while_strangers_are_hidden(
    world, monkeypatch
):
    watch(world)
    node = world.start(OverlayNode, blur_strangers=True, blur_wait_ms=300.0, wait_ms=0.0)
    publish = publish_face(world)
    lags = []
    cover = node._strangers.cover

    def noted(picture_ns, size, result_ns):
        lags.append(None if result_ns is None else picture_ns - result_ns)
        return cover(picture_ns, size, result_ns)

    def late(notice):
        threading.Timer(0.03, publish, (notice,)).start()

    monkeypatch.setattr(node._strangers, 'cover', noted)
    world.show(noise(), until=lambda: lags[-5:] == [0] * 5, also=late)
    time.sleep(0.1)


def test_an_overlay_that_is_started_again_hides_strangers_from_its_first_picture(world, tmp_path):
    def set_blur(node, is_wanted):
        node.set_parameters([Parameter('blur_strangers', value=is_wanted)])

    killed = world.start(OverlayNode, **ONLY_FACES)
    set_blur(killed, True)
    world.end(killed)
    public = watch(world, 'public/frames')
    node = world.start(OverlayNode, **ONLY_FACES)
    assert node.get_parameter('blur_strangers').value is True
    world.show(noise(), until=lambda: len(public) > 3)
    assert all(fine_detail(picture) < 0.1 * fine_detail(noise()) for picture, _ in public)
    set_blur(node, False)
    world.end(node)
    assert not world.start(OverlayNode, data_folder=str(tmp_path)).parameters.blur_strangers


def test_what_cannot_be_kept_holds_and_what_cannot_be_read_hides(world, tmp_path):
    def told(node):
        (*_, status) = node.diagnose()
        assert status.level == DiagnosticStatus.WARN
        return status.message

    node = world.start(OverlayNode)
    (tmp_path / 'cameras').write_text('')
    (result,) = node.set_parameters([Parameter('blur_strangers', value=True)])
    assert result.successful
    assert node.parameters.blur_strangers
    assert 'could not be kept' in told(node)
    world.end(node)
    node = world.start(OverlayNode)
    assert node.parameters.blur_strangers
    assert 'cannot be read' in told(node)
    (tmp_path / 'cameras').unlink()
    (result,) = node.set_parameters([Parameter('blur_strangers', value=False)])
    assert result.successful
    assert node.diagnose()[-1].level == DiagnosticStatus.OK
