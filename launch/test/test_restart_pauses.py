from mmoment_bringup.restart_pauses import LONGEST_S, SHORTEST_S, STEADY_S, RestartPauses


def test_pauses_double_up_to_the_longest_and_never_end():
    pauses = RestartPauses(1.0)
    assert [pauses.after(0.0) for _ in range(6)] == [1.0, 2.0, 4.0, 8.0, LONGEST_S, LONGEST_S]
    # As many as a bad week has: a power of two would be beyond a float by then
    assert {pauses.after(0.0) for _ in range(40000)} == {LONGEST_S}
    assert pauses.count == 40006


def test_a_process_that_ran_well_has_short_pauses_again():
    pauses = RestartPauses(1.0)
    assert [pauses.after(ran_s) for ran_s in (0, 0, STEADY_S - 1, STEADY_S, 0)] == [1, 2, 4, 1, 2]


def test_a_pause_longer_than_the_longest_is_kept():
    pauses = RestartPauses(100.0)
    assert [pauses.after(0.0) for _ in range(3)] == [100.0] * 3


def test_no_pause_is_a_short_one():
    assert RestartPauses(0.0).after(0.0) == SHORTEST_S
