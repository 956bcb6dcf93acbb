"""Rule sets: each rule well-formed, and no two that contradict each other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from uuid import UUID

from contracts.errors import Conflict, Invalid, Problem
from contracts.matching import Cohort, Enrolment, EnrolmentRole, Rule, RuleKind, RuleSet
from contracts.profiles import Facets

FACETS = tuple(field.name for field in fields(Facets))
MOST_RANKING = 0.5  # more, and wishes would outweigh what keeps pairs from going one way
MINUTES_OF_A_WEEK = 7 * 24 * 60

_NEEDS_PARAMETER = {
    RuleKind.SHARED_LANGUAGE: (1, 6, "the least level of the weaker speaker, 1 (A1) to 6 (C2)"),
    RuleKind.SHARED_MINUTES: (1, MINUTES_OF_A_WEEK, "the least minutes a week that both are free"),
    RuleKind.ZONE_SPREAD: (0, 12, "the most hours between their clocks, 0 to 12"),
}
_NAMES_PEOPLE = {RuleKind.TOGETHER, RuleKind.NOT_TOGETHER}
_NAMES_FACET = {RuleKind.SAME_FACET, RuleKind.DIFFERENT_FACET}


class RulesAreWrong(Invalid):
    """At least one rule is not well-formed; ``problems`` say which."""


class RulesConflict(Conflict):
    """Required rules cannot hold together; ``problems`` name them."""


@dataclass(frozen=True, slots=True)
class _Place:
    """A rule with where it stands in its set, for messages."""

    number: int
    rule: Rule

    def __str__(self) -> str:
        about = self.rule.facet or " and ".join(str(person) for person in self.rule.people)
        return f"rule {self.number + 1} {self.rule.kind.name}" + (f" ({about})" if about else "")


def check(rules: RuleSet, *, cohort: Cohort, enrolments: Mapping[UUID, Enrolment]) -> None:
    """Refuse rules that are not well-formed, or that contradict each other in this cohort. ``enrolments``: by person."""
    problems = (
        *_problems_with_weights(rules),
        *(p for n, r in enumerate(rules.rules) for p in _problems_with(r, at=n)),
    )
    if problems:
        raise RulesAreWrong(
            "The rules cannot be used as they are.", remedy="Correct each of the problems listed.", problems=problems
        )
    conflicts = tuple(_contradictions(rules, cohort=cohort, enrolments=enrolments))
    if conflicts:
        raise RulesConflict(
            "These rules contradict each other: " + " ".join(conflict.message for conflict in conflicts),
            remedy="Take one rule of each contradiction back, or make it preferred.",
            problems=conflicts,
        )


def _problems_with_weights(rules: RuleSet) -> Iterator[Problem]:
    for name, weight in (("difference", rules.difference), ("logistics", rules.logistics)):
        if not 0 <= weight <= 1:
            yield Problem(name, "A weight lies between 0 and 1.", str(weight), "Choose a number from 0 to 1.")
    if not 0 <= rules.ranking <= MOST_RANKING:
        yield Problem(
            "ranking",
            f"The weight of rankings lies between 0 and {MOST_RANKING}.",
            str(rules.ranking),
            f"Choose a number from 0 to {MOST_RANKING}.",
        )


def _problems_with(rule: Rule, *, at: int) -> Iterator[Problem]:
    path = f"rules[{at}]"
    if not 0 <= rule.weight <= 1:
        yield Problem(
            f"{path}.weight", "A weight lies between 0 and 1.", str(rule.weight), "Choose a number from 0 to 1."
        )
    if rule.kind in _NEEDS_PARAMETER:
        least, most, meaning = _NEEDS_PARAMETER[rule.kind]
        if rule.parameter is None or not least <= rule.parameter <= most:
            value = "" if rule.parameter is None else f"{rule.parameter:g}"
            yield Problem(
                f"{path}.parameter",
                f"{rule.kind.name} needs a number: {meaning}.",
                value,
                f"Give a number from {least} to {most}.",
            )
    if rule.kind in _NAMES_PEOPLE and len(set(rule.people)) != 2:
        yield Problem(
            f"{path}.people",
            f"{rule.kind.name} is about exactly two different people.",
            ", ".join(map(str, rule.people)),
            "Name two people.",
        )
    if rule.kind is RuleKind.PARTNER_AMONG and (len(rule.people) < 2 or rule.people[0] in rule.people[1:]):
        yield Problem(
            f"{path}.people",
            f"{rule.kind.name} names a person first, and then the group from which their partners come.",
            ", ".join(map(str, rule.people)),
            "Name the person and at least one other.",
        )
    if rule.kind is RuleKind.INCLUDE_ONE and not rule.people:
        yield Problem(
            f"{path}.people", f"{rule.kind.name} is about a group of people.", "", "Name at least one person."
        )
    if rule.kind is RuleKind.INCLUDE_ONE and not rule.required:
        yield Problem(
            f"{path}.required",
            f"{rule.kind.name} is about the whole plan, not about the value of a pair.",
            "false",
            "Make it required, or take it back.",
        )
    if rule.language is not None and (rule.kind is not RuleKind.SHARED_LANGUAGE or not rule.language.strip()):
        yield Problem(
            f"{path}.language",
            "Only SHARED_LANGUAGE is about one language, by its code.",
            rule.language,
            "Give a code such as en, or leave it out.",
        )
    if rule.kind in _NAMES_FACET and rule.facet not in FACETS:
        yield Problem(
            f"{path}.facet",
            f"{rule.kind.name} is about one facet of the background.",
            rule.facet or "",
            f"Choose one of {', '.join(FACETS)}.",
        )


def _contradictions(rules: RuleSet, *, cohort: Cohort, enrolments: Mapping[UUID, Enrolment]) -> Iterator[Problem]:
    required = [_Place(number, rule) for number, rule in enumerate(rules.rules) if rule.required]
    for index, one in enumerate(required):
        for other in required[index + 1 :]:
            why = _clash(one.rule, other.rule)
            if why:
                yield _conflict(one, other, why=why)
    together = [place for place in required if place.rule.kind is RuleKind.TOGETHER]
    for across in required:
        if across.rule.kind is RuleKind.CROSS_ORGANIZATION:
            if len(cohort.partners) < 2:
                yield _conflict(across, why="the cohort has one organization only, so nobody could be matched")
            for place in together:
                of = [enrolments[person].organization_id for person in place.rule.people if person in enrolments]
                if len(of) == 2 and of[0] == of[1]:
                    yield _conflict(across, place, why="the two belong to the same organization")
    for place in together:
        roles = [enrolments[person].role for person in place.rule.people if person in enrolments]
        if len(roles) == 2 and roles[0] == roles[1] and roles[0] is not EnrolmentRole.BOTH:
            yield _conflict(place, why=f"both only {'give' if roles[0] is EnrolmentRole.GIVES else 'receive'}")
    wanted = Counter(person for place in together for person in set(place.rule.people))
    for person, count in sorted(wanted.items()):
        if person in enrolments and count > enrolments[person].capacity:
            places = [place for place in together if person in place.rule.people]
            yield _conflict(
                *places,
                why=f"{person} takes {enrolments[person].capacity} pair(s) at once and is asked for {count}",
            )


def _clash(one: Rule, other: Rule) -> str:
    kinds = {one.kind, other.kind}
    if kinds == _NAMES_PEOPLE and set(one.people) == set(other.people):
        return "the same two cannot be together and apart"
    if kinds == _NAMES_FACET and one.facet == other.facet:
        return f"{one.facet} cannot be the same and different"
    if kinds == {RuleKind.CROSS_ORGANIZATION, RuleKind.SAME_ORGANIZATION}:
        return "organizations cannot be the same and different"
    same_thing = one.kind is other.kind and one.language == other.language
    if same_thing and one.kind in _NEEDS_PARAMETER and one.parameter != other.parameter:
        return f"the same rule is stated twice, with {one.parameter:g} and {other.parameter:g}"
    return ""


def _conflict(*places: _Place, why: str) -> Problem:
    return Problem(
        path=", ".join(f"rules[{place.number}]" for place in places),
        message=f"{' and '.join(map(str, places))}: {why}.",
        remedy="Take one of them back, or make it preferred.",
    )
