import io
import os
import pickle
import zipfile
from collections import OrderedDict

import numpy as np
import pytest

from mmoment_vision.torch_weights import LEGACY_MAGIC, read_state

RANDOM = np.random.default_rng(3)


@pytest.fixture(scope='module')
def torch():
    return pytest.importorskip('torch')


@pytest.fixture(scope='module')
def tensors(torch):
    """What real weight files have, and what only odd ones have."""
    whole = torch.arange(24, dtype=torch.float32).reshape(4, 6)
    return OrderedDict(
        weight=torch.from_numpy(RANDOM.standard_normal((5, 3, 2)).astype(np.float32)),
        num_batches_tracked=torch.tensor(-7),
        counts=torch.arange(3),
        shared=whole[1:3],
        turned=whole.t(),
        every_second=whole[:, ::2],
        one=torch.tensor(2.5),
        none=torch.zeros(0, 4),
    )


@pytest.fixture(params=['legacy', 'zip'])
def saved(request, torch, tensors, tmp_path):
    path = tmp_path / 'weights.pt'
    torch.save(tensors, path, _use_new_zipfile_serialization=request.param == 'zip')
    return path


def test_tensors_are_those_that_torch_wrote(saved, tensors):
    read = read_state(saved)
    assert list(read) == list(tensors)
    for name, tensor in tensors.items():
        assert read[name].shape == tensor.shape
        assert read[name].dtype == tensor.numpy().dtype
        assert read[name].flags.writeable
        assert read[name].flags.aligned
        assert np.array_equal(read[name], tensor.numpy())


def test_state_of_a_module_is_read(torch, tmp_path, saved):
    """The state carries a version for each part, which plain tensors do not."""
    module = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4))
    path = tmp_path / 'module.pt'
    is_zip = zipfile.is_zipfile(saved)
    torch.save(module.state_dict(), path, _use_new_zipfile_serialization=is_zip)
    read = read_state(path)
    assert read['1.num_batches_tracked'].shape == ()
    assert np.array_equal(read['0.weight'], module[0].weight.detach().numpy())


def test_other_numbers_than_float32_and_int64_are_refused(torch, tmp_path, saved):
    path = tmp_path / 'half.pt'
    is_zip = zipfile.is_zipfile(saved)
    torch.save({'a': torch.zeros(3).half()}, path, _use_new_zipfile_serialization=is_zip)
    with pytest.raises(ValueError, match=r'unexpected torch\.HalfStorage'):
        read_state(path)


@pytest.mark.parametrize('kept', [0, 1, 20, 300, -1, -40])
def test_file_that_is_cut_short_is_refused(saved, kept):
    saved.write_bytes(saved.read_bytes()[:kept])
    with pytest.raises(ValueError):
        read_state(saved)


def test_damage_is_refused_or_read_but_never_anything_else(saved):
    """A thousand files with a few wrong bytes: tensors or ValueError come of it."""
    data = saved.read_bytes()
    outcomes = set()
    for _ in range(1000):
        damaged = bytearray(data)
        for place in RANDOM.integers(0, len(data), 3):
            damaged[place] = RANDOM.integers(0, 256)
        saved.write_bytes(damaged)
        try:
            outcomes.add(type(read_state(saved)))
        except ValueError:
            outcomes.add(ValueError)
    assert outcomes == {dict, ValueError}


def test_missing_file_is_an_error_of_the_system(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_state(tmp_path / 'none.pt')


class Harmful:
    def __reduce__(self):
        return os.system, ('touch ran',)


def legacy(value):
    file = io.BytesIO()
    for part in (LEGACY_MAGIC, 1001, {'little_endian': True}, value, []):
        pickle.dump(part, file, protocol=2)
    return file.getvalue()


def zipped(value):
    file = io.BytesIO()
    with zipfile.ZipFile(file, 'w') as archive:
        archive.writestr('archive/data.pkl', pickle.dumps(value, protocol=2))
    return file.getvalue()


@pytest.mark.parametrize('written', [legacy, zipped])
def test_no_code_of_the_file_runs(tmp_path, monkeypatch, written):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / 'weights.pt'
    path.write_bytes(written({'a': Harmful()}))
    with pytest.raises(ValueError, match=r'unexpected .*system'):
        read_state(path)
    assert not (tmp_path / 'ran').exists()


@pytest.mark.parametrize('written', [legacy, zipped])
def test_anything_but_tensors_is_refused(tmp_path, written):
    path = tmp_path / 'weights.pt'
    path.write_bytes(written({'a': 'text'}))
    with pytest.raises(ValueError):
        read_state(path)
