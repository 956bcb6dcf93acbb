"""Reading cohorts, places, match runs, and figures about all of a cohort."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import distinct_on

from chassis.database import Transaction
from contracts.base import Actor, Role, decode
from contracts.feedback import FeedbackStatus, IntroductionStatus
from contracts.matching import (
    Cohort,
    CohortStatus,
    Enrolment,
    EnrolmentStatus,
    MatchRun,
    OrganizationResult,
    PairStatus,
    RunStatus,
)
from gateway.store.paging import Asked, Key, Page, read_page
from gateway.store.tables import (
    among,
    cohorts,
    enrolments,
    feedback,
    introductions,
    is_partner,
    pairs,
    reciprocity,
    runs,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """Sums over a cohort, each with the number of people or answers behind it."""

    pairs: tuple[tuple[PairStatus, int], ...]
    sessions_logged: int
    met: int  # pairs that have logged a session
    mean_balance: float | None
    answers: int
    mean_usefulness: float | None
    introductions_made: int


async def cohorts_by_id(tx: Transaction, ids: Sequence[UUID]) -> dict[UUID, Cohort]:
    """Cohorts."""
    rows = await tx.connection.execute(sa.select(cohorts.c.id, cohorts.c.state).where(among(cohorts.c.id, ids)))
    return {row.id: decode(Cohort, row.state) for row in rows}


async def cohorts_by_start(
    tx: Transaction, viewer: Actor, *, statuses: Sequence[CohortStatus] | None, asked: Asked
) -> Page[Cohort]:
    """The cohorts that the viewer may see, the latest first; operators: all."""
    statement = sa.select(cohorts.c.state)
    if not viewer.is_a(Role.OPERATOR):
        statement = statement.where(is_partner(viewer.organization_id))
        if not viewer.is_a(Role.ADMIN):
            statement = statement.where(cohorts.c.status != CohortStatus.DRAFT.value)
    if statuses is not None:
        statement = statement.where(cohorts.c.status.in_([status.value for status in statuses]))
    keys = [Key(cohorts.c.starts_at, datetime, descending=True), Key(cohorts.c.id, UUID)]
    page = await read_page(tx, statement, keys=keys, asked=asked, count=True)
    return _mapped(page, [decode(Cohort, row.state) for row in page.rows])


async def enrolments_by_id(tx: Transaction, ids: Sequence[UUID]) -> list[tuple[Enrolment, datetime]]:
    """Places with when they last changed."""
    return _places(await tx.connection.execute(_PLACE.where(among(enrolments.c.id, ids))))


async def enrolments_of_people(tx: Transaction, people: Sequence[UUID]) -> list[tuple[Enrolment, datetime]]:
    """All places of these people, the latest first."""
    statement = _PLACE.where(among(enrolments.c.person_id, people)).order_by(enrolments.c.changed_at.desc())
    return _places(await tx.connection.execute(statement))


async def enrolments_in_cohort(
    tx: Transaction,
    cohort_id: UUID,
    *,
    organization_id: UUID | None,
    statuses: Sequence[EnrolmentStatus] | None,
    asked: Asked,
) -> Page[tuple[Enrolment, datetime]]:
    """One organization's places in a cohort."""
    statement = _PLACE.where(enrolments.c.cohort_id == cohort_id, enrolments.c.organization_id == organization_id)
    if statuses is not None:
        statement = statement.where(enrolments.c.status.in_([status.value for status in statuses]))
    page = await read_page(tx, statement, keys=[Key(enrolments.c.id, UUID)], asked=asked, count=True)
    return _mapped(page, _places(page.rows))


async def runs_by_id(tx: Transaction, ids: Sequence[UUID]) -> list[tuple[MatchRun, datetime]]:
    """Match runs with when they last moved."""
    return _runs(await tx.connection.execute(_RUN.where(among(runs.c.id, ids))))


async def latest_runs(
    tx: Transaction, cohort_ids: Sequence[UUID], *, status: RunStatus | None = None
) -> list[tuple[MatchRun, datetime]]:
    """The run of each cohort that moved last, of those in a state; simulations are not among them."""
    statement = _RUN.where(among(runs.c.cohort_id, cohort_ids), ~runs.c.simulated)
    if status is not None:
        statement = statement.where(runs.c.status == status.value)
    ordered = statement.ext(distinct_on(runs.c.cohort_id)).order_by(
        runs.c.cohort_id, runs.c.changed_at.desc(), runs.c.id
    )
    return _runs(await tx.connection.execute(ordered))


async def runs_in_cohort(tx: Transaction, cohort_id: UUID, *, asked: Asked) -> Page[tuple[MatchRun, datetime]]:
    """A cohort's runs, the latest first."""
    keys = [Key(runs.c.changed_at, datetime, descending=True), Key(runs.c.id, UUID)]
    page = await read_page(tx, _RUN.where(runs.c.cohort_id == cohort_id), keys=keys, asked=asked, count=True)
    return _mapped(page, _runs(page.rows))


async def figures(tx: Transaction, cohort_id: UUID) -> Figures:
    """Sums over a cohort. The caller answers for who may see them."""
    counted = await tx.connection.execute(
        sa.select(pairs.c.status, sa.func.count())
        .where(pairs.c.cohort_id == cohort_id)
        .group_by(pairs.c.status)
        .order_by(pairs.c.status)
    )
    ledger = (
        await tx.connection.execute(
            sa.select(
                sa.func.coalesce(sa.func.sum(reciprocity.c.sessions_logged), 0),
                sa.func.count(),
                sa.func.avg(reciprocity.c.balance),
            ).where(reciprocity.c.cohort_id == cohort_id, reciprocity.c.sessions_logged > 0)
        )
    ).one()
    released = (
        await tx.connection.execute(
            sa.select(sa.func.count(feedback.c.usefulness), sa.func.avg(feedback.c.usefulness)).where(
                feedback.c.cohort_id == cohort_id, feedback.c.status == FeedbackStatus.RELEASED.value
            )
        )
    ).one()
    made = await tx.connection.scalar(
        sa.select(sa.func.count()).where(
            introductions.c.cohort_id == cohort_id,
            introductions.c.status.in_([IntroductionStatus.MADE.value, IntroductionStatus.CLOSED.value]),
        )
    )
    return Figures(
        pairs=tuple((PairStatus(row[0]), int(row[1])) for row in counted),
        sessions_logged=int(ledger[0]),
        met=int(ledger[1]),
        mean_balance=None if ledger[2] is None else float(ledger[2]),
        answers=int(released[0]),
        mean_usefulness=None if released[1] is None else float(released[1]),
        introductions_made=int(made or 0),
    )


async def results(tx: Transaction, cohort_id: UUID) -> tuple[tuple[OrganizationResult, ...], float | None]:
    """How each organization fares over all runs and waves, and the mean value of all pairs. The caller answers for who may see it."""
    standing = sa.and_(pairs.c.cohort_id == cohort_id, pairs.c.status.not_in(_FALLEN))
    places = (
        sa.select(enrolments.c.person_id, enrolments.c.organization_id)
        .where(enrolments.c.cohort_id == cohort_id, enrolments.c.status.in_(_TAKING_PART))
        .subquery()
    )
    theirs = sa.and_(standing, sa.or_(pairs.c.person_a == places.c.person_id, pairs.c.person_b == places.c.person_id))
    rows = await tx.connection.execute(
        sa.select(
            places.c.organization_id,
            sa.func.count(places.c.person_id.distinct()),
            sa.func.count(places.c.person_id.distinct()).filter(pairs.c.id.is_not(None)),
            sa.func.coalesce(sa.func.avg(pairs.c.value), 0.0),
            sa.func.coalesce(sa.func.min(pairs.c.value), 0.0),
        )
        .select_from(places.outerjoin(pairs, theirs))
        .group_by(places.c.organization_id)
        .order_by(places.c.organization_id)
    )
    mean = await tx.connection.scalar(sa.select(sa.func.avg(pairs.c.value)).where(standing))
    return (
        tuple(
            OrganizationResult(
                organization_id=row[0],
                people=row[1],
                matched=row[2],
                mean_value=float(row[3]),
                worst_value=float(row[4]),
            )
            for row in rows
        ),
        None if mean is None else float(mean),
    )


_FALLEN = [status.value for status in (PairStatus.DECLINED, PairStatus.EXPIRED, PairStatus.SUPERSEDED)]
_TAKING_PART = [
    status.value
    for status in (
        EnrolmentStatus.ADMITTED,
        EnrolmentStatus.PAUSED,
        EnrolmentStatus.COMPLETED,
        EnrolmentStatus.UNMATCHED,
    )
]
_PLACE = sa.select(enrolments.c.state, enrolments.c.changed_at)
_RUN = sa.select(runs.c.state, runs.c.changed_at)


def _places(rows: Any) -> list[tuple[Enrolment, datetime]]:
    return [(decode(Enrolment, row.state), row.changed_at) for row in rows]


def _runs(rows: Any) -> list[tuple[MatchRun, datetime]]:
    return [(decode(MatchRun, row.state), row.changed_at) for row in rows]


def _mapped(page: Page[Any], rows: Sequence[Any]) -> Page[Any]:
    return Page(rows=rows, keys=page.keys, more=page.more, total=page.total)
