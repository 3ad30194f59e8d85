"""Coefficients of the gesture model, written by `gesture_training.py`; do not edit by hand.

1196 recorded hands in 397 near-duplicate groups, 5 folds:
accuracy 0.977, expected calibration error 0.038.
No hand was recorded for thumb, peace and none: they rest on made-up hands
and on fingers of recorded hands put together anew; of such hands, unseen,
0.944 of peace, 0.941 of thumb, 0.810 of none are named rightly.
"""

from __future__ import annotations

from typing import NamedTuple


class Coefficients(NamedTuple):
    """What one feature says about each shape, in the order of `SHAPES`.

    The feature less `mean`, over `scale`, is multiplied by `linear`; its square less one by
    `squared`. A large positive number speaks for the shape.
    """

    mean: float
    scale: float
    linear: tuple[float, ...]
    squared: tuple[float, ...]


SHAPES = ('open_palm', 'fist', 'point', 'peace', 'thumb', 'ok', 'none')
# Divides the scores: found on hands the model had not seen.
TEMPERATURE = 1.068
# What speaks for each shape before anything is seen.
BIAS = (-1.689, -1.784, 1.092, -2.542, -1.829, -0.589, 7.341)
COEFFICIENTS = {
    'index_straightness': Coefficients(
        0.7651,
        0.2875,
        (0.013, -0.670, 1.439, 1.365, -0.731, -0.770, -0.647),
        (0.669, -0.174, 0.271, 0.324, -0.103, -0.760, -0.227),
    ),
    'middle_straightness': Coefficients(
        0.7477,
        0.2976,
        (0.066, -0.795, 0.216, 1.060, -0.687, 0.088, 0.052),
        (1.075, -0.195, -0.059, 0.054, -0.556, -0.177, -0.142),
    ),
    'ring_straightness': Coefficients(
        0.7147,
        0.2931,
        (0.118, 0.464, 0.080, -0.313, -0.404, 0.134, -0.080),
        (0.347, 0.349, 0.060, -0.181, -0.202, -0.192, -0.181),
    ),
    'pinky_straightness': Coefficients(
        0.7099,
        0.2916,
        (0.407, 0.293, -0.217, -0.548, -0.290, 0.141, 0.215),
        (-0.088, 0.191, -0.195, -0.219, 0.289, -0.021, 0.044),
    ),
    'index_reach': Coefficients(
        0.1009,
        0.3709,
        (2.396, -0.782, 0.983, 1.433, -1.274, -1.500, -1.256),
        (-0.590, -0.178, 1.007, 0.109, -0.206, 0.107, -0.250),
    ),
    'middle_reach': Coefficients(
        0.0715,
        0.4364,
        (0.866, -0.771, -1.847, 1.287, -0.700, 1.055, 0.109),
        (-0.066, -0.025, -0.588, 0.064, -0.068, 0.366, 0.316),
    ),
    'ring_reach': Coefficients(
        -0.0066,
        0.4184,
        (2.053, -0.124, -0.512, -2.237, -0.462, 0.633, 0.649),
        (0.025, -0.014, -0.449, -0.836, 0.261, 0.451, 0.562),
    ),
    'pinky_reach': Coefficients(
        -0.0141,
        0.3260,
        (3.872, -2.499, -1.590, -1.297, -0.961, 1.609, 0.865),
        (-0.006, -0.877, -0.225, -0.212, -0.207, 0.737, 0.790),
    ),
    'index_direction': Coefficients(
        0.3247,
        0.7829,
        (-0.887, 0.456, 0.364, 0.251, -0.324, -0.011, 0.152),
        (-0.521, 0.790, -0.917, -0.268, 0.297, -0.207, 0.826),
    ),
    'middle_direction': Coefficients(
        0.1813,
        0.8554,
        (0.695, -0.595, -0.966, 1.767, -0.954, -0.044, 0.096),
        (-0.101, -0.227, 0.354, -0.260, 0.046, 0.215, -0.027),
    ),
    'ring_direction': Coefficients(
        0.0173,
        0.8573,
        (0.197, -0.936, -0.097, -1.177, 0.202, 1.248, 0.563),
        (0.041, -0.519, 0.271, 0.331, -0.319, 0.603, -0.408),
    ),
    'pinky_direction': Coefficients(
        0.0015,
        0.8130,
        (0.883, -0.382, -0.645, -0.278, -0.093, 0.144, 0.371),
        (-1.332, 0.133, 0.629, 0.327, -0.025, 0.290, -0.022),
    ),
    'thumb_straightness': Coefficients(
        0.8877,
        0.1502,
        (1.069, -0.895, -0.374, -0.641, 0.898, 1.106, -1.163),
        (0.405, -0.153, -0.094, -0.128, 0.104, -0.001, -0.133),
    ),
    'thumb_reach': Coefficients(
        0.4024,
        0.2284,
        (-0.085, 0.179, -0.528, -0.844, 0.575, -0.021, 0.723),
        (0.050, -0.305, -0.122, -0.068, -0.139, 0.485, 0.100),
    ),
    'thumb_direction': Coefficients(
        0.6963,
        0.3682,
        (0.155, 0.652, -0.349, -0.287, -1.301, 0.636, 0.494),
        (-0.015, 0.040, 0.013, -0.006, -0.236, 0.185, 0.019),
    ),
    'thumb_to_index_knuckle': Coefficients(
        0.5400,
        0.2752,
        (-1.584, 0.463, 0.952, 0.533, 0.169, -0.243, -0.290),
        (-0.115, -0.085, 0.194, -0.098, 0.060, 0.073, -0.028),
    ),
    'thumb_to_pinky_knuckle': Coefficients(
        0.9534,
        0.4140,
        (0.357, 0.226, -0.095, -0.577, 1.181, -0.614, -0.480),
        (0.443, -0.393, 0.133, -0.097, 0.027, -0.300, 0.188),
    ),
    'thumb_to_index_tip': Coefficients(
        0.6540,
        0.4048,
        (-0.771, -0.006, 0.345, 0.285, 1.393, -2.356, 1.109),
        (0.062, -0.051, -0.424, -0.497, 0.462, 0.329, 0.118),
    ),
    'thumb_to_middle_joint': Coefficients(
        0.6633,
        0.3937,
        (1.429, -2.432, -1.176, 0.456, 0.180, 1.481, 0.063),
        (-0.211, 0.060, -0.142, 0.174, -0.325, 0.613, -0.169),
    ),
    'index_middle_gap': Coefficients(
        0.6181,
        0.4067,
        (-1.092, -2.544, 0.901, 0.981, -1.147, 1.366, 1.534),
        (-0.731, -1.123, 0.661, 0.520, 0.559, -0.459, 0.573),
    ),
    'pinch_opening': Coefficients(
        0.8370,
        0.5368,
        (1.963, -0.485, 0.034, 0.264, 0.130, -1.876, -0.029),
        (-0.122, -0.484, -0.011, 0.100, 0.076, 0.350, 0.090),
    ),
    'palm_aspect': Coefficients(
        0.6693,
        0.1271,
        (0.358, 0.687, 0.300, -0.071, -0.820, -0.376, -0.079),
        (-0.127, 0.242, 0.112, -0.011, 0.153, -0.202, -0.166),
    ),
}
