"""The log of the web libraries as that of the node."""

from __future__ import annotations

import logging
from typing import Any

from mmoment_node.redaction import redact_text

LOGGERS = ('uvicorn', 'uvicorn.error', 'asyncio', 'mmoment_api')


def forward_log(logger: Any) -> None:
    """Hand warnings and errors of the libraries to the node's own logger."""
    handler = _RosHandler(logger)
    for name in LOGGERS:
        library = logging.getLogger(name)
        library.handlers[:] = [handler]
        library.propagate = False
        library.setLevel(logging.WARNING)


class _RosHandler(logging.Handler):
    """Hands the log of the web libraries to the node's, without secrets in addresses."""

    def __init__(self, logger: Any) -> None:
        super().__init__(logging.WARNING)
        self._logger = logger

    def emit(self, record: logging.LogRecord) -> None:
        text = redact_text(self.format(record))
        if record.levelno >= logging.ERROR:
            self._logger.error(text)
        else:
            self._logger.warning(text)
