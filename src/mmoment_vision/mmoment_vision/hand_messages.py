"""Hands as messages."""

from __future__ import annotations

from geometry_msgs.msg import Point32

from mmoment_interfaces.msg import Hand
from mmoment_vision.gesture_pipeline import SeenHand
from mmoment_vision.hand_landmarks import LEFT, RIGHT, UNKNOWN

HANDEDNESS = {UNKNOWN: Hand.UNKNOWN, LEFT: Hand.LEFT, RIGHT: Hand.RIGHT}


def hand_message(seen: SeenHand) -> Hand:
    """A mmoment_interfaces/Hand."""
    tracked = seen.tracked
    x, y, width, height = tracked.hand.box
    return Hand(
        track_id=tracked.track_id,
        handedness=HANDEDNESS[tracked.handedness],
        handedness_score=tracked.handedness_score,
        x=x,
        y=y,
        width=width,
        height=height,
        landmarks=[Point32(x=a, y=b, z=c) for a, b, c in tracked.hand.landmarks.tolist()],
        gesture=seen.gesture.name,
        gesture_confidence=min(1.0, seen.gesture.confidence),
        hold_progress=seen.hold_progress,
        face_track_id=seen.owner,
    )
