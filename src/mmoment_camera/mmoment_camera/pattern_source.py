"""The `pattern` source: numbered pictures at a steady rate."""

from __future__ import annotations

from mmoment_camera.pacing import NumberedPacer
from mmoment_camera.pattern import PatternPainter
from mmoment_camera.source import Picture, PictureSource, SourceSettings


class PatternSource(PictureSource):
    """Pictures whose number and capture time can be read back with mmoment_camera.pattern."""

    kind = 'pattern'

    def __init__(self, settings: SourceSettings) -> None:
        """Remember size and rate."""
        super().__init__('pattern', settings)
        self.pixel_format = 'BGR'
        self._painter: PatternPainter | None = None
        self._pacer = NumberedPacer(settings.fps)

    def open(self) -> None:
        """Draw the still part."""
        self._painter = PatternPainter(self.settings.width_px, self.settings.height_px)

    def read(self) -> Picture:
        """The next numbered picture, when it is due."""
        assert self._painter is not None, 'read() before open()'
        number, due_ns, missed = self._pacer.wait()
        return Picture(self._painter.paint(number, due_ns), due_ns, skipped=missed)

    def close(self) -> None:
        """Nothing is held."""
