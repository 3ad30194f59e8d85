"""Trials in another process: ones that hang, crash, answer and do not."""

import sys
import textwrap
import threading
import time
from pathlib import Path

import pytest

from mmoment_stream.encoder_backends import HARDWARE
from mmoment_stream.encoder_prober import EncoderProber

pytestmark = pytest.mark.graph
SIZE, FPS = (640, 360), 30.0


@pytest.fixture
def probe(tmp_path):
    """Makes probers whose program acts by the name: hangs_1, crashes_2, silent_3, works_4, bad_5."""
    log = tmp_path / 'tried'
    log.touch()
    code = f"""
        import json, os, signal, sys, time
        for name in sys.argv[1].split(','):
            with open({str(log)!r}, 'a') as log:
                print(name, sys.argv[2], sys.argv[3], os.getpid(), file=log)
            if name.startswith('hangs'):
                time.sleep(1000)
            if name.startswith('crashes'):
                os.kill(os.getpid(), signal.SIGSEGV)
            if name.startswith('silent'):
                sys.exit(3)
            if name.startswith('babbles'):
                print('hello', flush=True)
                time.sleep(1000)
            usable = name.startswith('works')
            reason = '' if usable else 'is broken'
            print(json.dumps(dict(name=name, usable=usable, reason=reason)), flush=True)
    """
    command = [sys.executable, '-c', textwrap.dedent(code)]

    class Probe:
        prober = EncoderProber(command, limit_s=2.0)
        patient = EncoderProber(command, limit_s=1000.0)

        def __call__(self, *names, size=SIZE):
            results = list(self.prober.results(names, size, FPS))
            assert [result.name for result in results] == list(names)
            return [result.usable or result.reason for result in results]

        @property
        def tried(self):
            return [line.split()[0] for line in log.read_text().splitlines()]

        @property
        def pids(self):
            return [int(line.split()[3]) for line in log.read_text().splitlines()]

    return Probe()


def is_there(pid):
    return Path(f'/proc/{pid}').exists()


def test_what_is_found_out_comes_in_order_from_one_process(probe):
    assert probe('bad_1', 'bad_2', 'works_1') == ['is broken', 'is broken', True]
    assert len(set(probe.pids)) == 1
    # Whoever cannot use that one goes on.
    assert probe('works_1', 'bad_3') == [True, 'is broken']
    assert probe.tried == ['bad_1', 'bad_2', 'works_1', 'bad_3']


def test_a_trial_that_hangs_is_killed_and_the_others_are_still_tried(probe):
    answers = probe('bad_1', 'hangs_1', 'works_1')
    assert answers == ['is broken', 'hangs: no answer within 2 s', True]
    assert probe.tried == ['bad_1', 'hangs_1', 'works_1']
    assert not any(is_there(pid) for pid in probe.pids)


def test_a_trial_that_crashes_says_how(probe):
    assert probe('crashes_1', 'works_1') == ['crashes: SIGSEGV', True]


def test_a_trial_without_an_answer_is_no_success(probe):
    assert probe('silent_1', 'works_1') == [
        'its probe ended with code 3 and without an answer',
        True,
    ]
    assert 'hangs' in probe('babbles_1')[0]


def test_failures_are_remembered_for_all_sizes_and_successes_for_theirs(probe):
    for _ in range(2):
        assert probe('bad_1', 'works_1') == ['is broken', True]
    assert probe.tried == ['bad_1', 'works_1']
    assert probe('bad_1', 'works_1', size=(1920, 1080)) == ['is broken', True]
    assert probe.tried == ['bad_1', 'works_1', 'works_1']


def test_a_failure_can_be_forgotten(probe):
    probe('bad_1')
    probe.prober.forget('bad_1')
    probe('bad_1')
    assert probe.tried == ['bad_1', 'bad_1']


def test_what_fails_at_one_size_and_worked_at_another_may_go_on_there(probe):
    # Such as one that has no room left for another video.
    small, large = (16, 16), (1920, 1080)
    assert probe('works_1', size=small) == [True]
    probe.prober._command = (*probe.prober._command[:2], 'import sys; sys.exit(3)')
    (reason,) = probe('works_1', size=large)
    assert 'ended with code 3' in reason
    assert probe('works_1', size=small) == [True]
    assert probe('works_1', size=large) == [reason]
    probe.prober._command = probe.patient._command
    probe.prober.forget('works_1')
    assert probe('works_1', size=large) == [True]


def test_two_who_want_to_know_ask_once(probe):
    answers = []
    threads = [
        threading.Thread(target=lambda: answers.append(probe('bad_1', 'works_1'))) for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert answers == [['is broken', True]] * 3
    assert probe.tried == ['bad_1', 'works_1']


def test_what_nobody_waits_for_is_not_tried(probe):
    results = probe.prober.results(['works_1', 'hangs_1'], SIZE, FPS)
    assert next(results).usable
    results.close()
    assert not any(is_there(pid) for pid in probe.pids)
    assert probe('works_1') == [True]
    assert probe.tried.count('works_1') == 1


def test_cancel_ends_a_trial_that_hangs_and_nothing_is_tried_until_resumed(probe):
    probe.prober = probe.patient
    answers = []
    thread = threading.Thread(target=lambda: answers.extend(probe('hangs_1', 'works_1')))
    thread.start()
    deadline_s = time.monotonic() + 20
    while not probe.tried and time.monotonic() < deadline_s:
        time.sleep(0.01)
    probe.prober.cancel()
    thread.join(20)
    assert answers == ['was not tried', 'was not tried']
    assert probe('works_1') == ['was not tried']
    assert probe.tried == ['hangs_1']
    assert not is_there(probe.pids[0])
    probe.prober.resume()
    assert probe('works_1') == [True]


def test_the_real_program_is_asked():
    results = {
        result.name: result for result in EncoderProber().results([*HARDWARE, 'libx264'], SIZE, FPS)
    }
    assert results['libx264'].usable
    assert results['libx264'].ms_per_picture > 0
    assert all(result.usable or result.reason for result in results.values())
