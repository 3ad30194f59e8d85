"""Who the followed faces are: embeds them in a thread of its own, and keeps who is known.

The gallery, the names of tracks and the embedder are used by several threads here and nowhere
else: the one that follows faces calls `hear` and `name_faces` with each picture, those that answer
requests call the rest.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mmoment_vision.background_worker import BackgroundWorker
from mmoment_vision.face_boxes import Picture
from mmoment_vision.face_embedding import Embeddings, FaceEmbedder, OpenSet
from mmoment_vision.face_gallery import FaceGallery, Match
from mmoment_vision.face_identity import IdentityKeeper, IdentitySettings, KeeperCounts, NamedFace
from mmoment_vision.face_quality import TOO_SMALL, assess
from mmoment_vision.face_template import FaceTemplate
from mmoment_vision.face_tracking import TrackedFace

# Together, faces take less time each; but all of them wait for the last.
MOST_AT_ONCE = 4

# Boxes for every picture come first: names may take a moment longer on a busy machine.
NICENESS = 5

# A view that is not good enough to learn a face from says less about whose it is: with dlib, of 32
# large enough in the test media none was named wrongly, and the one of an enrolled person not at
# all. They are too few to prove more than that caution costs little.
WEIGHT_OF_POOR_VIEW = 0.5
# Small faces are missed more often, but not mistaken: of some 2,000 views with eyes 8 to 23 pixels
# apart, clear or with a camera's blur and noise, none got a wrong name, nor came nearer to a wrong
# person (0.75) than large ones do (0.76; `./mmoment bench recognize` has fewer sizes). With 0.4,
# five looks of eight must agree. From 70 starts in clips shrunk to eyes 16 pixels apart, blurred
# and noisy, the signer was then named before the end in all, with 0.25 (eight of eight) in 43.
WEIGHT_OF_SMALL_FACE = 0.4

# Of one person: with glasses and without, say. Who learns again and again keeps the newest.
MOST_TEMPLATES = 3

# Embeddings whose times are kept for diagnostics.
TIMED = 100

Points = NDArray[np.float32]


class RecognizerClosed(Exception):
    """Nobody can become known any more."""


@dataclass(frozen=True, slots=True)
class RecognitionCounts:
    """For diagnostics."""

    people: int
    templates: int
    embedded: int  # faces, since the start
    embed_ms_p50: float  # per face, over the last ones; 0 before the first
    embed_ms_p99: float
    is_locked: bool  # templates are kept out of the swap space
    waiting: int  # faces that wanted a look in the last picture and did not get it yet
    keeper: KeeperCounts


@dataclass(frozen=True, slots=True)
class _Job:
    """Faces of one picture to embed."""

    picture: Picture  # must not change any more
    landmarks: Points  # (N, 5, 2)
    taken_s: float
    track_ids: tuple[int, ...]
    weights: tuple[float, ...]
    take: Callable[[Embeddings], None] | None = None  # who gets them instead of the keeper


class FaceRecognizer:
    """Names for the faces of one stream of pictures.

    `decision`: when a face counts as known, if not by the default of the model.
    """

    def __init__(
        self,
        embedder: FaceEmbedder,
        settings: IdentitySettings | None = None,
        decision: OpenSet | None = None,
    ) -> None:
        self.embedder = embedder
        self.decision = decision or embedder.decision
        self._gallery = FaceGallery(embedder.model_id, embedder.dimension, self.decision)
        self._keeper = IdentityKeeper(settings)
        self._knowledge = threading.Lock()  # gallery and keeper
        self._embedding = threading.Lock()
        self._embed_ms: list[float] = []
        self._embedded = self._waiting = 0
        self._is_closed = False
        self._worker: BackgroundWorker[_Job, tuple[_Job, Embeddings]] | None = None

    # --- with each picture --------------------------------------------------------------------

    def start(self) -> None:
        """Begin a stream of pictures."""
        self._worker = BackgroundWorker(self._embed_job, 'face embedding', NICENESS)

    def stop(self) -> None:
        """End the stream; who is known stays known."""
        if self._worker is not None:
            unheard = self._worker.close()
            self._worker = None
            if unheard is not None:
                unheard[1].fill(0)
        with self._knowledge:
            self._keeper.clear()

    def hear(self, faces: Sequence[TrackedFace], now_s: float) -> None:
        """Take in who is in the picture of `now_s`, and what the thread has found out meanwhile.

        Call first with each picture. Raises what the embedder raised.
        """
        result = self._stream().take()
        with self._knowledge:
            self._keeper.advance(faces, now_s)
            if result is not None and result[0].take is None:
                self._tell_keeper(*result)
                return
        if result is not None:
            job, embeddings = result
            assert job.take is not None
            job.take(embeddings)

    def name_faces(
        self, picture: Picture, faces: Sequence[TrackedFace], now_s: float
    ) -> dict[int, NamedFace]:
        """Names by track id, of those who have one; call last with each picture."""
        worker = self._stream()
        with self._knowledge:
            if not worker.is_busy:
                job = self._next_job(picture, faces, now_s)
                if job is not None:
                    worker.give(job)
            named = ((face.track_id, self._keeper.name_of(face.track_id)) for face in faces)
            return {track_id: name for track_id, name in named if name is not None}

    def look_at(
        self, picture: Picture, landmarks: Points, take: Callable[[Embeddings], None]
    ) -> bool:
        """Embed one face (5, 2) for somebody else, before any other; False if it must wait.

        To be called between `hear` and `name_faces`. `take` gets the embedding (1, D), to wipe it,
        within a later call of `hear`.
        """
        worker = self._stream()
        if worker.is_busy:
            return False
        worker.give(_Job(picture.copy(), landmarks[None].copy(), 0.0, (), (), take))
        return True

    # --- from any thread ------------------------------------------------------------------------

    def embed(self, picture: Picture, landmarks: Points) -> Embeddings:
        """Embeddings (N, D) of the faces with points (N, 5, 2)."""
        with self._embedding:
            begun_s = time.perf_counter()
            embeddings = self.embedder.embed(picture, landmarks)
            each_ms = (time.perf_counter() - begun_s) * 1e3 / max(1, len(landmarks))
            self._embedded += len(landmarks)
            self._embed_ms = [*self._embed_ms, each_ms][-TIMED:]
            return embeddings

    def identify(self, picture: Picture, landmarks: Points) -> list[Match]:
        """Who the faces with points (N, 5, 2) are, as far as this picture tells."""
        matches: list[Match] = []
        for begin in range(0, len(landmarks), MOST_AT_ONCE):
            # In parts, so that the faces of live pictures come in between.
            embeddings = self.embed(picture, landmarks[begin : begin + MOST_AT_ONCE])
            matches += self.search(embeddings)
            embeddings.fill(0)
        return matches

    def search(self, embeddings: Embeddings) -> list[Match]:
        """Who these embeddings (N, D) are."""
        with self._knowledge:
            return self._gallery.search(embeddings)

    def admit(self, identity: str, template: FaceTemplate) -> None:
        """Know a person from now on, by this template and those before it.

        Raises TemplateError if it does not fit, and RecognizerClosed.
        """
        with self._knowledge:
            if self._is_closed:
                raise RecognizerClosed
            self._gallery.add_newest(identity, template, MOST_TEMPLATES)
            self._keeper.gallery_changed()

    def admit_alone(self, identity: str, template: FaceTemplate) -> None:
        """Know a person by this template instead of those before. Raises like `admit`."""
        with self._knowledge:
            if self._is_closed:
                raise RecognizerClosed
            self._gallery.add_newest(identity, template, most=1)
            self._keeper.gallery_changed()

    def forget(self, identity: str) -> int:
        """Know a person no more; returns how many templates were wiped."""
        with self._knowledge:
            self._keeper.forget(identity)
            return self._gallery.remove(identity)

    def close(self) -> None:
        """Know nobody any more, and nobody new."""
        with self._knowledge:
            self._is_closed = True
            self._gallery.clear()
            self._keeper.clear()

    def counts(self) -> RecognitionCounts:
        """Figures for diagnostics."""
        times_ms = self._embed_ms or [0.0]
        with self._knowledge:
            return RecognitionCounts(
                people=len(self._gallery.identities()),
                templates=len(self._gallery),
                embedded=self._embedded,
                embed_ms_p50=float(np.quantile(times_ms, 0.5)),
                embed_ms_p99=float(np.quantile(times_ms, 0.99)),
                is_locked=self._gallery.is_locked,
                waiting=self._waiting,
                keeper=self._keeper.counts(),
            )

    # --- inside ---------------------------------------------------------------------------------

    def _embed_job(self, job: _Job) -> tuple[_Job, Embeddings]:
        return job, self.embed(job.picture, job.landmarks)

    def _stream(self) -> BackgroundWorker[_Job, tuple[_Job, Embeddings]]:
        assert self._worker is not None, 'call start first'
        return self._worker

    def _tell_keeper(self, job: _Job, embeddings: Embeddings) -> None:
        """Take in whom the thread has looked at."""
        for track_id, weight, match in zip(
            job.track_ids, job.weights, self._gallery.search(embeddings), strict=True
        ):
            self._keeper.saw(track_id, match, job.taken_s, weight)
        embeddings.fill(0)

    def _next_job(
        self, picture: Picture, faces: Sequence[TrackedFace], now_s: float
    ) -> _Job | None:
        """The most urgent faces. Where nobody is known there is no need to look at any."""
        wanted = self._keeper.wanted(faces, now_s) if len(self._gallery) else []
        chosen = wanted[:MOST_AT_ONCE]
        self._waiting = len(wanted) - len(chosen)
        if not chosen:
            return None
        by_id = {face.track_id: face for face in faces}
        return _Job(
            picture.copy(),
            np.stack([by_id[track_id].landmarks for track_id in chosen]),
            now_s,
            tuple(chosen),
            tuple(_weight(picture, by_id[track_id]) for track_id in chosen),
        )


def _weight(picture: Picture, face: TrackedFace) -> float:
    """How much a look at this face says, 0..1."""
    nobody = np.empty((0, 4), np.float32)
    quality = assess(picture, face.box, face.landmarks, face.score, nobody)
    if TOO_SMALL in quality.reasons:
        return WEIGHT_OF_SMALL_FACE
    return WEIGHT_OF_POOR_VIEW if quality.reasons else 1.0
