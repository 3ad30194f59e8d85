"""Coefficients of the movement model, by `gesture_movement_training.py`; not to be edited.

From 9539 candidates in made-up movements and 50 in 7.8 s
of clips. Of unseen made-up candidates:
swipes: 0.928 of 1910 judged rightly, expected calibration error 0.017;
waves: 0.961 of 1859 judged rightly, expected calibration error 0.016.
"""

from __future__ import annotations

# What each measure adds to the logarithm of the odds that a swipe is meant.
SWIPE = {
    'travel': 0.2287,
    'speed': 1.2712,
    'straightness': 21.2053,
    'axis': 37.5757,
    'openness': 5.0810,
    'before': -9.6579,
    'after': -9.0245,
    'palm_change': -8.8025,
    'bias': -62.4370,
}
# The same for a wave.
WAVE = {
    'amplitude': -2.1973,
    'half_period': -0.0644,
    'even_time': -0.2566,
    'across': 23.6893,
    'drift': 1.4592,
    'openness': 9.2010,
    'bias': -23.0618,
}
