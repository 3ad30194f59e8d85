"""Variables in which python, colcon and the workspace work.

The workspace's own setup file is sourced once after each build; what it does is remembered, because
sourcing it takes seconds.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from cli.errors import CliError
from cli.project import Project, read_json, write_json
from cli.ros import Ros

LISTS = (
    'AMENT_PREFIX_PATH',
    'CMAKE_PREFIX_PATH',
    'COLCON_PREFIX_PATH',
    'LD_LIBRARY_PATH',
    'PATH',
    'PKG_CONFIG_PATH',
    'PYTHONPATH',
)
"""Variables to which a workspace adds entries in front."""
PROFILE = 'src/mmoment_camera/config/fastdds.xml'
ACTIVE = 'MMOMENT_ENVIRONMENT'
"""Names the clone whose environment is active."""


def base(project: Project, ros: Ros, environ: Mapping[str, str]) -> dict[str, str]:
    """Environment without the workspace: enough to run pip, colcon and ROS 2 itself."""
    env = outer(environ, project.root)
    venv = project.venv
    if not ros.is_sourced:
        # Wheels carry libraries in folders of their own; their start-up hook would find them by
        # starting Python a second time, unless told that it is done.
        folders = sorted(
            str(folder) for folder in venv.glob('lib/python3.*/site-packages/ros_*.libs')
        )
        env['LD_LIBRARY_PATH'] = _join([str(venv / 'lib'), *folders], env.get('LD_LIBRARY_PATH'))
        env['_ROS_WHEELS_BOOTSTRAP_COMPLETE'] = '1'
        env['AMENT_PREFIX_PATH'] = env['CMAKE_PREFIX_PATH'] = str(venv)
        env.pop('PYTHONPATH', None)
        env['PYTHONNOUSERSITE'] = '1'
    env['VIRTUAL_ENV'] = str(venv)
    env['PATH'] = _join([str(venv / 'bin')], env.get('PATH'))
    env.pop('PYTHONHOME', None)
    profile = str(project.root / PROFILE)
    env.setdefault('FASTRTPS_DEFAULT_PROFILES_FILE', profile)
    env.setdefault('FASTDDS_DEFAULT_PROFILES_FILE', profile)
    env.setdefault('ROS_AUTOMATIC_DISCOVERY_RANGE', 'LOCALHOST')
    env[ACTIVE] = str(project.root)
    return env


def outer(environ: Mapping[str, str], root: Path) -> dict[str, str]:
    """Environment without what this clone's own environment added to it (a nested `./mmoment shell`)."""
    env = dict(environ)
    mine = f'{root}{os.sep}'
    for name in LISTS:
        entries = env.pop(name, '').split(os.pathsep)
        kept = [entry for entry in entries if entry and not entry.startswith(mine)]
        if kept:
            env[name] = os.pathsep.join(kept)
    return env


def complete(project: Project, ros: Ros, environ: Mapping[str, str]) -> dict[str, str]:
    """Environment with the workspace, from what `remember` noted."""
    env = base(project, ros, environ)
    noted = read_json(_memory(project))
    for name, entries in noted.get('lists', {}).items():
        env[name] = _join(entries, env.get(name))
    env.update(noted.get('values', {}))
    return env


def remember(project: Project, ros: Ros, environ: Mapping[str, str]) -> None:
    """Source the workspace's setup file and note what it changes."""
    before = base(project, ros, environ)
    after = _sourced(project.install / 'local_setup.bash', before)
    lists = {}
    for name in LISTS:
        old = before.get(name, '').split(os.pathsep)
        entries = [entry for entry in after.get(name, '').split(os.pathsep) if entry not in old]
        if entries:
            lists[name] = entries
    ignored = {*LISTS, '_', 'SHLVL', 'PWD', 'OLDPWD'}
    values = {
        name: value
        for name, value in after.items()
        if name not in ignored and before.get(name) != value
    }
    write_json(_memory(project), {'lists': lists, 'values': values})


def is_known(project: Project) -> bool:
    """Whether what the workspace changes was noted."""
    return bool(read_json(_memory(project)).get('lists'))


def forget(project: Project) -> None:
    """Have the workspace's setup file looked at again."""
    _memory(project).unlink(missing_ok=True)


def _sourced(setup_file: Path, env: Mapping[str, str]) -> dict[str, str]:
    answer = subprocess.run(
        ['bash', '--noprofile', '--norc', '-c', '. "$0" && env -0', str(setup_file)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        env=dict(env),
    )
    if answer.returncode != 0:
        raise CliError(
            f'{setup_file} fails: {answer.stderr.decode(errors="replace").strip()[-300:]}'
        )
    pairs = (pair.partition('=') for pair in answer.stdout.decode().split('\0') if pair)
    return {name: value for name, _, value in pairs}


def _memory(project: Project) -> Path:
    return project.state / 'environment.json'


def _join(first: list[str], rest: str | None) -> str:
    later = [entry for entry in (rest or '').split(os.pathsep) if entry and entry not in first]
    return os.pathsep.join([*first, *later])
