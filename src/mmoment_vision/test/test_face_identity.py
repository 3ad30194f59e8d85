import pytest
from face_room import SETTINGS, STRANGER, Room, face, match_of, room_with

from mmoment_vision.face_gallery import NO_MATCH, Match
from mmoment_vision.face_identity import IdentityKeeper


def test_a_name_needs_several_sightings_and_comes_within_half_a_second():
    keeper = IdentityKeeper()
    keeper.advance([face(1, 0)], 0.0)
    for number in range(SETTINGS.fewest_sightings):
        assert keeper.name_of(1) is None
        keeper.saw(1, match_of('ann'), number * 0.1)
    named = keeper.name_of(1)
    assert (named.identity, named.similarity) == ('ann', 0.9)
    room = Room()
    room.puts(1, 'ann', 100)
    room.passes(0.5)
    assert room.name(1) == 'ann'


def test_a_stranger_is_never_named():
    room = Room()
    room.puts(1, 'stranger', 100)
    room.passes(60.0)
    assert room.shown(1) == {''}
    assert len(room.looks) > 10


@pytest.mark.parametrize('wrong_in', [3, 4, 7])
def test_a_stranger_now_and_then_taken_for_somebody_is_not_named(wrong_in):
    keeper = IdentityKeeper()
    for number in range(200):
        now_s = number * 0.5
        keeper.advance([face(1, 0)], now_s)
        keeper.saw(1, match_of('ann' if number % wrong_in == 0 else 'stranger'), now_s)
        assert keeper.name_of(1) is None


def test_poor_views_need_more_sightings():
    room = Room()
    room.puts(1, 'ann', 100)
    room.weights[1] = 0.4
    room.passes(0.4)
    assert room.name(1) == ''
    room.passes(0.6)
    assert room.name(1) == 'ann'
    assert len(room.looks) >= 5


def test_views_that_say_nothing_never_name_and_never_unname():
    room = Room()
    room.puts(1, 'ann', 100)
    room.weights[1] = 0.0
    room.passes(5.0)
    assert room.name(1) == ''
    named = room_with('ann')
    named.weights[1] = 0.0
    named.puts(1, 'bob', 100)
    named.passes(20.0)
    assert named.name(1) == 'ann'


def test_a_few_looks_at_nobody_in_particular_take_no_name_but_many_do():
    room = room_with('ann')
    room.keeper.saw(1, STRANGER, room.now_s)
    room.passes(5.0)
    assert room.name(1) == 'ann'
    room.puts(1, 'stranger', 100)
    room.passes(SETTINGS.named_interval_s + 1.0)
    assert room.name(1) == ''


def test_a_wrong_name_is_taken_back_and_the_right_one_given():
    room = room_with('ann')
    room.puts(1, 'bob', 100)
    room.passes(SETTINGS.named_interval_s + 0.5)
    assert room.name(1) == 'bob'


def test_people_whose_tracks_swapped_at_a_crossing_lose_each_others_names_at_once():
    room = room_with('ann', x=100)
    room.puts(2, 'bob', 500)
    room.passes(1.0)
    room.passes(SETTINGS.named_interval_s)
    for x in range(100, 300, 20):
        room.puts(1, 'ann', x)
        room.puts(2, 'bob', 600 - x)
        room.passes(0.1)
    # Each track goes on with the other's face.
    room.puts(1, 'bob', 260)
    room.puts(2, 'ann', 340)
    begun_s = room.now_s
    room.passes(0.3)
    assert room.name(1) != 'ann'
    assert room.name(2) != 'bob'
    room.passes(1.0)
    assert (room.name(1), room.name(2)) == ('bob', 'ann')
    assert room.looks_at(1, begun_s) >= 3


def test_whoever_is_left_where_two_met_is_not_named_before_a_look():
    room = room_with('ann', x=100)
    room.puts(2, 'bob', 500)
    room.passes(2.0)
    room.puts(1, 'ann', 300)
    room.puts(2, 'bob', 340)
    room.passes(0.5)
    assert (room.name(1), room.name(2)) == ('ann', 'bob')
    # One of the two is hidden, and the track of the other goes on with its face.
    del room.people[2]
    room.puts(1, 'bob', 320)
    room.passes(room.period_s, with_looks=False)
    assert room.name(1) == ''
    room.passes(1.0)
    assert room.name(1) == 'bob'
    assert 'ann' not in {names[1] for names in room.names[-30:]}


def test_whoever_is_left_where_two_met_has_the_name_back_with_the_first_look():
    room = room_with('ann', x=300)
    room.puts(2, 'bob', 340)
    room.passes(1.0)
    del room.people[2]
    room.passes(room.period_s, with_looks=False)
    assert room.name(1) == ''
    room.passes(room.period_s)
    assert room.name(1) == 'ann'


def test_who_vanished_a_moment_ago_is_expected_back_and_named_sooner():
    looks = []
    for away_s in (1.0, SETTINGS.keep_unseen_s + 1.0):
        room = room_with('ann')
        room.people.clear()
        room.passes(away_s)
        room.puts(2, 'ann', 600)
        room.looks.clear()
        while not room.name(2):
            room.passes(room.period_s)
        looks.append(len(room.looks))
    assert looks == [SETTINGS.fewest_sightings_expected, SETTINGS.fewest_sightings]


def test_names_stay_through_a_crossing_without_a_swap():
    room = room_with('ann', x=100)
    room.puts(2, 'bob', 500)
    room.passes(1.0)
    room.names.clear()
    for x in range(100, 500, 20):
        room.puts(1, 'ann', x)
        room.puts(2, 'bob', 600 - x)
        room.passes(0.1)
    assert room.shown(1) == {'ann'}
    assert room.shown(2) == {'bob'}


def test_after_a_crossing_faces_are_looked_at_at_once():
    room = room_with('ann', x=100)
    room.passes(3.0)
    room.puts(2, 'stranger', 500)
    room.passes(3.0)
    room.puts(2, 'stranger', 190)
    met_s = room.now_s
    room.passes(0.2)
    assert room.looks_at(1, met_s) >= 1
    assert room.keeper.counts().doubtful == 1
    room.puts(2, 'stranger', 800)
    room.passes(1.0)
    assert room.keeper.counts().doubtful == 0
    assert room.name(1) == 'ann'


def test_what_was_seen_before_a_crossing_says_nothing_after_it():
    room = room_with('ann', x=100)
    taken_s = room.now_s - 0.01
    room.puts(2, 'bob', 500)
    room.passes(1.0, with_looks=False)
    room.puts(2, 'bob', 150)
    room.passes(0.1, with_looks=False)
    for _ in range(10):
        # Results of pictures from before the faces met come in late.
        room.keeper.saw(2, match_of('stranger'), taken_s)
        room.keeper.saw(1, match_of('stranger'), taken_s)
    assert room.name(1) == 'ann'


@pytest.mark.parametrize('away_s', [0.4, 0.9])
def test_a_name_stays_through_a_short_occlusion_and_is_checked_after_it(away_s):
    room = room_with('ann')
    room.passes(2.5)
    room.people.clear()
    room.passes(away_s)
    room.puts(1, 'ann', 100)
    back_s = room.now_s
    room.passes(0.5)
    assert room.name(1) == 'ann'
    assert room.looks_at(1, back_s) >= 2


def test_somebody_else_at_the_same_place_after_an_occlusion_loses_the_name_at_once():
    room = room_with('ann')
    room.people.clear()
    room.passes(0.5)
    room.puts(1, 'bob', 100)
    room.passes(2 * room.period_s)
    assert room.name(1) == ''


def test_a_jump_makes_doubtful_a_walk_does_not():
    room = room_with('ann', x=100)
    room.passes(3.0)
    for x in range(100, 400, 10):
        room.puts(1, 'ann', x)
        room.passes(room.period_s)
    assert room.keeper.counts().doubtful == 0
    room.puts(1, 'ann', 800)
    room.passes(room.period_s)
    assert room.keeper.counts().doubtful == 1


def test_who_returns_as_a_new_track_is_named_within_a_second_and_the_old_track_is_not():
    room = room_with('ann')
    room.people.clear()
    room.passes(4.0)
    room.puts(7, 'ann', 600)
    room.passes(1.0)
    assert room.name(7) == 'ann'
    assert room.name(1) == ''


def test_two_tracks_never_have_one_name_and_the_first_keeps_it():
    room = room_with('ann', x=100)
    room.puts(2, 'ann', 600)
    room.names.clear()
    room.passes(20.0)
    assert room.shown(1) == {'ann'}
    assert room.shown(2) == {''}


def test_a_look_alike_gives_the_name_back_to_the_one_who_is_more_alike():
    keeper = IdentityKeeper()
    faces = [face(1, 0), face(2, 500)]
    alike = {1: Match('ann', 0.65, 'ann', 0.1), 2: Match('ann', 0.85, 'ann', 0.3)}
    both = 0
    for number in range(400):
        now_s = number / 30
        in_view = faces if now_s > 2.0 else faces[:1]
        keeper.advance(in_view, now_s)
        for track_id in keeper.wanted(in_view, now_s)[:1]:
            keeper.saw(track_id, alike[track_id], now_s)
        both += keeper.name_of(1) is not None and keeper.name_of(2) is not None
    assert keeper.name_of(2).identity == 'ann'
    assert keeper.name_of(1) is None
    assert both == 0
    assert keeper.counts().names_given == 2


def test_a_name_that_its_track_does_not_earn_any_more_goes_to_the_other():
    room = room_with('ann', x=100)
    room.puts(2, 'ann', 600)
    room.puts(1, 'stranger', 100)
    room.names.clear()
    room.passes(4.0)
    assert room.name(2) == 'ann'
    assert room.name(1) == ''
    assert not any(names[1] == names[2] == 'ann' for names in room.names)


def test_a_name_is_forgotten_at_once_and_does_not_come_back():
    room = room_with('ann')
    room.keeper.forget('ann')
    assert room.name(1) == ''
    room.puts(1, 'stranger', 100)
    room.names.clear()
    room.passes(10.0)
    assert room.shown(1) == {''}


def test_a_late_result_does_not_bring_a_forgotten_name_back():
    room = room_with('ann')
    room.keeper.forget('ann')
    room.keeper.saw(1, match_of('ann'), room.now_s - 0.02)
    assert room.name(1) == ''


def test_who_checks_in_is_named_soon_however_long_unknown():
    room = Room()
    room.puts(1, 'stranger', 100)
    room.passes(60.0)
    room.puts(1, 'ann', 100)
    room.keeper.gallery_changed()
    room.passes(0.5)
    assert room.name(1) == 'ann'


def test_tracks_that_ended_leave_nothing_behind():
    room = Room()
    for track_id in range(100):
        room.people = {track_id: ('ann', 100)}
        room.passes(0.5)
    assert room.keeper.counts().tracks <= SETTINGS.keep_unseen_s / 0.5 + 1
    room.keeper.saw(3, match_of('ann'), room.now_s)
    assert room.keeper.name_of(3) is None


def test_a_clock_that_goes_back_begins_anew():
    room = room_with('ann')
    room.now_s = 0.0
    room.passes(room.period_s, with_looks=False)
    assert room.name(1) == ''


def test_counts_what_happened():
    room = room_with('ann')
    room.keeper.forget('ann')
    counts = room.keeper.counts()
    assert (counts.tracks, counts.named) == (1, 0)
    assert (counts.names_given, counts.names_withdrawn) == (1, 1)
    assert counts.sightings == len(room.looks)


def test_an_empty_gallery_names_nobody():
    keeper = IdentityKeeper()
    keeper.advance([face(1, 0)], 0.0)
    for number in range(5):
        keeper.saw(1, NO_MATCH, number * 0.1)
    assert keeper.name_of(1) is None
