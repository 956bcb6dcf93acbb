"""What-if: a run over the snapshot of another under other rules, compared with it, and adopted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from contracts.errors import Conflict, NotFound
from contracts.matching import (
    Cohort,
    CohortStatus,
    Enrolment,
    MatchingCompleted,
    MatchingRequested,
    MatchRun,
    Move,
    Pair,
    RuleSet,
    RunComparison,
    RunFigures,
    RunStatus,
)
from services.matching.domain import rules as rule_sets
from services.matching.domain.authority import people_of
from services.matching.domain.drafts import fairness_of, floor_of, outcomes_of
from services.matching.domain.freeze import Material
from services.matching.domain.kept import Kept, changed
from services.matching.domain.runs import Result
from services.matching.engine import model

MOST_AT_ONCE = 5  # simulations of a cohort that are not finished
DIFFERENCE = "difference"  # the term that being different adds to a pair

Two = frozenset[UUID]


class NotABase(Conflict):
    """Only a completed run can be simulated upon."""


class NothingKept(NotFound):
    """The run's snapshot is gone: somebody in it was erased, or the run is older than simulations."""


class TooManySimulations(Conflict):
    """Enough of this cohort wait already."""


class CohortIsOver(Conflict):
    """A finished cohort has no plan to think about."""


class NotASimulation(Conflict):
    """Only a completed simulation can be adopted."""


class PinnedSince(Conflict):
    """The simulation does not know of a pin."""


class NotComparable(Conflict):
    """Two completed runs of one cohort can be compared."""


def simulate(
    cohort: Cohort,
    *,
    run_id: UUID,
    base: MatchRun,
    rules: RuleSet,
    enrolments: Mapping[UUID, Enrolment],
    waiting: int,
    now: datetime,
    by: UUID | None,
) -> Kept[MatchRun]:
    """A queued simulation. ``enrolments``: by person, those whom rules name; ``waiting``: unfinished simulations of the cohort."""
    if base.status is not RunStatus.COMPLETED:
        raise NotABase(
            f"The base run is {base.status.value}.",
            remedy="Simulate upon a completed run; wait for it, or choose another.",
        )
    if cohort.status in {CohortStatus.COMPLETED, CohortStatus.CANCELLED}:
        raise CohortIsOver(f"The cohort is {cohort.status.value}.", remedy="Compare the runs that it has.")
    if waiting >= MOST_AT_ONCE:
        raise TooManySimulations(
            f"{waiting} simulations of this cohort are not finished.", remedy="Wait for one of them, or cancel it."
        )
    rule_sets.check(rules, cohort=cohort, enrolments=enrolments)
    return Kept(
        state=MatchRun(
            run_id=run_id,
            cohort_id=cohort.cohort_id,
            status=RunStatus.QUEUED,
            stage="waiting for a worker",
            simulated=True,
            base_run_id=_base(base),  # a simulation upon a simulation sees what both saw
            rules=replace(rules, version=cohort.rules.version + 1),
            wave=base.wave,
        ),
        told_as=MatchingRequested,
        changed_at=now,
        changed_by=by,
    )


def check_adoptable(run: MatchRun) -> None:
    """Refuse what is no completed simulation."""
    if not run.simulated:
        raise NotASimulation("This run is no simulation, or was adopted before.", remedy="Publish its proposals.")
    if run.status is not RunStatus.COMPLETED:
        raise NotASimulation(f"This simulation is {run.status.value}.", remedy="Adopt a simulation that has completed.")


def check_pins(plan: model.Plan, *, before: Iterable[Kept[Pair]]) -> None:
    """Refuse a plan that was made before somebody pinned a pair: adopting it would let the pin go unseen."""
    known = {_two(pair.first, pair.second) for pair in plan.pairs}
    known |= {_two(gone.couple.first, gone.couple.second) for gone in plan.unpinned}
    new = [kept for kept in before if kept.state.pinned and frozenset(people_of(kept.state)) not in known]
    if new:
        raise PinnedSince(
            f"{len(new)} pair(s) were pinned since the snapshot of this simulation, or are not in its plan.",
            remedy="Request matching for a new snapshot, and simulate upon that run.",
        )


def standing(plan: model.Plan, *, material: Material) -> model.Plan:
    """What of the plan is still possible: the most valuable pairs first, within the places that are free now; not of people who
    are together already or said no to each other since."""
    free = Counter(material.free)
    apart = {frozenset(two) for two in material.apart}
    kept = []
    for pair in sorted(plan.pairs, key=lambda pair: (-pair.value, pair.first, pair.second)):
        two = _two(pair.first, pair.second)
        if two not in apart and all(free[person] > 0 for person in two):
            free.subtract(two)
            kept.append(pair)
    return replace(plan, pairs=tuple(sorted(kept, key=lambda pair: (pair.first, pair.second))))


def adopt(kept: Kept[MatchRun], *, result: Result, published: int, now: datetime, by: UUID | None) -> Kept[MatchRun]:
    """A run like any other from now on, with what is left of its plan. ``published``: waves of the cohort so far."""
    state = replace(
        kept.state,
        simulated=False,
        people=result.people,
        pairs=result.pairs,
        value=result.value,
        unmatched=result.unmatched,
        exact=kept.state.exact and result.pairs == kept.state.pairs,
        wave=published + 1,
    )
    return changed(kept, to=state, told_as=MatchingCompleted, at=now, by=by)


def check_comparable(run: MatchRun, other: MatchRun) -> None:
    """Refuse runs of two cohorts, and runs without a plan."""
    if run.cohort_id != other.cohort_id:
        raise NotComparable("The two runs belong to different cohorts.", remedy="Compare two runs of one cohort.")
    for each in (run, other):
        if each.status is not RunStatus.COMPLETED:
            raise NotComparable(
                f"The run {each.run_id} is {each.status.value}.", remedy="Compare two runs that have completed."
            )


def compare(
    run: MatchRun,
    other: MatchRun,
    *,
    plan: model.Plan,
    other_plan: model.Plan,
    organizations: Mapping[UUID, UUID],
    of: UUID | None,
) -> RunComparison:
    """The two side by side. ``organizations``: by person; moves are told of the people of the organization ``of``."""
    mine, others = _partners(plan), _partners(other_plan)
    moved = sorted(person for person in mine.keys() | others.keys() if mine.get(person) != others.get(person))
    pairs, other_pairs = _twos(plan), _twos(other_plan)
    return RunComparison(
        cohort_id=run.cohort_id,
        run=_figures(run, plan=plan),
        other=_figures(other, plan=other_plan),
        same_snapshot=_base(run) == _base(other),
        pairs_in_both=len(pairs & other_pairs),
        pairs_only_in_run=len(pairs - other_pairs),
        pairs_only_in_other=len(other_pairs - pairs),
        moved=len(moved),
        moves=tuple(
            Move(
                person_id=person,
                organization_id=organizations[person],
                partners=tuple(sorted(mine.get(person, ()))),
                other_partners=tuple(sorted(others.get(person, ()))),
            )
            for person in moved
            if of is not None and organizations.get(person) == of
        ),
    )


def _base(run: MatchRun) -> UUID:
    return run.base_run_id or run.run_id


def _figures(run: MatchRun, *, plan: model.Plan) -> RunFigures:
    people = len({person for pair in plan.pairs for person in (pair.first, pair.second)})
    count = len(plan.pairs)
    gained = sum(term.amount for pair in plan.pairs for term in pair.terms if term.name == DIFFERENCE)
    return RunFigures(
        run_id=run.run_id,
        simulated=run.simulated,
        rules=run.rules,
        value=plan.value,
        upper_bound=plan.upper_bound,
        pairs=count,
        matched=people,
        unmatched=len(plan.left_out),
        unmatched_bound=plan.unmatched_bound,
        exact=plan.exact,
        mean_value=round(plan.value / count, 6) if count else None,
        mean_difference=round(gained / count, 6) if count else None,
        organizations=outcomes_of(plan),
        fairness=fairness_of(plan),
        worst_off_floor=floor_of(plan.worst_off_floor),
        organization_floor=floor_of(plan.organization_floor),
    )


def _partners(plan: model.Plan) -> dict[UUID, frozenset[UUID]]:
    found: dict[UUID, frozenset[UUID]] = {}
    for two in _twos(plan):
        for person in two:
            found[person] = found.get(person, frozenset()) | (two - {person})
    return found


def _twos(plan: model.Plan) -> set[Two]:
    return {_two(pair.first, pair.second) for pair in plan.pairs}


def _two(first: str, second: str) -> Two:
    return frozenset((UUID(first), UUID(second)))
