import fcntl
import subprocess
import sys
from pathlib import Path

import pytest

from cli import debian
from cli.errors import CliError
from cli.progress import Progress
from tests.cli.conftest import fake_command

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine whose only package is `ffmpeg`, and whose apt writes down what it is asked."""
    folder = tmp_path / 'fake-bin'
    fake_command(
        folder, 'dpkg-query', 'echo "ffmpeg installed"; echo "chromium config-files"; exit 1'
    )
    fake_command(folder, 'apt-get', f'echo "$DEBIAN_FRONTEND $@" >> {tmp_path}/asked')
    monkeypatch.setenv('PATH', f'{folder}:/usr/bin:/bin')
    monkeypatch.setattr(debian, 'START_POLICY', tmp_path / 'policy-rc.d')
    return tmp_path


def be(user: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr('os.geteuid', lambda: user)


def test_only_what_is_installed_counts(machine: Path):
    assert debian.not_installed(['ffmpeg', 'chromium', 'cmake']) == ['chromium', 'cmake']


def test_without_dpkg_everything_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv('PATH', str(tmp_path))

    assert debian.not_installed(['ffmpeg']) == ['ffmpeg']


def test_a_user_is_told_the_command(
    machine: Path, monkeypatch: pytest.MonkeyPatch, progress: Progress
):
    be(1000, monkeypatch)

    with pytest.raises(CliError, match=r'no compiler\. On Debian.*apt-get install .* g\+\+ cmake'):
        debian.require(['g++', 'cmake'], 'no compiler', progress)
    assert not (machine / 'asked').exists()


def test_root_installs_without_questions_or_services(
    machine: Path, monkeypatch: pytest.MonkeyPatch, progress: Progress
):
    be(0, monkeypatch)
    policy = machine / 'policy-rc.d'
    fake_command(
        machine / 'fake-bin',
        'apt-get',
        f'{{ echo "$@"; {policy}; echo "start: $?"; }} >> {machine}/asked',
    )

    debian.require(['cmake'], 'no cmake', progress)

    asked = (machine / 'asked').read_text()
    assert 'install -y' in asked
    assert '--no-install-recommends cmake' in asked
    assert 'start: 101' in asked
    assert not policy.exists()


def test_old_package_lists_are_renewed_once(
    machine: Path, monkeypatch: pytest.MonkeyPatch, progress: Progress
):
    be(0, monkeypatch)
    script = f'echo "$@" >> {machine}/asked; case "$*" in *update*) touch {machine}/new;; esac; '
    fake_command(machine / 'fake-bin', 'apt-get', f'{script} test -e {machine}/new')

    debian.require(['cmake'], 'no cmake', progress)

    verbs = [('update' if 'update' in line else 'install') for line in (machine / 'asked').open()]
    assert verbs == ['install', 'update', 'install']


def test_own_start_policy_of_the_machine_is_kept(
    machine: Path, monkeypatch: pytest.MonkeyPatch, progress: Progress
):
    be(0, monkeypatch)
    (machine / 'policy-rc.d').write_text('theirs')

    debian.require(['cmake'], 'no cmake', progress)

    assert (machine / 'policy-rc.d').read_text() == 'theirs'


def test_start_policy_of_a_killed_setup_allows_services_and_is_removed(
    machine: Path, monkeypatch: pytest.MonkeyPatch, progress: Progress
):
    be(0, monkeypatch)
    policy = machine / 'policy-rc.d'
    died = (
        'import os, pathlib; from cli import debian\n'
        f'debian.START_POLICY = pathlib.Path({str(policy)!r})\n'
        'with debian._services_held_back(): os.kill(os.getpid(), 9)'
    )
    subprocess.run([sys.executable, '-c', died], cwd=ROOT, check=False)
    assert policy.exists()

    assert subprocess.run([policy, 'any.service', 'start'], check=False).returncode == 0
    debian.require(['cmake'], 'no cmake', progress)
    assert not policy.exists()


def test_start_policy_that_another_setup_holds_is_left_to_it(
    machine: Path, monkeypatch: pytest.MonkeyPatch, progress: Progress
):
    be(0, monkeypatch)
    policy = machine / 'policy-rc.d'
    policy.write_text(debian.NO_SERVICES)
    with policy.open() as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        debian.require(['cmake'], 'no cmake', progress)

    assert policy.read_text() == debian.NO_SERVICES


@pytest.mark.parametrize(
    ('error', 'package'),
    [
        ('ImportError: libGL.so.1: cannot open shared object file: No such file', 'libgl1'),
        ('ImportError: libgthread-2.0.so.0: cannot open shared object file', 'libglib2.0-0'),
        ('ImportError: libunheard.so.4: cannot open shared object file', None),
        ("ModuleNotFoundError: No module named 'cv2'", None),
    ],
)
def test_library_of_an_import_error(error: str, package: str | None):
    assert debian.library_package(error) == package


def test_list_file(tmp_path: Path):
    (tmp_path / 'list').write_text('# why\nffmpeg  # encoder\n\nchromium\n')

    assert debian.read_list(tmp_path / 'list') == ['ffmpeg', 'chromium']
