from pathlib import Path

import pytest

from cli.project import Project
from cli.running import process_of_graph


@pytest.fixture
def project(tmp_path: Path) -> Project:
    project = Project(tmp_path / 'clone')
    folder = project.root / 'src' / 'eye'
    folder.mkdir(parents=True)
    (folder / 'package.xml').write_text('<package><name>eye</name></package>')
    return project


def processes(folder: Path, words: list[str]) -> Path:
    for number, line in ((1, ['/sbin/init']), (77, words)):
        (folder / str(number)).mkdir(parents=True)
        (folder / str(number) / 'cmdline').write_bytes('\0'.join([*line, '']).encode())
    (folder / '78').mkdir()  # Ended while we looked
    return folder


@pytest.mark.parametrize(
    'words',
    [
        ['python3', '{root}/install/eye/lib/eye/eye_node', '--ros-args'],
        ['{root}/install/eye/lib/eye/compiled_node'],
        ['{root}/.venv/bin/python', '-m', 'mmoment_bringup.supervisor', 'mmoment_bringup'],
    ],
)
def test_graph_of_this_clone_is_known(project: Project, tmp_path: Path, words: list[str]):
    words = [word.format(root=project.root) for word in words]

    assert process_of_graph(project, processes(tmp_path / 'proc', words)) == 77


@pytest.mark.parametrize(
    'words',
    [
        ['vim', '{root}/install/eye/share/eye/package.xml'],
        ['python3', '/other/install/eye/lib/eye/eye_node'],
        ['/other/.venv/bin/python', '-m', 'mmoment_bringup.supervisor'],
        ['{root}/.venv/bin/python', '-m', 'pytest'],
    ],
)
def test_others_are_no_graph_of_this_clone(project: Project, tmp_path: Path, words: list[str]):
    words = [word.format(root=project.root) for word in words]

    assert process_of_graph(project, processes(tmp_path / 'proc', words)) is None
