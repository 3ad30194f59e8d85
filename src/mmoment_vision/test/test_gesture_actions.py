import pytest

from mmoment_vision.gesture_actions import (
    COOL_DOWN,
    DEFAULT_ACTIONS,
    NO_OWNER,
    NO_RIGHT,
    REMEMBERED_REQUESTS,
    REQUESTED,
    GestureActions,
    parse_actions,
)

RIGHTS = {
    'Anna': frozenset({'view', 'capture'}),
    'Bert': frozenset({'view'}),
    'Olga': frozenset({'admin'}),
}


def decide(actions, gesture, identity, now_s=0.0, rights=RIGHTS):
    decision = actions.decide(gesture, identity, rights, now_s)
    return decision and decision.outcome


@pytest.fixture
def actions():
    return GestureActions(parse_actions(['peace=photo', 'thumbs_up=clip', 'wave=stream']), 3.0)


def test_defaults_are_read():
    assert parse_actions(DEFAULT_ACTIONS) == {'peace': 'photo', 'thumbs_up': 'clip'}
    assert parse_actions([]) == {}
    assert parse_actions([' swipe_left = photo ']) == {'swipe_left': 'photo'}


@pytest.mark.parametrize(
    ('line', 'reason'),
    [
        ('peas=photo', "gesture 'peas' is unknown, choose one of: open_palm, .*call_me, wave"),
        ('peace=foto', "action 'foto' is unknown, choose one of: photo, clip, stream"),
        ('peace', 'must be GESTURE=ACTION'),
    ],
)
def test_what_is_unknown_is_refused_with_the_choices(line, reason):
    with pytest.raises(ValueError, match=reason):
        parse_actions([line])


def test_a_gesture_has_one_action():
    with pytest.raises(ValueError, match="'peace' is named twice"):
        parse_actions(['peace=photo', 'peace=clip'])


def test_who_has_the_right_gets_the_action(actions):
    decision = actions.decide('peace', 'Anna', RIGHTS, 0.0)
    assert (decision.outcome, decision.action, decision.right) == (REQUESTED, 'photo', 'capture')
    assert decide(actions, 'wave', 'Olga') == REQUESTED


def test_other_gestures_stand_for_nothing(actions):
    assert actions.decide('fist', 'Anna', RIGHTS, 0.0) is None
    assert sum(actions.counts.values()) == 0


def test_without_a_name_nothing_is_done(actions):
    assert decide(actions, 'peace', '') == NO_OWNER
    # Nobody can be given rights by an empty name.
    assert decide(actions, 'peace', '', rights={'': frozenset({'admin'})}) == NO_OWNER


def test_without_the_right_nothing_is_done(actions):
    assert decide(actions, 'thumbs_up', 'Anna') == NO_RIGHT
    assert decide(actions, 'peace', 'Bert') == NO_RIGHT
    assert decide(actions, 'peace', 'Stranger') == NO_RIGHT
    assert decide(actions, 'peace', 'Anna', rights={}) == NO_RIGHT


def test_the_same_person_waits_for_the_same_action(actions):
    assert decide(actions, 'peace', 'Anna', 0.0) == REQUESTED
    assert decide(actions, 'peace', 'Anna', 2.9) == COOL_DOWN
    # Asking does not make the wait longer; others and other actions need not wait.
    assert decide(actions, 'peace', 'Olga', 2.9) == REQUESTED
    assert decide(actions, 'thumbs_up', 'Olga', 2.9) == REQUESTED
    assert decide(actions, 'peace', 'Anna', 3.0) == REQUESTED


def test_a_refusal_starts_no_cool_down(actions):
    assert decide(actions, 'peace', 'Bert', 0.0) == NO_RIGHT
    assert decide(actions, 'peace', 'Bert', 0.1, {'Bert': frozenset({'capture'})}) == REQUESTED


def test_decisions_are_counted(actions):
    for identity in ('Anna', 'Anna', 'Bert', ''):
        decide(actions, 'peace', identity)
    assert actions.counts == {REQUESTED: 1, COOL_DOWN: 1, NO_RIGHT: 1, NO_OWNER: 1}


def test_memory_of_requests_is_limited(actions):
    for number in range(REMEMBERED_REQUESTS + 10):
        identity = f'person {number}'
        decide(actions, 'peace', identity, 0.0, {identity: frozenset({'capture'})})
    assert len(actions._requested_s) == REMEMBERED_REQUESTS
