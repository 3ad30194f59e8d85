import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from cli import source
from cli.errors import CliError
from mmoment_node.redaction import redact_url

ROOT = Path(__file__).resolve().parents[2]
WITH_PASSWORD = [
    'rtsp://user:pa55@camera/1',
    'rtsp://user:pa/55@camera/1',
    'http://camera/video?user=u&pwd=pa55',
    'rtsp://camera/user=u_password=pa55_channel=1',
    'http://camera/#pa55',
]


@pytest.fixture
def address_file(tmp_path: Path) -> Path:
    path = tmp_path / 'cam.txt'
    path.write_text('rtsp://user:pa55@camera/1\n')
    return path


def test_clip_is_named_in_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / 'clip.mp4').touch()
    monkeypatch.chdir(tmp_path)

    assert source.checked_source('clip.mp4') == str(tmp_path / 'clip.mp4')


@pytest.mark.parametrize('given', ['auto', 'demo', '/dev/video7', 'csi:1', 'http://a/b', '0'])
def test_other_sources_are_left_to_the_camera(given: str):
    assert source.checked_source(given) == given


def test_file_with_the_address_is_named_in_full(
    address_file: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(address_file.parent)
    monkeypatch.setenv('HOME', str(address_file.parent))

    for name in ('cam.txt', '~/cam.txt', str(address_file)):
        assert source.checked_source(f'secret:{name}') == f'secret:{address_file}'


def test_link_to_the_address_stays_a_link(address_file: Path):
    link = address_file.with_name('link')
    link.symlink_to(address_file)

    assert source.checked_source(f'secret:{link}') == f'secret:{link}'


@pytest.mark.parametrize(('name', 'told'), [('none.txt', 'No such file'), ('.', 'is no file')])
def test_file_with_the_address_must_be_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, told: str
):
    monkeypatch.chdir(tmp_path)

    with pytest.raises(CliError, match=rf'--source secret:{name}: {told}'):
        source.checked_source(f'secret:{name}')


def test_mistyped_address_is_not_repeated():
    with pytest.raises(CliError, match='rtsp://') as told:
        source.checked_source('user:pa55@10.0.0.5/live')
    assert 'pa55' not in str(told.value)


@pytest.mark.parametrize('address', WITH_PASSWORD)
def test_password_is_suspected_wherever_redaction_finds_one(address: str):
    assert redact_url(address) != address
    assert source.may_hold_password(address)


@pytest.mark.parametrize('given', ['rtsp://camera:554/live/1', 'http://camera/x', 'a@b=c.mp4'])
def test_plain_source_is_no_password(given: str):
    assert not source.may_hold_password(given)


def test_kept_address_is_a_private_file_of_this_process_with_that_line():
    secret = source.kept_in_memory('rtsp://user:pa55@camera/1')

    path = Path(secret.removeprefix(source.SECRET_PREFIX))
    try:
        assert path.read_text() == 'rtsp://user:pa55@camera/1\n'
        assert path.stat().st_mode & 0o077 == 0
        assert source.checked_source(secret) == secret
    finally:
        os.close(int(path.name))


@pytest.mark.parametrize('form', [['--source', '{}'], ['--source={}']])
def test_password_leaves_the_command_line_before_anything_else(tmp_path: Path, form: list[str]):
    """The real entry script of a copy, whose setup is exchanged for a look at its own process."""
    shutil.copytree(ROOT / 'cli', tmp_path / 'cli', ignore=shutil.ignore_patterns('__pycache__'))
    shutil.copy(ROOT / 'mmoment', tmp_path)
    with (tmp_path / 'cli' / 'up.py').open('a') as module:
        module.write(LOOK)
    words = [word.format(WITH_PASSWORD[0]) for word in form]

    answer = subprocess.run(
        [sys.executable, tmp_path / 'mmoment', 'up', *words, '--port', '0'],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )

    assert 'pa55' not in answer.stderr
    command_line, address = answer.stdout.splitlines()
    assert 'pa55' not in command_line
    assert 'up --source' in command_line
    assert address == WITH_PASSWORD[0]


LOOK = """

def launch_arguments(options):
    print(Path('/proc/self/cmdline').read_text().replace('\\0', ' '))
    print(Path(options.source.removeprefix('secret:')).read_text(), end='')
    raise SystemExit(0)
"""
