from hand_shapes import detected

from mmoment_vision.hand_owner import NO_OWNER, FaceBox, find_owner

# A face 100 pixels high; its hands are about 50 from wrist to knuckle.
ANNA = FaceBox(track_id=4, x=300, y=100, width=80, height=100)


def owner(centre, faces, size=50):
    return find_owner(detected(centre, size).landmarks, faces)


def test_hand_within_reach_belongs_to_the_face():
    for centre in ((200, 300), (480, 120), (340, 480), (340, 20)):
        assert owner(centre, [ANNA]) == 4


def test_hands_of_the_signer_are_the_signers():
    # Sizes as seen in the clips: a face 80 pixels high, one hand raised, one hanging down.
    face = FaceBox(track_id=1, x=277, y=55, width=68, height=80)
    assert owner((212, 175), [face], size=45) == 1
    assert owner((428, 455), [face], size=45) == 1


def test_hand_out_of_reach_belongs_to_nobody():
    assert owner((900, 260), [ANNA]) == NO_OWNER
    assert owner((340, 700), [ANNA]) == NO_OWNER


def test_no_faces_no_owner():
    assert owner((200, 300), []) == NO_OWNER


def test_the_clearly_nearer_face_owns_the_hand():
    bert = FaceBox(track_id=9, x=700, y=100, width=80, height=100)
    assert owner((260, 300), [ANNA, bert]) == 4
    assert owner((820, 300), [bert, ANNA]) == 9


def test_between_two_faces_nobody_owns_the_hand():
    bert = FaceBox(track_id=9, x=560, y=100, width=80, height=100)
    assert owner((470, 300), [ANNA, bert]) == NO_OWNER


def test_hand_of_another_distance_is_not_of_this_face():
    far = FaceBox(track_id=5, x=300, y=100, width=24, height=30)
    assert owner((320, 150), [far], size=120) == NO_OWNER
    # The far face does not make the near hand ambiguous either.
    assert owner((320, 250), [far, ANNA], size=60) == 4


def test_faces_without_size_are_passed_over():
    assert owner((340, 300), [FaceBox(1, 340, 200, 0, 0)]) == NO_OWNER
