"""Removes shared memory of processes that were killed before they could do it themselves."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import time
from pathlib import Path

SHARED_MEMORY = Path('/dev/shm')
# Fast DDS keeps a lock on a file `NAME_el` while the owner of a segment or port lives. A segment
# of our profile is 64 MiB: a few killed nodes would fill a small machine.
_FAST_DDS_LOCK = re.compile(r'(?P<name>(fastrtps|fastdds)_([0-9a-f]{16}|port\d+))_el')
# As frame_segment.PREFIX of mmoment_camera, known here to look before NumPy is loaded
_RING_PREFIX = 'mmoment.'
# A lock file is made a moment before it is locked. Shorter than the pause before a restart: what a
# node leaves that is killed as soon as it stands must go before its successor comes.
_YOUNGEST_S = 0.5


def sweep() -> list[str]:
    """Remove the frame rings and Fast DDS segments whose owner is dead; returns their names."""
    return sweep_frame_rings() + sweep_fast_dds()


def sweep_fast_dds(folder: Path = SHARED_MEMORY) -> list[str]:
    """Remove Fast DDS segments and ports that nobody holds; returns their names."""
    removed = []
    for lock in folder.glob('*_el'):
        match = _FAST_DDS_LOCK.fullmatch(lock.name)
        # Files of other users, and those that go away meanwhile, are not ours to handle
        with contextlib.suppress(OSError):
            if match is not None and _is_abandoned(lock):
                name = match['name']
                for file in (name, f'sem.{name}_mutex', lock.name):
                    (folder / file).unlink(missing_ok=True)
                removed.append(name)
    return removed


def _is_abandoned(lock: Path) -> bool:
    if time.time() - lock.stat().st_mtime < _YOUNGEST_S:
        return False
    with lock.open('rb') as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return os.access(lock, os.W_OK)


def sweep_frame_rings() -> list[str]:
    """Remove the frame rings of this user that no living process writes; returns their names."""
    if not any(SHARED_MEMORY.glob(f'{_RING_PREFIX}*')):
        return []
    try:
        # Late, because it brings NumPy along, which a supervisor otherwise does without
        from mmoment_camera import frame_ring
    except ImportError:
        return []
    return frame_ring.sweep()
