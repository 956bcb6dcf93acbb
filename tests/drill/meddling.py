"""What nobody should do to a topic, done: duplicates, swaps, garbage; and a service that chokes on one person."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from random import Random
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import httpx
from kafka import KafkaProducer
from kafka.errors import KafkaError

from chassis.identity import internal_token
from chassis.outbox import RELAY_LOCK, cloud_event
from contracts.base import Actor, Role
from tests.drill.ledger import Books
from tests.drill.target import Target
from tests.probes import Topics

_HOLD_WITHIN = 10.0
_OPERATOR = Actor(roles=(Role.OPERATOR,), subject="drill")

# Where each service first writes what it hears of a person, and the column that names them.
_CHOKES = {
    "matching": ("candidate", "person_id"),
    "feedback": ("person", "person_id"),
    "notifications": ("person", "person_id"),
}
_TRIGGER = """
CREATE OR REPLACE FUNCTION drill_poison() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN IF NEW.{column} = '{key}' THEN RAISE EXCEPTION 'poisoned by the drill'; END IF; RETURN NEW; END $$;
CREATE OR REPLACE TRIGGER drill_poison BEFORE INSERT OR UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION drill_poison();
"""


class Meddled(Exception):
    """The broker was away: nothing, or not everything, was put onto the topic."""


async def end_relay(books: Books, service: str) -> int:
    """End the session of a service's relay, at the server; how many there were."""
    async with books.open(service) as connection:
        rows = await connection.fetch(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1 AND datname = current_database()",
            f"viceversa-{service}-relay",
        )
    return len(rows)


async def duplicate(books: Books, topic: str, *, random: Random, most: int = 40) -> list[UUID]:
    """Some records of a topic again, as they were; the keys."""
    records = await Topics(books.kafka).read(topic)
    chosen = [record for record in records if record.key and len(record.key) == 36]
    chosen = random.sample(chosen, min(most, len(chosen)))
    await _publish(
        books.kafka,
        [(topic, record.partition, record.key, record.value, list(record.headers.items())) for record in chosen],
    )
    return [UUID((record.key or b"").decode()) for record in chosen]


async def garbage(books: Books, topic: str, *, random: Random) -> int:
    """Records that nobody can read: no type, a type and no JSON, a type and no id. How many."""
    key = str(uuid4()).encode()
    wire = b"viceversa.profiles.profile-updated.v1"
    kinds: Sequence[tuple[bytes, list[tuple[str, bytes]]]] = (
        (b"\x00\xff\xfe not ours", []),
        (b'{"key": "', [("ce_type", wire), ("ce_id", str(uuid4()).encode())]),
        (b"{}", [("ce_type", wire), ("ce_id", b"\xff\xff")]),
    )
    chosen = random.choices(kinds, k=random.randint(1, 4))
    await _publish(books.kafka, [(topic, 0, key, value, headers) for value, headers in chosen])
    return len(chosen)


@asynccontextmanager
async def relay_held(books: Books, service: str) -> AsyncIterator[asyncpg.Connection[Any]]:
    """The service's relay waits while the block runs: we have its lock."""
    async with books.open(service) as connection:
        async with asyncio.timeout(_HOLD_WITHIN):
            while not await connection.fetchval("SELECT pg_try_advisory_lock($1)", RELAY_LOCK):
                await end_relay(books, service)
                await asyncio.sleep(0.01)
        yield connection


async def publish_newest_first(
    connection: asyncpg.Connection[Any], books: Books, service: str, *, keys: Sequence[UUID]
) -> int:
    """The facts of some aggregates that wait in a service's outbox, in the wrong order, before the relay does it right; how many."""
    rows = await connection.fetch(
        "SELECT topic, key, payload, fact_id, wire, occurred_at, traceparent FROM outbox JOIN unpublished USING (seq) "
        "WHERE key = ANY($1::uuid[]) ORDER BY seq DESC",
        list(keys),
    )
    records = []
    for row in rows:
        headers = cloud_event(
            fact_id=row["fact_id"],
            wire=row["wire"],
            source=f"viceversa/{service}",
            occurred_at=row["occurred_at"],
            traceparent=row["traceparent"],
        )
        records.append((row["topic"], None, str(row["key"]).encode(), bytes(row["payload"]), headers))
    await _publish(books.kafka, records)
    return len(records)


async def poison(books: Books, service: str, person_id: UUID) -> None:
    """From now on the service's table refuses this person."""
    table, column = _CHOKES[service]
    async with books.open(service) as connection:
        await connection.execute(_TRIGGER.format(table=table, column=column, key=person_id))


async def cure(books: Books, service: str) -> None:
    """No more."""
    table, _ = _CHOKES[service]
    async with books.open(service) as connection:
        await connection.execute(f"DROP TRIGGER IF EXISTS drill_poison ON {table}")


async def redrive(target: Target, service: str) -> int:
    """What an operator does then; how many facts still wait."""
    headers = {"authorization": f"Bearer {internal_token(_OPERATOR, secret=target.secret, audience=service)}"}
    async with httpx.AsyncClient(timeout=30) as http:
        answer = await http.post(f"{target.urls()[service]}/admin/redrive", headers=headers)
        answer.raise_for_status()
        return int(answer.json()["waiting"])


async def _publish(
    bootstrap: str, records: Sequence[tuple[str, int | None, bytes | None, bytes | None, list[tuple[str, bytes]]]]
) -> None:
    try:
        await asyncio.to_thread(_publish_now, bootstrap, records)
    except (KafkaError, TimeoutError) as error:
        raise Meddled(f"the broker was away: {error!r}") from error


def _publish_now(
    bootstrap: str, records: Sequence[tuple[str, int | None, bytes | None, bytes | None, list[tuple[str, bytes]]]]
) -> None:
    producer = KafkaProducer(
        bootstrap_servers=bootstrap, acks="all", max_in_flight_requests_per_connection=1, enable_idempotence=False
    )
    try:
        for topic, partition, key, value, headers in records:
            chosen = partition
            if chosen is None:
                chosen = partition_of(key or b"", len(producer.partitions_for(topic)))
            producer.send(topic, key=key, value=value, headers=headers, partition=chosen).get(timeout=10)
    finally:
        producer.close(timeout=3)


def partition_of(key: bytes, partitions: int) -> int:
    """Where the platform's own publisher puts a key."""
    import zlib

    return zlib.crc32(key) % partitions
