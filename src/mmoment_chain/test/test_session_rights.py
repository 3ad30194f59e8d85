import dataclasses

import pytest
from book_world import ANNA, BEN, OWNER, BookWorld

from mmoment_chain import event_log
from mmoment_chain.check_out import ChangeKind
from mmoment_chain.errors import Refused
from mmoment_chain.rights import DEFAULT_RIGHTS, RIGHTS
from mmoment_chain.session_rights import LONGEST_GRANT_S

DEFAULTS = frozenset(DEFAULT_RIGHTS)


@pytest.fixture
def world(tmp_path):
    world = BookWorld(tmp_path, owner_wallet=OWNER, session_s=86_400, absent_s=86_400)
    yield world
    world.close()


def code(function, *arguments):
    with pytest.raises(Refused) as caught:
        function(*arguments)
    return caught.value.code


def logged(world):
    """Every entry about Anna's grants."""
    with world.store.reading() as query:
        events = event_log.of_subject(query, ANNA)
    return [
        (one.kind, dict(one.data)) for one in events if 'grant' in one.kind or 'tak' in one.kind
    ]


def test_a_change_carries_the_rights_so_that_nobody_has_to_ask_for_them(world):
    world.check_in(ANNA)
    world.book.rights.grant(ANNA, ['stream'], 0)
    world.book.rights.take_back(ANNA, ['stream'])
    told = [one.rights for one in world.changes if one.kind is ChangeKind.RIGHTS_CHANGED]
    assert told == [DEFAULTS | {'stream'}, DEFAULTS]


def held(world, token):
    return world.book.session_of(token).rights


def test_a_grant_counts_at_once_and_until_it_is_taken_back(world):
    token = world.check_in().token
    assert world.book.rights.grant(ANNA, ['stream'], 0) == DEFAULTS | {'stream'}
    assert held(world, token) == DEFAULTS | {'stream'}
    assert world.changes[-1].kind is ChangeKind.RIGHTS_CHANGED
    world.restart(off_s=3600)
    assert held(world, token) == DEFAULTS | {'stream'}
    assert world.book.rights.take_back(ANNA, ['stream']) == DEFAULTS
    assert held(world, token) == DEFAULTS


def test_a_grant_before_the_check_in_counts_too(world):
    world.book.rights.grant(ANNA, ['admin'], 0)
    assert held(world, world.check_in().token) == frozenset(RIGHTS)
    assert held(world, world.check_in(BEN).token) == DEFAULTS


def test_a_grant_ends_with_its_time_whatever_the_clock_on_the_wall_says(world):
    token = world.check_in().token
    world.book.rights.grant(ANNA, ['stream'], 600)
    world.wait(300)
    for jump_ms in (10**9, -2 * 10**9):
        world.clock.set_wall(world.clock.utc_ms() + jump_ms)
        world.wait(1)
        assert 'stream' in held(world, token)
    world.wait(297)
    assert 'stream' in held(world, token)
    world.clock.advance(1)
    assert 'stream' not in held(world, token)
    count = len(world.changes)
    world.book.tick()
    assert [one.kind for one in world.changes[count:]] == [ChangeKind.RIGHTS_CHANGED]


def test_taking_all_back_leaves_what_everybody_has(world):
    world.book.rights.grant(ANNA, ['stream', 'admin'], 0)
    assert world.book.rights.take_back(ANNA, []) == DEFAULTS


def test_the_owner_has_all_and_nothing_takes_it(world):
    token = world.check_in(OWNER).token
    assert world.book.rights.take_back(OWNER, []) == frozenset(RIGHTS)
    assert held(world, token) == frozenset(RIGHTS)


def test_other_defaults_reach_those_who_are_there(world):
    token = world.check_in().token
    world.book.set_settings(dataclasses.replace(world.settings, default_rights=frozenset({'view'})))
    assert held(world, token) == {'view'}
    world.wait(1)
    assert world.changes[-1].kind is ChangeKind.RIGHTS_CHANGED


def test_what_makes_no_sense_is_refused(world):
    assert code(world.book.rights.grant, 'anna', ['view'], 0) == 'bad_wallet'
    assert code(world.book.rights.grant, ANNA, ['fly'], 0) == 'unknown_right'
    assert code(world.book.rights.grant, ANNA, [], 0) == 'unknown_right'
    assert code(world.book.rights.take_back, ANNA, ['fly']) == 'unknown_right'


@pytest.mark.parametrize(
    'seconds', [-1, -1e-9, float('nan'), float('inf'), -float('inf'), 1e30, LONGEST_GRANT_S + 1]
)
def test_no_duration_that_makes_no_sense_becomes_a_grant(world, seconds):
    assert code(world.book.rights.grant, ANNA, ['stream'], seconds) == 'bad_duration'
    assert world.book.rights.take_back(ANNA, []) == DEFAULTS
    assert logged(world) == []


def test_grants_are_in_the_event_log_whether_somebody_is_there_or_not(world):
    rights, now_ms = world.book.rights, world.clock.utc_ms()
    rights.grant(ANNA, ['stream', 'admin'], 0)
    rights.take_back(ANNA, ['stream', 'view'])
    rights.take_back(ANNA, ['stream'])
    rights.grant(ANNA, ['stream'], LONGEST_GRANT_S)
    ends_ms = now_ms + round(LONGEST_GRANT_S * 1000)
    assert logged(world) == [
        ('right_granted', {'rights': ['stream', 'admin'], 'ends_ms': None}),
        ('right_taken_back', {'rights': ['stream']}),
        ('right_granted', {'rights': ['stream'], 'ends_ms': ends_ms}),
    ]


def test_a_grant_that_ends_by_itself_is_logged_once(world):
    world.book.rights.grant(ANNA, ['stream'], 3)
    world.wait(2)
    assert len(logged(world)) == 1
    world.wait(5)
    assert logged(world)[1:] == [('grant_ended', {'rights': ['stream']})]
    with world.store.reading() as query:
        assert event_log.verify(query).is_good


def test_what_is_withheld_nobody_can_give_but_the_owner_and_admins_have_all(tmp_path):
    withheld = {'record', 'stream'}
    world = BookWorld(tmp_path, owner_wallet=OWNER, withheld=lambda wallet: frozenset(withheld))
    try:
        token = world.check_in(ANNA).token
        assert held(world, token) == DEFAULTS - {'record'}
        assert world.book.rights.grant(ANNA, ['stream'], 0) == DEFAULTS - {'record'}
        with world.store.reading() as query:
            assert world.book.rights.withheld(query, ANNA) == withheld
        withheld.discard('stream')
        world.book.rights.follow()
        assert held(world, token) == (DEFAULTS | {'stream'}) - {'record'}
        assert world.changes[-1].rights == (DEFAULTS | {'stream'}) - {'record'}
        assert world.book.rights.grant(BEN, ['admin'], 0) == set(RIGHTS)
        assert held(world, world.check_in(OWNER).token) == set(RIGHTS)
    finally:
        world.close()
