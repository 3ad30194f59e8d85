"""Sliding-window figures."""

import pytest

from mmoment_node.rates import LatencyWindow, RateMeter


def test_a_steady_rate_is_measured_exactly():
    meter = RateMeter(window_s=5.0)
    for i in range(100):
        meter.tick(i / 25)
    assert meter.hz(99 / 25) == pytest.approx(25.0)


def test_the_rate_falls_while_nothing_comes_and_ends_at_zero():
    meter = RateMeter(window_s=5.0)
    for i in range(50):
        meter.tick(i / 10)
    assert meter.hz(6.9) < 8
    assert meter.hz(20.0) == 0.0


def test_one_event_is_no_rate():
    meter = RateMeter()
    meter.tick(1.0)
    assert meter.hz(1.0) == 0.0


def test_quantiles_cover_only_the_newest_values():
    window = LatencyWindow(size=100)
    assert window.quantile(0.5) == 0.0
    for value in [1000.0] * 50 + list(range(100)):
        window.add(value)
    assert window.quantile(0.5) == 50
    assert window.quantile(0.99) == 99
    assert window.quantile(1.0) == 99
