"""From whatever state the clone is in to one in which everything runs."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from cli import debian, distributions, environment, probe
from cli.errors import CliError
from cli.interpreter import version_of
from cli.progress import Progress
from cli.project import Project
from cli.ros import Ros, choose
from cli.venv import TITLES, Venv, groups_for, missing_venv_packages
from cli.workspace import Workspace

COMPILERS = {'g++': 'g++', 'make': 'make', 'cmake': 'cmake'}
"""Commands that building the messages needs, and their Debian packages."""
NEEDED_DISK_GIB = 3.0
"""Room for a new environment; with a CUDA build of torch it takes some 6 GiB more."""


@dataclass(frozen=True)
class Ready:
    """A prepared clone: run things with `python` in `env`."""

    project: Project
    ros: Ros
    python: Path
    env: Mapping[str, str]


@dataclass
class _Setup:
    project: Project
    ros: Ros
    groups: list[str]
    progress: Progress
    environ: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.venv = Venv(self.project, self.ros)
        toolchain = f'{self.ros.identity} {self.venv.interpreter()}'
        self.workspace = Workspace(self.project, toolchain)

    def is_ready(self) -> bool:
        return (
            self.venv.is_ready(self.groups)
            and self.workspace.is_ready()
            and environment.is_known(self.project)
        )


def prepare(
    project: Project, extra_groups: Sequence[str] = (), environ: Mapping[str, str] | None = None
) -> Ready:
    """Make the environment and the build complete, and return how to use them.

    `extra_groups`: further lists under requirements/ (`test`, `bench`). Quick if nothing changed.
    Raises CliError with what a person must do.
    """
    _refuse_name(project.root)
    given = environment.outer(os.environ if environ is None else environ, project.root)
    ros = choose(given, project.root, _base_interpreter())
    groups = groups_for(ros, extra_groups)
    progress = Progress(project.setup_log)
    setup = _Setup(project, ros, groups, progress, given)
    if not setup.is_ready():
        with _only_one(project, progress):
            # Another setup may have done it while we waited.
            setup = _Setup(project, ros, groups, progress, given)
            if not setup.is_ready():
                begun = time.monotonic()
                _do(setup)
                progress.note(f'ready after {time.monotonic() - begun:.0f} s')
    return Ready(project, ros, setup.venv.python, environment.complete(project, ros, given))


def _refuse_name(root: Path) -> None:
    if any(sign in str(root) for sign in ' :;'):
        raise CliError(
            f'colcon cannot build in {str(root)!r}: move the clone to a folder whose name has no space, colon or semicolon'
        )


def _base_interpreter() -> str:
    """Interpreter behind a virtual environment that we may be running in."""
    return getattr(sys, '_base_executable', None) or sys.executable


@contextmanager
def _only_one(project: Project, progress: Progress) -> Iterator[None]:
    project.state.mkdir(parents=True, exist_ok=True)
    with (project.state / 'setup.lock').open('a', encoding='utf-8') as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            progress.note('another setup of this clone is running; waiting for it')
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _do(setup: _Setup) -> None:
    venv, progress = setup.venv, setup.progress
    fault = venv.fault()
    moved = None if fault else venv.moved_from()
    pending = setup.groups if fault else venv.outdated(setup.groups)
    build = bool(fault or moved) or not setup.workspace.is_ready()
    build = build or not environment.is_known(setup.project)
    progress.plan(bool(fault) + bool(moved) + len(pending) + 1 + build)
    _require_tools(setup)
    if fault:
        _require_disk(setup.project.root)
        if venv.folder.exists():
            progress.note(f'the environment is made anew: {fault}')
        with progress.step('Python environment'):
            venv.create(progress)
    if moved:
        with progress.step(f'moved from {moved.parent}: paths'):
            venv.move(moved)
        pending = venv.outdated(setup.groups)
    for group in pending:
        with progress.step(TITLES[group]):
            venv.install(group, progress)
    _check_until_whole(setup)
    # The interpreter is known only now.
    workspace = Workspace(setup.project, f'{setup.ros.identity} {venv.interpreter()}')
    setup.workspace = workspace
    if not workspace.is_ready() or not environment.is_known(setup.project):
        progress.more(0 if build else 1)
        with progress.step('build of the workspace'):
            _build_workspace(setup)


def _require_tools(setup: _Setup) -> None:
    """Have what pip cannot bring: compilers, headers, the venv module."""
    python = setup.ros.python
    missing = [package for name, package in COMPILERS.items() if not shutil.which(name)]
    missing += missing_venv_packages(python)
    if not _has_headers(python):
        version = version_of(python) or sys.version_info[:2]
        missing.append(f'python{version[0]}.{version[1]}-dev')
    why = f'cannot build the workspace without {", ".join(missing)}'
    debian.require(missing, why, setup.progress)


def _has_headers(python: str) -> bool:
    question = (
        'import os, sysconfig; print(os.path.exists(sysconfig.get_path("include") + "/Python.h"))'
    )
    answer = subprocess.run(
        [python, '-c', question],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    return answer.stdout.strip() == 'True'


def _require_disk(folder: Path) -> None:
    free_gib = shutil.disk_usage(folder).free / 2**30
    if free_gib < NEEDED_DISK_GIB:
        raise CliError(
            f'{free_gib:.1f} GiB free where {folder} lies; the environment needs {NEEDED_DISK_GIB:.0f} GiB: free some space'
        )


def _check_until_whole(setup: _Setup) -> None:
    """Check, and install libraries of the system one after the other as they turn out to be missing."""
    asked: set[str] = set()
    while True:
        with setup.progress.step('check of the environment'):
            missing = _check(setup)
        if not missing:
            return
        if missing <= asked:
            raise CliError(
                f'{", ".join(sorted(missing))} is installed, but the libraries still do not load '
                f'(full log: {setup.progress.log_path})'
            )
        asked |= missing
        debian.require(sorted(missing), 'the libraries need files of the system', setup.progress)
        setup.progress.more(1)


def _check(setup: _Setup) -> set[str]:
    """Look at every installed file, import the libraries, and mend what is broken.

    Returns Debian packages that must be there first. Raises CliError if something cannot be mended.
    """
    venv, progress = setup.venv, setup.progress
    mended = venv.mend(progress)
    for group in venv.outdated(setup.groups):
        venv.install(group, progress)
    venv.repair_cmake()
    env = environment.base(setup.project, setup.ros, setup.environ)
    torch = ['torch'] if 'torch' in setup.groups else []
    faults = probe.faults(venv.python, [*probe.LIBRARIES, probe.ROS_AT_WORK, *torch], env)
    missing = {package for text in faults.values() if (package := debian.library_package(text))}
    if missing:
        progress.log(f'libraries of the system are missing: {faults}')
        return missing
    if faults:
        progress.log(f'does not load: {faults}; mended before: {mended}')
        venv.forget()
        name, text = next(iter(faults.items()))
        raise CliError(
            f'{name} does not load ({text}); remove {venv.folder} and run this again '
            f'(full log: {progress.log_path})'
        )
    left = distributions.damaged(venv.site_packages())
    if left:
        raise CliError(
            f'{", ".join(left)} could not be mended; remove {venv.folder} and run this again'
        )
    venv.found_good()
    return set()


def _build_workspace(setup: _Setup) -> None:
    """Build what is to be built, and import it all; raises CliError if that fails."""
    project, workspace, python = setup.project, setup.workspace, setup.venv.python
    environment.forget(project)
    base = environment.base(project, setup.ros, setup.environ)
    workspace.build(setup.progress, python, base)
    environment.remember(project, setup.ros, setup.environ)
    fault = _fault_of_workspace(setup)
    if fault and workspace.adopted:
        setup.progress.note(f'what was built by hand is built again from nothing: {fault}')
        workspace.rebuild_adopted(setup.progress, python, base)
        environment.remember(project, setup.ros, setup.environ)
        fault = _fault_of_workspace(setup)
    if fault:
        environment.forget(project)
        raise CliError(f'the build has finished, but {fault}')


def _fault_of_workspace(setup: _Setup) -> str | None:
    """Say what cannot be imported, if anything."""
    env = environment.complete(setup.project, setup.ros, setup.environ)
    modules = [
        f'{name}.msg' if name.endswith('_interfaces') else name for name in setup.project.packages()
    ]
    for name, text in probe.faults(setup.venv.python, modules, env).items():
        return f'{name} does not load: {text}'
    return None
