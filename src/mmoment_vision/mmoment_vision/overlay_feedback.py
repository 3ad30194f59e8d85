"""What is shown for a while and then goes by itself: notes at hands and faces, an enrolment.

Times are those of one clock of the caller, in seconds.
"""

from __future__ import annotations

import math
import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mmoment_vision.overlay_drawing import (
    DONE,
    REFUSED,
    SEEN,
    DrawnEnrolment,
    DrawnFace,
    DrawnHand,
    DrawnNote,
)

# A movement is over when it is told: long enough to be seen. An answer must be read.
MOVEMENT_S = 1.0
ANSWER_S = 1.5
# The newest ones; more would cover what they speak of.
MOST_NOTES = 8
# The stage that enrols looks at faces all the time, and takes longer than this to be back after it
# was killed. Its last word about an enrolment, latched or not, is worth nothing then.
SILENCE_S = 2.0

REQUESTED, NO_OWNER, NO_RIGHT, COOL_DOWN = 'requested', 'no_owner', 'no_right', 'cool_down'


def answer(outcome: str, action: str, *, has_face: bool) -> tuple[str, str]:
    """Words and tone for what becomes of an action that somebody asked for with a gesture.

    `has_face`: it is known whose hand it was, if not who that is.
    """
    name = action.replace('_', ' ') or 'action'
    if outcome == REQUESTED:
        return name, DONE
    if outcome == NO_OWNER:
        return ('who are you? please check in' if has_face else 'whose hand is this?'), REFUSED
    if outcome == NO_RIGHT:
        return f'{name}: not allowed for you', REFUSED
    if outcome == COOL_DOWN:
        return f'{name}: one moment please', REFUSED
    return f'{name}: not now', REFUSED


@dataclass(slots=True)
class _Note:
    text: str
    tone: str
    hand_track_id: int
    face_track_id: int
    ends_s: float
    where: tuple[float, float] | None = None


class FeedbackNotes:
    """Notes at hands and faces; told by one thread, placed by another."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._notes: list[_Note] = []

    def movement(self, name: str, hand_track_id: int, face_track_id: int, now_s: float) -> None:
        """A hand has made a movement."""
        note = _Note(name.replace('_', ' '), SEEN, hand_track_id, face_track_id, now_s + MOVEMENT_S)
        self._add(note)

    def answer(
        self, outcome: str, action: str, hand_track_id: int, face_track_id: int, now_s: float
    ) -> None:
        """An action that was asked for is done, or is not and why."""
        text, tone = answer(outcome, action, has_face=face_track_id != 0)
        self._add(_Note(text, tone, hand_track_id, face_track_id, now_s + ANSWER_S))

    def placed(
        self, hands: Sequence[DrawnHand], faces: Sequence[DrawnFace], now_s: float
    ) -> list[DrawnNote]:
        """What to show now: below the hand, else below the face, else where that was last."""
        with self._lock:
            self._notes = [note for note in self._notes if now_s < note.ends_s]
            shown = []
            rows: Counter[int] = Counter()
            for note in self._notes:
                note.where = _place(note, hands, faces) or note.where
                if note.where is not None:
                    row = rows[note.hand_track_id]
                    rows[note.hand_track_id] += 1
                    shown.append(DrawnNote(note.text, note.tone, *note.where, row))
            return shown

    def clear(self) -> None:
        """Show nothing any more."""
        with self._lock:
            self._notes.clear()

    def _add(self, note: _Note) -> None:
        with self._lock:
            # A newer movement of a hand replaces the older one, and so does an answer.
            replaced = (note.hand_track_id, note.tone == SEEN)
            self._notes = [
                one for one in self._notes if (one.hand_track_id, one.tone == SEEN) != replaced
            ][-(MOST_NOTES - 1) :]
            self._notes.append(note)


def _place(
    note: _Note, hands: Sequence[DrawnHand], faces: Sequence[DrawnFace]
) -> tuple[float, float] | None:
    for hand in hands:
        if hand.track_id == note.hand_track_id:
            x, y = hand.landmarks[:, 0], hand.landmarks[:, 1]
            return float(np.mean(x)), float(np.max(y))
    for face in faces:
        if face.track_id == note.face_track_id:
            return face.x + face.width / 2, face.y + face.height
    return None


class RecordingView:
    """How long a clip is being recorded, as whoever records tells it once a second."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._elapsed_s = 0.0
        self._heard_s = -math.inf

    def told(self, elapsed_s: float | None, now_s: float) -> None:
        """How long the longest one lasts until now; None: nothing is recorded any more."""
        with self._lock:
            self._elapsed_s = elapsed_s or 0.0
            self._heard_s = -math.inf if elapsed_s is None else now_s

    def shown(self, now_s: float) -> str:
        """Words for the status line; empty: nothing is recorded, or nobody says so any more."""
        with self._lock:
            since_s = now_s - self._heard_s
            if since_s > SILENCE_S:
                return ''
            minutes, seconds = divmod(int(self._elapsed_s + since_s), 60)
            return f'REC {minutes}:{seconds:02d}'

    def clear(self) -> None:
        """Show nothing any more."""
        self.told(None, 0.0)


class EnrolmentView:
    """The enrolment to show, from a latched message whose publisher may be gone."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._shown: DrawnEnrolment | None = None
        self._heard_s = 0.0

    def told(self, enrolment: DrawnEnrolment | None, now_s: float) -> None:
        """How the enrolment goes; None: there is none any more."""
        with self._lock:
            self._shown = enrolment
            self._heard_s = now_s

    def lives(self, now_s: float) -> None:
        """The stage that enrols has given a sign of life; nothing outlasts its silence."""
        with self._lock:
            self._forget_after_silence(now_s)
            self._heard_s = now_s

    def shown(self, now_s: float) -> DrawnEnrolment | None:
        """What to show now."""
        with self._lock:
            self._forget_after_silence(now_s)
            return self._shown

    def clear(self) -> None:
        """Show none."""
        with self._lock:
            self._shown = None

    def _forget_after_silence(self, now_s: float) -> None:
        if now_s - self._heard_s > SILENCE_S:
            self._shown = None
