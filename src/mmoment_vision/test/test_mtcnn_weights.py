import numpy as np
import pytest

from mmoment_vision import mtcnn_weights
from mmoment_vision.mtcnn_weights import Convolution, WeightsError, load_networks, weights_folder

# As in the paper, less what the fold of two classes into one logit saves.
PARAMETERS = {'proposal': 6_599, 'refinement': 100_049, 'output': 388_783}


@pytest.fixture(scope='module')
def networks():
    return load_networks()


def arrays(network):
    for layer in network.layers:
        if isinstance(layer, Convolution):
            yield from (layer.weight, layer.bias)
        elif isinstance(layer, mtcnn_weights.PRelu):
            yield layer.slope


@pytest.mark.parametrize('name', PARAMETERS)
def test_networks_have_all_their_weights(networks, name):
    network = getattr(networks, name)
    assert sum(array.size for array in arrays(network)) == PARAMETERS[name]
    assert all(np.isfinite(array).all() for array in arrays(network))
    assert all(array.any() for array in arrays(network))


def test_heads_give_logit_box_and_landmarks(networks):
    heads = [network.layers[-1].weight.shape[0] for network in vars_of(networks)]
    assert heads == [5, 5, 15]


def vars_of(networks):
    return networks.proposal, networks.refinement, networks.output


def test_missing_file_is_named(tmp_path):
    with pytest.raises(WeightsError, match=r'pnet\.pt is missing'):
        load_networks(tmp_path)


@pytest.mark.parametrize('damage', [lambda data: data[:-40], lambda data: b'not a pickle' + data])
def test_damaged_file_is_refused(tmp_path, damage):
    for name in ('pnet.pt', 'rnet.pt', 'onet.pt'):
        (tmp_path / name).write_bytes((weights_folder() / name).read_bytes())
    (tmp_path / 'rnet.pt').write_bytes(damage((weights_folder() / 'rnet.pt').read_bytes()))
    with pytest.raises(WeightsError, match=r'rnet\.pt is not a weight file'):
        load_networks(tmp_path)


def test_a_pickle_cannot_run_code(tmp_path):
    # Protocol 0: global os.system, argument, call.
    (tmp_path / 'pnet.pt').write_bytes(b"cos\nsystem\n(S'touch ran'\ntR.")
    with pytest.raises(WeightsError, match=r'unexpected .*system'):
        load_networks(tmp_path)
