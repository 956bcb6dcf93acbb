"""Match runs: queued, computed over a frozen snapshot, completed or failed or cancelled, and their drafts published once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from contracts.base import Event
from contracts.errors import Conflict, Invalid, NotAllowed, NotFound
from contracts.matching import (
    CalibrationUsed,
    Cohort,
    CohortStatus,
    Fairness,
    Floor,
    Keep,
    MatchingCompleted,
    MatchingProgressed,
    MatchingRequested,
    MatchRun,
    OrganizationResult,
    PlanSoFar,
    RulePrice,
    RunEnd,
    RunMode,
    RunStatus,
    Unmatched,
)
from services.matching.domain.kept import Kept, changed

FEWEST_PEOPLE = 2
LONGEST_ERROR = 2_000
LARGEST_SEED = 2**63

_PLANNED = {RunMode.ROUNDS: "speed rounds", RunMode.GROUPS: "groups"}

UNFINISHED = {RunStatus.QUEUED, RunStatus.RUNNING}


class SeedIsTooLarge(Invalid):
    """It would not fit into a column."""


class NobodyToMatch(Conflict):
    """Fewer than two admitted people."""


class RunExists(Conflict):
    """The id is taken."""


class RunIsOver(Conflict):
    """Nothing is left to cancel."""


class NothingSoFar(Conflict):
    """The run has no plan before it is complete."""


class ProofNotForYou(NotAllowed):
    """It holds people's words."""


class NoProof(NotFound):
    """There is no such run, it is not completed, or somebody in it was erased since."""


class NothingToPublish(Conflict):
    """The run has no drafts, or is not the one to publish."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What a computed run reports."""

    people: int
    pairs: int
    value: float
    upper_bound: float | None
    unmatched_bound: int | None
    exact: bool
    engine: str
    meaning: str
    organizations: tuple[OrganizationResult, ...]
    unmatched: tuple[Unmatched, ...]
    moved: int = 0
    ended: RunEnd | None = None
    worst_off_floor: Floor | None = None
    organization_floor: Floor | None = None
    fairness: Fairness | None = None
    rule_prices: tuple[RulePrice, ...] = ()
    learned: bool = False  # whether what was frozen of feedback applied to the models that read the texts


def request(
    cohort: Cohort,
    *,
    run_id: UUID,
    seed: int,
    admitted: int,
    free: int | None = None,
    published: int | None = None,
    now: datetime,
    by: UUID | None,
    keep: Keep = Keep.NONE,
) -> Kept[MatchRun]:
    """A queued run over the admitted people. ``free``: how many of them have a free place (None: it asks for none). ``published``: how
    often proposals of this cohort went out before, so that this run is of the next wave (None: it is of no wave)."""
    if abs(seed) >= LARGEST_SEED:
        raise SeedIsTooLarge("The seed is too large.", remedy=f"Choose a number below {LARGEST_SEED}.")
    if admitted < FEWEST_PEOPLE:
        raise NobodyToMatch(
            f"Only {admitted} admitted people are in this cohort.",
            remedy="Invite people, and wait until they enrolled.",
        )
    if free is not None and free < FEWEST_PEOPLE:
        raise NobodyToMatch(
            f"Only {free} of the {admitted} admitted people have a free place.",
            remedy="Wait until somebody enrols or loses a partner; or let people take more pairs at once.",
        )
    return Kept(
        state=MatchRun(
            run_id=run_id,
            cohort_id=cohort.cohort_id,
            status=RunStatus.QUEUED,
            stage="waiting for a worker",
            keep=keep,
            wave=0 if published is None else published + 1,
        ),
        told_as=MatchingRequested,
        changed_at=now,
        changed_by=by,
    )


def progress(
    kept: Kept[MatchRun], *, stage: str, done: float, so_far: PlanSoFar | None = None, now: datetime
) -> Kept[MatchRun]:
    """A stage begins, or a plan was found; ``done`` from 0 to 1. What was found before stays until something better is told."""
    state = replace(kept.state, status=RunStatus.RUNNING, stage=stage, progress=done)
    return _to(kept, replace(state, so_far=so_far or kept.state.so_far), MatchingProgressed, now)


def freeze(
    kept: Kept[MatchRun], *, digest: str, people: int, now: datetime, calibration: CalibrationUsed | None = None
) -> Kept[MatchRun]:
    """The snapshot is taken."""
    state = replace(kept.state, status=RunStatus.RUNNING, stage="frozen", progress=0.05, calibration=calibration)
    return _to(kept, replace(state, snapshot_digest=digest, people=people), MatchingProgressed, now)


def complete(kept: Kept[MatchRun], *, result: Result, seconds: float, now: datetime) -> Kept[MatchRun]:
    """The drafts lie ready."""
    state = replace(
        kept.state,
        status=RunStatus.COMPLETED,
        progress=1.0,
        stage="",
        people=result.people,
        pairs=result.pairs,
        value=result.value,
        upper_bound=result.upper_bound,
        unmatched_bound=result.unmatched_bound,
        exact=result.exact,
        meaning=result.meaning,
        seconds=round(seconds, 3),
        engine=result.engine,
        organizations=result.organizations,
        unmatched=result.unmatched,
        moved=result.moved,
        ended=RunEnd.STOPPED if kept.state.stopping and result.ended is RunEnd.TIME else result.ended,
        stopping=False,
        worst_off_floor=result.worst_off_floor,
        organization_floor=result.organization_floor,
        fairness=result.fairness,
        rule_prices=result.rule_prices,
        calibration=kept.state.calibration if result.learned else None,
    )
    return _to(kept, state, MatchingCompleted, now)


def fail(kept: Kept[MatchRun], *, error: str, now: datetime) -> Kept[MatchRun]:
    """It cannot be computed; ``error`` says what to do."""
    state = replace(kept.state, status=RunStatus.FAILED, stage="", error=error[:LONGEST_ERROR])
    return _to(kept, state, MatchingCompleted, now)


def cancel(kept: Kept[MatchRun], *, now: datetime, by: UUID | None) -> Kept[MatchRun]:
    """Stopped by an organizer."""
    if kept.state.status not in UNFINISHED:
        raise RunIsOver(f"This run is {kept.state.status.value}.", remedy="There is nothing to cancel.")
    state = replace(kept.state, status=RunStatus.CANCELLED, stage="", stopping=False)
    return changed(kept, to=state, told_as=MatchingCompleted, at=now, by=by)


def stop(kept: Kept[MatchRun], *, now: datetime, by: UUID | None) -> Kept[MatchRun]:
    """An organizer wants the best plan so far; the worker hears of it, and the run completes with that."""
    if kept.state.status is not RunStatus.RUNNING:
        raise RunIsOver(f"This run is {kept.state.status.value}.", remedy="Only a running run has a best plan so far.")
    if kept.state.mode is not RunMode.WHOLE:
        raise NothingSoFar("A plan of speed rounds is whole or nothing.", remedy="Cancel it without keeping the best.")
    return changed(kept, to=replace(kept.state, stopping=True), told_as=MatchingProgressed, at=now, by=by)


def publish(
    kept: Kept[MatchRun], *, cohort: Cohort, drafts: Sequence[object], now: datetime, by: UUID | None
) -> Kept[MatchRun]:
    """The run's drafts become proposals, once."""
    run = kept.state
    if run.simulated:
        raise NothingToPublish("This run is a simulation.", remedy="Adopt it first; its pairs are the cohort's then.")
    if run.mode is not RunMode.WHOLE:
        raise NothingToPublish(
            f"This run planned {_PLANNED[run.mode]}.", remedy="Publish a run that matched the cohort."
        )
    if run.published:
        raise NothingToPublish("The proposals of this run are published.", remedy="Request matching for another wave.")
    if run.status is not RunStatus.COMPLETED or cohort.status is not CohortStatus.REVIEW:
        raise NothingToPublish(
            f"This run is {run.status.value} and the cohort {cohort.status.value}.",
            remedy="Publish a completed run while the cohort is in review.",
        )
    if run.pairs and not drafts:
        raise NothingToPublish("Nothing of this run is left to publish.", remedy="Publish the latest run instead.")
    return changed(kept, to=replace(run, published=True), told_as=MatchingCompleted, at=now, by=by)


def _to(kept: Kept[MatchRun], state: MatchRun, told_as: type[Event], now: datetime) -> Kept[MatchRun]:
    return changed(kept, to=state, told_as=told_as, at=now, by=None)
