"""ROS messages to what the web side works with."""

from __future__ import annotations

import math
from array import array
from typing import Any

from diagnostic_msgs.msg import DiagnosticStatus
from sensor_msgs.msg import CompressedImage

from mmoment_api.face_requests import EnrolmentOutcome, EnrolmentWish, FoundFace, FoundFaces
from mmoment_api.given_pictures import GivenPicture
from mmoment_api.graph_state import (
    CameraState,
    DiagnosticState,
    GestureState,
    Hands,
    Json,
    StageState,
)
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

CONNECTIONS = {
    ComponentState.IDLE: 'idle',
    ComponentState.CONNECTING: 'connecting',
    ComponentState.LIVE: 'live',
    ComponentState.WAITING_TO_RETRY: 'waiting_to_retry',
    ComponentState.FAILED: 'failed',
}
LEVELS = {
    DiagnosticStatus.OK: 'ok',
    DiagnosticStatus.WARN: 'warn',
    DiagnosticStatus.ERROR: 'error',
    DiagnosticStatus.STALE: 'stale',
}
PHASES = {GestureEvent.BEGIN: 'begin', GestureEvent.END: 'end', GestureEvent.MOVED: 'moved'}
OUTCOMES = {
    GestureAction.REQUESTED: 'requested',
    GestureAction.NO_OWNER: 'no_owner',
    GestureAction.NO_RIGHT: 'no_right',
    GestureAction.COOL_DOWN: 'cool_down',
}
# The part's own sentence about the end is for who asked: it may tell why a face was refused.
ENDED = {'done': 'The enrolment is done', 'failed': 'The enrolment has ended without success'}
HANDEDNESS = {Hand.UNKNOWN: None, Hand.LEFT: 'left', Hand.RIGHT: 'right'}


def camera_state(message: CameraStatus, heard_s: float, ros_now_ns: int) -> CameraState:
    """The camera's status; `ros_now_ns` is the ROS clock, in which the message gives times."""
    connection = message.connection
    since_ns = connection.since.sec * 1_000_000_000 + connection.since.nanosec
    return CameraState(
        heard_s=heard_s,
        connection=CONNECTIONS.get(connection.state, 'unknown'),
        since_s=heard_s - max(0.0, (ros_now_ns - since_ns) / 1e9),
        last_error=connection.last_error,
        retries=connection.retries,
        kind=message.kind,
        source=message.source,
        chosen_by_auto=message.chosen_by_auto,
        width=message.width,
        height=message.height,
        pixel_format=message.pixel_format,
        target_fps=finite(message.target_fps),
        fps=finite(message.fps),
        frames=message.frames,
        dropped=message.dropped,
        frame_age_s=finite(message.frame_age_s),
    )


def camera_event(camera: CameraState) -> Json:
    """What everybody with a view of the camera may know of its source."""
    return {
        'connection': camera.connection,
        'kind': camera.kind,
        'resolution': camera.resolution,
        'target_fps': _rounded(camera.target_fps),
        'fps': _rounded(camera.fps),
        'last_error': camera.last_error,
        'retries': camera.retries,
    }


def stage_state(message: StageStatus, heard_s: float) -> StageState:
    """How a stage keeps up."""
    return StageState(
        heard_s=heard_s,
        stage=message.stage,
        backend=message.backend,
        fps=finite(message.fps),
        latency_p50_ms=finite(message.latency_p50_ms),
        latency_p99_ms=finite(message.latency_p99_ms),
        processed=message.processed,
        dropped=message.dropped,
        overwritten=message.overwritten,
    )


def diagnostic_state(message: DiagnosticStatus, heard_s: float) -> DiagnosticState:
    """One concern of a node; the name is 'namespace/node: concern'."""
    path, _, concern = message.name.partition(': ')
    return DiagnosticState(
        heard_s=heard_s,
        node=path.rpartition('/')[2],
        concern=concern,
        level=LEVELS.get(message.level, 'stale'),
        message=message.message,
        values={item.key: item.value for item in message.values},
    )


def hands_state(message: HandArray, heard_s: float) -> Hands:
    """What the current gesture needs of the hands."""
    return Hands(
        heard_s,
        {hand.track_id: (hand.gesture, finite(hand.gesture_confidence)) for hand in message.hands},
    )


def gesture_state(message: GestureEvent, heard_s: float, timestamp_ms: int) -> GestureState:
    """A gesture that begins or ends, or a movement."""
    return GestureState(
        gesture=message.gesture,
        confidence=finite(message.confidence),
        hand_track_id=message.hand_track_id,
        since_s=heard_s - finite(message.held_s),
        timestamp_ms=timestamp_ms,
        face_track_id=message.face_track_id or None,
    )


def faces_event(message: FaceArray) -> Json:
    """The faces of one picture."""
    return {**_picture(message), 'faces': [_face(face) for face in message.faces]}


def hands_event(message: HandArray) -> Json:
    """The hands of one picture, without their landmarks."""
    return {**_picture(message), 'hands': [_hand(hand) for hand in message.hands]}


def gesture_event(message: GestureEvent) -> Json:
    """A gesture that begins or ends, or a movement."""
    return {
        'sequence': message.sequence,
        'monotonic_ns': message.monotonic_ns,
        'phase': PHASES.get(message.phase, 'unknown'),
        'gesture': message.gesture,
        'confidence': _rounded(message.confidence),
        'held_s': _rounded(message.held_s),
        'hand_track_id': message.hand_track_id,
        'handedness': HANDEDNESS.get(message.handedness),
        'face_track_id': message.face_track_id or None,
        'identity': message.identity or None,
    }


def gesture_action_event(message: GestureAction) -> Json:
    """A gesture that stands for an action, and what comes of it."""
    return {
        'sequence': message.sequence,
        'monotonic_ns': message.monotonic_ns,
        'outcome': OUTCOMES.get(message.outcome, 'unknown'),
        'action': message.action,
        'gesture': message.gesture,
        'right': message.right,
        'hand_track_id': message.hand_track_id,
        'face_track_id': message.face_track_id or None,
        'identity': message.identity or None,
    }


def enrollment_event(message: EnrollmentStatus) -> Json:
    """How an enrolment goes; names nobody, and does not tell why one failed."""
    is_active = message.active
    return {
        'active': is_active,
        'step': message.step,
        'instruction': message.instruction if is_active else ENDED.get(message.step, ''),
        'progress': _rounded(message.progress),
        'reasons': list(message.reasons) if is_active else [],
        'face_track_id': message.face_track_id or None,
    }


def enrolment_goal(wish: EnrolmentWish) -> EnrollFace.Goal:
    """What `face_node` is asked for."""
    return EnrollFace.Goal(
        identity=wish.identity,
        pictures=[_compressed(picture) for picture in wish.pictures],
        with_liveness=wish.with_liveness,
        timeout_s=wish.timeout_s,
        owner_key=array('B', wish.owner_key),
    )


def enrolment_outcome(message: EnrollFace.Result) -> EnrolmentOutcome:
    """What came of an enrolment."""
    return EnrolmentOutcome(
        success=message.success,
        error_code=message.error_code,
        message=message.message,
        reasons=tuple(message.reasons),
        quality=_rounded(message.quality),
        quality_rating=message.quality_rating,
        model_id=message.model_id,
        views=message.views,
        liveness_passed=message.liveness_passed,
        record_id=message.record_id,
        envelope=bytes(message.envelope),
    )


def recognition_request(picture: GivenPicture | None) -> RecognizeFace.Request:
    """A given picture, or the newest one of the camera."""
    request = RecognizeFace.Request()
    if picture is not None:
        request.picture = _compressed(picture)
    return request


def found_faces(message: RecognizeFace.Response) -> FoundFaces:
    """The faces of one picture."""
    return FoundFaces(
        success=message.success,
        error_code=message.error_code,
        message=message.message,
        model_id=message.model_id,
        width=message.width,
        height=message.height,
        faces=tuple(
            FoundFace(
                x=_rounded(face.x),
                y=_rounded(face.y),
                width=_rounded(face.width),
                height=_rounded(face.height),
                score=_rounded(face.score),
                track_id=face.track_id,
                identity=face.identity,
                similarity=_rounded(face.similarity),
            )
            for face in message.faces
        ),
    )


def _compressed(picture: GivenPicture) -> CompressedImage:
    message = CompressedImage(format=picture.format)
    # Bytes would be checked one by one; an array of the right type is taken as it is.
    message.data = array('B', picture.data)
    return message


def _picture(message: Any) -> Json:
    return {
        'sequence': message.sequence,
        'monotonic_ns': message.monotonic_ns,
        'width': message.width,
        'height': message.height,
    }


def _face(face: Face) -> Json:
    return {
        'track_id': face.track_id,
        'box': _box(face),
        'score': _rounded(face.score),
        'detected': face.detected,
        'age_s': _rounded(face.age_s),
        'identity': face.identity or None,
        'similarity': _rounded(face.similarity) if face.identity else None,
    }


def _hand(hand: Hand) -> Json:
    return {
        'track_id': hand.track_id,
        'box': _box(hand),
        'handedness': HANDEDNESS.get(hand.handedness),
        'gesture': hand.gesture or None,
        'confidence': _rounded(hand.gesture_confidence),
        'hold_progress': _rounded(hand.hold_progress),
        'face_track_id': hand.face_track_id or None,
    }


def _box(item: Any) -> Json:
    return {
        'x': _rounded(item.x),
        'y': _rounded(item.y),
        'width': _rounded(item.width),
        'height': _rounded(item.height),
    }


def finite(value: float) -> float:
    """The same, or 0: JSON has neither infinity nor NaN, and browsers refuse both."""
    return float(value) if math.isfinite(value) else 0.0


def _rounded(value: float) -> float:
    return round(finite(value), 3)
