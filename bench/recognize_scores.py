"""How well similarities tell pairs of one person from pairs of two."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bench.recognize_faces import CROWD, SeenFace


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


def all_pairs(faces: Sequence[SeenFace], embeddings: np.ndarray) -> Pairs:
    """Pairs of `faces`, whose embeddings (N, D) stand in the same order.

    Left out are pairs from one source, in which a person looks the same all the time, and pairs of
    the crowd, of whom nobody says who they are.
    """
    first, second = np.triu_indices(len(faces), 1)
    similarities = (embeddings @ embeddings.T)[first, second]
    persons = np.array([face.person for face in faces])
    sources = np.array([face.source for face in faces])
    is_same = persons[first] == persons[second]
    is_named = persons[first] != CROWD
    is_apart = sources[first] != sources[second]
    return Pairs(similarities[is_same & is_named & is_apart], similarities[~is_same])
