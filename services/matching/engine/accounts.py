"""What a plan says of itself besides its pairs: how evenly it serves people, who would rather be elsewhere, and why not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from services.matching.engine.model import Fairness, PassedOver, Person, PlannedPair
from services.matching.engine.scoring.problem import MILLION, Problem
from services.matching.engine.scoring.reasons import passed_over, shown
from services.matching.engine.solving.owed import WHOLE, Got, Owed, got_by
from services.matching.engine.solving.pairs import Edges, Millionths, Pairs
from services.matching.engine.solving.stability import blocking

RATHER = 100_000
"""A pair blocks a plan when both would gain more than this, in millionths."""
LOOKED_AT = 5_000
"""Up to so many people every possible pair is looked at once more for these accounts."""


def fairness(
    people: Sequence[Person], *, pairs: Iterable[PlannedPair], possible: Pairs, planned: Edges, problem: Problem
) -> Fairness:
    """Of a plan. ``planned``: its couples, at what a planner sees without rankings."""
    got: dict[str, int] = {}
    for pair in pairs:
        for person in (pair.first, pair.second):
            worth = round(pair.value * MILLION)
            got[person] = max(got.get(person, worth), worth)
    values = sorted(got.values())
    rivals = None
    if len(people) <= LOOKED_AT:
        rivals = len(blocking(possible, planned, places=problem.places, threshold=RATHER))
    return Fairness(
        gini=gini([got.get(person.id, 0) for person in people]),
        worst=values[0] / MILLION if values else 0.0,
        best=values[-1] / MILLION if values else 0.0,
        gap=(values[-1] - values[0]) / MILLION if values else 0.0,
        blocking=rivals,
        threshold=RATHER / MILLION,
    )


def gini(values: Sequence[int]) -> float:
    """Half the mean difference of two people as a share of the mean: Σ (2i − n − 1) x_i / (n · Σ x), x ascending, i from 1; what is
    below 0 counts as 0. Of nothing: 0."""
    ordered = sorted(max(0, value) for value in values)
    total, size = sum(ordered), len(ordered)
    if not total:
        return 0.0
    weighed = sum((2 * place - size - 1) * value for place, value in enumerate(ordered, start=1))
    return round(weighed / (size * total), 6)


def passed(
    people: Sequence[Person], *, possible: Pairs, planned: Edges, places: Millionths, prices: Millionths
) -> tuple[PassedOver, ...]:
    """For everybody who has a place and might have somebody better, up to three of these; sorted by ids."""
    size = len(people)
    if size > LOOKED_AT:
        return ()
    partners: list[list[int]] = [[] for _ in range(size)]
    worth: list[list[int]] = [[] for _ in range(size)]
    for u, v, w in zip(planned.u.tolist(), planned.v.tolist(), shown(planned.w).tolist(), strict=True):
        for one, other in ((u, v), (v, u)):
            partners[one].append(other)
            worth[one].append(w)
    found: list[PassedOver] = []
    for person in range(size):
        if not places[person]:
            continue
        own = min(worth[person], default=0)
        found += [
            PassedOver(
                person=people[person].id,
                partner=people[better.partner].id,
                value=better.value / MILLION,
                own=own / MILLION,
                price=better.price / MILLION,
                why=better.why,
            )
            for better in passed_over(possible, prices, person=person, own=own, partners=partners[person])
        ]
    return tuple(sorted(found, key=lambda each: (each.person, -each.value, each.partner)))


def shares_of(couples: Edges, *, owed: Owed, got: Got, people: Sequence[Person]) -> Mapping[str, float]:
    """By organization: what its people get as a share of what they would get at best, rounded down to a thousandth."""
    total = got_by(couples, owed=owed, got=got)
    number = {person.organization: int(of) for person, of in zip(people, owed.of.tolist(), strict=True)}
    best = owed.best
    return {
        name: int(total[at] * WHOLE // best[at]) / WHOLE for name, at in sorted(number.items()) if int(best[at]) > 0
    }


def prices_in(y: Millionths, *, unit: int) -> Millionths:
    """Prices of weighted pairs in the units of the pairs as they are."""
    lowered: Millionths = y if unit == 1 else np.floor_divide(y, unit)
    return lowered
