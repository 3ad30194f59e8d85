"""Small stand-ins for the index: real wheels of a few lines, installed by the real pip."""

import base64
import hashlib
import os
import shutil
import sys
import zipfile
from pathlib import Path

import pytest

from cli.progress import Progress
from cli.project import Project
from cli.ros import Ros
from cli.venv import Venv

INSTALLED_ROS = Ros('jazzy', Path('/opt/ros/fake'), sys.executable)
"""A sourced ROS 2, so that no wheels of it are wanted."""
GROUPS = ['build', 'runtime']


def make_wheel(folder: Path, name: str, version: str = '1.0', files: int = 1) -> None:
    """Write a wheel whose package `name` has that many modules, each with some text."""
    contents = {f'{name}/__init__.py': f'VERSION = {version!r}\n'}
    contents |= {f'{name}/part_{number}.py': '# text\n' * 20 for number in range(files)}
    info = f'{name}-{version}.dist-info'
    contents[f'{info}/METADATA'] = f'Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n'
    contents[f'{info}/WHEEL'] = 'Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n'
    contents[f'{info}/entry_points.txt'] = f'[console_scripts]\n{name}-hello = {name}:__name__\n'
    rows = []
    for path, text in contents.items():
        code = (
            base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b'=').decode()
        )
        rows.append(f'{path},sha256={code},{len(text.encode())}')
    contents[f'{info}/RECORD'] = '\n'.join([*rows, f'{info}/RECORD,,'])
    folder.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(folder / f'{name}-{version}-py3-none-any.whl', 'w') as wheel:
        for path, text in contents.items():
            wheel.writestr(path, text)


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Folder that pip takes packages from, and nowhere else."""
    folder = tmp_path / 'wheels'
    use_index(folder, monkeypatch)
    return folder


def use_index(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fill a folder with two packages, and have pip look nowhere else."""
    for name in ('alpha', 'beta'):
        make_wheel(folder, name)
    monkeypatch.setenv('PIP_NO_INDEX', '1')
    monkeypatch.setenv('PIP_FIND_LINKS', str(folder))
    monkeypatch.setenv('PIP_CONFIG_FILE', os.devnull)


def write_requirements(root: Path, **groups: str) -> None:
    """Write lists under requirements/: one line for each group, and no constraints."""
    folder = root / 'requirements'
    folder.mkdir(parents=True, exist_ok=True)
    (folder / 'constraints.txt').touch()
    for group, line in groups.items():
        (folder / f'{group.replace("_", "-")}.txt').write_text(line + '\n')


@pytest.fixture
def clone(tmp_path: Path, index: Path) -> Project:
    """A clone with two small groups of packages and no environment yet."""
    project = Project(tmp_path / 'clone')
    write_requirements(project.root, build='alpha==1.0', runtime='beta==1.0')
    return project


@pytest.fixture(scope='session')
def template(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A clone with a filled environment, to be copied: making one takes seconds."""
    folder = tmp_path_factory.mktemp('template')
    project = Project(folder / 'clone')
    write_requirements(project.root, build='alpha==1.0', runtime='beta==1.0')
    with pytest.MonkeyPatch.context() as patch:
        use_index(folder / 'wheels', patch)
        fill(
            Venv(project, INSTALLED_ROS), Progress(project.setup_log, (folder / 'shown').open('w'))
        )
    return project


@pytest.fixture
def venv(clone: Project, template: Project) -> Venv:
    """The filled environment of `clone`."""
    shutil.copytree(template.venv, clone.venv, symlinks=True)
    copied = Venv(clone, INSTALLED_ROS)
    copied.move(template.venv)
    copied.found_good()
    return copied


def fill(venv: Venv, progress: Progress) -> None:
    """Make an environment with both groups."""
    venv.create(progress)
    for group in GROUPS:
        venv.install(group, progress)
    venv.found_good()


@pytest.fixture
def progress(tmp_path: Path) -> Progress:
    """Progress whose lines go to a file."""
    quiet = Progress(tmp_path / 'setup.log', (tmp_path / 'shown').open('w'))
    quiet.plan(1)
    return quiet


def fake_command(folder: Path, name: str, script: str) -> Path:
    """Write an executable shell script."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(f'#!/bin/sh\n{script}\n')
    path.chmod(0o755)
    return path
