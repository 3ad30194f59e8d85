"""Whether people are found and named at distance: the same views, shrunk.

Pictures are shrunk until the eyes are so far apart, then the detector looks for the face as it
does in the graph, and the recogniser says whose it is. Once more they are spoilt after shrinking,
as a small camera spoils them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np

from bench.recognize_faces import CROWD, SIGNERS, SeenFace, views_to_enrol
from mmoment_vision.face_boxes import FoundFaces, Picture, empty_boxes
from mmoment_vision.face_detection import open_detector
from mmoment_vision.face_embedding import FaceEmbedder
from mmoment_vision.face_gallery import NOBODY, FaceGallery, Match
from mmoment_vision.face_pose import eye_distance
from mmoment_vision.face_quality import TOO_SMALL, FaceQuality, assess
from mmoment_vision.face_template import FaceTemplate, mean_embedding
from mmoment_vision.mtcnn import MtcnnSettings

# Between the eyes.
SIZES_PX = (12, 16, 24, 32, 48)
# What is found no further than this from the face, in distances of the eyes, is that face.
NEAR = 0.5
# A small lens and a sensor in the light of a room: blur in pixels, noise in grey levels. With 0.7 and
# 8, one in six was named with eyes 24 pixels apart and nobody at 16; nobody wrongly.
BLUR_PX, NOISE = 0.5, 4.0
NOISE_SEED = 20_264


@dataclass(frozen=True, slots=True)
class Galleries:
    """Where the views of one source that show one person are searched."""

    with_person: FaceGallery | None  # learnt from other sources; None if there is none
    without: FaceGallery  # where the person is a stranger


@dataclass(frozen=True, slots=True)
class Probe:
    """One view at one size, and what became of it."""

    person: str
    size_px: int
    is_spoilt: bool
    is_enrolled: bool  # can be: the person is in other sources
    enrolled: Match | None = None  # as somebody enrolled; None: not found, or in no other source
    stranger: Match | None = None  # as a stranger; None: no face was found
    quality: FaceQuality | None = None

    @property
    def is_found(self) -> bool:
        """Whether the detector found the face."""
        return self.stranger is not None

    @property
    def is_named(self) -> bool:
        """Whether it got the right name."""
        return self.enrolled is not None and self.enrolled.identity == self.person

    @property
    def is_wrong(self) -> bool:
        """Whether it got the name of somebody else, in one of the galleries."""
        return any(
            match is not None and match.identity not in (NOBODY, self.person)
            for match in (self.enrolled, self.stranger)
        )


def probe_sizes(
    embedder: FaceEmbedder, faces: Sequence[SeenFace], embeddings: np.ndarray, every: int
) -> list[Probe]:
    """Probes of each `every`-th view of the clips and all of the pictures, at all smaller sizes."""
    detector = open_detector('mtcnn', 'cpu', MtcnnSettings())  # as face_node does by default
    random = np.random.default_rng(NOISE_SEED)
    galleries: dict[tuple[str, str], Galleries] = {}
    counts: Counter[str] = Counter()
    probes = []
    for face in faces:
        counts[face.source] += 1
        if not face.source.endswith('.jpg') and counts[face.source] % every:
            continue
        key = (face.person, face.source)
        if key not in galleries:
            galleries[key] = galleries_for(embedder, faces, embeddings, *key)
        for size_px in SIZES_PX:
            if size_px > eye_distance(face.landmarks):
                continue
            picture, middle = shrunk(face, size_px)
            for is_spoilt in (False, True):
                seen = spoilt(picture, random) if is_spoilt else picture
                found = nearest(detector.detect(seen), middle, NEAR * size_px)
                asked = Probe(
                    face.person, size_px, is_spoilt, galleries[key].with_person is not None
                )
                probes.append(answered(asked, embedder, galleries[key], seen, found))
    return probes


def galleries_for(
    embedder: FaceEmbedder,
    faces: Sequence[SeenFace],
    embeddings: np.ndarray,
    person: str,
    source: str,
) -> Galleries:
    """Everybody but the crowd, with and without `person`, who is not learnt from `source`."""
    others = sorted({face.person for face in faces} - {CROWD, person})
    of_person = [] if person == CROWD else views_to_learn(faces, person, source)
    galleries = []
    for people in ([*others, person], others):
        gallery = FaceGallery(embedder.model_id, embedder.dimension, embedder.decision)
        for enrolled in people:
            rows = of_person if enrolled == person else views_to_learn(faces, enrolled, '')
            if rows:
                mean = mean_embedding(embeddings[rows])
                gallery.add(enrolled, FaceTemplate.quantised(embedder.model_id, mean))
        galleries.append(gallery)
    return Galleries(galleries[0] if of_person else None, galleries[1])


def views_to_learn(faces: Sequence[SeenFace], person: str, unwanted: str) -> list[int]:
    """Good views of one clip, or the best one in a picture, but of the source `unwanted`."""
    good = [
        row
        for row, face in enumerate(faces)
        if face.person == person and face.source != unwanted and face.quality > 0
    ]
    if not good:
        return []
    best = max(good, key=lambda row: faces[row].quality)
    if faces[best].source not in SIGNERS:
        return [best]
    return views_to_enrol(faces, faces[best].source)


def answered(
    probe: Probe,
    embedder: FaceEmbedder,
    galleries: Galleries,
    picture: Picture,
    found: FoundFaces | None,
) -> Probe:
    """The probe with what the galleries say of the face that was found."""
    if found is None:
        return probe
    embedding = embedder.embed(picture, found.landmarks)
    gallery = galleries.with_person
    box, landmarks, score = found.boxes[0], found.landmarks[0], float(found.scores[0])
    return replace(
        probe,
        enrolled=gallery.search(embedding)[0] if gallery is not None else None,
        stranger=galleries.without.search(embedding)[0],
        quality=assess(picture, box, landmarks, score, empty_boxes()),
    )


def shrunk(face: SeenFace, size_px: int) -> tuple[Picture, np.ndarray]:
    """The view with its eyes so far apart, and the middle (2,) of the eyes in it."""
    factor = size_px / eye_distance(face.landmarks)
    height, width = face.picture.shape[:2]
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    picture = cv2.resize(face.picture, size, interpolation=cv2.INTER_AREA)
    return picture, face.landmarks[:2].mean(axis=0) * np.array(size) / (width, height)


def spoilt(picture: Picture, random: np.random.Generator) -> Picture:
    """The picture as a small camera would take it."""
    soft = cv2.GaussianBlur(picture, (0, 0), BLUR_PX).astype(np.float32)
    noise = random.standard_normal(picture.shape, np.float32)
    return np.clip(soft + NOISE * noise, 0, 255).round().astype(np.uint8)


def nearest(found: FoundFaces, middle: np.ndarray, within_px: float) -> FoundFaces | None:
    """The face whose eyes are there, alone; None if there is none."""
    if not len(found):
        return None
    away = np.linalg.norm(found.landmarks[:, :2].mean(axis=1) - middle, axis=1)
    best = int(away.argmin())
    return found.chosen(np.array([best])) if away[best] <= within_px else None


def size_figures(probes: Sequence[Probe]) -> dict[str, float]:
    """Shares for each size, of clear and of spoilt views."""
    figures = {}
    for is_spoilt, suffix in ((False, ''), (True, '_spoilt')):
        for size_px in SIZES_PX:
            here = [one for one in probes if (one.size_px, one.is_spoilt) == (size_px, is_spoilt)]
            enrolled = [one.is_named for one in here if one.is_enrolled]
            ending = f'eyes_{size_px}px{suffix}'
            figures[f'found_{ending}'] = share(one.is_found for one in here)
            figures[f'named_{ending}'] = share(enrolled)
            figures[f'wrong_{ending}'] = share(one.is_wrong for one in here)
    return figures


def size_notes(probes: Sequence[Probe]) -> list[str]:
    """How many views that were, how near the wrong people came, and what the weights rest on."""
    counted, nearest_others = [], []
    for size_px in SIZES_PX:
        here = [one for one in probes if one.size_px == size_px]
        clear = [one for one in here if not one.is_spoilt]
        enrolled = sum(one.is_enrolled for one in clear)
        counted.append(f'{size_px} px {len(clear)} ({enrolled})')
        strangers = [one.stranger.similarity for one in here if one.stranger is not None]
        nearest_others.append(f'{size_px} px {max(strangers, default=float("nan")):.3f}')
    by_class: dict[str, list[Probe]] = {}
    for one in probes:
        if one.quality is not None:
            by_class.setdefault(view_class(one.quality), []).append(one)
    judged = [
        f'{name}: {sum(one.is_named for one in some)} of {sum(one.is_enrolled for one in some)} '
        f'named, {sum(one.is_wrong for one in some)} of {len(some)} wrong'
        for name, some in sorted(by_class.items())
    ]
    return [
        f'at distance: views by size (of them, people who can be enrolled): {", ".join(counted)}; '
        'each is searched among everybody else, learnt at full size, once with the same person '
        'learnt from another picture or clip, and once as a stranger',
        'at distance: shares are of all views, found or not; _spoilt: with blur and noise after '
        'shrinking; with 32 px and more there are only pictures, in which people look different '
        'from the one picture learnt, and the nearest of the crowd',
        f'at distance: most similar to somebody else: {", ".join(nearest_others)}',
        f'at distance, found views by what the recogniser makes of them: {"; ".join(judged)}',
    ]


def view_class(quality: FaceQuality) -> str:
    """Which weight `face_recognition` gives such a view."""
    if TOO_SMALL in quality.reasons:
        return 'too small'
    return 'poor' if quality.reasons else 'good'


def share(flags: Iterable[bool]) -> float:
    """Share of true ones; not a number without any."""
    values = [*flags]
    return sum(values) / len(values) if values else float('nan')
