"""`./mmoment test`: style, types of the cores, then the tests."""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Sequence

from cli import debian, layers
from cli.errors import CliError
from cli.prepare import Ready, prepare
from cli.progress import Progress
from cli.project import Project

SUMMARY = 'check style and types, run the tests'
# Tests wait more than they compute: two at a time need half the time, also on two cores.
JOBS = 2
# Those below `tests` start a whole camera each, which takes both cores for itself.
SIDE_BY_SIDE = ('src', 'launch', 'tests/cli')
BY_ITSELF = ('tests', '--ignore=tests/cli')
TESTS_FAILED = 1  # pytest's code where nothing else was wrong


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `test`."""
    parser.add_argument(
        '--fast',
        action='store_true',
        help='leave out tests that start processes, nodes or a browser',
    )
    parser.add_argument('--no-lint', action='store_true', help='leave out style and types')
    parser.add_argument(
        '--jobs',
        type=int,
        metavar='N',
        help='files of tests that run side by side, those of the whole camera aside: 2, or 1 where '
        'anything is handed to pytest',
    )
    parser.epilog = 'Everything else is handed to pytest: a path, -k name, -x.'


def run(options: argparse.Namespace) -> int:
    """Run `test`; a summary of pytest is the last thing printed."""
    if options.jobs is not None and options.jobs < 1:
        raise CliError(f'--jobs {options.jobs}: choose a number from 1 on')
    project = Project.here()
    ready = prepare(project, ['test'])
    if not options.fast:
        provide_servers(project)
    failed = (
        []
        if options.no_lint
        else [title for title, command in lints(ready) if _run(ready, title, command)]
    )
    if failed:
        print(f'mmoment: failed before the tests: {", ".join(failed)}', flush=True)
    code = _tested(ready, runs(options), is_judged_anew=not options.more)
    return code or (1 if failed else 0)


def runs(options: argparse.Namespace) -> list[list[str]]:
    """Return what pytest is called with, each time."""
    jobs = options.jobs or (1 if options.more else JOBS)
    # A file stays with one process: what its tests share is then made once.
    spread = ['-n', str(jobs), '--dist', 'loadfile'] if jobs > 1 else []
    if options.fast:
        return [['-m', 'not graph', *spread, *options.more]]
    if options.more or not spread:
        return [[*spread, *options.more]]
    return [[*spread, *SIDE_BY_SIDE], [*BY_ITSELF]]


def _tested(ready: Ready, calls: Sequence[Sequence[str]], *, is_judged_anew: bool) -> int:
    """Run the tests; returns pytest's code.

    is_judged_anew: on a busy machine a test may come too late for another; what has failed is run
    once more by itself, and counts if it fails again.
    """
    code = 0
    for number, words in enumerate(calls):
        forget = ['--cache-clear'] if is_judged_anew and not number else []
        ended = _pytest(ready, [*forget, *words])
        if ended not in (0, TESTS_FAILED):
            return ended
        code = code or ended
    if not code or not is_judged_anew:
        return code
    print('mmoment: what has failed is run once more, by itself', flush=True)
    code = _pytest(ready, ['--last-failed', '--last-failed-no-failures=none'])
    if not code:
        print('mmoment: it passed this time: look at what it waits for', flush=True)
    return code


def _pytest(ready: Ready, words: Sequence[str]) -> int:
    return subprocess.run(
        [ready.python, '-m', 'pytest', *words],
        cwd=ready.project.root,
        env=dict(ready.env),
        check=False,
    ).returncode


def lints(ready: Ready) -> list[tuple[str, Sequence[object]]]:
    """Return the checks before the tests, as title and command."""
    root = ready.project.root
    cores = [path.relative_to(root) for path in layers.cores(root)]
    typed = ['cli', *cores]
    python = ready.python
    return [
        ('ruff check', [python, '-m', 'ruff', 'check', '--quiet', '.']),
        ('ruff format', [python, '-m', 'ruff', 'format', '--check', '--quiet', '.']),
        ('mypy', [python, '-m', 'mypy', '--no-error-summary', *typed]),
    ]


def _run(ready: Ready, title: str, command: Sequence[object]) -> bool:
    """Run one check; returns whether it failed."""
    print(f'mmoment: {title}', flush=True)
    env = {
        **ready.env,
        'MYPYPATH': ':'.join(str(path) for path in ready.project.packages().values()),
    }
    words = [str(word) for word in command]
    return subprocess.run(words, cwd=ready.project.root, env=env, check=False).returncode != 0


def provide_servers(project: Project) -> None:
    """Have the browser and the camera stand-ins of the graph tests, where we may; else name them."""
    missing = debian.not_installed(debian.read_list(project.requirements('debian-test')))
    if not missing:
        return
    if not debian.may_install():
        advice = debian.install_command(missing)
        print(
            f'mmoment: tests that need {", ".join(missing)} will be skipped; to have them: {advice}',
            flush=True,
        )
        return
    progress = Progress(project.setup_log, sys.stderr)
    progress.plan(1)
    try:
        with progress.step(f'Debian packages for tests: {" ".join(missing)}'):
            debian.install(missing, progress)
    except CliError as error:
        print(f'mmoment: {error}; tests that need them will be skipped', flush=True)
