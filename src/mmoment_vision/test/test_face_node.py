"""The face node on pictures of real faces."""

import cv2
import pytest
from ros_world import RosWorld, grey

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


def test_live_change_that_contradicts_is_refused(world):
    node = world.start(FaceNode, device='cpu')
    from rclpy.parameter import Parameter

    (result,) = node.set_parameters([Parameter('keep_track_s', value=0.1)])
    assert not result.successful
    assert 'show_unconfirmed_s' in result.reason
    (result,) = node.set_parameters([Parameter('detection_interval_s', value=0.5)])
    assert result.successful
