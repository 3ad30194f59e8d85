"""Clocks count in nanoseconds: the constants for it."""

SECOND_NS = 1_000_000_000
MILLISECOND_NS = 1_000_000
