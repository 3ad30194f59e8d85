from pathlib import Path

import cv2
import numpy as np
import pytest
from hand_shapes import GESTURE_OF_FINGERS, detected

from mmoment_vision.gesture_rules import classify_hand
from mmoment_vision.hand_landmarks import HandLandmarker, own_hand, without_doubles

MOST_MISSED = 4


@pytest.fixture(scope='module')
def landmarker():
    pytest.importorskip('mediapipe')
    landmarker = HandLandmarker(is_stream=False)
    yield landmarker
    landmarker.close()


def pictures(media: Path) -> list[tuple[str, np.ndarray]]:
    found = [
        (GESTURE_OF_FINGERS[path.name[0]], cv2.imread(str(path)))
        for path in sorted((media / 'hands').glob('*-fingers-*.jpg'))
    ]
    assert len(found) == 50
    return found


def shown(landmarker, picture):
    """What the first hand of a picture shows; None without a hand."""
    hands = landmarker.detect(picture)
    return classify_hand(hands[0].landmarks).name if hands else None


def turned_picture(picture, degrees):
    """The whole picture turned about its middle, on a canvas that holds it."""
    height, width = picture.shape[:2]
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1.0)
    side = int(np.hypot(height, width))
    matrix[:, 2] += (side - width) / 2, (side - height) / 2
    return cv2.warpAffine(picture, matrix, (side, side), borderMode=cv2.BORDER_REPLICATE)


def test_pictures_of_hands_show_what_their_labels_say(media, landmarker):
    judged = [(name, shown(landmarker, picture)) for name, picture in pictures(media)]
    seen = [(name, gesture) for name, gesture in judged if gesture is not None]
    assert len(judged) - len(seen) <= MOST_MISSED
    assert sum(name == gesture for name, gesture in seen) >= 0.95 * len(seen)


@pytest.mark.parametrize('degrees', [-137, -60, 45, 90, 171])
def test_turned_pictures_show_the_same(media, landmarker, degrees):
    some = pictures(media)[::4]
    judged = [(name, shown(landmarker, turned_picture(image, degrees))) for name, image in some]
    seen = [(name, gesture) for name, gesture in judged if gesture is not None]
    assert len(judged) - len(seen) <= MOST_MISSED
    assert sum(name == gesture for name, gesture in seen) >= 0.9 * len(seen)


@pytest.mark.parametrize('width', [320, 2400])
def test_small_and_large_pictures_show_the_same_in_their_own_pixels(media, landmarker, width):
    original = cv2.imread(str(media / 'hands' / '5-fingers-02.jpg'))
    scale = width / original.shape[1]
    (hand,) = landmarker.detect(original)
    (scaled,) = landmarker.detect(cv2.resize(original, None, fx=scale, fy=scale))
    assert classify_hand(scaled.landmarks).name == 'open_palm'
    size = max(hand.box[2:])
    apart = np.abs(scaled.landmarks[:, :2] / scale - hand.landmarks[:, :2]).max()
    assert apart < 0.12 * size


def test_picture_without_a_hand_has_none(landmarker):
    noise = np.random.default_rng(0).integers(0, 256, (240, 320, 3), np.uint8)
    assert landmarker.detect(noise) == []


def test_handedness_is_the_persons_own_hand(media):
    # The signer faces the camera and the letters on the shirt are not mirrored: what is on the
    # left of the picture is the right hand.
    pytest.importorskip('mediapipe')
    landmarker = HandLandmarker()
    clip = cv2.VideoCapture(str(media / 'clips' / 'milk.mkv'))
    right = total = 0
    while True:
        found, picture = clip.read()
        if not found:
            break
        for hand in landmarker.detect(picture):
            is_on_the_left = hand.landmarks[0, 0] < 0.43 * picture.shape[1]
            right += hand.handedness == ('right' if is_on_the_left else 'left')
            total += 1
    landmarker.close()
    assert total > 40
    assert right > 0.9 * total


def test_mirrored_pictures_swap_the_hands():
    assert own_hand('Left', is_mirrored=False) == 'right'
    assert own_hand('Left', is_mirrored=True) == 'left'


def test_a_hand_found_twice_is_one_hand():
    sure, doubtful = detected((300, 200), score=0.99), detected((303, 201), score=0.6)
    assert without_doubles([doubtful, sure]) == [sure]
    other = detected((420, 200))
    assert len(without_doubles([sure, other])) == 2


def test_loading_the_models_says_nothing(capfd):
    pytest.importorskip('mediapipe')
    HandLandmarker().close()
    assert capfd.readouterr().err == ''
