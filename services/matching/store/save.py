"""Saving what changed, and returning the facts that tell it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from chassis.database import Transaction
from contracts.base import Event
from contracts.matching import Cohort, Enrolment, GroupPlan, MatchRun, Pair, PairStatus, RoundPlan
from services.matching.domain.authority import people_of
from services.matching.domain.cohorts import CohortExists, next_move_at
from services.matching.domain.enrolments import HOLDS_A_PLACE
from services.matching.domain.kept import Aggregate, Kept, fact_of, identity
from services.matching.domain.pairs import SEATED
from services.matching.store import tables

_MOVES_SEATS = SEATED | {PairStatus.COMPLETED, PairStatus.ENDED_EARLY}


class LostUpdate(RuntimeError):
    """Somebody changed a row that was not locked, or an id is taken: a programming error, never overwritten."""


async def save(tx: Transaction, changes: Iterable[Kept[Aggregate]]) -> list[Event]:
    """Write what is not stored yet, and return its facts in the order given. An aggregate may appear with several versions."""
    fresh = [kept for kept in changes if not kept.stored]
    if not fresh:
        return []
    latest = {(type(kept.state), identity(kept.state)[0]): kept for kept in fresh}
    partners = await _partners(tx, latest.values())
    for kind, table in _TABLES.items():
        rows = [_row(kept, partners) for kept in latest.values() if isinstance(kept.state, kind)]
        if rows:
            await _upsert(tx, table, rows)
    await _keep_seats(tx, [kept.state for kept in latest.values()], partners)
    return [fact_of(kept) for kept in fresh]


async def add_cohort(tx: Transaction, kept: Kept[Cohort]) -> list[Event]:
    """Insert a new cohort; CohortExists when the id is taken, be it by a cohort that this actor cannot see."""
    row = _row(kept, {kept.state.cohort_id: [partner.organization_id for partner in kept.state.partners]})
    statement = insert(tables.cohort).values(row).on_conflict_do_nothing().returning(tables.cohort.c.cohort_id)
    if (await tx.connection.execute(statement)).first() is None:
        raise CohortExists("A cohort with this id exists.", remedy="Make a new id for a new cohort.")
    return [fact_of(kept)]


_TABLES: dict[type[Any], sa.Table] = {
    Cohort: tables.cohort,
    MatchRun: tables.match_run,
    Enrolment: tables.enrolment,
    Pair: tables.pair,
    RoundPlan: tables.round_plan,
    GroupPlan: tables.group_plan,
}


async def _partners(tx: Transaction, changes: Iterable[Kept[Aggregate]]) -> dict[UUID, list[UUID]]:
    states = [kept.state for kept in changes]
    found = {
        state.cohort_id: [partner.organization_id for partner in state.partners]
        for state in states
        if isinstance(state, Cohort)
    }
    missing = {state.cohort_id for state in states} - found.keys()
    if missing:
        rows = await tx.connection.execute(
            sa.select(tables.cohort.c.cohort_id, tables.cohort.c.partner_ids).where(
                tables.cohort.c.cohort_id.in_(missing)
            )
        )
        found |= {row.cohort_id: list(row.partner_ids) for row in rows}
    return found


def _row(kept: Kept[Aggregate], partners: Mapping[UUID, list[UUID]]) -> dict[str, Any]:
    state = kept.state
    row: dict[str, Any] = {
        "cohort_id": state.cohort_id,
        "partner_ids": partners[state.cohort_id],
        "version": kept.version,
        "told_as": kept.told_as.WIRE,
        "changed_at": kept.changed_at,
        "changed_by": kept.changed_by,
        "status": state.status.value,
        "state": msgspec.to_builtins(state),
    }
    match state:
        case Cohort():
            row |= {"series": state.series, "next_move_at": next_move_at(state)}
        case Enrolment():
            row |= {
                "enrolment_id": state.enrolment_id,
                "person_id": state.person_id,
                "organization_id": state.organization_id,
            }
        case MatchRun():
            row |= {"run_id": state.run_id}
        case Pair():
            first, second = people_of(state)
            row |= {
                "pair_id": state.pair_id,
                "first_id": first,
                "second_id": second,
                "run_id": state.run_id,
                "expires_at": state.expires_at,
                "pinned": state.pinned,
            }
        case RoundPlan() | GroupPlan():
            row |= {"plan_id": state.plan_id}
    return row


async def _upsert(tx: Transaction, table: sa.Table, rows: Sequence[dict[str, Any]]) -> None:
    (key,) = table.primary_key.columns
    if table is tables.match_run:
        # A run is inserted by add_run, with what only the worker needs.
        for row in rows:
            result = await tx.connection.execute(
                sa.update(table).where(key == row["run_id"], table.c.version < row["version"]).values(row)
            )
            if result.rowcount != 1:
                raise LostUpdate(f"run {row['run_id']} was changed by somebody else")
        return
    statement = insert(table)
    statement = statement.on_conflict_do_update(
        index_elements=[key],
        set_={name: statement.excluded[name] for name in rows[0] if name != key.name},
        where=table.c.version < statement.excluded.version,
    )
    written = (await tx.connection.execute(statement.returning(key), rows)).scalars().all()
    if len(written) != len(rows):
        raise LostUpdate(f"{table.name}: {sorted({row[key.name] for row in rows} - set(written))} changed meanwhile")


async def _keep_seats(tx: Transaction, states: Sequence[Aggregate], partners: Mapping[UUID, list[UUID]]) -> None:
    """A place brings a seat; what is taken is counted from the pairs, so that it cannot drift."""
    seats = [
        {
            "cohort_id": state.cohort_id,
            "person_id": state.person_id,
            "partner_ids": partners[state.cohort_id],
            "capacity": state.capacity,
        }
        for state in states
        if isinstance(state, Enrolment) and state.status in HOLDS_A_PLACE
    ]
    if seats:
        statement = insert(tables.seat)
        await tx.connection.execute(
            statement.on_conflict_do_update(
                index_elements=[tables.seat.c.cohort_id, tables.seat.c.person_id],
                set_={"capacity": statement.excluded.capacity},
                where=tables.seat.c.capacity != statement.excluded.capacity,
            ),
            seats,
        )
    moved: dict[UUID, set[UUID]] = {}
    for state in states:
        if isinstance(state, Pair) and state.status in _MOVES_SEATS:
            moved.setdefault(state.cohort_id, set()).update(people_of(state))
    pair, seat = tables.pair, tables.seat
    for cohort_id, people in moved.items():
        count = (
            sa.select(sa.func.count())
            .select_from(pair)
            .where(
                pair.c.cohort_id == cohort_id,
                pair.c.status.in_([status.value for status in SEATED]),
                sa.or_(pair.c.first_id == seat.c.person_id, pair.c.second_id == seat.c.person_id),
            )
            .scalar_subquery()
        )
        await tx.connection.execute(
            sa.update(seat).where(seat.c.cohort_id == cohort_id, seat.c.person_id.in_(people)).values(taken=count)
        )
