"""What was put aside: messages whose effects failed for good, and all later ones of their keys, until they are redriven in order."""

from __future__ import annotations

import json
from typing import NamedTuple
from uuid import UUID

import sqlalchemy as sa

from chassis.broker import Incoming
from chassis.database import Transaction

_LONGEST_REASON = 2_000

_PARK = sa.text(
    'INSERT INTO parked (consumer, topic, partition, "offset", key, fact_id, wire, headers, payload, handler, reason) '
    "VALUES (:consumer, :topic, :partition, :offset, :key, :fact_id, :wire, CAST(:headers AS jsonb), :payload, :handler, :reason) "
    "ON CONFLICT DO NOTHING"
)
_NEXT = sa.text(
    'SELECT parked_id, topic, partition, "offset", key, payload, headers FROM parked '
    "WHERE consumer = :consumer AND redriven_at IS NULL AND topic = :topic AND key IS NOT DISTINCT FROM :key "
    "ORDER BY parked_id LIMIT 1"
)
_STILL = sa.text("UPDATE parked SET reason = :reason, handler = :handler WHERE parked_id = :id")
# What it said is kept no longer than it is needed: nobody would find it here when the person it tells of is erased.
_REDRIVEN = sa.text(
    "UPDATE parked SET redriven_at = clock_timestamp(), payload = NULL, headers = '[]' WHERE parked_id = :id"
)
_WAITING = sa.text("SELECT count(*) FROM parked WHERE consumer = :consumer AND redriven_at IS NULL")


class Parked(NamedTuple):
    """A message as it was put aside."""

    parked_id: int
    record: Incoming


async def park(
    tx: Transaction, record: Incoming, *, consumer: str, fact_id: UUID, wire: str, handler: str, reason: str
) -> int:
    """Put a message aside; 0 when it was there already."""
    headers = [(name, None if value is None else value.decode("utf-8", "replace")) for name, value in record.headers]
    parked = await tx.connection.execute(
        _PARK,
        {
            "consumer": consumer,
            "topic": record.topic,
            "partition": record.partition,
            "offset": record.offset,
            "key": record.key,
            "fact_id": fact_id,
            "wire": wire,
            "headers": json.dumps(headers),
            "payload": record.value,
            "handler": handler,
            "reason": reason[:_LONGEST_REASON],
        },
    )
    return parked.rowcount


async def first_parked(tx: Transaction, *, consumer: str, topic: str, key: bytes | None) -> Parked | None:
    """The message of a key that has to be redriven first."""
    row = (await tx.connection.execute(_NEXT, {"consumer": consumer, "topic": topic, "key": key})).first()
    if row is None:
        return None
    headers = tuple((name, None if value is None else value.encode()) for name, value in row.headers)
    return Parked(row.parked_id, Incoming(row.topic, row.partition, row.offset, row.key, row.payload, headers, 0))


async def note_redriven(tx: Transaction, parked_id: int) -> None:
    """Its effects have happened."""
    await tx.connection.execute(_REDRIVEN, {"id": parked_id})


async def note_still_failing(tx: Transaction, parked_id: int, *, handler: str, reason: str) -> None:
    """It failed again, perhaps elsewhere and for another reason."""
    await tx.connection.execute(_STILL, {"id": parked_id, "reason": reason[:_LONGEST_REASON], "handler": handler})


async def count_waiting(tx: Transaction, *, consumer: str) -> int:
    """How many messages of a consumer wait to be redriven."""
    return int(await tx.connection.scalar(_WAITING, {"consumer": consumer}) or 0)
