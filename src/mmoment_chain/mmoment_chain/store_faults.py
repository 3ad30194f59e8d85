"""What SQLite says when it fails, told as what a person can do about it."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from mmoment_chain.errors import StoreBusy, StoreError, StoreFull, StoreUnusable

# Faults of the program, not of the machine: they stay what they are.
OURS = (sqlite3.IntegrityError, sqlite3.ProgrammingError, sqlite3.DataError)


def damaged(path: Path, what: str) -> StoreUnusable:
    """The store cannot be trusted any more."""
    return StoreUnusable(
        f'store {path} is damaged ({what}): stop the camera, move this file and those named '
        f'{path.name}-wal and {path.name}-shm away, keep them, and put a backup in their place; '
        'with none, the camera begins an empty store'
    )


def told(error: sqlite3.Error | OSError, path: Path) -> StoreError:
    """The fault of this package for one of SQLite or of the system.

    SQLite's texts are part of its interface (`sqlite3_errstr`); the codes behind them are out of
    reach before Python 3.11.
    """
    if isinstance(error, OSError):
        return StoreUnusable(
            f'store {path} cannot be used ({error.strerror}): run this as the user the folder '
            'belongs to, or choose another folder'
        )
    text = str(error)
    if 'is full' in text:
        return StoreFull(
            f'store {path}: the disk is full: free some space; nothing of this change was kept'
        )
    if 'locked' in text:
        return StoreBusy(
            f'store {path} is held by another program: end it (`fuser {path}` names it), then try '
            'again; nothing of this change was kept'
        )
    if 'malformed' in text or 'not a database' in text:
        return damaged(path, text)
    if 'readonly' in text or 'unable to open' in text:
        return StoreUnusable(
            f'store {path} cannot be used ({text}): run this as the user the folder belongs to, '
            'on a disk that can be written'
        )
    if 'I/O error' in text:
        return StoreFull(
            f'store {path}: the disk takes no writes ({text}): look at quotas, limits and the '
            'health of the disk; nothing of this change was kept'
        )
    return StoreError(f'store {path}: {text}')


@contextlib.contextmanager
def translated(path: Path) -> Iterator[None]:
    """Raise faults of SQLite as those of this package."""
    try:
        yield
    except OURS:
        raise
    except sqlite3.Error as error:
        raise told(error, path) from error
