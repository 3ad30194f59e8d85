"""Writes a chain of layers as an ONNX model, the format that inference runtimes read.

Only the part of the format is written that the layers of `mtcnn_weights` need, in protobuf's wire
format by hand: field numbers are those of `onnx.proto3` (ONNX, IR version 8, operator set 13).
This spares the product the onnx and torch packages at run time.
"""

from collections.abc import Iterable, Sequence

from numpy.typing import NDArray

from mmoment_vision.mtcnn_weights import Convolution, Layer, MaxPool, Network, PRelu

IR_VERSION = 8
OPERATOR_SET = 13
FLOAT = 1

ATTRIBUTE_INT = 2
ATTRIBUTE_INTS = 7

Attribute = int | Sequence[int]


def onnx_bytes(network: Network) -> bytes:
    """ONNX model of `network`: input `pixels` (N, 3, height, width), output `result`."""
    nodes: list[bytes] = []
    arrays: list[bytes] = []
    value = 'pixels'
    for index, layer in enumerate(network.layers):
        last = index == len(network.layers) - 1
        result = 'result' if last else f'value{index}'
        operator, attributes, weights = _operator(layer)
        names = [f'weight{index}_{number}' for number in range(len(weights))]
        arrays += [_tensor(name, weight) for name, weight in zip(names, weights, strict=True)]
        nodes.append(_node(operator, [value, *names], result, attributes))
        value = result
    graph = b''.join(
        [
            *(_message(1, node) for node in nodes),
            _text(2, network.name),
            *(_message(5, array) for array in arrays),
            _message(11, _value_info('pixels', ['n', 3, 'height', 'width'])),
            _message(12, _value_info('result', ['n', 'channels', 'rows', 'columns'])),
        ]
    )
    operator_set = _text(1, '') + _number(2, OPERATOR_SET)
    return _number(1, IR_VERSION) + _message(7, graph) + _message(8, operator_set)


def _operator(layer: Layer) -> tuple[str, dict[str, Attribute], list[NDArray]]:
    """ONNX operator, its attributes and its constant inputs."""
    match layer:
        case Convolution(weight, bias):
            return 'Conv', {'kernel_shape': list(weight.shape[2:])}, [weight, bias]
        case PRelu(slope):
            return 'PRelu', {}, [slope.reshape(-1, 1, 1)]
        case MaxPool(size, stride):
            window = {'kernel_shape': [size, size], 'strides': [stride, stride]}
            return 'MaxPool', {**window, 'ceil_mode': 1}, []


def _node(
    operator: str, inputs: Iterable[str], output: str, attributes: dict[str, Attribute]
) -> bytes:
    fields = [_text(1, name) for name in inputs]
    fields += [_text(2, output), _text(3, output), _text(4, operator)]
    fields += [_message(5, _attribute(name, value)) for name, value in attributes.items()]
    return b''.join(fields)


def _attribute(name: str, value: Attribute) -> bytes:
    if isinstance(value, int):
        return _text(1, name) + _number(3, value) + _number(20, ATTRIBUTE_INT)
    numbers = b''.join(_number(8, number) for number in value)
    return _text(1, name) + numbers + _number(20, ATTRIBUTE_INTS)


def _tensor(name: str, array: NDArray) -> bytes:
    dimensions = b''.join(_number(1, size) for size in array.shape)
    return dimensions + _number(2, FLOAT) + _text(8, name) + _message(9, array.tobytes())


def _value_info(name: str, shape: Iterable[int | str]) -> bytes:
    dimensions = b''.join(
        _message(1, _text(2, size) if isinstance(size, str) else _number(1, size)) for size in shape
    )
    tensor_type = _number(1, FLOAT) + _message(2, dimensions)
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
