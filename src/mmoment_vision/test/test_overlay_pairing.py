import threading
import time

from mmoment_vision.overlay_pairing import PATIENCE, RETRY_EVERY, ResultPairing

MS = 1_000_000


def test_own_result_is_chosen_over_newer_and_older():
    pairing = ResultPairing()
    for at in (100, 133, 166):
        pairing.put(at * MS, at)
    assert pairing.get(133 * MS, wait_s=0, limit_s=1) == 133


def test_fresh_older_result_stands_in_and_a_stale_one_does_not():
    pairing = ResultPairing()
    pairing.put(100 * MS, 'old')
    assert pairing.get(300 * MS, wait_s=0, limit_s=0.3) == 'old'
    assert pairing.get(500 * MS, wait_s=0, limit_s=0.3) is None


def test_result_of_a_later_picture_is_not_drawn_on_an_earlier_one():
    pairing = ResultPairing()
    pairing.put(200 * MS, 'later')
    assert pairing.get(100 * MS, wait_s=0, limit_s=1) is None


def test_waits_for_the_own_result():
    pairing = ResultPairing()
    pairing.put(100 * MS, 'old')
    timer = threading.Timer(0.05, pairing.put, (133 * MS, 'own'))
    timer.start()
    assert pairing.get(133 * MS, wait_s=10, limit_s=1) == 'own'
    timer.join()


def test_does_not_wait_while_no_results_come():
    pairing = ResultPairing()
    started_s = time.monotonic()
    assert pairing.get(100 * MS, wait_s=30, limit_s=1) is None
    assert time.monotonic() - started_s < 10


def test_gives_up_waiting_for_results_that_are_always_late_and_tries_again_later():
    pairing = ResultPairing()
    pairing.put(0, 'old')
    waits = []
    pairing._arrived.wait_for = lambda ready, timeout: waits.append(timeout) or ready()
    for picture in range(1, PATIENCE + RETRY_EVERY + 1):
        assert pairing.get(picture * MS, wait_s=0.01, limit_s=1) == 'old'
    assert len(waits) == PATIENCE + 1


def test_clear_forgets():
    pairing = ResultPairing()
    pairing.put(100 * MS, 'old')
    pairing.clear()
    assert pairing.get(100 * MS, wait_s=0, limit_s=1) is None
