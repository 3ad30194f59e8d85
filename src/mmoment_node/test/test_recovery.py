"""The recovery state machine, with a clock of its own."""

import threading

from mmoment_node.recovery import BackOff, Recovery, RecoverySnapshot, RecoveryState


class Clock:
    """A clock that only the test moves."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def make(clock: Clock, seen: list[RecoverySnapshot], first_s: float = 0.001) -> Recovery:
    return Recovery(
        seen.append,
        back_off=BackOff(first_s=first_s, cap_s=first_s * 8, jitter=0.5),
        reset_after_s=10.0,
        wall_clock=clock,
        monotonic=clock,
        random_0_1=lambda: 0.0,
    )


def test_every_change_is_told_with_time_error_and_count():
    clock, seen = Clock(), []
    recovery = make(clock, seen)
    recovery.connecting()
    clock.now_s += 1
    assert recovery.wait_to_retry('no answer')
    clock.now_s += 1
    recovery.connecting()
    recovery.live()
    recovery.live()
    assert [(s.state, s.since_s, s.retries, s.last_error) for s in seen] == [
        (RecoveryState.CONNECTING, 100.0, 0, ''),
        (RecoveryState.WAITING_TO_RETRY, 101.0, 1, 'no answer'),
        (RecoveryState.CONNECTING, 102.0, 1, 'no answer'),
        (RecoveryState.LIVE, 102.0, 0, 'no answer'),
    ]


def pauses(recovery: Recovery, seen: list[RecoverySnapshot], count: int) -> list[float]:
    before = len(seen)
    for _ in range(count):
        recovery.wait_to_retry('gone')
        recovery.connecting()
    return [s.next_try_s for s in seen[before:] if s.state is RecoveryState.WAITING_TO_RETRY]


def test_pauses_double_up_to_the_cap():
    clock, seen = Clock(), []
    assert pauses(make(clock, seen), seen, 5) == [0.001, 0.002, 0.004, 0.008, 0.008]


def test_pauses_start_small_again_only_after_a_while_of_being_live():
    clock, seen = Clock(), []
    recovery = make(clock, seen)
    pauses(recovery, seen, 3)
    recovery.live()
    clock.now_s += 1
    assert pauses(recovery, seen, 1) == [0.008]
    recovery.live()
    clock.now_s += 10
    assert pauses(recovery, seen, 1) == [0.001]


def test_jitter_only_shortens():
    assert BackOff(first_s=1.0, cap_s=4.0, jitter=0.25).pause_s(1, 1.0) == 0.75
    assert BackOff(first_s=1.0, cap_s=4.0, jitter=0.25).pause_s(1000, 0.0) == 4.0


def test_cancel_ends_a_wait_from_another_thread():
    clock, seen = Clock(), []
    recovery = make(clock, seen, first_s=3600.0)
    result: list[bool] = []
    thread = threading.Thread(target=lambda: result.append(recovery.wait_to_retry('gone')))
    thread.start()
    recovery.cancel()
    thread.join(10)
    assert result == [False]
    assert recovery.cancelled
    recovery.reset()
    assert recovery.snapshot == RecoverySnapshot(RecoveryState.IDLE, 100.0)
    assert not recovery.cancelled


def test_failed_is_told_with_the_reason():
    seen: list[RecoverySnapshot] = []
    make(Clock(), seen).failed('no such file')
    assert (seen[-1].state, seen[-1].last_error) == (RecoveryState.FAILED, 'no such file')
