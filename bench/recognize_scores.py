"""How well similarities tell pairs of one person from pairs of two.

A threshold that is chosen and judged with the same faces makes no errors among them, whatever it
is worth. So each person is also judged by a threshold that was chosen without that person.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bench.recognize_faces import CROWD, SeenFace

# How a threshold is chosen: this much above the strongest pair of two persons, rounded up to a
# hundredth. It gives the default threshold of dlib from the media that it was measured on.
GUARD = 0.03
# Bounds hold with this certainty.
CERTAINTY = 0.95


@dataclass(frozen=True, slots=True)
class Pairs:
    """Similarities of all pairs of views."""

    same: np.ndarray  # of one person, from different sources
    other: np.ndarray  # of two persons

    def fmr(self, threshold: float) -> float:
        """False-match rate: share of pairs of two persons that count as one."""
        return float((self.other >= threshold).mean())

    def fnmr(self, threshold: float) -> float:
        """False-non-match rate: share of pairs of one person that count as two."""
        return float((self.same < threshold).mean())

    def accuracy(self, threshold: float) -> float:
        """Share of all pairs that are judged rightly."""
        right = (self.same >= threshold).sum() + (self.other < threshold).sum()
        return float(right / (len(self.same) + len(self.other)))

    def fnmr_at(self, fmr: float) -> float:
        """False-non-match rate at the lowest threshold whose false-match rate is at most `fmr`."""
        allowed = int(fmr * len(self.other))
        strongest = np.sort(self.other)[::-1]
        # As many pairs of two persons as are allowed lie above this similarity.
        return float((self.same <= strongest[allowed]).mean())

    def auc(self) -> float:
        """Area under the ROC curve: how often one person's pair is more similar than two's."""
        ranked = np.sort(self.other)
        below = np.searchsorted(ranked, self.same, 'left')
        upto = np.searchsorted(ranked, self.same, 'right')
        return float((below + upto).mean() / 2 / len(ranked))

    def eer(self) -> float:
        """Equal error rate: where both rates are nearest to each other, their mean."""
        thresholds = np.unique(np.concatenate([self.same, self.other]))
        fmr = 1 - np.searchsorted(np.sort(self.other), thresholds, 'left') / len(self.other)
        fnmr = np.searchsorted(np.sort(self.same), thresholds, 'left') / len(self.same)
        nearest = np.abs(fmr - fnmr).argmin()
        return float((fmr[nearest] + fnmr[nearest]) / 2)


@dataclass(frozen=True, slots=True)
class HeldOut:
    """One person, judged by a threshold that was chosen without that person."""

    person: str
    threshold: float
    pairs: Pairs  # in which the person is

    @property
    def is_mistaken(self) -> bool:
        """Whether any view counts as one of somebody else."""
        return self.pairs.fmr(self.threshold) > 0


def all_pairs(faces: Sequence[SeenFace], embeddings: np.ndarray) -> Pairs:
    """Pairs of `faces`, whose embeddings (N, D) stand in the same order.

    Left out are pairs from one source, in which a person looks the same all the time, and pairs of
    the crowd, of whom nobody says who they are.
    """
    first, second = np.triu_indices(len(faces), 1)
    return _pairs_at(faces, embeddings, first, second)


def threshold_by_rule(pairs: Pairs) -> float:
    """The threshold that these pairs would choose."""
    # Rounded first: 0.77 plus 0.03 is no more than 0.8, whatever the last bits say.
    return math.ceil(round(100 * (float(pairs.other.max()) + GUARD), 3)) / 100


def each_held_out(faces: Sequence[SeenFace], embeddings: np.ndarray) -> list[HeldOut]:
    """Each person in turn, the crowd as if it were one."""
    persons = np.array([face.person for face in faces])
    first, second = np.triu_indices(len(faces), 1)
    found = []
    for person in np.unique(persons):
        is_with = (persons[first] == person) | (persons[second] == person)
        others = _pairs_at(faces, embeddings, first[~is_with], second[~is_with])
        own = _pairs_at(faces, embeddings, first[is_with], second[is_with])
        found.append(HeldOut(str(person), threshold_by_rule(others), own))
    return found


def mistaken_persons(
    faces: Sequence[SeenFace], embeddings: np.ndarray, threshold: float
) -> list[str]:
    """Of whom a view counts as one of somebody else."""
    persons = np.array([face.person for face in faces])
    is_false = (embeddings @ embeddings.T >= threshold) & (persons[:, None] != persons)
    return sorted({str(person) for person in persons[is_false.any(axis=1)]})


def fmr_held_out(each: Sequence[HeldOut]) -> float:
    """Share of the pairs of a held-out person and another one that count as one person."""
    false = sum((one.pairs.other >= one.threshold).sum() for one in each)
    return float(false / sum(len(one.pairs.other) for one in each))


def fnmr_held_out(each: Sequence[HeldOut]) -> float:
    """Share of the pairs of a held-out person that count as two."""
    missed = sum((one.pairs.same < one.threshold).sum() for one in each)
    return float(missed / sum(len(one.pairs.same) for one in each))


def upper_bound(errors: int, trials: int) -> float:
    """The share of errors that is not exceeded, with `CERTAINTY`, if so many were seen.

    Exact binomial (Clopper and Pearson, 1934), one-sided; without errors about 3 / `trials`.
    """
    if errors >= trials:
        return 1.0
    low, high = 0.0, 1.0
    for _ in range(50):
        share = (low + high) / 2
        at_most = sum(
            math.comb(trials, count) * share**count * (1 - share) ** (trials - count)
            for count in range(errors + 1)
        )
        low, high = (share, high) if at_most > 1 - CERTAINTY else (low, share)
    return high


def _pairs_at(
    faces: Sequence[SeenFace], embeddings: np.ndarray, first: np.ndarray, second: np.ndarray
) -> Pairs:
    similarities = (embeddings @ embeddings.T)[first, second]
    persons = np.array([face.person for face in faces])
    sources = np.array([face.source for face in faces])
    is_same = persons[first] == persons[second]
    is_named = persons[first] != CROWD
    is_apart = sources[first] != sources[second]
    return Pairs(similarities[is_same & is_named & is_apart], similarities[~is_same])
