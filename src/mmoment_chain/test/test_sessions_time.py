"""When a session ends by itself, whatever is done to the clock and the process."""

import pytest
from book_world import ANNA, BEN, OWNER, BookWorld
from refusals import code

from mmoment_chain.sessions import NOTE_SEEN_S

HOUR_MS = 3_600_000


@pytest.fixture
def world(tmp_path):
    world = BookWorld(tmp_path, owner_wallet=OWNER, session_s=3600, absent_s=600, at_most=3)
    yield world
    world.close()


def test_a_session_ends_with_its_time_though_its_person_is_there(world):
    token = world.check_in().token
    for _ in range(359):
        world.wait(10)
        world.book.session_of(token)
    world.wait(10)
    assert world.reasons() == [(ANNA, 'expired')]
    assert code(world.book.session_of, token) == 'bad_token'


def test_between_two_looks_it_has_ended_as_well(world):
    token = world.check_in().token
    world.clock.advance(3600)
    assert world.book.live() == []
    assert code(world.book.session_of, token) == 'session_over'
    assert world.reasons() == [(ANNA, 'expired')]


def test_a_program_that_asks_for_itself_keeps_nobody_there(world):
    token = world.check_in(ANNA).token
    for _ in range(60):
        world.book.session_of(token, is_action=False)
        world.wait(10)
    assert world.reasons() == [(ANNA, 'absent')]


def test_who_is_seen_stays_who_is_not_goes(world):
    world.check_in(ANNA)
    world.check_in(BEN)
    for _ in range(60):
        world.wait(10)
        world.book.presence.seen(ANNA)
    assert world.reasons() == [(BEN, 'absent')]
    assert [one.wallet for one in world.book.live()] == [ANNA]


@pytest.mark.parametrize('jump_ms', [30 * 24 * HOUR_MS, -30 * 24 * HOUR_MS])
def test_setting_the_clock_ends_nothing_and_gives_no_more_time(world, jump_ms):
    token = world.check_in().token
    world.wait(60)
    world.clock.set_wall(world.clock.utc_ms() + jump_ms)
    assert world.redated == 0
    world.wait(2)
    # Whoever holds the times from before hears of it, once.
    assert world.redated == 1
    session = world.book.session_of(token)
    assert session.expires_ms - world.clock.utc_ms() == (3600 - 62) * 1000
    assert abs(world.stored().last_seen_ms - world.clock.utc_ms()) <= 62_000
    # Set by as much again while no process runs.
    world.close()
    world.clock.set_wall(world.clock.utc_ms() + jump_ms)
    world.clock.advance(38)
    world.open()
    session = world.book.session_of(token)
    assert session.expires_ms - world.clock.utc_ms() == (3600 - 100) * 1000
    world.clock.advance(3600 - 101)
    world.book.session_of(token)
    world.clock.advance(1)
    assert code(world.book.session_of, token) == 'session_over'


def test_a_restart_checks_nobody_out_and_begins_with_full_patience(world):
    token = world.check_in().token
    world.wait(590)
    book = world.restart(off_s=900)
    world.wait(590)
    assert world.reasons() == []
    assert book.session_of(token).wallet == ANNA


def test_who_expired_while_the_camera_was_off_is_checked_out_as_ever(world):
    token = world.check_in().token
    world.restart(off_s=3601)
    assert world.book.live() == []
    world.wait(1)
    assert world.reasons() == [(ANNA, 'expired')]
    assert code(world.book.session_of, token) == 'bad_token'


def test_a_machine_that_starts_without_the_time_gives_nobody_more_of_it(world):
    token = world.check_in().token
    world.wait(600 - 1)
    world.book.session_of(token)
    world.wait(NOTE_SEEN_S + 1)
    world.boot_id = 'boot-2'
    world.clock.set_wall(0)
    book = world.restart()
    assert 0 < book.session_of(token).expires_ms - world.clock.utc_ms() <= 3600_000 - 599_000


def test_faces_seen_many_times_a_second_are_written_now_and_then(world):
    world.check_in()
    world.wait(NOTE_SEEN_S + 1)
    with world.store.reading() as query:
        before = query.one('SELECT last_seen_ms FROM sessions')[0]
    for _ in range(int(NOTE_SEEN_S - 5)):
        for _ in range(30):
            world.book.presence.seen(ANNA)
        world.wait(1)
    with world.store.reading() as query:
        assert query.one('SELECT last_seen_ms FROM sessions')[0] == before
    assert world.book.live()[0].last_seen_ms > before
    world.wait(10)
    with world.store.reading() as query:
        assert query.one('SELECT last_seen_ms FROM sessions')[0] > before


def test_a_part_of_the_camera_tells_by_name_that_somebody_is_there(world):
    opened = world.check_in()
    for _ in range(3):
        world.wait(300)
        world.book.get(opened.session.id, is_action=True)
    world.book.renew(opened.token)
    world.wait(300)
    world.book.get(opened.session.id)
    world.wait(300)
    assert world.reasons() == [(ANNA, 'absent')]
