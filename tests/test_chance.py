"""A test with random choices tells its seed when it fails, and is repeated by it."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SCENE = """
def test_fails(chance):
    assert chance.random() > 1

def test_passes(chance):
    assert chance.random() < 1
"""


def run(folder: Path, **environment: str) -> str:
    """What pytest says of the scene."""
    shutil.copy(ROOT / 'conftest.py', folder)
    (folder / 'test_scene.py').write_text(SCENE)
    kept = {name: value for name, value in os.environ.items() if name != 'MMOMENT_TEST_SEED'}
    words = [sys.executable, '-m', 'pytest', '-q', '-p', 'no:cacheprovider', str(folder)]
    done = subprocess.run(
        words, cwd=folder, env=kept | environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1, done.stdout
    return done.stdout


def drawn(told: str) -> str:
    return re.search(r'assert (0\.[0-9]+) > 1', told).group(1)


def test_who_fails_tells_the_seed_that_brings_the_same_again(tmp_path: Path):
    first = run(tmp_path)
    (seed,) = re.findall(r'MMOMENT_TEST_SEED=([0-9a-f]{8})\n', first)
    again = run(tmp_path, MMOMENT_TEST_SEED=seed)
    assert f'MMOMENT_TEST_SEED={seed}\n' in again
    assert drawn(again) == drawn(first) != drawn(run(tmp_path))
