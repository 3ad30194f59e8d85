"""Reads tensors from files that torch wrote, without torch.

Both of its formats (torch/serialization.py): the old one, of before torch 1.6, and the zip archive
that came after it. Files are pickles, which can run code; here only what a dictionary of tensors
needs is ever made, whatever the file asks for.
"""

import math
import os
import pickle
import struct
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Sequence
from io import BufferedReader, BytesIO
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

# First pickle of a file in the old format.
LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
ZIP_MAGIC = b'PK\x03\x04'


class WeightsError(RuntimeError):
    """A weight file is absent or not in the expected format."""


def read_state(path: Path) -> dict[str, NDArray]:
    """Tensors (float32, or int64) of a saved state dictionary by name.

    Raises OSError if the file cannot be read, ValueError if it holds anything else.
    """
    with path.open('rb') as file:
        read = _read_zip if file.peek().startswith(ZIP_MAGIC) else _read_legacy
        return _understood(read, file)


def _understood(
    read: Callable[[BufferedReader], dict[str, '_Tensor']], file: BufferedReader
) -> dict[str, NDArray]:
    try:
        return {name: tensor.array() for name, tensor in read(file).items()}
    except OSError:
        raise
    except Exception as error:
        # From damaged bytes pickle raises whatever it comes across, by its own documentation.
        raise ValueError(str(error) or type(error).__name__) from error


class _Storage:
    """Flat array that tensors refer to; it is filled after them."""

    def __init__(self, element_type: str, length: int) -> None:
        self.length = length
        self.values: NDArray = np.empty(0, element_type)

    def fill(self, values: NDArray) -> None:
        """Take the values, which come from elsewhere in the file than the length."""
        if len(values) != self.length:
            raise ValueError('a storage is cut short')
        self.values = values


class _Tensor:
    """A tensor as the file describes it."""

    def __init__(
        self, storage: _Storage, offset: int, size: Sequence[int], stride: Sequence[int], *_: Any
    ) -> None:
        self._storage, self._offset, self._size, self._stride = storage, offset, size, stride

    def array(self) -> NDArray:
        """View of the storage where its order allows, else a copy."""
        if min((self._offset, *self._size, *self._stride)) < 0:
            raise ValueError('a tensor reaches before its storage')
        steps = zip(self._size, self._stride, strict=True)
        reach = self._offset + sum((size - 1) * step for size, step in steps)
        length = self._storage.length
        if 0 not in self._size and (reach >= length or math.prod(self._size) > length):
            raise ValueError('a tensor reaches past its storage')
        values = self._storage.values[self._offset :]
        strides = [step * values.itemsize for step in self._stride]
        view = np.lib.stride_tricks.as_strided(values, self._size, strides)
        return np.ascontiguousarray(view).reshape(self._size)


class _Unpickler(pickle.Unpickler):
    """Unpickler that can make nothing but ordered dictionaries of tensors."""

    ALLOWED: dict[tuple[str, str], Any] = {
        ('collections', 'OrderedDict'): OrderedDict,
        ('torch._utils', '_rebuild_tensor_v2'): _Tensor,
        ('torch', 'FloatStorage'): '<f4',
        ('torch', 'LongStorage'): '<i8',
    }

    def __init__(self, file: BinaryIO) -> None:
        super().__init__(file)
        self.storages: dict[str, _Storage] = {}

    def find_class(self, module: str, name: str) -> Any:
        try:
            return self.ALLOWED[module, name]
        except KeyError:
            raise pickle.UnpicklingError(f'unexpected {module}.{name}') from None

    def persistent_load(self, identifier: Any) -> _Storage:
        kind, element_type, key, _, length, *view = identifier
        if kind != 'storage' or any(part is not None for part in view):
            raise ValueError('a storage is part of another one')
        return self.storages.setdefault(key, _Storage(element_type, length))


def _read_legacy(file: BufferedReader) -> dict[str, _Tensor]:
    """Five pickles (magic, version, system, object, storage keys), then the storages.

    Of each, in the order of the keys: the length as int64, then the values, all little-endian.
    """
    if _Unpickler(file).load() != LEGACY_MAGIC:
        raise ValueError('wrong magic number')
    _Unpickler(file).load()
    system = _Unpickler(file).load()
    if not system['little_endian']:
        raise ValueError('written on a big-endian machine')
    unpickler = _Unpickler(file)
    tensors: dict[str, _Tensor] = unpickler.load()
    file_bytes = os.fstat(file.fileno()).st_size
    for key in _Unpickler(file).load():
        storage = unpickler.storages[key]
        if struct.unpack('<q', file.read(8)) != (storage.length,):
            raise ValueError(f'storage {key} has another length than its tensors say')
        # Room for a length that damage made up would be taken before anything is read.
        if storage.length * storage.values.itemsize > file_bytes:
            raise ValueError('a storage is cut short')
        storage.fill(np.fromfile(file, storage.values.dtype, storage.length))
    return tensors


def _read_zip(file: BufferedReader) -> dict[str, _Tensor]:
    """`NAME/data.pkl` with the object, `NAME/data/KEY` with the values of each storage."""
    # From memory: a damaged archive would have the file itself fail, as if the disk did.
    with zipfile.ZipFile(BytesIO(file.read())) as archive:
        names = archive.namelist()
        pickled = next((name for name in names if name.endswith('/data.pkl')), None)
        if pickled is None:
            raise ValueError('no data.pkl in it')
        folder = pickled.removesuffix('/data.pkl')
        order = f'{folder}/byteorder'
        if order in names and archive.read(order) != b'little':
            raise ValueError('written on a big-endian machine')
        unpickler = _Unpickler(BytesIO(archive.read(pickled)))
        tensors: dict[str, _Tensor] = unpickler.load()
        for key, storage in unpickler.storages.items():
            content = bytearray(archive.read(f'{folder}/data/{key}'))
            storage.fill(np.frombuffer(content, storage.values.dtype))
    return tensors
