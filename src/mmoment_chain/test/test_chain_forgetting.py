import pytest

from mmoment_chain.chain_forgetting import GONE_AFTER_S, ChainForgetting


@pytest.fixture
def forgetting(clock):
    return ChainForgetting(clock)


def test_whoever_is_forgotten_waits_until_it_is_done(forgetting, clock):
    forgetting.add('anna')
    began_s = clock.elapsed_s()
    clock.advance(1)
    forgetting.add('berta')
    assert forgetting.waiting() == {'anna': began_s, 'berta': began_s + 1}
    forgetting.done('anna', began_s)
    assert set(forgetting.waiting()) == {'berta'}


def test_an_answer_to_what_was_asked_before_does_not_count(forgetting, clock):
    forgetting.add('anna')
    (asked_s,) = forgetting.waiting().values()
    clock.advance(1)
    # Something may have been built for her after it let go.
    forgetting.add('anna')
    forgetting.done('anna', asked_s)
    assert set(forgetting.waiting()) == {'anna'}


def test_one_that_is_not_there_for_a_while_knows_nobody(forgetting, clock):
    forgetting.add('anna')
    clock.advance(GONE_AFTER_S - 1)
    forgetting.add('berta')
    forgetting.is_away()
    assert set(forgetting.waiting()) == {'anna', 'berta'}
    clock.advance(1)
    forgetting.is_away()
    assert set(forgetting.waiting()) == {'berta'}
