"""Writes the output of several processes to one terminal, line by line, each with its name."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Mapping
from typing import TextIO

# Readable on dark and light backgrounds: cyan, green, yellow, blue, magenta
_NODE_COLOURS = ('36', '32', '33', '34', '35')
_FAULT_COLOUR = '31'
_NAME = 'supervisor'


class Console:
    """The one place that writes, so that lines never mix."""

    def __init__(self, stream: TextIO = sys.stdout, environment: Mapping[str, str] = os.environ):
        self._stream = stream
        self._is_heard = True
        self.is_coloured = stream.isatty() and 'NO_COLOR' not in environment
        self._colours: dict[str, str] = {}

    def node_line(self, label: str, line: str) -> None:
        """Write one line of a node."""
        colour = self._colours.setdefault(
            label, _NODE_COLOURS[len(self._colours) % len(_NODE_COLOURS)]
        )
        self._write(f'{self._painted(f"[{label}]", colour)} {line}')

    def info(self, text: str) -> None:
        """Write a line of the supervisor itself."""
        self._write(f'[{_NAME}] {text}')

    def fault(self, text: str) -> None:
        """Write a line of the supervisor that a person should not miss."""
        self._write(self._painted(f'[{_NAME}] {text}', _FAULT_COLOUR))

    def frame(self, lines: list[str]) -> None:
        """Write lines that must be found again among logs."""
        width = max(len(line) for line in lines)
        rule = '=' * width
        for line in ('', rule, *lines, rule, ''):
            self._write(self._painted(line, '1') if line else line)

    def _painted(self, text: str, colour: str) -> str:
        return f'\033[{colour}m{text}\033[0m' if self.is_coloured else text

    def _write(self, line: str) -> None:
        if not self._is_heard:
            return
        try:
            self._stream.write(f'{line}\n')
            self._stream.flush()
        except BrokenPipeError:
            # Whoever read our output is gone (`| head`): the graph goes on, nobody listens
            self._is_heard = False
            self._let_go()

    def _let_go(self) -> None:
        """Point the stream to nowhere: Python's last flush would turn the exit code into 120."""
        with contextlib.suppress(OSError), open(os.devnull, 'w') as nowhere:
            os.dup2(nowhere.fileno(), self._stream.fileno())
