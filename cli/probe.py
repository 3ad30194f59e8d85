"""Whether what was installed really loads: modules are imported, not merely looked for."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

LIBRARIES = (
    'rclpy',
    'numpy',
    'cv2',
    'av',
    'mediapipe.python.solutions.hands',
    'cv_bridge',
    'fastapi',
    'uvicorn',
    'websockets',
    'colcon_core.command',
)
ROS_AT_WORK = 'rclpy at work'
"""Pseudo-module: a ROS 2 context is really opened, which loads the middleware."""
TIME_LIMIT_S = 300.0

_PROGRAM = """
import importlib, json, sys
faults = {}
for name in sys.argv[1:]:
    try:
        if name == 'rclpy at work':
            import rclpy
            rclpy.init()
            rclpy.shutdown()
        else:
            importlib.import_module(name)
    except BaseException as error:
        faults[name] = f'{type(error).__name__}: {error}'
sys.__stdout__.write('\\n' + json.dumps(faults) + '\\n')
"""


def faults(python: Path, modules: Sequence[str], env: Mapping[str, str]) -> dict[str, str]:
    """Import modules in a fresh interpreter; returns the error of each that does not load."""
    try:
        answer = subprocess.run(
            [python, '-c', _PROGRAM, *modules],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            env=dict(env),
            timeout=TIME_LIMIT_S,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return {str(python): str(error)}
    try:
        return dict(json.loads(answer.stdout.splitlines()[-1]))
    except (ValueError, IndexError):
        # Killed by a signal or ended by a library: nobody knows which module it was.
        return {'python': f'ended with status {answer.returncode}: {answer.stderr.strip()[-200:]}'}
