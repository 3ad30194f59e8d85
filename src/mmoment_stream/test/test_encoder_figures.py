"""Counts and rates, with times of the test's own."""

import pytest
from encoder_world import FakeUnits, settings

from mmoment_stream.encoder_choice import Choice
from mmoment_stream.encoder_figures import EncoderFigures


def test_what_was_chosen_is_told():
    figures = EncoderFigures()
    assert figures.report(0.0).encoder == ''
    figures.chosen(Choice(FakeUnits(), 'because', True), settings(bitrate_kbps=700))
    report = figures.report(1.0)
    assert (report.encoder, report.reason) == ('fake_units', 'because')
    assert (report.is_hardware, report.is_substitute) == (True, True)
    assert (report.width, report.height, report.target_kbps) == (320, 180, 700)
    figures.aims_at(900)
    assert figures.report(1.0).target_kbps == 900


def test_rates_are_of_the_last_seconds_and_counts_of_all_time():
    figures = EncoderFigures()
    for number in range(300):
        figures.encoded(1, 5000, 0.004, number / 30)
    report = figures.report(10.0)
    assert report.fps == pytest.approx(30.0, rel=0.02)
    assert report.kbps == pytest.approx(1200, rel=0.02)
    assert report.encode_ms == pytest.approx(4.0)
    assert report.packets == 300
    report = figures.report(60.0)
    assert (report.fps, report.kbps, report.packets) == (0.0, 0.0, 300)


def test_losses_and_faults_are_counted_and_the_last_fault_is_kept():
    figures = EncoderFigures()
    figures.lost()
    assert figures.report(0.0).last_error == ''
    figures.failed('it broke')
    figures.lost()
    report = figures.report(0.0)
    assert (report.lost, report.fallbacks, report.last_error) == (2, 1, 'it broke')
    figures.failed('it broke again')
    assert figures.report(0.0).fallbacks == 2
    figures.lost('worse')
    assert figures.report(0.0).last_error == 'worse'
