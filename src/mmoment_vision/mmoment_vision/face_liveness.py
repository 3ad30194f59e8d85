"""A challenge that a photo held up to the camera fails: move the head as asked, in random order.

It is a hurdle and no guarantee. Asked for is a turn to the left, a turn to the right or a raised
chin; seen is the nose moving against the plane of eyes and mouth (`face_pose.nose_shift`), which
a flat picture lacks however it is moved, turned or tilted. A detector that has learnt how heads
look sets the points of a tilted print a little as if it had depth: 1 print in 50 tilted by 10 to
60 degrees seems to turn far enough. So the face must be narrowed as such a turn of a head narrows
it, which leaves 1 in 200, and the movements must come one after the other as asked: of 13
prints tilted to all sides, one passed one movement and none a whole challenge.

What passes: a film of the person that happens to show the movements asked for (1 of 18 sequences),
or can be steered; a mask; a sculpture turned by hand; maybe a photo bent to a tube.

There is no blink among the movements. A turn shows at every size at which a face may be learnt; an
eye is then 12 pixels wide. On the clips of signers a blink changes the darkness of the eyes by 0.05
to 0.08 of that of the skin, raising the head by 0.07, and of one signer no eye can be made out.
"""

from __future__ import annotations

import secrets
from collections import deque
from dataclasses import dataclass
from random import Random

import numpy as np

from mmoment_vision.face_pose import (
    Array,
    Points,
    has_landmarks,
    head_pose,
    nose_shift,
    turn_degrees,
    upright,
)

TURN_LEFT, TURN_RIGHT, RAISE_CHIN = 'turn_left', 'turn_right', 'raise_chin'
HOLD, TURN_BACK = 'hold', 'turn_back'
MOVEMENTS = (TURN_LEFT, TURN_RIGHT, RAISE_CHIN)
INSTRUCTIONS = {
    HOLD: 'Look straight into the camera and hold still.',
    TURN_LEFT: 'Turn your head slowly to your left.',
    TURN_RIGHT: 'Turn your head slowly to your right.',
    RAISE_CHIN: 'Raise your chin slowly.',
    TURN_BACK: 'Look straight into the camera again.',
}

WRONG_MOVEMENT, TOO_LATE, OTHER_FACE = (
    'liveness_wrong_movement',
    'liveness_too_late',
    'liveness_other_face',
)
FAILURES = {
    WRONG_MOVEMENT: 'Another movement was seen than was asked for: start again.',
    TOO_LATE: 'The movement asked for was not seen in time: move the head itself, start again.',
    OTHER_FACE: 'The face was lost or another one came during the movements: start again.',
}

# Degrees: people turn by 30 and more when asked to.
TURN_DEGREES = 25.0
CHIN_DEGREES = 20.0
CENTRE_DEGREES = 9.0
# Of these shares of the angle, some must be seen on the way: a photo that is swapped for another
# jumps.
ON_THE_WAY = (0.3, 0.85)
# Another movement counts only if it is larger: many raise the chin a little when they turn.
WRONG_FACTOR = 1.3
# Pictures in a row that must show it: one is an error of the detector.
SEEN_PICTURES = 2
WRONG_PICTURES = 3
CENTRE_PICTURES = 3
# At rest: so many pictures, points still within this share of the distance between the eyes, and
# the face to the camera.
REST_PICTURES = 5
REST_SPREAD = 0.04
REST_YAW_DEGREES = 15.0
# Width of a face to its height, in shares of what is expected of a head turned as its nose says;
# a signer who nods has 0.96 to 1.07. Prints have less or more, as has an open mouth.
LEAST_FIT, MOST_FIT = 0.88, 1.14


@dataclass(frozen=True, slots=True)
class LivenessSettings:
    """How much is asked: a number of movements at random, and seconds for each."""

    fewest: int = 2
    most: int = 3
    movement_s: float = 6.0  # also for looking straight again


@dataclass(frozen=True, slots=True)
class LivenessStep:
    """What the person is to do now: a key of `INSTRUCTIONS`, and the part that is done, 0..1."""

    name: str
    progress: float

    @property
    def instruction(self) -> str:
        """The same as a sentence."""
        return INSTRUCTIONS[self.name]


class LivenessFailed(Exception):
    """The challenge is not passed. `code`: a key of `FAILURES`; the text is its sentence."""

    def __init__(self, code: str) -> None:
        super().__init__(FAILURES[code])
        self.code = code


def random_movements(settings: LivenessSettings, random: Random) -> tuple[str, ...]:
    """Movements in random number and order, never the same twice in a row."""
    chosen: list[str] = []
    for _ in range(random.randint(settings.fewest, settings.most)):
        chosen.append(random.choice([each for each in MOVEMENTS if chosen[-1:] != [each]]))
    return tuple(chosen)


class LivenessChallenge:
    """One challenge for one face. Give it every picture with `look`."""

    def __init__(
        self, settings: LivenessSettings | None = None, random: Random | None = None
    ) -> None:
        self.settings = settings or LivenessSettings()
        # The order must not be guessed from earlier ones.
        self.movements = random_movements(self.settings, random or secrets.SystemRandom())
        self._track_id = 0
        self._rest: deque[Array] = deque(maxlen=REST_PICTURES)
        self._reference: Array | None = None
        self._done = 0
        self._is_centred = False
        self._since_s: float | None = None
        self._right = self._wrong = self._centred = 0
        self._was_on_the_way = False

    @property
    def has_begun(self) -> bool:
        """Whether the face was looked at: from then on it must be the same."""
        return self._since_s is not None

    @property
    def is_passed(self) -> bool:
        """Whether all movements were seen, and the face looks straight again."""
        return self._done == len(self.movements) and self._is_centred

    @property
    def step(self) -> LivenessStep:
        """What the person is to do now."""
        steps = 2 * len(self.movements) + 1
        if self._reference is None:
            return LivenessStep(HOLD, 0.0)
        if not self._is_centred:
            return LivenessStep(TURN_BACK, 2 * self._done / steps)
        name = HOLD if self.is_passed else self.movements[self._done]
        return LivenessStep(name, (2 * self._done + 1) / steps)

    def look(
        self, track_id: int, landmarks: Points, is_detected: bool, now_s: float
    ) -> LivenessStep:
        """Take the face's points (5, 2) in the next picture; returns the step that comes then.

        `is_detected`: the points are of this picture, not only followed into it. Raises
        LivenessFailed.
        """
        if self.is_passed:
            return self.step
        if self._since_s is None:
            self._track_id, self._since_s = track_id, now_s
        if track_id != self._track_id:
            raise LivenessFailed(OTHER_FACE)
        if is_detected and has_landmarks(landmarks):
            self._see(landmarks, now_s)
        if not self.is_passed and now_s - self._since_s > self.settings.movement_s:
            raise LivenessFailed(TOO_LATE)
        return self.step

    def _see(self, landmarks: Points, now_s: float) -> None:
        if self._reference is None:
            self._see_rest(landmarks, now_s)
            return
        to_left, upwards = turn_degrees(nose_shift(self._reference, landmarks))
        if not _is_of_a_head(self._reference, landmarks, to_left, upwards):
            self._right = self._wrong = self._centred = 0
            return
        if not self._is_centred:
            is_straight = max(abs(to_left), abs(upwards)) <= CENTRE_DEGREES
            self._centred = self._centred + 1 if is_straight else 0
            if self._centred >= CENTRE_PICTURES:
                self._go_on(now_s, is_centred=True)
        elif self._is_shown(to_left, upwards):
            self._done += 1
            self._go_on(now_s, is_centred=False)

    def _see_rest(self, landmarks: Points, now_s: float) -> None:
        """Learn how this person looks at rest."""
        if abs(head_pose(landmarks).yaw) > REST_YAW_DEGREES:
            self._rest.clear()
            return
        self._rest.append(upright(landmarks))
        views = np.array(self._rest)
        if len(views) == REST_PICTURES and np.ptp(views, axis=0).max() < 2 * REST_SPREAD:
            self._reference = views.mean(axis=0)
            self._go_on(now_s, is_centred=True)

    def _is_shown(self, to_left: float, upwards: float) -> bool:
        """Whether the movement asked for is seen now. Raises LivenessFailed for another one."""
        asked = self.movements[self._done]
        shares = {
            TURN_LEFT: to_left / TURN_DEGREES,
            TURN_RIGHT: -to_left / TURN_DEGREES,
            RAISE_CHIN: upwards / CHIN_DEGREES,
        }
        share = shares.pop(asked)
        if ON_THE_WAY[0] <= share <= ON_THE_WAY[1]:
            self._was_on_the_way = True
        others = max(shares.values())
        # While the head goes where it was asked to, other movements are by the way.
        is_wrong = others >= WRONG_FACTOR and share < ON_THE_WAY[0]
        self._wrong = self._wrong + 1 if is_wrong else 0
        if self._wrong >= WRONG_PICTURES:
            raise LivenessFailed(WRONG_MOVEMENT)
        self._right = self._right + 1 if share >= 1 and self._was_on_the_way else 0
        return self._right >= SEEN_PICTURES

    def _go_on(self, now_s: float, *, is_centred: bool) -> None:
        self._is_centred = is_centred
        self._since_s = now_s
        self._right = self._wrong = self._centred = 0
        self._was_on_the_way = False


def _is_of_a_head(reference: Array, landmarks: Points, to_left: float, upwards: float) -> bool:
    """Whether the face is as much narrower or lower as a head's that is turned so."""
    turned, nodded = np.cos(np.radians([to_left, upwards]))
    expected = _slenderness(reference) * nodded / turned
    return bool(LEAST_FIT <= expected / _slenderness(upright(landmarks)) <= MOST_FIT)


def _slenderness(face: Array) -> float:
    """Distance from the eyes to the mouth, in distances between the eyes."""
    return max(float(np.hypot(*((face[3] + face[4]) / 2))), 1e-3)
