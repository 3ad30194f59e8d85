"""Runs something in a child process that is killed at a chosen line of our own."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any


def killed_at_line(number: int, modules: tuple[str, ...], action: Callable[[], object]) -> bool:
    """Run `action`; the child dies before the line `number` that it comes to in these modules.

    Returns whether it did: False once it has fewer lines than that, and did all.
    """
    child = os.fork()
    if child == 0:
        try:
            _die_at(number, modules)
            action()
            sys.settrace(None)
            os._exit(0)
        finally:
            os._exit(1)
    status = os.waitpid(child, 0)[1]
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL
        return True
    assert os.WEXITSTATUS(status) == 0
    return False


def _die_at(number: int, modules: tuple[str, ...]) -> None:
    left = number

    def line(frame: FrameType, event: str, argument: Any) -> Any:
        nonlocal left
        if event == 'line':
            left -= 1
            if left < 0:
                os.kill(os.getpid(), signal.SIGKILL)
        return line

    def call(frame: FrameType, event: str, argument: Any) -> Any:
        path = Path(frame.f_code.co_filename)
        return line if path.stem in modules and path.parent.name.startswith('mmoment_') else None

    sys.settrace(call)
