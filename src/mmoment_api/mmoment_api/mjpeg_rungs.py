"""The sizes and rates a live view comes in.

There are few of them on purpose: each size costs one JPEG encode per picture, whoever looks.
"""

from __future__ import annotations

from dataclasses import dataclass

from mmoment_node.picture_rate import PictureRate

WIDTHS_PX = (320, 480, 640, 960, 1280, 1920)
RATES_FPS = (1, 2, 5, 10, 15, 20, 30)
NATIVE_PX = 0
EVERY_PICTURE = 0
NS_PER_S = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Rung:
    """What one viewer gets.

    annotated: with what the overlay draws. width_px: NATIVE_PX for the camera's own width.
    rate_fps: EVERY_PICTURE for no limit.
    """

    annotated: bool = True
    width_px: int = NATIVE_PX
    rate_fps: int = EVERY_PICTURE


def snap(annotated: bool, width_px: float | None, rate_fps: float | None) -> Rung:
    """The rung for these wishes: never more than asked for, except below the lowest rung."""
    return Rung(
        annotated,
        NATIVE_PX if not width_px or width_px < 0 else _snap(width_px, WIDTHS_PX),
        EVERY_PICTURE if not rate_fps or rate_fps < 0 else _snap(rate_fps, RATES_FPS),
    )


def _snap(wish: float, rungs: tuple[int, ...]) -> int:
    return max((rung for rung in rungs if rung <= wish), default=rungs[0])


class Pace:
    """Picks pictures by their capture time so that `rate_fps` of them are left per second."""

    def __init__(self, rate_fps: int) -> None:
        self._rate = None if rate_fps == EVERY_PICTURE else PictureRate(rate_fps)

    def is_due(self, monotonic_ns: int) -> bool:
        """Whether the picture captured at that time is one of them; ask once per picture."""
        return self._rate is None or self._rate.takes(monotonic_ns / NS_PER_S)
