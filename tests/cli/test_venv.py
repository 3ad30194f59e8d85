"""Faults are really caused: packages deleted, pip killed, clones moved."""

import dataclasses
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cli.errors import CliError
from cli.progress import Progress
from cli.project import Project
from cli.venv import Venv, clean_environment
from tests.cli.conftest import GROUPS, INSTALLED_ROS, fill, make_wheel, write_requirements

pytestmark = pytest.mark.graph


def loads(venv: Venv, code: str) -> bool:
    answer = subprocess.run([venv.python, '-c', code], capture_output=True, env=clean_environment())
    return answer.returncode == 0


def test_made_once_then_ready(clone: Project, progress: Progress):
    venv = Venv(clone, INSTALLED_ROS)
    assert venv.fault() == 'there is none yet'

    fill(venv, progress)

    assert Venv(clone, INSTALLED_ROS).is_ready(GROUPS)
    assert loads(venv, 'import alpha, beta')
    assert venv.fault() is None


def test_deleted_package_is_noticed_and_mended(clone: Project, venv: Venv, progress: Progress):
    shutil.rmtree(venv.site_packages() / 'alpha')

    assert not venv.is_ready(GROUPS)
    assert venv.mend(progress) == ['alpha==1.0']
    venv.found_good()
    assert venv.is_ready(GROUPS)
    assert loads(venv, 'import alpha')


def test_truncated_file_is_mended(clone: Project, venv: Venv, progress: Progress):
    (venv.site_packages() / 'beta' / 'part_0.py').write_text('# te')

    assert venv.mend(progress) == ['beta==1.0']
    assert (venv.site_packages() / 'beta' / 'part_0.py').read_text().count('text') == 20


def test_file_that_grew_by_intention_is_left_alone(venv: Venv, progress: Progress):
    with (venv.site_packages() / 'beta' / 'part_0.py').open('a') as grown:
        grown.write('# a certificate of our own')

    assert venv.mend(progress) == []


def test_whole_environment_needs_no_mending(venv: Venv, progress: Progress):
    assert venv.mend(progress) == []


def test_changed_pins_are_installed(clone: Project, venv: Venv, index: Path, progress: Progress):
    make_wheel(index, 'alpha', '2.0')
    write_requirements(clone.root, build='alpha==2.0')

    assert venv.outdated(GROUPS) == ['build']
    venv.install('build', progress)
    assert venv.outdated(GROUPS) == []
    assert loads(venv, 'import alpha; assert alpha.VERSION == "2.0"')


def test_killed_pip_leaves_an_environment_that_is_mended(
    clone: Project, venv: Venv, index: Path, progress: Progress
):
    make_wheel(index, 'beta', '3.0', files=4000)
    write_requirements(clone.root, runtime='beta==3.0')
    command = [sys.executable, '-c', INSTALL_RUNTIME, str(clone.root)]
    root = Path(__file__).resolve().parents[2]
    process = subprocess.Popen(
        command, env={**os.environ, 'PYTHONPATH': str(root)}, start_new_session=True
    )
    begun = venv.site_packages() / 'beta' / 'part_500.py'
    deadline = time.monotonic() + 60
    while not begun.exists() and time.monotonic() < deadline and process.poll() is None:
        time.sleep(0.005)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()

    again = Venv(clone, INSTALLED_ROS)
    assert begun.exists()
    assert not again.is_ready(GROUPS)
    assert 'runtime' in again.outdated(GROUPS)
    again.install('runtime', progress)
    again.mend(progress)
    again.found_good()
    assert again.is_ready(GROUPS)
    assert loads(again, 'import beta.part_3999; assert beta.VERSION == "3.0"')


INSTALL_RUNTIME = """
import sys
from pathlib import Path
from cli.progress import Progress
from cli.project import Project
from cli.venv import Venv
from tests.cli.conftest import INSTALLED_ROS
clone = Project(Path(sys.argv[1]))
Venv(clone, INSTALLED_ROS).install('runtime', Progress(clone.setup_log))
"""


def test_moved_clone_works_where_it_lies(clone: Project, venv: Venv, progress: Progress):
    old = venv
    moved = Project(clone.root.with_name('elsewhere'))
    clone.root.rename(moved.root)
    venv = Venv(moved, INSTALLED_ROS)

    assert not venv.is_ready(GROUPS)
    assert venv.fault() is None
    assert venv.moved_from() == old.folder
    with pytest.raises(FileNotFoundError):
        subprocess.run([venv.folder / 'bin' / 'pip', '--version'], check=False)
    venv.move(old.folder)
    venv.found_good()
    assert venv.is_ready(GROUPS)
    answer = subprocess.run(
        [venv.folder / 'bin' / 'pip', '--version'], capture_output=True, text=True
    )
    assert str(moved.root) in answer.stdout


def test_environment_moved_to_a_very_long_name_is_made_anew(clone: Project, venv: Venv):
    moved = Project(clone.root.with_name('long' * 40))
    clone.root.rename(moved.root)

    assert 'moved' in str(Venv(moved, INSTALLED_ROS).fault())


def test_python_that_is_gone_means_a_new_environment(
    clone: Project, venv: Venv, progress: Progress
):
    for link in ('python', 'python3'):
        (venv.folder / 'bin' / link).unlink()
        (venv.folder / 'bin' / link).symlink_to('/nonexistent/python3')

    assert not venv.is_ready(GROUPS)
    assert venv.fault() == 'its Python does not run'
    rubbish = clone.state / 'old-venv.1'
    rubbish.mkdir(parents=True)
    venv.create(progress)
    assert venv.fault() is None
    assert venv.outdated(GROUPS) == GROUPS
    assert not list(clone.state.glob('old-venv.*'))


def test_another_ros_means_a_new_environment(clone: Project, venv: Venv, progress: Progress):
    other = dataclasses.replace(INSTALLED_ROS, prefix=Path('/opt/ros/kilted'), distro='kilted')

    assert 'kilted' in str(Venv(clone, other).fault())
    assert not Venv(clone, other).is_ready(GROUPS)


def test_damaged_stamp_is_no_obstacle(clone: Project, venv: Venv, progress: Progress):
    (venv.folder / 'mmoment.json').write_text('{"root": ')

    assert venv.fault() is None
    assert venv.outdated(GROUPS) == GROUPS


def test_absent_package_is_told_with_the_reason(clone: Project, venv: Venv, progress: Progress):
    write_requirements(clone.root, build='gamma==1.0')

    with pytest.raises(CliError, match=r'gamma==1\.0.*network'):
        venv.install('build', progress)
    assert venv.outdated(GROUPS) == ['build']


def test_variables_of_the_caller_do_not_lead_pip_elsewhere(
    clone: Project, venv: Venv, progress: Progress, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv('PIP_TARGET', str(tmp_path / 'target'))
    monkeypatch.setenv('PYTHONPATH', str(tmp_path))

    write_requirements(clone.root, build='alpha>=1.0')
    shutil.rmtree(venv.site_packages() / 'alpha')
    venv.mend(progress)
    venv.install('build', progress)
    assert loads(venv, 'import alpha')
    assert not (tmp_path / 'target').exists()


def test_link_in_place_of_the_environment_is_left_alone(
    clone: Project, progress: Progress, tmp_path: Path
):
    clone.venv.symlink_to(tmp_path)

    with pytest.raises(CliError, match='is a link'):
        Venv(clone, INSTALLED_ROS).create(progress)
