"""A clock that stands still until a test moves it."""

# 2026-01-01T00:00:00Z
START_MS = 1_767_225_600_000


class FakeClock:
    def __init__(self, utc_ms=START_MS, elapsed_s=1000.0):
        self._utc_ms = utc_ms
        self._elapsed_s = elapsed_s

    def utc_ms(self):
        return self._utc_ms

    def elapsed_s(self):
        return self._elapsed_s

    def advance(self, seconds):
        """Let time go by."""
        self._utc_ms += round(seconds * 1000)
        self._elapsed_s += seconds

    def set_wall(self, utc_ms):
        """Set the wall clock, as a person or a time server does; no time goes by."""
        self._utc_ms = utc_ms
