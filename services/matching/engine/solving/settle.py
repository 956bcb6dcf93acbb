"""Whether an integer program was right about a plan, told from every possible pair and without the solver that made the program.

A certificate proves that no plan that leaves as few alone is worth more than B. A pair that costs more than it is worth, at the
certificate's prices, is missed by that much: a plan that is worth more than this one, L, has no pair that costs B − L more.
What is left is one program, set down here anew.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from services.matching.engine.solving.certificate import Certificate
from services.matching.engine.solving.couples import Revalued, degrees, joined, none, replaced, some, worth
from services.matching.engine.solving.pairs import NEVER, Edges, Millionths, Pairs

MOST_COUPLES = 60_000
"""Of one program."""
PATIENCE = 120.0
"""Seconds for it."""


class TooMany(Exception):
    """The program is too large, was not ended, or nothing is here to solve it: nothing is known."""


def is_best(
    pairs: Pairs,
    *,
    places: Millionths,
    waiting: NDArray[np.bool_],
    couples: Edges,
    certificate: Certificate,
    forced: Edges,
    unmatched: int,
    upper_bound: int,
    claimed: int,
) -> bool:
    """Whether no plan that leaves at most ``unmatched`` alone is worth more than ``claimed``; False: there is one. ``upper_bound``: what
    the ``certificate`` proves. All of it has been checked. Raises ``TooMany``."""
    taken_before = degrees(forced, pairs.size)
    left, waits = places - taken_before, waiting & (taken_before == 0)
    given, hopeless = worth(forced), int((waits & (left == 0)).sum())
    needy, alone = np.flatnonzero(waits & (left > 0)), unmatched - hopeless
    free = Revalued(pairs, replaced(forced, NEVER)) if len(forced) else pairs
    possible = _worth_their_prices(free, left=left, y=certificate.y, short=upper_bound - worth(couples))
    taken, bound = _most(possible, left=left, needy=needy, alone=alone)
    # Values are whole: what the program's arithmetic is off by is far below one half.
    if int(np.floor(bound + 0.5)) + given <= claimed:
        return True
    chosen = some(possible, taken)
    degree = degrees(chosen, pairs.size)
    is_plan = (degree <= left).all() and int((degree[needy] == 0).sum()) <= alone
    if is_plan and worth(chosen) + given > claimed:
        return False
    raise TooMany


def _worth_their_prices(pairs: Pairs, *, left: Millionths, y: Millionths, short: int) -> Edges:
    """All possible pairs of people with places that cost at most ``short`` more than they are worth."""
    found, count = [none()], 0
    for u in np.flatnonzero(left > 0).tolist():
        partners, w = pairs.of(u)
        near = (partners > u) & (left[partners] > 0) & (y[u] + y[partners] - w <= short)
        found.append(Edges(np.full(int(near.sum()), u, np.int32), partners[near], w[near]))
        count += len(found[-1])
        if count > MOST_COUPLES:
            raise TooMany
    return joined(*found)


def _most(
    couples: Edges, *, left: Millionths, needy: NDArray[np.integer], alone: int
) -> tuple[NDArray[np.bool_], float]:
    """Of these couples, the most valuable that fit into the places ``left`` with at most so many of the ``needy`` ``alone``; and what none
    are worth more than."""
    size, m = len(left), len(couples)
    if not m:
        return np.zeros(0, dtype=np.bool_), 0.0
    try:
        from scipy.optimize import Bounds, LinearConstraint, milp
        from scipy.sparse import coo_array, eye_array, hstack
    except ImportError as missing:
        raise TooMany from missing

    column = np.arange(m)
    ends, twice = np.concatenate([couples.u, couples.v]), np.concatenate([column, column])
    meets = coo_array((np.ones(2 * m), (ends, twice)), shape=(size, m)).tocsr()
    people, nobody = len(needy), coo_array((size, len(needy)))
    result = milp(
        np.concatenate([-couples.w.astype(float), np.zeros(people)]),
        integrality=np.ones(m + people),
        bounds=Bounds(0, 1),
        constraints=[
            LinearConstraint(hstack([meets, nobody]).tocsr(), -np.inf, left.astype(float)),
            LinearConstraint(hstack([meets[needy], eye_array(people)]).tocsr(), 1, np.inf),
            LinearConstraint(np.concatenate([np.zeros(m), np.ones(people)]).reshape(1, -1), -np.inf, alone),
        ],
        options={"mip_rel_gap": 0.0, "time_limit": PATIENCE},
    )
    bound = getattr(result, "mip_dual_bound", None)
    if result.x is None or bound is None or not np.isfinite(bound):
        raise TooMany
    return result.x[:m] > 0.5, -bound
