"""Recordings for tests, and disks that fail as told."""

from __future__ import annotations

import threading
import time

from mmoment_stream.appended_file import AppendedFile
from mmoment_stream.clip_writer import ClipWriter

PATIENCE_S = 20.0


def record(path, packets, **more):
    """A clip of these packets; returns its writer and summary."""
    writer = ClipWriter(path, packets[0], **more)
    for packet in packets:
        writer.add(packet)
    return writer, writer.finish()


def wait_until(condition):
    """Wait for what another thread does; fails if it never does."""
    until_s = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < until_s, 'nothing happened'
        time.sleep(0.005)


class GatedFile(AppendedFile):
    """A disk that takes no more once `hold` was called, until `release` is."""

    def __init__(self, path):
        super().__init__(path)
        self.is_held = threading.Event()
        self._gate = threading.Event()
        self._gate.set()

    def hold(self):
        self._gate.clear()

    def release(self):
        self._gate.set()

    def append(self, piece):
        if not self._gate.is_set():
            self.is_held.set()
        assert self._gate.wait(PATIENCE_S)
        super().append(piece)


class FailingFile(AppendedFile):
    """A disk that fails with `error` once it has taken `pieces`."""

    def __init__(self, path, error, pieces):
        super().__init__(path)
        self._error = error
        self._pieces = pieces

    def append(self, piece):
        if not self._pieces:
            raise self._error
        self._pieces -= 1
        super().append(piece)


class Disk:
    """Opens the one file of a writer, so that the test gets at it."""

    def __init__(self, made=GatedFile):
        self._made = made
        self.file = None

    def open(self, path):
        self.file = self._made(path)
        return self.file
