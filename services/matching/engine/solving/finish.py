"""The last step for small cohorts: the best plan among all that the prices leave possible, by integer programming.

With prices y and penalties a proving that no plan as good in its unmatched is worth more than B, a plan worth more than L can
only use couples and leave open places whose *reduced costs* (y_u + y_v − w; what a degree d_v gives up against the best one) sum
to less than B − L. Everything dearer is out; what remains is a small program, and its optimum is that of all plans.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.matching.engine.solving.couples import degrees, some
from services.matching.engine.solving.pairs import Edges, Millionths

NODES, COLUMNS = 2_000, 2_000_000
"""Of the branching tree, and of all its programs together: a limit in work and not in time, so that every machine ends alike."""


@dataclass(frozen=True, slots=True)
class Finished:
    """``couples``: the best plan found, or None. ``bound``: with these couples and degrees, no plan is worth more (millionths)."""

    couples: Edges | None
    bound: int | None


def finish(
    edges: Edges,
    *,
    y: Millionths,
    alone: Millionths,
    places: Millionths,
    waiting: NDArray[np.bool_],
    unmatched: int,
    gap: int,
    seconds: float,
) -> Finished:
    """The best plan of these couples that leaves at most ``unmatched`` alone. ``gap``: B − L."""
    size, m = len(places), len(edges)
    cost = y[edges.u] + y[edges.v] - edges.w
    least, most = _degrees(y=y, alone=alone, places=places, waiting=waiting, gap=gap)
    person = np.arange(size)
    may_be_alone = np.flatnonzero(waiting & (places > 0) & (least == 0))
    count = len(may_be_alone)
    # Columns: couples; open places of everybody; who is alone. Rows: places; nobody unserved unless alone; how many are alone.
    column, numbers = np.arange(m), np.arange(count)
    served = np.full(size, -1)
    served[may_be_alone] = size + numbers
    to_serve = [(served[end][served[end] >= 0], column[served[end] >= 0]) for end in (edges.u, edges.v)]
    entries = [
        (edges.u, column),
        (edges.v, column),
        (person, m + person),
        *to_serve,
        (size + numbers, m + size + numbers),
        (np.full(count, size + count), m + size + numbers),
    ]
    row, at = (np.concatenate([entry[side] for entry in entries]) for side in (0, 1))
    from scipy.optimize import Bounds, LinearConstraint, milp  # here, so that who only checks plans needs no solver
    from scipy.sparse import coo_array

    matrix = coo_array((np.ones(len(row)), (row, at)), shape=(size + count + 1, m + size + count)).tocsr()
    low = np.concatenate([places, np.ones(count, np.int64), [0]])
    high = np.concatenate([places, places[may_be_alone] + 1, [unmatched]])
    result = milp(
        np.concatenate([cost, y, np.zeros(count)]).astype(float),
        integrality=np.concatenate([np.ones(m, np.int64), np.zeros(size + count, np.int64)]),
        bounds=Bounds(
            np.concatenate([np.where(cost < -gap, 1, 0), places - most, np.zeros(count)]),
            np.concatenate([np.ones(m), places - least, np.ones(count)]),
        ),
        constraints=LinearConstraint(matrix, low, high),
        options={
            "mip_rel_gap": 0.0,
            "node_limit": min(NODES, 1 + COLUMNS // max(1, m)),
            "time_limit": max(0.05, seconds),
        },
    )
    total = sum((places * y).tolist())
    bound = getattr(result, "mip_dual_bound", None)
    proven = None
    if bound is not None and np.isfinite(bound):
        # Values are whole: what the program's arithmetic is off by is far below one half.
        proven = total - int(np.ceil(bound - 0.5))
    if result.x is None:
        return Finished(None, proven)
    couples = some(edges, result.x[:m] > 0.5)
    degree = degrees(couples, size)
    if (degree > places).any() or int((waiting & (places > 0) & (degree == 0)).sum()) > unmatched:
        return Finished(None, None)
    return Finished(couples, proven)


def _degrees(
    *, y: Millionths, alone: Millionths, places: Millionths, waiting: NDArray[np.bool_], gap: int
) -> tuple[Millionths, Millionths]:
    """The least and the most partners of everybody that give up at most ``gap`` against the best number."""
    best = np.maximum(np.maximum(-alone, y), places * y)
    # From one partner on, what is given up is linear in their number.
    slack = np.maximum(gap - (best - np.where(y > 0, places * y, y)), -1)
    step = np.maximum(np.abs(y), 1)
    reach = np.where(y == 0, places, slack // step)
    least = np.where(y > 0, np.maximum(1, places - reach), 1)
    most = np.where(y > 0, places, np.minimum(places, 1 + reach))
    least = np.where(best + alone <= gap, 0, least)
    most = np.where(slack < 0, 0, most)
    none = places == 0
    return np.where(none, 0, np.minimum(least, places)), np.where(none, 0, most)
