"""wordllama: a vector for each token, added up. 16 MB, tens of thousands of texts a second, English above all."""

from __future__ import annotations

import pathlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from services.matching.engine.meaning.everyday import EVERYDAY
from services.matching.engine.meaning.models.model import Floats, ModelMissing, readable, unit

Vector = NDArray[np.float64]


class Static:
    """Freed of what only says which language a text is in (see ``everyday``)."""

    name = "wordllama-256"

    def __init__(self) -> None:
        """Load (0.3 s, 60 MB)."""
        try:
            import wordllama
        except ImportError as error:
            raise ModelMissing("wordllama is not installed: pip install 'viceversa[matching]'") from error
        self._model = wordllama.WordLlama.load(cache_dir=pathlib.Path(wordllama.__file__).parent, disable_download=True)
        self._sounds = _orthonormal(
            [unit(np.sum([self._total(text) for text in texts], axis=0)) for texts in EVERYDAY.values()]
        )

    def embed(self, texts: Sequence[str]) -> Floats:
        """Shape ``(len(texts), 256)``."""
        rows = np.zeros((len(texts), self._sounds.shape[1]), dtype=np.float32)
        for row, text in enumerate(texts):
            whole = self._total(text)
            rows[row] = unit(whole - (self._sounds @ whole) @ self._sounds)
        return rows

    def _total(self, text: str) -> Vector:
        # One text at a time and in double precision: padding to the longest of a batch would let other people's texts
        # change the last bits.
        tokens = np.array(self._model.tokenize([readable(text).casefold()])[0].ids, dtype=np.int64)
        tokens = tokens[tokens < len(self._model.embedding)]
        total: Vector = unit(self._model.embedding[tokens].astype(np.float64).sum(axis=0))
        return total


def _orthonormal(vectors: Sequence[Vector]) -> NDArray[np.float64]:
    """Rows that span the same space, each of length 1 and at right angles to the others (Gram and Schmidt)."""
    rows: list[Vector] = []
    for vector in vectors:
        rest = vector
        for row in rows:
            rest = rest - (row @ rest) * row
        rows.append(unit(rest))
    return np.stack(rows)
