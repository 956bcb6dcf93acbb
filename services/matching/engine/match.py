"""The door of the engine: a snapshot and its near texts in, a plan with its proof out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from math import inf

from services.matching.engine.accounts import fairness, passed, prices_in, shares_of
from services.matching.engine.apart import Apart
from services.matching.engine.asked import NOTHING, Asked, asked_by, gained, owed_in, plainly
from services.matching.engine.explain import explain, with_models_word
from services.matching.engine.fair import Fair, fairly, floors_of, sticky_above
from services.matching.engine.frozen import FloorProof, Proof, ShareProof
from services.matching.engine.including import with_one_more
from services.matching.engine.keeping import keeping
from services.matching.engine.meaning.near import Near
from services.matching.engine.model import (
    NONE,
    Cancelled,
    IsCancelled,
    OnProgress,
    OnSoFar,
    Plan,
    PlannedPair,
    Snapshot,
    SoFar,
)
from services.matching.engine.scoring.inverted import inverted
from services.matching.engine.scoring.problem import MILLION
from services.matching.engine.scoring.reasons import best_possible, outcomes, reason_for
from services.matching.engine.solving.owed import UNIT
from services.matching.engine.solving.pairs import Edges
from services.matching.engine.solving.solution import Best, Solution
from services.matching.engine.stated import Stated, state, unseen

NAME = "flow-1"
WHOLE = Apart()


def match(
    snapshot: Snapshot,
    near: Near,
    *,
    seed: int = 0,
    apart: Apart = WHOLE,
    on_progress: OnProgress = lambda _stage, _done: None,
    on_so_far: OnSoFar = lambda _so_far: None,
    cancelled: IsCancelled = lambda: False,
    deadline: Callable[[], float] = lambda: inf,
) -> tuple[Plan, Proof | None]:
    """Pair people so that as many as possible have somebody, as few as possible of them one way, then for value.

    Every pair and every person left out is explained, and the proof says how good the plan is (none without people). The same
    snapshot, near texts and seed give the same plan, whatever the order of people, rules and couples, and whatever their
    organizations are called. ``apart``: how a huge cohort is planned in blocks. ``on_so_far``: told the best plan so far, before any
    floor. ``deadline``: seconds left; late, the best plan so far comes back with a bound that holds. Raises ``Cancelled`` soon after
    ``cancelled()`` turns true, ``RulesContradict`` when required rules cannot hold together, and ``SnapshotRefused`` or
    ``RuleRefused`` for a snapshot that makes no sense.
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
    asked = asked_by(snapshot)
    solution = solved(
        known,
        asked=asked,
        keep=snapshot.keep,
        apart=apart,
        on_best=lambda best: on_so_far(_so_far(known, best)),
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
        pairs = with_models_word(pairs, near)
    proof = Proof(
        seed=seed,
        forced=solution.forced,
        couples=solution.found.couples,
        certificate=solution.found.certificate,
        value=solution.found.value,
        upper_bound=solution.found.upper_bound,
        unmatched=solution.found.unmatched,
        unmatched_bound=solution.found.unmatched_bound,
        floor=_floor_proof(solution.fair),
        shares=_share_proof(solution.fair),
        free=None if solution.fair.found is solution.fair.free else solution.fair.free.certificate,
    )
    plan = _plan(known, solution, asked=asked, pairs=pairs, meaning=near.model)
    return replace(plan, learned=learned), proof


def _so_far(known: Stated, best: Best) -> SoFar:
    above = unseen(known, best.couples)
    return SoFar(
        pairs=len(best.couples),
        value=(best.value + above) / MILLION,
        upper_bound=(best.upper_bound + above) / MILLION,
        unmatched=best.unmatched,
        unmatched_bound=best.unmatched_bound,
    )


def _floor_proof(fair: Fair) -> FloorProof | None:
    if fair.highest is None or fair.floor is None:
        return None
    return FloorProof(
        floor=fair.floor,
        bound=fair.highest.bound,
        group=fair.highest.barrier.group,
        inner=fair.highest.barrier.inner,
    )


def _share_proof(fair: Fair) -> ShareProof | None:
    if fair.shared is None or fair.owed is None:
        return None
    return ShareProof(
        asked=fair.owed.asked,
        share=fair.shared.share,
        bound=fair.shared.share_bound,
        value=fair.shared.value_proof,
        most=fair.shared.share_proof,
    )


@dataclass(frozen=True, slots=True)
class Solved:
    """A plan with the couples that had to be in it, and how it came about under floors."""

    found: Solution
    forced: Edges
    fair: Fair


def solved(
    known: Stated,
    *,
    asked: Asked = NOTHING,
    keep: str = NONE,
    apart: Apart = WHOLE,
    on_best: Callable[[Best], None] = lambda _best: None,
    on_progress: OnProgress = lambda _stage, _done: None,
    cancelled: IsCancelled = lambda: False,
    deadline: Callable[[], float] = lambda: inf,
) -> Solved:
    """The solver's plan; whenever a group of whom one must be included has nobody, the best pair for it is forced, and all is
    planned again."""
    forced = known.forced
    while True:
        fair = fairly(
            known,
            forced=forced,
            asked=asked,
            keep=keep,
            apart=apart,
            on_progress=on_progress,
            on_best=on_best,
            cancelled=cancelled,
            deadline=deadline,
        )
        if cancelled():
            raise Cancelled
        found = keeping(
            sticky_above(known, fair),
            fair.found,
            forced=forced,
            settled=fair.settled,
            cancelled=cancelled,
            deadline=deadline,
        )
        more = with_one_more(
            known.pairs, found.couples, groups=known.problem.rules.included, places=known.problem.places, forced=forced
        )
        if more is None:
            return Solved(found, forced, fair)
        forced = more


def _plan(known: Stated, solution: Solved, *, asked: Asked, pairs: Sequence[PlannedPair], meaning: str) -> Plan:
    found, fair = solution.found, solution.fair
    paired = {*found.u.tolist(), *found.v.tolist()}
    topics = inverted(known.problem)
    left_out = [
        reason_for(index, problem=known.problem, people=known.people, index=topics)
        for index in range(len(known.people))
        if index not in paired
    ]
    worst_off, organizations = floors_of(known, fair, asked=asked)
    owed = owed_in(known.problem, known.plain, asked=asked.organizations)
    return Plan(
        pairs=tuple(pairs),
        left_out=tuple(sorted(left_out, key=lambda out: out.person)),
        outcomes=outcomes(
            known.people,
            pairs=pairs,
            best=best_possible(known.plain),
            shares=shares_of(found.couples, owed=owed, got=gained(known), people=known.people),
        ),
        unpinned=known.unpinned,
        value=round(sum(pair.value for pair in pairs), 6),
        upper_bound=(found.upper_bound + unseen(known, found.couples)) / MILLION,
        unmatched_bound=found.unmatched_bound,
        exact=found.exact,
        engine=NAME,
        meaning=meaning,
        ended=found.ended,
        worst_off_floor=worst_off,
        organization_floor=organizations,
        fairness=fairness(
            known.people,
            pairs=pairs,
            possible=known.plain,
            planned=plainly(known, found.couples),
            problem=known.problem,
        ),
        passed_over=passed(
            known.people,
            possible=known.plain,
            planned=plainly(known, found.couples),
            places=known.problem.places,
            prices=prices_in(found.prices, unit=1 if fair.value_proof is None else UNIT),
        ),
        free_value=(fair.free.value + unseen(known, fair.free.couples)) / MILLION,
    )
