"""What is kept of a face: its embedding as whole numbers of 8 bits, and the model that made it.

512 dimensions become 512 bytes; the cosine of the angle between an embedding and its template is
0.9999 or more. Templates are secrets of their owners: no text made here contains their values.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mmoment_chain.secret_bytes import SecretBytes

# Layout: magic, layout version, length of the model id, dimension, scale (all little-endian); then
# the model id in ASCII, then one signed byte for each dimension. Nothing follows.
HEADER = struct.Struct('<4sBBHf')
MAGIC = b'MMFT'
LAYOUT_VERSION = 1

# The largest value of a template has this size, so that none of the 8 bits is wasted; -128 is not
# used: its negative does not fit.
LARGEST = 127

# Far more than any model has; a header that says otherwise is not ours.
MOST_DIMENSIONS = 4096

# An embedding has length 1. Rounding to whole numbers changes that by less than this.
LENGTH_ERROR = 0.05


class TemplateError(ValueError):
    """A template or an embedding that cannot be used. The text never contains values of it."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class FaceTemplate:
    """One face as a model saw it. Raises TemplateError for what `quantised` would not make.

    `memory` has the values, D signed bytes, out of the swap space, and is the template's own.
    """

    model_id: str
    memory: SecretBytes  # the largest value is 127 or -127
    scale: float  # one step of the values

    def __post_init__(self) -> None:
        if not (self.model_id and len(self.model_id) < 256 and self.model_id.isascii()):
            raise TemplateError('the model id of a face template is 1 to 255 ASCII characters')
        if self.dimension > MOST_DIMENSIONS:
            raise TemplateError(f'a face template has 1 to {MOST_DIMENSIONS} dimensions')
        # As Python's numbers: -(-128) is no signed byte.
        largest = max(int(self.values.max()), -int(self.values.min()))
        if largest != LARGEST or not abs(self.length() * self.scale - 1.0) <= LENGTH_ERROR:
            raise TemplateError('the values of a face template do not fit its scale: it is damaged')

    def __repr__(self) -> str:
        return f'FaceTemplate({self.model_id!r}, {self.dimension} dimensions)'

    @property
    def dimension(self) -> int:
        """Number of values."""
        return len(self.memory)

    @property
    def values(self) -> NDArray[np.int8]:
        """The values (D,) where they are, not a copy. Raises ValueError after `wipe`."""
        return np.frombuffer(self.memory.view, np.int8)

    def length(self) -> float:
        """Length of the row of values, in steps."""
        # Copied by hand: what NumPy needs to work in another type it would leave behind.
        with SecretBytes(self.dimension * np.dtype(np.int32).itemsize) as scratch:
            wide = np.frombuffer(scratch.view, np.int32)
            np.copyto(wide, self.values)
            return math.sqrt(int(wide @ wide))

    @classmethod
    def quantised(cls, model_id: str, embedding: ArrayLike) -> FaceTemplate:
        """Template of an embedding (D,), of any length but 0. The caller wipes the embedding."""
        unit = mean_embedding(np.asarray(embedding, np.float32).reshape(1, -1))
        memory = SecretBytes(len(unit))
        with SecretBytes(len(unit) * np.dtype(np.float64).itemsize) as scratch:
            wide = np.frombuffer(scratch.view, np.float64)
            np.copyto(wide, unit)
            unit.fill(0)
            scale = max(float(wide.max()), -float(wide.min())) / LARGEST
            wide /= scale
            np.rint(wide, out=wide)
            np.copyto(np.frombuffer(memory.view, np.int8), wide, casting='unsafe')
        # What is stored is a 32-bit number: values and scale must fit each other as stored.
        return cls._of(model_id, memory, float(np.float32(scale)))

    def embedding(self) -> NDArray[np.float32]:
        """Embedding (D,) of length 1, in ordinary memory: the caller wipes it."""
        wide = self.values.astype(np.float32)
        wide /= np.linalg.norm(wide)
        return wide

    def to_bytes(self) -> bytearray:
        """Template in the layout above: what is to be sealed. The caller wipes it."""
        name = self.model_id.encode('ascii')
        header = HEADER.pack(MAGIC, LAYOUT_VERSION, len(name), self.dimension, self.scale)
        content = bytearray(header + name) + bytearray(self.dimension)
        # No copy of the values but the one that the caller wipes.
        np.frombuffer(content, np.int8, self.dimension, len(header + name))[:] = self.values
        return content

    @classmethod
    def from_bytes(cls, data: bytes | bytearray | memoryview) -> FaceTemplate:
        """Template that `to_bytes` wrote. Raises TemplateError for anything else."""
        if len(data) < HEADER.size:
            raise TemplateError(f'{len(data)} bytes are too few for a face template')
        magic, version, name_length, dimension, scale = HEADER.unpack_from(data)
        if magic != MAGIC:
            raise TemplateError('these bytes are no face template')
        if version != LAYOUT_VERSION:
            raise TemplateError(
                f'layout {version} of a face template is unknown; this program reads layout '
                f'{LAYOUT_VERSION}'
            )
        expected = HEADER.size + name_length + dimension
        if len(data) != expected:
            raise TemplateError(f'a face template of {expected} bytes came with {len(data)}')
        if not dimension:
            raise TemplateError(f'a face template has 1 to {MOST_DIMENSIONS} dimensions')
        try:
            model_id = bytes(data[HEADER.size : HEADER.size + name_length]).decode('ascii')
        except UnicodeDecodeError:
            # `from None`: the fault would carry the bytes.
            raise TemplateError('the model id of a face template is not ASCII') from None
        memory = SecretBytes(dimension)
        memory.view[:] = memoryview(data)[HEADER.size + name_length :]
        return cls._of(model_id, memory, scale)

    @classmethod
    def _of(cls, model_id: str, memory: SecretBytes, scale: float) -> FaceTemplate:
        try:
            return cls(model_id, memory, scale)
        except TemplateError:
            memory.close()
            raise

    def wipe(self) -> None:
        """Overwrite the values; the template cannot be used any more."""
        self.memory.close()


def mean_embedding(embeddings: ArrayLike) -> NDArray[np.float32]:
    """Direction (D,), of length 1, in the middle of embeddings (N, D): one face in several poses.

    Every pose counts the same. Raises TemplateError if there is none or they have no middle.
    """
    rows = np.array(embeddings, np.float64)
    if rows.ndim != 2 or not rows.size:
        raise TemplateError('a face template needs at least one embedding')
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    # Also refuses what is not a number.
    if not (np.isfinite(lengths).all() and (lengths > 0).all()):
        raise TemplateError('an embedding without direction makes no face template')
    rows /= lengths
    middle = rows.mean(axis=0)
    rows.fill(0)
    length = float(np.linalg.norm(middle))
    if length < 1e-3:
        raise TemplateError('these embeddings point in opposite directions: no face template')
    middle /= length
    result = middle.astype(np.float32)
    middle.fill(0)
    return result
