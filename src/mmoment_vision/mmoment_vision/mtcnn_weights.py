"""Reads the MTCNN weights that the facenet-pytorch wheel carries, without importing torch.

The three networks (Zhang et al., "Joint Face Detection and Alignment Using Multitask Cascaded
Convolutional Networks", 2016) become plain lists of layers that any runtime can execute. Three
exact rewritings make them cheaper to run:

- the input normalisation `(x - 127.5) / 128` and the change from BGR to RGB are folded into the
  first convolution, so a network eats camera pixels;
- fully connected layers become convolutions over the whole map;
- the two class outputs become one logit (their difference), put before the box and landmark
  outputs, so that every network has a single output tensor.
"""

import importlib.util
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

# Whoever opens networks of this module meets the error here.
from mmoment_vision.torch_weights import WeightsError as WeightsError
from mmoment_vision.torch_weights import read_state

FloatArray = NDArray[np.float32]

# Constants of the input normalisation that the weights were trained with.
PIXEL_MEAN = 127.5
PIXEL_SCALE = 1.0 / 128.0


@dataclass(frozen=True, slots=True)
class Convolution:
    """Unpadded convolution with stride 1; weight is (out, in, height, width)."""

    weight: FloatArray
    bias: FloatArray


@dataclass(frozen=True, slots=True)
class PRelu:
    """Leaky rectifier with one slope per channel."""

    slope: FloatArray


@dataclass(frozen=True, slots=True)
class MaxPool:
    """Maximum over a square window; the last window may hang over the edge."""

    size: int
    stride: int = 2


Layer = Convolution | PRelu | MaxPool


@dataclass(frozen=True, slots=True)
class Network:
    """A chain of layers: float32 BGR pixels (0..255, NCHW) in, one tensor out.

    Output channels: 0 is the logit of "face", 1..4 the box correction, 5..14 (output network
    only) the landmarks, first five x, then five y, as fractions of the box.
    """

    name: str
    layers: tuple[Layer, ...]
    input_px: int


@dataclass(frozen=True, slots=True)
class MtcnnNetworks:
    """Proposal, refinement and output network of the cascade."""

    proposal: Network
    refinement: Network
    output: Network


def weights_folder() -> Path:
    """Folder of the weight files inside the installed facenet-pytorch.

    Raises WeightsError if the package is not installed.
    """
    spec = importlib.util.find_spec('facenet_pytorch')
    if spec is None or spec.origin is None:
        raise WeightsError(
            'package facenet-pytorch is not installed: pip install --no-deps facenet-pytorch'
        )
    return Path(spec.origin).parent / 'data'


def load_networks(folder: Path | None = None) -> MtcnnNetworks:
    """Load the three networks from `folder` (default: the installed facenet-pytorch).

    Raises WeightsError if a file is missing or cannot be understood.
    """
    folder = folder or weights_folder()
    return MtcnnNetworks(
        proposal=_proposal(_state(folder / 'pnet.pt')),
        refinement=_refinement(_state(folder / 'rnet.pt')),
        output=_output(_state(folder / 'onet.pt')),
    )


def _proposal(state: dict[str, FloatArray]) -> Network:
    layers: list[Layer] = [
        *_stage(state, 1, first=True),
        MaxPool(2),
        *_stage(state, 2),
        *_stage(state, 3),
        _head(state, 'conv4_1', 'conv4_2'),
    ]
    return Network('proposal', tuple(layers), input_px=12)


def _refinement(state: dict[str, FloatArray]) -> Network:
    layers: list[Layer] = [
        *_stage(state, 1, first=True),
        MaxPool(3),
        *_stage(state, 2),
        MaxPool(3),
        *_stage(state, 3),
        _dense(state, 'dense4', channels=64),
        PRelu(state['prelu4.weight']),
        _head(state, 'dense5_1', 'dense5_2'),
    ]
    return Network('refinement', tuple(layers), input_px=24)


def _output(state: dict[str, FloatArray]) -> Network:
    layers: list[Layer] = [
        *_stage(state, 1, first=True),
        MaxPool(3),
        *_stage(state, 2),
        MaxPool(3),
        *_stage(state, 3),
        MaxPool(2),
        *_stage(state, 4),
        _dense(state, 'dense5', channels=128),
        PRelu(state['prelu5.weight']),
        _head(state, 'dense6_1', 'dense6_2', 'dense6_3'),
    ]
    return Network('output', tuple(layers), input_px=48)


def _stage(state: dict[str, FloatArray], number: int, first: bool = False) -> list[Layer]:
    """Convolution `number` with its rectifier; the first one takes raw BGR pixels."""
    weight, bias = state[f'conv{number}.weight'], state[f'conv{number}.bias']
    if first:
        weight = weight * np.float32(PIXEL_SCALE)
        bias = bias - weight.sum(axis=(1, 2, 3)) * np.float32(PIXEL_MEAN)
        weight = weight[:, ::-1]
    return [_convolution(weight, bias), PRelu(state[f'prelu{number}.weight'])]


def _dense(state: dict[str, FloatArray], name: str, channels: int) -> Convolution:
    """Fully connected layer over a square map, whose inputs are ordered x, y, channel."""
    weight = state[f'{name}.weight']
    side = round((weight.shape[1] / channels) ** 0.5)
    weight = weight.reshape(weight.shape[0], side, side, channels).transpose(0, 3, 2, 1)
    return _convolution(weight, state[f'{name}.bias'])


def _head(state: dict[str, FloatArray], classes: str, *others: str) -> Convolution:
    """1x1 convolution whose channel 0 is the logit of class 1 of two."""
    weights = [state[f'{name}.weight'] for name in (classes, *others)]
    weights = [weight.reshape(weight.shape[0], weight.shape[1], 1, 1) for weight in weights]
    biases = [state[f'{name}.bias'] for name in (classes, *others)]
    weights[0] = weights[0][1:] - weights[0][:1]
    biases[0] = biases[0][1:] - biases[0][:1]
    return _convolution(np.concatenate(weights), np.concatenate(biases))


def _convolution(weight: FloatArray, bias: FloatArray) -> Convolution:
    return Convolution(
        np.ascontiguousarray(weight, np.float32), np.ascontiguousarray(bias, np.float32)
    )


def _state(path: Path) -> dict[str, FloatArray]:
    """Arrays of one weight file by name."""
    try:
        return read_state(path)
    except FileNotFoundError as error:
        raise WeightsError(f'{path} is missing: reinstall facenet-pytorch') from error
    except ValueError as error:
        raise WeightsError(f'{path} is not a weight file of facenet-pytorch 2: {error}') from error
