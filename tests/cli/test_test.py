import sys
from pathlib import Path

import pytest

from cli import test
from cli.errors import CliError
from cli.main import parser
from cli.prepare import Ready
from cli.project import Project
from cli.ros import Ros

GOOD, BAD = 'pass', 'raise SystemExit(1)'


@pytest.fixture
def ready(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ready:
    """A prepared clone with nothing in it."""
    project = Project(tmp_path)
    (tmp_path / 'pytest.ini').write_text('[pytest]\nmarkers = graph: processes\n')
    ready = Ready(project, Ros('jazzy', None, sys.executable), Path(sys.executable), {})
    monkeypatch.setattr(test.Project, 'here', lambda: project)
    monkeypatch.setattr(test, 'prepare', lambda project, groups: ready)
    return ready


def run(ready: Ready, monkeypatch: pytest.MonkeyPatch, lint: str, body: str, *words: str) -> int:
    (ready.project.root / 'test_it.py').write_text(f'def test_it():\n    {body}\n')
    lints = [('style', [sys.executable, '-c', lint])]
    monkeypatch.setattr(test, 'lints', lambda ready: lints)
    options = parser().parse_args(['test', '--fast', *words])
    options.more = ['-p', 'no:cacheprovider']
    return test.run(options)


@pytest.mark.parametrize(
    ('lint', 'body', 'code', 'summary'),
    [
        (GOOD, 'assert True', 0, '1 passed'),
        (BAD, 'assert True', 1, '1 passed'),
        (GOOD, 'assert False', 1, '1 failed'),
    ],
)
def test_any_failure_counts_and_the_summary_comes_last(
    ready: Ready,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    lint: str,
    body: str,
    code: int,
    summary: str,
):
    assert run(ready, monkeypatch, lint, body) == code

    lines = capfd.readouterr().out.splitlines()
    assert summary in lines[-1]
    assert ('mmoment: failed before the tests: style' in lines) == (lint == BAD)


def test_no_lint_leaves_style_out(ready: Ready, monkeypatch: pytest.MonkeyPatch):
    assert run(ready, monkeypatch, BAD, 'assert True', '--no-lint') == 0


@pytest.mark.parametrize(
    ('words', 'handed_on', 'processes'),
    [
        ((), [], 2),
        ((), ['-q'], 1),
        (('--jobs', '1'), [], 1),
        (('--jobs', '3'), ['-q'], 3),
    ],
)
def test_files_run_side_by_side_unless_pytest_is_told_something(
    ready: Ready,
    monkeypatch: pytest.MonkeyPatch,
    words: tuple[str, ...],
    handed_on: list[str],
    processes: int,
):
    root = ready.project.root
    body = f'import os, time; (Path({str(root)!r}) / str(os.getpid())).touch(); time.sleep(0.2)'
    for number in range(6):
        (root / f'test_{number}.py').write_text(
            f'from pathlib import Path\n\ndef test_it():\n    {body}\n'
        )
    monkeypatch.setattr(test, 'lints', lambda ready: [])
    options = parser().parse_args(['test', '--fast', *words])
    options.more = handed_on

    assert test.run(options) == 0

    assert len([path for path in root.iterdir() if path.name.isdigit()]) == processes


def test_a_whole_camera_is_tested_by_itself(
    ready: Ready, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
):
    root = ready.project.root
    for folder in ('src', 'launch', 'tests', 'tests/cli'):
        (root / folder).mkdir()
        for number in range(2):
            body = f"Path({folder!r}, 'of_' + str(os.getpid())).touch()"
            (root / folder / f'test_{folder.replace("/", "_")}_{number}.py').write_text(
                f'import os\nfrom pathlib import Path\n\ndef test_it():\n    {body}\n'
            )
    (root / 'src' / 'test_bad.py').write_text('def test_it():\n    assert False\n')
    monkeypatch.setattr(test, 'lints', lambda ready: [])
    monkeypatch.setattr(test, 'provide_servers', lambda project: None)
    options = parser().parse_args(['test'])
    options.more = []

    assert test.run(options) == 1

    alone = {path.name for path in (root / 'tests').glob('of_*')}
    beside = {path.name for path in root.glob('*/of_*')} - alone
    beside |= {path.name for path in (root / 'tests/cli').glob('of_*')}
    assert len(alone) == 1
    assert len(beside) == 2
    assert '1 failed' in capfd.readouterr().out.splitlines()[-1]


@pytest.mark.parametrize(('times', 'code'), [(1, 0), (2, 1)])
def test_what_has_failed_is_judged_by_itself(
    ready: Ready,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    times: int,
    code: int,
):
    root = ready.project.root
    trace = str(root / 'trace')
    (root / 'test_late.py').write_text(
        f'def test_late():\n    with open({trace!r}, "a+") as trace:\n        trace.write("x")\n'
        f'        assert trace.tell() > {times}\n'
    )
    (root / 'test_good.py').write_text('def test_good():\n    pass\n')
    monkeypatch.setattr(test, 'lints', lambda ready: [])
    options = parser().parse_args(['test', '--fast'])
    options.more = []

    assert test.run(options) == code

    lines = capfd.readouterr().out.splitlines()
    assert 'mmoment: what has failed is run once more, by itself' in lines
    assert (root / 'trace').read_text() == 'xx'
    assert ('it passed this time' in lines[-1]) == (code == 0)


def test_a_mistake_in_the_call_is_no_failure_of_a_test(
    ready: Ready, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
):
    (ready.project.root / 'pytest.ini').write_text('[pytest]\naddopts = --no-such-option\n')
    monkeypatch.setattr(test, 'lints', lambda ready: [])
    options = parser().parse_args(['test', '--fast'])
    options.more = []

    assert test.run(options) == 4
    assert 'once more' not in capfd.readouterr().out


@pytest.mark.parametrize('number', ['0', '-1'])
def test_fewer_than_one_at_a_time_is_a_mistake(
    ready: Ready, monkeypatch: pytest.MonkeyPatch, number: str
):
    with pytest.raises(CliError, match=f'--jobs {number}: choose a number from 1 on'):
        run(ready, monkeypatch, GOOD, 'assert True', f'--jobs={number}')
