"""A floor under the worst-off: as few people alone as can be, then the best worst pair, then the most value.

The floor is on every pair that is planned (forced ones aside). The highest floor that leaves nobody more alone is found by
bisection, each step a search for a cover among the pairs above it; the price of the floor is the value that it costs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import inf

import numpy as np
from numpy.typing import NDArray

from services.matching.engine.solving.couples import AtLeast, Revalued, among, degrees, none, replaced, some, without
from services.matching.engine.solving.cover import cover
from services.matching.engine.solving.pairs import NEVER, Edges, Millionths, Pairs
from services.matching.engine.solving.plan import unmatched_of
from services.matching.engine.solving.solution import Solution
from services.matching.engine.solving.solve import EXACT, solve

DENSE = 3_000
"""Up to so many people the pairs above the floor are laid out as a matrix, so that the bound stays close."""


@dataclass(frozen=True, slots=True)
class Floored:
    """Both plans, the highest ``floor`` (None when nobody who waits gets somebody), and its price: at least ``price`` and at most
    ``price_at_most`` millionths; equal when both plans are exact."""

    free: Solution
    floored: Solution
    floor: int | None
    price: int
    price_at_most: int


def with_floor(
    pairs: Pairs,
    *,
    places: Millionths,
    waiting: NDArray[np.bool_],
    forced: Edges | None = None,
    exact_up_to: int = EXACT,
    cancelled: Callable[[], bool] = lambda: False,
    deadline: Callable[[], float] = lambda: inf,
) -> Floored:
    """The best plan, and the best under the highest floor. See `solve`."""
    free = solve(
        pairs,
        places=places,
        waiting=waiting,
        forced=forced,
        exact_up_to=exact_up_to,
        cancelled=cancelled,
        deadline=deadline,
    )
    given = none() if forced is None else forced
    floor = _highest(
        pairs, free, places=places, waiting=waiting, forced=given, stop=lambda: cancelled() or deadline() <= 0
    )
    if floor is None:
        return Floored(free, free, None, 0, 0)
    floored = solve(
        above(pairs, floor),
        places=places,
        waiting=waiting,
        forced=forced,
        exact_up_to=exact_up_to,
        cancelled=cancelled,
        deadline=deadline,
    )
    return Floored(
        free,
        floored,
        floor,
        price=max(0, free.value - floored.upper_bound),
        price_at_most=max(0, free.upper_bound - floored.value),
    )


def above(pairs: Pairs, floor: int) -> Pairs:
    """Only the pairs worth ``floor`` or more."""
    least = AtLeast(pairs, floor)
    return among(least, np.arange(pairs.size, dtype=np.int32)) if pairs.size <= DENSE else least


def _highest(
    pairs: Pairs,
    free: Solution,
    *,
    places: Millionths,
    waiting: NDArray[np.bool_],
    forced: Edges,
    stop: Callable[[], bool],
) -> int | None:
    """The largest floor with as few alone as in the free plan; None when that plan has no couple besides the forced."""
    taken = degrees(forced, pairs.size)
    room, waits = places - taken, waiting & (taken == 0)
    rest = Revalued(pairs, replaced(forced, NEVER)) if len(forced) else pairs
    plan = without(free.couples, forced)
    if not (waits & (degrees(plan, pairs.size) > 0)).any():
        return None
    allowed = unmatched_of(plan, waiting=waits)
    unplaced = int((waits & (room == 0)).sum())
    low, high = int(plan.w.min()), int(pairs.strongest(each=1).w.max())  # ``low`` can be had, ``high`` + 1 cannot
    while low < high and not stop():
        middle = (low + high + 1) // 2
        start = some(plan, plan.w >= middle)
        found, _ = cover(
            AtLeast(rest, middle), start, places=room, waiting=waits, stop=stop, at_most=allowed - unplaced
        )
        if len(found) and unmatched_of(found, waiting=waits) <= allowed:
            plan, low = found, int(found.w.min())
        else:
            high = middle - 1
    return low
