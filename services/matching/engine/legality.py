"""The hard rules, for all pairs at once: one matrix per rule, True where the rule holds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from services.matching.engine import week
from services.matching.engine.model import BOTH, GIVES, RECEIVES, Couple, Person, Rule, Snapshot

Holds = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Ground:
    """What the rules look at. ``people`` in the order in which all matrices count them; each matrix is n by n.

    ``level``: best CEFR level of the weaker speaker in the language that suits the two best, 0 without one;
    ``minutes``: shared minutes a week; ``distance``: hours between their clocks.
    """

    people: tuple[Person, ...]
    place: dict[str, int]
    slots: NDArray[np.bool_]
    minutes: NDArray[np.int64]
    level: NDArray[np.int64]
    distance: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Legality:
    """Which pairs are possible. ``kinds`` has a matrix for each required rule and for what always holds."""

    kinds: dict[str, Holds]
    legal: Holds

    def but(self, kind: str) -> Holds:
        """Pairs that everything but this kind allows."""
        held = [matrix for name, matrix in self.kinds.items() if name != kind]
        return np.logical_and.reduce(held) if held else np.ones_like(self.legal)

    def broken_by(self, first: int, second: int) -> tuple[str, ...]:
        """The kinds of rule that forbid this pair."""
        return tuple(name for name, matrix in self.kinds.items() if not matrix[first, second])


def survey(people: Sequence[Person], *, monday: date) -> Ground:
    """Measure what people share."""
    slots = np.stack([week.free_slots(person, monday=monday) for person in people])
    counts = slots.astype(np.float32)
    # Whole numbers below 2**24: exact in single precision.
    minutes = np.rint(counts @ counts.T).astype(np.int64) * week.SLOT_MINUTES
    codes = sorted({language.code for person in people for language in person.languages})
    level = np.zeros((len(people), len(people)), dtype=np.int64)
    for code in codes:
        spoken = np.array([_level(person, code) for person in people], dtype=np.int64)
        level = np.maximum(level, np.minimum.outer(spoken, spoken))
    hours = np.array([week.offset_hours(person, monday=monday) for person in people])
    distance = week.clock_distance(hours[:, None], hours[None, :])
    place = {person.id: index for index, person in enumerate(people)}
    return Ground(tuple(people), place, slots, minutes, level, distance)


def shared_language(one: Person, other: Person) -> tuple[str, int]:
    """The language in which the weaker of the two speaks best, and that level; ("", 0) when they share none."""
    shared = {language.code for language in one.languages} & {language.code for language in other.languages}
    return max(
        ((code, min(_level(one, code), _level(other, code))) for code in shared),
        key=lambda found: (found[1], [-ord(letter) for letter in found[0]]),
        default=("", 0),
    )


def judge(snapshot: Snapshot, *, ground: Ground) -> Legality:
    """All hard rules of the cohort, and what holds in every cohort: never with oneself, blocks, roles, couples kept apart."""
    size = len(ground.people)
    kinds: dict[str, Holds] = {
        "self": ~np.eye(size, dtype=np.bool_),
        "blocked": ~_among(snapshot.blocked, ground=ground),
        "apart": ~_among(snapshot.apart, ground=ground),
        "roles": can_teach(ground.people) | can_teach(ground.people).T,
    }
    for rule in snapshot.rules:
        if rule.required and rule.kind != "together":
            matrix = holds(rule, snapshot=snapshot, ground=ground)
            kinds[rule.kind] = kinds[rule.kind] & matrix if rule.kind in kinds else matrix
    return Legality(kinds, np.logical_and.reduce(list(kinds.values())))


def can_teach(people: Sequence[Person]) -> Holds:
    """True at (i, j) where their roles let i teach j."""
    gives = np.array([person.role in {GIVES, BOTH} for person in people], dtype=np.bool_)
    receives = np.array([person.role in {RECEIVES, BOTH} for person in people], dtype=np.bool_)
    return np.logical_and.outer(gives, receives)


def holds(rule: Rule, *, snapshot: Snapshot, ground: Ground) -> Holds:
    """Where this rule holds. A rule of a kind that this engine does not know is an error, never ignored."""
    try:
        judged = _KINDS[rule.kind]
    except KeyError:
        raise ValueError(f"the engine knows no rule of the kind {rule.kind!r}") from None
    return judged(rule, snapshot, ground)


def _cross_organization(_rule: Rule, _snapshot: Snapshot, ground: Ground) -> Holds:
    return ~_same([person.organization for person in ground.people])


def _different_team(_rule: Rule, _snapshot: Snapshot, ground: Ground) -> Holds:
    # Teams of two organizations may have the same name.
    return ~(
        _same([person.team for person in ground.people]) & _same([person.organization for person in ground.people])
    )


def _no_reporting_line(_rule: Rule, _snapshot: Snapshot, ground: Ground) -> Holds:
    above = np.zeros((len(ground.people),) * 2, dtype=np.bool_)
    for index, person in enumerate(ground.people):
        for manager in person.managers:
            if manager in ground.place:
                above[index, ground.place[manager]] = True
    return ~(above | above.T)


def _shared_language(rule: Rule, _snapshot: Snapshot, ground: Ground) -> Holds:
    return ground.level >= max(1.0, rule.parameter or 1.0)


def _shared_minutes(rule: Rule, _snapshot: Snapshot, ground: Ground) -> Holds:
    return ground.minutes >= max(1.0, rule.parameter or 1.0)


def _zone_spread(rule: Rule, _snapshot: Snapshot, ground: Ground) -> Holds:
    return ground.distance <= (12.0 if rule.parameter is None else rule.parameter)


def _not_together(rule: Rule, _snapshot: Snapshot, ground: Ground) -> Holds:
    return ~_among([Couple(first=rule.people[0], second=rule.people[1])], ground=ground)


def _together(rule: Rule, _snapshot: Snapshot, ground: Ground) -> Holds:
    """Broken wherever one of the two is with somebody else; holds everywhere when one of them is not here."""
    held = np.ones((len(ground.people),) * 2, dtype=np.bool_)
    if all(person in ground.place for person in rule.people):
        first, second = (ground.place[person] for person in rule.people)
        for one, other in ((first, second), (second, first)):
            held[one, :] = held[:, one] = False
            held[one, other] = True
        held[first, second] = held[second, first] = True
    return held


def _not_met_before(_rule: Rule, snapshot: Snapshot, ground: Ground) -> Holds:
    return ~_among(snapshot.met, ground=ground)


def _same_facet(rule: Rule, _snapshot: Snapshot, ground: Ground) -> Holds:
    """Both stated it, and it is the same."""
    return _same(facet_values(ground.people, rule.facet))


def _different_facet(rule: Rule, _snapshot: Snapshot, ground: Ground) -> Holds:
    """Broken only where both stated it and it is the same: nobody is left out for keeping something to themselves."""
    return ~_same(facet_values(ground.people, rule.facet))


_KINDS: dict[str, Callable[[Rule, Snapshot, Ground], Holds]] = {
    "cross_organization": _cross_organization,
    "different_team": _different_team,
    "no_reporting_line": _no_reporting_line,
    "shared_language": _shared_language,
    "shared_minutes": _shared_minutes,
    "zone_spread": _zone_spread,
    "not_together": _not_together,
    "together": _together,
    "not_met_before": _not_met_before,
    "same_facet": _same_facet,
    "different_facet": _different_facet,
}


def facet_values(people: Sequence[Person], name: str) -> list[str]:
    """Each person's stated value, folded for comparison; "" where unstated."""
    return [
        next((facet.value.strip().casefold() for facet in person.facets if facet.name == name), "") for person in people
    ]


def _same(labels: Sequence[str]) -> Holds:
    """True where both have a label and it is equal."""
    numbers = {label: number for number, label in enumerate(sorted(set(labels)))}
    coded = np.array([numbers[label] for label in labels], dtype=np.int64)
    stated = np.array([label != "" for label in labels], dtype=np.bool_)
    return np.equal.outer(coded, coded) & np.logical_and.outer(stated, stated)


def _among(couples: Iterable[Couple], *, ground: Ground) -> Holds:
    matrix = np.zeros((len(ground.people),) * 2, dtype=np.bool_)
    for couple in couples:
        if couple.first in ground.place and couple.second in ground.place:
            first, second = ground.place[couple.first], ground.place[couple.second]
            matrix[first, second] = matrix[second, first] = True
    return matrix


def _level(person: Person, code: str) -> int:
    return max((language.level for language in person.languages if language.code == code), default=0)
