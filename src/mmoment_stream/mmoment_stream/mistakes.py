"""What a node says of a fault of its own while it serves others."""

from __future__ import annotations

import traceback
from typing import Any

INTERNAL = 'internal'
INTERNAL_TEXT = 'The camera made a mistake, so this may not be done: its log says more'


def log_mistake(logger: Any, error: Exception) -> None:
    """Say what went wrong and where, without the words of the fault: they may name somebody."""
    places = ''.join(traceback.format_tb(error.__traceback__))
    logger.error(f'a mistake: {type(error).__name__}\n{places}')
