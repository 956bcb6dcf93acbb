"""Rules as data: every kind of rule becomes one of a few forms, and all forms together a ``Rulebook`` of arrays.

What is not about a pair – who must be together, who must be included – is a demand on the whole plan: the rulebook carries it
along for whoever plans, and ``conflicts`` looks for demands that cannot be met.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from services.matching.engine.model import Couple, Rule

MILLION = 1_000_000
SLOT_MINUTES = 5
ALWAYS = -1
"""The number of what holds in every cohort, rule or no rule."""
REQUIRED = -1
"""In a rulebook's costs: the rule is never broken."""

LEVEL, SLOTS, CLOCK = 0, 1, 2
"""What is measured: CEFR level of the weaker speaker, shared slots a week, minutes between the clocks."""


class RuleRefused(ValueError):
    """A rule that cannot be used; the message says which, why and what to do."""


@dataclass(frozen=True, slots=True)
class Labels:
    """Compares a label. ``same``: both stated it and it is equal. Otherwise broken only where both stated it and it is equal:
    nobody is left out for keeping something to themselves."""

    column: int
    same: bool


@dataclass(frozen=True, slots=True)
class Measure:
    """At least ``bound`` (at most, of the clocks). ``language``: number of the one that counts, −1 for whichever suits best."""

    what: int
    bound: int
    language: int = -1


@dataclass(frozen=True, slots=True, eq=False)
class Couples:
    """Broken by these couples: ``first[k] < second[k]``, sorted, each once."""

    first: NDArray[np.int64]
    second: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Partners:
    """Broken wherever one of these people is with somebody who is not among their partners."""

    of: Mapping[int, frozenset[int]]


@dataclass(frozen=True, slots=True)
class Together:
    """These two are a pair."""

    first: int
    second: int


@dataclass(frozen=True, slots=True)
class Included:
    """At least one of these people has a pair."""

    people: tuple[int, ...]


Form = Labels | Measure | Couples | Partners | Together | Included


@dataclass(frozen=True, slots=True)
class Check:
    """A rule as this snapshot has it. ``number``: its place in the rule set, or ALWAYS. ``cost``: millionths, of a preferred one."""

    number: int
    kind: str
    required: bool
    cost: int
    form: Form


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Rulebook:
    """All checks merged, in the shape in which pairs are looked at one after the other.

    A pair is forbidden where ``base_ban[u] + base_ban[v]`` plus the couple's own entry is above zero, and costs the same sum of
    ``base_cost``: who may only be with few has a base of one, which the entries of the few take back. A cost of REQUIRED in
    ``label_cost`` and ``measure_cost`` forbids.
    """

    checks: tuple[Check, ...] = ()
    label_column: NDArray[np.int64]
    label_same: NDArray[np.bool_]
    label_cost: NDArray[np.int64]
    measure_what: NDArray[np.int64]
    measure_bound: NDArray[np.int64]
    measure_language: NDArray[np.int64]
    measure_cost: NDArray[np.int64]
    base_ban: NDArray[np.int64]  # n
    base_cost: NDArray[np.int64]  # n
    couple_starts: NDArray[np.int64]  # n + 1; both directions of every couple
    couple_other: NDArray[np.int32]  # ascending for each person
    couple_ban: NDArray[np.int64]
    couple_cost: NDArray[np.int64]

    @property
    def together(self) -> tuple[Together, ...]:
        """Required couples; whoever plans takes them first."""
        return tuple(c.form for c in self.checks if c.required and isinstance(c.form, Together))

    @property
    def included(self) -> tuple[Included, ...]:
        """Groups of whom at least one must have a pair."""
        return tuple(c.form for c in self.checks if isinstance(c.form, Included))


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What rules refer to: people by their place, languages and label columns by name, and the couples of earlier editions."""

    place: Mapping[str, int]
    languages: Sequence[str] = ()
    columns: Sequence[str] = ()
    met: Iterable[Couple] = ()
    above: Sequence[tuple[int, int]] = field(default_factory=tuple)  # (person, somebody above them)


def couples_of(couples: Iterable[Couple], *, place: Mapping[str, int]) -> Couples:
    """Those couples of whom both are here."""
    return _couples((place[c.first], place[c.second]) for c in couples if c.first in place and c.second in place)


def compiled(rule: Rule, *, number: int, setting: Setting) -> Check | None:
    """The rule for these people; None where it has nothing to say (it is about somebody who is not here).

    A kind that this engine does not know is an error, never ignored.
    """
    if rule.kind not in KINDS:
        raise RuleRefused(f"the engine knows no rule of the kind {rule.kind!r} (rule {number + 1}): take it back.")
    for name, amount in (("parameter", rule.parameter), ("weight", rule.weight)):
        if amount is not None and not math.isfinite(amount):
            raise RuleRefused(f"rule {number + 1} {rule.kind}: its {name} is {amount}; give a number.")
    form = KINDS[rule.kind](rule, setting)
    if form is None:
        return None
    return Check(number, rule.kind, rule.required, 0 if rule.required else round(rule.weight * MILLION), form)


def _cross_organization(_rule: Rule, setting: Setting) -> Form:
    return Labels(setting.columns.index("organization"), same=False)


def _same_organization(_rule: Rule, setting: Setting) -> Form:
    return Labels(setting.columns.index("organization"), same=True)


def _different_team(_rule: Rule, setting: Setting) -> Form:
    return Labels(setting.columns.index("team"), same=False)


def _no_reporting_line(_rule: Rule, setting: Setting) -> Form:
    return _couples(setting.above)


def _shared_language(rule: Rule, setting: Setting) -> Form:
    bound = math.ceil(max(1.0, rule.parameter or 1.0))
    if not rule.language:
        return Measure(LEVEL, bound)
    if rule.language not in setting.languages:
        return Measure(LEVEL, 7, 0)  # nobody speaks it: no level is enough
    return Measure(LEVEL, bound, setting.languages.index(rule.language))


def _shared_minutes(rule: Rule, _setting: Setting) -> Form:
    return Measure(SLOTS, math.ceil(max(1.0, rule.parameter or 1.0) / SLOT_MINUTES))


def _zone_spread(rule: Rule, _setting: Setting) -> Form:
    return Measure(CLOCK, math.floor((12.0 if rule.parameter is None else rule.parameter) * 60))


def _not_together(rule: Rule, setting: Setting) -> Form | None:
    first, second = _two(rule)
    return couples_of([Couple(first=first, second=second)], place=setting.place)


def _together(rule: Rule, setting: Setting) -> Form | None:
    first, second = _two(rule)
    if first not in setting.place or second not in setting.place:
        return None
    one, other = setting.place[first], setting.place[second]
    if rule.required:
        return Together(min(one, other), max(one, other))
    return Partners({one: frozenset({other}), other: frozenset({one})})


def _partner_among(rule: Rule, setting: Setting) -> Form | None:
    if len(rule.people) < 2:
        raise RuleRefused("partner_among names a person first and then the group: give at least two people.")
    person, *group = rule.people
    if person not in setting.place:
        return None
    return Partners({setting.place[person]: frozenset(setting.place[one] for one in group if one in setting.place)})


def _include_one(rule: Rule, setting: Setting) -> Form | None:
    if not rule.required:
        raise RuleRefused("include_one is about the whole plan, not about a pair's value: it can only be required.")
    here = tuple(sorted(setting.place[person] for person in set(rule.people) if person in setting.place))
    return Included(here) if here else None


def _not_met_before(_rule: Rule, setting: Setting) -> Form:
    return couples_of(setting.met, place=setting.place)


def _same_facet(rule: Rule, setting: Setting) -> Form:
    return Labels(_facet(rule, setting), same=True)


def _different_facet(rule: Rule, setting: Setting) -> Form:
    return Labels(_facet(rule, setting), same=False)


KINDS: dict[str, Callable[[Rule, Setting], Form | None]] = {
    "cross_organization": _cross_organization,
    "same_organization": _same_organization,
    "different_team": _different_team,
    "no_reporting_line": _no_reporting_line,
    "shared_language": _shared_language,
    "shared_minutes": _shared_minutes,
    "zone_spread": _zone_spread,
    "not_together": _not_together,
    "together": _together,
    "partner_among": _partner_among,
    "include_one": _include_one,
    "not_met_before": _not_met_before,
    "same_facet": _same_facet,
    "different_facet": _different_facet,
}


def rulebook(checks: Sequence[Check], *, size: int) -> Rulebook:
    """All checks merged, for ``size`` people."""
    labels = [(c, c.form) for c in checks if isinstance(c.form, Labels)]
    measures = [(c, c.form) for c in checks if isinstance(c.form, Measure)]
    base_ban, base_cost = np.zeros(size, dtype=np.int64), np.zeros(size, dtype=np.int64)
    first: list[NDArray[np.int64]] = []
    second: list[NDArray[np.int64]] = []
    ban: list[NDArray[np.int64]] = []
    cost: list[NDArray[np.int64]] = []

    def enter(one: NDArray[np.int64], other: NDArray[np.int64], *, check: Check, times: int) -> None:
        first.extend((one, other))
        second.extend((other, one))
        ban.extend([np.full(len(one), times if check.required else 0, dtype=np.int64)] * 2)
        cost.extend([np.full(len(one), times * check.cost, dtype=np.int64)] * 2)

    for check in checks:
        if isinstance(check.form, Couples):
            enter(check.form.first, check.form.second, check=check, times=1)
        elif isinstance(check.form, Partners):
            for person, partners in check.form.of.items():
                base_ban[person] += check.required
                base_cost[person] += check.cost
                few = np.array(sorted(partners - {person}), dtype=np.int64)
                enter(np.full(len(few), person, dtype=np.int64), few, check=check, times=-1)
    starts, other, bans, costs = _merged(first, second, ban, cost, size=size)
    return Rulebook(
        checks=tuple(checks),
        label_column=np.array([form.column for _, form in labels], dtype=np.int64),
        label_same=np.array([form.same for _, form in labels], dtype=np.bool_),
        label_cost=np.array([_charge(check) for check, _ in labels], dtype=np.int64),
        measure_what=np.array([form.what for _, form in measures], dtype=np.int64),
        measure_bound=np.array([form.bound for _, form in measures], dtype=np.int64),
        measure_language=np.array([form.language for _, form in measures], dtype=np.int64),
        measure_cost=np.array([_charge(check) for check, _ in measures], dtype=np.int64),
        base_ban=base_ban,
        base_cost=base_cost,
        couple_starts=starts,
        couple_other=other,
        couple_ban=bans,
        couple_cost=costs,
    )


def _charge(check: Check) -> int:
    return REQUIRED if check.required else check.cost


def _merged(
    first: Sequence[NDArray[np.int64]],
    second: Sequence[NDArray[np.int64]],
    ban: Sequence[NDArray[np.int64]],
    cost: Sequence[NDArray[np.int64]],
    *,
    size: int,
) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.int64], NDArray[np.int64]]:
    """One entry for each direction of a couple, with the sums of what all checks say about it."""
    nothing = np.empty(0, dtype=np.int64)
    u, v, bans, costs = (np.concatenate([nothing, *part]) for part in (first, second, ban, cost))
    key, which = np.unique(u * max(size, 1) + v, return_inverse=True)
    total_ban, total_cost = np.zeros(len(key), dtype=np.int64), np.zeros(len(key), dtype=np.int64)
    np.add.at(total_ban, which, bans)
    np.add.at(total_cost, which, costs)
    starts = np.searchsorted(key, np.arange(size + 1) * max(size, 1))
    return starts.astype(np.int64), (key % max(size, 1)).astype(np.int32), total_ban, total_cost


def _couples(twos: Iterable[tuple[int, int]]) -> Couples:
    found = sorted({(min(two), max(two)) for two in twos if two[0] != two[1]})
    both = np.array(found, dtype=np.int64).reshape(len(found), 2)
    return Couples(both[:, 0].copy(), both[:, 1].copy())


def _two(rule: Rule) -> tuple[str, str]:
    if len(rule.people) != 2 or len(set(rule.people)) != 2:
        raise RuleRefused(f"{rule.kind} is about exactly two different people, and names {len(set(rule.people))}.")
    return rule.people[0], rule.people[1]


def _facet(rule: Rule, setting: Setting) -> int:
    facets = [name for name in setting.columns if name not in {"organization", "team"}]
    if rule.facet not in facets:
        raise RuleRefused(f"{rule.kind} is about the unknown facet {rule.facet!r}: choose one of {', '.join(facets)}.")
    return setting.columns.index(rule.facet)
