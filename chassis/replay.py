"""Re-emit and rebuild: owners publish their present facts again; a read model is made anew from the topics beside the living one."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition

from chassis import outbox
from chassis.broker import BrokerSettings
from chassis.database import Database, Transaction
from chassis.projecting import project_latest
from chassis.running import Running, Spec
from contracts.base import SYSTEM, Event, Undecodable, UnknownType, facts
from contracts.errors import Conflict, Invalid

_BATCH = 2_000
# The embedded broker counts the last batch of a partition as one record, however many are in it: so after the end we read on
# until nothing comes, or this many times.
_BEYOND = 5
_LIVE, _SHADOW = "public", "rebuild"
_SETTLE = (0.0, 0.2, 0.5, 1.0)  # seconds: facts applied straight from an answer may still be on their way to the topic

_ALONE = sa.text("SELECT pg_try_advisory_xact_lock(hashtext('rebuild ' || :consumer))")
_NOBODY_APPLIES = sa.text("SELECT pg_advisory_xact_lock(hashtext(:consumer))")
_NEXT_GENERATION = sa.text(
    "INSERT INTO consumer_generation (consumer, generation) VALUES (:consumer, 1) "
    "ON CONFLICT (consumer) DO UPDATE SET generation = consumer_generation.generation + 1"
)

log = structlog.get_logger(__name__)
Positions = dict[TopicPartition, int]


class NothingToReplay(Invalid):
    """The service has no catalog, or no read model."""


class RebuildRunning(Conflict):
    """Somebody rebuilds this read model already."""


@dataclass(frozen=True, slots=True)
class TableReport:
    """One read-model table: rows before and after, and whether both had the same rows."""

    table: str
    live: int
    rebuilt: int
    equal: bool


@dataclass(frozen=True, slots=True)
class RebuildReport:
    """What a rebuild read and found."""

    facts: int
    seconds: float
    tables: tuple[TableReport, ...]


async def re_emit(database: Database, catalog: Callable[[Transaction], AsyncIterator[Event]] | None) -> int:
    """Write every aggregate's present fact into the outbox again, under new fact ids; consumers keep what is not older. The count.

    Service at work: what an aggregate emits meanwhile is newer, and its re-emission is left out. Otherwise an old fact could
    become the newest record of its key on a compacted topic.
    """
    if catalog is None:
        raise NothingToReplay("This service has no facts of its own to emit again.")
    async with database.begin(SYSTEM) as tx:
        since = await outbox.mark(tx)
    count = 0
    async with database.begin(SYSTEM) as reading:
        batch: list[Event] = []
        async for fact in catalog(reading):
            batch.append(fact)
            if len(batch) == _BATCH:
                count += await _emit(database, batch, since=since)
                batch = []
        count += await _emit(database, batch, since=since)
    return count


async def _emit(database: Database, batch: Sequence[Event], *, since: int) -> int:
    async with database.begin(SYSTEM) as tx:
        emitted = await outbox.emitted_since(tx, since)
        return len(await outbox.add(tx, [fact for fact in batch if (fact.TOPIC, fact.key) not in emitted]))


async def rebuild(running: Running) -> RebuildReport:
    """Rebuild the read model from the topics into a shadow schema, compare, then swap what differs, while everything keeps running.

    Only projections run: no handler, no announcement, no offset is touched. The living consumer waits only for the comparison.
    """
    spec, consumer = running.spec, {"consumer": running.inbox.consumer}
    if not spec.tables or not spec.projections or running.subscription is None:
        raise NothingToReplay(f"{spec.name} has no read model that could be rebuilt.")
    started = time.monotonic()
    async with (
        running.database.begin(SYSTEM) as alone,
        _consumer(running.subscription.settings, group=running.inbox.consumer, topics=spec.topics) as reader,
    ):
        if not await alone.connection.scalar(_ALONE, consumer):
            raise RebuildRunning("This read model is being rebuilt already.", remedy="Wait until that has finished.")
        async with running.database.begin(SYSTEM) as tx:
            for table in spec.tables:
                await _sql(tx, f"TRUNCATE {_SHADOW}.{table}")
        count, positions = await _project(running.database, spec, reader, starts={}, schemas=(_SHADOW,))
        async with running.database.begin(SYSTEM) as tx:
            await tx.connection.execute(_NOBODY_APPLIES, consumer)
            # The living model is behind by what its group has not committed: the rest is read once, into both, so that they
            # are compared at the same place. Projecting something twice changes nothing.
            for partition in positions:
                positions[partition] = min(positions[partition], await reader.committed(partition) or 0)
            reports: list[TableReport] = []
            for pause in _SETTLE:
                await asyncio.sleep(pause)
                tail, positions = await _project(
                    running.database, spec, reader, starts=positions, schemas=(_SHADOW, _LIVE)
                )
                count += tail
                reports = [await _compare(tx, table) for table in spec.tables]
                if all(report.equal for report in reports):
                    break
            for report in reports:
                if not report.equal:
                    await _swap(tx, report.table)
            # What was applied straight from an answer and has not been published yet is gone with the swap: it is applied
            # again when it comes, because the inbox of the new generation does not know it.
            await tx.connection.execute(_NEXT_GENERATION, consumer)
    log.info("rebuild.done", facts=count, equal=all(report.equal for report in reports))
    return RebuildReport(count, round(time.monotonic() - started, 3), tuple(reports))


@asynccontextmanager
async def _consumer(settings: BrokerSettings, *, group: str, topics: Sequence[str]) -> AsyncIterator[AIOKafkaConsumer]:
    # In the group's name for its committed offsets alone: with assigned partitions it joins nothing and commits nothing.
    consumer = AIOKafkaConsumer(group_id=group, enable_auto_commit=False, fetch_max_wait_ms=50, **settings.client())
    await consumer.start()
    try:
        known = await consumer._client.fetch_all_metadata()  # noqa: SLF001 – an assigned consumer looks for no topics itself
        consumer.assign(
            [
                TopicPartition(topic, number)
                for topic in topics
                for number in sorted(known.partitions_for_topic(topic) or ())
            ]
        )
        yield consumer
    finally:
        await consumer.stop()


async def _project(
    database: Database,
    spec: Spec,
    reader: AIOKafkaConsumer,
    *,
    starts: Mapping[TopicPartition, int],
    schemas: Sequence[str],
) -> tuple[int, Positions]:
    """Project all facts from ``starts`` up to the present ends into the tables of some schemas; how many, and where it stopped."""
    partitions = list(reader.assignment())
    ends = await reader.end_offsets(partitions)
    begins = await reader.beginning_offsets(partitions)
    positions = {partition: max(starts.get(partition, 0), begins[partition]) for partition in partitions}
    for partition, position in positions.items():
        reader.seek(partition, position)
    count = beyond = 0
    while beyond < _BEYOND:
        fetched = await reader.getmany(timeout_ms=100, max_records=_BATCH)
        found = [fact for records in fetched.values() for record in records if (fact := _fact(record)) is not None]
        for schema in schemas if found else ():
            async with database.begin(SYSTEM) as tx:
                await _sql(tx, f"SET LOCAL search_path = {schema}, public")
                await project_latest(spec.projections, found, tx)
        count += len(found)
        for partition in partitions:
            # Not the last record's offset: compaction leaves gaps, also at the end.
            positions[partition] = await reader.position(partition)
        if all(positions[partition] >= ends[partition] for partition in partitions):
            beyond = beyond + 1 if fetched else _BEYOND
    return count, positions


def _fact(record: Any) -> Event | None:
    wire = (dict(record.headers).get("ce_type") or b"").decode("utf-8", "replace")
    if record.value is None:
        return None
    try:
        fact = facts().decode(wire, record.value)
    except (UnknownType, Undecodable):
        return None
    assert isinstance(fact, Event)
    return fact


async def _compare(tx: Transaction, table: str) -> TableReport:
    live, live_sum = await _checksum(tx, f"{_LIVE}.{table}")
    rebuilt, rebuilt_sum = await _checksum(tx, f"{_SHADOW}.{table}")
    return TableReport(table, live, rebuilt, (live, live_sum) == (rebuilt, rebuilt_sum))


async def _swap(tx: Transaction, table: str) -> None:
    await _sql(tx, f"DELETE FROM {_LIVE}.{table}")
    await _sql(tx, f"INSERT INTO {_LIVE}.{table} SELECT * FROM {_SHADOW}.{table}")


async def _checksum(tx: Transaction, table: str) -> tuple[int, str]:
    """Rows, and the sum of the rows' 128-bit hashes: the order does not matter, and nothing has to fit into memory."""
    row = await tx.connection.execute(
        sa.text(
            "SELECT count(*), coalesce(sum(hashtextextended(r::text, 0)::numeric), 0) || '/' || "
            f"coalesce(sum(hashtextextended(r::text, 1)::numeric), 0) FROM {table} AS r"
        )
    )
    count, checksum = row.one()
    return int(count), str(checksum)


async def _sql(tx: Transaction, statement: str) -> None:
    await tx.connection.execute(sa.text(statement))
