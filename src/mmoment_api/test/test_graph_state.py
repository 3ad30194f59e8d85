import pytest

from mmoment_api.graph_state import DiagnosticState, GestureState, GraphState, Hands, StageState


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
