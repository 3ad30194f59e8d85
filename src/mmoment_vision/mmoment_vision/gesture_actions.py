"""What gestures stand for, and whether the person who makes one may have it done.

Closed by default: without an owner, a name and the right to it, a gesture does nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from mmoment_vision.gesture_movements import MOVEMENTS
from mmoment_vision.gesture_rules import GESTURES

RIGHT_OF_ACTION = {'photo': 'capture', 'clip': 'record', 'stream': 'stream'}
# Who has this right has all.
ADMIN = 'admin'
TRIGGERS = (*GESTURES, *MOVEMENTS)
DEFAULT_ACTIONS = ('peace=photo', 'thumbs_up=clip')

REQUESTED, NO_OWNER, NO_RIGHT, COOL_DOWN = 'requested', 'no_owner', 'no_right', 'cool_down'
OUTCOMES = (REQUESTED, NO_OWNER, NO_RIGHT, COOL_DOWN)
# Somebody who has not asked for so long begins anew anyway; keeps the memory small.
REMEMBERED_REQUESTS = 1000

Rights = Mapping[str, frozenset[str]]


@dataclass(frozen=True, slots=True)
class ActionDecision:
    """What becomes of a gesture that stands for an action. `outcome`: one of `OUTCOMES`."""

    outcome: str
    action: str
    right: str


def parse_actions(lines: Iterable[str]) -> dict[str, str]:
    """Read lines of the form `GESTURE=ACTION`; returns the action of each gesture or movement.

    Raises ValueError with the choices for what is unknown, and for a gesture named twice.
    """
    actions: dict[str, str] = {}
    for line in lines:
        gesture, separator, action = (part.strip() for part in line.partition('='))
        if not separator:
            raise ValueError(f"actions: '{line}' must be GESTURE=ACTION, as {DEFAULT_ACTIONS[0]}")
        if gesture not in TRIGGERS:
            raise ValueError(
                f"actions: gesture '{gesture}' is unknown, choose one of: {', '.join(TRIGGERS)}"
            )
        if action not in RIGHT_OF_ACTION:
            raise ValueError(
                f"actions: action '{action}' is unknown, choose one of: "
                f'{", ".join(RIGHT_OF_ACTION)}'
            )
        if gesture in actions:
            raise ValueError(f"actions: gesture '{gesture}' is named twice, give it one action")
        actions[gesture] = action
    return actions


@dataclass(slots=True)
class GestureActions:
    """Decides about gestures. Times are of any clock that only goes forward, in seconds.

    `actions`: action by gesture; `cool_down_s`: the same person may ask for the same action again
    so long after it was requested. `counts`: decisions so far, by outcome.
    """

    actions: Mapping[str, str]
    cool_down_s: float = 3.0
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(OUTCOMES, 0))
    _requested_s: dict[tuple[str, str], float] = field(default_factory=dict)

    def decide(
        self, gesture: str, identity: str, rights: Rights, now_s: float
    ) -> ActionDecision | None:
        """Decide about a gesture that has begun or a movement; None if it stands for nothing.

        `identity`: of the person whose hand it is; empty if that is not known. `rights`: of
        everybody who is checked in, by identity.
        """
        action = self.actions.get(gesture)
        if action is None:
            return None
        right = RIGHT_OF_ACTION[action]
        outcome = self._outcome(identity, action, right, rights, now_s)
        if outcome == REQUESTED:
            # Taken out first, so that the oldest request stays the first one.
            self._requested_s.pop((identity, action), None)
            self._requested_s[identity, action] = now_s
            if len(self._requested_s) > REMEMBERED_REQUESTS:
                del self._requested_s[next(iter(self._requested_s))]
        self.counts[outcome] += 1
        return ActionDecision(outcome, action, right)

    def _outcome(self, identity: str, action: str, right: str, rights: Rights, now_s: float) -> str:
        if not identity:
            return NO_OWNER
        if not rights.get(identity, frozenset()) & {right, ADMIN}:
            return NO_RIGHT
        last_s = self._requested_s.get((identity, action))
        if last_s is not None and now_s - last_s < self.cool_down_s:
            return COOL_DOWN
        return REQUESTED
