import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from mmoment_vision.face_template import FaceTemplate, TemplateError, mean_embedding

HEADER_BYTES = 12


def embedding(dimension=512, seed=1):
    row = np.random.default_rng(seed).standard_normal(dimension)
    return (row / np.linalg.norm(row)).astype(np.float32)


def numbers_of(template):
    """Texts that would give the values away."""
    return [str(list(template.values[:3]))[1:-1], repr(template.scale)]


@pytest.mark.parametrize('dimension', [128, 512])
def test_a_template_keeps_the_embedding(dimension):
    for seed in range(50):
        original = embedding(dimension, seed)
        kept = FaceTemplate.quantised('model', original).embedding()
        assert kept.dtype == np.float32
        assert np.linalg.norm(kept) == pytest.approx(1.0, abs=1e-6)
        assert kept @ original >= 0.9999


def test_similarities_to_other_faces_hardly_move():
    rows = np.array([embedding(seed=seed) for seed in range(200)])
    kept = np.array([FaceTemplate.quantised('model', row).embedding() for row in rows])
    moved = np.abs(kept @ rows.T - rows @ rows.T)
    assert np.quantile(moved, 0.999) <= 1.4e-3
    assert moved.max() <= 2.5e-3


def test_512_dimensions_are_512_bytes_and_a_short_header():
    data = FaceTemplate.quantised('model', embedding()).to_bytes()
    assert len(data) == HEADER_BYTES + len('model') + 512


def test_the_layout_is_the_written_one():
    data = FaceTemplate.quantised('m1', [0.0, 0.6, -0.8]).to_bytes()
    scale = np.float32(0.8 / 127).tobytes()
    assert data == b'MMFT\x01\x02\x03\x00' + scale + b'm1' + bytes([0, 95, 256 - 127])


def test_what_was_written_is_read():
    template = FaceTemplate.quantised('dlib-resnet-2017', embedding(128))
    read = FaceTemplate.from_bytes(template.to_bytes())
    assert (read.model_id, read.scale) == (template.model_id, template.scale)
    assert (read.values == template.values).all()
    assert read.to_bytes() == template.to_bytes()


def test_length_of_the_embedding_does_not_matter():
    once, thrice = (FaceTemplate.quantised('m', embedding() * length) for length in (1.0, 3.0))
    assert once.to_bytes() == thrice.to_bytes()


@pytest.mark.parametrize(
    ('spoil', 'reason'),
    [
        (lambda data: b'', 'too few'),
        (lambda data: data[:11], 'too few'),
        (lambda data: b'XXXX' + data[4:], 'no face template'),
        (lambda data: data[:4] + b'\x02' + data[5:], 'layout 2'),
        (lambda data: data[:-1], 'came with'),
        (lambda data: data + b'\x00', 'came with'),
        (lambda data: data[:5] + b'\x00' + data[6:12] + data[17:], 'model id'),
        (lambda data: data[:12] + b'\xff' + data[13:], 'ASCII'),
        (lambda data: data[:6] + b'\x00\x00' + data[8:17], 'dimensions'),
        (lambda data: data[:8] + np.float32(0).tobytes() + data[12:], 'damaged'),
        (lambda data: data[:8] + np.float32(-1).tobytes() + data[12:], 'damaged'),
        (lambda data: data[:8] + np.float32('nan').tobytes() + data[12:], 'damaged'),
        (lambda data: data[:8] + np.float32('inf').tobytes() + data[12:], 'damaged'),
        (lambda data: data[:17] + bytes(512), 'damaged'),
        (lambda data: data[:17] + b'\x80' + data[18:], 'damaged'),
    ],
)
def test_odd_bytes_are_refused_with_a_reason_and_without_data(spoil, reason):
    template = FaceTemplate.quantised('model', embedding())
    with pytest.raises(TemplateError, match=reason) as refused:
        FaceTemplate.from_bytes(spoil(template.to_bytes()))
    assert refused.value.__suppress_context__ or refused.value.__context__ is None
    assert not any(text in str(refused.value) for text in numbers_of(template))


def test_any_flipped_header_bit_is_refused_or_changes_the_model_only():
    data = FaceTemplate.quantised('model', embedding()).to_bytes()
    for bit in range(8 * HEADER_BYTES):
        spoiled = bytearray(data)
        spoiled[bit // 8] ^= 1 << bit % 8
        try:
            read = FaceTemplate.from_bytes(bytes(spoiled))
        except TemplateError:
            continue
        # The last bits of the scale may be wrong by less than rounding is.
        assert read.embedding() @ embedding() > 0.9999


def test_no_text_shows_values():
    template = FaceTemplate.quantised('model', embedding())
    for text in (repr(template), str(template), f'{template}'):
        assert 'model' in text
        assert not any(numbers in text for numbers in numbers_of(template))
        assert 'array' not in text


@pytest.mark.parametrize(
    'embeddings',
    [[], np.empty((0, 4)), [[0.0, 0.0]], [[np.nan, 1.0]], [[np.inf, 1.0]], [[1.0, 0], [-1.0, 0]]],
)
def test_embeddings_without_a_middle_are_refused(embeddings):
    with pytest.raises(TemplateError):
        mean_embedding(embeddings)


def test_the_mean_of_poses_is_between_them_whatever_their_lengths():
    middle = mean_embedding([[2.0, 0.0], [0.0, 1.0]])
    assert middle == pytest.approx([np.sqrt(0.5)] * 2)
    assert middle.dtype == np.float32


def test_wiped_values_are_gone():
    template = FaceTemplate.quantised('model', embedding())
    values = template.values
    template.wipe()
    assert not values.any()
    with pytest.raises(ValueError, match='wiped'):
        _ = template.values


# Takes a template into locked memory, has a gallery know it, and waits.
KEEPER = """
import os, sys
from mmoment_chain.secret_bytes import SecretBytes
from mmoment_vision.face_embedding import OpenSet
from mmoment_vision.face_gallery import FaceGallery
from mmoment_vision.face_template import FaceTemplate

size, dimension = map(int, sys.argv[1:])
secret = SecretBytes(size)
assert os.readv(0, [secret.view]) == size
template = FaceTemplate.from_bytes(secret.view)
gallery = FaceGallery('model', dimension, OpenSet(0.5, 0.0))
gallery.add('ann', template)
print('ready', flush=True)
os.read(0, 1)
"""


def areas_of(process):
    """Start, end and flags of the memory areas that a process writes to.

    But for its stack: registers are saved there, also those through which bytes are copied, and the
    next calls overwrite them.
    """
    areas = []
    for line in Path(f'/proc/{process}/smaps').read_text(encoding='ascii').splitlines():
        area = re.match(r'([0-9a-f]+)-([0-9a-f]+) (.{4})', line)
        if area:
            start, end, rights = int(area[1], 16), int(area[2], 16), area[3]
            is_ours = rights.startswith('rw') and not line.endswith('[stack]')
        elif line.startswith('VmFlags:') and is_ours:
            areas.append((start, end, line.split()[1:]))
    return areas


def test_a_template_that_was_opened_is_in_locked_memory_alone():
    """Looks for its values, in each type that they could be converted to, from outside."""
    content = FaceTemplate.quantised('model', embedding()).to_bytes()
    # Not from the start: what is freed is overwritten there.
    values = np.frombuffer(content, np.int8, 64, len(content) - 256)
    types = ('int8', 'int16', 'int32', 'int64', 'float32', 'float64')
    needles = {name: values.astype(name).tobytes() for name in types}
    command = [sys.executable, '-c', KEEPER, str(len(content)), '512']
    found = set()
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as keeper:
        keeper.stdin.write(content)
        keeper.stdin.flush()
        assert keeper.stdout.readline() == b'ready\n'
        with open(f'/proc/{keeper.pid}/mem', 'rb', 0) as memory:
            for start, end, flags in areas_of(keeper.pid):
                memory.seek(start)
                there = memory.read(end - start)
                place = 'secret' if 'dd' in flags else 'ordinary'
                found |= {(name, place) for name, text in needles.items() if text in there}
        keeper.stdin.close()
    assert found == {('int8', 'secret')}
