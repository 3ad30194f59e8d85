import pytest
from challenge_world import LIFETIME_S, issue, new_book, redeem
from fake_clock import FakeClock
from refusals import code

from mmoment_chain.challenges import SKEW_MS
from mmoment_chain.store import Store


def test_a_clock_set_back_lets_no_challenge_live_longer(book, clock):
    text = issue(book).text
    clock.advance(LIFETIME_S - 1)
    clock.set_wall(clock.utc_ms() - 100_000)
    clock.advance(1.001)
    assert code(redeem, book, text) == 'expired'


@pytest.mark.parametrize('back_s', [60, 310, 3600])
def test_a_clock_set_back_revives_no_challenge(book, store, clock, back_s):
    unused, used = issue(book).text, issue(book).text
    redeem(book, used)
    clock.advance(LIFETIME_S + 10)
    # Cleans up, by the clock on the wall and by the time that went by.
    issue(book)
    clock.set_wall(clock.utc_ms() - back_s * 1000)
    for opened in (book, new_book(store, clock)):
        assert code(redeem, opened, used) in (
            'unknown_nonce',
            'used_nonce',
            'expired',
            'not_yet_valid',
        )
        assert code(redeem, opened, unused) in ('unknown_nonce', 'expired', 'not_yet_valid')


def test_what_ended_while_the_clock_was_set_back_stays_ended_after_a_restart(book, store, clock):
    text = issue(book).text
    clock.set_wall(clock.utc_ms() - 60_000)
    clock.advance(LIFETIME_S)
    issue(book)
    restarted = new_book(store, FakeClock(clock.utc_ms(), elapsed_s=5.0))
    assert code(redeem, restarted, text) == 'used_nonce'


def test_a_clock_set_forward_ends_challenges_early_and_nothing_worse(book, clock):
    text = issue(book).text
    clock.set_wall(clock.utc_ms() + 86_400_000)
    assert code(redeem, book, text) == 'expired'
    redeem(book, issue(book).text)


def test_a_small_correction_of_the_clock_ends_nothing(book, clock):
    text = issue(book).text
    clock.set_wall(clock.utc_ms() - SKEW_MS)
    redeem(book, text)


def test_challenges_outlive_a_restart_by_the_clock_on_the_wall(tmp_path, clock):
    path = tmp_path / 'camera.db'
    with Store(path, clock) as store:
        book = new_book(store, clock)
        used, unused, late = (issue(book).text for _ in range(3))
        redeem(book, used)
    after = FakeClock(clock.utc_ms() + 200_000, elapsed_s=3.0)
    with Store(path, after) as store:
        book = new_book(store, after)
        redeem(book, unused)
        assert code(redeem, book, used) == 'used_nonce'
        after.advance(100)
        assert code(redeem, book, late) == 'expired'
