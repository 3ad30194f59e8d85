import cv2
import numpy as np
import pytest

from mmoment_vision import face_quality
from mmoment_vision.face_boxes import empty_boxes
from mmoment_vision.face_detection import open_detector
from mmoment_vision.face_quality import FAIR, GOOD, POOR, REASONS, assess, sentences

# Places in the upright face, in distances between the eyes from their middle.
MOUTH = [[-0.7, 0.75], [0.7, 0.75], [0.7, 1.45], [-0.7, 1.45]]
MASK = [[-0.85, 0.5], [0, 0.38], [0.85, 0.5], [0.75, 1.45], [0, 1.75], [-0.75, 1.45]]
LEFT_EYE = [[0.05, -0.35], [1.0, -0.35], [1.0, 0.4], [0.05, 0.4]]
NAMES = ('biden-1', 'biden-2', 'obama-1', 'obama-2', 'obama-3')
GROUP = 6


class View:
    """One face, its picture and what the detector says of it."""

    def __init__(self, picture, box, landmarks, score):
        self.picture, self.box, self.landmarks, self.score = picture, box, landmarks, score

    def assess(self, others=None):
        others = empty_boxes() if others is None else np.array(others, np.float32)
        return assess(self.picture, self.box, self.landmarks, self.score, others)

    def changed(self, change):
        picture = np.clip(change(self.picture.astype(np.float32)), 0, 255).astype(np.uint8)
        return View(picture, self.box, self.landmarks, self.score)

    @property
    def eyes(self):
        return self.landmarks[1] - self.landmarks[0]

    @property
    def eyes_px(self):
        return float(np.hypot(*self.eyes))

    def at(self, points):
        across = self.eyes
        down = np.array([-across[1], across[0]])
        return self.landmarks[:2].mean(axis=0) + np.array(points) @ np.stack([across, down])

    def scaled(self, eyes_px):
        scale = eyes_px / self.eyes_px
        picture = cv2.resize(self.picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        return View(picture, self.box * scale, self.landmarks * scale, self.score)

    def painted(self, points, colour):
        picture = self.picture.copy()
        cv2.fillPoly(picture, [self.at(points).astype(np.int32)], colour)
        return View(picture, self.box, self.landmarks, self.score)

    def skin(self):
        cheeks = self.at([[-0.45, 0.6], [0.45, 0.6]]).astype(int)
        return tuple(np.mean([self.picture[y, x] for x, y in cheeks], axis=0).tolist())

    def seen_again(self, detector):
        """What the detector makes of the picture now; None if it sees no face there."""
        faces = detector.detect(self.picture)
        middle = self.box[:2] + self.box[2:]
        away = np.abs(faces.boxes[:, :2] + faces.boxes[:, 2:] - middle).max(axis=1)
        if not len(faces) or away.min() > self.eyes_px:
            return None
        row = np.argmin(away)
        return View(self.picture, faces.boxes[row], faces.landmarks[row], faces.scores[row])


def views(media, detector, name):
    picture = cv2.imread(str(media / 'faces' / f'{name}.jpg'))
    faces = detector.detect(picture)
    rows = np.argsort(faces.boxes[:, 0] - faces.boxes[:, 2])
    return [View(picture, faces.boxes[i], faces.landmarks[i], faces.scores[i]) for i in rows]


@pytest.fixture(scope='module')
def detector():
    return open_detector('mtcnn', 'cpu')


@pytest.fixture(scope='module')
def portraits(media, detector):
    found = [views(media, detector, name)[0] for name in NAMES]
    return [view.scaled(60) for view in found]


@pytest.fixture(scope='module')
def good_views(media, detector, portraits):
    group = views(media, detector, 'multiface')
    assert len(group) == GROUP
    return [*portraits, *group, *views(media, detector, 'two-people')]


def reasons(found):
    return [view.assess().reasons for view in found]


def test_clear_faces_have_no_reason_against_them(good_views):
    assert reasons(good_views) == [()] * len(good_views)
    ratings = [view.assess().rating for view in good_views]
    assert set(ratings) <= {FAIR, GOOD}
    assert ratings[:5] == [GOOD] * 5


def test_signers_at_some_metres_are_good_enough(media, detector):
    for name in ('yes', 'no', 'milk', 'thanks'):
        clip = cv2.VideoCapture(str(media / 'clips' / f'{name}.mkv'))
        for number in range(50):
            picture = clip.read()[1]
            if number % 7:
                continue
            faces = detector.detect(picture)
            found = View(picture, faces.boxes[0], faces.landmarks[0], faces.scores[0]).assess()
            assert (found.rating, found.reasons) == (FAIR, ()), (name, number)


def test_too_little_light(good_views):
    assert reasons([view.changed(lambda p: 0.2 * p) for view in good_views]) == [
        ('too_dark',)
    ] * len(good_views)


def test_burnt_out_light(good_views):
    for view in good_views:
        gain = 300 / np.median(
            face_quality.upright_face(view.picture, view.landmarks)[40:90, 35:78]
        )
        assert view.changed(lambda p, gain=gain: gain * p).assess().reasons == ('too_bright',)


def test_fog(good_views):
    for view in good_views:
        assert view.changed(lambda p: 110 + 0.08 * p).assess().reasons == ('low_contrast',)


@pytest.mark.parametrize('eyes_px', [30, 40, 60])
def test_blur_is_told_at_every_size_and_sharpness_too(portraits, eyes_px):
    for view in portraits:
        sharp = view.scaled(eyes_px)
        assert sharp.assess().reasons == ()
        for share in (0.1, 0.15, 0.2):
            blurred = sharp.changed(
                lambda p, share=share: cv2.GaussianBlur(p, (0, 0), share * eyes_px)
            )
            assert 'blurred' in blurred.assess().reasons


def test_more_blur_is_a_lower_score(portraits):
    for view in portraits:
        scores = [
            view.changed(lambda p, s=s: cv2.GaussianBlur(p, (0, 0), s * 60)).assess().score
            for s in (0.02, 0.05, 0.08, 0.12)
        ]
        assert scores == sorted(scores, reverse=True)
        assert scores[0] > scores[-1]


def test_small_face_is_called_small_and_not_blurred(portraits):
    assert reasons([view.scaled(20) for view in portraits]) == [('too_small',)] * len(portraits)


def test_turned_away(media, detector):
    woman = views(media, detector, 'obama-and-biden')[2]
    assert woman.assess().reasons == ('turned_away',)


def test_leaning_head(portraits, detector):
    for view in portraits:
        middle = tuple((view.landmarks[:2].mean(axis=0)).tolist())
        roll = np.degrees(np.arctan2(view.eyes[1], view.eyes[0]))
        turn = cv2.getRotationMatrix2D(middle, roll - 35, 1.0)
        picture = cv2.warpAffine(view.picture, turn, view.picture.shape[1::-1])
        points = (view.landmarks @ turn[:, :2].T + turn[:, 2]).astype(np.float32)
        assert View(picture, view.box, points, view.score).assess().reasons == ('tilted',)


@pytest.mark.parametrize('colour', [(200, 170, 120), (30, 30, 30), None])
def test_covered_mouth(portraits, detector, colour):
    seen = [view.painted(MASK, colour or view.skin()).seen_again(detector) for view in portraits]
    told = [view.assess().reasons for view in seen if view is not None]
    assert len(told) >= 3
    assert all('occluded' in each for each in told)


def test_dark_glasses(portraits, detector):
    for view in portraits:
        picture = view.picture.copy()
        for eye in view.landmarks[:2]:
            axes = (int(0.34 * view.eyes_px), int(0.27 * view.eyes_px))
            cv2.ellipse(picture, eye.astype(int).tolist(), axes, 0, 0, 360, (15, 15, 15), -1)
        seen = View(picture, view.box, view.landmarks, view.score).seen_again(detector)
        assert seen is not None
        assert seen.assess().reasons == ('occluded',)


def test_one_covered_eye(portraits):
    for view in portraits:
        assert view.painted(LEFT_EYE, view.skin()).assess().reasons == ('occluded',)


def test_face_that_leaves_the_picture(media, detector, portraits):
    assert views(media, detector, 'obama-partial')[0].assess().reasons == ('cut_off',)
    for view in portraits:
        left = int(view.landmarks[0, 0])
        cut = View(
            np.ascontiguousarray(view.picture[:, left:]),
            view.box - [left, 0, left, 0],
            view.landmarks - np.float32([left, 0]),
            view.score,
        )
        assert 'cut_off' in cut.assess().reasons


def test_face_outside_the_picture_is_no_fault(portraits):
    view = portraits[0]
    gone = View(view.picture, view.box - 5000, view.landmarks - 5000, view.score)
    assert gone.assess().reasons == ('cut_off',)


def test_doubtful_detection(portraits):
    view = portraits[0]
    doubtful = View(view.picture, view.box, view.landmarks, 0.7)
    assert doubtful.assess().reasons == ('low_confidence',)


def test_face_without_landmarks_cannot_be_judged(portraits):
    view = portraits[0]
    unknown = View(view.picture, view.box, np.zeros((5, 2), np.float32), 0.99).assess()
    assert (unknown.score, unknown.rating, unknown.reasons) == (0.0, POOR, ('low_confidence',))


def test_second_face_of_like_size_is_one_too_many(media, detector):
    first, second = views(media, detector, 'two-people')
    told = first.assess([second.box])
    assert (told.rating, told.reasons) == (POOR, ('several_faces',))
    small = second.box * np.float32(0.4)
    assert first.assess([small]).reasons == ()


def test_every_reason_has_a_sentence():
    assert face_quality.no_face().reasons == ('no_face',)
    assert all(sentence.endswith('.') for sentence in REASONS.values())
    assert sentences(['too_dark', 'too_small']).startswith('Too dark')
    assert len(REASONS) == 12


def test_first_reason_is_the_one_to_tell_first(portraits):
    dark = portraits[0].scaled(20).changed(lambda p: 0.2 * p)
    assert dark.assess().reasons == ('too_small', 'too_dark')
