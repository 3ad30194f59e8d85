"""Stand-ins for cameras, each a process of its own that faults can be caused in."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

STANDINS = Path(__file__).resolve().parents[3] / 'tests' / 'standins'
SYSTEM_PYTHON = '/usr/bin/python3'
NOT_INSTALLED = 77


class StandIn:
    """A camera process; its standard output names the port it serves on."""

    def __init__(self, command: list[str]) -> None:
        self.command = command
        environment = {k: v for k, v in os.environ.items() if k != 'LD_PRELOAD'}
        if command[0] == SYSTEM_PYTHON:
            # The libraries of the ROS environment are not those of the system's Python.
            environment.pop('PYTHONPATH', None)
            environment.pop('LD_LIBRARY_PATH', None)
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
        line = self.process.stdout.readline()
        if not line.startswith('port '):
            code = self.process.wait(10)
            if code == NOT_INSTALLED:
                pytest.skip(line.strip())
            raise RuntimeError(f'{command} ended with {code}: {line}')
        self.port = int(line.split()[1])

    def stall(self) -> None:
        self.process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        self.process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(10)
        self.process.stdout.close()


Start = Callable[..., StandIn]


def _starter(python: str, script: str) -> Iterator[Start]:
    running = []

    def start(*options: str, port: int = 0) -> StandIn:
        camera = StandIn([python, str(STANDINS / script), '--port', str(port), *options])
        running.append(camera)
        return camera

    yield start
    for camera in running:
        camera.kill()


@pytest.fixture
def http_camera() -> Iterator[Start]:
    """Starts MJPEG-over-HTTP cameras."""
    yield from _starter(sys.executable, 'http_mjpeg_camera.py')


@pytest.fixture
def rtsp_camera() -> Iterator[Start]:
    """Starts RTSP cameras; skips where gst-rtsp-server is not installed."""
    if not Path(SYSTEM_PYTHON).exists():
        pytest.skip(f'{SYSTEM_PYTHON} is not there')
    yield from _starter(SYSTEM_PYTHON, 'rtsp_camera.py')


@pytest.fixture
def wait_until() -> Callable[..., None]:
    """Waits for something to become true, and fails with a name where it does not."""

    def wait(condition: Callable[[], object], what: str, timeout_s: float = 10.0) -> None:
        deadline_s = time.monotonic() + timeout_s
        while not condition():
            assert time.monotonic() < deadline_s, f'{what}: not within {timeout_s:g} s'
            time.sleep(0.005)

    return wait
