"""Cleaning the files of the store of what was deleted: also copies that SQLite left behind.

A note in the store (`scrub_note`) says that it is to be done, so it outlives a kill.
"""

from __future__ import annotations

import sqlite3

# Values of `scrub_note.is_rewritten`. A process beside may erase at any moment, which puts the note
# back to the first: it goes only if it has come to the last undisturbed.
TO_REWRITE, REWRITTEN, REWRITING = 0, 1, 2


def scrubbed(connection: sqlite3.Connection) -> bool:
    """Write the whole store anew if the note says so; True: no trace is left.

    False: somebody reads or erases meanwhile. Raises sqlite3.Error.
    """
    note = connection.execute('SELECT is_rewritten FROM scrub_note').fetchone()
    if note is None:
        return True
    if note['is_rewritten'] != REWRITTEN:
        # Beside an open reader, writing anew would only make the log longer.
        if not checkpointed(connection):
            return False
        connection.execute('UPDATE scrub_note SET is_rewritten = ?', (REWRITING,))
        connection.execute('VACUUM')
        connection.execute(
            'UPDATE scrub_note SET is_rewritten = ? WHERE is_rewritten = ?', (REWRITTEN, REWRITING)
        )
    if not checkpointed(connection):
        return False
    connection.execute('DELETE FROM scrub_note WHERE is_rewritten = ?', (REWRITTEN,))
    return connection.execute('SELECT 1 FROM scrub_note').fetchone() is None


def checkpointed(connection: sqlite3.Connection) -> bool:
    """Bring everything into the one file and empty the log. False: a reader needs it."""
    (is_busy, _, _) = connection.execute('PRAGMA wal_checkpoint(TRUNCATE)').fetchone()
    return not is_busy
