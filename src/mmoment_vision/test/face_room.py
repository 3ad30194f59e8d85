"""People before a camera, as the keeper of their names meets them."""

import numpy as np

from mmoment_vision.face_gallery import Match
from mmoment_vision.face_identity import IdentityKeeper, IdentitySettings
from mmoment_vision.face_tracking import TrackedFace

SETTINGS = IdentitySettings()
STRANGER = Match('', 0.4, 'ann', 0.2)
LANDMARKS = np.ones((5, 2), np.float32)
WIDTH = 100.0


def match_of(person):
    """What the gallery says when it sees somebody; strangers are nearest to somebody, too."""
    return Match(person, 0.9, person, 0.3) if person in ('ann', 'bob') else STRANGER


def face(track_id, x, undetected_s=0.0, landmarks=LANDMARKS):
    box = np.array([x, 100, x + WIDTH, 220], np.float32)
    return TrackedFace(track_id, box, landmarks, 0.9, True, 1.0, undetected_s)


class Room:
    """People before a camera, on a clock of its own; one face is looked at per picture."""

    def __init__(self, rate_hz=30.0, **settings):
        self.keeper = IdentityKeeper(IdentitySettings(**settings))
        self.period_s = 1.0 / rate_hz
        self.now_s = 50.0
        self.people = {}  # by track: who is there, and where
        self.weights = {}
        self.looks = []  # time and track
        self.names = []  # what was shown, picture by picture

    def puts(self, track_id, person, x):
        self.people[track_id] = (person, x)

    def passes(self, seconds, with_looks=True):
        for _ in range(round(seconds / self.period_s)):
            faces = [face(track_id, x) for track_id, (_, x) in self.people.items()]
            self.keeper.advance(faces, self.now_s)
            wanted = self.keeper.wanted(faces, self.now_s)
            for track_id in wanted[:1] if with_looks else []:
                person, _ = self.people[track_id]
                weight = self.weights.get(track_id, 1.0)
                self.keeper.saw(track_id, match_of(person), self.now_s, weight)
                self.looks.append((self.now_s, track_id))
            self.names.append({f.track_id: self.name(f.track_id) for f in faces})
            self.now_s += self.period_s

    def name(self, track_id):
        named = self.keeper.name_of(track_id)
        return named.identity if named else ''

    def looks_at(self, track_id, since_s):
        return sum(seen == track_id and time_s >= since_s for time_s, seen in self.looks)

    def shown(self, track_id):
        return {names[track_id] for names in self.names if track_id in names}


def room_with(person='ann', x=100.0, **settings):
    """A room in which a person has been named, as track 1."""
    room = Room(**settings)
    room.puts(1, person, x)
    room.passes(1.0)
    assert room.name(1) == person
    return room
