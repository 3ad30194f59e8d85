"""Holds the names that faces were given against who they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from bench.identity_scenes import Seen
from mmoment_vision.face_boxes import overlaps
from mmoment_vision.face_identity import NamedFace
from mmoment_vision.face_tracking import TrackedFace

# A face counts as visible if this much of it can be seen, and as somebody else's to name wrongly
# already from the second share on.
VISIBLE_SHARE = 0.8
PARTLY_VISIBLE_SHARE = 0.4
SAME_FACE_OVERLAP = 0.3
# Nobody who was out of sight for less has left: the track lives on, and so must the name.
LEFT_S = 1.0


@dataclass(slots=True)
class _Person:
    """One person in one scene."""

    appeared_s: float
    seen_s: float
    is_named: bool = False
    has_returned: bool = False


@dataclass(slots=True)
class Scores:
    """Figures of all scenes."""

    visible: int = 0  # pictures with an enrolled person in sight, since the first name
    right: int = 0  # those with the right name
    followed: int = 0  # those with a track on the face
    wrong: int = 0  # faces with the name of another, in single pictures
    wrong_strangers: int = 0  # those of them that belong to nobody enrolled
    switches: int = 0  # the same by occasion
    naming_s: list[float] = field(default_factory=list)
    returning_s: list[float] = field(default_factory=list)
    never_named: int = 0
    faces_s: float = 0.0  # seconds of followed faces
    _people: dict[str, _Person] = field(default_factory=dict)
    _wrong_now: set[tuple[int, str]] = field(default_factory=set)

    def begin_scene(self) -> None:
        """Everybody has to be named anew."""
        for person in self._people.values():
            if not person.is_named:
                self.never_named += 1
                self._delays(person).append(float('inf'))
        self._people.clear()
        self._wrong_now.clear()

    def score(
        self,
        truth: Sequence[Seen],
        enrolled: set[str],
        faces: Sequence[TrackedFace],
        names: Mapping[int, NamedFace],
        now_s: float,
        period_s: float,
    ) -> None:
        """Take in the names given in one picture."""
        self.faces_s += len(faces) * period_s
        track_of = _tracks(truth, faces)
        given = {
            seen.person: names[track_id].identity
            for seen, track_id in zip(truth, track_of, strict=True)
            if track_id in names
        }
        self._score_wrong(truth, track_of, names, enrolled)
        for seen, track_id in zip(truth, track_of, strict=True):
            if seen.person in enrolled and seen.visible >= VISIBLE_SHARE:
                is_right = given.get(seen.person) == seen.person
                self._score_person(seen.person, is_right, track_id != 0, now_s)

    def _score_wrong(
        self,
        truth: Sequence[Seen],
        track_of: Sequence[int],
        names: Mapping[int, NamedFace],
        enrolled: set[str],
    ) -> None:
        wrong_now = set()
        for seen, track_id in zip(truth, track_of, strict=True):
            if seen.visible < PARTLY_VISIBLE_SHARE or track_id not in names:
                continue
            if names[track_id].identity != seen.person:
                self.wrong += 1
                self.wrong_strangers += seen.person not in enrolled
                wrong_now.add((track_id, names[track_id].identity))
        self.switches += len(wrong_now - self._wrong_now)
        self._wrong_now = wrong_now

    def _score_person(self, name: str, is_right: bool, is_followed: bool, now_s: float) -> None:
        person = self._people.get(name)
        if person is None:
            person = self._people[name] = _Person(now_s, now_s)
        elif now_s - person.seen_s > LEFT_S:
            person.appeared_s, person.is_named, person.has_returned = now_s, False, True
        person.seen_s = now_s
        if not person.is_named and is_right:
            person.is_named = True
            self._delays(person).append(now_s - person.appeared_s)
        if person.is_named:
            self.visible += 1
            self.right += is_right
            self.followed += is_followed

    def _delays(self, person: _Person) -> list[float]:
        return self.returning_s if person.has_returned else self.naming_s


def _tracks(truth: Sequence[Seen], faces: Sequence[TrackedFace]) -> list[int]:
    """Track on each face, best overlap first; 0 where there is none.

    What can be seen of two people goes before overlap: a box where two faces are is on the front
    one.
    """
    found = [0] * len(truth)
    if not truth or not faces:
        return found
    table = overlaps(np.stack([seen.box for seen in truth]), np.stack([face.box for face in faces]))
    table *= np.array([[seen.visible >= PARTLY_VISIBLE_SHARE] for seen in truth])
    while table.max() >= SAME_FACE_OVERLAP:
        row, column = np.unravel_index(int(table.argmax()), table.shape)
        found[row] = faces[column].track_id
        table[row] = table[:, column] = 0
    return found
