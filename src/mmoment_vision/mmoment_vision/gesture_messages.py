"""What hands do, and what becomes of it, as messages."""

from __future__ import annotations

from dataclasses import dataclass

from mmoment_interfaces.msg import GestureAction, GestureEvent, Hand, HandArray
from mmoment_vision import gesture_actions
from mmoment_vision.gesture_actions import ActionDecision
from mmoment_vision.gesture_hold import BEGIN, END, HoldEvent
from mmoment_vision.gesture_pipeline import MOVED
from mmoment_vision.hand_owner import NO_OWNER

PHASES = {BEGIN: GestureEvent.BEGIN, END: GestureEvent.END, MOVED: GestureEvent.MOVED}
OUTCOMES = {
    gesture_actions.REQUESTED: GestureAction.REQUESTED,
    gesture_actions.NO_OWNER: GestureAction.NO_OWNER,
    gesture_actions.NO_RIGHT: GestureAction.NO_RIGHT,
    gesture_actions.COOL_DOWN: GestureAction.COOL_DOWN,
}


@dataclass(frozen=True, slots=True)
class HandOf:
    """Whose hand it is, and which: as in Hand.msg."""

    face_track_id: int = NO_OWNER
    handedness: int = Hand.UNKNOWN


def event_message(event: HoldEvent, source: HandArray, hand: HandOf, identity: str) -> GestureEvent:
    """A mmoment_interfaces/GestureEvent. `source`: the hands of the picture that decided it."""
    return GestureEvent(
        header=source.header,
        sequence=source.sequence,
        monotonic_ns=source.monotonic_ns,
        phase=PHASES[event.phase],
        gesture=event.gesture,
        confidence=min(1.0, event.confidence),
        held_s=event.held_s,
        hand_track_id=event.track_id,
        handedness=hand.handedness,
        face_track_id=hand.face_track_id,
        identity=identity,
    )


def action_message(decision: ActionDecision, event: GestureEvent) -> GestureAction:
    """A mmoment_interfaces/GestureAction about an event."""
    return GestureAction(
        header=event.header,
        sequence=event.sequence,
        monotonic_ns=event.monotonic_ns,
        outcome=OUTCOMES[decision.outcome],
        action=decision.action,
        gesture=event.gesture,
        right=decision.right,
        hand_track_id=event.hand_track_id,
        face_track_id=event.face_track_id,
        identity=event.identity,
    )
