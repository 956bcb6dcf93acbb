"""What other owners told: cohorts, people, pairs. Each keeps the version of its fact, and older ones change nothing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from chassis.database import Transaction
from contracts.matching import Cohort, PairStatus
from contracts.profiles import Profile
from services.feedback.domain.pair import TOGETHER, KnownPair, Wish, without_wishes
from services.feedback.store.tables import agreement, cohort, pair, person


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownCohort:
    """When an edition takes place."""

    cohort_id: UUID
    starts_at: datetime
    ends_at: datetime


async def save_cohort(tx: Transaction, told: Cohort, *, version: int) -> bool:
    """Keep a cohort; False when a newer version is known already."""
    row = insert(cohort).values(
        cohort_id=told.cohort_id,
        version=version,
        partner_ids=[partner.organization_id for partner in told.partners],
        starts_at=told.starts_at,
        ends_at=told.ends_at,
    )
    newer = row.on_conflict_do_update(
        index_elements=[cohort.c.cohort_id],
        set_={name: row.excluded[name] for name in ("version", "partner_ids", "starts_at", "ends_at")},
        where=cohort.c.version < row.excluded.version,
    )
    return (await tx.connection.execute(newer.returning(cohort.c.cohort_id))).first() is not None


async def cohort_by_id(tx: Transaction, cohort_id: UUID) -> KnownCohort | None:
    """A cohort, when its fact has arrived."""
    columns = sa.select(cohort.c.cohort_id, cohort.c.starts_at, cohort.c.ends_at)
    row = (await tx.connection.execute(columns.where(cohort.c.cohort_id == cohort_id))).first()
    return None if row is None else KnownCohort(cohort_id=row.cohort_id, starts_at=row.starts_at, ends_at=row.ends_at)


async def save_people(tx: Transaction, told: Sequence[tuple[Profile, int]]) -> None:
    """Keep that these people exist (profile, version); one who departed stays departed."""
    if not told:
        return
    rows = insert(person).values(
        [
            {"person_id": profile.person_id, "version": version, "active": profile.active}
            for profile, version in sorted(told, key=lambda each: each[0].person_id)
        ]
    )
    await tx.connection.execute(
        rows.on_conflict_do_update(
            index_elements=[person.c.person_id],
            set_={"version": rows.excluded.version, "active": rows.excluded.active},
            where=(person.c.version < rows.excluded.version) & person.c.departed_at.is_(None),
        )
    )


async def mark_departed(tx: Transaction, person_id: UUID, *, version: int) -> None:
    """Keep that a person's data must go; nothing brings them back."""
    row = insert(person).values(person_id=person_id, version=version, active=False, departed_at=tx.now)
    await tx.connection.execute(
        row.on_conflict_do_update(
            index_elements=[person.c.person_id],
            set_={
                "version": sa.func.greatest(person.c.version, row.excluded.version),
                "active": False,
                "departed_at": sa.func.coalesce(person.c.departed_at, row.excluded.departed_at),
            },
        )
    )


async def departed_of(tx: Transaction, people: Iterable[UUID]) -> set[UUID]:
    """Those of them who left for good."""
    gone = sa.select(person.c.person_id).where(person.c.person_id.in_(list(people)), person.c.departed_at.is_not(None))
    return set((await tx.connection.execute(gone)).scalars())


async def is_here(tx: Transaction, person_id: UUID) -> bool:
    """Whether there is such a person, active."""
    here = sa.select(person.c.active).where(person.c.person_id == person_id)
    return bool((await tx.connection.execute(here)).scalar())


async def save_pair(tx: Transaction, known: KnownPair) -> bool:
    """Keep a pair, locked; False when this or a newer version is known already."""
    values = {
        "cohort_id": known.cohort_id,
        "version": known.version,
        "status": known.status.value,
        "people": list(known.people),
        "organizations": list(known.organizations),
        "wishes": msgspec.to_builtins(known.wishes),
        "accepted_at": known.accepted_at,
    }
    row = insert(pair).values(pair_id=known.pair_id, **values)
    newer = row.on_conflict_do_update(
        index_elements=[pair.c.pair_id],
        set_={name: row.excluded[name] for name in values},
        where=pair.c.version < row.excluded.version,
    )
    return (await tx.connection.execute(newer.returning(pair.c.pair_id))).first() is not None


async def blank_wishes(tx: Transaction, known: KnownPair) -> None:
    """Forget what the two wanted to learn; the version stays its owner's."""
    wishes = msgspec.to_builtins(without_wishes(known).wishes)
    await tx.connection.execute(sa.update(pair).where(pair.c.pair_id == known.pair_id).values(wishes=wishes))


async def pair_by_id(tx: Transaction, pair_id: UUID, *, lock: bool = False) -> KnownPair | None:
    """A pair. ``lock``: nobody else changes anything of this pair until the end of the transaction."""
    wanted = sa.select(pair).where(pair.c.pair_id == pair_id)
    row = (await tx.connection.execute(wanted.with_for_update() if lock else wanted)).first()
    if row is None:
        return None
    # A second statement: the first one's view may be older than the lock that it waited for.
    gone = await departed_of(tx, row.people)
    return _pair(row, departed=bool(gone))


async def pairs_of_person(tx: Transaction, person_id: UUID) -> list[KnownPair]:
    """All pairs of a person, locked in one order."""
    theirs = sa.select(pair).where(pair.c.people.contains([person_id])).order_by(pair.c.pair_id).with_for_update()
    return [_pair(row, departed=False) for row in await tx.connection.execute(theirs)]


async def pairs_without_agreement(tx: Transaction, cohort_id: UUID) -> list[KnownPair]:
    """A cohort's accepted pairs that have none yet, because the cohort was unknown until now."""
    missing = (
        sa.select(pair)
        .where(
            pair.c.cohort_id == cohort_id,
            pair.c.status.in_([status.value for status in TOGETHER]),
            ~sa.exists().where(agreement.c.pair_id == pair.c.pair_id),
        )
        .order_by(pair.c.pair_id)
        .with_for_update(of=pair)
    )
    rows = (await tx.connection.execute(missing)).all()
    gone = await departed_of(tx, {each for row in rows for each in row.people})
    return [_pair(row, departed=not gone.isdisjoint(row.people)) for row in rows]


def _pair(row: sa.Row[Any], *, departed: bool) -> KnownPair:
    first, second = row.people
    of_first, of_second = row.organizations
    return KnownPair(
        pair_id=row.pair_id,
        cohort_id=row.cohort_id,
        version=row.version,
        status=PairStatus(row.status),
        people=(first, second),
        organizations=(of_first, of_second),
        wishes=msgspec.convert(row.wishes, tuple[Wish, ...]),
        accepted_at=row.accepted_at,
        departed=departed,
    )
