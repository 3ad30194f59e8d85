import pytest
from book_world import ANNA, OWNER, BookWorld
from refusals import code

from mmoment_chain import session_records
from mmoment_chain.check_out import REVOKED, ChangeKind
from mmoment_chain.live_table import TOKEN_OVERLAP_S

HOUR_MS = 3_600_000


@pytest.fixture
def world(tmp_path):
    world = BookWorld(tmp_path, owner_wallet=OWNER, session_s=3600, absent_s=600, at_most=3)
    yield world
    world.close()


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
