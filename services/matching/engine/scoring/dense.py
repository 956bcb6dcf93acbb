"""Pairs as a whole matrix: for cohorts of up to some thousand people, where nothing need be compiled first."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.matching.engine.scoring.aptness import APTNESS
from services.matching.engine.scoring.inverted import inverted
from services.matching.engine.scoring.problem import Problem
from services.matching.engine.scoring.value import Millionths, direction, valued
from services.matching.engine.solving.pairs import NEVER, DensePairs


@dataclass(frozen=True, slots=True, eq=False)
class Matrices:
    """n by n. ``teaches[i, j]``: what i can teach j, as far as roles allow and both take part. ``planned``: see ``valued``.

    ``value``: without the tier of one-way pairs, and where there is something to teach even if a rule forbids the pair; else 0.
    """

    teaches: Millionths
    value: Millionths
    planned: Millionths
    one_way: NDArray[np.bool_]


def matrices(problem: Problem) -> Matrices:
    """Everything about every pair with something to teach."""
    size = problem.size
    taught = teaches(problem)
    u, v = np.nonzero(np.triu((taught > 0) | (taught.T > 0)))
    found = valued(problem, u, v, a=taught[u, v], b=taught[v, u])
    value, one_way = np.zeros((size, size), dtype=np.int64), np.zeros((size, size), dtype=np.bool_)
    planned = np.full((size, size), NEVER, dtype=np.int64)
    for matrix, part in ((value, found.value), (planned, found.planned), (one_way, found.one_way)):
        matrix[u, v] = matrix[v, u] = part
    return Matrices(taught, value, planned, one_way)


def dense_pairs(problem: Problem) -> DensePairs:
    """All pairs, for a solver."""
    return DensePairs(matrices(problem).planned)


def teaches(problem: Problem) -> Millionths:
    """Row i, column j: the direction from i to j, 0 to a million; 0 where roles, absence or the topics leave nothing."""
    size, index = problem.size, inverted(problem)
    result = np.zeros((size, size), dtype=np.int64)
    counts = np.diff(problem.need_starts)
    widest = max(2, int(counts.max(initial=0)))
    # Every learner's needs side by side; where somebody has fewer, the place points to a need that nobody meets.
    column = np.arange(widest)
    at = np.where(column < counts[:, None], problem.need_starts[:-1, None] + column, len(problem.need_ask))
    priority = np.append(problem.need_priority, 0).astype(np.int64)
    asked = np.append(problem.need_ask, len(problem.ask_text))
    for teacher in np.flatnonzero(problem.able & problem.gives).tolist():
        best = np.zeros(len(problem.ask_text) + 1, dtype=np.int64)
        for offer in range(problem.offer_starts[teacher], problem.offer_starts[teacher + 1]):
            text, skill = problem.offer_text[offer], problem.offer_skill[offer]
            row = slice(index.meets_starts[text], index.meets_starts[text + 1])
            asks = index.meets_ask[row]
            apt = index.meets_chance[row].astype(np.int64) * APTNESS[problem.ask_kind[asks], skill]
            best[asks] = np.maximum(best[asks], apt)
        worth = np.sort((best[asked] * (3 + priority) // 6)[at], axis=1)
        result[teacher] = direction(worth[:, -1], worth[:, -2])
    result[:, ~(problem.able & problem.receives)] = 0
    np.fill_diagonal(result, 0)
    return result
