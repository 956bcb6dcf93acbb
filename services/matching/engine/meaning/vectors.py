"""Vectors kept by content: a text is embedded once for each model, whoever writes it and however often.

A vector is kept as whole multiples of 1/16384 in two bytes each. That is far above the last bits in which processors differ,
and everything that is computed from it later is whole numbers below 2**53, hence exact.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from services.matching.engine.meaning.models.model import Model, readable

FINE = 2**14
TOGETHER = 256  # texts between two looks at ``store``: what was embedded before a failure is kept


class Vectors(Protocol):
    """Where a caller keeps vectors: model name and text to bytes (``<i2``, as many as the model's vectors are long)."""

    def get(self, model: str, texts: Iterable[str], /) -> Mapping[str, bytes]:
        """Those of the texts that are kept."""
        ...

    def put(self, model: str, vectors: Mapping[str, bytes], /) -> None:
        """Keep them."""
        ...


class DamagedVector(RuntimeError):
    """A kept vector cannot be one of the model's; the message says which text."""


@dataclass(frozen=True, slots=True)
class Kept:
    """In memory. ``added`` are those that were put since it was made: what a caller with a table writes there."""

    known: dict[tuple[str, str], bytes] = field(default_factory=dict)
    added: dict[tuple[str, str], bytes] = field(default_factory=dict)

    def get(self, model: str, texts: Iterable[str], /) -> Mapping[str, bytes]:
        """Those of the texts that are kept."""
        return {text: self.known[model, text] for text in texts if (model, text) in self.known}

    def put(self, model: str, vectors: Mapping[str, bytes], /) -> None:
        """Keep them."""
        for text, vector in vectors.items():
            self.known[model, text] = self.added[model, text] = vector


def embedded(model: Model, texts: Iterable[str], *, store: Vectors) -> dict[str, NDArray[np.int16]]:
    """The vector of each text as ``model`` reads it (see ``readable``); only what ``store`` has not is embedded, and kept."""
    wanted = sorted({readable(text) for text in texts})
    kept = dict(store.get(model.name, wanted))
    missing = [text for text in wanted if text not in kept]
    for first in range(0, len(missing), TOGETHER):
        some = missing[first : first + TOGETHER]
        rows = np.rint(model.embed(some).astype(np.float64) * FINE).astype("<i2")
        new = {text: row.tobytes() for text, row in zip(some, rows, strict=True)}
        store.put(model.name, new)
        kept |= new
    vectors = {text: np.frombuffer(kept[text], dtype="<i2") for text in wanted}
    size = max((len(vector) for vector in vectors.values()), default=0)
    for text, vector in vectors.items():
        if len(vector) != size:
            raise DamagedVector(
                f"the kept vector of {text!r} by {model.name} has {len(vector)} numbers where {size} belong: remove it"
            )
    return vectors
