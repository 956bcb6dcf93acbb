"""Pairs row by row: no matrix, and nothing compiled. For who verifies a large run where there is nothing but numpy.

The same integers as ``dense`` and ``indexed``, later: every question about one person costs a row.
"""

from __future__ import annotations

import numpy as np

from services.matching.engine.scoring.inverted import inverted
from services.matching.engine.scoring.problem import Problem
from services.matching.engine.scoring.row import row_of
from services.matching.engine.solving.pairs import NEVER, Edges, Millionths, Numbers, Priced, edges_of


class RowPairs:
    """See ``Pairs``."""

    def __init__(self, problem: Problem) -> None:
        self.size = problem.size
        self._problem, self._index = problem, inverted(problem)

    def strongest(self, *, each: int) -> Edges:
        """See `Pairs`."""
        return self._best(np.zeros(self.size, np.int64), each=each, least=NEVER + 1).worst

    def price(self, y: Millionths, *, each: int) -> Priced:
        """See `Pairs`."""
        return self._best(y, each=each, least=1)

    def value(self, u: Numbers, v: Numbers) -> Millionths:
        """See `Pairs`."""
        found = np.full(len(u), NEVER, np.int64)
        order = np.argsort(u, kind="stable")
        for some in np.split(order, np.flatnonzero(np.diff(u[order])) + 1):
            if not some.size:
                continue
            partners, w = self.of(int(u[some[0]]))
            if not partners.size:
                continue
            at = np.minimum(np.searchsorted(partners, v[some]), len(partners) - 1)
            found[some] = np.where(partners[at] == v[some], w[at], NEVER)
        return found

    def of(self, u: int) -> tuple[Numbers, Millionths]:
        """See `Pairs`."""
        row = row_of(self._problem, u, index=self._index)
        possible = row.valued.planned != NEVER
        return row.others[possible].astype(np.int32), row.valued.planned[possible]

    def _best(self, y: Millionths, *, each: int, least: int) -> Priced:
        """What is above the prices, and of everybody's largest amounts above them, from ``least`` on, ``each``."""
        excess, one, other, worth = 0, [], [], []
        for u in range(self.size):
            partners, w = self.of(u)
            over = w - y[u] - y[partners]
            excess += int(np.maximum(0, over)[partners > u].sum())
            best = np.lexsort((partners, -over))[:each]
            best = best[over[best] >= least]
            one.append(np.full(len(best), u, np.int64))
            other.append(partners[best].astype(np.int64))
            worth.append(w[best])
        nothing = np.empty(0, np.int64)
        return Priced(
            excess=excess,
            worst=edges_of(
                np.concatenate([nothing, *one]), np.concatenate([nothing, *other]), np.concatenate([nothing, *worth])
            ),
            more=np.array([len(best) >= each for best in one], np.bool_),
        )
