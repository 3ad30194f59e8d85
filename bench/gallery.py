"""How long it takes to find a face among many, on one core, against faiss-cpu's flat index."""

from __future__ import annotations

import multiprocessing
import os
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np

from bench.runner import BenchResult

SUMMARY = 'Gallery: exact search among 1,000 to 100,000 templates on one core, against faiss-cpu'
COMPARED_WITH = {
    'p50_ms_1k': '512 dimensions, 1,000 templates',
    'p50_ms_10k': '512 dimensions, 10,000 templates',
    'p50_ms_100k': '512 dimensions, 100,000 templates (aim: under 5 ms)',
    'p50_x_faiss_100k': "faiss-cpu's flat inner-product index, 32-bit, one thread, same queries",
    'recall': 'best person and lead over the second as by comparison with all in 64 bits',
    'p50_ms_100k_plain': 'without simsimd: every template compared with the query in 64 bits',
    'memory_mib_100k': '49 MiB are the bytes of the templates alone',
}

SIZES = {'1k': 1000, '10k': 10_000, '100k': 100_000}
# By model: dimensions, cosine of the mean direction of all faces with each, and how many directions
# carry most of the differences. 128 as measured with dlib, less what all its descriptors share,
# over the test media: two persons enclose a median cosine of 0.37, which is 0.61 squared, and it
# varies by 0.14 among 11 persons. 512 is a guess at FaceNet, whose weights were not to be had here.
MODELS = {'': (512, 0.0, 60.0), '_128d': (128, 0.61, 10.0)}
TEMPLATES_PER_PERSON = 2
# Cosine between two views of one person, before the mean direction is added. With that of dlib it
# makes 0.87, the median measured.
SAME_PERSON = 0.8
QUERIES, QUERIES_QUICK = 200, 60
# The plain way and the comparison with all take long.
CHECKED = 40
SEED = 20_261
THREADS = ('OPENBLAS_NUM_THREADS', 'OMP_NUM_THREADS', 'MKL_NUM_THREADS')

Figures = dict[str, float]


def run(quick: bool, progress: Callable[[str], None]) -> BenchResult:
    """Measure each model and size in a process that has one core and one thread."""
    figures: Figures = {}
    queries = QUERIES_QUICK if quick else QUERIES
    for suffix, model in MODELS.items():
        for size, count in SIZES.items():
            progress(f'{count} templates of {model[0]} dimensions')
            # A fresh interpreter: the thread count is read when NumPy is imported.
            with one_thread(), multiprocessing.get_context('spawn').Pool(1) as pool:
                measured = pool.apply(measure, (model, count, queries))
            figures |= {f'{key}_{size}{suffix}': value for key, value in measured.items()}
    recalls = [value for key, value in figures.items() if key.startswith('recall')]
    kept = {key: value for key, value in figures.items() if is_reported(key)}
    return BenchResult(
        {**kept, 'recall': min(recalls)},
        queries * len(SIZES) * len(MODELS),
        [
            'one query at a time; half of them people of the gallery, half strangers',
            'embeddings are made up: random, but with 128 dimensions no more different from each '
            'other than dlib makes the faces of the test media (two persons: median cosine 0.37, '
            'standard deviation 0.14; one person: 0.87); the 512 dimensions stand for FaceNet and '
            'rest on no measurement',
            f'{TEMPLATES_PER_PERSON} templates a person; ours also tells the lead over the second '
            'best person, faiss the three nearest templates, which that would need',
            'both in turn in one process bound to one core, one thread each',
            'memory: growth of the process while the gallery is filled, people included',
            f'candidates_*: templates left to compare in 64 bits, mean of {CHECKED} queries',
        ],
    )


def is_reported(key: str) -> bool:
    """Whether a figure is worth a line: of memory and the plain way only the largest."""
    return not key.startswith('recall') and (
        (key.startswith(('p50_ms', 'p99_ms')) and 'plain' not in key) or '100k' in key
    )


@contextmanager
def one_thread() -> Iterator[None]:
    """Let the numerical libraries of processes started meanwhile use one thread."""
    before = {name: os.environ.get(name) for name in THREADS}
    os.environ.update(dict.fromkeys(THREADS, '1'))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def measure(model: tuple[int, float, float], count: int, queries: int) -> Figures:
    """Figures of one gallery; to be run in a process of its own."""
    import faiss
    import psutil

    from mmoment_vision import face_gallery
    from mmoment_vision.face_embedding import OpenSet
    from mmoment_vision.face_template import FaceTemplate

    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    faiss.omp_set_num_threads(1)
    faces = MadeUpFaces(*model)
    people = faces.people(count // TEMPLATES_PER_PERSON)
    rows = faces.views(np.repeat(people, TEMPLATES_PER_PERSON, axis=0))
    asked = np.concatenate([faces.views(people[: queries // 2]), faces.people(queries // 2)])
    asked = asked[np.random.default_rng(SEED).permutation(len(asked))]

    process = psutil.Process()
    before = process.memory_info().rss
    gallery = face_gallery.FaceGallery('made-up', model[0], OpenSet(0.6, 0.05))
    for number, row in enumerate(rows):
        owner = f'person {number // TEMPLATES_PER_PERSON}'
        gallery.add(owner, FaceTemplate.quantised('made-up', row))
    memory_mib = (process.memory_info().rss - before) / 2**20

    index = faiss.IndexFlatIP(model[0])
    index.add(rows)
    ours_ms, faiss_ms = [], []
    for query in asked:
        ours_ms.append(_ms(lambda query=query: gallery.search(query[None])))
        faiss_ms.append(_ms(lambda query=query: index.search(query[None], 3)))
    checked = asked[:CHECKED]
    recall = agreement(gallery, checked)
    candidates = [
        len(gallery._candidates(query / np.linalg.norm(query)))
        for query in checked.astype(np.float64)
    ]
    face_gallery.simsimd = None
    plain_ms = [_ms(lambda query=query: gallery.search(query[None])) for query in checked]
    ours, theirs = statistics.median(ours_ms), statistics.median(faiss_ms)
    return {
        'p50_ms': ours,
        'p99_ms': float(np.quantile(ours_ms, 0.99)),
        'p50_x_faiss': ours / theirs,
        'p50_ms_faiss': theirs,
        'recall': recall,
        'candidates': float(np.mean(candidates)),
        'p50_ms_plain': statistics.median(plain_ms),
        'memory_mib': memory_mib,
    }


def agreement(gallery: object, queries: np.ndarray) -> float:
    """Share of the queries with the result of comparing all templates in 64 bits."""
    rows = gallery._rows[: len(gallery)]
    owners = np.array(gallery._owners)
    best = np.full((len(queries), len(rows)), -np.inf)
    for begin in range(0, len(rows), 10_000):
        part = rows[begin : begin + 10_000].astype(np.float64)
        part /= np.linalg.norm(part, axis=1, keepdims=True)
        best[:, begin : begin + len(part)] = queries.astype(np.float64) @ part.T
    best /= np.linalg.norm(queries.astype(np.float64), axis=1, keepdims=True)
    agreed = 0
    for match, similarities in zip(gallery.search(queries), best, strict=True):
        nearest = int(similarities.argmax())
        second = similarities[owners != owners[nearest]].max()
        agreed += (
            match.best == owners[nearest]
            and abs(match.similarity - similarities[nearest]) < 1e-9
            and abs(match.margin - (similarities[nearest] - second)) < 1e-9
        )
    return agreed / len(queries)


class MadeUpFaces:
    """Embeddings that differ as much from each other as those of a face model do."""

    def __init__(self, dimension: int, common: float, directions: float) -> None:
        self._random = np.random.default_rng(SEED)
        spectrum = np.exp(-np.arange(dimension) / directions)
        self._spread = np.sqrt(spectrum / spectrum.sum()).astype(np.float32)
        self._common = common
        self._middle = _unit(self._random.standard_normal(dimension))
        # The directions that matter must not be those of single numbers.
        turn, _ = np.linalg.qr(self._random.standard_normal((dimension, dimension)))
        self._turn = turn.astype(np.float32)

    def people(self, count: int) -> np.ndarray:
        """What is particular to each of so many people, rows of length 1."""
        noise = self._random.standard_normal((count, len(self._spread)), np.float32)
        return _unit((noise * self._spread) @ self._turn)

    def views(self, people: np.ndarray) -> np.ndarray:
        """Embeddings of one view of each, rows of length 1."""
        own = np.sqrt(SAME_PERSON) * people + np.sqrt(1 - SAME_PERSON) * self.people(len(people))
        mixed = self._common * self._middle + np.sqrt(1 - self._common**2) * _unit(own)
        return _unit(mixed).astype(np.float32)


def _unit(rows: np.ndarray) -> np.ndarray:
    return rows / np.linalg.norm(rows, axis=-1, keepdims=True)


def _ms(work: Callable[[], object]) -> float:
    begun_s = time.perf_counter()
    work()
    return (time.perf_counter() - begun_s) * 1e3
