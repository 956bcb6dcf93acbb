"""Everything that a run depends on, read in one transaction by the worker."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

import msgspec
import sqlalchemy as sa

from chassis.database import Transaction
from contracts.matching import Cohort, EnrolmentStatus, PairStatus
from services.matching.domain.authority import people_of
from services.matching.domain.candidates import Candidate
from services.matching.domain.freeze import Material, Two
from services.matching.domain.pairs import ANSWERABLE, SEATED, WORKED
from services.matching.store import tables
from services.matching.store.candidates import block_exists
from services.matching.store.choices import rankings_of, vetoes_of
from services.matching.store.enrolments import enrolments_of_cohort
from services.matching.store.pairs import pairs_of_cohort


async def material_for(tx: Transaction, cohort: Cohort, *, now: datetime) -> Material:
    """The admitted people who may be matched, and what is between them."""
    admitted = await enrolments_of_cohort(tx, cohort.cohort_id, statuses={EnrolmentStatus.ADMITTED})
    people = {kept.state.person_id for kept in admitted} - await unavailable(tx, cohort.cohort_id, now=now)
    pairs = [kept.state for kept in await pairs_of_cohort(tx, cohort.cohort_id)]
    candidates = tables.candidate
    rows = await tx.connection.execute(
        sa.select(candidates.c.said).where(candidates.c.person_id.in_(people), candidates.c.said.is_not(None))
    )
    known = [msgspec.convert(said, Candidate) for said in rows.scalars()]
    managers = await tx.connection.execute(
        sa.select(candidates.c.person_id, candidates.c.manager_id).where(
            candidates.c.organization_id.in_([partner.organization_id for partner in cohort.partners])
        )
    )
    return Material(
        enrolments=tuple(kept.state for kept in admitted if kept.state.person_id in people),
        candidates={candidate.person_id: candidate for candidate in known},
        free=await free_places(tx, cohort.cohort_id),
        managers={row.person_id: row.manager_id for row in managers},
        met=await _met(tx, cohort, people=people) if cohort.series else (),
        blocked=tuple((min(two), max(two)) for two in await block_exists(tx, people)),
        apart=tuple(
            people_of(pair) for pair in pairs if pair.status in ANSWERABLE | SEATED | WORKED | {PairStatus.DECLINED}
        ),
        pinned=tuple(people_of(pair) for pair in pairs if pair.status is PairStatus.DRAFT and pair.pinned),
        drafted=tuple(people_of(pair) for pair in pairs if pair.status is PairStatus.DRAFT),
        vetoed=tuple(veto.people for veto in await vetoes_of(tx, cohort.cohort_id)),
        rankings={by: ranked for by, ranked in (await rankings_of(tx, cohort.cohort_id)).items() if by in people},
    )


async def unavailable(tx: Transaction, cohort_id: UUID, *, now: datetime) -> set[UUID]:
    """People of the cohort who are inactive, erased, or took their consent back."""
    enrolment, candidate, consent = tables.enrolment, tables.candidate, tables.consent
    rows = await tx.connection.execute(
        sa.select(enrolment.c.person_id)
        .select_from(
            enrolment.outerjoin(candidate, candidate.c.person_id == enrolment.c.person_id).outerjoin(
                consent, consent.c.person_id == enrolment.c.person_id
            )
        )
        .where(
            enrolment.c.cohort_id == cohort_id,
            sa.or_(
                candidate.c.erased,
                sa.not_(candidate.c.active),
                sa.not_(consent.c.granted),
                consent.c.until <= now,
            ),
        )
    )
    return set(rows.scalars())


async def free_places(tx: Transaction, cohort_id: UUID) -> dict[UUID, int]:
    """Capacity less pairs and open proposals."""
    seat, pair = tables.seat, tables.pair
    waiting = (
        sa.select(sa.func.count())
        .select_from(pair)
        .where(
            pair.c.cohort_id == cohort_id,
            pair.c.status.in_([status.value for status in ANSWERABLE]),
            sa.or_(pair.c.first_id == seat.c.person_id, pair.c.second_id == seat.c.person_id),
        )
        .scalar_subquery()
    )
    rows = await tx.connection.execute(
        sa.select(seat.c.person_id, (seat.c.capacity - seat.c.taken - waiting).label("free")).where(
            seat.c.cohort_id == cohort_id
        )
    )
    return {row.person_id: row.free for row in rows}


async def _met(tx: Transaction, cohort: Cohort, *, people: Collection[UUID]) -> tuple[Two, ...]:
    """Couples of these people who worked together in another edition of the series."""
    pair, edition = tables.pair, tables.cohort
    rows = await tx.connection.execute(
        sa.select(pair.c.first_id, pair.c.second_id)
        .distinct()
        .select_from(pair.join(edition, edition.c.cohort_id == pair.c.cohort_id))
        .where(
            edition.c.series == cohort.series,
            edition.c.cohort_id != cohort.cohort_id,
            pair.c.status.in_([status.value for status in WORKED]),
            pair.c.first_id.in_(people),
            pair.c.second_id.in_(people),
        )
    )
    return tuple((row.first_id, row.second_id) for row in rows)
