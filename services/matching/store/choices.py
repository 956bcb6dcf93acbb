"""Rankings and vetoes."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from chassis.database import Transaction
from contracts.matching import Ranking, Veto
from services.matching.store import tables

_ranking, _veto = tables.ranking, tables.veto


async def save_ranking(tx: Transaction, ranking: Ranking, *, by: UUID) -> None:
    """The whole ranking takes the place of the one before."""
    statement = insert(_ranking).values(
        cohort_id=ranking.cohort_id, person_id=by, people=list(ranking.people), ranked_at=ranking.ranked_at
    )
    await tx.connection.execute(
        statement.on_conflict_do_update(
            index_elements=[_ranking.c.cohort_id, _ranking.c.person_id],
            set_={name: statement.excluded[name] for name in ("people", "ranked_at")},
        )
    )


async def drop_ranking(tx: Transaction, cohort_id: UUID, *, person_id: UUID | None = None) -> None:
    """What a person ranked in a cohort is gone; what everybody ranked, when nobody is named."""
    statement = sa.delete(_ranking).where(_ranking.c.cohort_id == cohort_id)
    await tx.connection.execute(statement if person_id is None else statement.where(_ranking.c.person_id == person_id))


async def ranking_of(tx: Transaction, cohort_id: UUID, *, person_id: UUID) -> tuple[UUID, ...]:
    """Whom a person ranked in a cohort, the first choice first; nobody when they ranked nobody."""
    statement = sa.select(_ranking.c.people).where(_ranking.c.cohort_id == cohort_id, _ranking.c.person_id == person_id)
    return tuple(await tx.connection.scalar(statement) or ())


async def rankings_by(tx: Transaction, person_id: UUID) -> tuple[Ranking, ...]:
    """All of a person's, by cohort."""
    rows = await tx.connection.execute(
        sa.select(_ranking).where(_ranking.c.person_id == person_id).order_by(_ranking.c.cohort_id)
    )
    return tuple(Ranking(cohort_id=row.cohort_id, people=tuple(row.people), ranked_at=row.ranked_at) for row in rows)


async def rankings_of(tx: Transaction, cohort_id: UUID) -> dict[UUID, tuple[UUID, ...]]:
    """Everybody's in a cohort, by who ranked. For the worker: tenants see their own only."""
    rows = await tx.connection.execute(sa.select(_ranking).where(_ranking.c.cohort_id == cohort_id))
    return {row.person_id: tuple(row.people) for row in rows}


async def add_veto(tx: Transaction, veto: Veto, *, partners: Collection[UUID]) -> None:
    """Once is enough."""
    first, second = veto.people
    statement = insert(_veto).values(
        cohort_id=veto.cohort_id,
        first_id=first,
        second_id=second,
        partner_ids=list(partners),
        vetoed_at=veto.vetoed_at,
    )
    await tx.connection.execute(statement.on_conflict_do_nothing())


async def drop_veto(tx: Transaction, cohort_id: UUID, *, people: tuple[UUID, UUID]) -> bool:
    """Whether there was one. ``people``: sorted."""
    statement = sa.delete(_veto).where(
        _veto.c.cohort_id == cohort_id, _veto.c.first_id == people[0], _veto.c.second_id == people[1]
    )
    return bool((await tx.connection.execute(statement)).rowcount)


async def vetoes_of(tx: Transaction, cohort_id: UUID) -> tuple[Veto, ...]:
    """All of a cohort, the latest first."""
    rows = await tx.connection.execute(
        sa.select(_veto)
        .where(_veto.c.cohort_id == cohort_id)
        .order_by(_veto.c.vetoed_at.desc(), _veto.c.first_id, _veto.c.second_id)
    )
    return tuple(map(_veto_from, rows))


async def vetoed_couples(tx: Transaction, cohort_id: UUID) -> set[frozenset[UUID]]:
    """The same, as couples."""
    return {frozenset(veto.people) for veto in await vetoes_of(tx, cohort_id)}


async def forget_choices(tx: Transaction, person_id: UUID) -> None:
    """No ranking by an erased person stays, no rank of them, and no veto that names them."""
    await tx.connection.execute(sa.delete(_ranking).where(_ranking.c.person_id == person_id))
    await tx.connection.execute(
        sa.update(_ranking)
        .where(sa.literal(person_id) == sa.any_(_ranking.c.people))
        .values(people=sa.func.array_remove(_ranking.c.people, person_id))
    )
    await tx.connection.execute(
        sa.delete(_veto).where(sa.or_(_veto.c.first_id == person_id, _veto.c.second_id == person_id))
    )


def _veto_from(row: sa.Row[Any]) -> Veto:
    return Veto(cohort_id=row.cohort_id, people=(row.first_id, row.second_id), vetoed_at=row.vetoed_at)
