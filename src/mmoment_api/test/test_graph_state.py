import pytest

from mmoment_api.graph_state import (
    MOVEMENT_SHOWN_S,
    DiagnosticState,
    GestureState,
    GraphState,
    Hands,
    StageState,
)


@pytest.fixture
def state(clock):
    return GraphState(clock)


def gesture(name='peace', hand=4, confidence=0.8):
    return GestureState(name, confidence, hand, 999.0, 123)


def test_a_gesture_lasts_from_begin_to_end(state):
    state.hear_hands(Hands(1000.0, {4: ('peace', 0.9)}))
    assert state.current_gesture() is None
    state.hear_gesture(gesture(), begins=True)
    assert state.current_gesture().gesture == 'peace'
    state.hear_gesture(gesture(), begins=False)
    assert state.current_gesture() is None


def test_its_confidence_is_that_of_the_newest_picture_that_shows_it(state):
    state.hear_gesture(gesture(), begins=True)
    state.hear_hands(Hands(1000.0, {4: ('peace', 0.6)}))
    assert state.current_gesture().confidence == 0.6
    state.hear_hands(Hands(1000.0, {4: ('', 0.9)}))
    assert state.current_gesture().confidence == 0.8


def test_the_surest_of_several_counts(state):
    state.hear_gesture(gesture('peace', 4, 0.7), begins=True)
    state.hear_gesture(gesture('ok', 5, 0.9), begins=True)
    state.hear_hands(Hands(1000.0, {4: ('', 0.0), 5: ('', 0.0)}))
    assert state.current_gesture().gesture == 'ok'


def test_it_ends_with_its_hand_even_if_the_end_was_lost(state):
    state.hear_gesture(gesture(), begins=True)
    state.hear_hands(Hands(1000.0, {9: ('peace', 0.9)}))
    state.hear_hands(Hands(1000.0, {4: ('peace', 0.9)}))
    assert state.current_gesture() is None


def test_it_ends_when_hands_are_not_heard_any_more(state, clock):
    state.hear_gesture(gesture(), begins=True)
    state.hear_hands(Hands(1000.0, {4: ('peace', 0.9)}))
    clock.now_s += 2.5
    assert state.current_gesture() is None


def test_an_old_camera_status_is_none(state, camera, clock):
    assert state.live_camera() is None
    state.hear_camera(camera())
    assert state.live_camera().resolution == '1280x720'
    clock.now_s += 3.5
    assert state.live_camera() is None


def test_no_picture_has_no_resolution(camera):
    assert camera(width=0, height=0).resolution is None


def test_the_last_word_of_a_node_counts(state):
    assert state.last_heard_s('face_node') is None
    state.hear_diagnostic(DiagnosticState(1001.0, 'face_node', 'pictures', 'ok', ''))
    state.hear_stage(StageState(1002.0, 'face_node', '', 0.0, 0.0, 0.0, 0, 0, 0))
    assert state.last_heard_s('face_node') == 1002.0


def test_a_movement_is_shown_for_a_moment_and_changes_nothing_held(state, clock):
    state.hear_gesture(gesture('open_palm', 4, 0.9), begins=True)
    state.hear_hands(Hands(1000.0, {4: ('open_palm', 0.9)}))
    state.hear_movement(gesture('wave', 4, 0.7))
    assert state.current_gesture().gesture == 'wave'
    clock.now_s += MOVEMENT_SHOWN_S
    assert state.current_gesture().gesture == 'open_palm'


def started(heard_s, run):
    return DiagnosticState(heard_s, 'face_node', 'recognition', 'ok', '', {'run': run})


def test_an_enrolment_is_lost_with_its_part(state, clock):
    state.hear_diagnostic(started(1000.0, 'a1'))
    assert not state.has_lost_enrolment()
    state.hear_enrolment(True)
    assert not state.has_lost_enrolment()
    # Killed, and back at once.
    clock.now_s = 1001.0
    state.hear_diagnostic(started(1001.0, 'b2'))
    assert state.run_of('face_node') == 'b2'
    assert state.has_lost_enrolment()
    state.hear_enrolment(False)
    assert not state.has_lost_enrolment()


def test_or_when_its_part_falls_silent(state, clock):
    state.hear_enrolment(True)
    clock.now_s = 1002.5
    assert not state.has_lost_enrolment()
    state.hear_diagnostic(started(1002.5, 'a1'))
    clock.now_s = 1005.0
    # Which start it was at its begin was not known, so this is no other one.
    assert not state.has_lost_enrolment()
    clock.now_s = 1006.0
    assert state.has_lost_enrolment()


def counted(heard_s, count):
    return DiagnosticState(heard_s, 'face_node', 'recognition', 'ok', '', {'embedded': count})


def test_counters_give_rates_unless_they_begin_anew(state, clock):
    def rate():
        return state.rate_of('face_node', 'recognition', 'embedded')

    state.hear_diagnostic(counted(1000.0, '10'))
    assert rate() is None
    clock.now_s = 1002.0
    state.hear_diagnostic(counted(1002.0, '25'))
    assert rate() == 7.5
    state.hear_diagnostic(counted(1003.0, '3'))
    assert rate() is None
    state.hear_diagnostic(counted(1004.0, 'many'))
    assert rate() is None
    state.hear_diagnostic(counted(1005.0, '4'))
    state.hear_diagnostic(counted(1006.0, '4'))
    assert rate() == 0.0
    clock.now_s = 1010.0
    assert rate() is None
