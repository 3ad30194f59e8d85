import pytest
from hand_shapes import detected

from mmoment_vision.gesture_hold import BEGIN, END, HoldSettings
from mmoment_vision.gesture_pipeline import GesturePipeline
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
