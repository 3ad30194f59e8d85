import pytest
from hand_shapes import detected

from mmoment_vision.gesture_hold import BEGIN, END, HoldSettings
from mmoment_vision.gesture_pipeline import MOVED, GesturePipeline
from mmoment_vision.hand_owner import NO_OWNER, FaceBox

SIZE = (640, 480)
FACE = FaceBox(track_id=42, x=300.0, y=40.0, width=90.0, height=120.0)


def look(pipeline, seconds, hands, period_s=0.1, start_s=0.0):
    """Results of pictures that all show these hands."""
    count = round(seconds / period_s)
    return [pipeline.process(hands, SIZE, start_s + i * period_s, [FACE]) for i in range(count)]


@pytest.mark.parametrize('period_s', [1 / 15, 0.5, 2.0])
def test_a_hand_that_stays_begins_its_gesture_once_and_ends_it_when_it_is_gone(period_s):
    pipeline = GesturePipeline(0.5, HoldSettings(hold_s=0.4, release_s=0.3, begin_confidence=0.5))
    shown = look(pipeline, 20.0, [detected()], period_s)
    assert [(event.phase, event.gesture) for _, events in shown for event in events] == [
        (BEGIN, 'open_palm')
    ]
    gone = look(pipeline, 5.0, [], period_s, start_s=20.0)
    assert [event.phase for _, events in gone for event in events] == [END]
    assert {hand.tracked.track_id for hands, _ in shown for hand in hands} == {1}


def test_hands_are_given_to_the_face_they_belong_to():
    pipeline = GesturePipeline()
    (near,), _ = pipeline.process([detected((330.0, 260.0))], SIZE, 0.0, [FACE])
    assert (near.gesture.name, near.owner) == ('open_palm', 42)
    (alone,), _ = pipeline.process([detected((330.0, 260.0))], SIZE, 0.1)
    assert alone.owner == NO_OWNER


def test_a_swipe_is_an_event_without_an_end():
    pipeline = GesturePipeline()
    events = []
    for number in range(40):
        share = min(1.0, max(0.0, (number - 12) / 5))
        eased = share * share * (3.0 - 2.0 * share)
        hand = detected((200.0 + 280.0 * eased, 260.0), size=50.0)
        events += pipeline.process([hand], SIZE, number / 15, [FACE])[1]
    moved = [event for event in events if event.phase == MOVED]
    assert [(event.gesture, event.track_id) for event in moved] == [('swipe_left', 1)]
    assert 0.7 <= moved[0].confidence <= 1.0
    assert 0.0 < moved[0].held_s < 0.5
    assert END not in [event.phase for event in events]


def test_mirrored_pictures_swap_left_and_right():
    pipeline = GesturePipeline(is_mirrored=True)
    names = []
    for number in range(40):
        share = min(1.0, max(0.0, (number - 12) / 5))
        hand = detected((200.0 + 280.0 * share, 260.0), size=50.0)
        _, events = pipeline.process([hand], SIZE, number / 15)
        names += [event.gesture for event in events if event.phase == MOVED]
    assert names == ['swipe_right']


def test_hands_carry_their_hold_progress():
    pipeline = GesturePipeline(0.5, HoldSettings(hold_s=0.4, begin_confidence=0.5))
    shown = look(pipeline, 1.0, [detected()])
    progress = [hands[0].hold_progress for hands, _ in shown]
    assert progress[0] < progress[1] < progress[2] < progress[3] < 1.0
    assert progress[4:] == [1.0] * 6


def test_the_owner_is_the_one_of_most_pictures_of_the_hold():
    pipeline = GesturePipeline(0.5, HoldSettings(hold_s=0.4, begin_confidence=0.5))
    hand = detected((330.0, 260.0))
    beside = FaceBox(track_id=7, x=200.0, y=40.0, width=90.0, height=120.0)
    owners = []
    for number in range(12):
        # In two pictures another face makes it doubtful whose hand it is.
        faces = [FACE, beside] if number in (6, 7) else [FACE]
        (seen,), _ = pipeline.process([hand], SIZE, number * 0.1, faces)
        owners.append(seen.owner)
    assert owners == [42] * 12
