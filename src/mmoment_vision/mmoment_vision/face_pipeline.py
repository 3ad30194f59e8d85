"""Detection in a thread of its own, tracking in the caller's: boxes for every picture."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from mmoment_vision.face_boxes import Boxes, FoundFaces, Picture
from mmoment_vision.face_detection import FaceDetector, detect_in_part
from mmoment_vision.face_motion import flow_picture
from mmoment_vision.face_search import SearchArea, neighbourhood
from mmoment_vision.face_tracking import FaceTracker, TrackedFace, TrackingSettings

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


class DetectionThread:
    """Runs a detector on one picture at a time; the result is fetched later.

    A fault of the detector comes out of `take`.
    """

    def __init__(self, detector: FaceDetector) -> None:
        self._detector = detector
        self._changed = threading.Condition()
        self._work: Search | None = None
        self._wanted: Search | None = None  # the search whose result is still of interest
        self._result: Detection | None = None
        self._fault: Exception | None = None
        self._is_busy = False
        self._is_wanted = True
        self._thread = threading.Thread(target=self._run, name='face detection', daemon=True)
        self._thread.start()

    @property
    def is_busy(self) -> bool:
        """Whether a picture is being worked on."""
        with self._changed:
            return self._is_busy

    def give(self, search: Search) -> None:
        """Begin a search."""
        with self._changed:
            self._work = self._wanted = search
            self._is_busy = True
            self._changed.notify_all()

    def take(self) -> Detection | None:
        """The result not taken yet, if there is one. Raises what the detector raised."""
        with self._changed:
            result, self._result = self._result, None
            if self._fault is not None:
                raise self._fault
            return result

    def forget(self) -> None:
        """Have no result of what was given until now, without waiting for its end."""
        with self._changed:
            self._wanted = self._result = None

    def wait(self, timeout_s: float) -> bool:
        """Wait until no picture is being worked on; False if that takes too long."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._is_busy, timeout_s)

    def close(self) -> None:
        """End the thread, after the picture it works on."""
        with self._changed:
            self._is_wanted = False
            self._changed.notify_all()
        self._thread.join()

    def _done(self, search: Search) -> Detection:
        looks = LOOKS_AT_KNOWN if search.is_whole else 0
        faces = detect_in_part(self._detector, search.part, search.region, search.known, looks)
        return Detection(faces, search.sequence, search.region if search.is_whole else NOWHERE)

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._work is not None or not self._is_wanted)
                if self._work is None or not self._is_wanted:
                    return
                search, self._work = self._work, None
            result: Detection | None = None
            fault: Exception | None = None
            try:
                result = self._done(search)
            except Exception as error:
                fault = error
            with self._changed:
                self._result = result if self._wanted is search else None
                self._fault, self._is_busy = fault, False
                self._changed.notify_all()


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
        self._thread = DetectionThread(detector)
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
