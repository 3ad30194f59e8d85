"""As many as there is room for, and whose session ends for the next one."""

import sqlite3
from contextlib import contextmanager

import pytest
from book_world import ANNA, BEN, CARA, OWNER, BookWorld, wallet
from refusals import code

from mmoment_chain.check_out import ASKED
from mmoment_chain.errors import StoreFull


@pytest.fixture
def world(tmp_path):
    world = BookWorld(tmp_path, owner_wallet=OWNER, session_s=3600, absent_s=600, at_most=3)
    yield world
    world.close()


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


def test_a_check_in_that_is_refused_replaces_nothing(world):
    opened = [world.check_in(who) for who in (ANNA, BEN, CARA)]
    answer = world.answer(ANNA)
    world.book.check_in(answer, 'siws', '', opened[0].token)
    assert code(world.book.check_in, answer, 'siws', '', opened[1].token) == 'used_nonce'
    for each in opened[1:]:
        world.book.session_of(each.token)
    assert world.reasons() == [(ANNA, 'replaced')]


def test_who_is_replaced_by_somebody_else_has_gone(world):
    before = world.check_in(ANNA)
    world.check_in(BEN, replaces=before.token)
    assert [(each.wallet, each.is_last) for each in world.departures] == [(ANNA, True)]
    assert len(world.book.presence) == 1


def test_a_failed_check_in_beside_another_session_takes_nobody_away(world, monkeypatch):
    token, kept = world.check_in(ANNA).token, world.store.transaction
    answer = world.answer(ANNA)

    @contextmanager
    def full():
        with kept() as tx:
            yield tx
            raise StoreFull('no room')

    monkeypatch.setattr(world.store, 'transaction', full)
    with pytest.raises(StoreFull):
        world.book.check_in(answer, 'siws', '')
    monkeypatch.setattr(world.store, 'transaction', kept)
    world.book.session_of(token)
    assert (world.book.count(), len(world.book.presence)) == (1, 1)
    assert world.departures == []


def test_who_comes_again_as_they_go_is_waited_for(world, monkeypatch):
    first = world.check_in(ANNA)
    answer = world.answer(ANNA)
    kept = world.store.transaction

    @contextmanager
    def then_comes_again():
        with kept() as tx:
            yield tx
        monkeypatch.setattr(world.store, 'transaction', kept)
        world.book.check_in(answer, 'siws', '')

    monkeypatch.setattr(world.store, 'transaction', then_comes_again)
    world.book.end([first.session.id], ASKED)
    assert world.departures[-1].is_last is False
    assert world.book.presence.seen(ANNA)


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
