"""Follows faces from picture to picture; full detections may come late and seldom.

In every picture each track is moved by optical flow and then, where the detector can do that
cheaply, measured again by the detector's last stage. A full detection, which takes longer than a
picture lasts, only has to find new faces and lost ones: its result names the picture it was made
on, and is rolled forward from there to the present.
"""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count, dropwhile, pairwise

import numpy as np
from numpy.typing import NDArray

from mmoment_vision.face_boxes import Boxes, FoundFaces, Picture, covered, overlaps
from mmoment_vision.face_motion import FlowPicture, flow_picture, measure_motion, moved

Measure = Callable[[Picture, Boxes], FoundFaces]
Points = NDArray[np.float32]

# Pictures kept to roll late detections forward: more than a second at 30 Hz.
HISTORY_PICTURES = 40

# Pictures may come this slowly: at the lowest rate that can be asked for, and some time to work.
# After a longer pause nobody knows what the faces did.
LONGEST_PAUSE_S = 3.0

# A detection belongs to the track that overlaps it this much.
SAME_FACE_OVERLAP = 0.3

# A measurement that overlaps the moved box less has jumped to another face.
MEASUREMENT_OVERLAP = 0.4

# Two tracks this close follow one face, and one of them has lost its own.
DUPLICATE_OVERLAP = 0.5
DUPLICATE_COVER = 0.7

# Share of a new velocity in the running mean; about a quarter of a second at 30 Hz.
VELOCITY_GAIN = 0.3

# Share of its velocity that an unseen face keeps after a second: people stop and turn.
VELOCITY_LEFT_AFTER_1_S = 0.2

# A face that moves by this share of its width off its course, and vanishes, was covered.
OFF_COURSE_SHARE = 0.05

# A track whose box has less than this share in the picture has left it.
INSIDE_SHARE = 0.3

# Share of a measurement in the new box; the rest is motion, which is smoother.
MEASUREMENT_GAIN = 0.7


@dataclass(frozen=True, slots=True)
class TrackingSettings:
    """When tracks begin, show and end."""

    begin_score: float = 0.7  # a measurement confirms a new or a lost face from this score on
    keep_score: float = 0.5  # and a face that was there a moment ago from this
    show_score: float = 0.4  # below it the face is hidden by something or turned away
    confirmations: int = 2  # pictures that must show a face before it counts
    show_unconfirmed_s: float = 0.3  # a track stays visible so long without confirmation
    keep_unconfirmed_s: float = 1.0  # and can be found again so long
    most_denials: int = 2  # full detections in a row that may miss a visible track
    most_measured: int = 6  # tracks measured in one picture; more take turns


@dataclass(frozen=True, slots=True)
class TrackedFace:
    """One face in the present picture; coordinates in pixels of it."""

    track_id: int
    box: Boxes  # (4,): left, top, right, bottom
    landmarks: Points  # (5, 2); zeros where the detector has none
    score: float  # of the last confirmation
    detected_now: bool  # found in this very picture, not only followed into it
    age_s: float  # since the first picture in which it was detected
    undetected_s: float  # since the last such picture


@dataclass(slots=True, eq=False)
class _Track:
    """State of one followed face."""

    box: Boxes
    landmarks: Points
    score: float
    born_s: float  # time of the first picture in which it was detected
    detected_s: float  # time of the last such picture
    confirmed_s: float  # when a detection came in last, maybe of an earlier picture
    confirmed_before_s: float
    track_id: int = 0  # 0: not confirmed yet
    hits: int = 1
    denials: int = 0  # full detections in a row without it
    presence: float = 1.0  # score of the last measurement, good or bad
    measured_s: float = 0.0
    hidden: bool = False  # behind another face
    velocity: Points = field(default_factory=lambda: np.zeros(2, np.float32))  # pixels/s
    course: Boxes = field(default_factory=lambda: np.zeros(4, np.float32))  # by velocity alone
    trail: deque[tuple[int, Boxes]] = field(default_factory=lambda: deque(maxlen=HISTORY_PICTURES))

    def box_at(self, sequence: int) -> Boxes | None:
        """Box in the picture `sequence`, if it is still known."""
        return next((box for number, box in reversed(self.trail) if number == sequence), None)

    def move_to(self, box: Boxes) -> None:
        """Take `box`, and the landmarks along with it."""
        if self.landmarks.any():
            growth = (box[2:] - box[:2]) / np.maximum(self.box[2:] - self.box[:2], 1e-6)
            self.landmarks = box[:2] + (self.landmarks - self.box[:2]) * growth
        self.box = box


@dataclass(frozen=True, slots=True)
class _PastPicture:
    """What is kept of a picture to roll late detections forward."""

    sequence: int
    time_s: float
    flow: FlowPicture


class FaceTracker:
    """Keeps the tracks. For one thread at a time.

    `measure` re-measures boxes in a picture (one face for each box, whatever its score), or is
    None for a detector that cannot: then motion alone carries a box between detections. Tracks
    are named by what `ids` yields; trackers that share it never give the same name twice.
    """

    def __init__(
        self,
        settings: TrackingSettings,
        measure: Measure | None = None,
        ids: Iterator[int] | None = None,
    ) -> None:
        self.settings = settings
        self._measure = measure
        self._ids = count(1) if ids is None else ids
        self._tracks: list[_Track] = []
        self._pictures: deque[_PastPicture] = deque(maxlen=HISTORY_PICTURES)
        self._picture: Picture | None = None
        self._now_s = 0.0

    def advance(self, picture: Picture, sequence: int, time_s: float) -> None:
        """Carry all tracks into `picture`, number `sequence`, taken at `time_s`."""
        flow = flow_picture(picture)
        elapsed_s = time_s - self._now_s
        if self._pictures and (
            self._pictures[-1].flow.grey.shape != flow.grey.shape
            or not 0 <= elapsed_s <= LONGEST_PAUSE_S
        ):
            self.reset()
        self._picture, self._now_s = picture, time_s
        if self._pictures and self._tracks:
            self._move(self._pictures[-1].flow, flow, elapsed_s)
            self._confirm(self._tracks)
            self._learn_courses(elapsed_s)
            self._separate()
            self._end_tracks()
        self._pictures.append(_PastPicture(sequence, time_s, flow))
        for track in self._tracks:
            track.trail.append((sequence, track.box))

    def correct(self, faces: FoundFaces, sequence: int, searched: Boxes | None = None) -> bool:
        """Take in the faces detected in picture `sequence`, now or some pictures ago.

        `searched` (4,) is the part of the picture that was looked at, None for all of it. Returns
        False if that picture is too old to be of use.
        """
        since = list(dropwhile(lambda past: past.sequence != sequence, self._pictures))
        if not since:
            return False
        known = [(track, track.box_at(sequence)) for track in self._tracks]
        candidates = [(track, box) for track, box in known if box is not None]
        matched, fresh = self._match(faces, candidates, since[0].time_s)
        for track, box in candidates:
            if track in matched:
                track.denials = 0
            elif searched is None or covered(box[None], searched[None])[0, 0] > 0.99:
                track.denials += 1
        if len(fresh):
            self._begin_tracks(fresh, since)
        return True

    def faces(self) -> list[TrackedFace]:
        """The faces of the present picture."""
        return [
            TrackedFace(
                track.track_id,
                track.box.copy(),
                track.landmarks.copy(),
                track.score,
                track.detected_s == self._now_s,
                self._now_s - track.born_s,
                self._now_s - track.detected_s,
            )
            for track in self._tracks
            if track.track_id and self._is_seen(track)
        ]

    @property
    def has_tracks(self) -> bool:
        """Whether any face is or was there a moment ago."""
        return bool(self._tracks)

    def boxes(self) -> Boxes:
        """Boxes (N, 4) of all tracks, shown or not."""
        return np.array([track.box for track in self._tracks], np.float32).reshape(-1, 4)

    def reset(self) -> None:
        """End all tracks, as at a change of the source. Track ids go on counting."""
        self._tracks.clear()
        self._pictures.clear()
        self._picture = None

    def _move(self, before: FlowPicture, after: FlowPicture, elapsed_s: float) -> None:
        """Move every track by optical flow, or on its course where its face cannot be seen.

        Flow on a face that is hidden would follow what hides it.
        """
        boxes = np.stack([track.box for track in self._tracks])
        motion = measure_motion(before, after, boxes)
        by_flow = moved(boxes, motion)
        for track, box, reliable in zip(self._tracks, by_flow, motion.reliable, strict=True):
            track.course = track.box + np.tile(track.velocity * np.float32(elapsed_s), 2)
            track.move_to(box if reliable and self._is_seen(track) else track.course)

    def _learn_courses(self, elapsed_s: float) -> None:
        """Learn the velocity of the faces that were seen; others go on as they went.

        A face that disappears in the very picture in which its motion changes was covered by
        what moves differently.
        """
        for track in self._tracks:
            off_course = _centre(track.box) - _centre(track.course)
            limit = OFF_COURSE_SHARE * (track.box[2] - track.box[0])
            is_gone = track.presence < self.settings.show_score
            if is_gone and np.abs(off_course).max() > limit:
                track.move_to(track.course)
            if is_gone or track.hidden:
                track.velocity *= np.float32(VELOCITY_LEFT_AFTER_1_S**elapsed_s)
            elif elapsed_s > 0:
                # The course holds the old velocity: what is off it is the change.
                track.velocity += VELOCITY_GAIN * off_course / elapsed_s

    def _is_seen(self, track: _Track) -> bool:
        """Whether the face was in the last pictures, as far as is known."""
        return (
            not track.hidden
            and track.denials < self.settings.most_denials
            and track.presence >= self.settings.show_score
            and self._now_s - track.confirmed_s <= self.settings.show_unconfirmed_s
        )

    def _confirm(self, tracks: Sequence[_Track]) -> None:
        """Measure tracks in the present picture; the longest unmeasured come first."""
        if self._measure is None or self._picture is None:
            return
        chosen = sorted(tracks, key=lambda track: track.measured_s)[: self.settings.most_measured]
        boxes = np.stack([track.box for track in chosen])
        measured = self._measure(self._picture, boxes)
        agreement = overlaps(boxes, measured.boxes).diagonal()
        for row, track in enumerate(chosen):
            score = float(measured.scores[row])
            was_seen = bool(track.track_id) and self._is_seen(track)
            needed = self.settings.keep_score if was_seen else self.settings.begin_score
            track.measured_s, track.presence = self._now_s, score
            if score < needed or agreement[row] < MEASUREMENT_OVERLAP:
                continue
            gain = np.float32(MEASUREMENT_GAIN)
            track.move_to(track.box + gain * (measured.boxes[row] - track.box))
            track.landmarks = measured.landmarks[row]
            self._hit(track, score, self._now_s)

    def _hit(self, track: _Track, score: float, detected_s: float) -> None:
        """Take in that the face was detected in the picture of `detected_s`."""
        track.score = track.presence = score
        track.detected_s = max(track.detected_s, detected_s)
        if track.confirmed_s != self._now_s:
            track.confirmed_before_s = track.confirmed_s
        track.confirmed_s, track.hidden = self._now_s, False
        track.hits += 1
        if not track.track_id and track.hits >= self.settings.confirmations:
            track.track_id = next(self._ids)

    def _separate(self) -> None:
        """Where two tracks sit on one face, hide the one that does not belong there.

        It goes on by its velocity, so that it meets its face again behind the other.
        """
        if len(self._tracks) < 2:
            return
        boxes = np.stack([track.box for track in self._tracks])
        close = _is_close(boxes, boxes)
        for first, second in np.argwhere(np.triu(close, 1)):
            pair = (self._tracks[first], self._tracks[second])
            if not (pair[0].hidden or pair[1].hidden):
                stray = max(pair, key=_misfit)
                stray.hidden = True
                stray.move_to(stray.course)
                # What was confirmed is the other face: this one ages.
                stray.confirmed_s = stray.confirmed_before_s
                stray.detected_s = min(stray.detected_s, stray.confirmed_s)

    def _match(
        self, faces: FoundFaces, candidates: list[tuple[_Track, Boxes]], then_s: float
    ) -> tuple[list[_Track], FoundFaces]:
        """Give detections to tracks, best overlap first; returns those tracks, and new faces.

        The detections were made in the picture of `then_s`.
        """
        left = np.ones(len(faces), bool)
        matched: list[_Track] = []
        if candidates and len(faces):
            table = overlaps(np.stack([box for _, box in candidates]), faces.boxes)
            while table.max() >= SAME_FACE_OVERLAP:
                row, column = np.unravel_index(int(table.argmax()), table.shape)
                track, box_then = candidates[row]
                self._renew(track, box_then, faces.chosen(np.array([column])), then_s)
                matched.append(track)
                table[row] = table[:, column] = -1
                left[column] = False
        return matched, faces.chosen(left)

    def _renew(self, track: _Track, box_then: Boxes, face: FoundFaces, then_s: float) -> None:
        """Re-anchor a track on its detection in an earlier picture.

        A track that the present picture has confirmed knows better.
        """
        if self._measure is not None and track.detected_s == self._now_s:
            return
        growth = (track.box[2:] - track.box[:2]) / np.maximum(box_then[2:] - box_then[:2], 1e-6)
        anchor, origin = track.box[:2], box_then[:2]
        corners = anchor + (face.boxes[0].reshape(2, 2) - origin) * growth
        track.move_to(corners.reshape(4))
        if face.landmarks.any():
            track.landmarks = anchor + (face.landmarks[0] - origin) * growth
        track.trail[-1] = (track.trail[-1][0], track.box)
        self._hit(track, float(face.scores[0]), then_s)

    def _begin_tracks(self, faces: FoundFaces, since: Sequence[_PastPicture]) -> None:
        """Start a track for each face of the first picture, rolled forward to the present one."""
        then_s = since[0].time_s
        begun = [
            _Track(box, landmarks, float(score), then_s, then_s, self._now_s, self._now_s)
            for box, landmarks, score in zip(
                faces.boxes, faces.landmarks, faces.scores, strict=True
            )
        ]
        for before, after in pairwise(past.flow for past in since):
            boxes = np.stack([track.box for track in begun])
            boxes = moved(boxes, measure_motion(before, after, boxes))
            for track, box in zip(begun, boxes, strict=True):
                track.move_to(box)
        if len(since) > 1:
            self._confirm(begun)
        for track in begun:
            track.trail.append((self._pictures[-1].sequence, track.box))
        self._tracks += [track for track in begun if not self._is_double(track)]

    def _is_double(self, track: _Track) -> bool:
        """Whether an older track already follows this face."""
        boxes = [other.box for other in self._tracks if not other.hidden]
        return bool(boxes) and bool(_is_close(track.box[None], np.stack(boxes)).any())

    def _end_tracks(self) -> None:
        """Drop the tracks that left the picture or were not seen for too long."""
        assert self._picture is not None
        height, width = self._picture.shape[:2]
        frame = np.array([[0, 0, width, height]], np.float32)
        self._tracks = [
            track
            for track in self._tracks
            if self._now_s - track.confirmed_s <= self.settings.keep_unconfirmed_s
            and covered(track.box[None], frame)[0, 0] >= INSIDE_SHARE
        ]


def _centre(box: Boxes) -> Points:
    return np.asarray((box[:2] + box[2:]) / 2)


def _is_close(first: Boxes, second: Boxes) -> NDArray[np.bool_]:
    """Which pairs follow one face."""
    return np.asarray(
        (overlaps(first, second) > DUPLICATE_OVERLAP) | (covered(first, second) > DUPLICATE_COVER)
    )


def _misfit(track: _Track) -> tuple[bool, int, float]:
    """How badly a box fits its track: unconfirmed, denied by detections, off its course."""
    distance = float(np.abs(track.box - track.course).max())
    return track.track_id == 0, track.denials, distance / max(1.0, track.box[2] - track.box[0])
