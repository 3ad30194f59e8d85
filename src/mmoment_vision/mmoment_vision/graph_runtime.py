"""Runs a network of `onnx_model`: OpenCV on a CPU, torch on a CUDA device.

The device is chosen as for the detector (`mtcnn_runtime`), with the same reasons.
"""

from collections.abc import Mapping
from typing import Any, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from mmoment_vision.mtcnn_runtime import TorchRuntime, open_runtime
from mmoment_vision.onnx_model import Attribute, FloatArray, OnnxGraph, Operation


class GraphRunner(Protocol):
    """Executes one network; used by one thread at a time."""

    @property
    def name(self) -> str:
        """Runtime and device, for people."""
        ...

    def __call__(self, pixels: NDArray[np.uint8]) -> FloatArray:
        """Run on BGR pictures (N, height, width, 3), N at least 1."""
        ...


class OpenCvGraph:
    """CPU, through OpenCV's network module."""

    name = 'OpenCV, cpu'

    def __init__(self, graph: OnnxGraph, result: str) -> None:
        self._model = cv2.dnn.readNetFromONNX(np.frombuffer(graph.to_bytes(result), np.uint8))
        self._model.setPreferableBackend(cv2.dnn.DNN_BACKEND_OPENCV)
        self._model.setPreferableTarget(cv2.dnn.DNN_TARGET_CPU)

    def __call__(self, pixels: NDArray[np.uint8]) -> FloatArray:
        self._model.setInput(np.ascontiguousarray(pixels.transpose(0, 3, 1, 2), np.float32))
        result: FloatArray = self._model.forward()
        return result


class TorchGraph:
    """Any torch device; meant for CUDA."""

    def __init__(self, graph: OnnxGraph, result: str, device: str) -> None:
        import torch

        self._torch: Any = torch
        self._device = torch.device(device)
        self.name = f'torch {torch.__version__}, {device}'
        self._input, self._result = graph.input, result
        self._operations = tuple(graph.operations)
        self._constants = {
            name: torch.from_numpy(np.ascontiguousarray(array)).to(self._device)
            for name, array in graph.constants.items()
            if array.dtype == np.float32
        }
        self._pads = {
            name: array.tolist()
            for name, array in graph.constants.items()
            if array.dtype == np.int64
        }

    def __call__(self, pixels: NDArray[np.uint8]) -> FloatArray:
        with self._torch.inference_mode():
            picture = self._torch.from_numpy(np.ascontiguousarray(pixels)).to(self._device)
            values = {**self._constants, self._input: picture.permute(0, 3, 1, 2).float()}
            for operation in self._operations:
                values[operation.output] = self._step(operation, values)
            result: FloatArray = values[self._result].cpu().numpy()
            return result

    def _step(self, operation: Operation, values: Mapping[str, Any]) -> Any:
        functional, attributes = self._torch.nn.functional, operation.attributes
        first, *others = (values.get(name, name) for name in operation.inputs)
        match operation.operator:
            case 'Conv':
                padded = self._padded(first, attributes, 0.0)
                strides, groups = attributes['strides'], attributes['group']
                return functional.conv2d(padded, *others, stride=strides, groups=groups)
            case 'Relu':
                return functional.relu(first)
            case 'PRelu':
                return functional.prelu(first, others[0].flatten())
            case 'Add':
                return first + others[0]
            case 'Mul':
                return first * others[0]
            case 'Concat':
                return self._torch.cat([first, *others], dim=attributes['axis'])
            case 'MaxPool':
                padded = self._padded(first, attributes, -float('inf'))
                size, strides = attributes['kernel_shape'], attributes['strides']
                hangs_over = bool(attributes['ceil_mode'])
                return functional.max_pool2d(padded, size, strides, ceil_mode=hangs_over)
            case 'AveragePool':
                return self._average(first, attributes)
            case 'GlobalAveragePool':
                return first.mean(dim=(2, 3), keepdim=True)
            case 'Pad':
                _, _, top, left, _, channels, bottom, right = self._pads[operation.inputs[1]]
                return functional.pad(first, (left, right, top, bottom, 0, channels))
            case 'Flatten':
                return first.flatten(1)
            case operator:
                raise ValueError(f'operator {operator} is unknown')

    def _padded(self, value: Any, attributes: Mapping[str, Attribute], number: float) -> Any:
        top, left, bottom, right = _numbers(attributes['pads'])
        return self._torch.nn.functional.pad(value, (left, right, top, bottom), value=number)

    def _average(self, value: Any, attributes: Mapping[str, Attribute]) -> Any:
        """Sums over how many of a window's places lie in the map."""
        size, strides = attributes['kernel_shape'], attributes['strides']
        average = self._torch.nn.functional.avg_pool2d
        whole = average(self._padded(value, attributes, 0.0), size, strides)
        inside = self._padded(self._torch.ones_like(value[:1, :1]), attributes, 0.0)
        return whole / average(inside, size, strides)


def open_graph(graph: OnnxGraph, result: str, device: str = 'auto') -> GraphRunner:
    """Prepare the value `result` of `graph` on `device`: auto, cpu or cuda.

    auto takes CUDA where torch has it, else the CPU. Raises DeviceError if `cuda` is asked for
    and not there, ValueError for an unknown device.
    """
    if isinstance(open_runtime(device), TorchRuntime):
        return TorchGraph(graph, result, 'cuda')
    return OpenCvGraph(graph, result)


def _numbers(value: Attribute) -> tuple[int, ...]:
    return (value,) if isinstance(value, int) else tuple(value)
