"""Keeps the overlay's switches as they were last asked for, also when its process is another one.

Privacy must not end because a process did: while strangers are to be hidden, pictures of a writer
are only shown once the overlay has said, after the first of them, that it hides strangers.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable

from mmoment_api.errors import ApiError

HIDES_STRANGERS = 'blur_strangers'
LOOK_PERIOD_S = 1.0
# The next look while pictures are held back for it; a picture that was begun before a switch was
# set is out by then.
HURRY_S = 0.2
HELD_BACK = 'strangers are to be blurred, and overlay_node has not said yet that it does'

Switches = dict[str, bool]

_logger = logging.getLogger(__name__)


class LayerKeeper:
    """The switches that were asked for, and the writers of pictures that are known to heed them.

    read, write: of the overlay's switches; both raise `ApiError` if it does not answer. `trusts`
    is for the threads of the live view, everything else belongs to the event loop's thread.

    Until something is asked for, strangers are kept hidden if the overlay hides them at the first
    look, as configured or as asked for before this process began.
    """

    def __init__(
        self,
        read: Callable[[], Awaitable[Switches]],
        write: Callable[[Switches], Awaitable[None]],
    ) -> None:
        self._read = read
        self._write = write
        self._wishes: Switches = {}
        self._has_looked = False
        # Replaced as a whole, so that they need no lock; a writer that two threads note at once
        # and that is lost to that is noted again with its next picture.
        self._seen: frozenset[int] = frozenset()
        self._trusted: frozenset[int] = frozenset()
        self._holds_back = False

    @property
    def hides_strangers(self) -> bool:
        """Whether strangers are to be hidden."""
        return self._wishes.get(HIDES_STRANGERS, False)

    @property
    def why_held_back(self) -> str:
        """Why pictures are held back, as a sentence; empty: they are not."""
        return HELD_BACK if self._holds_back and self.hides_strangers else ''

    def trusts(self, writer: int) -> bool:
        """Whether pictures of this writer, which has written one, can be shown."""
        if writer in self._trusted:
            return True
        self._seen = self._seen | {writer}
        self._holds_back = True
        return False

    async def set(self, switches: Switches) -> None:
        """Set some switches, and keep them so; raises `ApiError`."""
        await self._write(switches)
        self._wishes = {**self._wishes, **switches}
        if HIDES_STRANGERS in switches:
            self._trusted = frozenset()

    async def keep(self) -> None:
        """Look after the switches until cancelled."""
        while True:
            # First: an overlay that is just being discovered cannot answer yet, and says so loudly.
            await self._pause()
            if self._wishes or not self._has_looked:
                try:
                    with contextlib.suppress(ApiError):
                        await self.look()
                except Exception:
                    # What is not trusted yet stays hidden; what was asked for is tried again.
                    _logger.exception("The overlay's switches could not be looked after")

    async def look(self) -> None:
        """Set again what is not as it was asked for; raises `ApiError`."""
        seen = self._seen
        switches = await self._read()
        if not self._has_looked and switches.get(HIDES_STRANGERS):
            self._wishes = {HIDES_STRANGERS: True, **self._wishes}
        self._has_looked = True
        wrong = {name: wish for name, wish in self._wishes.items() if switches.get(name) != wish}
        if wrong:
            if HIDES_STRANGERS in wrong:
                self._trusted = frozenset()
            # The next look trusts: a picture that was begun before may still be on its way.
            await self._write(wrong)
        else:
            self._trusted = seen
            self._holds_back = False

    async def _pause(self) -> None:
        waited_s = 0.0
        while waited_s < LOOK_PERIOD_S:
            await asyncio.sleep(HURRY_S)
            waited_s += HURRY_S
            if self._holds_back and self.hides_strangers:
                return
