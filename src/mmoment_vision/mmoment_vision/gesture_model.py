"""Coefficients of the gesture model, written by `gesture_training.py`; do not edit by hand.

1196 recorded hands in 405 near-duplicate groups, 5 folds:
accuracy 0.971, expected calibration error 0.023.
Thumb, peace and none rest on made-up hands alone.
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
TEMPERATURE = 1.015
# What speaks for each shape before anything is seen.
BIAS = (-0.594, -1.303, 1.811, -3.907, -2.855, 0.204, 6.644)
COEFFICIENTS = {
    'index_straightness': Coefficients(
        0.7659,
        0.2840,
        (-0.210, -0.592, 1.681, 1.075, -1.167, -0.460, -0.328),
        (0.646, -0.163, 0.555, -0.143, -0.299, -0.583, -0.014),
    ),
    'middle_straightness': Coefficients(
        0.7400,
        0.2972,
        (-0.371, -0.769, 0.167, 1.378, -0.576, 0.202, -0.032),
        (1.094, -0.153, -0.060, -0.537, -0.324, 0.283, -0.303),
    ),
    'ring_straightness': Coefficients(
        0.7138,
        0.2923,
        (0.379, 0.430, 0.122, -0.915, -0.506, 0.365, 0.125),
        (0.483, 0.191, -0.248, -0.201, -0.219, 0.153, -0.160),
    ),
    'pinky_straightness': Coefficients(
        0.7086,
        0.2903,
        (0.813, 0.247, -0.200, -0.507, -0.429, 0.053, 0.022),
        (0.060, 0.273, -0.032, -0.069, -0.043, -0.116, -0.074),
    ),
    'index_reach': Coefficients(
        0.0979,
        0.3745,
        (2.077, -0.527, 1.074, 0.963, -1.057, -1.423, -1.108),
        (-0.433, -0.046, 0.995, -0.011, -0.182, -0.044, -0.280),
    ),
    'middle_reach': Coefficients(
        0.0505,
        0.4342,
        (1.673, -0.528, -1.942, 1.307, -0.549, 0.496, -0.457),
        (-0.425, 0.145, -0.662, 0.072, 0.285, 0.311, 0.274),
    ),
    'ring_reach': Coefficients(
        -0.0127,
        0.4184,
        (2.024, -0.425, -0.640, -1.654, -0.498, 0.500, 0.693),
        (0.150, -0.123, -0.342, -0.441, 0.043, 0.207, 0.506),
    ),
    'pinky_reach': Coefficients(
        -0.0167,
        0.3255,
        (3.013, -1.820, -0.926, -1.418, -0.807, 1.228, 0.731),
        (-0.210, -0.729, 0.096, -0.476, -0.190, 0.902, 0.607),
    ),
    'index_direction': Coefficients(
        0.3159,
        0.7882,
        (-0.527, 0.535, 0.304, 0.465, -0.712, -0.166, 0.101),
        (-0.595, 0.797, -1.029, -0.157, 0.517, -0.319, 0.785),
    ),
    'middle_direction': Coefficients(
        0.1524,
        0.8582,
        (0.479, -0.750, -0.747, 1.158, -0.572, 0.201, 0.231),
        (-0.203, -0.371, 0.372, -0.542, 0.206, 0.598, -0.059),
    ),
    'ring_direction': Coefficients(
        0.0148,
        0.8590,
        (0.429, -0.847, 0.113, -1.525, 0.154, 0.938, 0.739),
        (-0.036, -0.732, 0.414, 0.322, 0.291, 0.399, -0.658),
    ),
    'pinky_direction': Coefficients(
        0.0003,
        0.8191,
        (0.509, -0.306, -0.406, -0.986, -0.098, 0.625, 0.662),
        (-1.179, 0.200, 0.718, 0.189, -0.226, 0.076, 0.221),
    ),
    'thumb_straightness': Coefficients(
        0.8864,
        0.1500,
        (0.985, -0.805, -0.088, -0.594, 0.861, 1.034, -1.393),
        (0.331, -0.084, 0.029, -0.114, 0.007, -0.037, -0.132),
    ),
    'thumb_reach': Coefficients(
        0.4031,
        0.2259,
        (-0.037, 0.368, -0.747, -0.546, 0.329, -0.204, 0.836),
        (0.050, -0.413, -0.312, -0.033, 0.135, 0.469, 0.103),
    ),
    'thumb_direction': Coefficients(
        0.7055,
        0.3499,
        (-0.039, 0.376, -0.334, 0.226, -1.177, 0.496, 0.451),
        (-0.140, 0.002, 0.029, 0.086, -0.165, 0.157, 0.030),
    ),
    'thumb_to_index_knuckle': Coefficients(
        0.5330,
        0.2688,
        (-1.600, 0.649, 1.136, 0.405, -0.123, -0.235, -0.230),
        (-0.018, -0.106, 0.254, -0.093, -0.244, 0.245, -0.037),
    ),
    'thumb_to_pinky_knuckle': Coefficients(
        0.9371,
        0.4099,
        (0.315, -0.182, -0.352, -0.395, 1.763, -0.522, -0.627),
        (0.426, -0.521, -0.026, -0.293, 0.169, 0.008, 0.237),
    ),
    'thumb_to_index_tip': Coefficients(
        0.6450,
        0.4056,
        (-0.895, -0.418, 0.032, 0.466, 1.573, -2.028, 1.271),
        (0.010, -0.010, -0.471, 0.132, 0.395, -0.103, 0.047),
    ),
    'thumb_to_middle_joint': Coefficients(
        0.6474,
        0.3861,
        (1.623, -2.066, -0.948, -0.634, 0.498, 1.360, 0.167),
        (-0.042, 0.065, -0.173, -0.265, -0.259, 0.823, -0.148),
    ),
    'index_middle_gap': Coefficients(
        0.6041,
        0.3958,
        (-0.190, -2.802, 0.778, 0.797, -0.936, 1.129, 1.224),
        (0.078, -1.086, 0.725, -0.378, 0.521, -0.405, 0.545),
    ),
    'pinch_opening': Coefficients(
        0.8273,
        0.5398,
        (2.163, -0.231, 0.122, 0.764, -0.406, -2.196, -0.216),
        (-0.167, -0.486, -0.015, 0.013, 0.120, 0.420, 0.115),
    ),
    'palm_aspect': Coefficients(
        0.6597,
        0.1309,
        (0.496, 0.813, 0.449, 0.207, -1.608, -0.228, -0.128),
        (-0.063, 0.268, 0.170, 0.023, 0.005, -0.190, -0.212),
    ),
}
