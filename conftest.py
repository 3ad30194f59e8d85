"""What every test may use, whichever package it belongs to."""

import os
import random
import secrets
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


@pytest.fixture
def chance(request: pytest.FixtureRequest) -> random.Random:
    """Moments and choices that no test knows beforehand.

    A test that fails tells the seed; with that in `$MMOMENT_TEST_SEED` the choices are the same again.
    """
    seed = os.environ.get('MMOMENT_TEST_SEED') or secrets.token_hex(4)
    request.node.add_report_section('setup', 'seed', f'again: MMOMENT_TEST_SEED={seed}')
    return random.Random(seed)
