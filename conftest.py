"""What every test may use, whichever package it belongs to."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent


@pytest.fixture(scope='session')
def media() -> Path:
    """Folder with real pictures and clips: `$MMOMENT_TEST_MEDIA`, else `../shared/media`.

    The test is skipped, with the reason, where there is none.
    """
    configured = os.environ.get('MMOMENT_TEST_MEDIA')
    folder = Path(configured) if configured else ROOT.parent / 'shared' / 'media'
    if not folder.is_dir():
        pytest.skip(f'no test media at {folder} (name a folder in MMOMENT_TEST_MEDIA)')
    return folder
