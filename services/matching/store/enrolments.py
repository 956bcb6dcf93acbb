"""Enrolments, the waiting list and the seats."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

import sqlalchemy as sa

from chassis.database import Transaction
from contracts.matching import Enrolment, EnrolmentStatus
from services.matching.domain.enrolments import HOLDS_A_PLACE, Occupancy
from services.matching.domain.kept import Kept
from services.matching.domain.pairs import Seat
from services.matching.store import tables
from services.matching.store.rows import all_from, locked, one_from

_enrolment, _seat = tables.enrolment, tables.seat


async def load_enrolment(
    tx: Transaction, cohort_id: UUID, *, person_id: UUID, lock: bool = False
) -> Kept[Enrolment] | None:
    """A person's enrolment in a cohort, whatever its status."""
    statement = sa.select(_enrolment).where(_enrolment.c.cohort_id == cohort_id, _enrolment.c.person_id == person_id)
    return one_from((await tx.connection.execute(locked(statement, lock))).one_or_none(), Enrolment)


async def enrolments_of_cohort(
    tx: Transaction,
    cohort_id: UUID,
    *,
    people: Collection[UUID] | None = None,
    statuses: Collection[EnrolmentStatus] | None = None,
    lock: bool = False,
) -> list[Kept[Enrolment]]:
    """All enrolments of a cohort, or those of some people or with some status; by id."""
    statement = sa.select(_enrolment).where(_enrolment.c.cohort_id == cohort_id).order_by(_enrolment.c.enrolment_id)
    if people is not None:
        statement = statement.where(_enrolment.c.person_id.in_(people))
    if statuses is not None:
        statement = statement.where(_enrolment.c.status.in_([status.value for status in statuses]))
    return all_from(await tx.connection.execute(locked(statement, lock)), Enrolment)


async def enrolments_of_person(
    tx: Transaction, person_id: UUID, *, statuses: Collection[EnrolmentStatus]
) -> list[Kept[Enrolment]]:
    """A person's enrolments in all cohorts, by cohort; not locked."""
    statement = (
        sa.select(_enrolment)
        .where(_enrolment.c.person_id == person_id, _enrolment.c.status.in_([status.value for status in statuses]))
        .order_by(_enrolment.c.cohort_id)
    )
    return all_from(await tx.connection.execute(statement), Enrolment)


async def occupancy_of(tx: Transaction, cohort_id: UUID) -> Occupancy:
    """Places held by organization, and how many wait. Read under the cohort's lock."""
    rows = await tx.connection.execute(
        sa.select(_enrolment.c.organization_id, _enrolment.c.status, sa.func.count().label("people"))
        .where(
            _enrolment.c.cohort_id == cohort_id,
            _enrolment.c.status.in_([status.value for status in (*HOLDS_A_PLACE, EnrolmentStatus.WAITLISTED)]),
        )
        .group_by(_enrolment.c.organization_id, _enrolment.c.status)
    )
    held: dict[UUID, int] = {}
    waiting = 0
    for row in rows:
        if row.status == EnrolmentStatus.WAITLISTED.value:
            waiting += row.people
        else:
            held[row.organization_id] = held.get(row.organization_id, 0) + row.people
    return Occupancy(held=held, waiting=waiting)


async def waiting_list(tx: Transaction, cohort_id: UUID) -> list[Kept[Enrolment]]:
    """Everybody who waits, locked."""
    return await enrolments_of_cohort(tx, cohort_id, statuses={EnrolmentStatus.WAITLISTED}, lock=True)


async def lock_seats(tx: Transaction, cohort_id: UUID, *, people: Collection[UUID]) -> dict[UUID, Seat]:
    """The seats of these people, locked in the order of their ids until the transaction ends. Who never had a place has none."""
    statement = (
        sa.select(_seat)
        .where(_seat.c.cohort_id == cohort_id, _seat.c.person_id.in_(people))
        .order_by(_seat.c.person_id)
    )
    rows = await tx.connection.execute(locked(statement, True))
    found = {row.person_id: Seat(capacity=row.capacity, taken=row.taken) for row in rows}
    return {person: found.get(person, Seat(capacity=0, taken=0)) for person in people}
