"""The real pictures and clips that some benchmarks need."""

import os
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from bench.runner import ROOT


def media_folder() -> Path:
    """Return `$MMOMENT_TEST_MEDIA`, else `../shared/media`; FileNotFoundError if there is none."""
    configured = os.environ.get('MMOMENT_TEST_MEDIA')
    folder = Path(configured) if configured else ROOT.parent / 'shared' / 'media'
    if not folder.is_dir():
        raise FileNotFoundError(
            f'no test media at {folder}: name a folder with hands/ and clips/ in MMOMENT_TEST_MEDIA'
        )
    return folder


def clip_pictures(path: Path) -> Iterator[np.ndarray]:
    """Yield the pictures of a clip, uint8 BGR; FileNotFoundError if it has none."""
    clip = cv2.VideoCapture(str(path))
    is_read, picture = clip.read()
    if not is_read:
        raise FileNotFoundError(f'{path} is no clip that OpenCV can read')
    while is_read:
        yield picture
        is_read, picture = clip.read()
    clip.release()
