"""Faces as messages."""

from __future__ import annotations

from geometry_msgs.msg import Point32

from mmoment_interfaces.msg import Face
from mmoment_vision.face_boxes import Boxes
from mmoment_vision.face_gallery import Match
from mmoment_vision.face_identity import NamedFace
from mmoment_vision.face_pose import Points
from mmoment_vision.face_tracking import TrackedFace


def tracked_face_message(face: TrackedFace, name: NamedFace | None) -> Face:
    """A followed face, with its name if somebody knows it."""
    message = _message(face.box, face.landmarks, face.score)
    message.track_id = face.track_id
    message.detected = face.detected_now
    message.age_s = face.age_s
    message.detection_age_s = face.undetected_s
    if name is not None:
        message.identity, message.similarity = name.identity, name.similarity
    return message


def found_face_message(box: Boxes, landmarks: Points, score: float, match: Match | None) -> Face:
    """A face of a single picture; `match` is None if nobody looked whose it is."""
    message = _message(box, landmarks, score)
    message.detected = True
    if match is not None and match.identity:
        message.identity, message.similarity = match.identity, match.similarity
    return message


def _message(box: Boxes, landmarks: Points, score: float) -> Face:
    left, top, right, bottom = box.tolist()
    return Face(
        x=left,
        y=top,
        width=right - left,
        height=bottom - top,
        score=score,
        landmarks=[Point32(x=x, y=y) for x, y in landmarks.tolist()],
    )
