"""Counts and rates, with times of the test's own."""

import pytest

from mmoment_stream.push_figures import FlowMeter, PushFigures


def test_counts_are_of_all_time_and_rates_of_the_last_seconds():
    figures = PushFigures()
    for number in range(300):
        figures.sent(5000, number / 30)
    figures.dropped(7)
    figures.reconnected()
    counts = figures.counts(10.0)
    assert (counts.bytes_sent, counts.packets_sent) == (1_500_000, 300)
    assert (counts.dropped, counts.reconnects) == (7, 1)
    assert counts.fps == pytest.approx(30, rel=0.02)
    assert counts.kbps == pytest.approx(1200, rel=0.02)
    counts = figures.counts(60.0)
    assert (counts.fps, counts.kbps, counts.packets_sent) == (0.0, 0.0, 300)


def test_a_silence_lowers_rates_before_the_window_is_empty():
    meter = FlowMeter()
    for number in range(61):
        meter.add(1000, number / 30)
    assert meter.rates(2.0)[0] == pytest.approx(30)
    assert meter.rates(4.0)[0] == pytest.approx(15)


def test_one_picture_makes_no_rate():
    meter = FlowMeter()
    meter.add(1000, 0.0)
    assert meter.rates(0.0) == (0.0, 0.0)
