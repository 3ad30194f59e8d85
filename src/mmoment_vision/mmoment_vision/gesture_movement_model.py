"""Coefficients of the movement model, by `gesture_movement_training.py`; not to be edited.

From 8099 candidates in made-up movements and 14 in 7.8 s
of clips. Of unseen made-up candidates:
swipes: 0.965 of 1466 judged rightly, expected calibration error 0.022;
waves: 0.993 of 1719 judged rightly, expected calibration error 0.019.
"""

from __future__ import annotations

# What each measure adds to the logarithm of the odds that a swipe is meant.
SWIPE = {
    'travel': 0.5570,
    'speed': 1.1504,
    'straightness': 27.3785,
    'axis': 44.1711,
    'openness': 0.8428,
    'open_palm': 0.5370,
    'before': -11.7234,
    'after': -12.7138,
    'palm_change': -12.4702,
    'bias': -70.3207,
}
# The same for a wave.
WAVE = {
    'amplitude': -2.9490,
    'half_period': -0.7330,
    'even_time': -0.0480,
    'across': 26.1459,
    'drift': 2.0477,
    'openness': 3.1911,
    'open_palm': -0.3967,
    'bias': -19.3896,
}
