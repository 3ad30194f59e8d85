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
