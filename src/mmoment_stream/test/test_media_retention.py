from dataclasses import replace

import pytest
from library_world import ANNA, BEN, DAY_MS, START_MS, person, world_at

from mmoment_chain import media_records
from mmoment_chain.media_records import Candidate, Totals
from mmoment_stream import media_retention
from mmoment_stream.media_retention import (
    DOUBT_S,
    FIRST_TRUE_MS,
    YOUNG_MS,
    MediaRetention,
    RetentionLimits,
    to_delete,
)

NOW_MS = START_MS


def aged(*days, size=100):
    """Oldest first, as the store gives them."""
    ordered = sorted(days, reverse=True)
    return [Candidate(f'{day}', round(NOW_MS - day * DAY_MS), size) for day in ordered]


def choice(candidates, *, now_ms=NOW_MS, free=10**9, kept=0, kept_bytes=0, **limits):
    """kept: favourites and the newest, which count but do not go."""
    totals = Totals(len(candidates) + kept, sum(each.bytes for each in candidates) + kept_bytes)
    return to_delete(candidates, totals, RetentionLimits(**limits), now_ms, free)


def chosen(candidates, **options):
    return [candidate.media_id for candidate in choice(candidates, **options).candidates]


def test_without_limits_everything_stays():
    assert chosen(aged(1, 2, 4000)) == []


@pytest.mark.parametrize(
    ('limits', 'gone'),
    [
        ({'age_days': 2.5}, ['4', '3']),
        ({'age_days': 0.5}, ['4', '3', '2', '1']),
        ({'count': 3}, ['4']),
        ({'count': 2}, ['4', '3']),
        ({'count': 4}, []),
        ({'bytes': 250}, ['4', '3']),
        ({'bytes': 300}, ['4']),
        ({'bytes': 400}, []),
        ({'free_bytes': 1000, 'age_days': 3.5}, ['4', '3']),
        ({'free_bytes': 1001}, ['4', '3', '2']),
        ({'free_bytes': 800}, []),
        ({'count': 3, 'bytes': 100}, ['4', '3', '2']),
    ],
)
def test_the_oldest_go_until_every_limit_is_kept(limits, gone):
    # 200 more bytes make a floor of 1000.
    assert chosen(aged(1, 2, 3, 4), free=800, **limits) == gone


def test_what_stays_counts_too():
    assert chosen(aged(1, 2), kept=3, count=4) == ['2']
    assert chosen(aged(1, 2), kept=9, count=4) == ['2', '1']
    assert chosen(aged(1, 2), kept=1, kept_bytes=800, bytes=1000) == []
    assert chosen(aged(1, 2), kept=1, kept_bytes=801, bytes=1000) == ['2']


def test_no_more_is_read_than_needed():
    def endless():
        yield from aged(9, 8, 1)
        raise AssertionError('read on')

    found = to_delete(endless(), Totals(4, 4), RetentionLimits(age_days=7), NOW_MS, 0)
    assert [candidate.media_id for candidate in found.candidates] == ['9', '8']


def test_nothing_goes_for_room_on_a_disk_that_something_else_fills():
    four = aged(1, 2, 3, 4)
    assert chosen(four, free=600, free_bytes=1000) == ['4', '3', '2', '1']
    found = choice(four, free=599, free_bytes=1000)
    assert (found.candidates, found.lacking_bytes) == ((), 1)
    # What goes all the same makes room too, and no more goes for it than that.
    found = choice(four, free=599, free_bytes=1000, count=3)
    assert ([each.media_id for each in found.candidates], found.lacking_bytes) == (['4'], 1)
    assert choice(four, free=1000, free_bytes=1000).lacking_bytes == 0


def test_without_that_limit_a_full_disk_is_nobodys_concern():
    found = choice(aged(1, 2), free=0, free_bytes=0)
    assert (found.candidates, found.lacking_bytes) == ((), 0)


def test_what_is_younger_than_an_hour_does_not_go_for_room():
    hour = 1 / 24
    candidates = aged(hour * 0.99, hour * 1.01)
    assert chosen(candidates, free=900, free_bytes=1000) == [f'{hour * 1.01}']
    assert choice(candidates, free=800, free_bytes=1000).lacking_bytes == 100
    assert chosen(candidates, free=800, free_bytes=1000, count=0, bytes=100) == [f'{hour * 1.01}']
    # Where the time is not known, nothing is known to be older.
    assert choice(aged(1, 2), now_ms=0, free=900, free_bytes=1000).lacking_bytes == 100
    # Other limits hold for it too.
    assert len(chosen(candidates, count=1)) == 1


def uploaded(candidates, *ids):
    return [replace(each, is_uploaded=each.media_id in ids) for each in candidates]


@pytest.mark.parametrize('limits', [{'count': 2}, {'bytes': 200}, {'age_days': 1.5}])
def test_only_what_is_uploaded_goes_if_that_is_asked_for(limits):
    four = uploaded(aged(1, 2, 3, 4), '3')
    assert chosen(four, only_uploaded=True, **limits) == ['3']
    assert len(chosen(four, **limits)) > 1


def test_for_room_what_is_not_uploaded_goes_after_all_that_is():
    four = uploaded(aged(1, 2, 3, 4), '3', '1')
    assert chosen(four, only_uploaded=True, free=800, free_bytes=1000) == ['3', '1']
    assert chosen(four, only_uploaded=True, free=700, free_bytes=1000) == ['4', '3', '1']
    assert chosen(four, free=700, free_bytes=1000) == ['4', '3', '2']


def test_the_age_of_what_a_clock_that_was_never_set_has_dated_is_not_known():
    unset = Candidate('unset', 5000, 100)
    candidates = [unset, *aged(9, 1)]
    assert chosen(candidates, age_days=7) == ['9']
    # By number it goes first: it may well be the oldest.
    assert chosen(candidates, count=2) == ['unset']
    assert unset.started_ms < FIRST_TRUE_MS < NOW_MS


@pytest.fixture
def world(tmp_path):
    with world_at(tmp_path) as made:
        made.retention = MediaRetention(made.library, made.store)
        yield made


def test_the_newest_and_the_favourites_are_kept_of_photos_and_clips_alike(world):
    favourite = world.clip(ANNA)
    world.library.set_favourite(person(ANNA), favourite.media_id, True)
    old, older = world.photo(ANNA), world.clip(BEN)
    newest = world.photo(BEN)
    gone = world.retention.step(RetentionLimits(count=1, bytes=1, age_days=1e-9))
    assert [record.media_id for record in gone] == [old.media_id, older.media_id]
    assert world.listed() == [newest.media_id, favourite.media_id]
    assert world.retention.step(RetentionLimits(count=1)) == []
    assert len(world.assert_sound()) == 2


def test_the_log_says_why(world):
    for wallet in (ANNA, BEN):
        world.photo(wallet)
    world.retention.step(RetentionLimits(count=1))
    last = world.events()[-1]
    assert (last.kind, last.subject, last.data) == (
        'media_deleted',
        ANNA,
        {'reason': 'retention'},
    )


def test_what_is_old_goes_with_time(world):
    world.photo()
    limits = RetentionLimits(age_days=30)
    world.clock.now_ms += 29 * DAY_MS
    newest = world.photo()
    assert world.retention.step(limits) == []
    world.clock.now_ms += 2 * DAY_MS
    assert len(world.retention.step(limits)) == 1
    # The newest one stays, however old.
    world.clock.now_ms += 100 * DAY_MS
    assert world.retention.step(limits) == []
    assert world.listed() == [newest.media_id]


def test_a_clock_that_was_set_makes_nothing_old_at_once(world, monkeypatch):
    for _ in range(3):
        world.photo()
    elapsed_s = 0.0
    monkeypatch.setattr(world.clock, 'elapsed_s', lambda: elapsed_s)
    retention = MediaRetention(world.library, world.store)
    limits = RetentionLimits(age_days=30)
    # Ten years ahead, and back before anybody believed it.
    before_ms = world.clock.now_ms
    world.clock.now_ms += 3650 * DAY_MS
    assert retention.step(limits) == []
    elapsed_s = DOUBT_S / 2
    world.clock.now_ms = before_ms
    assert retention.step(limits) == []
    elapsed_s = 3 * DOUBT_S
    world.clock.now_ms = before_ms + round(elapsed_s * 1000)
    assert retention.step(limits) == []
    assert len(world.listed()) == 3
    # Other limits hold meanwhile, and a clock that stays so is believed in the end.
    world.clock.now_ms += 3650 * DAY_MS
    assert len(retention.step(RetentionLimits(age_days=30, count=2))) == 1
    elapsed_s += 2 * DOUBT_S
    world.clock.now_ms += round(2 * DOUBT_S * 1000)
    assert len(retention.step(limits)) == 1


def test_room_is_made_on_the_disk(world, monkeypatch):
    free = 1000
    monkeypatch.setattr(type(world.folder), 'free_bytes', lambda self: free)
    kept = [world.photo(content=bytes(400)) for _ in range(4)]
    world.clock.now_ms += YOUNG_MS
    gone = world.retention.step(RetentionLimits(free_bytes=1500))
    assert world.retention.problem == ''
    assert [record.media_id for record in gone] == [record.media_id for record in kept[:2]]


def test_what_is_not_uploaded_stays_until_it_is(world):
    first, second = world.photo(), world.photo()
    world.photo()
    limits = RetentionLimits(count=1, only_uploaded=True)
    assert world.retention.step(limits) == []
    with world.store.transaction() as tx:
        media_records.set_uploaded(tx, second.media_id, world.clock.now_ms)
    assert [each.media_id for each in world.retention.step(limits)] == [second.media_id]
    assert first.media_id in world.listed()


def test_many_go_at_once(world, monkeypatch):
    monkeypatch.setattr(media_retention, 'AT_ONCE', 4)
    for _ in range(11):
        world.photo()
    assert len(world.retention.step(RetentionLimits(count=1))) == 10
    assert len(world.assert_sound()) == 1
