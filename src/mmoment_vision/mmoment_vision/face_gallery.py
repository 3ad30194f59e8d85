"""The faces of the people who are checked in, in locked memory, and who of them a face belongs to.

Search is exact. Among few templates each is compared with the query. Of many, most are ruled out
before: the query is rounded to bytes, as the templates are, and compared with all of them in whole
numbers, which reads a quarter of what 32-bit numbers would take (reading is what a search of many
waits for). Rounding moves no similarity by more than the length of what was rounded away; so it is
known which templates may still be the nearest of one of the two nearest people.

Not for several threads at once: callers hold a lock.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mmoment_chain.secret_bytes import SecretBytes
from mmoment_vision.face_template import FaceTemplate, TemplateError

if TYPE_CHECKING:
    from mmoment_vision.face_embedding import OpenSet

try:
    import simsimd
except ImportError:  # no wheel for this machine: slower, with the same results
    simsimd = None  # type: ignore[assignment]

NOBODY = ''

# Fewer are compared with the query at once, in a fraction of a millisecond.
MANY = 1000

# Rows converted to floating point at a time, in the processor's cache.
SCRATCH_ROWS = 256

# Room at first; it doubles when it is full.
FIRST_ROOM = 16

# More than the rounding of similarities in 32-bit numbers.
ROUNDING = 1e-5

# The least cosine there is: what the second best person has where there is only one.
OPPOSITE = -1.0


@dataclass(frozen=True, slots=True)
class Match:
    """Whose face it is, as far as one picture tells."""

    identity: str  # empty: nobody who is checked in, or not sure enough
    similarity: float  # -1..1, cosine to the nearest template of `best`; 0 in an empty gallery
    best: str  # the nearest person, also if refused; empty in an empty gallery
    margin: float  # lead over the second nearest person


NO_MATCH = Match(NOBODY, 0.0, NOBODY, 0.0)


class FaceGallery:
    """Templates of one model by identity; several for a person if need be.

    A face is somebody's if its similarity to the nearest template reaches the threshold and leads
    over the nearest template of any other person by the margin.
    """

    def __init__(self, model_id: str, dimension: int, decision: OpenSet) -> None:
        self.model_id = model_id
        self.dimension = dimension
        self.decision = decision
        self._memory = SecretBytes(FIRST_ROOM * dimension)
        self._rows = _rows_in(self._memory, dimension)
        self._inverse_lengths = np.zeros(FIRST_ROOM)
        self._scratch = (
            SecretBytes(SCRATCH_ROWS * dimension),
            SecretBytes(SCRATCH_ROWS * dimension * np.dtype(np.float64).itemsize),
        )
        self._chosen = _rows_in(self._scratch[0], dimension)
        self._wide = np.frombuffer(self._scratch[1].view, np.float64).reshape(-1, dimension)
        self._owners: list[str] = []  # of each row
        self._rows_of: dict[str, list[int]] = {}

    def __len__(self) -> int:
        return len(self._owners)

    def __repr__(self) -> str:
        return f'FaceGallery({self.model_id!r}, {len(self)} templates)'

    @property
    def is_locked(self) -> bool:
        """Whether the system keeps the templates out of its swap space."""
        return self._memory.locked and all(part.locked for part in self._scratch)

    def identities(self) -> list[str]:
        """Everybody who has a template."""
        return list(self._rows_of)

    def add(self, identity: str, template: FaceTemplate) -> None:
        """Add one template of a person. Raises TemplateError if another model made it."""
        self._check(identity, template)
        row = len(self)
        if row == len(self._rows):
            self._grow()
        self._rows[row] = template.values
        self._inverse_lengths[row] = 1.0 / template.length()
        self._owners.append(identity)
        self._rows_of.setdefault(identity, []).append(row)

    def add_newest(self, identity: str, template: FaceTemplate, most: int) -> None:
        """Add a template of a person, and forget the oldest beyond `most`. Raises TemplateError."""
        self.add(identity, template)
        while len(self._rows_of[identity]) > most:
            self._drop(self._rows_of[identity].pop(0))
        self._wipe_scratch()

    def remove(self, identity: str) -> int:
        """Forget a person and overwrite the templates; returns how many there were."""
        # Going downwards, the row that fills a gap never belongs to who is removed.
        rows = sorted(self._rows_of.pop(identity, []), reverse=True)
        for row in rows:
            self._drop(row)
        self._wipe_scratch()
        return len(rows)

    def clear(self) -> None:
        """Forget everybody and overwrite all templates."""
        self._rows.fill(0)
        self._inverse_lengths.fill(0)
        self._wipe_scratch()
        self._owners.clear()
        self._rows_of.clear()

    def search(self, embeddings: ArrayLike) -> list[Match]:
        """Who each of these embeddings (N, D) is, of any length but 0; see `Match`."""
        queries = np.asarray(embeddings, np.float64)
        if queries.ndim != 2 or queries.shape[1] != self.dimension:
            raise TemplateError(f'embeddings must be rows of {self.dimension} numbers')
        return [self._match(query) for query in queries]

    def _drop(self, row: int) -> None:
        """Overwrite a row that is in nobody's list any more; the last one fills the gap."""
        last = len(self) - 1
        if row != last:
            owner = self._owners[last]
            self._rows[row] = self._rows[last]
            self._inverse_lengths[row] = self._inverse_lengths[last]
            self._owners[row] = owner
            others = self._rows_of[owner]
            others[others.index(last)] = row
        self._rows[last] = 0
        self._inverse_lengths[last] = 0
        self._owners.pop()

    def _check(self, identity: str, template: FaceTemplate) -> None:
        if not identity:
            raise TemplateError('a template needs somebody whom it belongs to')
        if (template.model_id, template.dimension) != (self.model_id, self.dimension):
            raise TemplateError(
                f'a template of {template.model_id} with {template.dimension} dimensions cannot be '
                f'compared with faces as {self.model_id} sees them, with {self.dimension}: enrol '
                'again with this model'
            )

    def _wipe_scratch(self) -> None:
        self._chosen.fill(0)
        self._wide.fill(0)

    def _grow(self) -> None:
        """Double the room, and leave no template behind in the old one."""
        old_memory, old_rows, old_lengths = self._memory, self._rows, self._inverse_lengths
        self._memory = SecretBytes(2 * old_rows.size)
        self._rows = _rows_in(self._memory, self.dimension)
        self._rows[: len(old_rows)] = old_rows
        self._inverse_lengths = np.concatenate([old_lengths, np.zeros_like(old_lengths)])
        old_memory.close()
        old_lengths.fill(0)

    def _match(self, query: NDArray[np.float64]) -> Match:
        length = float(np.linalg.norm(query))
        if not len(self) or not 0 < length < np.inf:
            return NO_MATCH
        similarities = self._similarities(query / length)
        row = int(similarities.argmax())
        best, similarity = self._owners[row], float(similarities[row])
        margin = similarity - self._second_best(similarities)
        is_known = similarity >= self.decision.threshold and margin >= self.decision.margin
        return Match(best if is_known else NOBODY, similarity, best, margin)

    def _similarities(self, query: NDArray[np.float64]) -> NDArray[np.float64]:
        """Similarity of each row; -inf for those that can be neither best nor second best."""
        count = len(self)
        if simsimd is None or count < MANY:
            return self._exact(query, np.arange(count))
        rows = self._candidates(query)
        similarities = np.full(count, -np.inf)
        similarities[rows] = self._exact(query, rows)
        return similarities

    def _candidates(self, query: NDArray[np.float64]) -> NDArray[np.int64]:
        """Rows that may be the nearest of the nearest or of the second nearest person."""
        step = float(np.abs(query).max()) / 127
        rounded = np.rint(query / step)
        products = simsimd.cdist(rounded.astype(np.int8)[None], self._rows[: len(self)], 'dot')
        coarse = np.asarray(products)[0] * (self._inverse_lengths[: len(self)] * step)
        error = float(np.linalg.norm(query - rounded * step)) + ROUNDING
        # Two people have a row of at least the second best measure, hence in truth of at least
        # that less the error; what is as near as that in truth measures at most the error less.
        return np.flatnonzero(coarse >= self._second_best(coarse) - 2 * error)

    def _exact(self, query: NDArray[np.float64], rows: NDArray[np.int64]) -> NDArray[np.float64]:
        similarities = np.empty(len(rows))
        for begin in range(0, len(rows), SCRATCH_ROWS):
            part = rows[begin : begin + SCRATCH_ROWS]
            # Into memory that `remove` overwrites: no copy of a template is left elsewhere. NumPy
            # makes one of its own unless told to clip.
            chosen, wide = self._chosen[: len(part)], self._wide[: len(part)]
            np.take(self._rows, part, axis=0, out=chosen, mode='clip')
            np.copyto(wide, chosen)
            similarities[begin : begin + len(part)] = wide @ query
        return similarities * self._inverse_lengths[rows]

    def _second_best(self, similarities: NDArray[np.float64]) -> float:
        """Similarity of the second nearest person; that of an opposite face if there is none."""
        rows = self._rows_of[self._owners[int(similarities.argmax())]]
        kept = similarities[rows]
        similarities[rows] = -np.inf
        second = float(similarities.max())
        similarities[rows] = kept
        return max(second, OPPOSITE)


def _rows_in(memory: SecretBytes, dimension: int) -> NDArray[np.int8]:
    """Rows of templates that stand in locked memory."""
    return np.frombuffer(memory.view, np.int8).reshape(-1, dimension)
