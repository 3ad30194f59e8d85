"""Detection in a thread of its own, tracking in the caller's: boxes for every picture."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from mmoment_vision.background_worker import BackgroundWorker
from mmoment_vision.face_boxes import Boxes, FoundFaces, Picture
from mmoment_vision.face_detection import FaceDetector, detect_in_part
from mmoment_vision.face_motion import flow_picture
from mmoment_vision.face_search import SearchArea, neighbourhood
from mmoment_vision.face_tracking import FaceTracker, TrackedFace, TrackingSettings

# Following the faces there are, for every picture, comes before looking for new ones.
NICENESS = 3

# An empty region: no track is denied by a search that passed over the known faces.
NOWHERE = np.zeros(4, np.float32)

# Candidates on a followed face that a search of the whole picture follows up: enough to confirm
# or deny the face, a tenth of those there are.
LOOKS_AT_KNOWN = 2


@dataclass(frozen=True, slots=True)
class SearchSettings:
    """How often to look for new faces."""

    whole_interval_s: float = 0.25  # from one search of the whole picture to the next
    near_interval_s: float = 0.08  # the same around faces that are or were there


@dataclass(frozen=True, slots=True)
class Search:
    """Part of a picture to search."""

    part: Picture  # must not change any more
    sequence: int
    region: Boxes  # (4,): where the part was cut out of the picture
    known: Boxes  # (N, 4): faces that are followed already
    is_whole: bool  # known faces must be found as well


@dataclass(frozen=True, slots=True)
class Detection:
    """Result of one search."""

    faces: FoundFaces
    sequence: int
    searched: Boxes  # (4,): part of the picture where every face was looked for; may be empty


class FacePipeline:
    """Faces of a stream of pictures. `process` and `reset` are for one thread.

    `ids` names the tracks, see `FaceTracker`.
    """

    def __init__(
        self,
        detector: FaceDetector,
        search: SearchSettings,
        settings: TrackingSettings,
        ids: Iterator[int] | None = None,
    ) -> None:
        self.search = search
        self.detections = 0  # searches that came in
        self.late_detections = 0  # those too old to be of use
        self.tracker = FaceTracker(settings, detector.measure, ids)
        self._detector = detector
        self._thread = BackgroundWorker(self._find, 'face detection', NICENESS)
        # Without measurements only searches keep a face alive, also one that does not move.
        self._may_skip = detector.measure is not None
        self._area = SearchArea()
        self._whole_s = self._near_s = float('-inf')
        self._turn = 0
        self._last_sequence = -1

    def process(self, picture: Picture, sequence: int, time_s: float) -> list[TrackedFace]:
        """Faces of `picture` (height, width, 3; BGR), number `sequence`, taken at `time_s`.

        A sequence that does not rise begins a new stream. Raises what the detector raised.
        """
        if sequence <= self._last_sequence:
            self.reset()
        self._last_sequence = sequence
        self.tracker.advance(picture, sequence, time_s)
        detection = self._thread.take()
        if detection is not None:
            self.detections += 1
            if not self.tracker.correct(detection.faces, detection.sequence, detection.searched):
                self.late_detections += 1
        self._search(picture, sequence, time_s)
        return self.tracker.faces()

    def reset(self) -> None:
        """Forget all faces, as at a change of the source."""
        self._thread.forget()
        self.tracker.reset()
        self._area = SearchArea()
        self._whole_s = self._near_s = float('-inf')

    def is_due(self, time_s: float) -> bool:
        """Whether a picture taken at `time_s` would be searched for new faces."""
        return self._whole_is_due(time_s) or (
            self._may_skip
            and self.tracker.has_tracks
            and time_s - self._near_s >= self.search.near_interval_s
        )

    def wait(self, timeout_s: float) -> bool:
        """Wait until no search is going on, so that the next picture gets its result.

        Returns False if that takes too long.
        """
        return self._thread.wait(timeout_s)

    def close(self) -> None:
        """End the detection thread."""
        self._thread.close()

    def _find(self, search: Search) -> Detection:
        looks = LOOKS_AT_KNOWN if search.is_whole else 0
        faces = detect_in_part(self._detector, search.part, search.region, search.known, looks)
        return Detection(faces, search.sequence, search.region if search.is_whole else NOWHERE)

    def _whole_is_due(self, time_s: float) -> bool:
        return time_s - self._whole_s >= self.search.whole_interval_s

    def _search(self, picture: Picture, sequence: int, time_s: float) -> None:
        """Give the picture to the detector if it is time and there is something to look for."""
        if self._thread.is_busy or not self.is_due(time_s):
            return
        height, width = picture.shape[:2]
        known = self.tracker.boxes()
        is_whole = self._whole_is_due(time_s)
        region: Boxes | None = np.array([0, 0, width, height], np.float32)
        if not is_whole:
            self._turn += 1
            region = neighbourhood(known, self._turn % len(known), width, height)
        else:
            self._whole_s = time_s
            if self._may_skip:
                region = self._area.next(flow_picture(picture), time_s)
        self._near_s = time_s
        if region is not None:
            left, top, right, bottom = (int(edge) for edge in region)
            part = picture[top:bottom, left:right].copy()
            self._thread.give(Search(part, sequence, region, known, is_whole))
