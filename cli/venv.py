"""The virtual environment: made, filled, moved and mended."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from cli import cmake_paths, debian, distributions
from cli.errors import CliError
from cli.interpreter import is_suitable, version_of
from cli.progress import CommandFailed, Progress
from cli.project import Project, digest, read_json, write_json
from cli.ros import Ros

TITLES = {
    'ros': 'ROS 2 Jazzy wheels',
    'build': 'build tools',
    'runtime': 'libraries',
    'runtime-no-deps': 'vision models',
    'torch': 'torch',
    'torch-no-deps': 'torchvision',
    'test': 'test tools',
    'bench': 'peers for benchmarks',
}
CUDA_TRACES = ('/dev/nvidia0', '/dev/nvhost-gpu', '/dev/dxg')
"""Device files of which every machine with a CUDA device has one; `mtcnn_runtime` looks for the same."""
LONGEST_SCRIPT_PATH = 120
"""Beyond this the first line of a script needs a form that cannot be rewritten."""
DISTURBING = ('PYTHONPATH', 'PYTHONHOME', 'PIP_TARGET', 'PIP_PREFIX', 'PIP_USER', 'VIRTUAL_ENV')
"""Variables of the caller that would lead pip or Python elsewhere."""


def groups_for(ros: Ros, extra: Sequence[str] = ()) -> list[str]:
    """Lists under requirements/ that an environment needs, in installation order.

    torch comes where a CUDA device can use it, and with the references that tests and benchmarks run.
    """
    first = [] if ros.is_sourced else ['ros']
    wants_torch = bool(extra) or any(Path(trace).exists() for trace in CUDA_TRACES)
    torch = ['torch', 'torch-no-deps'] if wants_torch else []
    return [*first, 'build', 'runtime', 'runtime-no-deps', *torch, *extra]


class Venv:
    """The environment of one clone, for one choice of ROS 2."""

    def __init__(self, project: Project, ros: Ros) -> None:
        self._project = project
        self._ros = ros
        self.folder = project.venv
        self.python = self.folder / 'bin' / 'python'
        self._stamp_path = self.folder / 'mmoment.json'

    def stamp(self) -> dict:
        """Return what earlier runs know about the environment."""
        return read_json(self._stamp_path)

    def forget(self) -> None:
        """Make the next run look at everything again."""
        self._stamp_path.unlink(missing_ok=True)

    def site_packages(self) -> Path:
        """Folder of the installed packages; FileNotFoundError if there is none."""
        for folder in self.folder.glob('lib/python3.*/site-packages'):
            return folder
        raise FileNotFoundError(self.folder / 'lib')

    # Questions that cost a few milliseconds

    def interpreter(self) -> list:
        """Return what identifies the base interpreter; changes when the system's Python does."""
        real = Path(os.path.realpath(self.python))
        try:
            facts = real.stat()
        except OSError:
            return []
        return [str(real), facts.st_size, facts.st_mtime_ns]

    def layout(self) -> str:
        """Fingerprint of the installed folders; changes when a package comes, goes or is touched."""
        seen = []
        try:
            with os.scandir(self.site_packages()) as entries:
                seen = [
                    (entry.name, entry.stat().st_mtime_ns)
                    for entry in entries
                    if entry.name != '__pycache__'
                ]
            seen += [(name, (self.folder / name).stat().st_mtime_ns) for name in ('bin', 'lib')]
        except OSError:
            return ''
        return digest(*sorted(seen))

    def outdated(self, groups: Sequence[str]) -> list[str]:
        """Those groups whose pinned versions are not known to be installed."""
        done = self.stamp().get('groups', {})
        return [group for group in groups if done.get(group) != self._wanted(group)]

    def is_ready(self, groups: Sequence[str]) -> bool:
        """Whether nothing has changed since the environment was last found good."""
        stamp = self.stamp()
        return (
            stamp.get('root') == str(self._project.root)
            and stamp.get('ros') == self._ros.identity
            and bool(stamp.get('interpreter'))
            and stamp.get('interpreter') == self.interpreter()
            and stamp.get('layout') == self.layout()
            and not self.outdated(groups)
        )

    def _wanted(self, group: str) -> str:
        lists = (self._project.requirements(group), self._project.constraints)
        return digest(*(path.read_bytes() for path in lists))

    def fault(self) -> str | None:
        """Why the environment must be made anew, or None if it can be kept."""
        if not self.folder.exists():
            return 'there is none yet'
        version = version_of(str(self.python))
        if version is None:
            return 'its Python does not run'
        stamp = self.stamp()
        if stamp and stamp.get('ros') != self._ros.identity:
            return f'it was made for ROS 2 from {stamp.get("ros")}, now it is {self._ros.identity}'
        if self._ros.is_sourced and version != version_of(self._ros.python):
            return 'its Python is not the one of ROS 2'
        if not is_suitable(version):
            return f'its Python {version[0]}.{version[1]} is not supported'
        if not (self.folder / f'lib/python{version[0]}.{version[1]}/site-packages/pip').is_dir():
            return 'it belongs to another Python, or has no pip'
        old = self.moved_from()
        if old and len(str(self.folder)) > LONGEST_SCRIPT_PATH:
            return f'it was moved from {old}'
        return None

    def moved_from(self) -> Path | None:
        """Folder in which the environment was made, if it is no longer there."""
        recorded = self.stamp().get('root')
        if not recorded:
            return None
        old = Project(Path(recorded)).venv
        return old if old != self.folder else None

    # Changes

    def create(self, progress: Progress) -> None:
        """Make an empty environment in place of whatever is there."""
        if self.folder.is_symlink():
            raise CliError(f'{self.folder} is a link; remove it and run this again')
        state = self._project.state
        state.mkdir(parents=True, exist_ok=True)
        if self.folder.exists():
            # Renamed first, so that an interruption leaves no half of an environment under the name.
            self.folder.rename(state / f'old-venv.{os.getpid()}')
        for rubbish in state.glob('old-venv.*'):
            shutil.rmtree(rubbish)
        system = ['--system-site-packages'] if self._ros.is_sourced else []
        command: list[str | Path] = [self._ros.python, '-m', 'venv', *system, self.folder]
        progress.run(
            command, failure='could not make the virtual environment', env=clean_environment()
        )
        self._save(groups={})

    def move(self, old: Path) -> None:
        """Make an environment that was made in `old` work where it lies now."""
        stamp = self.stamp()
        cmake_paths.move(self.folder, old)
        self._save(groups=stamp.get('groups', {}))

    def install(self, group: str, progress: Progress) -> None:
        """Install one group; noted as installed only when pip has finished."""
        done = {
            name: value for name, value in self.stamp().get('groups', {}).items() if name != group
        }
        self._save(groups=done)
        cleared = distributions.clear_half_installed(self.site_packages())
        if cleared:
            progress.log(f'half-installed packages removed: {" ".join(cleared)}')
        arguments: list[str | Path] = ['-r', self._project.requirements(group)]
        arguments += (
            ['--no-deps'] if group.endswith('no-deps') else ['-c', self._project.constraints]
        )
        self._pip(arguments, f'pip could not install the {TITLES[group]}', progress)
        self._save(groups={**done, group: self._wanted(group)})

    def mend(self, progress: Progress) -> list[str]:
        """Install packages with missing or truncated files again; returns their names."""
        cleared = distributions.clear_half_installed(self.site_packages())
        if cleared:
            self._save(groups={})
        damaged = distributions.damaged(self.site_packages())
        if damaged:
            progress.note(f'damaged, installing again: {" ".join(damaged)}')
            arguments = ['--force-reinstall', '--no-deps', *damaged]
            self._pip(arguments, 'pip could not mend the environment', progress)
        return [*cleared, *damaged]

    def repair_cmake(self) -> None:
        """Point the CMake files of the wheels to this machine's headers."""
        if self._ros.is_sourced:
            return
        question = 'import sysconfig, numpy; print(sysconfig.get_path("include")); print(numpy.get_include())'
        answer = subprocess.run(
            [self.python, '-c', question],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            env=clean_environment(),
        )
        if answer.returncode != 0:
            raise CliError(f'numpy does not load: {answer.stderr.strip().splitlines()[-1:]}')
        cmake_paths.repair(self.folder, *answer.stdout.split('\n')[:2])

    def found_good(self) -> None:
        """Note that everything installed was looked at and works."""
        self._save(groups=self.stamp().get('groups', {}), layout=self.layout())

    def _save(self, groups: Mapping[str, str], layout: str = '') -> None:
        write_json(
            self._stamp_path,
            {
                'root': str(self._project.root),
                'ros': self._ros.identity,
                'interpreter': self.interpreter(),
                'groups': dict(groups),
                'layout': layout,
            },
        )

    def _pip(self, arguments: Sequence[str | Path], failure: str, progress: Progress) -> None:
        options = [
            '--no-input',
            '--disable-pip-version-check',
            '--prefer-binary',
            '--progress-bar',
            'off',
        ]
        command = [self.python, '-m', 'pip', 'install', *options, *arguments]
        try:
            progress.run(command, failure=failure, env=clean_environment(), condense=_condense)
        except CommandFailed as error:
            raise CliError(f'{error}{_pip_reason(error.tail)}') from error


def clean_environment() -> dict[str, str]:
    """Environment of the caller without what would lead Python or pip elsewhere."""
    env = {key: value for key, value in os.environ.items() if key not in DISTURBING}
    return {**env, 'PYTHONNOUSERSITE': '1'}


def missing_venv_packages(python: str) -> list[str]:
    """Debian packages without which `python -m venv` fails."""
    modules = subprocess.run(
        [python, '-c', 'import venv, ensurepip'],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    if modules.returncode == 0:
        return []
    version = version_of(python) or sys.version_info[:2]
    return [f'python{version[0]}.{version[1]}-venv']


def _condense(line: str) -> str | None:
    word, _, rest = line.strip().partition(' ')
    if word in ('Collecting', 'Downloading', 'Processing', 'Building'):
        return f'{word.lower()} {rest.rpartition("/")[2][:60]}'
    if line.startswith('Installing collected packages'):
        return f'installing {line.count(",") + 1} packages'
    return None


def _pip_reason(tail: Sequence[str]) -> str:
    """Last complaint of pip, and what to do about the usual ones."""
    errors = [line.partition('ERROR: ')[2] for line in tail if 'ERROR: ' in line]
    text = f': {errors[-1]}' if errors else (f': {tail[-1]}' if tail else '')
    everything = ' '.join(tail)
    if 'No space left' in everything:
        return f'{text}; free some disk space and run this again'
    if 'No matching distribution' in everything or 'connection' in everything.lower():
        return f"{text}; check the network, a proxy or pip's configuration, and run this again"
    package = debian.library_package(everything)
    return f'{text}; install {package}' if package else text
