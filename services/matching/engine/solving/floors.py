"""A floor under the worst-off: as few people alone as can be, then the best worst pair, then the most value.

The floor is on every pair that is planned (forced ones aside). The highest floor that leaves nobody more alone is found by
bisection, each step a search for a cover among the pairs above it; the price of the floor is the value that it costs. The
last search that failed leaves a barrier among the pairs above the floor: more people would be alone with any higher one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import inf

import numpy as np
from numpy.typing import NDArray

from services.matching.engine.solving.certificate import Barrier, Certificate, most_value
from services.matching.engine.solving.couples import (
    AT_ONCE,
    AtLeast,
    Revalued,
    above,
    degrees,
    none,
    replaced,
    some,
    without,
    worth,
)
from services.matching.engine.solving.cover import cover
from services.matching.engine.solving.pairs import DEAREST, NEVER, Edges, Millionths, Pairs
from services.matching.engine.solving.plan import unmatched_of
from services.matching.engine.solving.solution import Solution
from services.matching.engine.solving.solve import EXACT, OnProgress, solve

WHOLE = 1_000
"""Shares are thousandths."""


@dataclass(frozen=True, slots=True)
class Highest:
    """``lowest``: the worst pair of the plan without a floor; ``floor``: the highest floor found that leaves nobody more alone. No
    floor above ``bound`` does, which ``barrier`` proves over the pairs above it; ``floor`` is below it only when time was over."""

    lowest: int
    floor: int
    bound: int
    barrier: Barrier

    def part(self, share: int) -> int:
        """So many thousandths of the way from the worst pair that comes by itself to the best worst pair."""
        return self.lowest + (self.floor - self.lowest) * share // WHOLE


@dataclass(frozen=True, slots=True)
class Floored:
    """Both plans, the ``floor`` (None when nobody who waits gets somebody), and its price: at least ``price`` and at most
    ``price_at_most`` millionths; equal when both plans are exact. ``highest``: what was found out about floors;
    ``pairs``: what the floor leaves."""

    free: Solution
    floored: Solution
    floor: int | None
    price: int
    price_at_most: int
    highest: Highest | None = None
    pairs: Pairs | None = None


def with_floor(
    pairs: Pairs,
    *,
    places: Millionths,
    waiting: NDArray[np.bool_],
    forced: Edges | None = None,
    share: int = WHOLE,
    free: Solution | None = None,
    judged: Pairs | None = None,
    raised: Callable[[Pairs], Pairs] = lambda pairs: pairs,
    exact_up_to: int = EXACT,
    on_progress: OnProgress = lambda stage, share: None,
    cancelled: Callable[[], bool] = lambda: False,
    deadline: Callable[[], float] = lambda: inf,
) -> Floored:
    """The best plan (``free``, if it is known already), and the best under ``share`` of the highest floor. See `solve`. ``judged``: what
    pairs are worth where the floor counts, and ``raised`` makes ``pairs`` of these; the same when left out.

    When time is over before the floor is reached, the free plan is the floored one too, under no floor."""
    given = none() if forced is None else forced

    def planned(among_: Pairs) -> Solution:
        return solve(
            among_,
            places=places,
            waiting=waiting,
            forced=forced,
            exact_up_to=exact_up_to,
            on_progress=on_progress,
            cancelled=cancelled,
            deadline=deadline,
        )

    free = planned(pairs) if free is None else free
    plain = pairs if judged is None else judged
    worth_ = plain.value(free.u, free.v)
    highest = highest_floor(
        plain,
        replace(free, w=np.where(worth_ == NEVER, free.w, worth_)),
        places=places,
        waiting=waiting,
        forced=given,
        stop=lambda: cancelled() or deadline() <= 0,
    )
    if highest is None:
        return Floored(free, free, None, 0, 0)
    floor = highest.part(share)
    higher = raised(above(plain, floor))
    floored = planned(higher)
    if floored.unmatched > free.unmatched:
        return Floored(free, free, None, 0, 0, highest)
    floored = tightened(higher, floored, places=places, waiting=waiting, forced=given)
    return Floored(
        free,
        floored,
        floor,
        price=max(0, free.value - floored.upper_bound),
        price_at_most=max(0, free.upper_bound - floored.value),
        highest=highest,
        pairs=higher,
    )


def tightened(
    pairs: Pairs, found: Solution, *, places: Millionths, waiting: NDArray[np.bool_], forced: Edges
) -> Solution:
    """The same plan with what all pairs exceed its prices by summed exactly: pairs above a floor state too much in large
    cohorts, and whoever checks the plan counts anew."""
    if pairs.size <= AT_ONCE:
        return found
    taken = degrees(forced, pairs.size)
    left, waits = places - taken, waiting & (taken == 0)
    certificate = replace(found.certificate, excess=_excess(pairs, found.certificate, left=left, forced=forced))
    certified = most_value(certificate, places=left, waiting=waits, unmatched=found.unmatched) + worth(forced)
    bound = min(found.upper_bound, certified)
    return replace(found, certificate=certificate, certified=certified, upper_bound=bound)


def _excess(pairs: Pairs, certificate: Certificate, *, left: Millionths, forced: Edges) -> int:
    rest = Revalued(pairs, replaced(forced, NEVER)) if len(forced) else pairs
    y, total = np.where(left > 0, certificate.y, DEAREST), 0
    for u in np.flatnonzero(left > 0).tolist():
        partners, w = rest.of(u)
        after = partners > u
        total += int(np.maximum(0, w[after] - y[u] - y[partners[after]]).sum())
    return total


def highest_floor(
    pairs: Pairs,
    free: Solution,
    *,
    places: Millionths,
    waiting: NDArray[np.bool_],
    forced: Edges,
    stop: Callable[[], bool],
) -> Highest | None:
    """The largest floor with as few alone as in the free plan; None when that plan has no couple besides the forced."""
    taken = degrees(forced, pairs.size)
    room, waits = places - taken, waiting & (taken == 0)
    rest = Revalued(pairs, replaced(forced, NEVER)) if len(forced) else pairs
    plan = without(free.couples, forced)
    if not (waits & (degrees(plan, pairs.size) > 0)).any():
        return None
    allowed = unmatched_of(plan, waiting=waits)
    unplaced = int((waits & (room == 0)).sum())

    def covered(least: int, *, halt: Callable[[], bool]) -> tuple[Edges, Barrier]:
        start = some(plan, plan.w >= least)
        return cover(AtLeast(rest, least), start, places=room, waiting=waits, stop=halt, at_most=allowed - unplaced)

    low, high = int(plan.w.min()), int(pairs.strongest(each=1).w.max())  # ``low`` can be had, ``high`` + 1 cannot
    lowest, proof = low, covered(high + 1, halt=lambda: False)[1]
    while low < high:
        middle = (low + high + 1) // 2
        stopped = False

        def halt() -> bool:
            nonlocal stopped
            stopped = stopped or stop()
            return stopped

        found, barrier = covered(middle, halt=halt)
        if len(found) and unmatched_of(found, waiting=waits) <= allowed:
            plan, low = found, int(found.w.min())
        elif stopped:
            break
        else:
            high, proof = middle - 1, barrier
    return Highest(lowest, low, high, proof)
