import pytest
from diagnostic_msgs.msg import DiagnosticStatus, KeyValue
from geometry_msgs.msg import Point32

from mmoment_api import conversions
from mmoment_api.event_models import EVENT_MODELS
from mmoment_api.face_requests import EnrolmentWish
from mmoment_api.given_pictures import GivenPicture
from mmoment_interfaces.action import EnrollFace
from mmoment_interfaces.msg import (
    CameraStatus,
    ComponentState,
    EnrollmentStatus,
    Face,
    FaceArray,
    GestureAction,
    GestureEvent,
    Hand,
    HandArray,
    StageStatus,
)
from mmoment_interfaces.srv import RecognizeFace


def as_described(kind, data):
    """The data of an event, which has exactly the fields and values that its description names."""
    model = EVENT_MODELS[kind]
    assert data.keys() == model.model_fields.keys()
    assert model.model_validate(data).model_dump() == data
    return data


def test_camera_status_with_times_of_the_ros_clock():
    message = CameraStatus(
        kind='rtsp', source='rtsp://***@cam/1', width=1920, height=1080, target_fps=25.0, fps=24.5
    )
    message.connection = ComponentState(
        state=ComponentState.WAITING_TO_RETRY, last_error='no answer', retries=3
    )
    message.connection.since.sec = 100
    camera = conversions.camera_state(message, heard_s=50.0, ros_now_ns=104_000_000_000)
    assert (camera.connection, camera.is_live) == ('waiting_to_retry', False)
    assert camera.since_s == 46.0
    assert camera.resolution == '1920x1080'
    assert as_described('camera', conversions.camera_event(camera)) == {
        'connection': 'waiting_to_retry',
        'kind': 'rtsp',
        'resolution': '1920x1080',
        'target_fps': 25.0,
        'fps': 24.5,
        'last_error': 'no answer',
        'retries': 3,
    }


@pytest.mark.parametrize('state', range(5))
def test_every_state_has_a_name(state):
    message = CameraStatus(connection=ComponentState(state=state))
    assert conversions.camera_state(message, 0.0, 0).connection != 'unknown'


def test_diagnostics_are_told_by_node_and_concern():
    status = DiagnosticStatus(
        level=DiagnosticStatus.WARN,
        name='mmoment/face_node: models: loading',
        message='slow',
        values=[KeyValue(key='a', value='1')],
    )
    diagnostic = conversions.diagnostic_state(status, 7.0)
    assert (diagnostic.node, diagnostic.concern) == ('face_node', 'models: loading')
    assert (diagnostic.level, diagnostic.values) == ('warn', {'a': '1'})


def test_figures_that_json_cannot_say_become_zero():
    message = StageStatus(stage='face_node', fps=float('nan'), latency_p50_ms=float('inf'))
    stage = conversions.stage_state(message, 1.0)
    assert (stage.fps, stage.latency_p50_ms) == (0.0, 0.0)


def test_faces_of_a_picture():
    message = FaceArray(sequence=9, monotonic_ns=5, width=640, height=480)
    message.faces = [
        Face(track_id=3, x=1.0, y=2.0, width=30.0, height=40.0, score=0.5, age_s=2.0),
        Face(track_id=4, identity='wallet', similarity=0.75),
    ]
    event = as_described('faces', conversions.faces_event(message))
    assert (event['sequence'], event['width'], event['height']) == (9, 640, 480)
    assert event['faces'][0] == {
        'track_id': 3,
        'box': {'x': 1.0, 'y': 2.0, 'width': 30.0, 'height': 40.0},
        'score': 0.5,
        'detected': False,
        'age_s': 2.0,
        'identity': None,
        'similarity': None,
    }
    assert (event['faces'][1]['identity'], event['faces'][1]['similarity']) == ('wallet', 0.75)


def test_hands_of_a_picture_without_landmarks():
    hand = Hand(track_id=2, handedness=Hand.LEFT, gesture='ok', gesture_confidence=0.9)
    hand.hold_progress = 0.5
    hand.landmarks = [Point32()] * 21
    event = as_described('hands', conversions.hands_event(HandArray(hands=[hand])))
    assert event['hands'][0]['hold_progress'] == 0.5
    assert event['hands'][0]['handedness'] == 'left'
    assert event['hands'][0]['gesture'] == 'ok'
    assert event['hands'][0]['face_track_id'] is None
    assert 'landmarks' not in event['hands'][0]
    hands = conversions.hands_state(HandArray(hands=[hand]), 3.0)
    assert hands.gestures == {2: ('ok', pytest.approx(0.9))}


def test_gestures_begin_and_end():
    message = GestureEvent(phase=GestureEvent.END, gesture='fist', held_s=1.5, hand_track_id=8)
    assert as_described('gestures', conversions.gesture_event(message))['phase'] == 'end'
    state = conversions.gesture_state(message, 10.0, 99)
    assert (state.gesture, state.since_s, state.timestamp_ms) == ('fist', 8.5, 99)
    assert state.face_track_id is None
    message.face_track_id = 3
    assert conversions.gesture_state(message, 10.0, 99).face_track_id == 3


def test_movements_are_a_phase_of_their_own():
    message = GestureEvent(phase=GestureEvent.MOVED, gesture='swipe_left', identity='wallet')
    event = as_described('gestures', conversions.gesture_event(message))
    assert (event['phase'], event['gesture'], event['identity']) == (
        'moved',
        'swipe_left',
        'wallet',
    )


@pytest.mark.parametrize(
    ('outcome', 'word'), enumerate(['requested', 'no_owner', 'no_right', 'cool_down'])
)
def test_gesture_actions_and_what_comes_of_them(outcome, word):
    message = GestureAction(
        outcome=outcome, action='photo', gesture='peace', right='capture', hand_track_id=3
    )
    event = as_described('gesture_action', conversions.gesture_action_event(message))
    assert (event['outcome'], event['action'], event['right']) == (word, 'photo', 'capture')
    assert (event['face_track_id'], event['identity']) == (None, None)


def test_an_enrolment_names_nobody():
    message = EnrollmentStatus(
        active=True, step='turn_left', instruction='Turn left', progress=0.5, reasons=['blurred']
    )
    assert as_described('enrollment', conversions.enrollment_event(message)) == {
        'active': True,
        'step': 'turn_left',
        'instruction': 'Turn left',
        'progress': 0.5,
        'reasons': ['blurred'],
        'face_track_id': None,
    }


@pytest.mark.parametrize('step', ['done', 'failed'])
def test_why_an_enrolment_ended_is_for_who_asked_for_it(step):
    sentence = 'This face is already known by another identity'
    message = EnrollmentStatus(step=step, instruction=sentence, reasons=['known'])
    event = as_described('enrollment', conversions.enrollment_event(message))
    assert (event['active'], event['step'], event['reasons']) == (False, step, [])
    assert event['instruction'] == conversions.ENDED[step]


def test_enrolments_are_asked_for_with_their_pictures():
    picture = GivenPicture('png', b'\x89PNG')
    goal = conversions.enrolment_goal(EnrolmentWish('wallet', (picture,), True, 20.0))
    assert (goal.identity, goal.with_liveness, goal.timeout_s) == ('wallet', True, 20.0)
    assert [(item.format, bytes(item.data)) for item in goal.pictures] == [('png', b'\x89PNG')]


def test_what_came_of_an_enrolment():
    result = EnrollFace.Result(
        error_code='no_good_view', message='m', reasons=['dark'], quality=float('nan'), views=2
    )
    outcome = conversions.enrolment_outcome(result)
    assert (outcome.success, outcome.error_code, outcome.reasons) == (
        False,
        'no_good_view',
        ('dark',),
    )
    assert (outcome.quality, outcome.views) == (0.0, 2)


def test_faces_that_were_found():
    face = Face(track_id=4, x=1.0, width=8.0, identity='wallet', similarity=0.5, score=1.0)
    found = conversions.found_faces(RecognizeFace.Response(success=True, width=64, faces=[face]))
    assert (found.success, found.width, found.faces[0].track_id) == (True, 64, 4)
    assert (found.faces[0].identity, found.faces[0].similarity) == ('wallet', 0.5)
    assert len(conversions.recognition_request(None).picture.data) == 0
