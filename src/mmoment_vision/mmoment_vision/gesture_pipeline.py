"""From the hands found in each picture to tracks, gestures, owners, and what begins and ends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mmoment_vision.gesture_hold import GestureHold, HoldEvent, HoldSettings
from mmoment_vision.gesture_rules import Gesture, classify_hand
from mmoment_vision.hand_landmarks import DetectedHand
from mmoment_vision.hand_owner import FaceBox, find_owner
from mmoment_vision.hand_tracking import HandTracker, TrackedHand


@dataclass(frozen=True, slots=True)
class SeenHand:
    """All that is known about a hand in a picture.

    `owner`: track id of the face it belongs to, or `NO_OWNER`.
    """

    tracked: TrackedHand
    gesture: Gesture
    owner: int


class GesturePipeline:
    """What follows the finding of hands, for one stream of pictures.

    `tracker` and `hold` may be given new settings at any time by the same thread.
    """

    def __init__(self, keep_track_s: float = 0.5, hold: HoldSettings | None = None) -> None:
        self.tracker = HandTracker(keep_track_s)
        self.hold = GestureHold(hold)

    def process(
        self,
        found: Sequence[DetectedHand],
        size: tuple[int, int],
        now_s: float,
        faces: Sequence[FaceBox] = (),
    ) -> tuple[list[SeenHand], list[HoldEvent]]:
        """Take the hands of the next picture; return them and what begins and ends with it.

        `size`: width and height of the picture. `now_s`: its capture time on any clock that only
        goes forward. `faces`: those of the same picture or one of about the same time.
        """
        hands: list[SeenHand] = []
        events: list[HoldEvent] = []
        for tracked in self.tracker.update(found, now_s):
            gesture = classify_hand(tracked.hand.landmarks, size)
            hands.append(SeenHand(tracked, gesture, find_owner(tracked.hand.landmarks, faces)))
            events += self.hold.update(tracked.track_id, gesture.name, gesture.confidence, now_s)
        return hands, events + self.hold.passed(now_s)
