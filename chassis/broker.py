"""Kafka with our delivery policy, on the raw client: batches, offsets committed after effects, nothing lost by default.

Why no framework sits here, with figures: docs/decisions/0003-raw-kafka-client.md.
"""

from __future__ import annotations

import asyncio
import ssl
import zlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, NamedTuple

import structlog
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.errors import KafkaError, NodeNotReadyError

DEAD = ".dead"  # suffix of the topic that takes bytes which nobody can decode
_TOUCH = b"touch"
_LARGEST_BATCH = 512 * 1024
_LARGEST_REQUEST = 1024 * 1024

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

    @property
    def group_timeout_ms(self) -> int:
        """How long a group's coordinator may take: it answers whoever joins when the others have joined or are given up."""
        return self.session_timeout_ms + self.request_timeout_ms

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
        self._spent = False  # the producer was cut: it sends nothing any more
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
            await self.abandon()
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
        producer, self._producer, self._spent = self._producer, None, False
        if producer is not None:
            await stop_client(producer)

    def cut(self) -> None:
        """At once: nothing that is on its way arrives any more, unless it has left this process. ``abandon`` or the next call tidy up."""
        if self._producer is not None:
            self._spent = True
            self._producer.client.send = _nothing_more
            for connection in tuple(self._producer.client._conns.values()):  # noqa: SLF001 – close() waits
                connection.close()

    async def abandon(self) -> None:
        """Drop what is on its way and has not arrived; the next call begins anew. Whoever waits for it gets BrokerAway."""
        # Whoever publishes next sends everything again. A copy that this producer still held would come later than that, and
        # on a compacted topic an old fact would be the newest record of its key: so its sender must not live on.
        self.cut()
        producer, self._producer, self._spent = self._producer, None, False
        if producer is None:
            return
        sender, waiting = producer._sender.sender_task, producer._message_accumulator  # noqa: SLF001 – stop() waits for the broker
        for _ in range(2):  # the first cancellation still waits for requests in flight
            if sender is not None and not sender.done():
                sender.cancel()
                await asyncio.wait({sender}, timeout=0.2)
        for batch in (*chain.from_iterable(waiting._batches.values()), *waiting._pending_batches):  # noqa: SLF001
            for each in (batch.future, batch._drain_waiter):  # noqa: SLF001
                each.add_done_callback(_seen)
        waiting.fail_all(BrokerAway("given up"))  # or stop() would wait for them
        await stop_client(producer)

    async def _started(self) -> AIOKafkaProducer:
        async with self._lock:
            if self._spent:
                await self.abandon()  # nothing was on its way when it was cut, and so nobody did
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
                    await stop_client(producer)
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


async def _nothing_more(*_arguments: object, **_named: object) -> None:
    raise NodeNotReadyError("this producer was given up")


def _seen(delivered: asyncio.Future[object]) -> None:
    # Whoever waited for it may have been cancelled.
    if not delivered.cancelled():
        delivered.exception()


async def stop_client(client: AIOKafkaProducer | AIOKafkaConsumer) -> None:
    """Stop a client of the broker within seconds, whether the broker answers or not."""
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
