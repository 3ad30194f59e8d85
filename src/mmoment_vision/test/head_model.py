"""A head and a flat picture of it, turned and projected: points whose turn is known."""

import numpy as np

# In distances between the eyes: x to the person's left, y down, z away from the camera.
HEAD = np.array(
    [[-0.5, 0, 0], [0.5, 0, 0], [0, 0.57, -0.45], [-0.41, 1.06, 0], [0.41, 1.06, 0]], float
)
FLAT_FACE = HEAD * [1, 1, 0]
EYES_PX = 30.0


def rotation(yaw, pitch, roll):
    """Nod by `pitch` (up), then turn by `yaw` (to the person's left), then lean by `roll`."""
    yaw, pitch, roll = np.radians([yaw, pitch, roll])
    lean = [[np.cos(roll), -np.sin(roll), 0], [np.sin(roll), np.cos(roll), 0], [0, 0, 1]]
    turn = [[np.cos(yaw), 0, -np.sin(yaw)], [0, 1, 0], [np.sin(yaw), 0, np.cos(yaw)]]
    nod = [[1, 0, 0], [0, np.cos(pitch), np.sin(pitch)], [0, -np.sin(pitch), np.cos(pitch)]]
    return np.array(lean) @ turn @ nod


def projected(shape, yaw, pitch, roll, distance=20.0):
    """Points (5, 2) in pixels of `shape` (5, 3) at `distance`, in distances between the eyes."""
    turned = shape @ rotation(yaw, pitch, roll).T
    depth = turned[:, 2:] + distance
    return (100 + turned[:, :2] / depth * distance * EYES_PX).astype(np.float32)
