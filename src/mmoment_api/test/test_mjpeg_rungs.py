import numpy as np
import pytest

from mmoment_api.mjpeg_rungs import EVERY_PICTURE, NATIVE_PX, RATES_FPS, Pace, snap

CAMERA_NS = 1_000_000_000 / 30


@pytest.mark.parametrize(
    ('wish', 'width_px'),
    [(None, NATIVE_PX), (0, NATIVE_PX), (-5, NATIVE_PX), (1, 320), (640, 640), (641, 640),
     (959.9, 640), (99999, 1920), (float('inf'), 1920), (float('nan'), 320)],
)  # fmt: skip
def test_widths(wish, width_px):
    assert snap(True, wish, None).width_px == width_px


@pytest.mark.parametrize(
    ('wish', 'rate_fps'), [(None, EVERY_PICTURE), (0, EVERY_PICTURE), (0.2, 1), (12, 10), (500, 30)]
)
def test_rates(wish, rate_fps):
    assert snap(False, None, wish).rate_fps == rate_fps


@pytest.mark.parametrize('phase', [i / 20 for i in range(21)])
@pytest.mark.parametrize('rate_fps', RATES_FPS)
def test_a_pace_leaves_the_rate_it_is_named_for(rate_fps, phase):
    pace = Pace(rate_fps)
    # A camera that trembles by a twentieth of a period, wherever in a second it began.
    tremble = np.random.default_rng(1).uniform(-0.05, 0.05, 300)
    times = [int((i + phase + tremble[i] + 1) * CAMERA_NS) for i in range(300)]
    taken = sum(pace.is_due(time_ns) for time_ns in times)
    assert taken == pytest.approx(10 * rate_fps, abs=1)


def test_no_pace_takes_every_picture():
    pace = Pace(EVERY_PICTURE)
    assert all(pace.is_due(1) for _ in range(5))
