"""Coefficients of the gesture model, written by `gesture_training.py`; do not edit by hand.

1196 recorded hands in 388 near-duplicate groups, 5 folds:
accuracy 0.974, expected calibration error 0.043.
No hand was recorded for thumb, peace, call_me and none: they rest on made-up
hands and on fingers of recorded hands put together anew; of such hands, unseen,
0.799 of peace, 0.950 of thumb, 0.831 of call_me, 0.751 of none are named rightly.
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


SHAPES = ('open_palm', 'fist', 'point', 'peace', 'thumb', 'ok', 'call_me', 'none')
# Divides the scores: found on hands the model had not seen.
TEMPERATURE = 0.886
# What speaks for each shape before anything is seen.
BIAS = (-0.780, -0.776, 0.379, -1.082, -1.136, -0.543, -1.842, 5.780)
COEFFICIENTS = {
    'index_straightness': Coefficients(
        0.7457,
        0.2935,
        (0.439, -0.661, 1.115, 1.052, -0.618, -0.509, -0.401, -0.418),
        (0.531, -0.106, 0.297, -0.001, 0.047, -0.489, -0.150, -0.129),
    ),
    'middle_straightness': Coefficients(
        0.7301,
        0.3021,
        (0.203, -0.795, 0.091, 0.734, -0.279, 0.313, -0.216, -0.051),
        (0.669, -0.268, 0.028, 0.072, -0.336, 0.153, -0.243, -0.074),
    ),
    'ring_straightness': Coefficients(
        0.7012,
        0.2942,
        (0.450, 0.242, 0.054, -0.351, -0.394, 0.396, -0.370, -0.027),
        (0.182, 0.209, -0.009, -0.191, -0.140, 0.046, 0.006, -0.103),
    ),
    'pinky_straightness': Coefficients(
        0.7258,
        0.2885,
        (0.684, -0.155, -0.519, -0.407, -0.453, 0.072, 0.804, -0.026),
        (0.014, 0.170, -0.261, -0.085, 0.156, -0.093, 0.137, -0.038),
    ),
    'index_reach': Coefficients(
        0.0709,
        0.3771,
        (1.284, -0.312, 0.946, 0.918, -0.659, -0.828, -0.758, -0.593),
        (-0.314, -0.241, 0.735, 0.187, -0.020, -0.147, 0.080, -0.279),
    ),
    'middle_reach': Coefficients(
        0.0437,
        0.4396,
        (0.703, -0.550, -1.192, 1.046, -0.343, 0.466, -0.459, 0.328),
        (-0.205, -0.116, -0.444, 0.254, -0.006, 0.316, 0.025, 0.175),
    ),
    'ring_reach': Coefficients(
        -0.0304,
        0.4159,
        (1.192, -0.057, -0.324, -1.345, -0.317, 0.692, -0.464, 0.623),
        (0.262, -0.012, -0.323, -0.386, -0.225, 0.193, 0.003, 0.489),
    ),
    'pinky_reach': Coefficients(
        0.0088,
        0.3289,
        (2.240, -1.656, -1.430, -0.718, -0.997, 0.783, 1.301, 0.477),
        (0.005, -0.630, -0.401, -0.001, -0.026, 0.498, 0.135, 0.419),
    ),
    'index_direction': Coefficients(
        0.2574,
        0.8048,
        (0.045, 0.012, 0.488, 0.482, -0.366, -0.120, -0.485, -0.056),
        (-0.195, 0.476, -0.640, -0.179, 0.307, -0.413, 0.166, 0.479),
    ),
    'middle_direction': Coefficients(
        0.1272,
        0.8621,
        (0.380, -0.451, -0.812, 1.193, -0.570, 0.418, -0.349, 0.192),
        (-0.202, -0.042, 0.130, -0.102, -0.043, 0.427, -0.131, -0.037),
    ),
    'ring_direction': Coefficients(
        -0.0314,
        0.8538,
        (0.184, -0.356, -0.011, -0.882, 0.095, 0.892, -0.310, 0.388),
        (-0.036, -0.342, 0.290, 0.152, -0.225, 0.497, -0.308, -0.029),
    ),
    'pinky_direction': Coefficients(
        0.0498,
        0.8159,
        (0.829, -0.889, -0.782, -0.343, -0.483, 0.423, 1.044, 0.201),
        (-0.805, -0.101, 0.386, 0.313, 0.030, 0.255, -0.094, 0.016),
    ),
    'thumb_straightness': Coefficients(
        0.8914,
        0.1501,
        (0.451, -0.440, -0.239, -0.394, 0.565, 0.699, 0.300, -0.943),
        (0.204, -0.039, -0.023, -0.035, 0.035, -0.056, 0.028, -0.114),
    ),
    'thumb_reach': Coefficients(
        0.4121,
        0.2289,
        (-0.039, 0.051, -0.432, -0.515, 0.265, -0.135, 0.296, 0.507),
        (-0.013, -0.215, -0.099, -0.027, -0.080, 0.366, -0.027, 0.095),
    ),
    'thumb_direction': Coefficients(
        0.6800,
        0.3707,
        (0.342, 0.506, -0.324, -0.369, -0.698, 0.545, -0.397, 0.395),
        (0.007, 0.056, 0.020, 0.006, -0.172, 0.203, -0.182, 0.062),
    ),
    'thumb_to_index_knuckle': Coefficients(
        0.5624,
        0.2849,
        (-1.051, -0.029, 0.585, 0.055, 0.356, -0.012, 0.486, -0.391),
        (0.013, -0.103, 0.178, -0.069, 0.020, 0.031, 0.003, -0.073),
    ),
    'thumb_to_pinky_knuckle': Coefficients(
        0.9850,
        0.4283,
        (0.336, 0.002, -0.252, -0.607, 0.623, -0.217, 0.633, -0.518),
        (0.153, -0.323, 0.094, -0.093, 0.043, -0.104, 0.118, 0.112),
    ),
    'thumb_to_index_tip': Coefficients(
        0.6680,
        0.4034,
        (0.118, -0.471, 0.066, 0.207, 0.439, -1.471, 0.461, 0.651),
        (-0.018, 0.002, -0.313, -0.291, 0.073, 0.452, -0.021, 0.117),
    ),
    'thumb_to_middle_joint': Coefficients(
        0.6967,
        0.4074,
        (0.906, -1.634, -1.157, 0.206, 0.445, 0.496, 0.894, -0.157),
        (-0.137, 0.315, -0.102, 0.012, -0.019, 0.266, -0.290, -0.046),
    ),
    'index_middle_gap': Coefficients(
        0.5984,
        0.4078,
        (-0.640, -1.416, 0.815, 0.472, -0.665, 1.035, -0.451, 0.849),
        (-0.480, -0.384, 0.411, 0.339, 0.205, -0.431, -0.053, 0.394),
    ),
    'pinch_opening': Coefficients(
        0.8717,
        0.5624,
        (0.723, -0.450, -0.122, 0.139, 0.466, -1.417, 0.566, 0.095),
        (-0.013, -0.288, 0.052, 0.055, -0.073, 0.295, -0.035, 0.007),
    ),
    'palm_aspect': Coefficients(
        0.6661,
        0.1299,
        (0.322, 0.606, 0.399, -0.003, -0.486, -0.336, -0.586, 0.084),
        (-0.057, 0.074, 0.080, -0.028, 0.100, -0.147, 0.092, -0.115),
    ),
}
