import sys
from pathlib import Path

import pytest

from cli.errors import CliError
from cli.ros import Ros, choose, has_real_launch, sourced_prefix
from tests.cli.conftest import fake_command

MINOR = f'python3.{sys.version_info.minor}'


@pytest.fixture
def prefix(tmp_path: Path) -> Path:
    """A prefix that holds rclpy, as an installed ROS 2 does, for this Python."""
    folder = tmp_path / 'opt' / 'ros'
    index = folder / 'share' / 'ament_index' / 'resource_index' / 'packages'
    index.mkdir(parents=True)
    (index / 'rclpy').touch()
    (folder / 'lib' / MINOR / 'site-packages' / 'rclpy').mkdir(parents=True)
    return folder


def python_on_path(tmp_path: Path) -> str:
    fake_command(tmp_path / 'bin', MINOR, f'exec {sys.executable} "$@"')
    return str(tmp_path / 'bin')


def test_without_ros_the_wheels_serve(tmp_path: Path):
    assert choose({}, tmp_path, 'py', machine='x86_64') == Ros('jazzy', None, 'py')


def test_arm_without_ros_is_told_what_to_install(tmp_path: Path):
    with pytest.raises(CliError, match=r'aarch64.*ros-jazzy-ros-base.*source /opt/ros'):
        choose({}, tmp_path, 'py', machine='aarch64')


def test_sourced_ros_is_used_with_its_python(prefix: Path, tmp_path: Path):
    environ = {
        'ROS_DISTRO': 'jazzy',
        'AMENT_PREFIX_PATH': f'/nonexistent:{prefix}',
        'PATH': python_on_path(tmp_path),
    }

    ros = choose(environ, tmp_path / 'clone', 'py', machine='aarch64')

    assert (ros.is_sourced, ros.prefix, ros.distro) == (True, prefix, 'jazzy')
    assert MINOR in ros.python or ros.python == '/usr/bin/python3'


def test_our_own_environment_is_no_sourced_ros(prefix: Path):
    assert sourced_prefix({'AMENT_PREFIX_PATH': str(prefix)}, prefix.parent) is None


def test_old_distro_is_refused(prefix: Path, tmp_path: Path):
    environ = {'ROS_DISTRO': 'humble', 'AMENT_PREFIX_PATH': str(prefix)}

    with pytest.raises(CliError, match=r'humble.*jazzy or kilted'):
        choose(environ, tmp_path / 'clone', 'py')


def test_ros_without_rclpy_names_the_package(tmp_path: Path):
    with pytest.raises(CliError, match='ros-jazzy-rclpy'):
        choose({'ROS_DISTRO': 'jazzy', 'AMENT_PREFIX_PATH': '/nonexistent'}, tmp_path, 'py')


def test_ros_for_an_unsupported_python_is_refused(prefix: Path, tmp_path: Path):
    (prefix / 'lib' / MINOR).rename(prefix / 'lib' / 'python3.14')

    with pytest.raises(CliError, match=r'python3\.14'):
        choose({'AMENT_PREFIX_PATH': str(prefix)}, tmp_path / 'clone', 'py')


def test_real_launch_needs_command_and_package(prefix: Path, tmp_path: Path):
    bare = {'PATH': str(tmp_path / 'bin'), 'AMENT_PREFIX_PATH': str(prefix)}
    assert not has_real_launch(bare)

    fake_command(tmp_path / 'bin', 'ros2', 'true')
    assert not has_real_launch(bare)

    (prefix / 'share' / 'ament_index' / 'resource_index' / 'packages' / 'ros2launch').touch()
    assert has_real_launch(bare)
