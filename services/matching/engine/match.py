"""The door of the engine: a snapshot and its near texts in, a plan with its proof out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from math import inf

import numpy as np

from services.matching.engine.explain import explain
from services.matching.engine.frozen import Proof
from services.matching.engine.keeping import keeping
from services.matching.engine.meaning.near import THOUSAND, Near
from services.matching.engine.model import Cancelled, IsCancelled, OnProgress, Plan, PlannedPair, Snapshot
from services.matching.engine.scoring.inverted import inverted
from services.matching.engine.scoring.problem import MILLION
from services.matching.engine.scoring.reasons import best_possible, outcomes, reason_for
from services.matching.engine.solving.pairs import Edges, edges_of
from services.matching.engine.solving.solution import Solution
from services.matching.engine.solving.solve import solve
from services.matching.engine.stated import Stated, state, unseen

NAME = "flow-1"


def match(
    snapshot: Snapshot,
    near: Near,
    *,
    seed: int = 0,
    on_progress: OnProgress = lambda _stage, _done: None,
    cancelled: IsCancelled = lambda: False,
    deadline: Callable[[], float] = lambda: inf,
) -> tuple[Plan, Proof | None]:
    """Pair people so that as many as possible have somebody, as few as possible of them one way, then for value.

    Every pair and every person left out is explained, and the proof says how good the plan is (none without people). The same
    snapshot, near texts and seed give the same plan, whatever the order of people, rules and couples, and whatever their
    organizations are called. ``deadline``: seconds left; late, the best plan so far comes back with a bound that holds.
    Raises ``Cancelled`` soon after ``cancelled()`` turns true, ``RulesContradict`` when required rules cannot hold together, and
    ``SnapshotRefused`` or ``RuleRefused`` for a snapshot that makes no sense.
    """
    if not snapshot.people:
        return Plan(upper_bound=0.0, unmatched_bound=0, exact=True, engine=NAME, meaning=near.model), None

    def enter(stage: str, done: float) -> None:
        if cancelled():
            raise Cancelled
        on_progress(stage, done)

    enter("checking the rules", 0.3)
    known = state(snapshot, near, seed=seed)
    enter("pairing", 0.4)
    solution = _solved(
        known,
        on_progress=lambda stage, done: on_progress(f"pairing: {stage}", 0.4 + 0.4 * done),
        cancelled=cancelled,
        deadline=deadline,
    )
    enter("explaining", 0.85)
    pairs = explain(
        set(zip(solution.found.u.tolist(), solution.found.v.tolist(), strict=True)),
        people=known.people,
        problem=known.problem,
        monday=date.fromisoformat(snapshot.week),
        pins=known.pins,
    )
    learned = known.problem.near is not near
    if learned:
        pairs = tuple(with_models_word(pair, near) for pair in pairs)
    proof = Proof(
        seed=seed,
        forced=solution.forced,
        couples=solution.found.couples,
        certificate=solution.found.certificate,
        value=solution.found.value,
        upper_bound=solution.found.upper_bound,
        unmatched=solution.found.unmatched,
        unmatched_bound=solution.found.unmatched_bound,
    )
    return replace(_plan(known, solution, pairs=pairs, meaning=near.model), learned=learned), proof


def with_models_word(pair: PlannedPair, near: Near) -> PlannedPair:
    """The pair with what the models alone say of each direction: the next correction is learned from that, not from this one."""
    return replace(
        pair,
        directions=tuple(
            replace(way, unlearned=near.of(way.need).get(way.offer, 0) / THOUSAND) for way in pair.directions
        ),
    )


@dataclass(frozen=True, slots=True)
class _Solved:
    found: Solution
    forced: Edges


def _solved(
    known: Stated, *, on_progress: OnProgress, cancelled: IsCancelled, deadline: Callable[[], float]
) -> _Solved:
    """The solver's plan; whenever a group of whom one must be included has nobody, its best pair is forced, and all is planned
    again."""
    forced = known.forced
    while True:
        found = solve(
            known.pairs,
            places=known.problem.places,
            forced=forced,
            on_progress=on_progress,
            cancelled=cancelled,
            deadline=deadline,
        )
        if cancelled():
            raise Cancelled
        found = keeping(known, found, forced=forced)
        more = _for_groups(known, found, forced=forced)
        if more is None:
            return _Solved(found, forced)
        forced = more


def _for_groups(known: Stated, found: Solution, *, forced: Edges) -> Edges | None:
    """The forced couples and one more, for the first group that was left out; None when none was, or nobody can help it."""
    paired = {*found.u.tolist(), *found.v.tolist()}
    left = known.problem.places - np.bincount(np.concatenate((forced.u, forced.v)), minlength=known.problem.size)
    for group in known.problem.rules.included:
        if paired & set(group.people):
            continue
        best: tuple[int, int, int] | None = None
        for person in sorted(group.people):
            partners, worth = known.pairs.of(person)
            open_ = (left[partners] > 0) & (left[person] > 0)
            for partner, value in zip(partners[open_].tolist(), worth[open_].tolist(), strict=True):
                if best is None or value > best[0]:
                    best = value, person, partner
        if best is not None:
            value, person, partner = best
            return edges_of(
                np.append(forced.u, person), np.append(forced.v, partner), np.append(forced.w, np.int64(value))
            )
    return None


def _plan(known: Stated, solution: _Solved, *, pairs: Sequence[PlannedPair], meaning: str) -> Plan:
    found = solution.found
    paired = {*found.u.tolist(), *found.v.tolist()}
    topics = inverted(known.problem)
    left_out = [
        reason_for(index, problem=known.problem, people=known.people, index=topics)
        for index in range(len(known.people))
        if index not in paired
    ]
    return Plan(
        pairs=tuple(pairs),
        left_out=tuple(sorted(left_out, key=lambda out: out.person)),
        outcomes=outcomes(known.people, pairs=pairs, best=best_possible(known.plain)),
        unpinned=known.unpinned,
        value=round(sum(pair.value for pair in pairs), 6),
        upper_bound=(found.upper_bound + unseen(known, found.couples)) / MILLION,
        unmatched_bound=found.unmatched_bound,
        exact=found.exact,
        engine=NAME,
        meaning=meaning,
    )
