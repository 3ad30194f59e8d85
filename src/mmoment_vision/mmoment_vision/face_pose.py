"""How a head is turned, estimated from the five points of its face.

Points are those of the detector: person's right eye, left eye, nose, right and left mouth corner,
in pixels. The estimate fits a face of average proportions, seen from afar (weak perspective), to
the points by least squares. Eyes and mouth corners lie nearly in one plane, so the turn is told by
where the nose stands against them, and not by how the rest is foreshortened. A person whose
nose, mouth or chin is not average gets an offset of up to about 10 degrees, in pitch more than in
yaw; `nose_shift` compares a person with themself and has no such offset.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float32]
Array = NDArray[np.float64]

# An adult face in distances between the eyes (about 63 mm): x to the person's left, y down, z away
# from the camera. Proportions of average adult faces, at rest.
NOSE_DEPTH = 0.45
FACE = np.array(
    [[-0.5, 0.0, 0.0], [0.5, 0.0, 0.0], [0.0, 0.57, -NOSE_DEPTH], [-0.41, 1.06, 0.0],
     [0.41, 1.06, 0.0]]
)  # fmt: skip
FLAT = [0, 1, 3, 4]  # rows of the points that lie in one plane
NOSE = 2
_FITTING = np.linalg.pinv(FACE - FACE.mean(axis=0))


@dataclass(frozen=True, slots=True)
class HeadPose:
    """Turn of a head against the line to the camera, degrees.

    `yaw`: positive when the person turns to their left. `pitch`: positive when they look up.
    `roll`: positive when they lean the head to their left shoulder.
    """

    yaw: float
    pitch: float
    roll: float


def has_landmarks(landmarks: Points) -> bool:
    """Whether the detector gave points (it leaves zeros if it has none) that span a face."""
    eyes = landmarks[1] - landmarks[0]
    return bool(np.isfinite(landmarks).all() and landmarks.any() and np.hypot(*eyes) >= 1.0)


def eye_distance(landmarks: Points) -> float:
    """Distance between the eyes, pixels."""
    return float(np.hypot(*(landmarks[1].astype(np.float64) - landmarks[0])))


def head_pose(landmarks: Points) -> HeadPose:
    """Pose of a head from its points (5, 2).

    Raises ValueError if the points span no face.
    """
    if not has_landmarks(landmarks):
        raise ValueError('five points of a face are needed: the detector gave none')
    points = landmarks.astype(np.float64)
    projection = (_FITTING @ (points - points.mean(axis=0))).T
    left, _, right = np.linalg.svd(projection, full_matrices=False)
    first, second = left @ right  # the nearest rotation, scale removed
    facing = -np.cross(first, second)
    roll = np.arctan2(second[0], first[0])
    # Columns of the rotation, turned back in the picture by the roll.
    upright_x = np.cos(roll) * -first[2] + np.sin(roll) * -second[2]
    upright_y = -np.sin(roll) * -first[2] + np.cos(roll) * -second[2]
    return HeadPose(
        yaw=float(np.degrees(np.arctan2(upright_x, -facing[2]))),
        pitch=float(np.degrees(np.arcsin(np.clip(-upright_y, -1.0, 1.0)))),
        roll=float(np.degrees(roll)),
    )


def upright(landmarks: Points) -> Array:
    """Return the points (5, 2) with the middle of the eyes at 0, 0 and the left eye at 0.5, 0.

    Takes out where in the picture the face is, its size, and its roll.
    """
    points = landmarks.astype(np.float64)
    right_eye, left_eye = points[0], points[1]
    across = left_eye - right_eye
    down = np.array([-across[1], across[0]])
    return np.asarray((points - (right_eye + left_eye) / 2) @ np.stack([across, down], 1)) / (
        across @ across
    )


def nose_shift(reference: Array, landmarks: Points) -> Array:
    """How far the nose has moved against the plane of eyes and mouth, in distances of the eyes.

    `reference` (5, 2): the same face as `upright` gives it, best the mean over some pictures.
    Returns (2,): x to the person's left, y down.

    Eyes and mouth corners are brought onto those of the reference by an affine map, and the nose
    along with them. A flat picture of a face moved, turned, tilted or stretched in any way comes
    out near 0, since all five points lie in one plane: in simulation below 0.04 at a tilt of 60
    degrees seen from 30 cm, where perspective is strong. The nose of a real head stands out: its
    shift is the depth of the nose times the tangent of the turn.
    """
    points = landmarks.astype(np.float64)
    plane = np.column_stack([points[FLAT], np.ones(len(FLAT))])
    onto_reference = np.linalg.lstsq(plane, reference[FLAT], rcond=None)[0]
    moved = np.append(points[NOSE], 1.0) @ onto_reference
    return np.asarray(moved - reference[NOSE])


def turn_degrees(shift: Array) -> tuple[float, float]:
    """Turn that shows as the nose shift (2,): degrees to the person's left, and upwards."""
    to_left, down = np.degrees(np.arctan2(shift, NOSE_DEPTH))
    return float(to_left), float(-down)
