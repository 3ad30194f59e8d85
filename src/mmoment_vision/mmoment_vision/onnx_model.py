"""Writes networks as ONNX models, the format that inference runtimes read.

Only the part of the format is written that our networks need, in protobuf's wire format by hand:
field numbers are those of `onnx.proto3` (ONNX, IR version 8, operator set 13). This spares the
product the onnx and torch packages at run time.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mmoment_vision.mtcnn_weights import Convolution, MaxPool, Network, PRelu

IR_VERSION = 8
OPERATOR_SET = 13

ATTRIBUTE_INT = 2
ATTRIBUTE_INTS = 7
ELEMENT_TYPES = {'float32': 1, 'int64': 7}

Attribute = int | Sequence[int]
FloatArray = NDArray[np.float32]
# Rows and columns, or one number for both.
Pair = int | tuple[int, int]
# Zeros added at the top, left, bottom and right, or one number for all.
Edges = int | tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class Operation:
    """One node of a graph: named values in, one named value out."""

    operator: str
    inputs: tuple[str, ...]
    output: str
    attributes: Mapping[str, Attribute]


class OnnxGraph:
    """A network under construction.

    Each method adds one operation of ONNX and returns the name of its result, which later
    operations take; a value may be used any number of times. Values are float32, NCHW. The input
    is `pixels`; a size of its shape may be left open by a name, but OpenCV joins branches of a
    network only where height and width are numbers.
    """

    def __init__(
        self, name: str, input_shape: Sequence[int | str] = ('n', 3, 'height', 'width')
    ) -> None:
        self.name = name
        self.input = 'pixels'
        self.operations: list[Operation] = []
        self.constants: dict[str, NDArray] = {}
        self._input_shape = input_shape

    def convolution(
        self,
        value: str,
        weight: FloatArray,
        bias: FloatArray | None = None,
        stride: Pair = 1,
        padding: Edges = 0,
        groups: int = 1,
    ) -> str:
        """Weight is (out, in / groups, height, width), bias (out,)."""
        attributes = _window(weight.shape[2:], stride, padding)
        arrays = [weight] if bias is None else [weight, bias]
        return self._add('Conv', [value], arrays, {**attributes, 'group': groups})

    def relu(self, value: str) -> str:
        """Negative numbers become 0."""
        return self._add('Relu', [value])

    def prelu(self, value: str, slope: FloatArray) -> str:
        """Negative numbers are multiplied by their channel's slope (C,)."""
        return self._add('PRelu', [value], [slope.reshape(-1, 1, 1)])

    def sum(self, first: str, second: str) -> str:
        """Element by element; the shapes are equal."""
        return self._add('Add', [first, second])

    def product(self, value: str, factor: FloatArray | float) -> str:
        """Element by element with a constant, broadcast."""
        return self._add('Mul', [value], [np.atleast_1d(np.asarray(factor, np.float32))])

    def concatenation(self, values: Sequence[str], axis: int = 1) -> str:
        """Along `axis`, which is that of the channels."""
        return self._add('Concat', values, attributes={'axis': axis})

    def max_pool(
        self, value: str, size: Pair, stride: Pair, padding: Edges = 0, hangs_over: bool = False
    ) -> str:
        """Maximum of each window; the last one may hang over the edge."""
        attributes = _window(_pair(size), stride, padding)
        return self._add('MaxPool', [value], (), {**attributes, 'ceil_mode': int(hangs_over)})

    def average_pool(self, value: str, size: Pair, stride: Pair, padding: Edges = 0) -> str:
        """Mean of each window; zeros of the padding do not count."""
        return self._add('AveragePool', [value], (), _window(_pair(size), stride, padding))

    def global_average(self, value: str) -> str:
        """Mean of each channel: (N, C, 1, 1)."""
        return self._add('GlobalAveragePool', [value])

    def padded(self, value: str, channels: int = 0, edges: Edges = 0) -> str:
        """Zeros added around each picture and after the last channel."""
        top, left, bottom, right = _edges(edges)
        pads = np.array([0, 0, top, left, 0, channels, bottom, right], np.int64)
        return self._add('Pad', [value], [pads])

    def flattened(self, value: str) -> str:
        """One row for each picture: (N, C * height * width)."""
        return self._add('Flatten', [value], attributes={'axis': 1})

    def dense(self, value: str, weight: FloatArray, bias: FloatArray | None = None) -> str:
        """Values (N, in, 1, 1) times weight (out, in), plus bias (out,): (N, out, 1, 1).

        Written as a convolution: OpenCV refuses Gemm where sizes are left open.
        """
        return self.convolution(value, weight[:, :, None, None], bias)

    def to_bytes(self, result: str) -> bytes:
        """The model: input `pixels`, output `result`."""
        graph = b''.join(
            [
                *(_message(1, _node(operation)) for operation in self.operations),
                _text(2, self.name),
                *(_message(5, _tensor(name, array)) for name, array in self.constants.items()),
                _message(11, _value_info(self.input, self._input_shape)),
                _message(12, _value_info(result, ())),
            ]
        )
        operator_set = _text(1, '') + _number(2, OPERATOR_SET)
        return _number(1, IR_VERSION) + _message(7, graph) + _message(8, operator_set)

    def _add(
        self,
        operator: str,
        values: Iterable[str],
        arrays: Iterable[NDArray] = (),
        attributes: Mapping[str, Attribute] | None = None,
    ) -> str:
        index = len(self.operations)
        constants = {f'constant{index}_{number}': array for number, array in enumerate(arrays)}
        self.constants |= constants
        operation = Operation(operator, (*values, *constants), f'value{index}', attributes or {})
        self.operations.append(operation)
        return operation.output


def onnx_bytes(network: Network) -> bytes:
    """ONNX model of a chain of layers: input `pixels` (N, 3, height, width), one output."""
    graph = OnnxGraph(network.name)
    value = graph.input
    for layer in network.layers:
        match layer:
            case Convolution(weight, bias):
                value = graph.convolution(value, weight, bias)
            case PRelu(slope):
                value = graph.prelu(value, slope)
            case MaxPool(size, stride):
                value = graph.max_pool(value, size, stride, hangs_over=True)
    return graph.to_bytes(value)


def _pair(both: Pair) -> tuple[int, int]:
    return (both, both) if isinstance(both, int) else both


def _edges(all_four: Edges) -> tuple[int, int, int, int]:
    return (all_four,) * 4 if isinstance(all_four, int) else all_four


def _window(size: Sequence[int], stride: Pair, padding: Edges) -> dict[str, Attribute]:
    return {'kernel_shape': size, 'strides': _pair(stride), 'pads': _edges(padding)}


def _node(operation: Operation) -> bytes:
    fields = [_text(1, name) for name in operation.inputs]
    fields += [_text(2, operation.output), _text(3, operation.output), _text(4, operation.operator)]
    fields += [_message(5, _attribute(name, value)) for name, value in operation.attributes.items()]
    return b''.join(fields)


def _attribute(name: str, value: Attribute) -> bytes:
    if isinstance(value, int):
        return _text(1, name) + _number(3, value) + _number(20, ATTRIBUTE_INT)
    numbers = b''.join(_number(8, number) for number in value)
    return _text(1, name) + numbers + _number(20, ATTRIBUTE_INTS)


def _tensor(name: str, array: NDArray) -> bytes:
    dimensions = b''.join(_number(1, size) for size in array.shape)
    element_type = _number(2, ELEMENT_TYPES[array.dtype.name])
    return dimensions + element_type + _text(8, name) + _message(9, array.tobytes())


def _value_info(name: str, shape: Iterable[int | str]) -> bytes:
    """A float32 value; an empty shape leaves rank and sizes to the runtime."""
    sizes = (_text(2, size) if isinstance(size, str) else _number(1, size) for size in shape)
    dimensions = b''.join(_message(1, size) for size in sizes)
    tensor_type = _number(1, ELEMENT_TYPES['float32']) + _message(2, dimensions)
    return _text(1, name) + _message(2, _message(1, tensor_type))


def _varint(number: int) -> bytes:
    """Protobuf's variable-length integer: seven bits a byte, lowest first."""
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)


def _number(field: int, number: int) -> bytes:
    return _varint(field << 3) + _varint(number)


def _message(field: int, content: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(content)) + content


def _text(field: int, text: str) -> bytes:
    return _message(field, text.encode())
