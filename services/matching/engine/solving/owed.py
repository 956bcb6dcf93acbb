"""What organizations are owed and get, and the bounds that weights of organizations prove: for the solver and for whoever checks it.

The inequality is in ``shares``; here is nothing that looks for a plan.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from services.matching.engine.solving.certificate import Certificate
from services.matching.engine.solving.pairs import NEVER, DensePairs, Edges, Millionths, Numbers, Pairs

WHOLE = 1_000
"""Shares are thousandths."""
UNIT = 64
"""Weights are whole multiples of 1/64."""
Got = Callable[[Edges], Millionths]
"""What the two of each couple get, which need not be what a planner sees."""


@dataclass(frozen=True, slots=True)
class Owed:
    """``of``: int64[n], everybody's organization, 0 to k − 1. ``best``: int64[k], what its people would get at best, at least 0.
    ``asked``: the share that is to be reached, thousandths."""

    of: Numbers | Millionths
    best: Millionths
    asked: int

    def needs(self, share: int) -> Millionths:
        """What each is owed at this share; rounded up."""
        needs: Millionths = -(-self.best * share // WHOLE)
        return needs


@dataclass(frozen=True, slots=True)
class Proven:
    """Weights of organizations, int64[k], and the certificate of the weighted pairs (of what is got alone, for a bound on shares)."""

    weights: Millionths
    certificate: Certificate


def best_of(pairs: Pairs, *, of: Numbers | Millionths, places: Millionths, got: Got, organizations: int) -> Millionths:
    """int64[k]: what each organization's people would get if every place of theirs had the best partner there is for it."""
    edges = pairs.strongest(each=int(places.max(initial=1)))
    person = np.concatenate([edges.u, edges.v]).astype(np.int64)
    other = np.concatenate([edges.v, edges.u]).astype(np.int64)
    planned = np.concatenate([edges.w, edges.w])
    order = np.lexsort((other, -planned, person))
    gets = got(edges)
    person, worth_ = person[order], np.concatenate([gets, gets])[order]
    rank = np.arange(len(person)) - np.searchsorted(person, person)
    counted = rank < places[person]
    best = np.zeros(organizations, np.int64)
    np.add.at(best, of[person[counted]], np.maximum(0, worth_[counted]))
    return best


def got_by(couples: Edges, *, owed: Owed, got: Got) -> Millionths:
    """int64[k]: what each organization gets of a plan."""
    total = np.zeros(len(owed.best), np.int64)
    for end in (couples.u, couples.v):
        np.add.at(total, owed.of[end], got(couples))
    return total


def least_share(couples: Edges, *, owed: Owed, got: Got) -> int:
    """The smallest of the organizations' shares, in thousandths rounded down, but no more than is asked for."""
    there = owed.best > 0
    shares = got_by(couples, owed=owed, got=got)[there] * WHOLE // owed.best[there]
    return int(min(owed.asked, shares.min(initial=owed.asked)))


def weighted(pairs: Pairs, *, weight: Millionths, unit: int, got: Got) -> DensePairs:
    """The pairs at ``unit · w + (weight of the one + weight of the other) · got``. ``weight``: int64[n], of people."""
    size = pairs.size
    value = np.full((size, size), NEVER, np.int64)
    for u in range(size):
        partners, w = pairs.of(u)
        value[u, partners] = unit * w + (weight[u] + weight[partners]) * got(
            Edges(np.full(len(partners), u, np.int32), partners, w)
        )
    return DensePairs(value)


def revalued(couples: Edges, *, weight: Millionths, unit: int, got: Got) -> Edges:
    """The same couples, at what ``weighted`` makes of their value."""
    return Edges(couples.u, couples.v, unit * couples.w + (weight[couples.u] + weight[couples.v]) * got(couples))


def value_bound(certified: int, *, weights: Millionths, needs: Millionths) -> int:
    """The bound on the value from one on the weighted value."""
    return int((certified - sum((weights * needs).tolist())) // UNIT)


def share_bound(certified: int, *, weights: Millionths, owed: Owed) -> int:
    """The bound on the share from one on the weighted sum of what is got."""
    whole = sum((weights * owed.best).tolist())
    return int(min(owed.asked, max(certified, 0) * WHOLE // whole)) if whole > 0 else owed.asked
