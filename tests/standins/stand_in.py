"""Starts the stand-ins for cameras, each a process of its own that faults can be caused in."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parent
# gst-rtsp-server is bound to the Python of the system, not to that of a virtual environment
SYSTEM_PYTHON = '/usr/bin/python3'
PYTHON_OF = {'http_mjpeg_camera.py': sys.executable, 'rtsp_camera.py': SYSTEM_PYTHON}
# The libraries of the ROS environment are not those of the system's Python
FOREIGN_TO_SYSTEM = ('PYTHONPATH', 'LD_LIBRARY_PATH')
NOT_INSTALLED = 77
PATIENCE_S = 10


class StandIn:
    """A camera process, which can be killed and started again on its port.

    Skips the test, with the reason, where what the camera needs is not installed.
    """

    def __init__(self, script: str, *options: str, port: int = 0) -> None:
        self._python = PYTHON_OF[script]
        self._words = [str(FOLDER / script), *options]
        self.port = port
        self.start()

    def start(self) -> None:
        """Start the camera, again on the port that it had."""
        if not Path(self._python).exists():
            pytest.skip(f'{self._python} is not there')
        self.process = subprocess.Popen(
            [self._python, *self._words, '--port', str(self.port)],
            stdout=subprocess.PIPE,
            text=True,
            env=self._environment(),
        )
        line = self.process.stdout.readline()
        if line.startswith('port '):
            self.port = int(line.split()[1])
            return
        code = self.process.wait(PATIENCE_S)
        self.process.stdout.close()
        if code == NOT_INSTALLED:
            pytest.skip(line.strip())
        raise RuntimeError(f'{self._words} ended with {code}: {line}')

    def stall(self) -> None:
        """Let it hang: connections stay open, nothing comes any more."""
        self.process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on after `stall`."""
        self.process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """End it as a power cut would; a second time does nothing."""
        self.process.kill()
        self.process.wait(PATIENCE_S)
        self.process.stdout.close()

    def _environment(self) -> dict[str, str]:
        foreign = FOREIGN_TO_SYSTEM if self._python == SYSTEM_PYTHON else ()
        left_out = ('LD_PRELOAD', *foreign)
        return {name: value for name, value in os.environ.items() if name not in left_out}
