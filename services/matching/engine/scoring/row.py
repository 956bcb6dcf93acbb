"""One person with everybody, without a matrix and without compiling anything: the same integers as ``dense`` and ``indexed``."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.matching.engine.scoring.aptness import APTNESS
from services.matching.engine.scoring.inverted import Inverted
from services.matching.engine.scoring.problem import Problem
from services.matching.engine.scoring.value import Millionths, Valued, direction, valued


@dataclass(frozen=True, slots=True, eq=False)
class Row:
    """Everybody with whom there is something to teach (ascending), what one teaches them and they teach one, and the value."""

    others: NDArray[np.int64]
    there: Millionths
    back: Millionths
    valued: Valued


def row_of(problem: Problem, u: int, *, index: Inverted) -> Row:
    """Everything about one person."""
    there, back = _there(problem, u, index=index), _back(problem, u, index=index)
    there[u] = back[u] = 0
    others = np.flatnonzero((there > 0) | (back > 0))
    found = valued(problem, np.full(len(others), u), others, a=there[others], b=back[others])
    return Row(others, there[others], back[others], found)


def _there(problem: Problem, u: int, *, index: Inverted) -> Millionths:
    """What u can teach each."""
    if not (problem.able[u] and problem.gives[u]):
        return np.zeros(problem.size, dtype=np.int64)
    best = np.zeros(len(problem.ask_text), dtype=np.int64)
    for offer in range(problem.offer_starts[u], problem.offer_starts[u + 1]):
        text, skill = problem.offer_text[offer], problem.offer_skill[offer]
        entries = slice(index.meets_starts[text], index.meets_starts[text + 1])
        asks = index.meets_ask[entries]
        apt = index.meets_chance[entries].astype(np.int64) * APTNESS[problem.ask_kind[asks], skill]
        best[asks] = np.maximum(best[asks], apt)
    worth = best[problem.need_ask] * (3 + problem.need_priority.astype(np.int64)) // 6
    who = np.repeat(np.arange(problem.size), np.diff(problem.need_starts))
    found = _best_two(who, worth, size=problem.size)
    found[~(problem.able & problem.receives)] = 0
    return found


def _back(problem: Problem, u: int, *, index: Inverted) -> Millionths:
    """What each can teach u."""
    if not (problem.able[u] and problem.receives[u]):
        return np.zeros(problem.size, dtype=np.int64)
    near, who, worth = problem.near, [], []
    for need in range(problem.need_starts[u], problem.need_starts[u + 1]):
        ask, priority = problem.need_ask[need], 3 + int(problem.need_priority[need])
        text, met = problem.ask_text[ask], np.zeros(problem.size, dtype=np.int64)
        for entry in range(near.starts[text], near.starts[text + 1]):
            offer = near.offers_at[entry]
            holders = slice(index.holder_starts[offer], index.holder_starts[offer + 1])
            chance = int(near.chance[entry]) * APTNESS[problem.ask_kind[ask], index.holder_skill[holders]]
            np.maximum.at(met, index.holder[holders], chance * priority // 6)
        some = np.flatnonzero(met)
        who.append(some)
        worth.append(met[some])
    nothing = np.empty(0, dtype=np.int64)
    return _best_two(np.concatenate([nothing, *who]), np.concatenate([nothing, *worth]), size=problem.size)


def _best_two(who: NDArray[np.int64], worth: Millionths, *, size: int) -> Millionths:
    """The direction from each one's two largest entries."""
    order = np.lexsort((-worth, who))
    who, worth = who[order], worth[order]
    place = np.arange(len(who)) - np.searchsorted(who, who)
    best, second = np.zeros(size, dtype=np.int64), np.zeros(size, dtype=np.int64)
    best[who[place == 0]] = worth[place == 0]
    second[who[place == 1]] = worth[place == 1]
    return direction(best, second)
