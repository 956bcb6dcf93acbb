"""Similarity by meaning: how likely an offer meets a need, from 0 to 1, with the static model that wordllama's wheel carries.

The arithmetic is exact, so that the same texts give the same numbers on every machine: token vectors are averaged in double
precision, made unit length and rounded to whole multiples of 1/4096; products of those are whole numbers below 2**53.
"""

from __future__ import annotations

import pathlib
from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

NAME = "wordllama-256"
GRAIN = 4096

# Measured on needs and offers in people's own words: unrelated texts have a cosine of .03 (95 % below .18), related
# ones lie between .2 and .75. A straight line between these two is monotone and easy to explain.
UNRELATED = 0.1
SURELY_MET = 0.6
MEETS = 0.2
"""Below this an offer does not meet a need."""


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
    known: dict[str, NDArray[np.float64]] = {}

    def vector(text: str) -> NDArray[np.float64]:
        if text not in known:
            # One text at a time: padding to the longest of a batch would let other people's texts change the last bits.
            tokens = np.array(model.tokenize([text.casefold()])[0].ids, dtype=np.int64)
            tokens = tokens[tokens < len(model.embedding)]
            total = model.embedding[tokens].astype(np.float64).sum(axis=0)
            length = np.sqrt((total * total).sum())
            known[text] = np.rint(total / length * GRAIN) if length > 0 else np.zeros_like(total)
        return known[text]

    def similarity(needs: Sequence[str], offers: Sequence[str], /) -> NDArray[np.float64]:
        if not needs or not offers:
            return np.zeros((len(needs), len(offers)))
        left = np.stack([vector(text) for text in needs])
        right = np.stack([vector(text) for text in offers])
        return calibrated((left @ right.T) / GRAIN**2)

    return similarity
