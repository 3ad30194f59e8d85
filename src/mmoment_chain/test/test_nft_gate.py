import pytest
from fake_clock import FakeClock
from refusals import refusal
from solders.pubkey import Pubkey

from mmoment_chain.nft_gate import AGAIN_S, AWAY, UNUSED_S, Finding, NftGate, parse_gates

MINT = Pubkey.from_bytes(bytes([7]) * 32)
HOLDS = Finding(True, 'It does')
LACKS = Finding(False, 'It does not')
UNKNOWN = Finding(False, 'Nobody knows', is_known=False)


@pytest.fixture
def gate(clock):
    texts = ['recognize face', f'record token:{MINT}:2', 'record face']
    return NftGate(parse_gates(texts), clock)


def judged(gate, face, tokens, *, is_check_in=True):
    found = {'face': face, f'token:{MINT}:2': tokens}
    return gate.judge('anna', found, is_check_in=is_check_in)


@pytest.mark.parametrize(
    ('text', 'code'),
    [
        ('', 'bad_rule'),
        ('recognize', 'bad_rule'),
        ('recognize face today', 'bad_rule'),
        ('recognize faces', 'bad_rule'),
        ('fly face', 'unknown_right'),
        ('record token:abc', 'bad_rule'),
    ],
)
def test_what_is_no_gate_is_refused(text, code):
    assert refusal(parse_gates, [text]).code == code


def test_each_rule_is_asked_for_once(gate):
    assert gate.rules == ('face', f'token:{MINT}:2')


def test_nobody_has_a_right_with_a_gate_before_the_chain_was_asked(gate):
    assert gate.withheld('anna') == {'recognize', 'record'}


@pytest.mark.parametrize(
    ('face', 'tokens', 'withheld'),
    [
        (HOLDS, HOLDS, set()),
        (HOLDS, LACKS, {'record'}),
        (LACKS, HOLDS, {'recognize', 'record'}),
        (UNKNOWN, HOLDS, {'recognize', 'record'}),
    ],
)
def test_every_rule_of_a_right_has_to_hold(gate, face, tokens, withheld):
    judged(gate, face, tokens)
    assert gate.withheld('anna') == withheld


def test_the_reason_is_the_sentence_of_what_is_missing(gate):
    judged(gate, HOLDS, LACKS)
    assert gate.because('anna') == {'record': f'It does not (token:{MINT}:2)'}
    gate.judge('anna', {}, is_check_in=True)
    assert gate.because('anna')['recognize'] == f'{AWAY} (face)'


def test_a_chain_that_is_away_takes_nothing_from_who_is_here(gate):
    assert judged(gate, HOLDS, HOLDS)
    assert not judged(gate, UNKNOWN, UNKNOWN, is_check_in=False)
    assert gate.withheld('anna') == set()
    assert judged(gate, LACKS, UNKNOWN, is_check_in=False)
    assert gate.withheld('anna') == {'recognize', 'record'}


def test_people_are_asked_about_now_and_then_and_soon_where_nothing_is_known(gate, clock):
    assert gate.due(['anna'], 600.0) == ['anna']
    judged(gate, UNKNOWN, HOLDS)
    assert gate.due(['anna'], 600.0) == []
    clock.advance(AGAIN_S)
    assert gate.due(['anna'], 600.0) == ['anna']
    judged(gate, HOLDS, HOLDS)
    clock.advance(599.0)
    assert gate.due(['anna'], 600.0) == []
    clock.advance(1.0)
    assert gate.due(['anna'], 600.0) == ['anna']
    assert gate.due(['anna'], 0.0) == []


def test_who_has_gone_is_forgotten_but_not_while_they_may_be_checking_in(gate, clock):
    judged(gate, HOLDS, HOLDS)
    gate.due([], 600.0)
    assert gate.withheld('anna') == set()
    clock.advance(UNUSED_S)
    gate.due([], 600.0)
    assert gate.withheld('anna') == {'recognize', 'record'}


def test_without_gates_nothing_is_withheld():
    assert NftGate((), FakeClock()).withheld('anna') == frozenset()
