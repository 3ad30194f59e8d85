"""The command line as a person uses it, where nothing has to be prepared."""

import errno
import json
import subprocess
import sys
from pathlib import Path

import pytest

from cli import doctor, shell
from cli.main import main
from cli.project import Project
from mmoment_camera.ring_layout import DEFAULT_SLOTS, Geometry

ENTRY = Path(__file__).resolve().parents[2] / 'mmoment'


def call(*words: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, ENTRY, *words], capture_output=True, text=True, check=False, timeout=60
    )


@pytest.mark.parametrize(
    'command', ['up', 'test', 'bench', 'doctor', 'models', 'log', 'keys', 'shell']
)
def test_every_command_has_help(command: str):
    answer = call(command, '--help')

    assert answer.returncode == 0
    assert f'./mmoment {command}' in answer.stdout


@pytest.mark.parametrize(
    ('words', 'told'),
    [
        (['fly'], 'invalid choice'),
        (['up', '--sauce', 'demo'], '--sauce'),
        (['up', '--', 'more'], 'more'),
        (['bench', 'nothing-like-it'], 'no benchmark nothing-like-it'),
        (['models', 'fetch', 'none'], 'no model none; there are: facenet'),
        (['up', '--source', 'missing.mp4'], 'no such file'),
    ],
)
def test_mistakes_end_with_a_reason(words: list[str], told: str):
    answer = call(*words)

    assert answer.returncode != 0
    assert told in answer.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    ('error', 'told'),
    [
        (OSError(errno.ENOSPC, 'No space left', '/a/b'), '/a/b: No space left: free some space'),
        (OSError(errno.EROFS, 'Read-only', '/a/b'), '/a/b: Read-only: move the clone'),
        (OSError(errno.ENOTDIR, 'Not a directory', '/a/b'), '/a/b: Not a directory'),
        (OSError('no number'), 'no number'),
        (PermissionError(errno.EACCES, 'Denied', '/a/b'), 'may not write /a/b'),
    ],
)
def test_failure_of_the_machine_is_told_in_one_line(
    error: OSError,
    told: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    def fail(_: object) -> int:
        raise error

    monkeypatch.setattr(doctor, 'run', fail)
    monkeypatch.setattr('cli.main.end_children_on_sigterm', lambda: None)

    assert main(['doctor']) == 1
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert told in lines[0]


def test_doctor_as_json():
    answer = call('doctor', '--json')

    value = json.loads(answer.stdout)
    assert value['ok'] is (answer.returncode == 0)
    names = {finding['name'] for finding in value['findings']}
    assert {'python', 'compiler', 'disk', 'shared memory', 'cameras', 'ros', 'port'} <= names
    assert {finding['level'] for finding in value['findings']} <= {'ok', 'warn', 'fail'}


def test_doctor_knows_a_missing_compiler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv('PATH', str(tmp_path))

    finding = doctor.check_compiler()

    assert finding.level == 'fail'
    assert 'apt-get install g++ make cmake' in finding.advice


def test_doctor_knows_a_clone_without_environment(tmp_path: Path):
    findings = {finding.name: finding for finding in doctor.check_clone(Project(tmp_path))}

    assert findings['environment'].level == 'warn'
    assert './mmoment up' in findings['environment'].advice


def test_doctor_knows_absent_shared_memory_and_cameras(tmp_path: Path):
    assert doctor.check_shared_memory(tmp_path / 'shm').level == 'fail'
    assert doctor.check_cameras(str(tmp_path / 'video*')).level == 'warn'


@pytest.mark.parametrize(
    ('free_mib', 'level', 'found'),
    [
        (100, 'warn', 'needs 202 MiB at 1280x720, 242 MiB at 1920x1080'),
        (220, 'warn', 'enough at 1280x720; a graph needs 242 MiB at 1920x1080'),
        (256, 'ok', '256 MiB free'),
    ],
)
def test_doctor_judges_shared_memory_by_size_of_picture(free_mib: int, level: str, found: str):
    finding = doctor.judge_shared_memory(free_mib)

    assert finding.level == level
    assert found in finding.found
    assert ('--shm-size' in finding.advice) == (level == 'warn')


@pytest.mark.parametrize('size', doctor.RING_MIB)
def test_doctor_knows_how_large_a_ring_is(size: str):
    width, height = map(int, size.split('x'))
    ring = Geometry(width, height).picture_bytes * DEFAULT_SLOTS / 2**20

    assert ring <= doctor.RING_MIB[size] <= ring + 1


def test_doctor_leaves_the_memory_of_a_running_graph_to_it(tmp_path: Path):
    finding = doctor.check_shared_memory(tmp_path, process=77)

    assert finding.level == 'ok'
    assert 'process 77' in finding.found


def test_shell_start_file_puts_ours_in_front_again(tmp_path: Path):
    home = tmp_path / 'home'
    home.mkdir()
    (home / '.bashrc').write_text('export PATH=/theirs:$PATH\n')
    start = tmp_path / 'bashrc'
    start.write_text(shell.start_file({'PATH': '/ours:/usr/bin:/bin', 'VIRTUAL_ENV': '/ours'}))

    answer = subprocess.run(
        ['bash', '--rcfile', start, '-i', '-c', 'echo $PATH'],
        env={'HOME': str(home), 'PATH': '/usr/bin:/bin'},
        capture_output=True,
        text=True,
        check=True,
    )

    assert answer.stdout.strip().startswith('/ours:')
