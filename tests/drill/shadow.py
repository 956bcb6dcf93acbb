"""What the read model should be: all committed facts, in their order, into empty tables beside the living ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import sqlalchemy as sa

from chassis.database import connect
from chassis.projecting import project_latest
from chassis.service import Spec
from contracts.base import SYSTEM, Event, facts
from tests.drill.oracle import Difference

if TYPE_CHECKING:
    from tests.drill.ledger import Books

_BATCH = 500
_DIFFERENT = """
SELECT coalesce(live.id, shadow.id)::text AS id, live.version AS stands, shadow.version AS should
FROM public.{table} AS live FULL JOIN rebuild.{table} AS shadow USING (id) WHERE live.* IS DISTINCT FROM shadow.*
"""


async def differences(spec: Spec, books: Books, told: Sequence[tuple[str, bytes]]) -> list[Difference]:
    """Rows of the read model that differ from what the facts (wire, payload) say when they come once and in order."""
    decoded = [fact for wire, payload in told if isinstance(fact := facts().decode(wire, payload), Event)]
    database = connect("gateway", url=books.app_dsn("gateway"), pool=2)
    found: list[Difference] = []
    try:
        async with database.begin(SYSTEM) as tx:
            for table in spec.tables:
                await tx.connection.execute(sa.text(f"TRUNCATE rebuild.{table}"))
            await tx.connection.execute(sa.text("SET LOCAL search_path = rebuild, public"))
            for start in range(0, len(decoded), _BATCH):
                await project_latest(spec.projections, decoded[start : start + _BATCH], tx)
            for table in spec.tables:
                rows = await tx.connection.execute(sa.text(_DIFFERENT.format(table=table)))
                found += [Difference(table, row.id, row.stands, row.should) for row in rows]
    finally:
        await database.close()
    return found
