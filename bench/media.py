"""Where the real pictures and clips are that some benchmarks need."""

import os
from pathlib import Path

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
