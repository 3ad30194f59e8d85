"""Runs the networks of `mtcnn_weights`: OpenCV on a CPU, torch on a CUDA device.

OpenCV's network module was the fastest of OpenCV, ONNX Runtime and torch for these small networks
on one core, adds no dependency and leaves torch's 200 MB out of the process. Torch is imported
only where a CUDA device is asked for or may be there.
"""

import importlib.util
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from mmoment_vision.mtcnn_weights import Convolution, FloatArray, MaxPool, Network, PRelu
from mmoment_vision.onnx_model import onnx_bytes

DEVICES = ('auto', 'cpu', 'cuda')

# Character devices and files that exist where a CUDA device may be: the check spares the import
# of torch (seconds, 200 MB) on every other machine.
CUDA_TRACES = ('/dev/nvidia0', '/dev/nvhost-gpu', '/dev/dxg')


class DeviceError(RuntimeError):
    """The asked for device cannot be used."""


class NetworkRunner(Protocol):
    """Executes one network."""

    def __call__(self, pixels: NDArray[np.uint8]) -> FloatArray:
        """Run on BGR pictures (N, height, width, 3); returns (N, channels, rows, columns)."""
        ...


class NetworkRuntime(Protocol):
    """Makes runners for one device."""

    @property
    def name(self) -> str:
        """Runtime and device, for people."""
        ...

    def runner(self, network: Network) -> NetworkRunner:
        """Prepare `network`; the runner must be used by one thread at a time."""
        ...


class OpenCvRuntime:
    """CPU, through OpenCV's network module."""

    name = 'OpenCV, cpu'

    def runner(self, network: Network) -> NetworkRunner:
        model = cv2.dnn.readNetFromONNX(np.frombuffer(onnx_bytes(network), np.uint8))
        model.setPreferableBackend(cv2.dnn.DNN_BACKEND_OPENCV)
        model.setPreferableTarget(cv2.dnn.DNN_TARGET_CPU)

        def run(pixels: NDArray[np.uint8]) -> FloatArray:
            model.setInput(_channels_first(pixels))
            result: FloatArray = model.forward()
            return result

        return run


class TorchRuntime:
    """Any torch device; meant for CUDA."""

    def __init__(self, device: str) -> None:
        import torch

        self._torch: Any = torch
        self._device = torch.device(device)
        self.name = f'torch {torch.__version__}, {device}'

    def runner(self, network: Network) -> NetworkRunner:
        torch = self._torch
        steps = [self._step(layer) for layer in network.layers]

        def run(pixels: NDArray[np.uint8]) -> FloatArray:
            with torch.inference_mode():
                value = torch.from_numpy(pixels).to(self._device).permute(0, 3, 1, 2).float()
                for step in steps:
                    value = step(value)
                result: FloatArray = value.cpu().numpy()
                return result

        return run

    def _step(self, layer: Convolution | PRelu | MaxPool) -> Any:
        functional = self._torch.nn.functional
        match layer:
            case Convolution(weight, bias):
                kernel, offset = self._constant(weight), self._constant(bias)
                return lambda value: functional.conv2d(value, kernel, offset)
            case PRelu(slope):
                constant = self._constant(slope)
                return lambda value: functional.prelu(value, constant)
            case MaxPool(size, stride):
                return lambda value: functional.max_pool2d(value, size, stride, ceil_mode=True)

    def _constant(self, array: FloatArray) -> Any:
        return self._torch.from_numpy(array).to(self._device)


def open_runtime(device: str = 'auto') -> NetworkRuntime:
    """Runtime for `device`: auto, cpu or cuda.

    auto takes CUDA where torch has it, else the CPU. Raises DeviceError if `cuda` is asked for
    and not there, ValueError for an unknown device.
    """
    if device not in DEVICES:
        raise ValueError(f"unknown device '{device}': choose one of {', '.join(DEVICES)}")
    if device == 'cpu':
        return OpenCvRuntime()
    if device == 'auto' and not any(Path(trace).exists() for trace in CUDA_TRACES):
        return OpenCvRuntime()
    if _torch_has_cuda():
        return TorchRuntime('cuda')
    if device == 'cuda':
        raise DeviceError('torch finds no CUDA device: set device to cpu or auto')
    return OpenCvRuntime()


def _torch_has_cuda() -> bool:
    if importlib.util.find_spec('torch') is None:
        return False
    import torch

    return bool(torch.cuda.is_available())


def _channels_first(pixels: NDArray[np.uint8]) -> FloatArray:
    return np.ascontiguousarray(pixels.transpose(0, 3, 1, 2), np.float32)
