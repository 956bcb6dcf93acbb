"""Why these two: both directions, the terms of the value, what they share and what is new."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from services.matching.engine import week
from services.matching.engine.meaning.near import THOUSAND, Near
from services.matching.engine.model import BOTH, Person, Phrase, PlannedPair, Term, summed
from services.matching.engine.scoring.directions import Taught, may_teach, nearest, taught, teaching_of
from services.matching.engine.scoring.ground import stated
from services.matching.engine.scoring.problem import COLUMNS, DIFFERENCE, FACETS, MILLION, UNSTATED, Problem
from services.matching.engine.scoring.sentences import phrase, say
from services.matching.engine.scoring.value import (
    BOTH_WAYS,
    CLOCKS,
    DIFFERENCES,
    LANGUAGE,
    TIME,
    WEAKER,
    clocks_apart,
    part_of,
    shared_level,
    shared_slots,
    valued,
)

ALIKE = 0.5
"""Two texts are about the same when this share of what meets one meets the other."""
MOST_DIFFERENCES = 3

Directions = Sequence[tuple[int, int, Taught]]  # teacher, learner, what


@dataclass(frozen=True, slots=True, eq=False)
class _Looked:
    """What is looked up for all couples at once: m places each of the first and the second, and of what they share."""

    first: NDArray[np.int64]
    second: NDArray[np.int64]
    directions: Sequence[tuple[Taught | None, Taught | None]]  # first teaches second, second teaches first
    parts: dict[str, NDArray[np.int64]]
    clocks: NDArray[np.int64]
    slots: NDArray[np.int64]
    level: NDArray[np.int64]


def explain(
    couples: Iterable[tuple[int, int]],
    *,
    people: Sequence[Person],
    problem: Problem,
    monday: date,
    pins: Collection[tuple[int, int]] = (),
) -> tuple[PlannedPair, ...]:
    """The pairs at these places of the problem, as their people and organizers will read them; sorted by ids.

    ``pins``: those that an organizer wants.
    """
    # The order of the two in the text follows their ids, like the order of a pair's members.
    wanted = {frozenset(couple) for couple in pins}
    ordered = sorted((sorted(couple, key=lambda index: people[index].id) for couple in couples), key=_ids(people))
    looked = _look(problem, ordered)
    return tuple(
        _pair(k, looked, people=people, problem=problem, monday=monday, pinned=frozenset(couple) in wanted)
        for k, couple in enumerate(ordered)
    )


def terms_of(problem: Problem, first: int, second: int) -> tuple[Term, ...]:
    """The named parts of one pair's value, without those that are zero by nature; their millionths sum to it exactly."""
    return _terms(0, _look(problem, [[first, second]]), problem=problem)


def _ids(people: Sequence[Person]) -> Callable[[list[int]], tuple[str, ...]]:
    return lambda couple: tuple(people[index].id for index in couple)


def _look(problem: Problem, couples: Sequence[Sequence[int]]) -> _Looked:
    first, second = np.array(couples, dtype=np.int64).reshape(len(couples), 2).T
    directions = [(taught(problem, one, other), taught(problem, other, one)) for one, other in couples]
    a, b = (
        np.array([found.worth if found else 0 for found in way], dtype=np.int64)
        for way in (zip(*directions, strict=True) if directions else ((), ()))
    )
    return _Looked(
        first,
        second,
        directions,
        valued(problem, first, second, a=a, b=b).parts,
        clocks_apart(problem, first, second),
        shared_slots(problem, first, second),
        shared_level(problem, first, second),
    )


def _pair(
    k: int, looked: _Looked, *, people: Sequence[Person], problem: Problem, monday: date, pinned: bool
) -> PlannedPair:
    at = int(looked.first[k]), int(looked.second[k])
    one, other = people[at[0]], people[at[1]]
    directions = _directions(problem, at, found=looked.directions[k], pinned=pinned)
    terms = _terms(k, looked, problem=problem)
    language = _language(problem, at)
    shared = week.unpacked(problem.slots[at[0]] & problem.slots[at[1]])
    ground = _common_ground(problem, one, other, at=at, directions=directions, language=language)
    bridge = _bridge(problem, one, other, at=at, directions=directions)
    one_way = _one_way_reason(one, other, directions=directions, pinned=pinned)
    return PlannedPair(
        first=one.id,
        second=other.id,
        value=summed(terms),
        terms=terms,
        directions=tuple(
            teaching_of(what, teacher=people[teacher].id, learner=people[learner].id)
            for teacher, learner, what in directions
        ),
        language=language,
        shared_minutes=int(looked.slots[k]) * week.SLOT_MINUTES,
        shared_windows=week.window_texts(shared),
        first_windows=week.window_texts(shared, zone=one.zone, monday=monday),
        second_windows=week.window_texts(shared, zone=other.zone, monday=monday),
        common_ground=say(ground),
        bridge="; ".join(map(say, bridge)),
        one_way_reason=say(one_way) if one_way else "",
        told=(ground, *bridge, *((one_way,) if one_way else ())),
        pinned=pinned,
    )


def _terms(k: int, looked: _Looked, *, problem: Problem) -> tuple[Term, ...]:
    whys = _whys(k, looked, problem=problem)
    return tuple(
        Term(name=name, amount=amount / MILLION, detail=say(whys[name]), why=whys[name])
        for name, amount in ((name, int(part[k])) for name, part in looked.parts.items())
        if amount or name in {WEAKER, BOTH_WAYS}
    )


def _whys(k: int, looked: _Looked, *, problem: Problem) -> dict[str, Phrase]:
    at = int(looked.first[k]), int(looked.second[k])
    allowed = [
        found.worth if found else 0
        for found, (teacher, learner) in zip(looked.directions[k], (at, at[::-1]), strict=True)
        if may_teach(problem, teacher, learner)
    ]
    differing = ",".join(_differing(problem, at))
    language, level = _language(problem, at), int(looked.level[k])
    return {
        WEAKER: phrase("weaker_direction", worth=min(allowed, default=0) / MILLION),
        BOTH_WAYS: phrase("both_directions" if len(allowed) == 2 else "one_direction"),
        DIFFERENCES: phrase("difference", facets=differing) if differing else phrase("no_difference"),
        CLOCKS: phrase("clocks", hours=int(looked.clocks[k]) / 60),
        TIME: phrase("shared_time", minutes=int(looked.slots[k]) * week.SLOT_MINUTES),
        LANGUAGE: phrase("language", language=language, level=level) if language else phrase("no_language"),
    } | {
        part_of(check): phrase("preferred_rule", rule=check.kind, number=check.number + 1)
        for check in problem.rules.checks
        if not check.required
    }


def _language(problem: Problem, at: tuple[int, int]) -> str:
    """The language in which the weaker of the two speaks best; "" when they share none."""
    shared = np.minimum(problem.spoken[at[0]], problem.spoken[at[1]])
    return problem.codes[int(shared.argmax())] if shared.any() else ""


def _directions(
    problem: Problem, at: tuple[int, int], *, found: tuple[Taught | None, Taught | None], pinned: bool
) -> Directions:
    shown = []
    for what, (teacher, learner) in zip(found, (at, at[::-1]), strict=True):
        if may_teach(problem, teacher, learner):
            # An organizer knows something that the texts do not say: show what there is all the same.
            there = nearest(problem, teacher, learner) if what is None and pinned else what
            if there is not None:
                shown.append((teacher, learner, there))
    return shown


def _one_way_reason(one: Person, other: Person, *, directions: Directions, pinned: bool) -> Phrase | None:
    if len(directions) == 2:
        return None
    if one.role != BOTH or other.role != BOTH:
        return phrase("by_roles")
    return phrase("pinned") if pinned else phrase("nothing_two_way")


def _common_ground(
    problem: Problem, one: Person, other: Person, *, at: tuple[int, int], directions: Directions, language: str
) -> Phrase:
    near = problem.near
    for code, ours, theirs, rows in (
        ("both_want", [n.text for n in one.needs], [n.text for n in other.needs], _met_by),
        ("both_know", [o.text for o in one.offers], [o.text for o in other.offers], _good_for),
    ):
        same = sorted(set(ours) & set(theirs))
        if same:
            return phrase(code, one=same[0])
        known = {text: rows(near, text) for text in (*ours, *theirs)}
        alike = [
            (-likeness, mine, yours)
            for mine in ours
            for yours in theirs
            if (likeness := _overlap(known[mine], known[yours])) >= ALIKE
        ]
        if alike:
            _, mine, yours = min(alike)
            return phrase(f"{code}_alike", one=mine, other=yours)
    for name in FACETS:
        column = problem.labels[COLUMNS.index(name)]
        if column[at[0]] == column[at[1]] != UNSTATED:
            return phrase("same_facet", facets=name, value=stated(one, name))
    if directions:
        return phrase("both_care", one=max(directions, key=lambda found: found[2].worth)[2].best.need)
    return phrase("both_speak", language=language) if language else phrase("same_cohort")


def _bridge(
    problem: Problem, one: Person, other: Person, *, at: tuple[int, int], directions: Directions
) -> tuple[Phrase, ...]:
    differing = _differing(problem, at)
    if differing:
        return tuple(
            phrase("different_organizations")
            if name == "organization"
            else phrase("different_facet", facets=name, one=stated(one, name), other=stated(other, name))
            for name in differing[:MOST_DIFFERENCES]
        )
    topics = [what.best.offer for _, _, what in directions]
    if len(topics) == 2 and topics[0] != topics[1]:
        return (phrase("different_topics", one=topics[0], other=topics[1]),)
    return (phrase("one_topic", one=topics[0]),) if topics else (phrase("strangers"),)


def _differing(problem: Problem, at: tuple[int, int]) -> list[str]:
    """The respects in which both stated something, and something different."""
    mine, yours = (dict(zip(COLUMNS, problem.labels[:, person].tolist(), strict=True)) for person in at)
    return [name for name in DIFFERENCE if mine[name] != yours[name] and UNSTATED not in {mine[name], yours[name]}]


def _met_by(near: Near, need: str) -> dict[str, int]:
    """The offers that may meet a need, with their chances."""
    return near.of(need)


def _good_for(near: Near, offer: str) -> dict[str, int]:
    """The needs that an offer may meet, with their chances."""
    starts, needs, chances = _turned(near)
    column = bisect_left(near.offers, offer)
    some = slice(int(starts[column]), int(starts[column + 1]))
    return {near.needs[need]: int(chance) for need, chance in zip(needs[some], chances[some], strict=True)}


@lru_cache(maxsize=1)
def _turned(near: Near) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.uint16]]:
    """The table by offers instead of needs."""
    order = np.argsort(near.offers_at, kind="stable")
    starts = np.searchsorted(near.offers_at[order], np.arange(len(near.offers) + 1))
    needs = np.repeat(np.arange(len(near.needs)), np.diff(near.starts))
    return starts.astype(np.int64), needs[order], near.chance[order]


def _overlap(mine: dict[str, int], yours: dict[str, int]) -> float:
    """The share that two rows of chances have in common, 0 to 1 (of nothing: 0)."""
    shared = sum(min(mine[text], yours[text]) for text in mine.keys() & yours.keys())
    return shared / max(1, sum(mine.values()) + sum(yours.values()) - shared)


def with_models_word(pairs: Iterable[PlannedPair], near: Near) -> tuple[PlannedPair, ...]:
    """Pairs with what the models alone say of each direction: the next correction is learned from that, not from this one."""
    return tuple(
        replace(
            pair,
            directions=tuple(
                replace(way, unlearned=near.of(way.need).get(way.offer, 0) / THOUSAND) for way in pair.directions
            ),
        )
        for pair in pairs
    )
