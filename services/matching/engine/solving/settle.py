"""Whether an integer program was right about a plan, told from every possible pair and without the solver that made the program.

A certificate proves that no plan that leaves as few alone is worth more than B. A pair that costs more than it is worth, at the
certificate's prices, is missed by that much: a plan that is worth more than this one, L, has no pair that costs B − L more.
What is left is one program, set down here anew.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from services.matching.engine.solving.certificate import Certificate
from services.matching.engine.solving.pairs import Edges, Millionths, Numbers, Pairs

LARGEST = 60_000
"""Couples that are put into one program."""
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
    size = pairs.size
    left, served = places.copy(), np.zeros(size, dtype=np.bool_)
    for ends in (forced.u, forced.v):
        np.subtract.at(left, ends, 1)
        served[ends] = True
    needy = np.flatnonzero(waiting & ~served & (left > 0))
    given, hopeless = sum(forced.w.tolist()), int((waiting & ~served & (left == 0)).sum())
    short = upper_bound - sum(couples.w.tolist())
    possible = _worth_their_prices(pairs, left=left, y=certificate.y, forced=forced, short=short)
    taken, bound = _most(possible, left=left, needy=needy, alone=unmatched - hopeless)
    # Values are whole: what the program's arithmetic is off by is far below one half.
    if int(np.floor(bound + 0.5)) + given <= claimed:
        return True
    chosen = Edges(possible.u[taken], possible.v[taken], possible.w[taken])
    degree = np.bincount(chosen.u, minlength=size) + np.bincount(chosen.v, minlength=size)
    is_plan = (degree <= left).all() and int((degree[needy] == 0).sum()) <= unmatched - hopeless
    if is_plan and sum(chosen.w.tolist()) + given > claimed:
        return False
    raise TooMany


def _worth_their_prices(pairs: Pairs, *, left: Millionths, y: Millionths, forced: Edges, short: int) -> Edges:
    """All possible pairs of people with places that cost at most ``short`` more than they are worth."""
    must = set(zip(forced.u.tolist(), forced.v.tolist(), strict=True))
    found, count = list[tuple[int, Numbers, Millionths]](), 0
    for u, partners, w in _rows(pairs, left=left):
        near = y[u] + y[partners] - w <= short
        near &= np.array([(u, v) not in must for v in partners.tolist()], dtype=np.bool_) if must else True
        found.append((u, partners[near], w[near]))
        count += int(near.sum())
        if count > LARGEST:
            raise TooMany
    first = np.concatenate([np.full(len(others), u, np.int32) for u, others, _ in found] or [np.zeros(0, np.int32)])
    second = np.concatenate([others for _, others, _ in found] or [np.zeros(0, np.int32)])
    return Edges(first, second, np.concatenate([w for _, _, w in found] or [np.zeros(0, np.int64)]))


def _rows(pairs: Pairs, *, left: Millionths) -> Iterator[tuple[int, Numbers, Millionths]]:
    for u in np.flatnonzero(left > 0).tolist():
        partners, w = pairs.of(u)
        after = (partners > u) & (left[partners] > 0)
        yield u, partners[after], w[after]


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
    people, none = len(needy), coo_array((size, len(needy)))
    result = milp(
        np.concatenate([-couples.w.astype(float), np.zeros(people)]),
        integrality=np.ones(m + people),
        bounds=Bounds(0, 1),
        constraints=[
            LinearConstraint(hstack([meets, none]).tocsr(), -np.inf, left.astype(float)),
            LinearConstraint(hstack([meets[needy], eye_array(people)]).tocsr(), 1, np.inf),
            LinearConstraint(np.concatenate([np.zeros(m), np.ones(people)]).reshape(1, -1), -np.inf, alone),
        ],
        options={"mip_rel_gap": 0.0, "time_limit": PATIENCE},
    )
    bound = getattr(result, "mip_dual_bound", None)
    if result.x is None or bound is None or not np.isfinite(bound):
        raise TooMany
    return result.x[:m] > 0.5, -bound
