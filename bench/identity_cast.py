"""The people of the identity benchmark, and the product's parts that look at them."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import cv2
import numpy as np

from bench.identity_scenes import Actor, Head, head, standing, thing
from bench.media import clip_pictures
from mmoment_vision.face_boxes import FoundFaces, Picture, areas
from mmoment_vision.face_detection import FaceDetector, open_detector
from mmoment_vision.face_embedding import FaceEmbedder, open_embedder
from mmoment_vision.face_identity import NamedFace
from mmoment_vision.face_pipeline import FacePipeline, SearchSettings
from mmoment_vision.face_recognition import FaceRecognizer
from mmoment_vision.face_template import FaceTemplate, mean_embedding
from mmoment_vision.face_tracking import TrackedFace, TrackingSettings

# People are learnt from other clips and pictures than those they are shown in. (There are two
# signers: a dark-haired man in `no` and `yes`, a blond one in `milk` and `thanks`.)
DARK, BLOND, OBAMA, BIDEN = 'dark signer', 'blond signer', 'obama', 'biden'
SIGNERS_LEARNT_FROM = {DARK: 'no.mkv', BLOND: 'milk.mkv'}
SIGNERS_SHOWN_IN = {DARK: 'yes.mkv', BLOND: 'thanks.mkv'}
LEARNT_PICTURES = 5
LEARNT_EVERY = 8
SHOWN_EVERY = 2
TOGETHER = 'obama-and-biden.jpg'
LEARNT_FROM = {OBAMA: ('obama-1.jpg', 1), BIDEN: ('biden-2.jpg', 0)}
"""A picture of each alone, and which face from the left they are where both are together."""
SHOWN_IN = {OBAMA: ('obama-3.jpg', 'obama-2.jpg'), BIDEN: ('biden-1.jpg',)}
# Six people, left to right: three are strangers, three are enrolled and never come.
GROUP = 'multiface.jpg'
STRANGERS = 3
TIMED_EMBEDDINGS = 5


class DelayedWorker:
    """Stands in for the thread that embeds: results come when they would, by time of the picture.

    What a look costs is measured once, so that two runs give the same.
    """

    def __init__(self, recognizer: FaceRecognizer, seconds_per_face: float) -> None:
        self._recognizer = recognizer
        self._seconds = seconds_per_face
        self._waiting: tuple[float, object] | None = None
        self.now_s = 0.0
        self.embedded = 0

    @property
    def is_busy(self) -> bool:
        """Whether a look would still be going on."""
        return self._waiting is not None

    def give(self, job: object) -> None:
        """Do it now, and keep the result back."""
        self.embedded += len(job.landmarks)
        ready_s = self.now_s + self._seconds * len(job.landmarks)
        self._waiting = (ready_s, self._recognizer._embed_job(job))

    def take(self) -> object | None:
        """The result, once it is time."""
        if self._waiting is None or self.now_s < self._waiting[0]:
            return None
        result = self._waiting[1]
        self._waiting = None
        return result

    def close(self) -> None:
        """Nothing to end."""


class Player:
    """Faces and their names, picture after picture, as face_node would give them.

    Detection runs beside tracking as in `bench vision`: by time of the pictures.
    """

    def __init__(self, detector: FaceDetector, recognizer: FaceRecognizer, seconds: float) -> None:
        self._pipeline = FacePipeline(detector, SearchSettings(), TrackingSettings())
        self.recognizer = recognizer
        self.worker = recognizer._worker = DelayedWorker(recognizer, seconds)
        self._sequence = 0

    def show(
        self, picture: Picture, now_s: float
    ) -> tuple[list[TrackedFace], dict[int, NamedFace]]:
        """Faces of the next picture, and the names of those that have one."""
        self._sequence += 1
        if self._pipeline.is_due(now_s):
            self._pipeline.wait(timeout_s=10.0)
        faces = self._pipeline.process(picture, self._sequence, now_s)
        self.worker.now_s = now_s
        self.recognizer.hear(faces, now_s)
        return faces, self.recognizer.name_faces(picture, faces, now_s)

    def cut(self) -> None:
        """Begin another scene: all faces are new."""
        self._pipeline.reset()

    def close(self) -> None:
        """End the threads."""
        self._pipeline.close()


@dataclass(frozen=True, slots=True)
class Cast:
    """Who plays."""

    player: Player
    detector: FaceDetector
    enrolled: set[str]  # everybody the gallery knows
    actors: dict[str, list[Actor]]  # by person; one for each view
    strangers: list[Actor]
    board: Head
    background: Picture
    embedder: FaceEmbedder
    embed_ms: float


def hire(media: Path) -> Cast:
    """Find the faces in the media, learn those to be known, and cut out the heads."""
    detector, embedder = open_detector('mtcnn', 'cpu'), open_embedder('auto', 'cpu')
    recognizer = FaceRecognizer(embedder)
    actors: dict[str, list[Actor]] = {}
    for name, clip in SIGNERS_LEARNT_FROM.items():
        signs = list(clip_pictures(media / 'clips' / clip))[::LEARNT_EVERY][:LEARNT_PICTURES]
        _enrol(recognizer, name, [(picture, _largest(detector, picture)) for picture in signs])
        shown = clip_pictures(media / 'clips' / SIGNERS_SHOWN_IN[name])
        actors[name] = [_actor(name, detector, islice(shown, 0, None, SHOWN_EVERY))]
    together = _read(media / 'faces' / TOGETHER)
    # A child in front of them has the smallest face.
    pair = _left_to_right(_of_size(detector.detect(together), 2))
    for name, (file, row) in LEARNT_FROM.items():
        alone = _read(media / 'faces' / file)
        views = [(alone, _largest(detector, alone)), (together, pair.chosen(np.array([row])))]
        _enrol(recognizer, name, views)
    for name, files in SHOWN_IN.items():
        actors[name] = [_actor(name, detector, [_read(media / 'faces' / file)]) for file in files]

    group = _read(media / 'faces' / GROUP)
    people = _left_to_right(detector.detect(group))
    strangers = [
        Actor(f'stranger {row}', [head(group, people.boxes[row])], standing(0))
        for row in range(STRANGERS)
    ]
    absent = [f'absent {row}' for row in range(STRANGERS, len(people))]
    for row, name in enumerate(absent, STRANGERS):
        _enrol(recognizer, name, [(group, people.chosen(np.array([row])))])

    street = next(clip_pictures(media / 'clips' / 'crowd-1080p.mp4'))
    board = thing(280, 460, street[600:1000, 1500:1800])
    # The upper part shows an arcade and nobody.
    background = cv2.resize(street[:480], (1280, 720), interpolation=cv2.INTER_AREA)
    embed_s = _seconds_to_embed(embedder, group, people)
    return Cast(
        Player(detector, recognizer, embed_s),
        detector,
        {*actors, *absent},
        actors,
        strangers,
        board,
        background,
        embedder,
        embed_s * 1e3,
    )


def _enrol(recognizer: FaceRecognizer, name: str, views: list[tuple[Picture, FoundFaces]]) -> None:
    rows = [recognizer.embed(picture, face.landmarks)[0] for picture, face in views]
    middle = mean_embedding(rows)
    recognizer.admit(name, FaceTemplate.quantised(recognizer.embedder.model_id, middle))


def _actor(name: str, detector: FaceDetector, pictures: Iterable[Picture]) -> Actor:
    views = [head(picture, _largest(detector, picture).boxes[0]) for picture in pictures]
    return Actor(name, views, standing(0))


def _largest(detector: FaceDetector, picture: Picture) -> FoundFaces:
    return _of_size(detector.detect(picture), 1)


def _of_size(faces: FoundFaces, count: int) -> FoundFaces:
    """The largest faces."""
    return faces.chosen(np.argsort(-areas(faces.boxes))[:count])


def _left_to_right(faces: FoundFaces) -> FoundFaces:
    return faces.chosen(np.argsort(faces.boxes[:, 0]))


def _seconds_to_embed(embedder: FaceEmbedder, picture: Picture, faces: FoundFaces) -> float:
    """Median seconds to embed one face."""
    taken = []
    for number in range(TIMED_EMBEDDINGS + 1):
        begun_s = time.perf_counter()
        embedder.embed(picture, faces.landmarks[number % len(faces)][None])
        taken.append(time.perf_counter() - begun_s)
    return statistics.median(taken[1:])


def _read(path: Path) -> Picture:
    picture = cv2.imread(str(path))
    if picture is None:
        raise FileNotFoundError(f'{path} is no picture that OpenCV can read')
    return picture
