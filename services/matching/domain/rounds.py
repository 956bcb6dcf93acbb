"""Speed rounds: asked for, planned, planned anew from some round on when somebody did not come."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime
from uuid import UUID, uuid5

from contracts.errors import Conflict, Invalid, NotFound
from contracts.matching import Cohort, CohortStatus, MatchRun, RoundPlan, RoundPlanned, RunMode, RunStatus
from services.matching.domain.freeze import Material, freeze
from services.matching.domain.kept import Kept, changed
from services.matching.domain.runs import LONGEST_ERROR, Result, request
from services.matching.engine import model

MOST_ROUNDS = 12

_PLANNABLE = {
    CohortStatus.OPEN,
    CohortStatus.CLOSED,
    CohortStatus.MATCHING,
    CohortStatus.REVIEW,
    CohortStatus.ACTIVE,
    CohortStatus.WRAP_UP,
}

Meetings = tuple[tuple[UUID, UUID], ...]


class RoundsAreWrong(Invalid):
    """Too few or too many rounds, or a round that there is not."""


class CannotPlanRounds(Conflict):
    """The cohort is not under way, or the plan is being computed."""


class PlanNotFound(NotFound):
    """There is no such plan, or it is not the actor's."""


def no_plan() -> PlanNotFound:
    """The refusal for an absent plan; the same for a foreign one."""
    return PlanNotFound(
        "There is no such plan of rounds.", remedy="Check its id, and that your organization takes part."
    )


def ask(
    cohort: Cohort, *, plan_id: UUID, rounds: int, seed: int, admitted: int, now: datetime, by: UUID | None
) -> tuple[Kept[RoundPlan], Kept[MatchRun]]:
    """A plan that waits for its run, and that run."""
    if not 1 <= rounds <= MOST_ROUNDS:
        raise RoundsAreWrong(f"{rounds} rounds cannot be planned.", remedy=f"Choose 1 to {MOST_ROUNDS}.")
    _check(cohort)
    run = request(cohort, run_id=run_id_of(plan_id, version=1), seed=seed, admitted=admitted, now=now, by=by)
    plan = RoundPlan(
        plan_id=plan_id,
        cohort_id=cohort.cohort_id,
        rounds=((),) * rounds,
        values=(0.0,) * rounds,
        status=RunStatus.QUEUED,
        run_id=run.state.run_id,
        seed=seed,
    )
    return Kept(state=plan, told_as=RoundPlanned, changed_at=now, changed_by=by), _of(run, plan, rounds=rounds)


def ask_again(
    kept: Kept[RoundPlan],
    *,
    cohort: Cohort,
    from_round: int,
    absent: Collection[UUID],
    admitted: int,
    now: datetime,
    by: UUID | None,
) -> tuple[Kept[RoundPlan], Kept[MatchRun]]:
    """The rounds before ``from_round`` (from 1) stay as they were; a run plans the others for those who are there."""
    plan = kept.state
    if not 1 <= from_round <= len(plan.rounds):
        raise RoundsAreWrong(
            f"There is no round {from_round}.", remedy=f"Choose the first round to plan anew, 1 to {len(plan.rounds)}."
        )
    if plan.status in {RunStatus.QUEUED, RunStatus.RUNNING}:
        raise CannotPlanRounds("These rounds are being planned.", remedy="Wait until they are, and ask again.")
    _check(cohort)
    run_id = run_id_of(plan.plan_id, version=kept.version + 1)
    run = request(cohort, run_id=run_id, seed=plan.seed, admitted=admitted, now=now, by=by)
    state = replace(
        plan,
        status=RunStatus.QUEUED,
        from_round=from_round,
        absent=tuple(sorted(absent)),
        run_id=run_id,
        error="",
    )
    waiting = changed(kept, to=state, told_as=RoundPlanned, at=now, by=by)
    return waiting, _of(run, state, rounds=len(plan.rounds) - from_round + 1)


def run_id_of(plan_id: UUID, *, version: int) -> UUID:
    """The run that computes this version of the plan; whoever takes a plan's id twice meets its first run."""
    return uuid5(plan_id, f"run of version {version}")


def met_before(plan: RoundPlan) -> tuple[tuple[UUID, UUID], ...]:
    """Who met in the rounds that stay."""
    return tuple(two for meetings in plan.rounds[: plan.from_round - 1] for two in meetings)


def complete(
    kept: Kept[RoundPlan],
    *,
    planned: model.Rounds,
    people: Collection[UUID],
    apart: Collection[frozenset[UUID]],
    now: datetime,
) -> Kept[RoundPlan]:
    """The rounds lie ready. ``people``: who is there; meetings with somebody else, and of those ``apart``, are left out."""
    plan = kept.state
    stay = plan.from_round - 1
    fresh: list[Meetings] = []
    for couples in planned.rounds:
        twos = [(UUID(each.first), UUID(each.second)) for each in couples]
        fresh.append(tuple(two for two in twos if set(two) <= set(people) and frozenset(two) not in apart))
    idle = tuple(tuple(sorted(set(people) - {person for two in meetings for person in two})) for meetings in fresh)
    values = (*plan.values[:stay], *planned.values)
    state = replace(
        plan,
        rounds=(*plan.rounds[:stay], *fresh),
        sitting_out=(*plan.sitting_out[:stay], *idle),
        values=values,
        value=round(sum(values), 6),
        upper_bound=round(sum(plan.values[:stay]) + planned.upper_bound, 6),
        status=RunStatus.COMPLETED,
        error="",
    )
    return changed(kept, to=state, told_as=RoundPlanned, at=now, by=None)


def stop(kept: Kept[RoundPlan], *, to: RunStatus, error: str = "", now: datetime, by: UUID | None) -> Kept[RoundPlan]:
    """It failed or was cancelled; what was planned before stays."""
    state = replace(kept.state, status=to, error=error[:LONGEST_ERROR])
    return changed(kept, to=state, told_as=RoundPlanned, at=now, by=by)


def forget(kept: Kept[RoundPlan], *, person_id: UUID, now: datetime) -> Kept[RoundPlan]:
    """Somebody was erased: their meetings are gone."""
    plan = kept.state
    state = replace(
        plan,
        rounds=tuple(tuple(two for two in each if person_id not in two) for each in plan.rounds),
        sitting_out=tuple(tuple(each for each in out if each != person_id) for out in plan.sitting_out),
        absent=tuple(each for each in plan.absent if each != person_id),
    )
    return changed(kept, to=state, told_as=RoundPlanned, at=now, by=None)


def result_of(planned: model.Rounds, *, plan: RoundPlan, people: int) -> Result:
    """What the run reports."""
    return Result(
        people=people,
        pairs=sum(len(meetings) for meetings in plan.rounds[plan.from_round - 1 :]),
        value=round(sum(planned.values), 6),
        upper_bound=round(planned.upper_bound, 6),
        unmatched_bound=None,
        exact=False,
        engine=planned.engine,
        meaning=planned.meaning,
        learned=planned.learned,
        organizations=(),
        unmatched=(),
    )


def frozen(cohort: Cohort, *, plan: RoundPlan, rounds: int, material: Material, now: datetime) -> model.Snapshot:
    """The snapshot of a run of rounds: whoever is absent is not in it, everybody has a place in each round whatever pairs they
    have, and pins say nothing about it."""
    there = tuple(each for each in material.enrolments if each.person_id not in plan.absent)
    free = {each.person_id: rounds for each in there}
    snapshot = freeze(cohort, material=replace(material, enrolments=there, free=free, pinned=()), now=now)
    here = {each.id for each in snapshot.people}
    met = {model.Couple(first=str(min(two)), second=str(max(two))) for two in met_before(plan)}
    known = tuple(two for two in sorted(met) if {two.first, two.second} <= here)
    # A ranking is about who works together, not about who meets once.
    return replace(snapshot, rounds=rounds, rounds_met=known, wishes=())


def _of(run: Kept[MatchRun], plan: RoundPlan, *, rounds: int) -> Kept[MatchRun]:
    return replace(run, state=replace(run.state, mode=RunMode.ROUNDS, rounds=rounds, plan_id=plan.plan_id))


def _check(cohort: Cohort) -> None:
    if cohort.status not in _PLANNABLE:
        raise CannotPlanRounds(
            f"No rounds can be planned while the cohort is {cohort.status.value}.",
            remedy="Plan them once it is open and before it is completed.",
        )
