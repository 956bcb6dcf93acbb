"""Holding things that have no row of their own, until the end of a transaction: PostgreSQL's advisory locks, by name.

What must not happen between the looking and the writing of somebody else needs no row to lock: whoever erases a person holds
"erasure" alone, whoever writes what people said holds it shared, and neither writes upon what the other one is about to change.
A statement that looks must come after the one that holds: its snapshot would be older than the lock otherwise.
"""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

import sqlalchemy as sa

from chassis.database import Transaction

ERASURE = "erasure"

# In one order for everybody, so that two transactions that hold several never wait for each other.
_HOLD = """
SELECT pg_advisory_xact_lock{kind}(key) FROM (
    SELECT DISTINCT hashtextextended(name, 0) AS key FROM unnest(CAST(:names AS text[])) AS name ORDER BY key
) AS sorted
"""
_ALONE = sa.text(_HOLD.format(kind=""))
_SHARED = sa.text(_HOLD.format(kind="_shared"))


async def hold(tx: Transaction, *, what: str, ids: Iterable[UUID] | None = None) -> None:
    """Until the end of this transaction nobody else holds these (None: the whole). ``what`` keeps different reasons apart."""
    await tx.connection.execute(_ALONE, {"names": _names(what, ids)})


async def hold_shared(tx: Transaction, *, what: str, ids: Iterable[UUID] | None = None) -> None:
    """Until the end of this transaction nobody holds these alone (None: the whole)."""
    await tx.connection.execute(_SHARED, {"names": _names(what, ids)})


def _names(what: str, ids: Iterable[UUID] | None) -> list[str]:
    return [what] if ids is None else [f"{what}:{each}" for each in ids]
