import numpy as np
import pytest

from mmoment_vision.gesture_movement_synthesis import OTHERS, TOWARDS, made_up_movement
from mmoment_vision.gesture_movements import MOVEMENTS

PALM = [0, 5, 9, 13, 17]


@pytest.mark.parametrize('kind', [*MOVEMENTS, *OTHERS])
def test_made_up_hands_move_forward_in_time(kind):
    random = np.random.default_rng(3)
    for _ in range(5):
        movement = made_up_movement(kind, random)
        assert movement.landmarks.shape == (len(movement.times_s), 21, 2)
        assert np.isfinite(movement.landmarks).all()
        assert (np.diff(movement.times_s) > 0).all()
        assert movement.name == (kind if kind in MOVEMENTS else '')


@pytest.mark.parametrize('kind', TOWARDS)
def test_a_swipe_goes_where_its_name_says(kind):
    movement = made_up_movement(kind, np.random.default_rng(4), rate_hz=30.0)
    centres = movement.landmarks[:, PALM].mean(axis=1)
    went = centres[-1] - centres[0]
    assert went @ np.array(TOWARDS[kind]) > 0.8 * np.linalg.norm(went)


def test_pictures_come_at_the_rate_asked_for():
    movement = made_up_movement('circle', np.random.default_rng(5), rate_hz=20.0)
    assert 40 <= len(movement.times_s) <= 61
