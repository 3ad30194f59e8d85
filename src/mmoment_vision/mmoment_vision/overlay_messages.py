"""Messages as what the overlay draws and watches."""

from __future__ import annotations

import numpy as np

from mmoment_interfaces.msg import EnrollmentStatus, Face, FaceArray, GestureAction, Hand
from mmoment_vision.overlay_drawing import DrawnEnrolment, DrawnFace, DrawnHand
from mmoment_vision.overlay_feedback import COOL_DOWN, NO_OWNER, NO_RIGHT, REQUESTED
from mmoment_vision.overlay_strangers import SeenFace

HANDEDNESS = {Hand.UNKNOWN: '', Hand.LEFT: 'left', Hand.RIGHT: 'right'}
OUTCOMES = {
    GestureAction.REQUESTED: REQUESTED,
    GestureAction.NO_OWNER: NO_OWNER,
    GestureAction.NO_RIGHT: NO_RIGHT,
    GestureAction.COOL_DOWN: COOL_DOWN,
}


def drawn_face(face: Face) -> DrawnFace:
    """A face to draw."""
    points = np.array([(p.x, p.y) for p in face.landmarks], np.float32)
    return DrawnFace(
        track_id=face.track_id,
        x=face.x,
        y=face.y,
        width=face.width,
        height=face.height,
        score=face.score,
        # All zero where the detector gives none.
        landmarks=points if points.any() else None,
        identity=face.identity,
        similarity=face.similarity,
    )


def drawn_hand(hand: Hand, *, is_held: bool) -> DrawnHand:
    """A hand to draw."""
    return DrawnHand(
        track_id=hand.track_id,
        landmarks=np.array([(p.x, p.y) for p in hand.landmarks], np.float32),
        handedness=HANDEDNESS.get(hand.handedness, ''),
        gesture=hand.gesture,
        confidence=hand.gesture_confidence,
        is_held=is_held,
        hold_progress=hand.hold_progress,
    )


def drawn_enrolment(status: EnrollmentStatus) -> DrawnEnrolment | None:
    """The enrolment to draw; None if none is under way."""
    if not status.active:
        return None
    return DrawnEnrolment(status.face_track_id, status.instruction, status.progress)


def outcome_of(action: GestureAction) -> str:
    """What becomes of an action, in the words of `overlay_feedback`; empty for an unknown one."""
    return OUTCOMES.get(action.outcome, '')


def seen_faces(message: FaceArray) -> list[SeenFace]:
    """Faces as the watch for strangers takes them: whoever is not named is one."""
    return [
        SeenFace(
            track_id=face.track_id,
            box=(face.x, face.y, face.x + face.width, face.y + face.height),
            is_named=bool(face.identity),
        )
        for face in message.faces
    ]
