"""The face node on pictures of real faces."""

import cv2
import pytest
from rclpy.lifecycle import TransitionCallbackReturn
from rclpy.parameter import Parameter
from ros_world import RosWorld, grey

from mmoment_camera.frame_topic import FrameSubscriber
from mmoment_interfaces.msg import FaceArray, StageStatus
from mmoment_node.errors import ConfigurationError
from mmoment_vision.face_node import FaceNode

pytestmark = pytest.mark.graph


@pytest.fixture
def world():
    world = RosWorld()
    yield world
    world.close()


@pytest.fixture
def group(media):
    picture = cv2.imread(str(media / 'faces' / 'multiface.jpg'))
    return cv2.resize(picture, (800, 420), interpolation=cv2.INTER_AREA)


def test_faces_carry_the_picture_they_belong_to(world, group):
    arrays = world.listen(FaceArray, 'faces')
    status = world.listen(StageStatus, 'stage_status')
    world.start(FaceNode, device='cpu')
    world.show(group, until=lambda: arrays and len(arrays[-1].faces) == 6 and status)
    seen = arrays[-1]
    assert (seen.width, seen.height, seen.header.stamp.sec) == (800, 420, 1000)
    assert len({face.track_id for face in seen.faces}) == 6
    for face in seen.faces:
        assert face.detected
        assert face.score > 0.9
        assert face.identity == ''
        assert all(face.x < p.x < face.x + face.width for p in face.landmarks)
        assert all(face.y < p.y < face.y + face.height for p in face.landmarks)
    numbers = [array.sequence for array in arrays]
    assert numbers == sorted(set(numbers))
    assert status[-1].backend.startswith('mtcnn')
    assert status[-1].processed > 0


def test_placeholder_has_no_faces_and_ends_the_tracks(world, group):
    arrays = world.listen(FaceArray, 'faces')
    world.start(FaceNode, device='cpu')
    world.show(group, until=lambda: arrays and len(arrays[-1].faces) == 6)
    ids = {face.track_id for face in arrays[-1].faces}
    world.show(group, until=lambda: not arrays[-1].faces, live=False)
    world.show(group, until=lambda: len(arrays[-1].faces) == 6)
    assert not ids & {face.track_id for face in arrays[-1].faces}


def test_track_ids_go_on_after_a_stop(world, group):
    arrays = world.listen(FaceArray, 'faces')
    node = world.start(FaceNode, device='cpu')
    ids = set()
    for transitions in (
        (),
        (node.trigger_deactivate, node.trigger_activate),
        (
            node.trigger_deactivate,
            node.trigger_cleanup,
            node.trigger_configure,
            node.trigger_activate,
        ),
    ):
        for transition in transitions:
            assert transition() == TransitionCallbackReturn.SUCCESS
        del arrays[:]
        world.show(group, until=lambda: arrays and len(arrays[-1].faces) == 6)
        new = {face.track_id for face in arrays[-1].faces}
        assert not ids & new
        ids |= new


def test_overwritten_picture_does_not_reach_the_tracks(world, group):
    arrays = world.listen(FaceArray, 'faces')
    node = world.start(FaceNode, device='cpu')
    early = FrameSubscriber(world.tester, 'frames')
    world.show(group, until=lambda: arrays)
    held = early.newest(5.0)
    early.close()
    assert node.trigger_deactivate() == TransitionCallbackReturn.SUCCESS
    world.show(grey(420, 800), seconds=1.0)
    assert not held.intact()
    assert node.trigger_activate() == TransitionCallbackReturn.SUCCESS
    del arrays[:]
    node._look_at(held)
    assert node._rate.overwritten == 1
    assert node._pipeline.is_due(held.monotonic_ns * 1e-9)
    assert arrays == []


def test_grey_pictures_have_faces_too(world, group):
    arrays = world.listen(FaceArray, 'faces')
    world.start(FaceNode, device='cpu')
    picture = cv2.cvtColor(group, cv2.COLOR_BGR2GRAY)
    world.show(picture, until=lambda: arrays and len(arrays[-1].faces) >= 5)


def test_fault_of_the_detector_ends_the_node(world, group):
    class Broken:
        name = 'broken'
        measure = None

        def detect(self, picture, known=None, looks_at_known=0):
            raise RuntimeError('model broke')

    class BrokenFaceNode(FaceNode):
        def _open_detector(self):
            return Broken()

    node = world.start(BrokenFaceNode)
    world.show(group, until=lambda: node.fault is not None)
    assert str(node.fault) == 'model broke'


def test_haar_works_without_landmarks(world, group):
    arrays = world.listen(FaceArray, 'faces')
    world.start(FaceNode, backend='haar', detection_interval_s=0.0)
    world.show(group, until=lambda: arrays and len(arrays[-1].faces) >= 5)
    assert all(p.x == 0 for face in arrays[-1].faces for p in face.landmarks)


def test_empty_pictures_give_empty_results(world):
    arrays = world.listen(FaceArray, 'faces')
    world.start(FaceNode, device='cpu')
    world.show(grey(240, 320), until=lambda: len(arrays) >= 3)
    assert all(array.faces == [] for array in arrays)


def test_impossible_device_is_a_configuration_error(world):
    torch = pytest.importorskip('torch')
    if torch.cuda.is_available():
        pytest.skip('this machine has a CUDA device')
    with pytest.raises(ConfigurationError, match='set device to cpu or auto'):
        world.start(FaceNode, backend='mtcnn', device='cuda')


def test_contradiction_at_the_start_is_a_configuration_error(world):
    with pytest.raises(ConfigurationError, match=r'show_unconfirmed_s 0\.3 .* keep_track_s 0\.1$'):
        world.start(FaceNode, device='cpu', keep_track_s=0.1)


def test_live_change_that_contradicts_is_refused(world):
    node = world.start(FaceNode, device='cpu')
    (result,) = node.set_parameters([Parameter('keep_track_s', value=0.1)])
    assert not result.successful
    assert 'show_unconfirmed_s 0.3' in result.reason
    (result,) = node.set_parameters([Parameter('detection_interval_s', value=0.5)])
    assert result.successful
