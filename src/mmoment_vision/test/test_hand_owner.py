from hand_shapes import detected

from mmoment_vision.hand_owner import NO_OWNER, FaceBox, OwnerVotes, find_owner

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


BERT = FaceBox(track_id=9, x=560, y=100, width=80, height=100)
ANNAS, BERTS, BETWEEN = (230, 300), (720, 300), (470, 300)


class Pictures:
    """A hand in pictures, ten a second."""

    def __init__(self):
        self.votes = OwnerVotes()
        self.now_s = 20.0

    def show(self, centre, faces=(ANNA, BERT), count=1, since_s=None):
        landmarks = detected(centre, 50).landmarks
        owners = []
        for _ in range(count):
            owners.append(self.votes.update(1, landmarks, faces, self.now_s, since_s))
            self.now_s += 0.1
        return owners


def test_two_people_side_by_side_own_their_hands_and_nobody_the_one_between():
    assert Pictures().show(ANNAS, count=5) == [4] * 5
    assert Pictures().show(BERTS, count=5) == [9] * 5
    assert Pictures().show(BETWEEN, count=5) == [NO_OWNER] * 5


def test_a_doubtful_picture_or_two_do_not_change_the_owner_of_a_hold():
    pictures = Pictures()
    since_s = pictures.now_s
    pictures.show(ANNAS, count=6, since_s=since_s)
    assert pictures.show(BETWEEN, count=2, since_s=since_s) == [4, 4]
    assert pictures.show(BERTS, count=1, since_s=since_s) == [4]
    assert pictures.show(ANNAS, count=4, since_s=since_s) == [4] * 4


def test_a_hold_of_which_most_pictures_are_in_doubt_has_no_owner():
    pictures = Pictures()
    since_s = pictures.now_s
    pictures.show(BETWEEN, count=10, since_s=since_s)
    assert pictures.show(ANNAS, count=5, since_s=since_s) == [NO_OWNER] * 5


def test_half_of_the_pictures_is_not_enough():
    pictures = Pictures()
    since_s = pictures.now_s
    pictures.show(ANNAS, count=2, since_s=since_s)
    assert pictures.show(BERTS, count=2, since_s=since_s)[-1] == NO_OWNER


def test_without_a_gesture_only_the_last_pictures_count():
    pictures = Pictures()
    pictures.show(ANNAS, count=20)
    assert pictures.show(BERTS, count=7)[-1] == 9


def test_an_owner_who_leaves_owns_nothing_any_more():
    pictures = Pictures()
    since_s = pictures.now_s
    assert pictures.show(ANNAS, count=10, since_s=since_s)[-1] == 4
    assert pictures.show(ANNAS, faces=[BERT], count=1, since_s=since_s) == [NO_OWNER]
    assert pictures.show(ANNAS, faces=[], count=1, since_s=since_s) == [NO_OWNER]
    # A new face at the same place has to earn it.
    successor = FaceBox(track_id=17, x=300, y=100, width=80, height=100)
    assert pictures.show(ANNAS, faces=[successor], count=1, since_s=since_s) == [NO_OWNER]


def test_hands_that_are_gone_are_forgotten():
    pictures = Pictures()
    pictures.show(ANNAS, count=3)
    pictures.votes.keep(pictures.now_s - 0.5)
    # One vote against three says nothing yet.
    assert pictures.show(BERTS) == [4]
    pictures.votes.keep(pictures.now_s + 0.5)
    assert pictures.show(BERTS) == [9]
