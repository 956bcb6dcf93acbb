"""Similarity by meaning: how likely an offer meets a need, from 0 to 1, with the static model that wordllama's wheel carries.

The same texts give the same numbers on every machine: token vectors are summed in double precision, freed of what only says
which language it is (see ``languages``), made unit length and rounded to whole multiples of 1/4096, far above the last bits
in which processors differ; products of those are whole numbers below 2**53, hence exact.
"""

from __future__ import annotations

import pathlib
from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from services.matching.engine.languages import EVERYDAY

NAME = "wordllama-256"
GRAIN = 4096

# Measured on needs and offers in people's own words: unrelated texts have a cosine of .03 (90 % below .15), related ones lie
# between .2 and .75. A straight line between the two is monotone and easy to explain.
UNRELATED = 0.1
SURELY_MET = 0.6
MEETS = 0.1
"""Below this (a cosine of .15) an offer does not meet a need. A low bar on purpose: this model rates many a good offer in other
words just above it, and whoever decides sees the similarity."""

Vector = NDArray[np.float64]


class Similarity(Protocol):
    """Needs and offers to a matrix ``(len(needs), len(offers))`` of values from 0 to 1."""

    def __call__(self, needs: Sequence[str], offers: Sequence[str], /) -> NDArray[np.float64]: ...


def calibrated(cosine: NDArray[np.float64]) -> NDArray[np.float64]:
    """Cosine to 0..1: a straight line from UNRELATED to SURELY_MET, cut off at both ends."""
    return np.clip((cosine - UNRELATED) / (SURELY_MET - UNRELATED), 0.0, 1.0)


def load() -> Similarity:
    """Load the model (0.3 s, 60 MB) and return its similarity; each distinct text is embedded once."""
    import wordllama

    model = wordllama.WordLlama.load(cache_dir=pathlib.Path(wordllama.__file__).parent, disable_download=True)
    known: dict[str, Vector] = {}

    def total(text: str) -> Vector:
        # One text at a time: padding to the longest of a batch would let other people's texts change the last bits.
        tokens = np.array(model.tokenize([text.casefold()])[0].ids, dtype=np.int64)
        tokens = tokens[tokens < len(model.embedding)]
        return _unit(model.embedding[tokens].astype(np.float64).sum(axis=0))

    sounds = _orthonormal([_unit(np.sum([total(text) for text in texts], axis=0)) for texts in EVERYDAY.values()])

    def vector(text: str) -> Vector:
        if text not in known:
            whole = total(text)
            known[text] = np.rint(_unit(whole - (sounds @ whole) @ sounds) * GRAIN)
        return known[text]

    def similarity(needs: Sequence[str], offers: Sequence[str], /) -> NDArray[np.float64]:
        if not needs or not offers:
            return np.zeros((len(needs), len(offers)))
        left = np.stack([vector(text) for text in needs])
        right = np.stack([vector(text) for text in offers])
        return calibrated((left @ right.T) / GRAIN**2)

    return similarity


def _unit(vector: Vector) -> Vector:
    length = float(np.sqrt((vector * vector).sum()))
    # Nothing is left of a text that is one of the everyday sentences: it is like no other.
    return vector / length if length > 1e-6 else np.zeros_like(vector)


def _orthonormal(vectors: Sequence[Vector]) -> NDArray[np.float64]:
    """Rows that span the same space, each of length 1 and at right angles to the others (Gram and Schmidt)."""
    rows: list[Vector] = []
    for vector in vectors:
        rest = vector
        for row in rows:
            rest = rest - (row @ rest) * row
        rows.append(_unit(rest))
    return np.stack(rows)
