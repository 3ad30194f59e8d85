"""Notices that the clock on the wall was set, also while the camera was off.

The machine counts the time since its start, which nobody sets. How far the wall clock is ahead of
it stays the same until somebody sets the clock. That offset is kept in the store with the id of
this start of the machine: a process that is started again later still knows what was set meanwhile.
After a start of the machine nothing can be known; then the wall clock is believed.
"""

from __future__ import annotations

from pathlib import Path

from mmoment_chain.clock import Clock
from mmoment_chain.store import Query, Transaction

# Clocks are corrected by milliseconds all the time.
TOLERANCE_MS = 1000
BOOT_ID = Path('/proc/sys/kernel/random/boot_id')


class WallClockWatch:
    """Compares the wall clock with the time that went by. `boot_id`: of this start of the machine."""

    def __init__(self, clock: Clock, boot_id: str) -> None:
        self._clock = clock
        self._boot_id = boot_id

    def is_known(self, query: Query) -> bool:
        """Whether a note was taken since this start of the machine."""
        row = query.one('SELECT boot_id FROM clock_note')
        return row is not None and row['boot_id'] == self._boot_id

    def shift_ms(self, query: Query) -> int:
        """By how much the clock was set since `note`; 0 if nothing is known or nothing happened."""
        row = query.one('SELECT boot_id, offset_ms FROM clock_note')
        if row is None or row['boot_id'] != self._boot_id:
            return 0
        shift_ms: int = self._offset_ms() - row['offset_ms']
        return shift_ms if abs(shift_ms) > TOLERANCE_MS else 0

    def note(self, tx: Transaction) -> None:
        """Take the clock as it is."""
        sql = 'INSERT OR REPLACE INTO clock_note (id, boot_id, offset_ms) VALUES (1, ?, ?)'
        tx.change(sql, self._boot_id, self._offset_ms())

    def _offset_ms(self) -> int:
        return self._clock.utc_ms() - round(self._clock.elapsed_s() * 1000)


def this_boot() -> str:
    """Id of this start of the machine. Raises OSError."""
    return BOOT_ID.read_text(encoding='ascii').strip()
