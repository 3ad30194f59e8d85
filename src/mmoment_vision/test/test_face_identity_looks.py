"""How often faces are looked at, and which of them first."""

import numpy as np
import pytest
from face_room import SETTINGS, Room, face, room_with

from mmoment_vision.face_identity import IdentityKeeper


def test_an_unknown_face_is_looked_at_ever_more_seldom_but_never_forgotten():
    room = Room()
    room.puts(1, 'stranger', 100)
    room.passes(60.0)
    pauses = np.diff([time_s for time_s, _ in room.looks])
    assert pauses[0] < 0.15
    assert SETTINGS.unknown_interval_s - 0.1 <= pauses[-5:].min()
    assert pauses.max() <= SETTINGS.unknown_interval_s + 0.1


@pytest.mark.parametrize('person', ['ann', 'stranger'])
def test_looks_do_not_grow_with_the_frame_rate(person):
    counts = []
    for rate_hz in (15.0, 30.0, 120.0):
        room = Room(rate_hz)
        room.puts(1, person, 100)
        room.passes(30.0)
        counts.append(len(room.looks))
    assert max(counts) - min(counts) <= 2
    assert max(counts) <= 30


def test_looks_at_faces_that_touch_all_the_time_are_bounded():
    room = room_with('ann', x=100)
    room.puts(2, 'bob', 180)
    room.passes(2.0)
    since_s = room.now_s
    for _ in range(60):
        # Now touching, now just not: no new doubt with every picture.
        room.puts(2, 'bob', 180)
        room.passes(room.period_s)
        room.puts(2, 'bob', 260)
        room.passes(room.period_s)
    assert room.looks_at(1, since_s) <= 3 / SETTINGS.doubtful_interval_s * 4


def test_a_face_that_is_hard_to_tell_is_not_looked_at_all_the_time():
    room = Room()
    for number in range(60 * 30):
        room.puts(1, ('ann', 'stranger', 'stranger')[len(room.looks) % 3], 100)
        room.passes(room.period_s)
        assert number >= 0
    assert len(room.looks) <= 60 * 3


def test_the_most_urgent_comes_first_and_nobody_waits_for_ever():
    room = room_with('ann', x=100)
    for track_id in range(2, 9):
        room.puts(track_id, 'stranger', 100 + 300 * track_id)
    room.passes(0.05, with_looks=False)
    faces = [face(track_id, x) for track_id, (_, x) in room.people.items()]
    # The named one has just been looked at.
    assert 1 not in room.keeper.wanted(faces, room.now_s)
    since_s = room.now_s
    room.passes(10.0)
    assert all(room.looks_at(track_id, since_s) >= 3 for track_id in room.people)


def test_faces_that_cannot_be_aligned_are_not_wanted():
    keeper = IdentityKeeper()
    faces = [
        face(1, 0),
        face(2, 300, undetected_s=SETTINGS.freshest_s + 0.1),
        face(3, 600, landmarks=np.zeros((5, 2), np.float32)),
    ]
    keeper.advance(faces, 0.0)
    assert keeper.wanted(faces, 0.0) == [1]
