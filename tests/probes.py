"""Looking at the system from outside: waiting for what must become true, reading topics independently."""

import asyncio
import inspect
import os
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar, overload

import sqlalchemy as sa
from kafka import KafkaConsumer, TopicPartition

from chassis.database import Database
from contracts.base import SYSTEM

Seen = TypeVar("Seen")

# `make test-containers`: Apache Kafka and PostgreSQL in containers instead of the embedded ones, in the deployed mode.
CONTAINERS = os.environ.get("VICEVERSA_TEST_INFRASTRUCTURE") == "containers"
# A real broker elects, remembers and waits: its own times are seconds where the embedded one's are milliseconds.
_PATIENCE = 4.0 if CONTAINERS else 1.0


@overload
async def eventually(
    check: Callable[[], Awaitable[Seen | None]], *, describe: str, within: float = ..., every: float = ...
) -> Seen: ...
@overload
async def eventually(
    check: Callable[[], Seen | None], *, describe: str, within: float = ..., every: float = ...
) -> Seen: ...
async def eventually(
    check: Callable[[], object], *, describe: str, within: float = 10.0, every: float = 0.02
) -> object:
    """Call `check` until it returns something truthy, and return that; a check that raises counts as not yet.

    After `within` seconds: AssertionError with `describe` (what should be true) and what was seen last.
    """
    within *= _PATIENCE
    deadline = time.monotonic() + within
    tries = 0
    while True:
        tries += 1
        raised: Exception | None = None
        last: object = None
        try:
            found = check()
            seen = await found if inspect.isawaitable(found) else found
            if seen:
                return seen
            last = seen
        except (Exception, AssertionError) as error:
            raised = error
        if time.monotonic() > deadline:
            saw = f"last value: {last!r}" if raised is None else f"last error: {raised!r}"
            raise AssertionError(f"not within {within:g} s: {describe} ({tries} tries, {saw})") from raised
        await asyncio.sleep(every)


@dataclass(frozen=True)
class Record:
    """One message as it lies on the topic; nothing decoded. `value` is None for a tombstone."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: dict[str, bytes]
    timestamp_ms: int


class Topics:
    """What is on the topics, read with another client than the platform's, in no consumer group."""

    def __init__(self, bootstrap: str) -> None:
        self.bootstrap = bootstrap

    async def names(self) -> set[str]:
        """Every topic that exists."""
        return await asyncio.to_thread(self._names)

    async def read(self, topic: str) -> list[Record]:
        """Every record from the beginning until the end of this moment or a little later; ordered by offset within a partition.

        An absent topic has none.
        """
        return await asyncio.to_thread(self._read, topic)

    def _names(self) -> set[str]:
        consumer = self._consumer()
        try:
            return set(consumer.topics())
        finally:
            consumer.close()

    def _read(self, topic: str) -> list[Record]:
        consumer = self._consumer()
        try:
            partitions = [TopicPartition(topic, p) for p in sorted(consumer.partitions_for_topic(topic) or ())]
            if not partitions:
                return []
            consumer.assign(partitions)
            consumer.seek_to_beginning(*partitions)
            ends = consumer.end_offsets(partitions)
            records: list[Record] = []
            beyond = 0
            # The embedded broker counts the last batch as one record, however many are in it: read on until nothing comes.
            deadline = time.monotonic() + 20
            while any(consumer.position(p) < ends[p] for p in partitions) or beyond < 5:
                if time.monotonic() > deadline:
                    raise TimeoutError(f"{topic} ends at {ends}, and gave only {len(records)} records")
                polled = consumer.poll(timeout_ms=100)
                if all(consumer.position(p) >= ends[p] for p in partitions):
                    beyond = beyond + 1 if polled else 5
                for batch in polled.values():
                    records += [
                        Record(
                            topic=r.topic,
                            partition=r.partition,
                            offset=r.offset,
                            key=r.key,
                            value=r.value,
                            headers=dict(r.headers),
                            timestamp_ms=r.timestamp,
                        )
                        for r in batch
                    ]
            return sorted(records, key=lambda r: (r.partition, r.offset))
        finally:
            consumer.close()

    def _consumer(self) -> KafkaConsumer:
        return KafkaConsumer(
            bootstrap_servers=self.bootstrap,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            fetch_max_wait_ms=50,
        )


async def held_up(task: asyncio.Task[Any], database: Database) -> None:
    """Until the task waits for what somebody else holds (see ``chassis.holding``), or is done without."""
    held = sa.text("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")

    async def waits() -> bool:
        async with database.begin(SYSTEM) as tx:
            return task.done() or bool(await tx.connection.scalar(held))

    await eventually(waits, describe="it waits for what is held, or is done")
