"""What the encoder is and how it does, counted by one thread and told to others."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass, replace

from mmoment_node.rates import WINDOW_S, RateMeter
from mmoment_stream.encoder_backends import EncoderSettings
from mmoment_stream.encoder_choice import Choice


@dataclass(frozen=True, slots=True)
class EncoderReport:
    """The present state. Rates and times are of the last seconds."""

    encoder: str = ''  # empty before the first use
    reason: str = ''
    is_hardware: bool = False
    is_substitute: bool = False  # for one that was asked for, or that failed while encoding
    width: int = 0  # pixels
    height: int = 0  # pixels
    target_kbps: float = 0.0
    fps: float = 0.0  # packets per second
    kbps: float = 0.0
    encode_ms: float = 0.0  # mean time per picture
    packets: int = 0
    lost: int = 0  # pictures that were to be encoded, and were not
    fallbacks: int = 0
    last_error: str = ''


class EncoderFigures:
    """Counts. Thread-safe; times are of any clock that only goes forward, in seconds."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known = EncoderReport()
        self._rate = RateMeter()
        self._window: deque[tuple[float, int, float]] = deque()

    def chosen(self, choice: Choice, settings: EncoderSettings) -> None:
        """An encoder was opened."""
        with self._lock:
            self._known = replace(
                self._known,
                encoder=choice.backend.name,
                reason=choice.reason,
                is_hardware=choice.backend.is_hardware,
                is_substitute=choice.is_substitute,
                width=settings.width,
                height=settings.height,
                target_kbps=settings.bitrate_kbps,
            )

    def aims_at(self, kbps: float) -> None:
        """The bitrate asked for is another one now."""
        with self._lock:
            self._known = replace(self._known, target_kbps=kbps)

    def failed(self, error: str) -> None:
        """An encoder failed while encoding, and another takes over."""
        with self._lock:
            fallbacks = self._known.fallbacks + 1
            self._known = replace(self._known, fallbacks=fallbacks, last_error=error)

    def lost(self, error: str = '') -> None:
        """A picture was not encoded, because of this error if one is given."""
        with self._lock:
            error = error or self._known.last_error
            self._known = replace(self._known, lost=self._known.lost + 1, last_error=error)

    def encoded(self, packets: int, size_bytes: int, took_s: float, now_s: float) -> None:
        """A picture went in, and so many packets came out."""
        with self._lock:
            for _ in range(packets):
                self._rate.tick(now_s)
            self._window.append((now_s, size_bytes, took_s))
            self._forget(now_s)
            self._known = replace(self._known, packets=self._known.packets + packets)

    def report(self, now_s: float) -> EncoderReport:
        """The state at this moment."""
        with self._lock:
            self._forget(now_s)
            pictures = max(1, len(self._window))
            fps = self._rate.hz(now_s)
            mean_bytes = sum(size for _, size, _ in self._window) / pictures
            mean_s = sum(took_s for _, _, took_s in self._window) / pictures
            return replace(
                self._known, fps=fps, kbps=fps * mean_bytes * 8e-3, encode_ms=mean_s * 1e3
            )

    def _forget(self, now_s: float) -> None:
        while self._window and now_s - self._window[0][0] > WINDOW_S:
            self._window.popleft()
