"""How surely faces are told apart, and whether an enrolled person is found again and nobody else.

One view at a time is judged, without the votes over several views that a name needs in the graph.
"""

from __future__ import annotations

import importlib.util
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from bench.media import media_folder
from bench.recognize_faces import (
    CROWD,
    SIGNERS,
    SeenFace,
    clip_faces,
    picture_faces,
    views_to_enrol,
)
from bench.recognize_scores import (
    CERTAINTY,
    GUARD,
    HeldOut,
    Pairs,
    all_pairs,
    each_held_out,
    fmr_held_out,
    fnmr_held_out,
    mistaken_persons,
    threshold_by_rule,
    upper_bound,
)
from bench.recognize_sizes import probe_sizes, size_figures, size_notes
from bench.runner import BenchResult
from mmoment_vision.dlib_weights import find_weights
from mmoment_vision.face_detection import open_detector
from mmoment_vision.face_embedding import FaceEmbedder, open_embedder
from mmoment_vision.face_gallery import FaceGallery
from mmoment_vision.face_template import FaceTemplate, mean_embedding

SUMMARY = 'Recognition: pairs of faces, open-set naming across clips and sizes, ROC, time per face'
COMPARED_WITH = {
    'model': 'what `auto` picks here',
    'accuracy': 'share of all pairs judged rightly at the fixed default threshold',
    'accuracy_pictures': 'the same over pictures only',
    'fmr': 'pairs of two persons that count as one, at the default threshold (aim: 0); see the notes',
    'fnmr': 'pairs of one person that count as two, single views at the default threshold',
    'threshold': "the model's default; the notes say whether it was measured",
    'threshold_by_rule': 'what these faces would choose (similarity_threshold of face_node)',
    'fmr_held_out': 'as fmr, each person by the threshold that the others would choose',
    'fnmr_held_out': 'as fnmr, the same way; lower where the others would choose a lower threshold',
    'persons': 'who were told apart; the crowd counts as one',
    'persons_mistaken': 'those of whom a view counts as one of another, at the default threshold',
    'persons_mistaken_held_out': 'the same by the threshold that the others would choose',
    'fmr_persons_upper': 'share of people who are mistaken for another is below, at 95 %',
    'fmr_persons_upper_held_out': 'the same by the threshold that the others would choose',
    'auc': 'area under the ROC curve; 1 is perfect',
    'eer': 'rate at which both errors are equally frequent',
    'fnmr_at_fmr_1e-2': 'missed pairs of one person where 1 in 100 pairs of two is let through',
    'fnmr_at_fmr_1e-3': 'the same for 1 in 1,000',
    'wrong_names': 'views that get a name not theirs, of enrolled people and strangers (aim: 0)',
    'frames_named': 'views of a signer enrolled from one clip that get the name in the other clip',
    'found_eyes_24px': 'views shrunk until the eyes are 24 pixels apart in which the face is found',
    'named_eyes_24px': 'those of enrolled people that get their name, found or not',
    'wrong_eyes_24px': 'those of anybody that get a name not theirs (aim: 0)',
    'ms_per_face': 'alignment and network, one face, one thread',
    'ms_per_face_of_4': 'the same for four faces at once',
    'ms_per_face_x_dlib': "time of dlib-bin's network alone, same face, one thread",
}
# Every so manieth picture of a clip is looked at.
EVERY, EVERY_QUICK = 1, 4
EVERY_OF_CROWD, EVERY_OF_CROWD_QUICK = 3, 15
# Of the views in clips, every so manieth is looked at in all sizes.
EVERY_OF_SIZES, EVERY_OF_SIZES_QUICK = 3, 6
TIMED_ROUNDS, TIMED_ROUNDS_QUICK = 20, 8


@dataclass(frozen=True, slots=True)
class Naming:
    """What became of views that were searched in galleries."""

    named: int  # views of the enrolled signer with the right name
    views: int  # of the enrolled signer
    wrong: int  # views with a wrong name, of anybody
    searched: int


def run(quick: bool, progress: Callable[[str], None]) -> BenchResult:
    """Judge the model that `auto` picks; dlib as well where that is another one."""
    faces = find_faces(media_folder(), quick, progress)
    embedder = open_embedder('auto', 'cpu')
    progress(f'judging {len(faces)} views with {embedder.name}')
    metrics, notes = judge(embedder, faces, quick)
    if embedder.model_id != open_embedder('dlib', 'cpu').model_id:
        others, more = judge(open_embedder('dlib', 'cpu'), faces, quick)
        metrics |= {f'{name}_dlib': value for name, value in others.items()}
        notes += [f'dlib: {note}' for note in more]
    else:
        notes.append('FaceNet is measured too where its weights are: ./mmoment models fetch')
    return BenchResult(
        metrics={'model': embedder.model_id, **metrics},
        samples=len(faces),
        notes=[
            *notes,
            'the clips show two men: a dark-haired one signs in yes and no, a blond one in milk and '
            'thanks; each is enrolled from each clip, looked for in his other one, and must not be '
            "found in the other man's",
            'one view of obama is half a face: its pairs are in fnmr, and it is among the few views '
            'with eyes 32 and 48 pixels apart',
        ],
    )


def find_faces(folder: Path, quick: bool, progress: Callable[[str], None]) -> list[SeenFace]:
    """All views of the media."""
    detector = open_detector('mtcnn', 'cpu')
    progress('finding faces in pictures')
    faces = picture_faces(folder / 'faces', detector)
    for clip, person in SIGNERS.items():
        progress(f'finding faces in {clip}')
        every = EVERY_QUICK if quick else EVERY
        faces += clip_faces(folder / 'clips' / f'{clip}.mkv', person, detector, every)
    progress('finding faces in the crowd')
    every = EVERY_OF_CROWD_QUICK if quick else EVERY_OF_CROWD
    return faces + clip_faces(folder / 'clips' / 'crowd-1080p.mp4', CROWD, detector, every)


def judge(
    embedder: FaceEmbedder, faces: Sequence[SeenFace], quick: bool
) -> tuple[dict[str, float | int | str], list[str]]:
    """Figures of one model, and notes on them."""
    embeddings = np.concatenate(
        [embedder.embed(face.picture, face.landmarks[None]) for face in faces]
    )
    pairs = all_pairs(faces, embeddings)
    is_picture = np.array([face.source.endswith('.jpg') for face in faces])
    pictures = all_pairs(
        [face for face, chosen in zip(faces, is_picture, strict=True) if chosen],
        embeddings[is_picture],
    )
    naming = name_views(embedder, faces, embeddings)
    threshold = embedder.decision.threshold
    each = each_held_out(faces, embeddings)
    mistaken = mistaken_persons(faces, embeddings, threshold)
    probes = probe_sizes(
        embedder, faces, embeddings, EVERY_OF_SIZES_QUICK if quick else EVERY_OF_SIZES
    )
    metrics: dict[str, float | int | str] = {
        **rates(pairs, threshold),
        **{f'{name}_pictures': value for name, value in rates(pictures, threshold).items()},
        'threshold': threshold,
        'threshold_by_rule': threshold_by_rule(pairs),
        'fmr_held_out': fmr_held_out(each),
        'fnmr_held_out': fnmr_held_out(each),
        'persons': len(each),
        'persons_mistaken': len(mistaken),
        'persons_mistaken_held_out': sum(one.is_mistaken for one in each),
        'fmr_persons_upper': upper_bound(len(mistaken), len(each)),
        'fmr_persons_upper_held_out': upper_bound(sum(one.is_mistaken for one in each), len(each)),
        'auc': pairs.auc(),
        'eer': pairs.eer(),
        'fnmr_at_fmr_1e-2': pairs.fnmr_at(1e-2),
        'fnmr_at_fmr_1e-3': pairs.fnmr_at(1e-3),
        'wrong_names': naming.wrong,
        'frames_named': naming.named / naming.views,
        **size_figures(probes),
        **timings(embedder, faces, TIMED_ROUNDS_QUICK if quick else TIMED_ROUNDS),
    }
    strangers = f'{naming.searched - naming.views} of others'
    return metrics, [
        f'{len(pairs.same)} pairs of one person (similarity from {pairs.same.min():.3f}, median '
        f'{np.median(pairs.same):.3f}), {len(pairs.other)} of two (up to {pairs.other.max():.3f}, '
        f'median {np.median(pairs.other):.3f}); threshold {threshold}, margin '
        f'{embedder.decision.margin}',
        f'pictures alone: {len(pictures.same)} pairs of one person, {len(pictures.other)} of two',
        *threshold_notes(embedder, each),
        f'names: {naming.views} views of an enrolled signer and {strangers} were searched',
        *size_notes(probes),
    ]


def threshold_notes(embedder: FaceEmbedder, each: Sequence[HeldOut]) -> list[str]:
    """What the threshold rests on."""
    if embedder.decision.is_measured:
        origin = (
            'the default threshold was chosen on these very media: that fmr is 0 follows partly '
            'from the choice'
        )
    else:
        origin = (
            'the default threshold of this model was not measured: threshold_by_rule is what these '
            'media would choose, to be set as similarity_threshold of face_node'
        )
    chosen = ', '.join(f'{one.person} {one.threshold:.2f}' for one in each)
    mistaken = [one.person for one in each if one.is_mistaken]
    return [
        f'{origin}; held out: the rule (strongest pair of two persons plus {GUARD}, rounded up to '
        f'a hundredth) chooses without a person, who is then judged: {chosen}',
        f'held out, mistaken for another: {", ".join(mistaken) or "nobody"}',
        f'pairs of {len(each)} persons are no independent trials: fmr_persons_upper is the exact '
        f'binomial bound by persons at {100 * CERTAINTY:.0f} %, and so few allow no lower one',
    ]


def rates(pairs: Pairs, threshold: float) -> dict[str, float]:
    """Error rates at the default threshold."""
    return {
        'accuracy': pairs.accuracy(threshold),
        'fmr': pairs.fmr(threshold),
        'fnmr': pairs.fnmr(threshold),
    }


def name_views(embedder: FaceEmbedder, faces: Sequence[SeenFace], embeddings: np.ndarray) -> Naming:
    """Enrol the signer of each clip beside the people of the pictures, and search the rest.

    Of each person in the pictures one view is enrolled. The other signer, the crowd and the child
    are strangers.
    """
    total = np.zeros(4, np.int64)
    for clip, signer in SIGNERS.items():
        gallery = FaceGallery(embedder.model_id, embedder.dimension, embedder.decision)
        enrolled = set()
        for person, rows in [(signer, views_to_enrol(faces, clip)), *picture_views(faces)]:
            template = FaceTemplate.quantised(embedder.model_id, mean_embedding(embeddings[rows]))
            gallery.add(person, template)
            enrolled |= set(rows)
        for row, face in enumerate(faces):
            if row in enrolled or face.source == clip:
                continue
            name = gallery.search(embeddings[row : row + 1])[0].identity
            is_signer = face.person == signer
            total += is_signer and name == signer, is_signer, name not in ('', face.person), 1
    return Naming(*total.tolist())


def picture_views(faces: Sequence[SeenFace]) -> Iterator[tuple[str, list[int]]]:
    """The best view of each person who is in a picture and good enough to learn."""
    rows = [row for row, face in enumerate(faces) if face.source.endswith('.jpg')]
    for person in sorted({faces[row].person for row in rows}):
        best = max(
            (row for row in rows if faces[row].person == person), key=lambda row: faces[row].quality
        )
        if faces[best].quality > 0:
            yield person, [best]


def timings(embedder: FaceEmbedder, faces: Sequence[SeenFace], rounds: int) -> dict[str, float]:
    """Milliseconds for a face of a clip, alone and with three more; and against dlib itself.

    They take turns, so that what else the machine does meets all of them alike.
    """
    face = next(face for face in faces if face.source in SIGNERS)
    four = np.stack([face.landmarks] * 4)
    calls: dict[str, Callable[[], object]] = {
        'alone': lambda: embedder.embed(face.picture, four[:1]),
        'four': lambda: embedder.embed(face.picture, four),
    }
    if importlib.util.find_spec('dlib') is not None:
        calls['dlib'] = dlib_network()
    times: dict[str, list[float]] = {name: [] for name in calls}
    with one_thread():
        for turn in range(rounds + 1):
            for name, call in calls.items():
                begin = time.perf_counter()
                call()
                if turn:  # the first time takes longer
                    times[name].append(1000 * (time.perf_counter() - begin))
    medians = {name: statistics.median(values) for name, values in times.items()}
    figures = {'ms_per_face': medians['alone'], 'ms_per_face_of_4': medians['four'] / len(four)}
    if 'dlib' in medians:
        figures['ms_per_face_x_dlib'] = medians['alone'] / medians['dlib']
    return figures


def dlib_network() -> Callable[[], object]:
    """What runs dlib's own network on one face."""
    import dlib

    model = dlib.face_recognition_model_v1(str(find_weights()))
    pixels = np.full((150, 150, 3), 120, np.uint8)
    return lambda: model.compute_face_descriptor(pixels)


@contextmanager
def one_thread() -> Iterator[None]:
    """OpenCV with one thread."""
    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(before)
