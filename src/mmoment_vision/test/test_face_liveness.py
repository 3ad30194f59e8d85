from itertools import pairwise

import cv2
import numpy as np
import pytest
from head_model import FLAT_FACE, HEAD, projected

from mmoment_vision.face_detection import open_detector
from mmoment_vision.face_liveness import (
    HOLD,
    OTHER_FACE,
    RAISE_CHIN,
    TOO_LATE,
    TURN_BACK,
    TURN_LEFT,
    TURN_RIGHT,
    WRONG_MOVEMENT,
    LivenessChallenge,
    LivenessFailed,
    LivenessSettings,
)

PERIOD_S = 1 / 15
POSES = {TURN_LEFT: (35, 0), TURN_RIGHT: (-35, 0), RAISE_CHIN: (0, 28)}


class Actor:
    """A head, or a flat picture of one, before a camera with 15 pictures a second."""

    def __init__(self, movements, shape=HEAD, distance=15, noise_px=0.3):
        self.challenge = LivenessChallenge(LivenessSettings())
        self.challenge.movements = movements
        self.shape, self.distance, self.noise_px = shape, distance, noise_px
        self.random = np.random.default_rng(4)
        self.pose = np.zeros(2)
        self.now_s = 50.0
        self.steps = []

    def shows(self, yaw, pitch, roll=0.0, scale=1.0, move=0.0, track_id=7):
        points = projected(self.shape, yaw, pitch, roll, self.distance) * scale + move
        points = points + self.random.normal(0, self.noise_px, (5, 2))
        step = self.challenge.look(track_id, points.astype(np.float32), True, self.now_s)
        self.now_s += PERIOD_S
        if step.name not in self.steps[-1:]:
            self.steps.append(step.name)
        return step

    def rests(self, seconds=1.0):
        for _ in range(round(seconds / PERIOD_S)):
            self.shows(*self.pose)

    def moves(self, yaw, pitch, pictures=8):
        for pose in np.linspace(self.pose, (yaw, pitch), pictures + 1)[1:]:
            self.shows(*pose)
        self.pose = np.array((yaw, pitch), float)
        self.rests(0.3)

    def obeys(self):
        self.rests()
        for movement in self.challenge.movements:
            self.moves(*POSES[movement])
            self.moves(0, 0)


@pytest.mark.parametrize(
    'movements',
    [(TURN_LEFT, TURN_RIGHT), (RAISE_CHIN, TURN_LEFT, RAISE_CHIN), (TURN_RIGHT, RAISE_CHIN)],
)
@pytest.mark.parametrize('distance', [6, 15, 60])
def test_a_head_that_moves_as_asked_passes(movements, distance):
    actor = Actor(movements, distance=distance)
    actor.obeys()
    assert actor.challenge.is_passed
    between = [step for movement in movements for step in (movement, TURN_BACK)]
    assert actor.steps == [HOLD, *between, HOLD]
    assert actor.challenge.step.progress == 1.0


def test_progress_never_goes_back():
    actor = Actor((TURN_LEFT, RAISE_CHIN, TURN_RIGHT))
    progress = [actor.challenge.step.progress]
    look = actor.challenge.look

    def recorded(*given):
        step = look(*given)
        progress.append(step.progress)
        return step

    actor.challenge.look = recorded
    actor.obeys()
    assert progress == sorted(progress)
    assert (progress[0], progress[-1]) == (0.0, 1.0)


def tilts(actor):
    for yaw, pitch in ((55, 0), (-55, 0), (0, 40), (0, -40), (40, 30), (0, 0)):
        actor.moves(yaw, pitch)


def turns_in_the_picture(actor):
    for roll in np.linspace(0, 60, 40):
        actor.shows(0, 0, roll=roll)
    for roll in np.linspace(60, -60, 50):
        actor.shows(0, 0, roll=roll)


def moves_about(actor):
    for step in np.linspace(0, 3, 100):
        actor.shows(0, 0, scale=1 + step, move=80 * step)


def holds_still(actor):
    actor.rests(7)


def goes_on(trick, actor):
    while True:
        trick(actor)


@pytest.mark.parametrize('trick', [tilts, turns_in_the_picture, moves_about, holds_still])
@pytest.mark.parametrize('distance', [5, 20])
@pytest.mark.parametrize('first', [TURN_LEFT, TURN_RIGHT, RAISE_CHIN])
def test_a_flat_photo_fails_however_it_is_moved(trick, distance, first):
    actor = Actor((first, TURN_LEFT if first != TURN_LEFT else RAISE_CHIN), FLAT_FACE, distance)
    actor.rests()
    assert actor.steps == [HOLD, first]
    with pytest.raises(LivenessFailed) as failed:
        goes_on(trick, actor)
    assert failed.value.code == TOO_LATE
    assert actor.steps == [HOLD, first]


def test_a_photo_of_a_turned_face_is_no_turn():
    turned = np.column_stack([projected(HEAD, 14, 0, 0, 1000) / 30 - 100 / 30, np.zeros(5)])
    actor = Actor((TURN_LEFT, TURN_RIGHT), turned)
    actor.rests()
    with pytest.raises(LivenessFailed) as failed:
        goes_on(tilts, actor)
    assert failed.value.code == TOO_LATE


@pytest.mark.parametrize(
    ('asked', 'shown'),
    [(TURN_LEFT, TURN_RIGHT), (TURN_RIGHT, TURN_LEFT), (RAISE_CHIN, TURN_LEFT),
     (TURN_LEFT, RAISE_CHIN)],
)  # fmt: skip
def test_another_movement_than_asked_fails(asked, shown):
    actor = Actor((asked, shown))
    actor.rests()
    with pytest.raises(LivenessFailed) as failed:
        actor.moves(*POSES[shown])
    assert failed.value.code == WRONG_MOVEMENT


def test_movements_in_the_wrong_order_fail():
    actor = Actor((TURN_LEFT, TURN_RIGHT, RAISE_CHIN))
    actor.rests()
    actor.moves(*POSES[TURN_LEFT])
    actor.moves(0, 0)
    with pytest.raises(LivenessFailed, match='Another movement'):
        actor.moves(*POSES[RAISE_CHIN])


def test_a_slow_person_fails_by_time():
    actor = Actor((TURN_LEFT, TURN_RIGHT))
    actor.rests(5.0)
    with pytest.raises(LivenessFailed) as failed:
        actor.rests(2.0)
    assert failed.value.code == TOO_LATE


def test_without_looking_straight_again_it_is_not_passed():
    actor = Actor((TURN_LEFT, TURN_RIGHT))
    actor.rests()
    actor.moves(*POSES[TURN_LEFT])
    assert actor.challenge.step.name == TURN_BACK
    with pytest.raises(LivenessFailed):
        actor.rests(7.0)


def test_a_jump_from_one_photo_to_another_is_no_movement():
    actor = Actor((TURN_LEFT, TURN_RIGHT))
    actor.rests()
    actor.pose = np.array((35.0, 0.0))
    actor.rests(1.0)
    assert actor.steps == [HOLD, TURN_LEFT]


def test_another_face_fails():
    actor = Actor((TURN_LEFT, TURN_RIGHT))
    actor.rests()
    with pytest.raises(LivenessFailed) as failed:
        actor.shows(0, 0, track_id=8)
    assert failed.value.code == OTHER_FACE


def test_points_that_were_not_detected_prove_nothing():
    challenge = LivenessChallenge()
    points = projected(HEAD, 0, 0, 0)
    for number in range(20):
        assert challenge.look(1, points, False, number * PERIOD_S).name == HOLD
    assert challenge.look(1, np.zeros((5, 2), np.float32), True, 2.0).name == HOLD


def test_order_and_number_are_random():
    seen = {LivenessChallenge().movements for _ in range(600)}
    assert len(seen) == 18
    assert {len(movements) for movements in seen} == {2, 3}
    assert all(a != b for movements in seen for a, b in pairwise(movements))


@pytest.fixture(scope='module')
def detector():
    return open_detector('mtcnn', 'cpu')


def tilted(picture, landmarks, yaw, pitch):
    """A printed picture turned out of the plane, half a metre from the camera, as seen."""
    height, width = picture.shape[:2]
    middle = landmarks.mean(axis=0)
    unit = np.hypot(*(landmarks[1] - landmarks[0]))
    corners = np.float32([[0, 0], [width, 0], [width, height], [0, height]])
    print_ = np.column_stack([(corners - middle) / unit, np.zeros(4)])
    seen = (projected(print_, yaw, pitch, 0, 8) - 100) / 30 * unit + middle
    return cv2.warpPerspective(
        picture, cv2.getPerspectiveTransform(corners, seen.astype(np.float32)), (width, height)
    )


class Detected:
    """Lets a challenge see what the detector finds in pictures."""

    def __init__(self, detector, movements):
        self.detector = detector
        self.challenge = LivenessChallenge(LivenessSettings(movement_s=1e9))
        self.challenge.movements = movements
        self.now_s = 0.0

    def looks(self, picture):
        faces = self.detector.detect(picture)
        self.now_s += PERIOD_S
        if len(faces):
            row = np.argmax(faces.boxes[:, 2] - faces.boxes[:, 0])
            self.challenge.look(1, faces.landmarks[row], True, self.now_s)
        return self.challenge.step.name


@pytest.mark.parametrize('name', ['biden-1.jpg', 'biden-2.jpg', 'obama-1.jpg', 'obama-3.jpg'])
@pytest.mark.parametrize('asked', [TURN_LEFT, TURN_RIGHT, RAISE_CHIN])
def test_tilted_print_of_a_real_face_fails(media, detector, name, asked):
    picture = cv2.imread(str(media / 'faces' / name))
    faces = detector.detect(picture)
    left, top, right, bottom = faces.boxes[0]
    side = right - left
    first = np.maximum([left - side, top - side], 0).astype(int)
    picture = picture[first[1] : int(bottom + side), first[0] : int(right + side)]
    picture = cv2.resize(picture, None, fx=90 / side, fy=90 / side, interpolation=cv2.INTER_AREA)
    straight = (faces.landmarks[0] - first) * (90 / side)
    seen = Detected(detector, (asked, TURN_RIGHT if asked != TURN_RIGHT else TURN_LEFT))
    assert [seen.looks(picture) for _ in range(6)][-1] == asked
    for way in ((1, 0), (-1, 0), (0, 1), (0, -1)):
        for degrees in (*range(5, 61, 5), *range(55, -1, -5)):
            pose = np.multiply(way, degrees)
            # A tilt that seems to be another turn than asked for ends the challenge: as well.
            try:
                step = seen.looks(tilted(picture, straight, *pose))
            except LivenessFailed:
                return
            assert step == asked, pose


def test_real_head_that_nods_raises_its_chin(media, detector):
    clip = cv2.VideoCapture(str(media / 'clips' / 'yes.mkv'))
    seen = Detected(detector, (RAISE_CHIN, TURN_LEFT))
    steps = []
    while (read := clip.read())[0]:
        steps.append(seen.looks(read[1]))
    assert sorted(set(steps), key=steps.index)[:3] == [HOLD, RAISE_CHIN, TURN_BACK]
