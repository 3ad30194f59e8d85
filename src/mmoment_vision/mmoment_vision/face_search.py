"""Where to look for new faces: only where the picture has changed since the last look.

A face that was not there before changes the pixels it appears on. Looking only there halves the
work on a street scene before a still camera, and saves nearly all of it in an empty room.
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


class SearchArea:
    """Tells which part of each picture to search."""

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
