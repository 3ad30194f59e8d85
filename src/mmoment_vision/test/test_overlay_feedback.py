import pytest
from hand_shapes import detected

from mmoment_vision.overlay_drawing import (
    DONE,
    REFUSED,
    SEEN,
    DrawnEnrolment,
    DrawnFace,
    DrawnHand,
)
from mmoment_vision.overlay_feedback import (
    ANSWER_S,
    COOL_DOWN,
    MOST_NOTES,
    MOVEMENT_S,
    NO_OWNER,
    NO_RIGHT,
    REQUESTED,
    SILENCE_S,
    EnrolmentView,
    FeedbackNotes,
    RecordingView,
    answer,
)

HAND = DrawnHand(track_id=4, landmarks=detected((300, 200), 60).landmarks)
FACE = DrawnFace(track_id=7, x=100, y=50, width=40, height=60, score=0.9)
ENROLMENT = DrawnEnrolment(7, 'look here', 0.5)


def texts(notes):
    return [note.text for note in notes]


def test_a_movement_stands_below_its_hand_for_a_second():
    notes = FeedbackNotes()
    notes.movement('swipe_left', 4, 0, now_s=10.0)
    (note,) = notes.placed([HAND], [], 10.5)
    assert (note.text, note.tone) == ('swipe left', SEEN)
    assert note.y == pytest.approx(HAND.landmarks[:, 1].max())
    assert HAND.landmarks[:, 0].min() < note.x < HAND.landmarks[:, 0].max()
    assert notes.placed([HAND], [], 10.0 + MOVEMENT_S) == []


def test_a_note_follows_its_hand_and_stays_where_it_was_last():
    notes = FeedbackNotes()
    notes.movement('wave', 4, 0, now_s=10.0)
    (first,) = notes.placed([HAND], [], 10.1)
    moved = DrawnHand(track_id=4, landmarks=HAND.landmarks + 50)
    (second,) = notes.placed([moved], [], 10.2)
    assert second.x == pytest.approx(first.x + 50)
    other = DrawnHand(track_id=5, landmarks=HAND.landmarks)
    (third,) = notes.placed([other], [], 10.3)
    assert third == second


def test_without_a_hand_the_note_stands_below_the_face_and_without_both_nowhere():
    notes = FeedbackNotes()
    notes.answer(REQUESTED, 'photo', 4, 7, now_s=10.0)
    assert notes.placed([], [], 10.1) == []
    (note,) = notes.placed([], [FACE], 10.2)
    assert (note.x, note.y) == (120, 110)


def test_an_answer_stands_longer_than_a_movement_and_beneath_it():
    notes = FeedbackNotes()
    notes.movement('wave', 4, 0, now_s=10.0)
    notes.answer(REQUESTED, 'photo', 4, 7, now_s=10.0)
    placed = notes.placed([HAND], [], 10.1)
    assert [(note.text, note.row) for note in placed] == [('wave', 0), ('photo', 1)]
    placed = notes.placed([HAND], [], 10.0 + MOVEMENT_S)
    assert [(note.text, note.row) for note in placed] == [('photo', 0)]
    assert notes.placed([HAND], [], 10.0 + ANSWER_S) == []


def test_the_newest_of_a_kind_replaces_the_older_one_of_the_same_hand():
    notes = FeedbackNotes()
    notes.answer(REQUESTED, 'photo', 4, 7, now_s=10.0)
    notes.answer(COOL_DOWN, 'photo', 4, 7, now_s=10.5)
    assert texts(notes.placed([HAND], [], 10.6)) == ['photo: one moment please']


def test_notes_are_few():
    notes = FeedbackNotes()
    for hand in range(50):
        notes.movement('wave', hand, 7, now_s=10.0)
    assert len(notes.placed([], [FACE], 10.1)) == MOST_NOTES
    notes.clear()
    assert notes.placed([], [FACE], 10.1) == []


def test_each_outcome_has_short_words_of_its_own():
    answers = {
        (outcome, has_face): answer(outcome, 'photo', has_face=has_face)
        for outcome in (REQUESTED, NO_OWNER, NO_RIGHT, COOL_DOWN)
        for has_face in (True, False)
    }
    assert answers[REQUESTED, True] == ('photo', DONE)
    assert {tone for (outcome, _), (_, tone) in answers.items() if outcome != REQUESTED} == {
        REFUSED
    }
    assert 'who are you' in answers[NO_OWNER, True][0]
    assert 'whose hand' in answers[NO_OWNER, False][0]
    assert len(set(answers.values())) == 5
    assert max(len(text) for text, _ in answers.values()) <= 30


def test_an_enrolment_is_shown_until_it_ends():
    view = EnrolmentView()
    assert view.shown(9.0) is None
    view.told(ENROLMENT, 10.0)
    assert view.shown(10.1) == ENROLMENT
    view.told(None, 10.2)
    assert view.shown(10.3) is None
    view.told(ENROLMENT, 10.4)
    view.clear()
    assert view.shown(10.5) is None


def test_an_enrolment_does_not_outlast_the_silence_of_the_stage():
    view = EnrolmentView()
    view.told(ENROLMENT, 10.0)
    for step in range(1, 50):
        view.lives(10.0 + step)
    assert view.shown(59.5) == ENROLMENT
    assert view.shown(59.0 + SILENCE_S + 0.1) is None


def test_a_stage_that_comes_back_does_not_bring_back_what_it_said_before():
    view = EnrolmentView()
    view.told(ENROLMENT, 10.0)
    view.lives(10.0 + SILENCE_S + 0.1)
    assert view.shown(10.0 + SILENCE_S + 0.2) is None


def test_a_recording_counts_on_between_what_is_told():
    view = RecordingView()
    assert view.shown(1.0) == ''
    view.told(58.5, 10.0)
    assert view.shown(10.0) == 'REC 0:58'
    assert view.shown(10.0 + SILENCE_S) == 'REC 1:00'


def test_a_recording_is_shown_no_longer_than_somebody_says_so():
    view = RecordingView()
    view.told(1.0, 10.0)
    assert view.shown(10.1 + SILENCE_S) == ''
    view.told(3.0, 13.0)
    view.told(None, 13.5)
    assert view.shown(13.5) == ''
    view.told(3.0, 13.0)
    view.clear()
    assert view.shown(13.0) == ''
