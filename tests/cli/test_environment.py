import os
import sys
from pathlib import Path

import pytest

from cli import environment
from cli.project import Project
from cli.ros import Ros
from tests.cli.conftest import INSTALLED_ROS

WHEELS = Ros('jazzy', None, sys.executable)
SETUP = """
export AMENT_PREFIX_PATH="{root}/install/thing:$AMENT_PREFIX_PATH"
export PYTHONPATH="{root}/build/thing${{PYTHONPATH:+:$PYTHONPATH}}"
export THING_DATA=here
"""


@pytest.fixture
def built(tmp_path: Path) -> Project:
    project = Project(tmp_path / 'clone')
    project.install.mkdir(parents=True)
    (project.install / 'local_setup.bash').write_text(SETUP.format(root=project.root))
    return project


def test_setup_file_is_remembered_and_applied_without_it(built: Project):
    caller = {'PATH': os.environ['PATH'], 'AMENT_PREFIX_PATH': '/opt/ros/jazzy'}
    environment.remember(built, INSTALLED_ROS, caller)
    (built.install / 'local_setup.bash').unlink()

    env = environment.complete(built, INSTALLED_ROS, {**caller, 'PYTHONPATH': '/theirs'})

    assert env['AMENT_PREFIX_PATH'] == f'{built.root}/install/thing:/opt/ros/jazzy'
    assert env['PYTHONPATH'] == f'{built.root}/build/thing:/theirs'
    assert env['THING_DATA'] == 'here'
    assert env['PATH'].startswith(f'{built.venv}/bin:')
    assert env['VIRTUAL_ENV'] == str(built.venv)


def test_environment_inside_an_environment_is_the_same(built: Project):
    caller = {'PATH': '/usr/bin:/bin', 'AMENT_PREFIX_PATH': '/opt/ros/jazzy'}
    environment.remember(built, INSTALLED_ROS, caller)
    once = environment.complete(built, INSTALLED_ROS, caller)

    again = environment.complete(built, INSTALLED_ROS, environment.outer(once, built.root))

    assert again == once


def test_wheels_get_their_libraries_and_no_foreign_python_path(built: Project):
    libraries = built.venv / 'lib' / 'python3.11' / 'site-packages' / 'ros_rcl.libs'
    libraries.mkdir(parents=True)

    env = environment.base(built, WHEELS, {'PATH': '/bin', 'PYTHONPATH': '/theirs'})

    assert env['LD_LIBRARY_PATH'] == f'{built.venv}/lib:{libraries}'
    assert env['AMENT_PREFIX_PATH'] == str(built.venv)
    assert 'PYTHONPATH' not in env


def test_choices_of_the_person_are_kept(built: Project):
    caller = {
        'ROS_AUTOMATIC_DISCOVERY_RANGE': 'SUBNET',
        'FASTRTPS_DEFAULT_PROFILES_FILE': '/my.xml',
    }

    env = environment.base(built, WHEELS, caller)

    assert env['ROS_AUTOMATIC_DISCOVERY_RANGE'] == 'SUBNET'
    assert env['FASTRTPS_DEFAULT_PROFILES_FILE'] == '/my.xml'
    assert environment.base(built, WHEELS, {})['ROS_AUTOMATIC_DISCOVERY_RANGE'] == 'LOCALHOST'
