"""An aggregate as it is kept: its public state, how often it changed, when, by whom, and which fact told it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Generic, TypeAlias, TypeVar, cast
from uuid import UUID

from contracts.base import Event
from contracts.matching import Calibration, Cohort, Enrolment, GroupPlan, MatchRun, Pair, RoundPlan

Aggregate: TypeAlias = Cohort | Enrolment | MatchRun | Pair | RoundPlan | GroupPlan
"""What belongs to a cohort."""
Told: TypeAlias = Aggregate | Calibration
State_co = TypeVar("State_co", bound=Told, covariant=True)
State = TypeVar("State", bound=Told)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept(Generic[State_co]):
    """A state; ``version`` counts its changes from 1; ``changed_by`` None: by a reaction, an admin, or time itself.

    ``told_as``: the kind of the fact that told this change; a re-emission repeats it to the letter.
    ``stored``: it lies in the database like this, so there is nothing to save and nothing to tell.
    """

    state: State_co
    version: int = 1
    told_as: type[Event]
    changed_at: datetime
    changed_by: UUID | None = None
    stored: bool = field(default=False, compare=False)


def changed(kept: Kept[State], *, to: State, told_as: type[Event], at: datetime, by: UUID | None) -> Kept[State]:
    """The next version; the very same object when nothing changed, so that no fact tells of nothing."""
    if to == kept.state:
        return kept
    return Kept(state=to, version=kept.version + 1, told_as=told_as, changed_at=at, changed_by=by)


def fact_of(kept: Kept[Told]) -> Event:
    """The fact with exactly this state, version, time and actor."""
    key, name = identity(kept.state)
    # Each kind names its state differently, which no type of ``told_as`` can say.
    make = cast(Callable[..., Event], kept.told_as)
    return make(
        key=key,
        version=kept.version,
        occurred_at=kept.changed_at,
        organization_id=kept.state.organization_id if isinstance(kept.state, Enrolment | Calibration) else None,
        actor_id=kept.changed_by,
        **{name: kept.state},
    )


def identity(state: Told) -> tuple[UUID, str]:
    """The aggregate's id, and what facts call it."""
    match state:
        case Cohort():
            return state.cohort_id, "cohort"
        case Enrolment():
            return state.enrolment_id, "enrolment"
        case MatchRun():
            return state.run_id, "run"
        case Pair():
            return state.pair_id, "pair"
        case RoundPlan() | GroupPlan():
            return state.plan_id, "plan"
        case Calibration():
            return state.calibration_id, "calibration"
