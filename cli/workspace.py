"""The colcon workspace: built when its layout changed, never for an edit of Python code."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cli.errors import CliError
from cli.progress import CommandFailed, Progress
from cli.project import Project, digest, read_json, write_json
from cli.running import process_of_graph

READ_BY_BUILD = ('package.xml', 'setup.py', 'setup.cfg', 'CMakeLists.txt')
INTERFACE_FOLDERS = ('msg', 'srv', 'action')
NOT_PART_OF_BUILD = ('__pycache__', 'test', '.pytest_cache', '.mypy_cache', '.ruff_cache')


class Workspace:
    """Packages of one clone, and what is known about their last build."""

    def __init__(self, project: Project, toolchain: str) -> None:
        """`toolchain`: text that changes when everything must be built again (another Python or ROS 2)."""
        self._project = project
        self._root = str(project.root)
        self._toolchain = digest(toolchain, self._root)
        self._stamp_path = project.state / 'build.json'
        self._adopted: list[str] = []

    def changed(self) -> list[str]:
        """Packages to build: new, changed, or with something missing from what was built."""
        stamp = read_json(self._stamp_path)
        if stamp.get('toolchain') != self._toolchain:
            return list(self._project.packages())
        built = stamp.get('packages', {})
        return [
            name
            for name, folder in self._project.packages().items()
            if name not in built
            or built[name].get('layout') != layout(folder)
            or built[name].get('installed') != self._installed(name)
        ]

    def vanished(self) -> list[str]:
        """Packages that were built and are no longer in the source tree."""
        built = read_json(self._stamp_path).get('packages', {})
        return sorted(set(built) - set(self._project.packages()))

    @property
    def adopted(self) -> list[str]:
        """Packages that the last `build` found built by hand, and has built upon."""
        return list(self._adopted)

    def is_ready(self) -> bool:
        """Whether there is nothing to build or remove."""
        return not self.changed() and not self.vanished()

    def build(self, progress: Progress, python: Path, env: Mapping[str, str]) -> None:
        """Bring the build up to date.

        A package is built on what is there if that is whole: our earlier build, or one made by hand since.
        Otherwise, and after a failure, it is built from nothing. Raises CliError where that would take the
        files from a running graph.
        """
        stamp = read_json(self._stamp_path)
        names = self.changed()
        built = stamp.get('packages', {})
        is_same_toolchain = stamp.get('toolchain') == self._toolchain
        useless = self.vanished()
        self._adopted = [name for name in names if self._is_built_by_hand(name)]
        for name in names:
            recorded = built.get(name, {}).get('installed', {}) if is_same_toolchain else {}
            if name not in self._adopted and self._is_damaged(name, recorded):
                useless.append(name)
        if useless:
            self._require_no_graph(f'{", ".join(useless)} must be built again or removed')
        for name in useless:
            self._remove(name)
        for name in {*self.vanished(), *names}:
            built.pop(name, None)
        self._save(built)
        # As it is before: what is changed while it is built has to be built again.
        layouts = {name: layout(self._project.packages()[name]) for name in names}
        if names:
            self._colcon(names, progress, python, env)
        for name in names:
            built[name] = {'layout': layouts[name], 'installed': self._installed(name)}
        self._save(built)

    def rebuild_adopted(self, progress: Progress, python: Path, env: Mapping[str, str]) -> None:
        """Build from nothing what `build` had adopted; raises CliError where a running graph needs it."""
        self._require_no_graph(f'{", ".join(self._adopted)} must be built again')
        for name in self._adopted:
            self._remove(name)
        self.build(progress, python, env)

    def _colcon(
        self, names: Sequence[str], progress: Progress, python: Path, env: Mapping[str, str]
    ) -> None:
        command: list[str | Path] = [python, '-m', 'colcon', 'build', '--symlink-install']
        command += ['--packages-select', *names, '--base-paths', 'src', 'launch']
        command += ['--event-handlers', 'console_cohesion+', 'status-', 'desktop_notification-']
        command += ['--cmake-args', f'-DPython3_EXECUTABLE={python}', '-DBUILD_TESTING=OFF']
        command += ['--no-warn-unused-cli']
        call: dict[str, Any] = {'env': env, 'cwd': self._project.root, 'condense': _condense}
        try:
            progress.run(command, failure='colcon build failed', **call)
        except CommandFailed as error:
            if process_of_graph(self._project) is not None:
                raise _with_last_lines(error) from error
            progress.log('trying once more from nothing')
            with self._set_aside(names):
                try:
                    progress.run(command, failure='colcon build failed', **call)
                except CommandFailed as second:
                    raise _with_last_lines(second) from second

    def _require_no_graph(self, why: str) -> None:
        process = process_of_graph(self._project)
        if process is not None:
            raise CliError(
                f'{why}, but a graph of this clone is running (process {process}): stop it, then run this again'
            )

    @contextmanager
    def _set_aside(self, names: Sequence[str]) -> Iterator[None]:
        """Put packages out of the way, and back if what is done meanwhile fails."""
        aside = self._project.state / 'set-aside'
        shutil.rmtree(aside, ignore_errors=True)
        aside.mkdir(parents=True)
        moved = []
        for kind in (self._project.install, self._project.build):
            for name in names:
                if (kind / name).exists():
                    moved.append((kind / name, aside / f'{kind.name}-{name}'))
                    os.rename(*moved[-1])
        try:
            yield
        except BaseException:
            for place, kept in moved:
                shutil.rmtree(place, ignore_errors=True)
                os.rename(kept, place)
            raise
        finally:
            shutil.rmtree(aside, ignore_errors=True)

    def _installed(self, name: str) -> dict[str, int]:
        """Return every installed file with its size (1 for those that lead back to the source tree)."""
        root = self._project.install / name
        built = f'{os.path.realpath(self._project.root)}{os.sep}'
        sources = f'{os.path.realpath(self._project.packages()[name])}{os.sep}'
        seen = {}
        for path in _files(root):
            real = os.path.realpath(path)
            if not path.endswith('.pyc'):
                is_source = real.startswith(sources) or not real.startswith(built)
                seen[os.path.relpath(path, root)] = _size(real, is_source)
        build = self._project.build / name
        if build.is_dir():
            seen.update({f'build/{path.name}': _size(str(path), True) for path in build.iterdir()})
        return seen

    def _is_built_by_hand(self, name: str) -> bool:
        """Whether colcon has built a package to the end, here, since we last wrote down what we built."""
        result = self._project.build / name / 'colcon_build.rc'
        stamp = read_json(self._stamp_path)
        try:
            is_whole = result.read_text(encoding='utf-8').strip() == '0'
            is_newer = not stamp or result.stat().st_mtime_ns > self._stamp_path.stat().st_mtime_ns
        except OSError:
            return False
        # In a copied clone all files may be newer than what was noted.
        return is_whole and is_newer and stamp.get('root', self._root) == self._root

    def _is_damaged(self, name: str, recorded: Mapping[str, int]) -> bool:
        found = self._installed(name)
        if not recorded:
            return bool(found)
        return any(found.get(file, -1) < size for file, size in recorded.items())

    def _remove(self, name: str) -> None:
        for folder in (self._project.install / name, self._project.build / name):
            shutil.rmtree(folder, ignore_errors=True)

    def _save(self, packages: Mapping[str, object]) -> None:
        stamp = {'root': self._root, 'toolchain': self._toolchain, 'packages': packages}
        write_json(self._stamp_path, stamp)


def layout(folder: Path) -> str:
    """Fingerprint of what a build depends on.

    That is the content of manifests and interfaces, and the names (not the content: they are linked) of data files.
    Python modules are linked as a whole, so they do not count.
    """
    seen: list[tuple[str, bytes]] = []
    for path in _files(folder):
        name = os.path.relpath(path, folder)
        parts = name.split(os.sep)
        if name.endswith(('.py', '.pyc')) and name not in READ_BY_BUILD:
            continue
        is_read = name in READ_BY_BUILD or parts[0] in INTERFACE_FOLDERS
        seen.append((name, Path(path).read_bytes() if is_read else b''))
    return digest(*sorted(seen))


def _files(folder: Path) -> Iterable[str]:
    for place, folders, files in os.walk(folder):
        folders[:] = [
            name for name in folders if name not in NOT_PART_OF_BUILD and '.egg-info' not in name
        ]
        for name in files:
            yield os.path.join(place, name)


def _size(path: str, only_presence: bool) -> int:
    try:
        facts = os.stat(path)
    except OSError:
        return -1
    return 1 if only_presence else facts.st_size


def _with_last_lines(error: CommandFailed) -> CliError:
    lines = '\n  '.join(error.tail)
    return CliError(f'{error}; its last lines:\n  {lines}')


def _condense(line: str) -> str | None:
    return line.strip() if line.startswith(('Starting >>>', 'Finished <<<', '[ ')) else None
