"""Kafka with our delivery policy, on the raw client: batches, offsets committed after effects, nothing lost by default.

Why no framework sits here, with figures: docs/decisions/0003-raw-kafka-client.md.
"""

from __future__ import annotations

import asyncio
import random
import ssl
import time
import zlib
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, NamedTuple, TypeVar

import structlog
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import (
    CommitFailedError,
    IllegalGenerationError,
    IllegalStateError,
    KafkaError,
    RebalanceInProgressError,
    UnknownMemberIdError,
)
from aiokafka.structs import OffsetAndMetadata

DEAD = ".dead"  # suffix of the topic that takes bytes which nobody can decode
_TOUCH = b"touch"
_LARGEST_BATCH = 512 * 1024
_LARGEST_REQUEST = 1024 * 1024
_BREATH = 256  # records read at a stretch, some milliseconds

Message = TypeVar("Message")

log = structlog.get_logger(__name__)


class BrokerAway(ConnectionError):
    """The broker cannot be reached or does not answer: wait and try again."""


class Outgoing(NamedTuple):
    """One record to publish. (A tuple, because one is made per record: a frozen dataclass takes four times as long.)"""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes | None]]


class Incoming(NamedTuple):
    """One record as it came. (The client's own record has the same attributes, and is taken as it is.)"""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes | None]]  # Kafka allows a header without a value
    timestamp: int  # milliseconds


@dataclass(frozen=True, slots=True)
class BrokerSettings:
    """How to reach the broker. Idempotence is off only for the embedded broker, which does not know it."""

    bootstrap: str
    security: Mapping[str, str] = field(default_factory=dict)
    idempotent: bool = True
    session_timeout_ms: int = 30_000
    heartbeat_ms: int = 3_000
    request_timeout_ms: int = 15_000

    def client(self) -> dict[str, Any]:
        """What every client is constructed with to reach the broker."""
        options: dict[str, Any] = {"bootstrap_servers": self.bootstrap, **self.security}
        authority = options.pop("ca_file", None)
        if options.get("security_protocol", "").endswith("SSL"):
            options["ssl_context"] = ssl.create_default_context(cafile=authority)
        return options


def broker_settings(
    *, bootstrap: str, embedded: bool, security: Mapping[str, str] | None = None, session_seconds: int = 30
) -> BrokerSettings:
    """Our policy for a real broker, or for the embedded one (which holds joins for half a session and knows no idempotence)."""
    if embedded:
        return BrokerSettings(
            bootstrap,
            security or {},
            idempotent=False,
            session_timeout_ms=2_000,
            heartbeat_ms=500,
            request_timeout_ms=5_000,
        )
    return BrokerSettings(
        bootstrap, security or {}, session_timeout_ms=session_seconds * 1000, heartbeat_ms=session_seconds * 100
    )


class Publisher:
    """An ordered, acknowledged producer that can be called while the broker is away: it raises BrokerAway and recovers by itself."""

    def __init__(self, settings: BrokerSettings, *, client_id: str) -> None:
        self._settings = settings
        self._client_id = client_id
        self._producer: AIOKafkaProducer | None = None
        self._lock = asyncio.Lock()
        self.reachable = False

    async def publish(self, records: Sequence[Outgoing]) -> None:
        """Publish all, in order per key, and return when every replica in sync has them; BrokerAway otherwise.

        A failed call may have published some: publish the same again, consumers drop what they know.
        """
        await self._attempt(records)

    async def _attempt(self, records: Sequence[Outgoing], *, everywhere: bool = False) -> None:
        try:
            producer = await self._started()
            async with asyncio.timeout(self._settings.request_timeout_ms / 1000 * 2):
                lanes = await self._by_partition(producer, records, everywhere=everywhere)
                async with asyncio.TaskGroup() as group:
                    for (topic, partition), lane in lanes.items():
                        group.create_task(_send_in_order(producer, topic, partition, lane))
            self.reachable = True
        except (KafkaError, OSError, TimeoutError, ExceptionGroup) as error:
            self.reachable = False
            await self._abandon()
            raise BrokerAway(f"publishing to {self._settings.bootstrap} failed: {_first(error)!r}") from error

    async def touch(self, topics: Sequence[str]) -> None:
        """A tombstone of a key that nobody has, onto every partition of these topics; BrokerAway when that did not work.

        Kafka compacts closed segments alone, and closes one when a record comes after its time: on a partition that nobody writes to,
        what was erased would stay for ever. Consumers pass tombstones over, and compaction takes these away, too.
        """
        await self._attempt([Outgoing(topic, _TOUCH, None, []) for topic in topics], everywhere=True)

    async def ping(self, *, within: float = 3.0) -> bool:
        """Whether the broker answers now, within some seconds."""
        try:
            async with asyncio.timeout(within):
                producer = await self._started()
                await producer.client.fetch_all_metadata()
        except (KafkaError, OSError, TimeoutError):
            self.reachable = False
        else:
            self.reachable = True
        return self.reachable

    async def close(self) -> None:
        """Let go of the connection; the next call makes a new one."""
        producer, self._producer = self._producer, None
        if producer is not None:
            await _stop(producer)

    async def _abandon(self) -> None:
        # Whoever publishes next sends everything again. A copy that this producer still held would come later than that, and
        # on a compacted topic an old fact would be the newest record of its key: so its sender must not live on.
        producer, self._producer = self._producer, None
        if producer is None:
            return
        sender = producer._sender.sender_task  # noqa: SLF001 – stop() would wait for the broker
        for _ in range(2):  # the first cancellation still waits for requests in flight
            if sender is not None and not sender.done():
                sender.cancel()
                await asyncio.wait({sender}, timeout=0.2)
        producer._message_accumulator.fail_all(BrokerAway("given up"))  # noqa: SLF001 – or stop() would wait for them
        await _stop(producer)

    async def _started(self) -> AIOKafkaProducer:
        async with self._lock:
            if self._producer is None:
                producer = AIOKafkaProducer(
                    client_id=self._client_id,
                    acks="all",
                    enable_idempotence=self._settings.idempotent,
                    request_timeout_ms=self._settings.request_timeout_ms,
                    max_batch_size=_LARGEST_BATCH,
                    max_request_size=_LARGEST_REQUEST,
                    retry_backoff_ms=100,
                    **self._settings.client(),
                )
                try:
                    async with asyncio.timeout(self._settings.request_timeout_ms / 1000):
                        await producer.start()
                except BaseException:
                    await _stop(producer)
                    raise
                self._producer = producer
            return self._producer

    async def _by_partition(
        self, producer: AIOKafkaProducer, records: Sequence[Outgoing], *, everywhere: bool
    ) -> dict[tuple[str, int], list[Outgoing]]:
        partitions = {
            topic: sorted(await producer.partitions_for(topic)) for topic in {record.topic for record in records}
        }
        if everywhere:
            return {(record.topic, number): [record] for record in records for number in partitions[record.topic]}
        # As librdkafka's `consistent` partitioner does. The client's own default is computed in Python, for 20 µs a key.
        lanes: dict[tuple[str, int], list[Outgoing]] = defaultdict(list)
        for record in records:
            known = partitions[record.topic]
            lanes[record.topic, known[zlib.crc32(record.key or b"") % len(known)]].append(record)
        return lanes


async def _send_in_order(producer: AIOKafkaProducer, topic: str, partition: int, lane: Sequence[Outgoing]) -> None:
    # One batch after the other: if the first failed and the second went through, the order of a key would be lost.
    waiting = list(lane)
    sent = 0
    while sent < len(waiting):
        batch = producer.create_batch()
        while sent < len(waiting):
            record = waiting[sent]
            if batch.append(timestamp=None, key=record.key, value=record.value, headers=record.headers) is None:
                break
            sent += 1
        delivered = await producer.send_batch(batch, topic, partition=partition)
        await delivered


async def _stop(client: AIOKafkaProducer | AIOKafkaConsumer) -> None:
    # In a task of its own: the client lets the cancellation of its inner tasks through to whoever stops it, and would end us.
    stopping = asyncio.ensure_future(client.stop())
    await asyncio.wait({stopping}, timeout=3)
    if not stopping.done() or stopping.cancelled() or stopping.exception() is not None:
        stopping.cancel()
        connections = client._client if isinstance(client, AIOKafkaConsumer) else client.client  # noqa: SLF001
        closing = asyncio.ensure_future(connections.close())
        await asyncio.wait({stopping, closing}, timeout=1)
        log.debug("broker.stop_forced", client=type(client).__name__)


def _first(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


class Postponed(Exception):
    """Raised by a batch's function: nothing of it was done; give the same batch again after ``seconds``."""

    def __init__(self, reason: str, *, seconds: float) -> None:
        super().__init__(reason)
        self.seconds = seconds


@dataclass(frozen=True, slots=True)
class _Batch(Generic[Message]):
    """What was fetched at once, and between which offsets of each partition it lay."""

    first: Mapping[TopicPartition, int]
    next: Mapping[TopicPartition, int]
    messages: Sequence[Message]
    member: tuple[str, int] = ("", 0)  # who we were in the group when this was fetched


@dataclass
class Subscription(Generic[Message]):
    """A consumer group's member: fetches batches, hands them to ``take``, and commits their offsets once ``take`` returns.

    While ``take`` works on one batch (and waits for the database), the next is fetched and ``read``: that turns a record into
    what ``take`` understands, or None when it is of no interest.
    """

    settings: BrokerSettings
    group: str
    topics: tuple[str, ...]
    read: Callable[[Incoming], Message | None]
    take: Callable[[Sequence[Message]], Awaitable[None]]
    most: int = 2_000
    # Seconds to wait for more once something came: a transaction costs the same for one fact as for fifty.
    linger: float = 0.0
    joined: bool = False
    assignments: int = 0  # how often the group has given us partitions
    postponed: int = 0  # how often the batch in hand has been put off
    busy_since: float | None = None  # monotonic; None while waiting for records
    heartbeat: float = field(default_factory=time.monotonic)
    _stopping: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> None:
        """Consume until ``stop``; an absent broker, a lost group or a postponed batch is survived."""
        pause = 0.1
        while not self._stopping.is_set():
            self.heartbeat = time.monotonic()
            consumer = self._consumer()
            try:
                await consumer.start()
                consumer.subscribe(topics=self.topics, listener=_Listener(self))
                pause = 0.1
                await self._consume(consumer)
            except (KafkaError, OSError, TimeoutError) as error:
                log.warning("consumer.broker_away", group=self.group, error=repr(error), retry_in_s=round(pause, 2))
            except Exception:
                log.exception("consumer.failed", group=self.group, retry_in_s=round(pause, 2))
            finally:
                self.joined = False
                await _stop(consumer)
            await self._wait(pause * random.uniform(0.8, 1.2))
            pause = min(pause * 2, 3.0)

    def stop(self) -> None:
        """Finish the batch in hand, commit, leave the group and return from ``run``."""
        self._stopping.set()

    def stuck_for(self) -> float:
        """Seconds since it last moved, while working on a batch or waiting for one."""
        return time.monotonic() - (self.busy_since or self.heartbeat)

    def _consumer(self) -> AIOKafkaConsumer:
        return AIOKafkaConsumer(
            group_id=self.group,
            client_id=self.group,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            session_timeout_ms=self.settings.session_timeout_ms,
            heartbeat_interval_ms=self.settings.heartbeat_ms,
            request_timeout_ms=self.settings.request_timeout_ms + self.settings.session_timeout_ms,
            max_poll_interval_ms=300_000,
            metadata_max_age_ms=30_000,
            fetch_max_wait_ms=250,
            **self.settings.client(),
        )

    async def _fetch(self, consumer: AIOKafkaConsumer) -> _Batch[Message]:
        fetched: dict[TopicPartition, list[Any]] = await consumer.getmany(timeout_ms=250, max_records=self.most)
        member = self._member(consumer)
        room = self.most - sum(map(len, fetched.values()))
        if fetched and self.linger and room > 0:
            await self._wait(self.linger)
            for partition, records in (await consumer.getmany(timeout_ms=0, max_records=room)).items():
                fetched.setdefault(partition, []).extend(records)
        messages = []
        for number, record in enumerate(each for records in fetched.values() for each in records):
            message = self.read(record)
            if message is not None:
                messages.append(message)
            if number % _BREATH == 0:
                await asyncio.sleep(0)  # others have their turn
        first = {partition: records[0].offset for partition, records in fetched.items()}
        ends = {partition: records[-1].offset + 1 for partition, records in fetched.items()}
        return _Batch(first, ends, messages, member)

    async def _consume(self, consumer: AIOKafkaConsumer) -> None:
        ahead: asyncio.Task[_Batch[Message]] | None = None
        try:
            while not self._stopping.is_set():
                batch = await (ahead or self._fetch(consumer))
                ahead = None
                self.heartbeat = time.monotonic()
                if not batch.first:
                    continue
                self.joined = True
                ahead = asyncio.create_task(self._fetch(consumer))
                if await self._taken(batch):
                    await self._commit(consumer, batch)
                else:
                    # Not cancelled: what it has fetched would be neither here nor there. Both are fetched again, in order.
                    for fetched in (await ahead, batch):
                        if self._is_still_member(consumer, fetched):
                            _rewind(consumer, fetched.first)
                    ahead = None
        finally:
            if ahead is not None:
                ahead.cancel()
                await asyncio.wait({ahead})

    async def _taken(self, batch: _Batch[Message]) -> bool:
        self.busy_since = time.monotonic()
        try:
            await self.take(batch.messages)
        except Postponed as later:
            self.postponed += 1
            log.warning("consumer.postponed", group=self.group, reason=str(later), times=self.postponed)
            self.busy_since = None
            await self._wait(later.seconds * random.uniform(0.8, 1.2))
            return False
        finally:
            self.busy_since = None
        self.postponed = 0
        return True

    async def _commit(self, consumer: AIOKafkaConsumer, batch: _Batch[Message]) -> None:
        """Tell the group how far we are, as the member that we were when the batch was fetched, and as nobody else.

        The client's own commit goes on trying after the group has forgotten us, and then without a name: a broker that lost its memory
        takes that, and takes our old offsets for some of its own, whose facts nobody would ever read.
        """
        offsets = {partition: OffsetAndMetadata(offset, "") for partition, offset in batch.next.items()}
        coordinator = consumer._coordinator  # noqa: SLF001
        while self._is_still_member(consumer, batch):
            try:
                await coordinator.ensure_coordinator_known()
                if self._is_still_member(consumer, batch):
                    await coordinator._do_commit_offsets(None, offsets)  # noqa: SLF001
                    return
            except (CommitFailedError, IllegalGenerationError, RebalanceInProgressError, UnknownMemberIdError) as error:
                # The partitions moved while we worked: whoever has them now sees the batch again and drops what it knows.
                log.info("consumer.commit_superseded", group=self.group, error=str(error))
                return
            except KafkaError as error:
                if not error.retriable:
                    raise
                if self._stopping.is_set():
                    return
                await self._wait(0.1)
        log.info("consumer.commit_outdated", group=self.group)

    def _is_still_member(self, consumer: AIOKafkaConsumer, batch: _Batch[Message]) -> bool:
        return batch.member[0] != "" and batch.member == self._member(consumer)

    def _member(self, consumer: AIOKafkaConsumer) -> tuple[str, int]:
        """Who we are in the group: our name there, and the how-manieth time it gave us partitions."""
        return consumer._coordinator.member_id, self.assignments  # noqa: SLF001

    async def _wait(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._stopping.wait(), seconds)
        except TimeoutError:
            return


class _Listener(ConsumerRebalanceListener):  # type: ignore[misc]
    def __init__(self, subscription: Subscription[Any]) -> None:
        self._subscription = subscription

    async def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:
        self._subscription.joined = False

    async def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        self._subscription.joined = True
        self._subscription.assignments += 1
        log.info("consumer.assigned", group=self._subscription.group, partitions=len(assigned))


def _rewind(consumer: AIOKafkaConsumer, offsets: Mapping[TopicPartition, int]) -> None:
    for partition, offset in offsets.items():
        try:
            consumer.seek(partition, offset)
        except IllegalStateError:
            log.info("consumer.partition_moved", topic=partition.topic, partition=partition.partition)
