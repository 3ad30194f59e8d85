import shutil
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from mmoment_node import guarded_program
from mmoment_node.guarded_program import guarded

needs_guard = pytest.mark.skipif(shutil.which('setpriv') is None, reason='setpriv is not installed')


def runs(pid):
    """False also for a process that has ended and that nobody has reaped yet."""
    try:
        state = Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state not in 'ZX'


def owner_of(*words):
    """A process that starts the guarded `words`, prints the id of the program and waits."""
    code = f"""
        import subprocess, time
        from mmoment_node.guarded_program import guarded
        print(subprocess.Popen(guarded({list(words)!r})).pid, flush=True)
        time.sleep(100)
    """
    return subprocess.Popen(
        [sys.executable, '-c', textwrap.dedent(code)], stdout=subprocess.PIPE, text=True
    )


def test_arguments_arrive_as_they_are():
    words = ['a b', '', '$HOME', "'", '-c', '*']
    shown = [sys.executable, '-c', 'import sys; print(sys.argv[1:])', *words]
    said = subprocess.run(guarded(shown), capture_output=True, text=True, check=True).stdout
    assert said == f'{words}\n'


def test_the_exit_status_and_the_process_are_those_of_the_program():
    process = subprocess.Popen(
        guarded([sys.executable, '-c', 'import os; print(os.getpid()); raise SystemExit(7)']),
        stdout=subprocess.PIPE,
        text=True,
    )
    said, _ = process.communicate()
    assert int(said) == process.pid
    assert process.returncode == 7


@needs_guard
@pytest.mark.parametrize('attempt', range(20))
def test_a_program_ends_with_an_owner_that_is_killed_at_once(attempt):
    owner = owner_of('sleep', '100')
    pid = int(owner.stdout.readline())
    owner.kill()
    owner.wait()
    owner.stdout.close()
    until_s = time.monotonic() + 10.0
    while runs(pid) and time.monotonic() < until_s:
        time.sleep(0.01)
    assert not runs(pid)


@needs_guard
def test_a_program_whose_owner_is_gone_already_does_not_run(tmp_path, monkeypatch):
    monkeypatch.setattr(guarded_program.os, 'getpid', lambda: 1)
    trace = tmp_path / 'trace'
    assert subprocess.run(guarded(['touch', str(trace)]), check=False).returncode != 0
    assert not trace.exists()


@needs_guard
def test_a_program_that_is_not_there_says_so():
    ended = subprocess.run(
        guarded(['no-such-program']), capture_output=True, text=True, check=False
    )
    assert ended.returncode == 127
    assert 'not found' in ended.stderr


def test_without_a_guard_the_command_stays(monkeypatch):
    monkeypatch.setattr(guarded_program.shutil, 'which', lambda name: None)
    assert guarded(iter(['a', 'b'])) == ['a', 'b']
