import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from book_world import ANNA, BEN, OWNER, BookWorld
from refusals import code

from mmoment_chain import event_log
from mmoment_chain.check_out import ASKED, REVOKED, ChangeKind
from mmoment_chain.errors import Refused, StoreError
from mmoment_chain.rights import DEFAULT_RIGHTS, RIGHTS
from mmoment_chain.tokens import new_token

HOUR_MS = 3_600_000


@pytest.fixture
def world(tmp_path):
    world = BookWorld(tmp_path, owner_wallet=OWNER, session_s=3600, absent_s=600, at_most=3)
    yield world
    world.close()


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
    world.clock.advance(3601)
    # Over, though nobody has looked yet.
    assert code(world.book.get, opened.session.id) == 'no_session'
    assert world.reasons() == [(ANNA, 'expired')]
