"""What a pair is worth: one documented function, in whole millionths so that every machine agrees.

For the directions *a* (first teaches second) and *b* (second teaches first), each 0 to 1::

    direction = max over needs and offers of  similarity · (3 + priority) / 6 · (5 + level) / 10    if similarity >= MEETS
    value     = 0.8 · min(a, b) + 0.1 · (a + b)
                + difference · min(differences, 3) / 3
                − logistics  · (0.4 · clocks apart / 12 h + 0.4 · missing of 3 shared hours + 0.2 · language below C1)
                − the weight of each preferred rule that is broken

The weaker direction leads and the sum only breaks ties. Where their roles allow one direction only, it counts as both.
*differences* counts organization, industry, function, education and region, stated by both and different: three are as good
as five (a plateau: new, but not as strange as possible). A low priority or level dims a direction and never hides it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.matching.engine.legality import Ground, can_teach, facet_values, holds
from services.matching.engine.meaning import MEETS, Similarity
from services.matching.engine.model import DIVERSITY_FACETS, Person, Snapshot, Teaching, Term

MILLION = 1_000_000
PLATEAU = 3
AMPLE_MINUTES = 180
FLUENT = 5  # C1
LEARNERS_AT_ONCE = 256  # keeps the matrix of their needs and all offers small

Millionths = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Worth:
    """All values, n by n, in millionths. ``teaches[i, j]``: what i can teach j."""

    teaches: Millionths
    parts: dict[str, Millionths]
    value: Millionths
    both_ways: NDArray[np.bool_]  # every direction that their roles allow has something to teach
    relevant: NDArray[np.bool_]  # at least one direction has

    def terms(self, first: int, second: int, *, details: dict[str, str]) -> tuple[Term, ...]:
        """The named parts of one pair's value, without those that are zero by nature."""
        return tuple(
            Term(name=name, amount=int(part[first, second]) / MILLION, detail=details.get(name, ""))
            for name, part in self.parts.items()
            if part[first, second] or name in {"weaker direction", "both directions"}
        )


def appraise(snapshot: Snapshot, *, ground: Ground, similarity: Similarity) -> Worth:
    """The value of every pair, legal or not."""
    people = ground.people
    allowed = can_teach(people)
    teaches = np.where(allowed, _teaches(people, similarity=similarity), 0)
    np.fill_diagonal(teaches, 0)
    a, b = _directions(teaches, allowed)
    weaker, either = np.minimum(a, b), a + b
    parts = {
        "weaker direction": 8 * weaker // 10,
        "both directions": either // 10,
        "difference": _weighted(snapshot.difference, np.minimum(differences(people), PLATEAU) / PLATEAU),
        "logistics": -_weighted(snapshot.logistics, _cost(ground)),
    }
    for number, rule in enumerate(snapshot.rules):
        if not rule.required:
            broken = ~holds(rule, snapshot=snapshot, ground=ground)
            parts[f"preferred rule {number + 1}: {rule.kind}"] = -_weighted(rule.weight, broken.astype(float))
    value = sum(parts.values(), start=np.zeros_like(teaches))
    return Worth(teaches, parts, value, both_ways=weaker > 0, relevant=either > 0)


def differences(people: Sequence[Person]) -> NDArray[np.int64]:
    """In how many of the five respects two people differ."""
    count = np.zeros((len(people),) * 2, dtype=np.int64)
    for labels in (
        [person.organization for person in people],
        *(facet_values(people, name) for name in DIVERSITY_FACETS),
    ):
        numbers = {label: number for number, label in enumerate(sorted(set(labels)))}
        coded = np.array([numbers[label] for label in labels], dtype=np.int64)
        stated = np.array([label != "" for label in labels], dtype=np.bool_)
        count += np.not_equal.outer(coded, coded) & np.logical_and.outer(stated, stated)
    return count


def best_teaching(teacher: Person, learner: Person, *, similarity: Similarity, least: float = MEETS) -> Teaching | None:
    """The need of the learner that the teacher meets best, and by which offer; None when nothing reaches ``least``."""
    needs, offers = learner.needs, teacher.offers
    if not needs or not offers:
        return None
    alike = similarity([need.text for need in needs], [offer.text for offer in offers])
    candidates = [
        (_direction_value(float(alike[i, j]), priority=need.priority, level=offer.level), i, j)
        for i, need in enumerate(needs)
        for j, offer in enumerate(offers)
        if alike[i, j] >= least
    ]
    if not candidates:
        return None
    worth, i, j = max(candidates, key=lambda found: (found[0], needs[found[1]].text, offers[found[2]].text))
    return Teaching(
        teacher=teacher.id,
        learner=learner.id,
        need=needs[i].text,
        need_kind=needs[i].kind,
        offer=offers[j].text,
        similarity=round(float(alike[i, j]), 4),
        priority=needs[i].priority,
        level=offers[j].level,
        value=worth / MILLION,
    )


def _direction_value(alike: float, *, priority: int, level: int) -> int:
    return int(np.rint(alike * (3 + priority) * (5 + level) / 60 * MILLION))


def _teaches(people: Sequence[Person], *, similarity: Similarity) -> Millionths:
    """Row i, column j: the best that i can teach j; without looking at roles."""
    result = np.zeros((len(people),) * 2, dtype=np.int64)
    teachers = [index for index, person in enumerate(people) if person.offers]
    learners = [index for index, person in enumerate(people) if person.needs]
    if not teachers or not learners:
        return result
    offers = [offer for index in teachers for offer in people[index].offers]
    starts = np.cumsum([0] + [len(people[index].offers) for index in teachers[:-1]])
    texts = sorted({offer.text for offer in offers})
    column = {text: number for number, text in enumerate(texts)}
    columns = np.array([column[offer.text] for offer in offers])
    level = np.array([5 + offer.level for offer in offers], dtype=np.float64)
    for at in range(0, len(learners), LEARNERS_AT_ONCE):
        some = learners[at : at + LEARNERS_AT_ONCE]
        needs = [need for learner in some for need in people[learner].needs]
        asked = sorted({need.text for need in needs})
        row = {text: number for number, text in enumerate(asked)}
        alike = similarity(asked, texts)[[row[need.text] for need in needs]][:, columns]
        priority = np.array([3 + need.priority for need in needs], dtype=np.float64)[:, None]
        worth = np.where(alike >= MEETS, alike * priority * level / 60 * MILLION, 0.0)
        first_needs = np.cumsum([0] + [len(people[learner].needs) for learner in some[:-1]])
        best = np.maximum.reduceat(np.maximum.reduceat(worth, starts, axis=1), first_needs, axis=0)
        result[np.ix_(teachers, some)] = np.rint(best).astype(np.int64).T
    return result


def _directions(teaches: Millionths, allowed: NDArray[np.bool_]) -> tuple[Millionths, Millionths]:
    """Both directions; a direction that their roles forbid takes the value of the other."""
    a = np.where(allowed, teaches, teaches.T)
    return a, a.T


def _cost(ground: Ground) -> NDArray[np.float64]:
    missing = 1 - np.minimum(ground.minutes, AMPLE_MINUTES) / AMPLE_MINUTES
    unfluent = (FLUENT - np.minimum(ground.level, FLUENT)) / FLUENT
    return 0.4 * ground.distance / 12 + 0.4 * missing + 0.2 * unfluent


def _weighted(weight: float, share: NDArray[np.float64]) -> Millionths:
    return np.rint(weight * share * MILLION).astype(np.int64)
