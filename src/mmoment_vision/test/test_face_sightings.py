from collections import deque

import numpy as np
import pytest

from mmoment_vision.face_sightings import (
    SIGHTINGS_TO_COMPARE,
    WEIGHT_OF_NOBODY,
    SeenTrack,
    Sighting,
)


def track_with(*sightings):
    return SeenTrack(
        np.zeros(4, np.float32),
        seen_s=0.0,
        next_look_s=0.0,
        interval_s=0.1,
        fast_left=0,
        sightings=deque(sightings),
    )


def test_others_speak_against_a_name_and_nobody_less_so():
    ann, bob, nobody = (Sighting(who, 0.8, 0.5, 0.0) for who in ('ann', 'bob', ''))
    assert track_with(ann, ann).evidence('ann') == 1.0
    assert track_with(ann, bob).evidence('ann') == 0.0
    assert track_with(ann, nobody).evidence('ann') == 0.5 - 0.5 * WEIGHT_OF_NOBODY


def test_agreement_is_of_what_was_seen_since_and_of_enough_looks():
    seen = [Sighting('ann', 0.8, 1.0, float(second)) for second in range(SIGHTINGS_TO_COMPARE)]
    track = track_with(*seen)
    assert track.agreement('ann', 0.0) == pytest.approx(0.8)
    assert track.agreement('ann', 0.5) is None
    track.sightings.append(Sighting('bob', 0.9, 1.0, 9.0))
    assert track.agreement('ann', 0.5) == pytest.approx(0.8 * 3 / 4)
