"""How the push to the outside is, by what `stream_node` says of it once a second."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from mmoment_api.stream_control import StreamStatus

SILENT_AFTER_S = 3.0


@dataclass(frozen=True, slots=True)
class ProviderNews:
    """What a provider has told of by itself, such as stream.started; ms since 1970."""

    event: str
    at_ms: int


class PushedStream:
    """The latest that was heard, by the clock given (seconds, monotonic).

    Everything is replaced as a whole, so that readers of other threads need no lock.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._heard: tuple[float, StreamStatus] | None = None
        self._encoders: dict[str, tuple[float, str]] = {}
        self.news: ProviderNews | None = None

    def hear(self, status: StreamStatus) -> None:
        """Take what the part says of itself."""
        self._heard = (self._clock(), status)

    def hear_encoder(self, channel: str, encoder: str) -> None:
        """Take which encoder makes the packets of a channel; empty: none yet."""
        self._encoders = {**self._encoders, channel: (self._clock(), encoder)}

    def hear_news(self, news: ProviderNews) -> None:
        """Take what a provider has told of."""
        self.news = news

    def now(self) -> StreamStatus | None:
        """The status; None: nothing was heard lately."""
        heard = self._heard
        return heard[1] if heard is not None and self._is_fresh(heard[0]) else None

    def encoder(self) -> str:
        """What makes the packets that are pushed; empty: not known."""
        status = self.now()
        heard_s, encoder = self._encoders.get(status.channel if status else '', (0.0, ''))
        return encoder if encoder and self._is_fresh(heard_s) else ''

    def has_gone_silent(self) -> bool:
        """Whether it was heard once, and has said nothing for long."""
        return self._heard is not None and not self._is_fresh(self._heard[0])

    def _is_fresh(self, heard_s: float) -> bool:
        return self._clock() - heard_s <= SILENT_AFTER_S
