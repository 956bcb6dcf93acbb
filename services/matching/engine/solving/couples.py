"""Sets of couples, and pairs of which some couples are worth something else."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from services.matching.engine.solving.pairs import (
    NEVER,
    DensePairs,
    Edges,
    Millionths,
    Numbers,
    Pairs,
    Priced,
    edges_of,
)

LOOKED_THROUGH = 64
AT_ONCE = 3_000
"""Up to so many people the pairs above a floor are laid out as a matrix, so that the bound stays close."""


def none() -> Edges:
    """No couples."""
    return Edges(np.empty(0, np.int32), np.empty(0, np.int32), np.empty(0, np.int64))


def keys(edges: Edges) -> NDArray[np.int64]:
    """One number for each couple, ascending."""
    return edges.u.astype(np.int64) << 32 | edges.v


def some(edges: Edges, which: NDArray[np.bool_] | NDArray[np.int64]) -> Edges:
    """Those at a mask, or at ascending positions."""
    return Edges(edges.u[which], edges.v[which], edges.w[which])


def joined(*parts: Edges) -> Edges:
    """All of them, each couple once, valued as in the first part that has it."""
    return edges_of(
        np.concatenate([part.u for part in parts]),
        np.concatenate([part.v for part in parts]),
        np.concatenate([part.w for part in parts]),
    )


def without(edges: Edges, gone: Edges) -> Edges:
    """Those that ``gone`` has not."""
    return some(edges, ~np.isin(keys(edges), keys(gone)))


def replaced(edges: Edges, w: int) -> Edges:
    """The same couples, all worth ``w``."""
    return Edges(edges.u, edges.v, np.full(len(edges), w, np.int64))


def degrees(edges: Edges, size: int) -> Millionths:
    """int64[n]: how many partners everybody has."""
    return (np.bincount(edges.u, minlength=size) + np.bincount(edges.v, minlength=size)).astype(np.int64)


def worth(edges: Edges) -> int:
    """Of all of them, in millionths."""
    return sum(edges.w.tolist())


class Revalued:
    """`Pairs` in which the given couples are worth their ``w``; NEVER takes them out."""

    def __init__(self, pairs: Pairs, changed: Edges) -> None:
        self._pairs, self._changed = pairs, changed
        self._before = pairs.value(changed.u, changed.v)
        self._keys = keys(changed)
        self._kept = some(changed, changed.w != NEVER)
        # Only a couple that falls hides others behind it: one that rises stays before them all the same.
        falling = some(changed, changed.w < self._before)
        self._hidden = int(degrees(falling, pairs.size).max(initial=0))
        self.size = pairs.size
        one, other = np.concatenate((changed.u, changed.v)), np.concatenate((changed.v, changed.u))
        order = np.lexsort((other, one))
        self._others, self._worth = other[order].astype(np.int32), np.concatenate((changed.w, changed.w))[order]
        self._starts = np.searchsorted(one[order], np.arange(pairs.size + 1))

    def strongest(self, *, each: int) -> Edges:
        """See `Pairs`: everybody's best besides the changed couples, and these."""
        return joined(self._kept, without(self._pairs.strongest(each=each + self._hidden), self._changed))

    def price(self, y: Millionths, *, each: int) -> Priced:
        """See `Pairs`: the worst besides the changed couples, and these."""
        priced = self._pairs.price(y, each=each + self._hidden)
        over = y[self._changed.u] + y[self._changed.v]
        was = np.where(self._before == NEVER, 0, np.maximum(0, self._before - over))
        is_ = np.where(self._changed.w == NEVER, 0, np.maximum(0, self._changed.w - over))
        return Priced(
            excess=priced.excess - sum(was.tolist()) + sum(is_.tolist()),
            worst=joined(some(self._changed, is_ > 0), without(priced.worst, self._changed)),
            more=priced.more,
        )

    def value(self, u: Numbers, v: Numbers) -> Millionths:
        """See `Pairs`."""
        found = self._pairs.value(u, v).copy()
        if self._keys.size:
            asked = np.minimum(u, v).astype(np.int64) << 32 | np.maximum(u, v)
            at = np.minimum(np.searchsorted(self._keys, asked), self._keys.size - 1)
            hit = self._keys[at] == asked
            found[hit] = self._changed.w[at[hit]]
        return found

    def of(self, u: int) -> tuple[Numbers, Millionths]:
        """See `Pairs`."""
        partners, w = self._pairs.of(u)
        mine = slice(int(self._starts[u]), int(self._starts[u + 1]))
        others, worth = self._others[mine], self._worth[mine]
        if not len(others):
            return partners, w
        keep = ~np.isin(partners, others)
        open_ = worth != NEVER
        partners = np.concatenate([partners[keep], others[open_]])
        w = np.concatenate([w[keep], worth[open_]])
        order = np.argsort(partners)
        return partners[order], w[order]


class AtLeast:
    """`Pairs` of which only those worth ``least`` or more are possible.

    ``excess`` may be too large where more of somebody's cheaper pairs exceed their prices than are looked through: a bound from
    it is valid, but not the closest."""

    def __init__(self, pairs: Pairs, least: int) -> None:
        self._pairs, self._least = pairs, least
        self.size = pairs.size

    def strongest(self, *, each: int) -> Edges:
        """See `Pairs`."""
        found = self._pairs.strongest(each=each)
        return some(found, found.w >= self._least)

    def price(self, y: Millionths, *, each: int) -> Priced:
        """See `Pairs`."""
        priced = self._pairs.price(y, each=each + LOOKED_THROUGH)
        worst = priced.worst
        cheap = worst.w < self._least
        over = (worst.w - y[worst.u] - y[worst.v])[cheap]
        return Priced(excess=priced.excess - sum(over.tolist()), worst=some(worst, ~cheap), more=priced.more)

    def value(self, u: Numbers, v: Numbers) -> Millionths:
        """See `Pairs`."""
        found = self._pairs.value(u, v)
        return np.where(found >= self._least, found, NEVER)

    def of(self, u: int) -> tuple[Numbers, Millionths]:
        """See `Pairs`."""
        partners, w = self._pairs.of(u)
        return partners[w >= self._least], w[w >= self._least]


def among(pairs: Pairs, people: Numbers) -> DensePairs:
    """Only these people (ascending), numbered anew from 0."""
    size = len(people)
    value = np.empty((size, size), np.int64)
    for row, person in enumerate(people.tolist()):
        value[row] = pairs.value(np.full(size, person, np.int32), people)
    return DensePairs(value)


def above(pairs: Pairs, floor: int) -> Pairs:
    """Only the pairs worth ``floor`` or more."""
    least = AtLeast(pairs, floor)
    return among(least, np.arange(pairs.size, dtype=np.int32)) if pairs.size <= AT_ONCE else least
