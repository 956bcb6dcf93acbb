"""What a model's vectors say about the topic, freed of what they say besides.

All vectors of a model share a direction (E5's raw cosines lie between .75 and .90, whatever the texts are about), and some
directions tell languages, questions from titles, or "I want" from "how to", but not topics. On labelled texts one sees which:
those in which the texts *of one topic* spread most (the within-class covariance of linear discriminant analysis). So a
vector is centred on the mean of those texts, its share along the leading directions of that spread is damped, and what is
left is made unit length::

    x' = x − mean          x'' = x' − Σ_k (1 − g_k) (v_k · x') v_k          g_k = sqrt((rest + ridge) / (spread_k + ridge))

with ``rest`` the mean spread of the other directions and a ridge of twice the mean spread of all. In whole numbers
throughout: the same on every machine.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.matching.engine.meaning.vectors import FINE

DIRECTIONS = 32
RIDGE = 2.0
LENGTH = 4080
"""Of a finished vector. Rounding adds less than 16, so that products stay below 2**24: exact even in single precision."""

Whole = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Space:
    """``mean`` (size), ``directions`` (k, size) in multiples of 1/16384; ``damping`` (k): 1 − g in the same grain."""

    mean: Whole
    directions: Whole
    damping: Whole

    def place(self, rows: NDArray[np.integer]) -> NDArray[np.float32]:
        """Kept vectors, shape ``(n, size)``, to whole numbers of length ``LENGTH``; a row of zeros stays one."""
        said = rows.any(axis=1)
        # Whole numbers below 2**53 in double precision: exact in any order, and quick.
        x = rows.astype(np.float64) - self.mean
        along = np.rint((x @ self.directions.T.astype(np.float64)) * self.damping / FINE**2)
        rest = np.rint(x - (along @ self.directions.astype(np.float64)) / FINE)
        length = np.sqrt((rest * rest).sum(axis=1, keepdims=True))
        placed = np.rint(rest * LENGTH / np.maximum(length, 1.0))
        placed[~said] = 0.0
        exact: NDArray[np.float32] = placed.astype(np.float32)
        return exact


def fitted(rows: NDArray[np.integer], *, topics: Sequence[str], damped: bool = True) -> Space:
    """The space of vectors, shape ``(n, size)``; texts of one topic carry its name, "" is a topic of its own each time.

    ``damped`` False: only centred. A model that knows one language has nothing to damp: measured, MiniLM loses by it.
    """
    whole = rows.astype(np.float64) / FINE
    mean = whole.mean(axis=0)
    names = np.array(topics)
    within = [
        group - group.mean(axis=0)
        for group in (whole[names == name] for name in sorted(set(topics) - {""}))
        if damped and len(group) > 1
    ]
    size = whole.shape[1]
    kept = min(DIRECTIONS, size - 1) if within else 0
    spread, directions = np.zeros(0), np.zeros((0, size))
    rest = ridge = 1.0
    if kept:
        apart = np.concatenate(within)
        values, vectors = np.linalg.eigh(apart.T @ apart / len(apart))
        spread, directions = values[::-1][:kept], vectors.T[::-1][:kept]
        # An eigenvector has no sign of its own: the largest entry is positive.
        largest = np.abs(directions).argmax(axis=1)
        directions = directions * np.sign(directions[np.arange(kept), largest])[:, None]
        rest, ridge = float(values[: size - kept].mean()), RIDGE * float(values.mean())
    return Space(
        mean=np.rint(mean * FINE).astype(np.int64),
        directions=np.rint(directions * FINE).astype(np.int64),
        damping=np.rint((1 - np.sqrt((rest + ridge) / (spread + ridge))) * FINE).astype(np.int64),
    )
