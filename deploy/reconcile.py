"""After a broker lost its memory (or came back from a backup): queue again what consumers have not confirmed, under the same fact ids.

An owner's outbox keeps published facts for the retention time; a consumer's inbox knows every fact that it applied. What is in the one and
not in the other is marked unpublished, and the owner's relay sends it as if for the first time. Consumers drop what they know.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import asyncpg

from chassis.outbox import RELAY_LOCK
from chassis.service import Spec

_BATCH = 10_000
_HOLD_WITHIN = 15.0
# A relay that was told by the broker that is gone, and has not noted it down yet, must not do so any more. It connects again at once.
_END_RELAY = (
    "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
    "WHERE datname = current_database() AND application_name LIKE 'viceversa-%-relay' AND usename = current_user"
)
_QUEUE_AGAIN = "INSERT INTO unpublished SELECT seq FROM outbox WHERE fact_id = ANY($1::uuid[]) ON CONFLICT DO NOTHING"


@dataclass(frozen=True, slots=True)
class Requeued:
    """How many facts of an owner will be published again."""

    owner: str
    checked: int
    requeued: int


async def reconcile(app_dsns: Mapping[str, str], *, specs: Mapping[str, Spec], repair: bool = True) -> list[Requeued]:
    """Compare each owner's outbox with each consumer's inbox; DSNs by deployable, each the service's own login.

    Without ``repair`` it only counts what would have to be published again.
    """
    connections: dict[str, asyncpg.Connection[Any]] = {}
    try:
        for name, dsn in app_dsns.items():
            connections[name] = await asyncpg.connect(dsn)
            if repair:
                await connections[name].execute(_END_RELAY)
            await connections[name].execute(f"SET ROLE {name}_system")
        return [
            await _reconcile_owner(owner, connections, specs, repair=repair)
            for owner in app_dsns
            if specs[owner].commands
        ]
    finally:
        for connection in connections.values():
            await connection.close()


@asynccontextmanager
async def relays_held(app_dsns: Mapping[str, str]) -> AsyncIterator[None]:
    """Nobody publishes while the block runs: what the broker lost has to be queued again before anything newer of the same key goes out.
    TimeoutError when a relay does not let go within seconds."""
    connections: list[asyncpg.Connection[Any]] = []
    try:
        async with asyncio.timeout(_HOLD_WITHIN):
            for dsn in app_dsns.values():
                connections.append(await asyncpg.connect(dsn))
                while not await connections[-1].fetchval("SELECT pg_try_advisory_lock($1)", RELAY_LOCK):
                    await connections[-1].execute(_END_RELAY)
                    await asyncio.sleep(0.02)
        yield
    finally:
        for connection in connections:
            connection.terminate()


async def _reconcile_owner(
    owner: str, connections: Mapping[str, asyncpg.Connection[Any]], specs: Mapping[str, Spec], *, repair: bool
) -> Requeued:
    outbox = connections[owner]
    checked = requeued = last = 0
    while True:
        rows = await outbox.fetch(
            "SELECT seq, fact_id, wire FROM outbox WHERE seq > $1 "
            "AND NOT EXISTS (SELECT FROM unpublished WHERE unpublished.seq = outbox.seq) ORDER BY seq LIMIT $2",
            last,
            _BATCH,
        )
        if not rows:
            return Requeued(owner, checked, requeued)
        last = rows[-1]["seq"]
        checked += len(rows)
        missing: set[Any] = set()
        for name, connection in connections.items():
            wires = {kind.WIRE for kind in specs[name].consumes}
            expected = [row["fact_id"] for row in rows if row["wire"] in wires]
            if expected:
                missing |= await _unconfirmed(connection, consumer=specs[name].consumer, fact_ids=expected)
        requeued += len(missing)
        if missing and repair:
            await outbox.execute(_QUEUE_AGAIN, list(missing))


async def _unconfirmed(connection: asyncpg.Connection[Any], *, consumer: str, fact_ids: list[Any]) -> set[Any]:
    # A parked fact is confirmed too: the consumer has it, and redrive is its way on.
    rows = await connection.fetch(
        """
        SELECT wanted.fact_id FROM unnest($1::uuid[]) AS wanted (fact_id)
        WHERE NOT EXISTS (
            SELECT FROM inbox WHERE inbox.consumer = $2 AND inbox.fact_id = wanted.fact_id AND inbox.generation = coalesce(
                (SELECT generation FROM consumer_generation WHERE consumer_generation.consumer = $2), 0))
        AND NOT EXISTS (SELECT FROM parked WHERE parked.consumer = $2 AND parked.fact_id = wanted.fact_id)
        """,
        fact_ids,
        consumer,
    )
    return {row["fact_id"] for row in rows}
