"""What a pair is worth: one documented function, in whole millionths so that every machine agrees.

What an offer does for a need (all divisions round down, towards less)::

    met       = chance · aptness · (3 + priority) / 6          chance: the probability that the offer meets the need
                                                               aptness: kind of help against level and setting (``aptness``)
    direction = best + second · (1 − best) / 2                 over the learner's needs, each met by the teacher's best offer
    value     = 0.8 · min(a, b) + 0.1 · (a + b)                a: first teaches second; b: second teaches first
                + difference · min(differences, 3) / 3
                − logistics  · (0.4 · clocks apart / 12 h + 0.4 · missing of 3 shared hours + 0.2 · language below C1)
                − the weight of each preferred rule that is broken

*Why these forms.* The weaker direction leads, because a two-way street is as wide as its narrow side; the sum only breaks
ties. (The geometric mean of the two was tried: it forgives an empty direction less and a weak one more, and nobody can add it
up in their head.) A direction is its best-met need, and the second-best fills half of what the first leaves open: a sum over
all needs would pay people for writing long lists, the best alone would ignore that two reasons to meet outlast one; as a
chance, ``1 − (1 − best)(1 − second)`` is that one of both works out, and the half is there because two needs are often two
wordings of one wish. Nobody loses by stating one need only: met surely, it is worth all there is.
Where their roles allow one direction only, it counts as both. *differences* counts organization, industry, function,
education and region, stated by both and different: three are as good as five (a plateau: new, but not as strange as possible).
Low priority, level or aptness dims a direction and never hides it.

*One way.* Where roles allow both directions and only one has something to teach, planners see the value lowered by
``ONE_WAY_COST``: so far below every two-way value that such a pair is taken only for somebody whom no two-way pair can cover.
The tier is no part of the value that people are shown. It is no larger than that needs: half of it enters the gap between
fractional and whole plans, and with a tier of 10 cohorts of some thousand people could not be made exact. (Twice the largest value
is enough for a difference weight up to 0.15; above, a pair that differs much may be kept at the cost of another going one way.)
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.matching.engine.scoring.aptness import APTNESS
from services.matching.engine.scoring.problem import COLUMNS, DIFFERENCE, MILLION, SLOT_WORDS, UNSTATED, Problem
from services.matching.engine.scoring.rules import (
    CLOCK,
    LEVEL,
    Check,
    Couples,
    Form,
    Included,
    Labels,
    Measure,
    Partners,
    Together,
)
from services.matching.engine.solving.pairs import NEVER

PLATEAU = 3
AMPLE_SLOTS = 36  # three hours
FLUENT = 5  # C1
HALF_A_DAY = 720
ONE_WAY_COST = 2_300_000
PAIRS_AT_ONCE = 1 << 15  # keeps the shared slots of all pairs looked at together small

WEAKER, BOTH_WAYS, DIFFERENCES = "weaker direction", "both directions", "difference"
CLOCKS, TIME, LANGUAGE = "clocks", "shared time", "language"

Numbers = NDArray[np.int32] | NDArray[np.int64]
Millionths = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Valued:
    """m pairs: each named part of the value, the value (their sum), and what a planner sees (NEVER where impossible)."""

    parts: dict[str, Millionths]
    value: Millionths
    planned: Millionths
    one_way: NDArray[np.bool_]


def met(chance: Millionths, *, kind: Numbers, skill: Numbers, priority: Numbers) -> Millionths:
    """What an offer does for a need, 0 to a million. ``kind`` and ``skill``: row and column of ``APTNESS``."""
    worth: Millionths = chance * APTNESS[kind, skill] * (3 + priority.astype(np.int64)) // 6
    return worth


def direction(best: Millionths, second: Millionths) -> Millionths:
    """From the two needs that are met best, 0 to a million."""
    return best + second * (MILLION - best) // (2 * MILLION)


def valued(problem: Problem, u: Numbers, v: Numbers, *, a: Millionths, b: Millionths) -> Valued:
    """The pairs ``(u[k], v[k])`` of whom ``u`` can teach ``a[k]`` and be taught ``b[k]`` (0 where roles forbid)."""
    there = problem.gives[u] & problem.receives[v]
    back = problem.gives[v] & problem.receives[u]
    a, b = np.where(there, a, 0), np.where(back, b, 0)
    one_way = there & back & ((a == 0) != (b == 0))
    a, b = np.where(there, a, b), np.where(back, b, a)
    logistics = problem.weights.logistics
    slots = np.minimum(shared_slots(problem, u, v), AMPLE_SLOTS)
    level = np.minimum(shared_level(problem, u, v), FLUENT)
    parts = {
        WEAKER: 8 * np.minimum(a, b) // 10,
        BOTH_WAYS: (a + b) // 10,
        DIFFERENCES: problem.weights.third * np.minimum(differences(problem, u, v), PLATEAU),
        CLOCKS: -(logistics * 2 * clocks_apart(problem, u, v) // (5 * HALF_A_DAY)),
        TIME: -(logistics * 2 * (AMPLE_SLOTS - slots) // (5 * AMPLE_SLOTS)),
        LANGUAGE: -(logistics * (FLUENT - level) // (5 * FLUENT)),
    }
    for check in problem.rules.checks:
        if not check.required:
            parts[part_of(check)] = -check.cost * breaks(check.form, problem, u, v).astype(np.int64)
    value = sum(parts.values(), start=np.zeros(len(u), dtype=np.int64))
    possible = (a + b > 0) & problem.able[u] & problem.able[v] & legal(problem, u, v)
    planned = np.where(possible, value - ONE_WAY_COST * one_way, NEVER)
    return Valued(parts, value, planned, one_way)


def part_of(check: Check) -> str:
    """The name of a preferred rule's part of the value."""
    return f"preferred rule {check.number + 1}: {check.kind}"


def legal(problem: Problem, u: Numbers, v: Numbers) -> NDArray[np.bool_]:
    """Whether these pairs are of two people and break no required rule; roles and topics are not looked at."""
    held: NDArray[np.bool_] = u != v
    for check in problem.rules.checks:
        if check.required:
            held &= ~breaks(check.form, problem, u, v)
    return held


def breaks(form: Form, problem: Problem, u: Numbers, v: Numbers) -> NDArray[np.bool_]:
    """Which of these pairs break a rule of this form. Demands on the whole plan are broken by no pair."""
    match form:
        case Labels(column, same):
            mine, yours = problem.labels[column, u], problem.labels[column, v]
            equal: NDArray[np.bool_] = (mine == yours) & (mine != UNSTATED)
            return ~equal if same else equal
        case Measure():
            return _falls_short(form, problem, u, v)
        case Couples(first, second):
            low, high = np.minimum(u, v).astype(np.int64), np.maximum(u, v).astype(np.int64)
            return np.isin(low * problem.size + high, first * problem.size + second)
        case Partners(of):
            broken = np.zeros(len(u), dtype=np.bool_)
            for person, partners in of.items():
                few = np.array(sorted(partners), dtype=np.int64)
                broken |= (u == person) & ~np.isin(v, few)
                broken |= (v == person) & ~np.isin(u, few)
            return broken
        case Together() | Included():
            return np.zeros(len(u), dtype=np.bool_)


def _falls_short(form: Measure, problem: Problem, u: Numbers, v: Numbers) -> NDArray[np.bool_]:
    if form.what == CLOCK:
        return clocks_apart(problem, u, v) > form.bound
    if form.what == LEVEL:
        return shared_level(problem, u, v, language=form.language) < form.bound
    return shared_slots(problem, u, v) < form.bound


def differences(problem: Problem, u: Numbers, v: Numbers) -> Millionths:
    """In how many of the five respects two people differ."""
    count = np.zeros(len(u), dtype=np.int64)
    for name in DIFFERENCE:
        labels = problem.labels[COLUMNS.index(name)]
        mine, yours = labels[u], labels[v]
        count += (mine != yours) & (mine != UNSTATED) & (yours != UNSTATED)
    return count


def clocks_apart(problem: Problem, u: Numbers, v: Numbers) -> Millionths:
    """Minutes between the clocks, 0 to 720."""
    apart = np.abs(problem.clock[u].astype(np.int64) - problem.clock[v]) % (2 * HALF_A_DAY)
    shorter: Millionths = np.minimum(apart, 2 * HALF_A_DAY - apart)
    return shorter


def shared_level(problem: Problem, u: Numbers, v: Numbers, *, language: int = -1) -> Millionths:
    """The level of the weaker speaker: in this language, or in the one that suits the two best."""
    if not problem.codes:
        return np.zeros(len(u), dtype=np.int64)
    if language >= 0:
        weaker: NDArray[np.uint8] = np.minimum(problem.spoken[u, language], problem.spoken[v, language])
        return weaker.astype(np.int64)
    level = np.zeros(len(u), dtype=np.uint8)
    for column in problem.spoken.T:
        np.maximum(level, np.minimum(column[u], column[v]), out=level)
    return level.astype(np.int64)


def shared_slots(problem: Problem, u: Numbers, v: Numbers) -> Millionths:
    """In how many slots of five minutes both are free."""
    count = np.zeros(len(u), dtype=np.int64)
    for start in range(0, len(u), PAIRS_AT_ONCE):
        some = slice(start, start + PAIRS_AT_ONCE)
        for word in range(SLOT_WORDS):
            column = problem.slots[:, word]
            count[some] += np.bitwise_count(column[u[some]] & column[v[some]])
    return count
