"""How the camera is on the chain, by what `chain_node` says of it once a second."""

from __future__ import annotations

from collections.abc import Callable

from mmoment_api.chain_control import ChainStatus

SILENT_AFTER_S = 3.0


class ChainKnown:
    """The latest that was heard, by the clock given (seconds, monotonic).

    It is replaced as a whole, so that readers of other threads need no lock.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._heard: tuple[float, ChainStatus] | None = None

    def hear(self, status: ChainStatus) -> None:
        """Take what the part says of itself."""
        self._heard = (self._clock(), status)

    def now(self) -> ChainStatus | None:
        """The status; None: nothing was heard lately."""
        heard = self._heard
        return heard[1] if heard is not None and self._is_fresh(heard[0]) else None

    def last(self) -> ChainStatus | None:
        """What was heard last, however long ago: addresses stay what they are. None: nothing."""
        return self._heard[1] if self._heard is not None else None

    @property
    def camera_address(self) -> str | None:
        """Of the camera's account, whether or not it is there; None: not known yet."""
        last = self.last()
        return last.camera_address or None if last is not None else None

    @property
    def device(self) -> str | None:
        """The device's public key, base58; None: not known yet."""
        last = self.last()
        return last.device or None if last is not None else None

    def has_gone_silent(self) -> bool:
        """Whether it was heard once, and has said nothing for long."""
        return self._heard is not None and not self._is_fresh(self._heard[0])

    def _is_fresh(self, heard_s: float) -> bool:
        return self._clock() - heard_s <= SILENT_AFTER_S
