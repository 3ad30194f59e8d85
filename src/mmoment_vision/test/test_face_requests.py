"""Enrolment, recognition and forgetting as their clients see them, on pictures of real faces."""

import threading
import time

import numpy as np
import pytest
from face_requests_world import (
    ANNA,
    BEN,
    WAIT_S,
    Camera,
    Enrolment,
    as_message,
    call,
    read,
    wait_until,
)
from rclpy.lifecycle import TransitionCallbackReturn
from ros_world import RosWorld, grey
from sensor_msgs.msg import CompressedImage

from mmoment_interfaces.msg import EnrollmentStatus, FaceArray
from mmoment_interfaces.srv import ForgetFace, RecognizeFace
from mmoment_vision.face_node import FaceNode

pytestmark = pytest.mark.graph


@pytest.fixture
def world():
    world = RosWorld()
    yield world
    world.close()


def test_learnt_from_pictures_recognised_live_and_forgotten_in_the_next_picture(world, media):
    arrays = world.listen(FaceArray, 'faces')
    node = world.start(FaceNode, embedder='dlib')
    pictures = [as_message(read(media, name)) for name in ('obama-1.jpg', 'obama-2.jpg')]
    result = Enrolment(world, identity=ANNA, pictures=pictures).result()
    assert result.success, result.message
    assert (result.error_code, result.views, result.model_id) == ('', 2, 'dlib-resnet-2017')
    assert 0.4 < result.quality <= 1
    stranger, known = read(media, 'biden-2.jpg'), read(media, 'obama-3.jpg')
    together = np.hstack([stranger, known])
    with Camera(world, together):
        wait_until(lambda: arrays and any(face.identity for face in arrays[-1].faces), 'a name')
        time.sleep(1.0)
        assert len(arrays[-1].faces) == 2
        (named,) = [face for face in arrays[-1].faces if face.identity]
        assert named.identity == ANNA
        assert named.x > stranger.shape[1]
        assert named.similarity > 0.8
        assert {face.identity for array in arrays for face in array.faces} == {'', ANNA}

        answer = call(world, ForgetFace, 'forget_face', identity=ANNA)
        assert (answer.success, answer.templates) == (True, 1)
        newest = node._reporter.status().processed
        wait_until(lambda: node._reporter.status().processed >= newest + 2)
        del arrays[:]
        time.sleep(1.5)
        assert arrays
        assert not any(face.identity for array in arrays for face in array.faces)
    assert call(world, ForgetFace, 'forget_face', identity=ANNA).templates == 0


@pytest.mark.parametrize('name', ['biden-1.jpg', 'biden-2.jpg', 'multiface.jpg'])
def test_a_stranger_is_never_named_also_when_alone(world, media, name):
    arrays = world.listen(FaceArray, 'faces')
    world.start(FaceNode, embedder='dlib')
    pictures = [as_message(read(media, name)) for name in ('obama-1.jpg', 'obama-2.jpg')]
    assert Enrolment(world, identity=ANNA, pictures=pictures).result().success
    strangers = read(media, name)
    answer = call(world, RecognizeFace, 'recognize_face', picture=as_message(strangers))
    assert answer.faces
    assert not any(face.identity for face in answer.faces)
    with Camera(world, strangers):
        wait_until(lambda: arrays and arrays[-1].faces, 'faces')
        time.sleep(2.0)
    assert not any(face.identity for array in arrays for face in array.faces)


def test_two_people_in_one_picture_are_refused_with_the_reason(world, media):
    world.start(FaceNode, embedder='dlib')
    both = as_message(read(media, 'obama-and-biden.jpg', 600))
    result = Enrolment(world, identity=ANNA, pictures=[both]).result()
    assert not result.success
    assert result.error_code == 'several_faces'
    assert 'several_faces' in result.reasons
    assert 'More than one face' in result.message
    answer = call(world, RecognizeFace, 'recognize_face', picture=both)
    assert answer.success
    assert len(answer.faces) >= 2
    assert not any(face.identity for face in answer.faces)


def test_one_face_cannot_be_two_people(world, media):
    world.start(FaceNode, embedder='dlib')
    first = as_message(read(media, 'obama-1.jpg'))
    assert Enrolment(world, identity=ANNA, pictures=[first]).result().success
    result = Enrolment(
        world, identity=BEN, pictures=[as_message(read(media, 'obama-3.jpg'))]
    ).result()
    assert result.error_code == 'known_as_somebody_else'
    assert ANNA not in result.message
    answer = call(world, RecognizeFace, 'recognize_face', picture=first)
    assert [face.identity for face in answer.faces] == [ANNA]
    assert answer.faces[0].similarity > 0.95
    assert answer.message == '1 face, 1 known'


def test_live_enrolment_tells_how_it_goes_and_learns(world, media):
    statuses = world.listen(EnrollmentStatus, 'enrollment')
    arrays = world.listen(FaceArray, 'faces')
    world.start(FaceNode, embedder='dlib', enroll_views=3)
    person = read(media, 'obama-1.jpg')
    with Camera(world, grey(480, 640)) as camera:
        wait_until(lambda: arrays, 'pictures')
        enrolment = Enrolment(world, identity=ANNA)
        wait_until(lambda: any('no_face' in one.reasons for one in enrolment.feedback), 'a reason')
        camera.picture = person
        result = enrolment.result()
        assert result.success, result.message
        assert result.views == 3
        assert 'no_face' in result.reasons
        assert any(one.step == 'hold' and one.face_track_id for one in enrolment.feedback)
        progress = [one.progress for one in enrolment.feedback]
        assert progress == sorted(progress)
        wait_until(lambda: statuses[-1].step == 'done', 'the end')
        assert not statuses[-1].active
        assert ANNA not in str(statuses)
        wait_until(lambda: any(face.identity == ANNA for face in arrays[-1].faces), 'the name')
        answer = call(world, RecognizeFace, 'recognize_face')
        assert [face.identity for face in answer.faces] == [ANNA]


def test_live_enrolment_can_be_cancelled_and_only_one_runs(world):
    statuses = world.listen(EnrollmentStatus, 'enrollment')
    world.start(FaceNode, embedder='dlib')
    with Camera(world, grey(480, 640)):
        first = Enrolment(world, identity=ANNA)
        wait_until(lambda: first.feedback, 'feedback')
        second = Enrolment(world, identity=BEN).result()
        assert second.error_code == 'busy'
        first.handle.cancel_goal_async()
        assert first.result().error_code == 'cancelled'
        wait_until(lambda: statuses[-1].step == 'failed', 'the end')
        assert not statuses[-1].active
        assert statuses[-1].instruction == 'The enrolment has ended without success.'


def test_forgetting_ends_the_enrolment_of_that_person(world):
    world.start(FaceNode, embedder='dlib')
    with Camera(world, grey(480, 640)):
        enrolment = Enrolment(world, identity=ANNA)
        wait_until(lambda: enrolment.feedback, 'feedback')
        call(world, ForgetFace, 'forget_face', identity=BEN)
        assert not enrolment.outcome.done()
        call(world, ForgetFace, 'forget_face', identity=ANNA)
        assert enrolment.result().error_code == 'cancelled'


class HeldFaceNode(FaceNode):
    """Searches given pictures only when it may; the live ones as always."""

    def __init__(self, **arguments):
        super().__init__(**arguments)
        self.go = threading.Event()
        self.begun = threading.Event()

    def _open_detector(self):
        detector = super()._open_detector()
        if not self.is_running:
            return detector

        class Held:
            name, measure = detector.name, None

            def detect(held, picture, known=None, looks_at_known=0):
                self.begun.set()
                assert self.go.wait(WAIT_S)
                return detector.detect(picture)

        return Held()


@pytest.mark.parametrize('how', ['cancel', 'forget', 'deactivate'])
def test_whoever_says_no_in_time_is_not_learnt(world, media, how):
    node = world.start(HeldFaceNode, embedder='dlib')
    picture = as_message(read(media, 'obama-1.jpg'))
    enrolment = Enrolment(world, identity=ANNA, pictures=[picture])
    assert node.begun.wait(WAIT_S)
    if how == 'cancel':
        answer = enrolment.handle.cancel_goal_async()
        wait_until(answer.done)
        assert answer.result().goals_canceling
    elif how == 'forget':
        assert call(world, ForgetFace, 'forget_face', identity=ANNA).success
    else:
        stopping = threading.Thread(target=node.trigger_deactivate)
        stopping.start()
        time.sleep(0.3)
    node.go.set()
    result = enrolment.result()
    assert result.error_code == ('stopping' if how == 'deactivate' else 'cancelled')
    if how == 'deactivate':
        stopping.join(WAIT_S)
        assert node.trigger_activate() == TransitionCallbackReturn.SUCCESS
    answer = call(world, RecognizeFace, 'recognize_face', picture=picture)
    assert [face.identity for face in answer.faces] == ['']
    assert node._recognizer.counts().templates == 0


def test_what_was_sent_is_not_kept(world, media):
    node = world.start(FaceNode, embedder='dlib')
    picture = as_message(read(media, 'obama-1.jpg'))
    for identity, expected in ((ANNA, ''), ('nobody', 'bad_identity')):
        enrolment = Enrolment(world, identity=identity, pictures=[picture] * 3)
        assert enrolment.result().error_code == expected
    (action,) = node._requests._desk._actions
    handles = list(action._goal_handles.values())
    assert handles
    assert not any(handle.request.pictures for handle in handles)


def test_the_node_can_stop_and_start_at_any_moment(world, media):
    node = world.start(FaceNode, embedder='dlib')
    with Camera(world, read(media, 'obama-1.jpg')):
        for number in range(12):
            enrolment = Enrolment(world, identity=ANNA) if number % 4 == 0 else None
            time.sleep(0.05 * (number % 3))
            assert node.trigger_deactivate() == TransitionCallbackReturn.SUCCESS
            if enrolment is not None:
                assert enrolment.result().error_code in ('stopping', '')
            assert node.trigger_activate() == TransitionCallbackReturn.SUCCESS
    assert node.fault is None


def test_asking_in_vain_costs_nothing_later(world, media):
    node = world.start(FaceNode, embedder='dlib')
    with Camera(world, grey(480, 640), live=False) as camera:
        for _ in range(3):
            answer = call(world, RecognizeFace, 'recognize_face')
            assert answer.error_code == 'no_picture'
        assert node._requests._recognition._asked == []
        camera.live, camera.picture = True, read(media, 'obama-1.jpg')
        wait_until(lambda: call(world, RecognizeFace, 'recognize_face').success)


def test_recognition_in_vain_does_not_wait_for_a_dead_camera_for_ever(world):
    node = world.start(FaceNode, embedder='dlib')
    assert call(world, RecognizeFace, 'recognize_face').error_code == 'no_picture'
    assert node._requests._recognition._asked == []


@pytest.mark.parametrize('timeout_s', [float('inf'), float('nan'), -1.0, 1e30])
def test_no_enrolment_lasts_for_ever(world, timeout_s):
    world.start(FaceNode, embedder='dlib', enroll_timeout_s=3.0)
    with Camera(world, grey(480, 640)):
        enrolment = Enrolment(world, identity=ANNA, timeout_s=timeout_s)
        if timeout_s == 1e30:
            wait_until(lambda: enrolment.feedback)
            enrolment.handle.cancel_goal_async()
            assert enrolment.result().error_code == 'cancelled'
        else:
            assert enrolment.result().error_code == 'timed_out'


def test_too_many_pictures_are_refused_before_they_are_opened(world):
    world.start(FaceNode, embedder='dlib')
    pictures = [CompressedImage(data=b'no picture')] * 11
    assert Enrolment(world, identity=ANNA, pictures=pictures).result().error_code == (
        'too_many_pictures'
    )


def test_without_pictures_an_enrolment_ends_all_the_same(world):
    world.start(FaceNode, embedder='dlib')
    result = Enrolment(world, identity=ANNA, timeout_s=0.5).result()
    assert result.error_code == 'timed_out'
    assert 'no live picture' in result.message
    assert call(world, RecognizeFace, 'recognize_face').error_code == 'no_picture'


def test_live_enrolment_that_sees_nobody_says_so(world):
    world.start(FaceNode, embedder='dlib')
    with Camera(world, grey(480, 640)):
        result = Enrolment(world, identity=ANNA, timeout_s=1.0).result()
    assert result.error_code == 'timed_out'
    assert 'No face can be seen' in result.message
    assert list(result.reasons) == ['no_face']


@pytest.mark.parametrize('identity', ['', 'anna', '0' * 40, 'A' * 45, 'A' * 39 + '\n'])
def test_only_a_wallet_address_is_an_identity(world, identity):
    world.start(FaceNode, embedder='dlib')
    assert Enrolment(world, identity=identity).result().error_code == 'bad_identity'


@pytest.mark.parametrize('data', [b'no picture', b'\xff\xd8\xff\xe0 cut off'])
def test_what_is_no_picture_is_refused_and_the_node_goes_on(world, data):
    node = world.start(FaceNode, embedder='dlib')
    broken = CompressedImage(data=data)
    assert call(world, RecognizeFace, 'recognize_face', picture=broken).error_code == 'bad_picture'
    result = Enrolment(world, identity=ANNA, pictures=[broken]).result()
    assert result.error_code == 'bad_picture'
    assert node.fault is None


@pytest.mark.parametrize(
    ('parameters', 'reason'),
    [({'embedder': 'none'}, 'embedder is none'), ({'backend': 'haar'}, 'set backend to mtcnn')],
)
def test_where_nobody_can_be_recognised_requests_say_why(world, parameters, reason):
    world.start(FaceNode, **parameters)
    result = Enrolment(world, identity=ANNA).result()
    assert result.error_code == 'no_model'
    assert reason in result.message
    assert reason in call(world, RecognizeFace, 'recognize_face').message
    assert call(world, ForgetFace, 'forget_face', identity=ANNA).success


def test_people_are_known_until_the_node_is_cleaned_up(world, media):
    node = world.start(FaceNode, embedder='dlib')
    picture = as_message(read(media, 'obama-1.jpg'))
    assert Enrolment(world, identity=ANNA, pictures=[picture]).result().success

    def names():
        answer = call(world, RecognizeFace, 'recognize_face', picture=picture)
        return [face.identity for face in answer.faces]

    for transition in (node.trigger_deactivate, node.trigger_activate):
        assert transition() == TransitionCallbackReturn.SUCCESS
    assert names() == [ANNA]
    for transition in (
        node.trigger_deactivate,
        node.trigger_cleanup,
        node.trigger_configure,
        node.trigger_activate,
    ):
        assert transition() == TransitionCallbackReturn.SUCCESS
    assert names() == ['']
