import pytest
from book_world import ANNA, BEN
from fake_clock import FakeClock

from mmoment_chain.live_table import TOKEN_OVERLAP_S, LiveTable


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def table(clock):
    table = LiveTable(clock)
    table.add('a', ANNA, 100.0, has_previous=False)
    table.add('b', BEN, 50.0, has_previous=True)
    return table


def test_a_session_is_alive_until_its_time_is_over_whatever_the_wall_says(table, clock):
    assert (table.alive(), table.over()) == ({'a', 'b'}, [])
    clock.set_wall(clock.utc_ms() + 86_400_000)
    clock.advance(49.0)
    assert table.alive() == {'a', 'b'}
    clock.advance(1.0)
    assert (table.alive(), table.over()) == ({'a'}, ['b'])
    assert table.left_s() == {'a': 50.0, 'b': 0.0}
    assert len(table) == 2


def test_who_was_dropped_is_not_there_and_may_be_dropped_again(table):
    table.drop(['a', 'nobody'])
    table.drop(['a'])
    assert (len(table), table.get('a'), table.has_wallet(ANNA)) == (1, None, False)
    table.renewed('a', 9.0)
    table.used('a', is_action=True, by_newest=True)
    table.let_token_go(['a'])
    assert len(table) == 1


def test_sessions_of_people(table):
    table.add('c', ANNA, 9.0, has_previous=False)
    assert table.of_wallets({ANNA}) == {'a': ANNA, 'c': ANNA}
    assert table.of_wallets(()) == {}
    assert table.has_wallet(BEN)


def test_the_token_before_a_renewal_is_good_for_a_moment(table, clock):
    clock.advance(TOKEN_OVERLAP_S - 1.0)
    table.renewed('a', 100.0)
    assert table.with_spent_token() == []
    clock.advance(1.0)
    assert table.with_spent_token() == ['b']
    # Renewed again before it was let go: the token in between is good.
    table.renewed('b', 100.0)
    table.let_token_go(['b'])
    assert table.get('b').previous_until_s > clock.elapsed_s()
    clock.advance(TOKEN_OVERLAP_S)
    table.let_token_go(['a', 'b'])
    assert table.with_spent_token() == []


def test_what_was_used_last_and_whether_the_newest_token_was(table, clock):
    clock.advance(5.0)
    table.used('a', is_action=False, by_newest=False)
    assert (table.get('a').used_s, table.get('a').is_new_used) == (1000.0, False)
    table.used('a', is_action=True, by_newest=True)
    table.used('a', is_action=True, by_newest=False)
    assert (table.get('a').used_s, table.get('a').is_new_used) == (1005.0, True)
    table.renewed('a', 10.0)
    assert not table.get('a').is_new_used
