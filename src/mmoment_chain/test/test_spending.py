import pytest

from mmoment_chain import spending
from mmoment_chain.held_back import BUDGET, HeldBack

DAY_S = 86_400


def reserve(store, name, fee=5000, rent=0, budget=0):
    with store.transaction() as tx:
        spending.reserve(tx, name.encode(), fee, rent, budget)


def spent(store):
    with store.reading() as query:
        return spending.spent(query)


def test_fees_and_rents_of_a_day_are_counted(store, clock):
    reserve(store, 'a')
    clock.advance(DAY_S / 2)
    reserve(store, 'b', rent=1_900_000)
    assert spent(store) == 1_910_000
    clock.advance(DAY_S / 2 + 1)
    assert spent(store) == 1_905_000
    clock.advance(DAY_S)
    assert spent(store) == 0


def test_rent_that_came_back_is_not_spent_and_is_no_gain(store):
    reserve(store, 'in', rent=1_900_000)
    reserve(store, 'out', rent=-1_900_000)
    assert spent(store) == 10_000
    reserve(store, 'of the day before', rent=-1_900_000)
    assert spent(store) == 15_000


def test_what_would_exceed_the_budget_is_not_noted(store):
    reserve(store, 'a', budget=10_000)
    reserve(store, 'b', budget=10_000)
    with pytest.raises(HeldBack) as held:
        reserve(store, 'c', budget=10_000)
    assert held.value.code == BUDGET
    assert spent(store) == 10_000
    reserve(store, 'c', budget=15_000)
    reserve(store, 'd', budget=0)


def test_a_budget_is_there_again_a_day_later(store, clock):
    reserve(store, 'a', budget=5000)
    clock.advance(DAY_S + 1)
    reserve(store, 'b', budget=5000)
    with store.reading() as query:
        assert query.count('SELECT count(*) FROM chain_spending') == 1


def test_what_failed_costs_its_fee_and_what_never_came_costs_nothing(store):
    reserve(store, 'failed', rent=1000)
    reserve(store, 'lost', rent=1000)
    with store.transaction() as tx:
        spending.failed(tx, b'failed')
        spending.not_sent(tx, b'lost')
    assert spent(store) == 5000


def test_it_is_kept_over_a_restart(store):
    reserve(store, 'a')
    store.close()
    with type(store)(store.path, store.clock) as again:
        assert spent(again) == 5000
