import numpy as np
import pytest
from hand_shapes import detected

from mmoment_vision.overlay_drawing import (
    ACCENT,
    DONE,
    REFUSED,
    RING_SHARE,
    SEEN,
    DrawnEnrolment,
    DrawnFace,
    DrawnHand,
    DrawnNote,
    Layers,
    draw_overlay,
    short_identity,
)

WALLET = '7xKXtg2CW87d97TXJSDpbD5jBkheTqA83TZRuJosgAsU'
INSTRUCTION = 'Turn your head slowly to the left and come a little closer to the camera, please'
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


def drawn(layers, faces=(FACE,), hands=(HAND,), status='12:00:00   30 fps', picture=None, **more):
    """Which pixels are not as they were."""
    picture = grey() if picture is None else picture
    before = picture.copy()
    draw_overlay(picture, faces, hands, status, layers, **more)
    return (picture != before).any(axis=2)


def only(**layers):
    return Layers(**{name: name in layers for name in Layers.__dataclass_fields__})


def picture_of(*, layers=None, faces=(), hands=(), **more):
    picture = grey()
    draw_overlay(picture, faces, hands, layers=layers, **more)
    return picture


def of_colour(picture, colour):
    """Which pixels are of exactly this colour."""
    return (picture == colour).all(axis=2)


def named(similarity=0.87):
    return DrawnFace(3, 500, 200, 120, 150, 0.98, identity=WALLET, similarity=similarity)


def enrolling(progress=0.5, track_id=3, instruction=INSTRUCTION):
    return DrawnEnrolment(track_id, instruction, progress)


def with_hold(progress, is_held=False):
    return DrawnHand(1, HAND.landmarks, '', 'peace', 0.97, is_held=is_held, hold_progress=progress)


def test_without_layers_no_pixel_changes():
    notes = [DrawnNote('photo', DONE, 900, 500)]
    assert not drawn(only(), enrolment=enrolling(), notes=notes).any()


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
    pictures = [grey(), grey()]
    for picture, face in zip(pictures, (FACE, named()), strict=True):
        draw_overlay(picture, [face])
    corner = (slice(198, 203), slice(498, 520))
    assert (pictures[0][corner] != pictures[1][corner]).any()


def test_similarity_stands_beside_a_name_only_while_wanted():
    pictures = [picture_of(faces=[named(similarity)]) for similarity in (0.87, 0.61)]
    assert (pictures[0] != pictures[1]).any()
    silent = Layers(similarity=False)
    hidden = [picture_of(faces=[named(s)], layers=silent) for s in (0.87, 0.61)]
    np.testing.assert_array_equal(*hidden)
    assert (hidden[0] != pictures[0]).any()


def test_an_anonymous_face_shows_nothing_of_similarity():
    near, far = (DrawnFace(3, 500, 200, 120, 150, 0.98, similarity=s) for s in (0.9, 0.1))
    np.testing.assert_array_equal(picture_of(faces=[near]), picture_of(faces=[far]))


def test_no_similarity_reads_as_certain():
    pictures = [picture_of(faces=[named(similarity)]) for similarity in (0.999, 0.99)]
    np.testing.assert_array_equal(*pictures)


def ring_angles(progress):
    """Degrees clockwise from the top at which the ring around the face has the accent colour."""
    picture = picture_of(faces=[FACE], layers=only(enrolment=True), enrolment=enrolling(progress))
    accent = of_colour(picture, ACCENT)[:430]
    rows, columns = np.nonzero(accent)
    x = (columns - 560) / (RING_SHARE * 60)
    y = (rows - 275) / (RING_SHARE * 75)
    assert (abs(np.hypot(x, y) - 1) < 0.1).all()
    return np.degrees(np.arctan2(x, -y)) % 360


def test_the_ring_around_the_face_fills_clockwise_from_the_top():
    assert ring_angles(0.0).size == 0
    for progress in (0.25, 0.6, 1.0):
        angles = np.sort(ring_angles(progress))
        # The round end of the stroke reaches back over the top.
        angles = np.where(angles > 355, 0, angles) if progress < 1 else angles
        assert angles.min() < 3
        assert abs(angles.max() - 360 * progress) < 8


def test_the_ring_leaves_the_face_free_and_is_round_the_right_one():
    other = DrawnFace(9, 100, 200, 120, 150, 0.98)
    changed = drawn(
        only(enrolment=True), [FACE, other], picture=grey(), enrolment=enrolling(instruction='')
    )
    assert not changed[220:330, 510:610].any()
    assert changed[:, 450:700].any()
    assert not changed[:, :450].any()


@pytest.mark.parametrize('size', [(480, 640), (720, 1280), (1080, 1920), (240, 320)])
def test_the_instruction_is_in_the_middle_of_the_lower_part_and_above_the_status(size):
    height, width = size
    picture = grey(height, width)
    changed = drawn(only(enrolment=True), picture=picture, enrolment=enrolling(0.0, track_id=0))
    rows, columns = np.nonzero(changed)
    assert rows.min() > height * 0.5
    assert columns.min() > 0
    assert columns.max() < width - 1
    assert abs((columns.min() + columns.max()) / 2 - width / 2) < 2
    status = drawn(only(status=True), picture=grey(height, width))
    assert not (changed & status).any()


def test_the_instruction_is_broken_into_lines_where_the_picture_is_narrow():
    heights = []
    for width in (1280, 500):
        changed = drawn(only(enrolment=True), (), picture=grey(720, width), enrolment=enrolling(0))
        rows, _ = np.nonzero(changed)
        heights.append(np.ptp(rows))
    assert heights[1] > 1.5 * heights[0]


def test_the_progress_also_stands_below_the_instruction():
    lengths = []
    for progress in (0.2, 0.8):
        picture = picture_of(layers=only(enrolment=True), enrolment=enrolling(progress, track_id=0))
        lengths.append(np.ptp(np.nonzero(of_colour(picture, ACCENT))[1]))
    assert lengths[1] == pytest.approx(4 * lengths[0], rel=0.02)


def test_the_hold_ring_fills_beside_the_gesture_until_it_is_held():
    layers = only(gestures=True)
    counts = []
    for progress in (0.0, 0.3, 0.6, 0.9):
        picture = picture_of(hands=[with_hold(progress)], layers=layers)
        before = picture_of(hands=[with_hold(0.0)], layers=layers)
        changed = (picture != before).any(axis=2)
        counts.append(int(of_colour(picture, ACCENT)[changed].sum()))
    assert counts[0] == 0
    assert counts == sorted(set(counts))
    rows, _ = np.nonzero(changed)
    assert rows.max() < HAND.landmarks[:, 1].min()


def test_a_held_gesture_has_the_look_of_a_held_one_whatever_its_progress():
    pictures = [picture_of(hands=[with_hold(p, is_held=True)]) for p in (0.4, 1.0)]
    np.testing.assert_array_equal(*pictures)
    assert (pictures[0] != picture_of(hands=[with_hold(0.4)])).any()


def test_notes_stand_where_they_are_told_one_below_the_other_and_differ_by_tone():
    layers = only(gestures=True)
    pictures = [
        picture_of(layers=layers, notes=[DrawnNote('photo', tone, 640, 300)])
        for tone in (DONE, REFUSED, SEEN)
    ]
    for picture in pictures:
        rows, columns = np.nonzero((picture != 100).any(axis=2))
        assert rows.min() > 300
        assert rows.max() < 350
        assert abs((columns.min() + columns.max()) / 2 - 640) < 2
    assert len({picture.tobytes() for picture in pictures}) == 3
    below = picture_of(layers=layers, notes=[DrawnNote('photo', SEEN, 640, 300, row=1)])
    both = (below != 100).any(axis=2) & (pictures[2] != 100).any(axis=2)
    assert not both.any()


def test_a_tick_stands_before_what_is_done_only():
    widths = []
    for tone in (DONE, SEEN):
        picture = picture_of(layers=only(gestures=True), notes=[DrawnNote('photo', tone, 640, 300)])
        widths.append(np.ptp(np.nonzero((picture != 100).any(axis=2))[1]))
    assert widths[0] > widths[1] + 10


def test_notes_at_the_edge_are_moved_into_the_picture():
    picture = picture_of(layers=only(gestures=True), notes=[DrawnNote('photo', SEEN, 1300, 800)])
    rows, columns = np.nonzero((picture != 100).any(axis=2))
    assert len(rows) > 500
    assert (columns.max(), rows.max()) == (1279, 719)


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
    notes = [DrawnNote('photo', DONE, x, y) for x, y in places]
    layers = Layers(face_landmarks=True)
    enrolment = enrolling(0.5, track_id=1)
    draw_overlay(grey(), faces, hands, 'status ' * 60, layers, enrolment=enrolment, notes=notes)


def test_letters_that_cannot_be_drawn_do_no_harm():
    enrolment = enrolling(instruction='Schau nach links, bitte – 左')
    draw_overlay(
        grey(), [DrawnFace(1, 500, 200, 100, 100, 0.9, identity='Zoë 日本')], enrolment=enrolment
    )


def test_wallet_addresses_are_shortened_and_names_are_not():
    assert short_identity('7xKXtg2CW87d97TXJSDpbD5jBkheTqA83TZRuJosgAsU') == '7xKX..gAsU'
    assert short_identity('Anna') == 'Anna'
