import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from book_world import ANNA, BEN, CARA, OWNER, BookWorld, wallet

from mmoment_chain import event_log, session_records
from mmoment_chain.check_out import ASKED, REVOKED, ChangeKind
from mmoment_chain.errors import Refused, StoreError, StoreFull
from mmoment_chain.live_table import TOKEN_OVERLAP_S
from mmoment_chain.rights import DEFAULT_RIGHTS, RIGHTS
from mmoment_chain.sessions import NOTE_SEEN_S
from mmoment_chain.tokens import new_token

HOUR_MS = 3_600_000


@pytest.fixture
def world(tmp_path):
    world = BookWorld(tmp_path, owner_wallet=OWNER, session_s=3600, absent_s=600, at_most=3)
    yield world
    world.close()


def code(function, *arguments):
    with pytest.raises(Refused) as caught:
        function(*arguments)
    return caught.value.code


def test_a_token_opens_its_session_until_it_is_checked_out(world):
    opened = world.check_in(ANNA, '  Anna\n')
    session = world.book.session_of(opened.token)
    assert (session.wallet, session.display_name, session.source) == (ANNA, 'Anna', 'siws')
    assert session.rights == frozenset(DEFAULT_RIGHTS)
    assert session.expires_ms == world.clock.utc_ms() + HOUR_MS
    assert [one.id for one in world.book.live()] == [session.id]
    assert world.book.end([session.id], ASKED) == 1
    assert code(world.book.session_of, opened.token) == 'bad_token'
    assert world.book.live() == []
    assert world.book.end([session.id], ASKED) == 0
    assert world.reasons() == [(ANNA, ASKED)]
    kinds = [(change.kind, change.reason) for change in world.changes]
    assert kinds == [(ChangeKind.CHECKED_IN, ''), (ChangeKind.CHECKED_OUT, ASKED)]


def test_neither_token_nor_id_stands_where_it_does_not_belong(world, tmp_path):
    opened = world.check_in()
    assert opened.token not in repr(opened)
    assert opened.token not in str(world.changes)
    assert code(world.book.session_of, opened.session.id) == 'bad_token'
    assert code(world.book.session_of, new_token()) == 'bad_token'
    files = [path.read_bytes() for path in tmp_path.iterdir() if path.is_file()]
    assert not [data for data in files if opened.token.encode() in data]


def test_a_copied_store_opens_nothing_at_another_camera(world):
    opened = world.check_in()
    world.camera_id = 'garage'
    assert code(world.restart().session_of, opened.token) == 'bad_token'


def test_a_right_that_is_needed_must_be_had(world):
    guest, owner = world.check_in(), world.check_in(OWNER)
    world.book.session_of(guest.token, 'capture')
    assert code(world.book.session_of, guest.token, 'stream') == 'missing_right'
    assert code(world.book.session_of, guest.token, 'fly') == 'unknown_right'
    for right in RIGHTS:
        world.book.session_of(owner.token, right)


def test_a_challenge_opens_one_session_also_if_used_at_once(world):
    answer = world.answer(ANNA)
    gate = threading.Barrier(4)

    def enter(_):
        gate.wait()
        try:
            return world.book.check_in(answer, 'siws', '').token
        except Refused as refusal:
            return refusal.code

    with ThreadPoolExecutor(4) as pool:
        outcomes = sorted(pool.map(enter, range(4)), key=len)
    assert outcomes[:3] == ['used_nonce'] * 3
    assert len(world.book.live()) == 1


# --- as many as there is room for -----------------------------------------------------------------


def test_a_full_camera_sends_nobody_away_and_keeps_the_challenge(world):
    tokens = [world.check_in(each).token for each in (ANNA, BEN, CARA)]
    late = wallet(9)
    answer = world.answer(late)
    assert code(world.book.check_in, answer, 'siws', '') == 'too_many_sessions'
    for token in tokens:
        world.book.session_of(token)
    world.book.end([world.book.session_of(tokens[0]).id], ASKED)
    assert world.book.check_in(answer, 'siws', '').session.wallet == late


def test_the_owner_is_never_locked_out(world):
    for each in (ANNA, BEN, CARA):
        world.check_in(each)
    world.book.session_of(world.check_in(OWNER).token, 'admin')


def test_who_is_over_or_away_makes_room(world):
    world.check_in(ANNA)
    world.wait(300)
    kept = [world.check_in(each).token for each in (BEN, CARA)]
    for _ in range(300):
        world.clock.advance(1.0)
        world.book.presence.look()
        for token in kept:
            world.book.session_of(token)
    assert world.book.count() == 3
    world.check_in(wallet(9))
    assert world.reasons() == [(ANNA, 'absent')]


def test_of_one_wallet_the_session_not_used_for_longest_makes_room(world):
    tokens = []
    for _ in range(3):
        tokens.append(world.check_in().token)
        world.clock.advance(1)
    world.book.session_of(tokens[0])
    world.clock.advance(1)
    # A program that asks for itself does not make it one in use.
    world.book.session_of(tokens[1], is_action=False)
    tokens.append(world.check_in().token)
    assert code(world.book.session_of, tokens[1]) == 'bad_token'
    for token in (tokens[0], *tokens[2:]):
        world.book.session_of(token)
    (departure,) = world.departures
    assert (departure.reason, departure.is_last) == ('replaced', False)


@pytest.mark.parametrize('who', [ANNA, BEN])
def test_the_session_that_a_browser_had_ends_with_its_next_check_in(world, who):
    beside = world.check_in().token
    before = world.check_in().token
    renewed = world.book.renew(before).token
    after = world.check_in(who, replaces=renewed).token
    for token in (before, renewed):
        assert code(world.book.session_of, token) == 'bad_token'
    for token in (beside, after):
        world.book.session_of(token)
    assert world.book.count() == len(world.book.live()) == 2
    assert world.reasons() == [(ANNA, 'replaced')]


@pytest.mark.parametrize('token', ['', 'x', 43 * 'x', "' OR 1=1 --"])
def test_what_opens_nothing_replaces_nothing(world, token):
    over = world.check_in(BEN)
    world.book.end([over.session.id], ASKED)
    world.check_in()
    for replaces in (token, over.token):
        world.check_in(replaces=replaces)
    assert world.book.count() == 3
    assert world.reasons() == [(BEN, ASKED)]


def test_a_full_camera_takes_who_replaces_a_session(world):
    opened = [world.check_in(who) for who in (ANNA, BEN, CARA)]
    assert code(world.check_in, wallet(9)) == 'too_many_sessions'
    world.check_in(wallet(9), replaces=opened[1].token)
    assert world.reasons() == [(BEN, 'replaced')]


def test_who_is_sent_away_the_moment_they_have_checked_in_leaves_nothing_behind(world, monkeypatch):
    kept = world.store.transaction

    @contextmanager
    def and_sent_away():
        with kept() as tx:
            yield tx
        monkeypatch.setattr(world.store, 'transaction', kept)
        world.book.end([session.id for session in world.book.live(ANNA)], ASKED)

    answer = world.answer(ANNA)
    monkeypatch.setattr(world.store, 'transaction', and_sent_away)
    token = world.book.check_in(answer, 'siws', '').token
    assert code(world.book.session_of, token) == 'bad_token'
    assert world.reasons() == [(ANNA, ASKED)]
    assert (world.book.count(), len(world.book.presence)) == (0, 0)


def test_a_check_in_that_cannot_be_kept_leaves_nothing_behind(world, monkeypatch):
    answer, kept = world.answer(ANNA), world.store.transaction

    @contextmanager
    def full():
        with kept() as tx:
            yield tx
            raise StoreFull('no room')

    monkeypatch.setattr(world.store, 'transaction', full)
    with pytest.raises(StoreFull):
        world.book.check_in(answer, 'siws', '')
    assert (world.book.count(), len(world.book.presence)) == (0, 0)


def test_a_check_in_whose_replacing_cannot_be_kept_has_not_happened(world):
    tokens = [world.check_in().token for _ in range(3)]
    answer = world.answer(ANNA)
    with sqlite3.connect(world.store.path) as other:
        # As a disk that takes the new session, and not the end of the one that it replaces.
        other.execute(
            'CREATE TRIGGER stuck BEFORE UPDATE OF ended_ms ON sessions '
            "BEGIN SELECT RAISE(ABORT, 'stuck'); END"
        )
    with pytest.raises(sqlite3.IntegrityError):
        world.book.check_in(answer, 'siws', '')
    for token in tokens:
        world.book.session_of(token)
    assert world.book.count() == len(world.book.live()) == 3
    with sqlite3.connect(world.store.path) as other:
        other.execute('DROP TRIGGER stuck')
    assert world.book.check_in(answer, 'siws', '').session.wallet == ANNA
    assert world.reasons() == [(ANNA, 'replaced')]


# --- renewing -------------------------------------------------------------------------------------


def test_a_renewed_token_is_new_lasts_longer_and_the_old_one_a_moment(world):
    old = world.check_in().token
    world.wait(300)
    renewed = world.book.renew(old)
    assert renewed.token != old
    assert renewed.session.expires_ms == world.clock.utc_ms() + HOUR_MS
    world.wait(TOKEN_OVERLAP_S - 1)
    assert world.book.session_of(old).id == world.book.session_of(renewed.token).id
    world.wait(1)
    assert code(world.book.session_of, old) == 'bad_token'
    assert code(world.book.renew, old) == 'bad_token'
    with world.store.reading() as query:
        session = session_records.get(query, renewed.session.id)
    assert session.previous_token_hash is None
    assert session.last_seen_ms > session.created_ms


def test_old_and_new_token_end_with_their_session(world):
    old = world.check_in().token
    new = world.book.renew(old).token
    world.book.end([world.book.session_of(new).id], REVOKED)
    assert code(world.book.session_of, old) == 'bad_token'
    assert code(world.book.session_of, new) == 'bad_token'
    assert world.changes[-1].kind is ChangeKind.REVOKED


def test_a_client_that_missed_its_new_token_renews_again_also_after_a_restart(world):
    old = world.check_in().token
    lost = world.book.renew(old).token
    book = world.restart(off_s=5)
    again = book.renew(old).token
    assert book.session_of(again).wallet == ANNA
    assert book.session_of(lost).wallet == ANNA
    assert code(book.session_of, old) == 'bad_token'


def test_an_old_token_that_renews_beside_the_new_one_ends_the_session(world):
    old = world.check_in().token
    new = world.book.renew(old).token
    world.book.session_of(new)
    assert world.book.session_of(old).wallet == ANNA
    assert code(world.book.renew, old) == 'session_over'
    for token in (old, new):
        assert code(world.book.session_of, token) == 'bad_token'
    assert world.reasons() == [(ANNA, REVOKED)]


def test_without_the_right_nothing_is_renewed(world):
    token = world.check_in().token
    assert code(world.book.renew, token, 'admin') == 'missing_right'
    world.book.session_of(token)


# --- time -----------------------------------------------------------------------------------------


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


# --- what is kept ---------------------------------------------------------------------------------


def test_the_log_tells_what_happened_and_verifies(world):
    opened = world.check_in(ANNA, "Robert'); DROP TABLE sessions;-- \U0001f600")
    world.book.renew(opened.token)
    world.book.end([opened.session.id], ASKED)
    with world.store.reading() as query:
        events = event_log.read(query)
        assert event_log.verify(query).is_good
    assert [event.kind for event in events] == ['checked_in', 'renewed', 'checked_out']
    assert {event.subject for event in events} == {ANNA}
    assert {event.personal['session'] for event in events} == {opened.session.id}
    assert not [event for event in events if opened.session.id in str(event.data)]
    assert [change.sequence for change in world.changes] == [1, 2, 3]


def test_an_end_that_cannot_be_kept_holds_all_the_same_and_is_kept_later(world):
    opened = world.check_in()
    other = sqlite3.connect(world.store.path, isolation_level=None)
    other.execute('BEGIN IMMEDIATE')
    world.store._main.execute('PRAGMA busy_timeout = 10')
    with pytest.raises(StoreError):
        world.book.end([opened.session.id], REVOKED)
    assert code(world.book.session_of, opened.token) == 'session_over'
    assert world.departures == []
    other.execute('ROLLBACK')
    other.close()
    world.wait(1)
    assert world.reasons() == [(ANNA, REVOKED)]


def test_who_has_just_gone_is_known_after_a_restart(world):
    gone, stays = world.check_in(ANNA), world.check_in(BEN)
    world.check_in(BEN)
    world.book.end([gone.session.id, stays.session.id], ASKED)
    assert world.restart().recently_gone() == {ANNA}


def test_sessions_are_found_by_their_public_name(world):
    opened = world.check_in()
    assert world.book.get(opened.session.id).wallet == ANNA
    for name in ('nothing', opened.token):
        assert code(world.book.get, name) == 'no_session'
    assert code(world.book.get, opened.session.id, 'admin') == 'missing_right'
    assert [one.wallet for one in world.book.live(ANNA)] == [ANNA]
    assert world.book.live(BEN) == []
    world.book.end([opened.session.id], ASKED)
    assert code(world.book.get, opened.session.id) == 'no_session'


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
