"""Compares the annotated pictures of a graph with the clean ones of the same moment."""

from collections import OrderedDict

import cv2
import numpy as np

from mmoment_camera.frame_topic import FrameSubscriber
from mmoment_interfaces.msg import FaceArray
from tests.graph import wait_until

# Lines of the overlay are drawn on the edge of a box, or a few pixels beside it
EDGE_PX = 4
# A pixel is called changed from here on: both rings hold the same bytes where nothing is drawn
CHANGED = 24
KEPT_PICTURES = 60
ENOUGH = 20


def assert_drawn_round_the_face(listener):
    """Check on many pictures that the edges of the first face box are drawn, and little else."""
    faces = listener.subscribe(FaceArray, 'faces')
    clean: OrderedDict[int, np.ndarray] = OrderedDict()
    pairs = []

    def on_clean(frame):
        clean[frame.monotonic_ns] = frame.copy()
        while len(clean) > KEPT_PICTURES:
            clean.popitem(last=False)

    def on_annotated(frame):
        before = clean.get(frame.monotonic_ns)
        if before is not None:
            pairs.append((frame.monotonic_ns, before, frame.copy()))

    subscribers = [
        FrameSubscriber(listener.node, 'frames', on_clean),
        FrameSubscriber(listener.node, 'overlay/frames', on_annotated),
    ]

    def with_faces():
        boxes = {message.monotonic_ns: message.faces for message in list(faces.messages)}
        return [(before, after, boxes[at]) for at, before, after in list(pairs) if boxes.get(at)]

    try:
        wait_until(lambda: len(with_faces()) > ENOUGH, 'annotated pictures with faces')
    finally:
        for subscriber in subscribers:
            subscriber.close()
    shares = [
        changed_share_on_edge(before, after, found[0]) for before, after, found in with_faces()
    ]
    # The box drawn may be of the picture before: faces hardly move meanwhile
    assert np.median(shares) > 0.3
    untouched = [np.mean(difference(before, after) < CHANGED) for _, before, after in pairs]
    assert np.median(untouched) > 0.7


def difference(before, after):
    """Greatest difference of the three colours, per pixel."""
    return cv2.absdiff(before, after).max(axis=2)


def changed_share_on_edge(before, after, face):
    """Share of the rows and columns of a face box near whose edge something was drawn."""
    height, width = before.shape[:2]
    left, top = max(0, int(face.x)), max(0, int(face.y))
    right = min(width - 1, int(face.x + face.width))
    bottom = min(height - 1, int(face.y + face.height))
    changed = difference(before, after) >= CHANGED
    rows = slice(top, bottom)
    columns = slice(left, right)
    strips = [
        changed[rows, max(0, left - EDGE_PX) : left + EDGE_PX + 1].any(axis=1),
        changed[rows, right - EDGE_PX : right + EDGE_PX + 1].any(axis=1),
        changed[max(0, top - EDGE_PX) : top + EDGE_PX + 1, columns].any(axis=0),
        changed[bottom - EDGE_PX : bottom + EDGE_PX + 1, columns].any(axis=0),
    ]
    return float(np.concatenate(strips).mean())
