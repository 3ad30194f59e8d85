"""Programs that end with whoever started them, also where that one is killed.

A program that waits for its hardware, or for a server, does not notice that its pipes are closed.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable

# Has the kernel end what it becomes together with the thread that started it. Of util-linux, so on
# every Debian; code of ours between fork and exec is not safe where there are other threads.
_GUARD = ('setpriv', '--pdeathsig', 'KILL', '--')
# An owner that was killed before the kernel knew of the wish is told by another parent: $0 is its id.
_UNLESS_ALONE = ('sh', '-c', '[ "$PPID" = "$0" ] && exec "$@"')


def guarded(words: Iterable[str]) -> list[str]:
    """The command `words`, to be started by this process, so that it lives no longer than this thread.

    Unchanged where `setpriv` is missing. What cannot be run then exits with 127, and says why on its
    standard error, in place of an `OSError`.
    """
    if shutil.which(_GUARD[0]) is None:
        return list(words)
    return [*_GUARD, *_UNLESS_ALONE, str(os.getpid()), *words]
