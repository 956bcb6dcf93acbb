"""What a consumer has seen: the ids of the facts whose effects it has committed, per generation of its projections."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from chassis.database import Transaction

FOR_HANDLERS = 0  # handlers' effects are never repeated; a rebuild starts a new generation for projections alone
_PRUNED_AT_ONCE = 5_000

# Those known are looked for first, and the rest is inserted plainly: ON CONFLICT would cost the database half as much again for
# each row. NULL when all are new, as nearly always.
_FIRST_SIGHT = sa.text(
    "WITH known AS MATERIALIZED (SELECT fact_id FROM inbox "
    "WHERE consumer = :consumer AND generation = :generation AND fact_id = ANY(CAST(:ids AS uuid[]))), "
    "new AS (INSERT INTO inbox (consumer, generation, fact_id) SELECT :consumer, :generation, id "
    "FROM unnest(CAST(:ids AS uuid[])) AS id WHERE id NOT IN (SELECT fact_id FROM known)) "
    "SELECT array_agg(fact_id) FROM known"
)
_KNOWN = sa.text(
    "SELECT fact_id FROM inbox "
    "WHERE consumer = :consumer AND generation = :generation AND fact_id = ANY(CAST(:ids AS uuid[]))"
)
_PRUNE = sa.text(
    "DELETE FROM inbox WHERE ctid IN (SELECT ctid FROM inbox WHERE seen_at < clock_timestamp() - make_interval(days => :days) "
    "LIMIT :most FOR UPDATE SKIP LOCKED)"
)


class Overtaken(Exception):
    """Somebody else committed one of these facts after it had been looked for: look again."""


async def see(tx: Transaction, ids: Sequence[UUID], *, consumer: str, generation: int) -> Collection[UUID]:
    """Note facts as seen; those that were before. Overtaken when one became so meanwhile.

    In one order everywhere: two that insert the same facts in different orders would deadlock.
    """
    try:
        known = await tx.connection.scalar(
            _FIRST_SIGHT, {"consumer": consumer, "generation": generation, "ids": list(ids)}
        )
    except IntegrityError as error:
        raise Overtaken("another replica applied some of these facts at the same time") from error
    return known or ()


async def known(tx: Transaction, ids: Sequence[UUID], *, consumer: str, generation: int) -> set[UUID]:
    """Those of these facts that were seen before; nothing is noted."""
    found = await tx.connection.scalars(_KNOWN, {"consumer": consumer, "generation": generation, "ids": list(ids)})
    return set(found)


async def prune(tx: Transaction, *, days: int) -> bool:
    """Forget some of the facts first seen more than ``days`` ago; whether there are more."""
    gone = await tx.connection.execute(_PRUNE, {"days": days, "most": _PRUNED_AT_ONCE})
    return gone.rowcount == _PRUNED_AT_ONCE
