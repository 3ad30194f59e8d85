"""`./mmoment doctor`: looks at the machine and the clone, changes nothing."""

from __future__ import annotations

import argparse
import glob
import json
import os
import shutil
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

from cli import distributions, environment, prepare, up
from cli.errors import CliError
from cli.interpreter import version_of
from cli.project import Project
from cli.ros import choose, has_real_launch
from cli.running import process_of_graph
from cli.venv import Venv, groups_for, missing_venv_packages
from cli.workspace import Workspace

SUMMARY = 'check machine and clone, and say what to do'
OK, WARN, FAIL = 'ok', 'warn', 'fail'
SHARED_MEMORY = Path('/dev/shm')
RING_MIB = {'1280x720': 16, '1920x1080': 36}
"""One frame ring by size of its pictures; a graph has two, the clean and the annotated one."""
MIDDLEWARE_MIB = 34
"""What Fast DDS takes for one process."""
PROCESSES = 5
LOW_DISK_GIB = 1.0


@dataclass(frozen=True)
class Finding:
    """One line: what was looked at, how it is, what to do."""

    name: str
    level: str
    found: str
    advice: str = ''


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `doctor`."""
    parser.add_argument('--json', action='store_true', help='findings as one JSON object')
    parser.add_argument(
        '--port', type=int, default=up.DEFAULT_PORT, help='port to look at (default: 5002)'
    )


def check_interpreter() -> Finding:
    """Python that would make the environment."""
    name = '{}.{}.{} ({})'.format(*sys.version_info[:3], sys.executable)
    missing = missing_venv_packages(sys.executable)
    if missing:
        return Finding(
            'python', WARN, f'{name} cannot make environments', f'apt-get install {missing[0]}'
        )
    return Finding('python', OK, name)


def check_compiler() -> Finding:
    """Commands that the build needs."""
    missing = [package for name, package in prepare.COMPILERS.items() if not shutil.which(name)]
    if missing:
        return Finding(
            'compiler',
            FAIL,
            f'missing: {", ".join(missing)}',
            f'apt-get install {" ".join(missing)}',
        )
    return Finding('compiler', OK, ', '.join(prepare.COMPILERS))


def check_disk(project: Project) -> Finding:
    """Free space, judged by what is still to be installed."""
    free = shutil.disk_usage(project.root).free / 2**30
    needed = LOW_DISK_GIB if project.venv.exists() else prepare.NEEDED_DISK_GIB
    text = f'{free:.1f} GiB free'
    if free < needed:
        return Finding('disk', FAIL, text, f'free some: {needed:.0f} GiB are needed')
    return Finding('disk', OK, text)


def check_shared_memory(folder: Path = SHARED_MEMORY, process: int | None = None) -> Finding:
    """Free shared memory, through which pictures pass; `process` is one of a graph that has its share."""
    if not folder.is_dir():
        return Finding('shared memory', FAIL, f'no {folder}', f'mount a tmpfs on {folder}')
    free_mib = shutil.disk_usage(folder).free / 2**20
    if process is not None:
        text = f'{free_mib:.0f} MiB free beside the running graph (process {process})'
        return Finding('shared memory', OK, text)
    return judge_shared_memory(free_mib)


def judge_shared_memory(free_mib: float) -> Finding:
    """Say for which pictures it is enough."""
    needed = {size: 2 * ring + PROCESSES * MIDDLEWARE_MIB for size, ring in RING_MIB.items()}
    found = f'{free_mib:.0f} MiB free in {SHARED_MEMORY}'
    lacking = [f'{mib} MiB at {size}' for size, mib in needed.items() if free_mib < mib]
    if not lacking:
        return Finding('shared memory', OK, found)
    if len(lacking) == len(needed):
        found += f': a graph needs {", ".join(lacking)}'
    else:
        fits = ', '.join(size for size, mib in needed.items() if free_mib >= mib)
        found += f': enough at {fits}; a graph needs {", ".join(lacking)}'
    advice = 'remove old files there, or give more: mount -o remount,size=512m /dev/shm, docker run --shm-size=512m'
    return Finding('shared memory', WARN, found, advice)


def check_cameras(pattern: str = '/dev/video*') -> Finding:
    """Cameras attached to this machine."""
    devices = sorted(glob.glob(pattern))
    if not devices:
        return Finding(
            'cameras',
            WARN,
            f'no {pattern}',
            'attach one, name a network camera with --source, or watch the demo',
        )
    closed = [device for device in devices if not os.access(device, os.R_OK | os.W_OK)]
    if closed:
        return Finding(
            'cameras',
            WARN,
            f'may not open {", ".join(closed)}',
            'sudo usermod -aG video $USER, and log in again',
        )
    return Finding('cameras', OK, ', '.join(devices))


def check_clone(project: Project) -> list[Finding]:
    """ROS 2, environment and build."""
    given = environment.outer(os.environ, project.root)
    try:
        ros = choose(given, project.root, sys.executable)
    except CliError as error:
        return [Finding('ros', FAIL, 'no usable ROS 2', str(error))]
    if ros.is_sourced:
        found = f'{ros.distro} at {ros.prefix}, Python {version_of(ros.python)}'
    else:
        found = 'none sourced: Jazzy wheels'
    has_launch = has_real_launch(environment.base(project, ros, given))
    launch = '`ros2 launch`' if has_launch else 'our supervisor'
    findings = [Finding('ros', OK, f'{found}; launched by {launch}')]
    venv = Venv(project, ros)
    make = 'it is made by the next ./mmoment up'
    fault = venv.fault()
    if fault:
        return [*findings, Finding('environment', WARN, fault, make)]
    damaged = distributions.damaged(venv.site_packages())
    if damaged:
        advice = f'remove {venv.folder / "mmoment.json"}: the next ./mmoment up looks at every file and mends'
        findings.append(Finding('environment', FAIL, f'damaged: {", ".join(damaged)}', advice))
    elif not venv.is_ready(groups_for(ros)):
        findings.append(
            Finding(
                'environment',
                WARN,
                'changed since it was last checked',
                'the next ./mmoment up mends it',
            )
        )
    else:
        findings.append(Finding('environment', OK, str(project.venv)))
    workspace = Workspace(project, f'{ros.identity} {venv.interpreter()}')
    changed = workspace.changed()
    if changed:
        findings.append(
            Finding(
                'build',
                WARN,
                f'to be built: {", ".join(changed)}',
                'the next ./mmoment up builds them',
            )
        )
    else:
        findings.append(Finding('build', OK, f'{len(project.packages())} packages'))
    return findings


def check_port(port: int) -> Finding:
    """Port of the page."""
    try:
        up.check_port_number(port)
        up.check_port_free(port)
    except CliError as error:
        return Finding('port', WARN, f'{port} cannot be used', str(error))
    return Finding('port', OK, f'{port} of 127.0.0.1 is free')


def examine(project: Project, port: int) -> list[Finding]:
    """Return all findings."""
    return [
        check_interpreter(),
        check_compiler(),
        check_disk(project),
        check_shared_memory(process=process_of_graph(project)),
        check_cameras(),
        *check_clone(project),
        check_port(port),
    ]


def run(options: argparse.Namespace) -> int:
    """Run `doctor`: exit status 1 if something fails, else 0."""
    findings = examine(Project.here(), options.port)
    failed = any(finding.level == FAIL for finding in findings)
    if options.json:
        print(json.dumps({'ok': not failed, 'findings': [asdict(finding) for finding in findings]}))
        return int(failed)
    width = max(len(finding.name) for finding in findings)
    for finding in findings:
        print(f'{finding.level:<4}  {finding.name:<{width}}  {finding.found}')
        if finding.advice:
            print(f'{"":<4}  {"":<{width}}  -> {finding.advice}')
    return int(failed)
