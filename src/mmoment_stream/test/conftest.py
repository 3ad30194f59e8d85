import os
import subprocess
import sys
from pathlib import Path

import pytest

# Tests of this package share the helpers beside them.
sys.path.insert(0, str(Path(__file__).parent))

SMALL_DISK_KIB = 1024


@pytest.fixture
def small_disk(tmp_path):
    """A real file system of one MiB; skipped where this user may mount none."""
    folder = tmp_path / 'small'
    folder.mkdir()
    options = f'size={SMALL_DISK_KIB}k'
    mount = ['mount', '-t', 'tmpfs', '-o', options, 'tmpfs', str(folder)]
    if os.geteuid() or subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip('this user may not mount a small file system')
    yield folder
    subprocess.run(['umount', '--lazy', str(folder)], check=True)
