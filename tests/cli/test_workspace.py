"""Real colcon on a small package."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cli.errors import CliError
from cli.progress import Progress
from cli.project import Project
from cli.workspace import Workspace, layout

MANIFEST = """<?xml version="1.0"?>
<package format="3"><name>{name}</name><version>0.1.0</version><description>d</description>
<maintainer email="a@b.c">a</maintainer><license>Apache-2.0</license>
<export><build_type>ament_python</build_type></export></package>
"""
SETUP = """from glob import glob
from setuptools import setup
setup(name='{name}', version='0.1.0', packages=['{name}'], data_files=[
    ('share/ament_index/resource_index/packages', ['resource/{name}']),
    ('share/{name}', ['package.xml']), ('share/{name}/config', sorted(glob('config/*')))])
"""


def make_package(project: Project, name: str = 'thing') -> Path:
    folder = project.root / 'src' / name
    for part in (name, 'config', 'resource', 'msg'):
        (folder / part).mkdir(parents=True)
    (folder / 'package.xml').write_text(MANIFEST.format(name=name))
    (folder / 'setup.py').write_text(SETUP.format(name=name))
    (folder / name / '__init__.py').write_text('VERSION = 1\n')
    (folder / 'config' / 'thing.yaml').write_text('a: 1\n')
    (folder / 'resource' / name).touch()
    (project.root / 'launch').mkdir(exist_ok=True)
    return folder


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path / 'clone')


def build(project: Project, progress: Progress, toolchain: str = 'one') -> Workspace:
    workspace = Workspace(project, toolchain)
    workspace.build(progress, Path(sys.executable), os.environ)
    return workspace


def edit(path: Path, text: str = '\n# edited\n') -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text((path.read_text() if path.exists() else '') + text)


@pytest.mark.parametrize('name', ['thing/__init__.py', 'thing/new.py', 'config/thing.yaml'])
def test_what_is_linked_needs_no_build(project: Project, name: str):
    folder = make_package(project)
    before = layout(folder)
    edit(folder / name)

    assert layout(folder) == before


@pytest.mark.parametrize('name', ['package.xml', 'setup.py', 'msg/A.msg', 'config/new.yaml'])
def test_what_is_not_linked_needs_a_build(project: Project, name: str):
    folder = make_package(project)
    before = layout(folder)
    edit(folder / name)

    assert layout(folder) != before


@pytest.mark.graph
def test_built_once_and_again_only_for_a_reason(project: Project, progress: Progress):
    folder = make_package(project)
    workspace = build(project, progress)
    assert workspace.is_ready()

    edit(folder / 'thing' / '__init__.py')
    edit(folder / 'config' / 'thing.yaml')
    assert Workspace(project, 'one').is_ready()

    assert Workspace(project, 'another Python').changed() == ['thing']
    edit(folder / 'setup.py')
    assert workspace.changed() == ['thing']
    build(project, progress)
    assert workspace.is_ready()

    # A truncated, then a deleted piece of the build.
    (project.install / 'thing' / 'share' / 'thing' / 'package.dsv').write_text('')
    assert workspace.changed() == ['thing']
    build(project, progress)
    shutil.rmtree(project.build)
    assert workspace.changed() == ['thing']
    build(project, progress)
    assert workspace.is_ready()

    shutil.rmtree(folder)
    assert workspace.vanished() == ['thing']
    build(project, progress)
    assert workspace.is_ready()
    assert not (project.install / 'thing').exists()


@pytest.mark.graph
def test_what_is_changed_while_it_is_built_is_built_again(project: Project, progress: Progress):
    folder = make_package(project)
    edit(folder / 'setup.py', f"open('{folder / 'msg' / 'Meanwhile.msg'}', 'w').close()\n")

    assert build(project, progress).changed() == ['thing']
    assert build(project, progress).is_ready()


def build_by_hand(project: Project, *options: str) -> Path:
    """Build as README has it; returns a file of the build that is gone when it was made anew."""
    command = [sys.executable, '-m', 'colcon', 'build', *options]
    subprocess.run(command, cwd=project.root, capture_output=True, check=True)
    marker = project.build / 'thing' / 'made-by-hand'
    marker.touch()
    return marker


@pytest.mark.graph
@pytest.mark.parametrize('stamp', ['present', 'absent', 'of another Python'])
def test_build_made_by_hand_is_kept(project: Project, progress: Progress, stamp: str):
    make_package(project)
    if stamp != 'absent':
        build(project, progress, 'one' if stamp == 'present' else 'another')
    # Without links it lacks files that the recorded one had.
    options = [] if stamp == 'present' else ['--symlink-install']
    marker = build_by_hand(project, *options)

    workspace = build(project, progress)

    assert marker.exists()
    assert workspace.is_ready()


@pytest.mark.graph
@pytest.mark.parametrize('fault', ['failed', 'from a copied clone'])
def test_build_made_by_hand_that_is_not_whole_is_made_anew(
    project: Project, progress: Progress, fault: str
):
    make_package(project)
    build(project, progress)
    marker = build_by_hand(project)
    if fault == 'failed':
        (project.build / 'thing' / 'colcon_build.rc').write_text('1')
    else:
        copy = Project(project.root.with_name('copy'))
        shutil.copytree(project.root, copy.root, symlinks=True)
        marker, project = copy.build / 'thing' / marker.name, copy

    workspace = build(project, progress)

    assert not marker.exists()
    assert workspace.is_ready()


@pytest.mark.graph
def test_what_was_adopted_can_be_built_from_nothing(project: Project, progress: Progress):
    make_package(project)
    marker = build_by_hand(project, '--symlink-install')
    workspace = build(project, progress)
    assert workspace.adopted == ['thing']

    workspace.rebuild_adopted(progress, Path(sys.executable), os.environ)

    assert not marker.exists()
    assert workspace.is_ready()


@contextmanager
def running_node(project: Project) -> Iterator[int]:
    """Process id of a node of the clone's graph."""
    script = project.install / 'thing' / 'lib' / 'thing' / 'thing_node'
    edit(script, 'import sys; print(flush=True); sys.stdin.read()')
    words = [sys.executable, script]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield process.pid


@pytest.mark.parametrize('reason', ['half a build', 'package is gone'])
def test_running_graph_keeps_its_files(project: Project, progress: Progress, reason: str):
    folder = make_package(project)
    with running_node(project) as process:
        if reason == 'package is gone':
            edit(project.install / 'former' / 'file')
            workspace = Workspace(project, 'one')
            known = {'layout': layout(folder), 'installed': workspace._installed('thing')}
            workspace._save({'thing': known, 'former': {}})
        before = sorted(project.install.rglob('*'))

        with pytest.raises(CliError, match=rf'process {process}\): stop it'):
            build(project, progress)
        assert sorted(project.install.rglob('*')) == before


@pytest.mark.graph
def test_failed_build_takes_nothing_away(project: Project, progress: Progress):
    folder = make_package(project)
    build(project, progress)
    edit(folder / 'setup.py', 'raise SystemExit("no such luck")\n')
    with running_node(project):
        before = sorted(project.install.rglob('*'))
        with pytest.raises(CliError, match='colcon build failed'):
            build(project, progress)
    assert 'once more' not in progress.log_path.read_text()
    assert sorted(project.install.rglob('*')) == before

    # Without a graph it is tried once more from nothing, and what was there is put back.
    (project.build / 'thing' / 'colcon_build.rc').write_text('0')
    with pytest.raises(CliError, match='colcon build failed'):
        build(project, progress)
    assert 'once more' in progress.log_path.read_text()
    assert sorted(project.install.rglob('*')) == before


@pytest.mark.graph
def test_failing_build_says_why(project: Project, progress: Progress):
    edit(make_package(project) / 'setup.py', 'raise SystemExit("no such luck")\n')

    with pytest.raises(CliError, match='colcon build failed') as told:
        build(project, progress)
    assert str(progress.log_path) in str(told.value)
    assert 'no such luck' in progress.log_path.read_text()
    assert not Workspace(project, 'one').is_ready()
