"""What the face pipeline is held against: facenet-pytorch's MTCNN on every picture of a clip."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from bench.facenet import import_facenet
from bench.media import clip_pictures
from bench.runner import ROOT
from mmoment_vision.face_boxes import Boxes, Picture, empty_boxes

CACHE = ROOT / '.mmoment' / 'bench'
# Packages whose version may change what the reference finds.
PACKAGES = ('facenet-pytorch', 'torch', 'torchvision', 'opencv-contrib-python')


@dataclass(frozen=True, slots=True)
class Reference:
    """Boxes by number of the picture, for the pictures that were looked at."""

    boxes: dict[int, Boxes]


class PlainLoop:
    """MTCNN with default settings plus FaceNet on every face, one picture after the other.

    FaceNet has random weights: its own are a download, and cost the same time.
    """

    def __init__(self) -> None:
        facenet = import_facenet()
        import torch

        self._torch = torch
        self._facenet = facenet
        self._mtcnn = facenet.MTCNN(keep_all=True)
        self._embedder = facenet.InceptionResnetV1(pretrained=None).eval()
        self.threads = torch.get_num_threads()

    def boxes(self, picture: Picture) -> Boxes:
        """Boxes of the faces of a BGR picture."""
        found, _ = self._mtcnn.detect(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB))
        return empty_boxes() if found is None else np.asarray(found, np.float32)

    def choose_threads(self, picture: Picture) -> None:
        """Take one thread or all, whichever is faster now.

        Where other processes want the cores, torch on all of them waits for itself and may need
        ten times as long as on one.
        """
        taken: list[tuple[float, int]] = []
        for threads in sorted({1, self.threads}):
            self._torch.set_num_threads(threads)
            # The first run with a new count prepares something.
            taken.append((min(self.run(picture) for _ in range(3)), threads))
        _, self.threads = min(taken)
        self._torch.set_num_threads(self.threads)

    def run(self, picture: Picture) -> float:
        """Detect and embed; returns the seconds it took."""
        begun_s = time.perf_counter()
        rgb = cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)
        found, _ = self._mtcnn.detect(rgb)
        faces = self._mtcnn.extract(rgb, found, None) if found is not None else None
        if faces is not None:
            with self._torch.no_grad():
                for face in faces:
                    self._embedder(face[None])
        return time.perf_counter() - begun_s


def read_clip(path: Path) -> list[Picture]:
    """All pictures of a clip, BGR."""
    return list(clip_pictures(path))


def reference(
    path: Path,
    pictures: Sequence[Picture],
    wanted: Sequence[int],
    loop: PlainLoop,
    progress: Callable[[str], None],
) -> Reference:
    """Reference boxes of the `wanted` pictures; those of earlier runs are kept in a file."""
    file = CACHE / f'faces-{_key(path)}.json'
    known: dict[int, list[list[float]]] = {}
    if file.is_file():
        known = {int(number): boxes for number, boxes in json.loads(file.read_text()).items()}
    missing = [number for number in wanted if number not in known]
    for count, number in enumerate(missing):
        if count % 10 == 0:
            progress(f'reference MTCNN, picture {count + 1} of {len(missing)}')
        known[number] = loop.boxes(pictures[number]).tolist()
    if missing:
        CACHE.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(known))
    return Reference({n: np.array(known[n], np.float32).reshape(-1, 4) for n in wanted})


def _key(path: Path) -> str:
    """Changes with the clip and with the packages that make the reference."""
    digest = hashlib.sha256(path.read_bytes())
    for package in PACKAGES:
        digest.update(f'{package}={importlib.metadata.version(package)}'.encode())
    return digest.hexdigest()[:16]
