"""Fairness before value: a floor under the worst-off pair and a share for every organization, each after as few alone as can be."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import inf

import numpy as np

from services.matching.engine.apart import Apart, planned
from services.matching.engine.asked import Asked, gained, owed_in
from services.matching.engine.model import STICKY, Floor
from services.matching.engine.scoring.problem import MILLION
from services.matching.engine.scoring.reasons import shown
from services.matching.engine.scoring.wishes import wished
from services.matching.engine.solving.couples import some, worth
from services.matching.engine.solving.floors import Highest, with_floor
from services.matching.engine.solving.owed import WHOLE, Owed, Proven
from services.matching.engine.solving.pairs import NEVER, Edges, Pairs
from services.matching.engine.solving.shares import MOST_PEOPLE, Shared, with_shares
from services.matching.engine.solving.solution import CANCELLED, GAP, OPTIMAL, TIME, Best, Solution
from services.matching.engine.stated import Stated, unseen


@dataclass(frozen=True, slots=True, kw_only=True)
class Fair:
    """``found``: the plan. ``free``: the best one without floors; ``lifted``: the best with the one under the worst-off alone; all the
    same where none was asked for. ``floor``: what every pair of the plan is worth at least (forced ones aside), if that was planned;
    ``highest``: what is known of floors. ``owed`` and ``shared`` likewise. Bounds of ``found`` are of plans under the floors,
    ``unmatched_bound`` is of all plans. ``settled``: time sufficed for what was asked for; otherwise no plan is exact, whatever
    its bound."""

    found: Solution
    free: Solution
    lifted: Solution
    pairs: Pairs
    floor: int | None = None
    highest: Highest | None = None
    owed: Owed | None = None
    shared: Shared | None = None
    settled: bool = True

    @property
    def value_proof(self) -> Proven | None:
        """Weights of organizations under which the certificate of ``found`` holds; None: as everything is."""
        return self.shared.value_proof if self.shared else None


def fairly(
    known: Stated,
    *,
    forced: Edges,
    asked: Asked,
    keep: str,
    apart: Apart,
    on_progress: Callable[[str, float], None] = lambda _stage, _done: None,
    on_best: Callable[[Best], None] = lambda _best: None,
    cancelled: Callable[[], bool] = lambda: False,
    deadline: Callable[[], float] = lambda: inf,
) -> Fair:
    """The best plan, and the best under the floors asked for. A run that keeps couples where that costs little (``keep``) has no floor
    for organizations: it would move them."""
    places = known.problem.places
    waiting = np.ones(known.pairs.size, dtype=np.bool_)

    def late() -> bool:
        return cancelled() or deadline() <= 0

    free = planned(
        known,
        forced=forced,
        apart=apart,
        on_progress=on_progress,
        on_best=on_best,
        cancelled=cancelled,
        deadline=deadline,
    )
    fair = Fair(found=free, free=free, lifted=free, pairs=known.pairs)
    if asked.worst_off and not late():
        on_progress("floor under the worst-off", 0.9)
        floored = with_floor(
            known.pairs,
            places=places,
            waiting=waiting,
            forced=forced,
            share=asked.worst_off,
            free=free,
            judged=known.plain,
            raised=lambda pairs: wished(pairs, known.wishes),
            cancelled=cancelled,
            deadline=deadline,
        )
        fair = replace(fair, highest=floored.highest)
        if floored.floor is not None and floored.pairs is not None:
            found = replace(floored.floored, unmatched_bound=free.unmatched_bound)
            settled = floored.highest is not None and floored.highest.floor == floored.highest.bound
            found = _exact(found, value=found.exact and settled)
            fair = replace(fair, found=found, lifted=found, floor=floored.floor, pairs=floored.pairs)
    if asked.organizations and keep != STICKY and known.pairs.size <= MOST_PEOPLE and not late():
        on_progress("shares of the organizations", 0.95)
        fair = _shared(known, fair, forced=forced, asked=asked.organizations, cancelled=cancelled, deadline=deadline)
    if (asked.worst_off or asked.organizations) and late():
        found = replace(fair.found, exact=False, ended=CANCELLED if cancelled() else TIME)
        fair = replace(fair, found=found, settled=False)
    return fair


def sticky_above(known: Stated, fair: Fair) -> Stated:
    """The same with the pairs that the floor leaves, so that what a run keeps is above it too."""
    if fair.floor is None:
        return known
    held = known.sticky
    return replace(known, pairs=fair.pairs, sticky=some(held, fair.pairs.value(held.u, held.v) != NEVER))


def floors_of(known: Stated, fair: Fair, *, asked: Asked) -> tuple[Floor | None, Floor | None]:
    """Under the worst-off, and of organizations, as people read them; None where none was asked for."""

    def value(found: Solution) -> int:
        return found.value + unseen(known, found.couples)

    def bound(found: Solution) -> int:
        return found.upper_bound + unseen(known, found.couples)

    worst_off = organizations = None
    if asked.worst_off:
        highest = fair.highest
        worst_off = Floor(
            asked=asked.worst_off / WHOLE,
            reached=None if fair.floor is None else _seen(fair.floor),
            highest=None if highest is None else _seen(highest.bound),
            price=max(0, value(fair.free) - value(fair.lifted)) / MILLION,
            price_at_most=max(0, bound(fair.free) - value(fair.lifted)) / MILLION,
        )
    if asked.organizations:
        shared = fair.shared
        organizations = Floor(
            asked=asked.organizations / WHOLE,
            reached=None if shared is None else shared.share / WHOLE,
            highest=None if shared is None else shared.share_bound / WHOLE,
            price=max(0, value(fair.lifted) - value(fair.found)) / MILLION,
            price_at_most=0.0
            if shared is None or fair.found is fair.lifted
            else max(0, bound(fair.lifted) - value(fair.found)) / MILLION,
        )
    return worst_off, organizations


def _seen(planned: int) -> float:
    return int(shown(np.array([planned], np.int64))[0]) / MILLION


def _shared(
    known: Stated,
    fair: Fair,
    *,
    forced: Edges,
    asked: int,
    cancelled: Callable[[], bool],
    deadline: Callable[[], float],
) -> Fair:
    owed = owed_in(known.problem, known.plain, asked=asked)
    found = fair.found
    shared = with_shares(
        fair.pairs,
        found.couples,
        places=known.problem.places,
        waiting=np.ones(known.pairs.size, dtype=np.bool_),
        forced=forced,
        owed=owed,
        got=gained(known),
        upper_bound=found.upper_bound,
        exact=found.exact,
        cancelled=cancelled,
        deadline=deadline,
    )
    plan = shared.couples
    proof = shared.value_proof
    found = replace(
        found,
        u=plan.u,
        v=plan.v,
        w=plan.w,
        value=worth(plan),
        upper_bound=shared.upper_bound,
        certificate=found.certificate if proof is None else proof.certificate,
    )
    return replace(fair, found=_exact(found, value=shared.exact), owed=owed, shared=shared)


def _exact(found: Solution, *, value: bool) -> Solution:
    exact = value and found.unmatched == found.unmatched_bound
    ended = OPTIMAL if exact else GAP if found.ended == OPTIMAL else found.ended
    return replace(found, exact=exact, ended=ended)
