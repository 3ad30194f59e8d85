from mmoment_bringup.restart_budget import MAX_DELAY_S, WINDOW_S, RestartBudget


def test_pauses_grow_until_the_budget_is_used_up():
    budget = RestartBudget(retries=3, first_delay_s=1.0)
    assert [budget.delay_s(0.0) for _ in range(4)] == [1.0, 2.0, 4.0, None]


def test_old_restarts_are_forgiven():
    budget = RestartBudget(retries=1, first_delay_s=1.0)
    assert budget.delay_s(0.0) == 1.0
    assert budget.delay_s(WINDOW_S) is None
    assert budget.delay_s(WINDOW_S + 1) == 1.0


def test_no_limit_still_has_a_longest_pause():
    budget = RestartBudget(retries=-1, first_delay_s=1.0)
    assert [budget.delay_s(0.0) for _ in range(9)][-1] == MAX_DELAY_S
