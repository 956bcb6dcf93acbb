"""What each rule of a cohort costs: the best plan without it beside the best plan."""

from __future__ import annotations

from collections.abc import Callable

from services.matching.engine.match import solved
from services.matching.engine.meaning.near import Near
from services.matching.engine.model import Plan, RuleCost, Snapshot
from services.matching.engine.scoring.conflicts import Solved, price_of
from services.matching.engine.scoring.problem import MILLION
from services.matching.engine.solving.solution import CANCELLED, TIME
from services.matching.engine.stated import state, unseen

LARGEST = 5_000
"""Up to so many people rules are priced: each is a run of its own."""


class _Late(Exception):
    """Time was over before a plan without the rule was ready."""


def price_rules(
    snapshot: Snapshot, near_texts: Near, *, plan: Plan, seed: int, deadline: Callable[[], float]
) -> tuple[RuleCost, ...]:
    """What dropping each rule would change, without floors; in the order of the rules. Those for which no time was left, and all of a
    cohort that is too large, are not there. ``plan``: with all rules; ``deadline``: seconds left."""
    if len(snapshot.people) > LARGEST or plan.ended in {TIME, CANCELLED}:
        return ()

    def planned(changed: Snapshot) -> Solved:
        known = state(changed, near_texts, seed=seed)
        found = solved(known, deadline=deadline).fair.free
        if found.ended in {TIME, CANCELLED}:
            raise _Late
        return Solved(len({*found.u.tolist(), *found.v.tolist()}), found.value + unseen(known, found.couples))

    matched = len({person for pair in plan.pairs for person in (pair.first, pair.second)})
    before = Solved(matched, round(plan.free_value * MILLION))
    found = []
    for number in range(len(snapshot.rules)):
        if deadline() <= 0:
            break
        try:
            price = price_of(number, snapshot=snapshot, solve=planned, with_it=before)
        except _Late:
            break
        found.append(
            RuleCost(
                number=number,
                kind=price.kind,
                required=price.required,
                people=price.people,
                value=price.value / MILLION,
                why=price.why,
            )
        )
    return tuple(found)
