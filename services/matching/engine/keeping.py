"""A plan in which few people move: the best plan says what is possible, and the couples that are now give way only for enough.

The bound stays that of the best plan, over every possible pair and without any bonus: how far the value is below it is what
keeping couples together costs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import inf

import numpy as np

from services.matching.engine.solving.certificate import most_value
from services.matching.engine.solving.couples import Revalued, degrees, joined, replaced, without, worth
from services.matching.engine.solving.pairs import NEVER, Edges
from services.matching.engine.solving.plan import greedy, unmatched_of
from services.matching.engine.solving.repair import BONUS, NEIGHBOURS, sticky
from services.matching.engine.solving.solution import GAP, OPTIMAL, Solution
from services.matching.engine.solving.solve import solve
from services.matching.engine.stated import Stated

_NOBODY = np.empty(0, np.int32)


def keeping(
    known: Stated,
    best: Solution,
    *,
    forced: Edges,
    most: int = NEIGHBOURS,
    settled: bool = True,
    cancelled: Callable[[], bool] = lambda: False,
    deadline: Callable[[], float] = lambda: inf,
) -> Solution:
    """The plan that keeps what of ``known.sticky`` is worth its bonus, and leaves as few people alone as ``best`` does; ``best``
    itself when there is nothing to keep, or no time to find out how without leaving more alone. ``most``: people who are planned anew,
    as long as nobody is left alone by that. Not ``settled``: the best plan is not yet all that was asked for, and none that meets its
    bound is exact. ``deadline``: seconds left."""
    if not len(known.sticky):
        return best
    size = known.pairs.size
    taken = degrees(forced, size)
    places, waiting = known.problem.places - taken, taken == 0
    pairs = Revalued(known.pairs, replaced(forced, NEVER)) if len(forced) else known.pairs
    now = greedy(without(known.sticky, forced), places=places, waiting=waiting)
    couples = sticky(pairs, now, places=places, waiting=waiting, gone=_NOBODY, most=most).couples
    everybody = np.ones(size, dtype=np.bool_)
    if unmatched_of(joined(forced, couples), waiting=everybody) > best.unmatched:
        # The neighbourhood of those who are alone was too small: everybody is planned anew, with the same bonus.
        held = Edges(now.u, now.v, now.w + BONUS)
        found = solve(
            Revalued(pairs, held), places=places, waiting=waiting, cancelled=cancelled, deadline=deadline
        ).couples
        couples = Edges(found.u, found.v, pairs.value(found.u, found.v))
        if unmatched_of(joined(forced, couples), waiting=everybody) > best.unmatched:
            return best
    plan = joined(forced, couples)
    value, unmatched = worth(plan), unmatched_of(plan, waiting=everybody)
    bound = best.upper_bound
    if unmatched != best.unmatched:
        proven = most_value(best.certificate, places=places, waiting=waiting, unmatched=unmatched)
        bound = max(bound, proven + worth(forced))
    exact = settled and value == bound and unmatched == best.unmatched_bound
    return replace(
        best,
        u=plan.u,
        v=plan.v,
        w=plan.w,
        value=value,
        upper_bound=bound,
        unmatched=unmatched,
        exact=exact,
        ended=OPTIMAL if exact else GAP if best.ended == OPTIMAL else best.ended,
    )
