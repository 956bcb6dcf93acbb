"""The transactional outbox: facts are written with the state that they tell of, and a relay publishes them afterwards.

Order per key: two changes of one aggregate meet on its row lock, so the later one's ``seq`` is larger and is not visible before the
earlier one. The relay takes unpublished rows by ``seq`` — never ``seq > last``: sequences commit out of order — and sends each key
to one partition through one ordered producer.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4, uuid5

import asyncpg
import sqlalchemy as sa
import structlog

from chassis import telemetry
from chassis.broker import BrokerAway, Outgoing, Publisher
from chassis.database import Transaction
from chassis.failures import DATABASE_AWAY
from contracts.base import Event, Recorded, encode

LARGEST_FACT = (
    900_000  # bytes; brokers refuse records above 1 MB by default, and a refused record would block all others
)
_CHANNEL = "outbox"
RELAY_LOCK = 0x5669_6F62  # whoever holds it in a service's database publishes its outbox, and nobody else
_EMIT_LOCK = 0x5669_6F63
_BATCH = 4_000
_PRUNED_AT_ONCE = 5_000

_ALONE = sa.text(f"SELECT pg_advisory_xact_lock({_EMIT_LOCK})")
_LAST = sa.text("SELECT max(seq) FROM outbox")
_SINCE = sa.text("SELECT DISTINCT topic, key FROM outbox WHERE seq > :seq")
# The lock is shared by all that write facts; re_emit takes it alone for a moment (see there). No row is inserted, and so no ``seq`` is
# drawn, before it is held: each row is made of one of the facts and of the row that says so.
_INSERT = sa.text(
    "WITH entered AS MATERIALIZED "
    f"(SELECT pg_advisory_xact_lock_shared({_EMIT_LOCK})::text AS held, pg_notify('{_CHANNEL}', '')::text AS told) "
    "INSERT INTO outbox (fact_id, topic, key, wire, payload, occurred_at, traceparent) "
    "SELECT fact.* FROM entered, unnest(CAST(:ids AS uuid[]), CAST(:topics AS text[]), CAST(:keys AS uuid[]), CAST(:wires AS text[]), "
    "CAST(:payloads AS bytea[]), CAST(:times AS timestamptz[]), CAST(:traces AS text[])) AS fact "
    "WHERE held IS NOT NULL AND told IS NOT NULL ON CONFLICT DO NOTHING"
)
# As text: the record wants it so, and Python takes longer to make the objects and format them again. Each fact is looked up by its number:
# a plain join may read the whole outbox, weeks of facts, for the five that wait. Nothing tells the planner how few they are.
_NEXT = """
SELECT next.seq, topic, key::text, payload, fact_id::text, wire, occurred_at::text, traceparent
FROM (SELECT seq FROM unpublished WHERE seq <> ALL($2::bigint[]) ORDER BY seq LIMIT $1) AS next
CROSS JOIN LATERAL (SELECT * FROM outbox WHERE outbox.seq = next.seq LIMIT 1) AS fact ORDER BY next.seq
"""
_OLDEST = "SELECT recorded_at FROM outbox WHERE seq = (SELECT min(seq) FROM unpublished)"
# Queued again (see deploy.reconcile) at the very moment in which an erasure took the fact itself: nothing is left to publish.
_FORGET_EMPTY = (
    "DELETE FROM unpublished WHERE seq IN (SELECT seq FROM unpublished ORDER BY seq LIMIT 100) "
    "AND NOT EXISTS (SELECT FROM outbox WHERE outbox.seq = unpublished.seq)"
)
_TOPICS = "SELECT DISTINCT topic FROM outbox"
_MARK = "DELETE FROM unpublished WHERE seq = ANY($1::bigint[])"
_PRUNE = sa.text(
    "DELETE FROM outbox WHERE seq IN (SELECT seq FROM outbox WHERE recorded_at < clock_timestamp() - make_interval(days => :days) "
    "AND NOT EXISTS (SELECT FROM unpublished WHERE unpublished.seq = outbox.seq) ORDER BY seq LIMIT :most FOR UPDATE SKIP LOCKED)"
)

log = structlog.get_logger(__name__)


class FactTooLarge(ValueError):
    """A fact would not fit into a record of the broker. A programming error: its state must be split."""


async def add(tx: Transaction, facts: Sequence[Event], *, parent: UUID | None = None) -> list[Recorded]:
    """Write facts into the outbox of this transaction.

    With a ``parent`` (the command or the fact that caused them) their ids are derived from it, so that doing the same again
    yields the same ids; without one they are random.
    """
    if not facts:
        return []
    trace = telemetry.traceparent()
    source = f"viceversa/{tx.service}"
    recorded = [
        Recorded(
            fact_id=uuid5(parent, f"{tx.service}/{number}") if parent else uuid4(),
            source=source,
            fact=fact,
            traceparent=trace,
        )
        for number, fact in enumerate(facts)
    ]
    payloads = [encode(fact) for fact in facts]
    for fact, payload in zip(facts, payloads, strict=True):
        if len(payload) > LARGEST_FACT:
            raise FactTooLarge(f"{fact.WIRE} for {fact.key} has {len(payload)} bytes; {LARGEST_FACT} is the most")
    await tx.connection.execute(
        _INSERT,
        {
            "ids": [each.fact_id for each in recorded],
            "topics": [fact.TOPIC for fact in facts],
            "keys": [fact.key for fact in facts],
            "wires": [fact.WIRE for fact in facts],
            "payloads": payloads,
            "times": [fact.occurred_at for fact in facts],
            "traces": [trace] * len(facts),
        },
    )
    return recorded


async def mark(tx: Transaction) -> int:
    """A ``seq`` such that every fact up to it is committed, and the state it tells of can be seen, from now on."""
    await tx.connection.execute(_ALONE)
    return int(await tx.connection.scalar(_LAST) or 0)


async def emitted_since(tx: Transaction, seq: int) -> set[tuple[str, UUID]]:
    """Topic and key of what was written after ``seq``; until this transaction ends, nobody else writes a fact."""
    await tx.connection.execute(_ALONE)
    return set(map(tuple, await tx.connection.execute(_SINCE, {"seq": seq})))


async def forget(tx: Transaction, facts: Sequence[Event]) -> list[Event]:
    """Delete what the outbox and the command log still keep of these facts' aggregates: for erasure, whose facts supersede all
    earlier ones of their keys. Returns the facts, ready to be recorded. What is not yet published goes as soon as it is."""
    keys = {"keys": list({fact.key for fact in facts})}
    await tx.connection.execute(sa.text("SELECT forget_facts(CAST(:keys AS uuid[]))"), keys)
    await tx.connection.execute(sa.text("SELECT forget_answers(CAST(:keys AS uuid[]))"), keys)
    return list(facts)


async def prune(tx: Transaction, *, days: int) -> bool:
    """Forget some of the facts recorded more than ``days`` ago, and published; whether there are more of them."""
    return (await tx.connection.execute(_PRUNE, {"days": days, "most": _PRUNED_AT_ONCE})).rowcount == _PRUNED_AT_ONCE


def cloud_event(
    *, fact_id: UUID, wire: str, source: str, occurred_at: datetime, traceparent: str
) -> list[tuple[str, bytes]]:
    """The CloudEvents headers (Kafka binding, binary mode) of one fact."""
    return _headers(str(fact_id), source, wire, occurred_at.astimezone(UTC).isoformat(), traceparent)


_VERSION, _CONTENT = ("ce_specversion", b"1.0"), ("content-type", b"application/json")


def _headers(fact_id: str, source: str, wire: str, time: str, traceparent: str) -> list[tuple[str, bytes]]:
    headers = [
        _VERSION,
        ("ce_id", fact_id.encode()),
        ("ce_source", source.encode()),
        ("ce_type", wire.encode()),
        ("ce_time", time.encode()),
        _CONTENT,
    ]
    if traceparent:
        headers.append(("traceparent", traceparent.encode()))
    return headers


@dataclass
class Relay:
    """Publishes a service's outbox. One active relay per database: the others wait on an advisory lock and take over."""

    service: str
    dsn: str
    publisher: Publisher
    poll_seconds: float = 0.5
    linger: float = 0.01  # seconds to wait for more once something came
    # Seconds from one small batch to the next: a batch costs every consumer a transaction, however little is in it. What comes after
    # a while of quiet does not wait for that.
    pace: float = 0.05
    batch: int = _BATCH
    # Seconds until every partition gets a sign of life (see Publisher.touch): after it became active, and from then on.
    touch_after: float = 600.0
    touch_every: float = 6 * 3600.0
    active: bool = False
    heartbeat: float = field(default_factory=time.monotonic)
    oldest_seconds: float = 0.0  # age of the oldest unpublished fact when it was last looked at
    published: int = 0
    on_their_way: int = 0  # facts that the broker has been given and has not confirmed yet
    _failures: int = 0
    _stopping: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> None:
        """Publish until ``stop``; survive an absent database or broker by trying again, without counting."""
        while not self._stopping.is_set():
            self.heartbeat = time.monotonic()
            try:
                async with self._connection() as connection:
                    await self._serve(connection)
            except BrokerAway as error:
                self._note("relay.broker_away", error)
            except DATABASE_AWAY as error:
                self._note("relay.database_away", error)
            except Exception as error:
                # Whatever it is, the facts are safe in the outbox: say it and try again.
                log.exception("relay.failed")
                self._note("relay.again", error)
            finally:
                self.active = False
            await self._wait(min(0.05 * 2**self._failures, 2.0))

    def stop(self) -> None:
        """Publish what is there and return from ``run``."""
        self._stopping.set()

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[asyncpg.Connection[Any]]:
        # A connection of its own: an advisory lock belongs to a session, and a pool would share it.
        connection = await asyncpg.connect(
            self.dsn,
            timeout=5,
            command_timeout=30,
            server_settings={
                "application_name": f"viceversa-{self.service}-relay",
                # A mark that a crash takes back means publishing again what consumers know: no reason to wait for the disk.
                "synchronous_commit": "off",
                "timezone": "UTC",
                # Lists of row numbers are looked up by hash only when the plan is made for them.
                "plan_cache_mode": "force_custom_plan",
            },
        )
        try:
            yield connection
        finally:
            # Not close(): it waits for a dead server.
            connection.terminate()

    async def _serve(self, connection: asyncpg.Connection[Any]) -> None:
        await connection.execute(f"SET ROLE {self.service}_system")
        while not await connection.fetchval("SELECT pg_try_advisory_lock($1)", RELAY_LOCK):
            self._failures = 0
            self.heartbeat = time.monotonic()
            if await self._wait(self.poll_seconds):
                return
        woken, lost = asyncio.Event(), asyncio.Event()
        await connection.add_listener(_CHANNEL, lambda *_: woken.set())

        def cut(*_: object) -> None:
            # Without its session the relay has lost its lock: another one may be at work, and the broker may be a new one that knows
            # nothing of what came before. What is on its way must not arrive behind newer facts, or before older ones.
            self.publisher.cut()
            lost.set()

        connection.add_termination_listener(cut)
        self.active = True
        log.info("relay.active")
        measured, touch_at, next_at = -math.inf, time.monotonic() + self.touch_after, -math.inf
        while True:
            woken.clear()
            if time.monotonic() >= touch_at:
                await self.publisher.touch([row["topic"] for row in await connection.fetch(_TOPICS)])
                touch_at = time.monotonic() + self.touch_every
            if time.monotonic() - measured >= self.poll_seconds:
                await self._measure_age(connection)
                measured = time.monotonic()
            began = time.monotonic()
            sent = await self._publish_all(connection, lost=lost)
            self._failures = 0
            self.heartbeat = time.monotonic()
            if sent:
                next_at = began + self.pace
            elif self._stopping.is_set():
                return
            if sent < self.batch and not self._stopping.is_set():
                # Nothing was left a moment ago, and whatever was written since has woken us.
                await self._wait_for(woken)
                if woken.is_set():
                    await self._wait(max(self.linger, next_at - time.monotonic()))

    async def _publish_all(self, connection: asyncpg.Connection[Any], *, lost: asyncio.Event) -> int:
        """Publish until nothing is left; how many. While one batch is on its way, the one before is marked and the next is read."""
        sent = 0
        published: list[int] = []
        rows = await connection.fetch(_NEXT, self.batch, [])
        while rows:
            on_their_way = [row["seq"] for row in rows]
            self.on_their_way = len(rows)
            publishing = asyncio.create_task(self.publisher.publish(self._records(rows)))
            try:
                await self._mark(connection, published)
                rows = await connection.fetch(_NEXT, self.batch, on_their_way)
                await _first_of(publishing, lost)
            finally:
                await self._give_up(publishing)
                self.on_their_way = 0
            if publishing.cancelled():
                raise ConnectionResetError("the session that held the relay's lock has ended")
            publishing.result()
            published = on_their_way
            sent += len(published)
            self.heartbeat = time.monotonic()
        await self._mark(connection, published)
        return sent

    async def _give_up(self, publishing: asyncio.Task[None]) -> None:
        """Nothing of it arrives any more, unless all of it has."""
        if not publishing.done():
            publishing.cancel()
            await asyncio.wait({publishing})
            await self.publisher.abandon()
        elif not publishing.cancelled():
            publishing.exception()  # seen, also when something else is raised instead

    async def _mark(self, connection: asyncpg.Connection[Any], published: Sequence[int]) -> None:
        if published:
            await connection.execute(_MARK, published)
            self.published += len(published)
            telemetry.PUBLISHED.labels(self.service).inc(len(published))

    def _records(self, rows: Sequence[Any]) -> list[Outgoing]:
        source = f"viceversa/{self.service}"
        return [
            # "2026-11-22 10:15:36.61+00" (the session's zone is UTC) becomes RFC 3339.
            Outgoing(
                topic,
                key.encode(),
                payload,
                _headers(fact_id, source, wire, f"{time[:10]}T{time[11:]}:00", traceparent),
            )
            for _, topic, key, payload, fact_id, wire, time, traceparent in rows
        ]

    async def _measure_age(self, connection: asyncpg.Connection[Any]) -> None:
        oldest = await connection.fetchval(_OLDEST)
        if oldest is None:  # nothing waits, or what waits first is empty and would hide the age of what comes after it
            await connection.execute(_FORGET_EMPTY)
        self.oldest_seconds = max(0.0, time.time() - oldest.timestamp()) if oldest else 0.0
        telemetry.OUTBOX_AGE.labels(self.service).set(self.oldest_seconds)

    def _note(self, event: str, error: Exception) -> None:
        self._failures = min(self._failures + 1, 6)
        log.warning(event, error=str(error) or repr(error), service=self.service)

    async def _wait_for(self, woken: asyncio.Event) -> None:
        waits = [asyncio.ensure_future(event.wait()) for event in (self._stopping, woken)]
        await asyncio.wait(waits, timeout=self.poll_seconds, return_when=asyncio.FIRST_COMPLETED)
        for each in waits:
            each.cancel()

    async def _wait(self, seconds: float) -> bool:
        try:
            await asyncio.wait_for(self._stopping.wait(), seconds)
        except TimeoutError:
            return False
        return True


async def _first_of(task: asyncio.Task[None], event: asyncio.Event) -> None:
    """Return when the task is done or the event has come."""
    waiting = asyncio.ensure_future(event.wait())
    try:
        await asyncio.wait({task, waiting}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        waiting.cancel()
