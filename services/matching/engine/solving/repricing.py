"""All pairs held against prices that have hardly moved, without looking at all of them again.

Once every pair was looked at, those that came near their prices are known. Nobody else can exceed prices that have not fallen by more
than that: whoever's price fell further is looked at alone, with everybody.
"""

from __future__ import annotations

import numpy as np

from services.matching.engine.solving.couples import joined, some
from services.matching.engine.solving.pairs import Edges, Millionths, Pairs, Priced, edges_of

EACH = 64  # near couples of one person; who has more is looked at alone
FEW = 20  # at most one person in so many is looked at alone before everybody is


class Repricing:
    """The pairs whose values are within ``2 · within`` of their prices ``y`` (int64[n]), or above."""

    def __init__(self, pairs: Pairs, y: Millionths, *, within: int) -> None:
        found = pairs.price(y - within, each=EACH)
        self._pairs, self._least, self._alone = pairs, y - within, found.more
        self._near = some(found.worst, ~(found.more[found.worst.u] | found.more[found.worst.v]))

    def price(self, y: Millionths) -> Priced | None:
        """As `Pairs.price`, with all violators; None when too many prices have moved too far."""
        alone = self._alone | (y < self._least)
        if alone.sum() * FEW > len(y):
            return None
        near = some(self._near, ~(alone[self._near.u] | alone[self._near.v]))
        known = joined(near, *(self._row(person) for person in np.flatnonzero(alone).tolist()))
        worst = some(known, known.w > y[known.u] + y[known.v])
        over = worst.w - y[worst.u] - y[worst.v]
        return Priced(excess=sum(over.tolist()), worst=worst, more=np.zeros(len(y), np.bool_))

    def _row(self, person: int) -> Edges:
        partners, w = self._pairs.of(person)
        return edges_of(np.full(len(partners), person, np.int32), partners, w)
