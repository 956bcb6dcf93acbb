"""The index that makes all pairs affordable: from an offer to the asks that it meets, and from a text to the people behind it.

Only pairs with something to teach are ever touched: everybody else is impossible for want of a topic.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.matching.engine.scoring.problem import Problem


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Inverted:
    """``meets``: offer text → (ask, chance). ``askers``: ask → (person, priority). ``holders``: offer text → (person, skill).

    Askers receive, holders give, and both take part; rows are ascending.
    """

    meets_starts: NDArray[np.int64]  # len(near.offers) + 1
    meets_ask: NDArray[np.int32]
    meets_chance: NDArray[np.uint16]
    asker_starts: NDArray[np.int64]  # asks + 1
    asker: NDArray[np.int32]
    asker_priority: NDArray[np.uint8]
    holder_starts: NDArray[np.int64]  # len(near.offers) + 1
    holder: NDArray[np.int32]
    holder_skill: NDArray[np.uint8]


def inverted(problem: Problem) -> Inverted:
    """Build the index: a few sorts over what people said."""
    near = problem.near
    meets_starts, meets_ask, meets_chance = _meets(problem)
    who = _owners(problem.need_starts)
    kept = (problem.able & problem.receives)[who]
    asker_starts, order = _grouped(problem.need_ask[kept], groups=len(problem.ask_text))
    asker, asker_priority = who[kept][order], problem.need_priority[kept][order]
    who = _owners(problem.offer_starts)
    kept = (problem.able & problem.gives)[who]
    holder_starts, order = _grouped(problem.offer_text[kept], groups=len(near.offers))
    return Inverted(
        meets_starts=meets_starts,
        meets_ask=meets_ask,
        meets_chance=meets_chance,
        asker_starts=asker_starts,
        asker=asker,
        asker_priority=asker_priority,
        holder_starts=holder_starts,
        holder=who[kept][order],
        holder_skill=problem.offer_skill[kept][order],
    )


def topics_of(problem: Problem, person: int, *, index: Inverted) -> NDArray[np.bool_]:
    """With whom somebody has something to teach, in either direction; n. Rules are not looked at."""
    found = np.zeros(problem.size, dtype=np.bool_)
    if problem.able[person] and problem.gives[person]:
        offers = problem.offer_text[problem.offer_starts[person] : problem.offer_starts[person + 1]]
        for ask in np.unique(_rows(index.meets_starts, index.meets_ask, offers)):
            found[index.asker[index.asker_starts[ask] : index.asker_starts[ask + 1]]] = True
    if problem.able[person] and problem.receives[person]:
        asks = problem.need_ask[problem.need_starts[person] : problem.need_starts[person + 1]]
        for offer in np.unique(_rows(problem.near.starts, problem.near.offers_at, problem.ask_text[asks])):
            found[index.holder[index.holder_starts[offer] : index.holder_starts[offer + 1]]] = True
    found[person] = False
    return found


def _rows(starts: NDArray[np.int64], values: NDArray[np.int32], rows: NDArray[np.int32]) -> NDArray[np.int32]:
    """What these ragged rows hold."""
    nothing = np.empty(0, dtype=np.int32)
    return np.concatenate([nothing, *(values[starts[row] : starts[row + 1]] for row in rows)])


def _meets(problem: Problem) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.uint16]]:
    """The near texts of every ask, turned round."""
    near = problem.near
    width = np.diff(near.starts)[problem.ask_text]
    first = near.starts[problem.ask_text]
    ask = np.repeat(np.arange(len(problem.ask_text), dtype=np.int32), width)
    # Entry k of ask a is entry k of its text's row.
    at = np.arange(int(width.sum()), dtype=np.int64) + np.repeat(first - (np.cumsum(width) - width), width)
    starts, order = _grouped(near.offers_at[at], groups=len(near.offers))
    return starts, ask[order], near.chance[at[order]]


def _owners(starts: NDArray[np.int64]) -> NDArray[np.int32]:
    """To whom each entry of ragged rows belongs."""
    return np.repeat(np.arange(len(starts) - 1, dtype=np.int32), np.diff(starts))


def _grouped(group: NDArray[np.int32], *, groups: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Where each group starts once the entries are put in this (stable) order."""
    order = np.argsort(group, kind="stable")
    starts = np.zeros(groups + 1, dtype=np.int64)
    np.cumsum(np.bincount(group, minlength=groups), out=starts[1:])
    return starts, order
