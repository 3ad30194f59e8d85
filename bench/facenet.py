"""Imports facenet-pytorch, also where torch is a CPU build and torchvision a CUDA build.

The index has no CPU build of torchvision for x86-64 Linux, and the CUDA build does not load its
compiled operators beside a CPU torch. The one operator that MTCNN needs is then given here.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any

import cv2
import numpy as np

_kept: list[Any] = []


def import_facenet() -> ModuleType:
    """The module facenet_pytorch. Raises ImportError if it, torch or torchvision is missing."""
    import torch

    try:
        import torchvision.extension
    except RuntimeError:
        # Half-imported modules of the failed attempt must not be found again.
        _forget('torchvision')
        library = torch.library.Library('torchvision', 'DEF')
        library.define('nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor')
        library.define('qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor')
        library.impl('nms', _suppress, 'CPU')
        _kept.append(library)
        import torchvision.extension

        torchvision.extension._has_ops = lambda: True
    import facenet_pytorch

    return facenet_pytorch


def is_substituted() -> bool:
    """Whether the operator is given here, in this process."""
    return bool(_kept)


def _forget(package: str) -> None:
    import sys

    for name in [name for name in sys.modules if name.split('.')[0] == package]:
        del sys.modules[name]


def _suppress(boxes: Any, scores: Any, limit: float) -> Any:
    """Greedy suppression by overlap, compiled like the operator it stands for.

    It takes 8 ms of the 350 ms that MTCNN needs for a picture of the crowd clip.
    """
    import torch

    corners = boxes.double().numpy()
    sizes = np.concatenate([corners[:, :2], corners[:, 2:] - corners[:, :2]], axis=1)
    rows = cv2.dnn.NMSBoxes(sizes, scores.numpy(), 0.0, limit)
    return torch.as_tensor(np.asarray(rows, np.int64).reshape(-1))
