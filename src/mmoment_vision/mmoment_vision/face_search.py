"""Where to look for new faces.

The whole picture is searched seldom, and there only what has changed since the last search: a
face that was not there before changes the pixels it appears on. That saves nearly all work in an
empty room. Around the faces that are or were there the search is frequent, because in a crowd new
faces come out from behind others.
"""

import cv2
import numpy as np

from mmoment_vision.face_boxes import Boxes
from mmoment_vision.face_motion import FlowPicture

# Difference of grey values that counts as change: above the noise of a camera in poor light.
CHANGE_LEVELS = 12

# The changed part is searched with this margin (share of the picture's height): a face may reach
# beyond what moves of it.
MARGIN_SHARE = 0.08

# Everything is searched after so long, whatever changed: slow changes add up unseen.
FULL_SEARCH_S = 2.0


# Faces are expected this far around known ones, in sides of their boxes.
NEAR_SIDES = 0.75

# The frequent search takes this share of the picture at most; faces further apart take turns.
NEAR_SHARE = 0.3

# Regions grow to multiples of this: a network is laid out anew for every new size of its input.
REGION_STEP_PX = 64


def neighbourhood(boxes: Boxes, first: int, width: int, height: int) -> Boxes:
    """Region (4,) of a picture of that size around box number `first` and others near it."""
    sides = (boxes[:, 2:] - boxes[:, :2]).max(axis=1, keepdims=True) * NEAR_SIDES
    near = np.concatenate([boxes[:, :2] - sides, boxes[:, 2:] + sides], axis=1)
    near = np.concatenate(
        [
            np.floor(near[:, :2] / REGION_STEP_PX) * REGION_STEP_PX,
            np.ceil(near[:, 2:] / REGION_STEP_PX) * REGION_STEP_PX,
        ],
        axis=1,
    )
    near = np.clip(near, 0, np.array([width, height, width, height], np.float32))
    region = near[first]
    distance = np.abs(near - region).sum(axis=1)
    for row in np.argsort(distance, kind='stable')[1:]:
        upper_left = np.minimum(region[:2], near[row, :2])
        lower_right = np.maximum(region[2:], near[row, 2:])
        if (lower_right - upper_left).prod() <= NEAR_SHARE * width * height:
            region = np.concatenate([upper_left, lower_right])
    return np.asarray(region, np.float32)


class SearchArea:
    """Tells which part of a picture has changed and is worth a search."""

    def __init__(self) -> None:
        self._last: FlowPicture | None = None
        self._full_s = float('-inf')

    def next(self, flow: FlowPicture, time_s: float) -> Boxes | None:
        """Part (4,) of the original picture to search now; None if nothing has changed.

        Takes it for granted that the caller searches it.
        """
        last, self._last = self._last, flow
        height, width = flow.grey.shape
        whole = np.array([0, 0, width, height], np.float32)
        is_due = time_s - self._full_s >= FULL_SEARCH_S or time_s < self._full_s
        if last is None or last.grey.shape != flow.grey.shape or is_due:
            self._full_s = time_s
            return whole * np.float32(flow.shrink)
        changed = cv2.absdiff(last.grey, flow.grey) > CHANGE_LEVELS
        # A single pixel is noise: a changed one counts if it has changed neighbours.
        solid = cv2.erode(changed.astype(np.uint8), np.ones((2, 2), np.uint8))
        left, top, columns, rows = cv2.boundingRect(solid)
        if not columns:
            return None
        margin = MARGIN_SHARE * height
        part = np.array(
            [left - margin, top - margin, left + columns + margin, top + rows + margin], np.float32
        )
        part = np.clip(part, 0, np.tile(whole[2:], 2))
        return np.asarray(part * np.float32(flow.shrink), np.float32)
