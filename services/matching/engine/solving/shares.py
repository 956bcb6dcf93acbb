"""Every organization gets at least a share of what its people could have at best, after as few people alone as can be.

An organization gets what the pairs of its people are worth, a pair of two of its people twice; at best, each place of its people has
the best partner that there is, whoever else wants them. The share is at least the one that was asked for, or, where that cannot be,
the largest that leaves nobody more alone: lexicographic, as the floor under a single pair.

*Proof.* Let organization g get V_g(x), and be owed N_g. For every plan x that keeps V_g ≥ N_g, and any weights λ_g ≥ 0::

    Σ w  ≤  Σ w + Σ_g λ_g (V_g − N_g)  =  Σ_{couples uv of x} (w_uv + (λ_g(u) + λ_g(v)) · got_uv)  −  Σ_g λ_g N_g

and the first sum on the right is the value of a plan for other pairs, with the same certificate as any (Lagrange). So the weights
and the certificate of the plan for *weighted* pairs prove a bound for the plans under the floor. That no larger share t can be had
is the same without w: t · Σ μ_g B_g ≤ Σ μ_g V_g for every plan that gives each g the share t of its best B_g. Good weights come
from a linear program in floating point; any weights prove something.

The plan itself is an integer program over couples, for cohorts that are small enough; like the finish, it is limited in work.

SciPy's programs are loaded where they are run, because loading them takes longer than planning a small cohort without them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import inf

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array

from services.matching.engine.solving.couples import degrees, joined, none, some, without, worth
from services.matching.engine.solving.owed import (
    UNIT,
    WHOLE,
    Got,
    Owed,
    Proven,
    got_by,
    least_share,
    revalued,
    share_bound,
    value_bound,
    weighted,
)
from services.matching.engine.solving.pairs import Edges, Millionths, Pairs
from services.matching.engine.solving.plan import unmatched_of
from services.matching.engine.solving.solve import solve

DEAREST_WEIGHT = 4 * UNIT
MOST_PEOPLE = 3_000
COLUMNS, WORK, NODES = 40_000, 4_000_000, 2_000
"""Couples of the programs; columns times nodes, and nodes, of an integer program: limits in work, so that every machine ends alike."""
EACH = (1_000, 100, 40, 20, 10)


@dataclass(frozen=True, slots=True)
class Shared:
    """The plan ``couples``, its ``value`` and the bound on it under ``share``, which every organization has. No plan that leaves as
    few alone gives each more than ``share_bound``. The proofs: None where nothing had to be given up (``value_proof``) or the share
    asked for was reached (``share_proof``). ``exact``: both bounds are met, by the word of an integer program at least."""

    couples: Edges
    value: int
    upper_bound: int
    share: int
    share_bound: int
    exact: bool
    value_proof: Proven | None
    share_proof: Proven | None


def with_shares(
    pairs: Pairs,
    start: Edges,
    *,
    places: Millionths,
    waiting: NDArray[np.bool_],
    forced: Edges | None = None,
    owed: Owed,
    got: Got,
    upper_bound: int,
    exact: bool,
    cancelled: Callable[[], bool] = lambda: False,
    deadline: Callable[[], float] = lambda: inf,
) -> Shared:
    """``start`` is the best plan without the floor, with its ``upper_bound``, and whether it is exact. Up to ``MOST_PEOPLE`` people."""
    forced = none() if forced is None else forced
    reached = least_share(start, owed=owed, got=got)
    if reached >= owed.asked or not len(start):
        return Shared(start, worth(start), upper_bound, reached, max(reached, 0), exact, None, None)
    program = _Program(pairs, start, places=places, waiting=waiting, forced=forced, owed=owed, got=got)
    if program.empty:
        return Shared(start, worth(start), upper_bound, reached, max(reached, 0), exact, None, None)

    def proven(weights: Millionths, unit: int) -> tuple[Proven, int, Edges]:
        weight = weights[owed.of]
        changed = revalued(forced, weight=weight, unit=unit, got=got)
        found = solve(
            weighted(pairs, weight=weight, unit=unit, got=got),
            places=places,
            waiting=waiting,
            forced=changed,
            exact_up_to=0,
            cancelled=cancelled,
            deadline=deadline,
        )
        there = joined(forced, Edges(found.u, found.v, pairs.value(found.u, found.v)))
        return Proven(weights, found.certificate), found.certified, there

    def late() -> bool:
        return cancelled() or deadline() <= 0

    plans = [start]
    # How much each can have at least.
    bound, share_proof = owed.asked, None
    most = program.most_share()
    if most is not None:
        share_proof, certified, plan = proven(most, 0)
        bound = share_bound(certified, weights=most, owed=owed)
        plans.append(plan)
    whole = program.whole_share(at_most=owed.asked) if program.small and not late() else None
    if whole is not None:
        plans.append(whole)
    allowed = unmatched_of(start, waiting=waiting)
    plans = [plan for plan in plans if unmatched_of(plan, waiting=waiting) <= allowed]
    share = max(least_share(plan, owed=owed, got=got) for plan in plans)
    share_exact = share >= bound or (whole is not None and program.ended)
    # The most value at that share.
    needs = owed.needs(share)
    prices = program.most_value(needs)
    value_proof = None
    if prices is not None and not late():
        value_proof, certified, plan = proven(prices, UNIT)
        upper_bound = min(upper_bound, value_bound(certified, weights=prices, needs=needs))
        plans.append(plan)
    whole = program.whole_value(needs) if program.small and not late() else None
    if whole is not None:
        plans.append(whole)
    best = max(
        (
            plan
            for plan in plans
            if least_share(plan, owed=owed, got=got) >= share and unmatched_of(plan, waiting=waiting) <= allowed
        ),
        key=worth,
    )
    value_exact = worth(best) == upper_bound or (whole is not None and program.ended)
    return Shared(
        best,
        worth(best),
        worth(best) if value_exact else upper_bound,
        share,
        share if share_exact else bound,
        share_exact and value_exact,
        value_proof,
        share_proof if share < owed.asked else None,
    )


class _Program:
    """The linear and integer programs over couples, who is alone, and the share. ``ended``: the last integer one found its optimum."""

    def __init__(
        self,
        pairs: Pairs,
        start: Edges,
        *,
        places: Millionths,
        waiting: NDArray[np.bool_],
        forced: Edges,
        owed: Owed,
        got: Got,
    ) -> None:
        self._forced, self._owed, self._got = forced, owed, got
        taken = degrees(forced, pairs.size)
        self._places, self._waiting = places - taken, waiting & (taken == 0)
        self._edges, self.small = _columns(pairs, without(start, forced), forced=forced, places=self._places)
        rest = unmatched_of(start, waiting=waiting)
        self._unmatched = rest - int((self._waiting & (self._places == 0)).sum())
        self._given = got_by(forced, owed=owed, got=got)
        self._shares = np.flatnonzero(owed.best > 0)
        self.ended = False
        self._rows()

    @property
    def empty(self) -> bool:
        """Whether nothing can be planned besides the forced couples."""
        return not len(self._edges)

    def most_share(self) -> Millionths | None:
        """Weights that prove how large a share each can have; None when the program found none."""
        from scipy.optimize import linprog

        columns = self._matrix.shape[1]
        cost = np.zeros(columns + 1)
        cost[-1] = -1.0
        best = self._owed.best[self._shares].astype(float)
        matrix = _beside(self._matrix, -self._demand, best)
        high = np.concatenate([self._most, self._given[self._shares]])
        result = linprog(cost, A_ub=matrix, b_ub=high, bounds=self._bounds(share=self._owed.asked / WHOLE))
        if result.status != 0:
            return None
        prices = -result.ineqlin.marginals[len(self._most) :]
        largest = prices.max(initial=0.0)
        if largest <= 0:
            return None
        return self._weights(prices / largest * DEAREST_WEIGHT)

    def most_value(self, needs: Millionths) -> Millionths | None:
        """Weights that prove how much value there can be."""
        from scipy.optimize import linprog

        cost = np.zeros(self._matrix.shape[1])
        cost[: len(self._edges)] = -self._edges.w.astype(float)
        high = np.concatenate([self._most, (self._given - needs)[self._shares]])
        result = linprog(cost, A_ub=_below(self._matrix, -self._demand), b_ub=high, bounds=self._bounds())
        if result.status != 0:
            return None
        prices = np.maximum(0.0, -result.ineqlin.marginals[len(self._most) :])
        return self._weights(np.minimum(prices * UNIT, DEAREST_WEIGHT))

    def whole_share(self, *, at_most: int) -> Edges | None:
        """The plan that gives each the largest share."""
        columns = self._matrix.shape[1]
        cost = np.zeros(columns + 1)
        cost[-1] = -1.0
        best = self._owed.best[self._shares].astype(float)
        matrix = _beside(self._matrix, -self._demand, best)
        high = np.concatenate([self._most, self._given[self._shares]])
        low, most = (np.array(side) for side in zip(*self._bounds(share=at_most / WHOLE), strict=True))
        return self._whole(cost, matrix, high, low=low, most=most)

    def whole_value(self, needs: Millionths) -> Edges | None:
        """The most valuable plan that gives each what it is owed."""
        cost = np.zeros(self._matrix.shape[1])
        cost[: len(self._edges)] = -self._edges.w.astype(float)
        high = np.concatenate([self._most, (self._given - needs)[self._shares]])
        low, most = (np.array(side) for side in zip(*self._bounds(), strict=True))
        return self._whole(cost, _below(self._matrix, -self._demand), high, low=low, most=most)

    def _whole(
        self, cost: NDArray[np.float64], matrix: coo_array, high: Millionths, *, low: object, most: object
    ) -> Edges | None:
        from scipy.optimize import Bounds, LinearConstraint, milp

        m = len(self._edges)
        result = milp(
            cost,
            integrality=np.concatenate([np.ones(m, np.int64), np.zeros(len(cost) - m, np.int64)]),
            bounds=Bounds(low, most),
            constraints=LinearConstraint(matrix.tocsr(), -np.inf, high),
            options={"mip_rel_gap": 0.0, "node_limit": min(NODES, 1 + WORK // max(1, m))},
        )
        self.ended = result.status == 0
        if result.x is None:
            return None
        couples = joined(self._forced, some(self._edges, result.x[:m] > 0.5))
        return (
            couples
            if (degrees(some(self._edges, result.x[:m] > 0.5), len(self._places)) <= self._places).all()
            else None
        )

    def _rows(self) -> None:
        """Columns: couples, then who is alone. Rows: places; nobody unserved unless alone; how many are alone; and ``_demand``:
        what each organization gets of each couple."""
        edges, size = self._edges, len(self._places)
        m, column = len(edges), np.arange(len(edges))
        who = np.flatnonzero(self._waiting & (self._places > 0))
        count = len(who)
        row_of = np.full(size, -1)
        row_of[who] = size + np.arange(count)
        entries: list[tuple[NDArray[np.integer], NDArray[np.int64], float]] = [
            (edges.u, column, 1.0),
            (edges.v, column, 1.0),
        ]
        for end in (edges.u, edges.v):
            waits = row_of[end] >= 0
            entries.append((row_of[end][waits], column[waits], -1.0))
        entries.append((size + np.arange(count), m + np.arange(count), -1.0))
        entries.append((np.full(count, size + count), m + np.arange(count), 1.0))
        row = np.concatenate([each[0] for each in entries])
        at = np.concatenate([each[1] for each in entries])
        sign = np.concatenate([np.full(len(each[0]), each[2]) for each in entries])
        self._matrix = coo_array((sign, (row, at)), shape=(size + count + 1, m + count))
        self._most = np.concatenate([self._places, np.full(count, -1), [self._unmatched]]).astype(np.int64)
        number = np.full(len(self._owed.best), -1)
        number[self._shares] = np.arange(len(self._shares))
        gets = self._got(edges).astype(float)
        ends = [(number[self._owed.of[end]], column, gets) for end in (edges.u, edges.v)]
        row = np.concatenate([each[0] for each in ends])
        there = row >= 0
        at = np.concatenate([each[1] for each in ends])[there]
        gets = np.concatenate([each[2] for each in ends])[there]
        self._demand = coo_array((gets, (row[there], at)), shape=(len(self._shares), m + count))

    def _bounds(self, *, share: float | None = None) -> list[tuple[float, float]]:
        found = [(0.0, 1.0)] * self._matrix.shape[1]
        return found if share is None else [*found, (-1_000.0, share)]

    def _weights(self, of_shares: NDArray[np.float64]) -> Millionths:
        weights = np.zeros(len(self._owed.best), np.int64)
        weights[self._shares] = np.round(np.maximum(0.0, of_shares)).astype(np.int64)
        return weights


def _columns(pairs: Pairs, plan: Edges, *, forced: Edges, places: Millionths) -> tuple[Edges, bool]:
    """All couples with places, or, where these are too many, as many of everybody's best as a program can hold and the plan's; and
    whether they are all."""
    for each in EACH:
        found = pairs.strongest(each=min(each, pairs.size))
        found = without(some(found, (places[found.u] > 0) & (places[found.v] > 0)), forced)
        if len(found) <= COLUMNS or each == EACH[-1]:
            return joined(found, plan), each >= pairs.size - 1
    raise AssertionError("the last number of partners is always taken")


def _below(matrix: coo_array, rows: coo_array) -> coo_array:
    """One above the other."""
    first = matrix.shape[0]
    return coo_array(
        (
            np.concatenate([matrix.data, rows.data]),
            (
                np.concatenate([matrix.coords[0], rows.coords[0] + first]),
                np.concatenate([matrix.coords[1], rows.coords[1]]),
            ),
        ),
        shape=(first + rows.shape[0], matrix.shape[1]),
    )


def _beside(matrix: coo_array, rows: coo_array, column: NDArray[np.float64]) -> coo_array:
    """One above the other, and another column beside the lower one."""
    found = _below(matrix, rows)
    first, width = matrix.shape
    return coo_array(
        (
            np.concatenate([found.data, column]),
            (
                np.concatenate([found.coords[0], first + np.arange(len(column))]),
                np.concatenate([found.coords[1], np.full(len(column), width)]),
            ),
        ),
        shape=(found.shape[0], width + 1),
    )
