"""From the hands found in each picture to tracks, gestures, movements, owners, and events."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mmoment_vision.gesture_hold import GestureHold, HoldEvent, HoldSettings
from mmoment_vision.gesture_movements import OPEN_PALM, MovementDetector, MovementSettings
from mmoment_vision.gesture_rules import Gesture, gesture_probabilities, likeliest
from mmoment_vision.hand_landmarks import DetectedHand
from mmoment_vision.hand_owner import FaceBox, OwnerVotes
from mmoment_vision.hand_tracking import LONGEST_PAUSE_S, HandTracker, TrackedHand

# Phase of an event that is over as it happens.
MOVED = 'moved'


@dataclass(frozen=True, slots=True)
class SeenHand:
    """All that is known about a hand in a picture.

    `owner`: track id of the face it belongs to, or `NO_OWNER`. `hold_progress`: 0..1, share of the
    hold time for which `gesture` has been shown; 1: it is held.
    """

    tracked: TrackedHand
    gesture: Gesture
    owner: int
    hold_progress: float = 0.0


class GesturePipeline:
    """What follows the finding of hands, for one stream of pictures.

    `tracker`, `hold` and `movements` may be given new settings at any time by the same thread.
    `is_mirrored`: pictures are mirrored, as a selfie is.
    """

    def __init__(
        self,
        keep_track_s: float = 0.5,
        hold: HoldSettings | None = None,
        movements: MovementSettings | None = None,
        is_mirrored: bool = False,
    ) -> None:
        self.tracker = HandTracker(keep_track_s)
        self.hold = GestureHold(hold)
        self.movements = MovementDetector(movements, is_mirrored)
        self._owners = OwnerVotes()

    def process(
        self,
        found: Sequence[DetectedHand],
        size: tuple[int, int],
        now_s: float,
        faces: Sequence[FaceBox] = (),
    ) -> tuple[list[SeenHand], list[HoldEvent]]:
        """Take the hands of the next picture; return them and what begins, ends and moves with it.

        `size`: width and height of the picture. `now_s`: its capture time on any clock that only
        goes forward. `faces`: those of the same picture or one of about the same time.
        """
        hands: list[SeenHand] = []
        events: list[HoldEvent] = []
        for tracked in self.tracker.update(found, now_s):
            track_id, landmarks = tracked.track_id, tracked.hand.landmarks
            probabilities = gesture_probabilities(landmarks, size)
            gesture = likeliest(probabilities)
            events += self.hold.update(track_id, gesture.name, gesture.confidence, now_s)
            held = self.hold.held(track_id)
            open_palm = probabilities[OPEN_PALM]
            for movement in self.movements.update(track_id, landmarks, now_s, open_palm, held):
                events.append(
                    HoldEvent(
                        MOVED, track_id, movement.name, movement.confidence, movement.length_s
                    )
                )
            since_s = self.hold.shown_since_s(track_id)
            owner = self._owners.update(track_id, landmarks, faces, now_s, since_s)
            hands.append(SeenHand(tracked, gesture, owner, self.hold.progress(track_id)))
        self.movements.passed(now_s)
        self._owners.keep(now_s - LONGEST_PAUSE_S)
        return hands, events + self.hold.passed(now_s)
