import numpy as np
import pytest
from hand_shapes import detected

from mmoment_vision.overlay_drawing import (
    DrawnFace,
    DrawnHand,
    Layers,
    draw_overlay,
    short_identity,
)

NOTHING = Layers(False, False, False, False, False)
FACE = DrawnFace(
    track_id=3,
    x=500,
    y=200,
    width=120,
    height=150,
    score=0.98,
    landmarks=np.array([[530, 250], [590, 250], [560, 285], [540, 320], [580, 320]], np.float32),
)
HAND = DrawnHand(
    track_id=1,
    landmarks=detected((900, 400), 90).landmarks,
    gesture='open_palm',
    confidence=0.97,
)


def grey(height=720, width=1280):
    return np.full((height, width, 3), 100, np.uint8)


def drawn(layers, faces=(FACE,), hands=(HAND,), status='12:00:00   30 fps', picture=None):
    """Which pixels are not as they were."""
    picture = grey() if picture is None else picture
    before = picture.copy()
    draw_overlay(picture, faces, hands, status, layers)
    return (picture != before).any(axis=2)


def only(**layers):
    return Layers(**{name: name in layers for name in Layers.__dataclass_fields__})


def test_without_layers_no_pixel_changes():
    assert not drawn(NOTHING).any()


def test_face_layer_marks_the_corners_of_the_box_and_leaves_the_face_free():
    changed = drawn(only(faces=True))
    for x in (500, 620):
        for y in (200, 350):
            assert changed[y - 3 : y + 3, x - 3 : x + 3].any()
    assert not changed[240:320, 525:600].any()
    assert not changed[:, 700:].any()


def test_hand_layer_draws_every_landmark_near_the_hand_only():
    changed = drawn(only(hands=True))
    for x, y in HAND.landmarks[:, :2].round().astype(int):
        assert changed[y, x]
    low, high = HAND.landmarks[:, :2].min(axis=0) - 12, HAND.landmarks[:, :2].max(axis=0) + 12
    rows, columns = np.nonzero(changed)
    assert columns.min() > low[0]
    assert columns.max() < high[0]
    assert rows.min() > low[1]
    assert rows.max() < high[1]


def test_landmark_layer_marks_the_five_points():
    changed = drawn(only(face_landmarks=True))
    for x, y in FACE.landmarks.astype(int):
        assert changed[y, x]
    assert changed.sum() < 500


def test_gesture_layer_writes_above_the_hand_only_if_there_is_a_gesture():
    changed = drawn(only(gestures=True))
    rows, _ = np.nonzero(changed)
    assert len(rows) > 500
    assert rows.max() < HAND.landmarks[:, 1].min()
    nothing = DrawnHand(track_id=1, landmarks=HAND.landmarks)
    assert not drawn(only(gestures=True), hands=(nothing,)).any()


def test_held_gesture_looks_different():
    held = DrawnHand(1, HAND.landmarks, '', 'open_palm', 0.97, is_held=True)
    pictures = [grey(), grey()]
    for picture, hand in zip(pictures, (HAND, held), strict=True):
        draw_overlay(picture, hands=[hand])
    assert (pictures[0] != pictures[1]).any()


def test_status_stands_in_the_lower_left_corner():
    rows, columns = np.nonzero(drawn(only(status=True)))
    assert rows.min() > 720 - 60
    assert columns.max() < 400
    assert not drawn(only(status=True), status='').any()


def test_named_and_unnamed_faces_have_different_colours():
    named = DrawnFace(3, 500, 200, 120, 150, 0.98, identity='Anna')
    pictures = [grey(), grey()]
    for picture, face in zip(pictures, (FACE, named), strict=True):
        draw_overlay(picture, [face])
    corner = (slice(198, 203), slice(498, 520))
    assert (pictures[0][corner] != pictures[1][corner]).any()


@pytest.mark.parametrize('size', [(1080, 1920), (120, 160), (40, 30)])
def test_strokes_grow_with_the_picture(size):
    height, width = size
    face = DrawnFace(1, width * 0.4, height * 0.4, width * 0.2, height * 0.3, 0.9)
    changed = drawn(Layers(), [face], [], 'status', grey(height, width))
    assert 0 < changed.mean() < 1.0


def test_what_lies_partly_or_wholly_outside_the_picture_is_no_fault():
    places = [(-60, -70), (1270, 710), (5000, 5000), (-5000, 300)]
    faces = [DrawnFace(1, x, y, 120, 150, 0.9) for x, y in places]
    hands = [
        DrawnHand(1, HAND.landmarks[:, :2] + np.float32([x, y]), '', 'ok', 0.9) for x, y in places
    ]
    draw_overlay(grey(), faces, hands, 'status ' * 60, Layers(face_landmarks=True))


def test_letters_that_cannot_be_drawn_do_no_harm():
    draw_overlay(grey(), [DrawnFace(1, 500, 200, 100, 100, 0.9, identity='Zoë 日本')])


def test_wallet_addresses_are_shortened_and_names_are_not():
    assert short_identity('7xKXtg2CW87d97TXJSDpbD5jBkheTqA83TZRuJosgAsU') == '7xKX..gAsU'
    assert short_identity('Anna') == 'Anna'
