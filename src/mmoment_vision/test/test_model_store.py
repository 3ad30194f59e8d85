import hashlib
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from mmoment_vision import model_store
from mmoment_vision.model_store import FACENET, MODELS

CONTENT = bytes(range(256)) * 5000
SMALL = replace(
    FACENET,
    name='small',
    file_name='small.pt',
    size_bytes=len(CONTENT),
    sha256=hashlib.sha256(CONTENT).hexdigest(),
)


@pytest.mark.parametrize(
    ('environ', 'folder'),
    [
        ({'MMOMENT_MODELS': '/m', 'XDG_DATA_HOME': '/x'}, '/m'),
        ({'MMOMENT_MODELS': '', 'XDG_DATA_HOME': '/x'}, '/x/mmoment/models'),
        ({'XDG_DATA_HOME': 'relative'}, '/home/u/.local/share/mmoment/models'),
        ({}, '/home/u/.local/share/mmoment/models'),
        ({'MMOMENT_MODELS': '~/m'}, '/home/u/m'),
    ],
)
def test_folder_is_chosen_by_the_environment(environ, folder, monkeypatch):
    monkeypatch.setenv('HOME', '/home/u')
    assert model_store.models_folder(environ) == Path(folder)


def test_relative_folder_is_made_absolute(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert model_store.models_folder({'MMOMENT_MODELS': 'here'}) == tmp_path / 'here'


def test_file_is_found_where_the_variable_says(tmp_path, monkeypatch):
    monkeypatch.setenv('MMOMENT_MODELS', str(tmp_path))
    assert model_store.find(SMALL) is None
    (tmp_path / 'small.pt').write_bytes(b'')
    assert model_store.find(SMALL) == tmp_path / 'small.pt'
    assert model_store.find(SMALL, tmp_path / 'elsewhere') is None


def test_whole_file_has_no_fault_and_progress_reaches_its_end(tmp_path):
    path = tmp_path / 'small.pt'
    path.write_bytes(CONTENT)
    seen = []
    assert model_store.fault(SMALL, path, seen.append) is None
    assert seen[-1] == len(CONTENT)


@pytest.mark.parametrize(
    ('content', 'told'),
    [
        (CONTENT[:-1], f'{len(CONTENT) - 1} bytes instead of {len(CONTENT)}'),
        (CONTENT[:-1] + b'x', f'instead of {SMALL.sha256[:12]}…'),
    ],
)
def test_fault_is_told_in_few_words(tmp_path, content, told):
    path = tmp_path / 'small.pt'
    path.write_bytes(content)
    assert told in model_store.fault(SMALL, path)


@pytest.mark.parametrize('model', MODELS.values(), ids=lambda model: model.name)
def test_table_is_complete(model):
    assert re.fullmatch('[0-9a-f]{64}', model.sha256)
    assert model.address.startswith('https://')
    assert model.address.endswith('/' + model.file_name)
    assert model.size_bytes > 0
    assert model.purpose
    assert model.licence


def test_standard_library_is_enough():
    """In an interpreter that has nothing else: `./mmoment models` runs before any installation."""
    program = (
        'import runpy, sys; names = runpy.run_path(sys.argv[1]); print(names["models_folder"]())'
    )
    answer = subprocess.run(
        [sys.executable, '-I', '-S', '-c', program, model_store.__file__],
        env={'MMOMENT_MODELS': '/m', 'LD_LIBRARY_PATH': os.environ.get('LD_LIBRARY_PATH', '')},
        capture_output=True,
        text=True,
        check=True,
    )
    assert answer.stdout.strip() == '/m'
