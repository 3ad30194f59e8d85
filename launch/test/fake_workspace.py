"""A made-up installed workspace whose executables are small scripts: no ROS is needed."""

import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

STEP_S = 0.02
PATIENCE_S = 15.0

PACKAGE_FOLDER = str(Path(__file__).resolve().parents[1])


class FakeWorkspace:
    """Packages below `prefix`, found through the ament index like real ones."""

    def __init__(self, prefix: Path) -> None:
        self.prefix = prefix
        self.environment = {
            **os.environ,
            'AMENT_PREFIX_PATH': str(prefix),
            'PYTHONPATH': os.pathsep.join([PACKAGE_FOLDER, os.environ.get('PYTHONPATH', '')]),
            'ROS_DOMAIN_ID': f'test-{prefix.name}-{os.getpid()}',
        }

    def add_package(self, name: str, **executables: str) -> None:
        """Add a package; each executable is the text of a shell script."""
        marker = self.prefix / 'share/ament_index/resource_index/packages' / name
        marker.parent.mkdir(parents=True, exist_ok=True)
        marker.touch()
        (self.prefix / 'share' / name / 'launch').mkdir(parents=True, exist_ok=True)
        for executable, script in executables.items():
            path = self.prefix / 'lib' / name / executable
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f'#!/bin/sh\n{script}\n', encoding='utf-8')
            path.chmod(path.stat().st_mode | stat.S_IXUSR)

    def write_launch_file(self, text: str, package: str = 'fake', name: str = 'it') -> Path:
        path = self.prefix / 'share' / package / 'launch' / f'{name}.launch.yaml'
        path.write_text(text, encoding='utf-8')
        return path

    @contextmanager
    def supervisor(self, *words: str) -> Iterator[subprocess.Popen[str]]:
        """Run the supervisor in a process of its own; it is killed at the end of the block."""
        process = subprocess.Popen(
            [sys.executable, '-m', 'mmoment_bringup.supervisor', *words],
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            yield process
        finally:
            process.kill()
            process.wait()
            process.stdout.close()
            process.stderr.close()

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run the supervisor to its end."""
        return subprocess.run(
            [sys.executable, '-m', 'mmoment_bringup.supervisor', *words],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )


def wait_until(is_true: Callable[[], bool], what: str) -> None:
    """Wait for something that another process does; fails loudly if it does not happen."""
    end = time.monotonic() + PATIENCE_S
    while not is_true():
        assert time.monotonic() < end, f'waited in vain for: {what}'
        time.sleep(STEP_S)


def is_running(pid: int) -> bool:
    """True while a process exists and is not only waiting to be reaped."""
    try:
        state = Path(f'/proc/{pid}/stat').read_text(encoding='utf-8').rsplit(')', 1)[1].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != 'Z'


def end(process: subprocess.Popen[str], number: signal.Signals) -> tuple[int, str, str]:
    """Send a signal; return exit code, standard output and standard error."""
    process.send_signal(number)
    out, error = process.communicate(timeout=PATIENCE_S)
    return process.returncode, out, error
