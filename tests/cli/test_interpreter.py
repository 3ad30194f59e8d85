import ast
import os
import sys
from pathlib import Path

import pytest

from cli import interpreter
from tests.cli.conftest import fake_command

ROOT = Path(__file__).resolve().parents[2]
HERE = sys.version_info[:2]


@pytest.mark.parametrize(
    ('version', 'is_suitable'),
    [((3, 9), False), ((3, 10), True), ((3, 12, 1), True), ((3, 13), False), ((2, 7), False)],
)
def test_suitable_versions(version: tuple[int, ...], is_suitable: bool):
    assert interpreter.is_suitable(version) is is_suitable


def test_shim_that_does_not_run_is_passed_over(tmp_path: Path):
    minor = 'python{}.{}'.format(*HERE)
    fake_command(tmp_path / 'shims', minor, 'echo "not installed" >&2; exit 127')
    real = fake_command(tmp_path / 'real', minor, f'exec {sys.executable} "$@"')
    path = os.pathsep.join([str(tmp_path / 'shims'), str(tmp_path / 'real')])

    assert interpreter.find_interpreter(path, HERE) == str(real)


def test_python_of_another_version_is_not_taken(tmp_path: Path):
    fake_command(tmp_path, 'python3', 'echo 3 9')
    fake_command(tmp_path, 'python3.12', 'echo 3 9')

    assert interpreter.find_interpreter(str(tmp_path)) is None


def test_newest_suitable_is_taken(tmp_path: Path):
    for minor in (10, 12, 13):
        fake_command(tmp_path, f'python3.{minor}', f'echo 3 {minor}')

    assert interpreter.find_interpreter(str(tmp_path)) == str(tmp_path / 'python3.12')


@pytest.mark.parametrize('name', ['mmoment', 'cli/__init__.py', 'cli/interpreter.py'])
def test_an_old_python_can_read_what_must_tell_it(name: str):
    ast.parse((ROOT / name).read_text('utf-8'), feature_version=(3, 8))


def test_no_suitable_python_is_told_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sys, 'version_info', (3, 9, 0))
    monkeypatch.setenv('PATH', str(tmp_path))

    with pytest.raises(SystemExit) as ended:
        interpreter.use_suitable_interpreter('mmoment')
    assert str(ended.value).startswith('mmoment: needs Python 3.10, 3.11 or 3.12')
    assert '\n' not in str(ended.value)
