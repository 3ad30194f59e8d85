"""Keep the known chatter of MediaPipe's C++ side off stderr, and nothing else.

MediaPipe writes to file descriptor 2 itself, past Python, and offers no switch for it.
"""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator

# Said at every start of every program that uses MediaPipe Hands, and of no use to anyone.
CHATTER = (
    b'All log messages before absl::InitializeLog() is called',
    b'Created TensorFlow Lite XNNPACK delegate for CPU',
    b'Feedback manager requires a model with a single signature inference',
    b'Using NORM_RECT without IMAGE_DIMENSIONS is only supported for the square ROI',
)
STDERR = 2


@contextlib.contextmanager
def chatter_removed() -> Iterator[None]:
    """Hold back what is written to descriptor 2 in this block; at its end pass on all but chatter.

    Meant for the short time in which models load: other threads' lines come late as well.
    """
    sys.stderr.flush()
    original = os.dup(STDERR)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), STDERR)
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(original, STDERR)
            held.seek(0)
            with os.fdopen(original, 'wb') as stderr:
                stderr.writelines(without_chatter(held.readlines()))


def without_chatter(lines: list[bytes]) -> list[bytes]:
    """Return the lines that hold none of `CHATTER`."""
    return [line for line in lines if not any(known in line for known in CHATTER)]
