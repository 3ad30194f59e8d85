"""What held goes first, what did not last, and only so much is kept."""

import pytest

from mmoment_chain import mint_memory
from mmoment_chain.mint_memory import HELD, HELD_FOR_S, IN_VAIN, UNKNOWN, MintMemory
from mmoment_chain.nft_rules import Judgement, Reason, parse_rule

FACE, OTHER = parse_rule('face'), parse_rule(f'collection:{"1" * 32}')
ANNA, BERTA = b'a' * 32, b'b' * 32
ONE, TWO = b'1' * 32, b'2' * 32


@pytest.fixture
def memory(clock):
    return MintMemory(clock)


def test_what_held_is_known_for_that_wallet_and_rule_only(memory):
    memory.note(FACE, ANNA, [ONE, TWO], Judgement(Reason.HOLDS, TWO))
    assert [memory.place(FACE, ANNA, mint) for mint in (ONE, TWO)] == [IN_VAIN, HELD]
    assert memory.place(FACE, BERTA, TWO) == UNKNOWN
    assert memory.place(OTHER, ANNA, ONE) == memory.place(OTHER, ANNA, TWO) == UNKNOWN


def test_what_does_not_hold_any_more_goes_last(memory):
    memory.note(FACE, ANNA, [ONE], Judgement(Reason.HOLDS, ONE))
    memory.note(FACE, ANNA, [ONE], Judgement(Reason.FROZEN, ONE))
    assert memory.place(FACE, ANNA, ONE) == IN_VAIN
    memory.note(FACE, ANNA, [ONE], Judgement(Reason.HOLDS, ONE))
    assert memory.place(FACE, ANNA, ONE) == HELD


def test_what_was_not_looked_at_stays_as_it_was(memory):
    memory.note(FACE, ANNA, [ONE], Judgement(Reason.HOLDS, ONE))
    memory.note(FACE, ANNA, [TWO], Judgement(Reason.NONE))
    assert memory.place(FACE, ANNA, ONE) == HELD


def test_the_oldest_is_forgotten(memory, monkeypatch):
    monkeypatch.setattr(mint_memory, 'MOST_HELD', 2)
    monkeypatch.setattr(mint_memory, 'MOST_IN_VAIN', 2)
    mints = [bytes([number]) * 32 for number in range(1, 4)]
    for mint in mints:
        memory.note(FACE, mint, [mint], Judgement(Reason.HOLDS, mint))
    places = [memory.place(FACE, mint, mint) for mint in mints]
    assert places == [UNKNOWN, HELD, HELD]
    memory.note(OTHER, ANNA, mints[:2], Judgement(Reason.NONE))
    # Seen again, so it is the newest.
    memory.note(OTHER, ANNA, mints[:1], Judgement(Reason.NONE))
    memory.note(OTHER, ANNA, mints[2:], Judgement(Reason.NONE))
    assert [memory.place(OTHER, ANNA, mint) for mint in mints] == [IN_VAIN, UNKNOWN, IN_VAIN]


def test_what_somebody_held_is_known_for_a_day(memory, clock):
    memory.note(FACE, ANNA, [ONE], Judgement(Reason.HOLDS, ONE))
    clock.advance(HELD_FOR_S / 2)
    memory.note(FACE, BERTA, [TWO], Judgement(Reason.HOLDS, TWO))
    clock.advance(HELD_FOR_S / 2 - 1)
    assert memory.place(FACE, ANNA, ONE) == HELD
    clock.advance(1)
    # Also of whom nobody asks any more.
    memory.tidy()
    assert [wallet for _, wallet in memory._held] == [BERTA]
    assert memory.place(FACE, ANNA, ONE) == UNKNOWN
    assert memory.place(FACE, BERTA, TWO) == HELD
    # Seen again, it is known for a day from then on.
    memory.note(FACE, BERTA, [TWO], Judgement(Reason.HOLDS, TWO))
    clock.advance(HELD_FOR_S - 1)
    assert memory.place(FACE, BERTA, TWO) == HELD


def test_whoever_is_forgotten_is_not_known(memory):
    for wallet, mint in ((ANNA, ONE), (BERTA, TWO)):
        memory.note(FACE, wallet, [mint], Judgement(Reason.HOLDS, mint))
        memory.note(OTHER, wallet, [mint], Judgement(Reason.HOLDS, mint))
    memory.forget(ANNA)
    assert {wallet for _, wallet in memory._held} == {BERTA}
    assert memory.place(FACE, ANNA, ONE) == UNKNOWN
    assert memory.place(OTHER, BERTA, TWO) == HELD
