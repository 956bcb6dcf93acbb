"""Why somebody got nobody, why nobody better, and how each organization fared."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.matching.engine import model, week
from services.matching.engine.model import BOTH, GIVES, RECEIVES, LeftOut, Outcome, Person, Phrase, PlannedPair
from services.matching.engine.scoring.ground import is_complete
from services.matching.engine.scoring.inverted import Inverted, topics_of
from services.matching.engine.scoring.problem import MILLION, Problem
from services.matching.engine.scoring.rules import ALWAYS
from services.matching.engine.scoring.sentences import phrase
from services.matching.engine.scoring.value import ONE_WAY_COST, breaks
from services.matching.engine.solving.pairs import NEVER, Pairs

MOST_RULES = 3
"""So many rules are named to somebody without a partner."""


@dataclass(frozen=True, slots=True)
class Passed:
    """Somebody who would be worth more to a person than their partner (place in the problem, value and price in millionths)."""

    partner: int
    value: int
    price: int
    why: Phrase


def broken_kinds(problem: Problem, u: int, v: int) -> tuple[str, ...]:
    """What forbids this pair: kinds of rules, and ``self``, ``roles``, ``blocked``, ``apart``, ``vetoed``."""
    found = ["self"] if u == v else []
    if not _may_meet(problem, u)[v]:
        found.append("roles")
    one, other = np.array([u]), np.array([v])
    found += [c.kind for c in problem.rules.checks if c.required and breaks(c.form, problem, one, other)[0]]
    return tuple(dict.fromkeys(found))


def reason_for(u: int, *, problem: Problem, people: Sequence[Person], index: Inverted) -> LeftOut:
    """Why this person has nobody: the first thing that they or their organizer could change."""
    person = people[u]
    if person.away:
        return LeftOut(person=person.id, reason=model.OUT_OF_OFFICE, why=(phrase("away"),))
    if not is_complete(person):
        why = phrase("incomplete", missing=",".join(missing(person)))
        return LeftOut(person=person.id, reason=model.INCOMPLETE_PROFILE, why=(why,))
    size = problem.size
    everybody, me = np.arange(size), np.full(size, u)
    others = problem.able & _may_meet(problem, u) & (everybody != u)
    relevant = topics_of(problem, u, index=index)
    # Not by the check itself: some forms hold a mapping, which has no hash.
    held = [(c, ~breaks(c.form, problem, me, everybody)) for c in problem.rules.checks if c.required]

    def allowed(*, without: str = "", number: int | None = None) -> NDArray[np.bool_]:
        kept = [holds for c, holds in held if c.kind != without and (number is None or c.number != number)]
        everything: NDArray[np.bool_] = np.logical_and.reduce([others, *kept])
        return everything

    legal = allowed()
    if (legal & relevant).any():
        why = phrase("all_taken", people=int((legal & relevant).sum()))
        return LeftOut(person=person.id, reason=model.CAPACITY, why=(why,))
    freed = [
        (int((allowed(number=check.number) & relevant).sum()), check) for check, _ in held if check.number != ALWAYS
    ]
    would_help = sorted((each for each in freed if each[0]), key=lambda each: (-each[0], each[1].number))
    whys = tuple(
        phrase("without_rule", number=check.number + 1, rule=check.kind, people=people)
        for people, check in would_help[:MOST_RULES]
    )
    # Who reads this is an organizer; people learn the code alone.
    unvetoed = int((allowed(without="vetoed") & relevant).sum())
    if unvetoed:
        whys = (phrase("without_vetoes", people=unvetoed), *whys)
    if legal.any():
        no_topic = phrase("no_topic", people=int(legal.sum()))
        return LeftOut(person=person.id, reason=model.NOTHING_IN_COMMON, why=(no_topic, *whys))
    code = model.NO_LEGAL_PARTNER
    if allowed(without="shared_minutes").any():
        code = model.NO_SHARED_TIME
    elif allowed(without="shared_language").any():
        code = model.NO_SHARED_LANGUAGE
    return LeftOut(person=person.id, reason=code, why=whys or (phrase("rules_leave_nobody"),))


def passed_over(
    pairs: Pairs, y: NDArray[np.int64], *, person: int, own: int, partners: Sequence[int] = (), most: int = 3
) -> tuple[Passed, ...]:
    """Who would be worth more to this person than the least of their ``partners`` (``own``: that pair's value), best first.

    ``y``: the prices that prove the plan, in millionths: no pair is worth more than the prices of its two places, so whoever is
    worth more here has a place that others pay for.
    """
    others, planned = pairs.of(person)
    value = shown(planned)
    better = np.flatnonzero((value > own) & ~np.isin(others, partners))
    found: list[Passed] = []
    for at in better[np.lexsort((others[better], -value[better]))][:most]:
        partner = int(others[at])
        given = {"worth": int(value[at]) / MILLION, "own": own / MILLION}
        one_way = int(planned[at]) != int(value[at])
        why = (
            phrase("one_way_instead", **given)
            if one_way
            else phrase("place_worth_more", **given, price=int(y[partner]) / MILLION)
        )
        found.append(Passed(partner, int(value[at]), int(y[partner]), why))
    return tuple(found)


def shown(planned: NDArray[np.int64]) -> NDArray[np.int64]:
    """The value that people see, from the one that planners see (possible pairs only)."""
    return np.where(planned < -(ONE_WAY_COST // 2), planned + ONE_WAY_COST, planned)


def best_possible(pairs: Pairs) -> NDArray[np.int64]:
    """For each person, what their best possible partner would be worth, taken alone; NEVER where there is none."""
    best = np.full(pairs.size, NEVER, dtype=np.int64)
    edges = pairs.strongest(each=1)
    np.maximum.at(best, edges.u, shown(edges.w))
    np.maximum.at(best, edges.v, shown(edges.w))
    return best


def outcomes(
    people: Sequence[Person],
    *,
    pairs: Iterable[PlannedPair],
    best: NDArray[np.int64],
    shares: Mapping[str, float] | None = None,
) -> tuple[Outcome, ...]:
    """How each organization fared; ``best``: see ``best_possible``, in the order of ``people``; ``shares``: of its best, by name."""
    got: dict[str, float] = {}
    for pair in pairs:
        for person in (pair.first, pair.second):
            got[person] = max(got.get(person, pair.value), pair.value)
    found = []
    for organization in sorted({person.organization for person in people}):
        theirs = [index for index, person in enumerate(people) if person.organization == organization]
        values = sorted(got[people[index].id] for index in theirs if people[index].id in got)
        hoped = [int(best[index]) for index in theirs if best[index] != NEVER]
        found.append(
            Outcome(
                organization=organization,
                people=len(theirs),
                matched=len(values),
                mean_value=round(sum(values) / len(values), 6) if values else 0.0,
                worst_value=values[0] if values else 0.0,
                best_mean=round(sum(hoped) / len(hoped) / MILLION, 6) if hoped else 0.0,
                share_of_best=(shares or {}).get(organization),
            )
        )
    return tuple(found)


def _may_meet(problem: Problem, u: int) -> NDArray[np.bool_]:
    """Whose role lets the two teach in at least one direction."""
    return (problem.gives & bool(problem.receives[u])) | (problem.receives & bool(problem.gives[u]))


def missing(person: Person) -> list[str]:
    """What an incomplete profile lacks."""
    topics = {
        GIVES: bool(person.offers),
        RECEIVES: bool(person.needs),
        BOTH: bool(person.offers or person.needs),
    }[person.role]
    here = {
        "topics": topics,
        "languages": bool(person.languages),
        "windows": bool(person.windows),
        "zone": week.zone_is_known(person.zone),
    }
    return [name for name, present in here.items() if not present]
