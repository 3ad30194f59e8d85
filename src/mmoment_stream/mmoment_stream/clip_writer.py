"""Writes packets to a clip while it is recorded, so that a crash loses two seconds at most.

Whoever adds packets never waits for the disk: a thread of the clip makes fragments of what has
gathered and appends each as a whole. Several clips share their packets.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from mmoment_stream.appended_file import AppendedFile
from mmoment_stream.clip_fragments import FragmentMaker
from mmoment_stream.clip_queue import ClipQueue, Ending
from mmoment_stream.clip_summary import NS_PER_S, TICKS_PER_S, ClipSummary, to_ns
from mmoment_stream.durable import refusal
from mmoment_stream.errors import Refused
from mmoment_stream.video_packet import VideoPacket

# More than a minute of 720p: a disk that hangs longer does not come back.
QUEUE_BYTES = 32 * 1024 * 1024
FINISH_WITHIN_S = 10.0

_logger = logging.getLogger(__name__)


class GrowingFile(Protocol):
    """What a clip is written to (AppendedFile); its methods raise OSError."""

    def append(self, piece: bytes) -> None:
        """Add all of `piece`, or nothing."""

    def close(self) -> None:
        """Wait until everything is on the disk, and let go of it."""


class ClipWriter:
    """One clip that is being recorded. Only `finish` waits for the disk."""

    def __init__(
        self,
        path: Path,
        first: VideoPacket,
        *,
        queue_bytes: int = QUEUE_BYTES,
        open_file: Callable[[Path], GrowingFile] = AppendedFile,
    ) -> None:
        """Begin a new file with `first`, a keyframe; raises ValueError for any other packet.

        queue_bytes: most that waits for the disk. What is more is left out, up to a keyframe that
        finds half of it free.
        """
        self._path = path
        self._open_file = open_file
        self._queue = ClipQueue(first, queue_bytes)
        self._bytes = 0
        self._packets = 0
        self._last_ticks = 0
        self._end_ticks = 0
        self._fault: Exception | None = None
        self._thread = threading.Thread(target=self._run, name='clip writer', daemon=True)
        self._thread.start()

    @property
    def ended(self) -> Ending | None:
        """Why it takes no more packets; None while it does."""
        return self._queue.ending

    @property
    def fault(self) -> Exception | None:
        """For the log: what is behind disk_full or not_kept."""
        return self._fault

    @property
    def elapsed_s(self) -> float:
        """Of video until now."""
        return self._queue.span_ns / NS_PER_S

    @property
    def bytes(self) -> int:
        """In the file until now."""
        return self._bytes

    @property
    def packets(self) -> int:
        """In the file until now."""
        return self._packets

    @property
    def is_behind(self) -> bool:
        """Whether packets are being left out because the disk is too slow."""
        return self._queue.is_behind

    def add(self, packet: VideoPacket) -> bool:
        """Add a packet; False once the clip takes no more, `ended` says why.

        What the clip has already is left out, and so is what cannot be decoded because a packet
        before it is missing.
        """
        was_behind = self._queue.is_behind
        is_taken = self._queue.add(packet)
        if self._queue.is_behind and not was_behind:
            _logger.warning(
                'the disk is too slow for %s: pictures are left out until it has caught up',
                self._path.name,
            )
        return is_taken

    def finish(self, timeout_s: float = FINISH_WITHIN_S) -> ClipSummary:
        """Write what waits, close the file and say what is in it, whatever has ended the clip.

        Raises Refused, disk_full or not_kept: nothing is in it, or the disk does not answer in time
        (what is in the file then is found by mmoment_stream.clip_finish). The cause is for the log.
        """
        self._queue.end('finished')
        self._thread.join(timeout_s)
        if self._thread.is_alive():
            raise Refused('not_kept') from TimeoutError(
                f'{self._path}: the disk has not answered for {timeout_s:g} s'
            )
        if not self._packets:
            raise Refused('disk_full' if self.ended == 'disk_full' else 'not_kept') from self._fault
        first = self._queue.first
        return ClipSummary(
            bytes=self._bytes,
            packets=self._packets,
            dropped=self._queue.offered - self._packets,
            first_monotonic_ns=first.monotonic_ns,
            last_monotonic_ns=first.monotonic_ns + to_ns(self._last_ticks),
            first_utc_ns=first.utc_ns,
            duration_s=self._end_ticks / TICKS_PER_S,
            width=first.width,
            height=first.height,
            fast_start=False,
        )

    def _run(self) -> None:
        try:
            self._record()
        # Whatever it is: a clip must not seem to go on when nothing is written any more.
        except Exception as error:
            self._fault = error
            is_full = isinstance(error, OSError) and refusal(error).code == 'disk_full'
            self._queue.give_up('disk_full' if is_full else 'not_kept')

    def _record(self) -> None:
        fragments = FragmentMaker(self._queue.first)
        with contextlib.closing(self._open_file(self._path)) as file:
            while (batch := self._queue.take()) is not None:
                fragment = fragments.fragment(batch.packets, batch.end_ns)
                file.append(fragment.data)
                self._bytes += len(fragment.data)
                self._last_ticks, self._end_ticks = fragment.last_ticks, fragment.end_ticks
                self._packets += len(batch.packets)
