"""A consumer group's member: batches of records, their offsets committed after their effects."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import (
    CommitFailedError,
    IllegalGenerationError,
    IllegalStateError,
    KafkaError,
    RebalanceInProgressError,
    UnknownMemberIdError,
)
from aiokafka.structs import OffsetAndMetadata

from chassis.broker import BrokerSettings, Incoming, stop_client

_BREATH = 256  # records read at a stretch, some milliseconds

Message = TypeVar("Message")

log = structlog.get_logger(__name__)


class Stalled(ConnectionError):
    """The broker has records for us, or waits for our word, and the client does not bring them."""


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

    def meets(self, other: _Batch[Message]) -> bool:
        """Whether both hold records of one partition: then one has to wait for the other."""
        return not self.first.keys().isdisjoint(other.first)


_Positions = dict[TopicPartition, int]
_AtWork = dict[asyncio.Task[bool], _Batch[Message]]


@dataclass
class Subscription(Generic[Message]):
    """A consumer group's member: fetches batches, hands them to ``take``, and commits their offsets once ``take`` returns.

    While ``take`` works on one batch (and waits for the database), the next is fetched and ``read``: that turns a record into
    what ``take`` understands, or None when it is of no interest. With several ``lanes``, as many batches are at work at once, but
    never two with records of the same partition: a key's facts are taken one after the other.
    """

    settings: BrokerSettings
    group: str
    topics: tuple[str, ...]
    read: Callable[[Incoming], Message | None]
    take: Callable[[Sequence[Message]], Awaitable[None]]
    most: int = 2_000
    lanes: int = 1
    # Seconds to wait for more once something came: a transaction costs the same for one fact as for fifty.
    linger: float = 0.0
    # Seconds without a record after which the broker is asked whether there are any.
    patience: float = 5.0
    joined: bool = False
    assignments: int = 0  # how often the group has given us partitions
    postponed: int = 0  # how often a batch has been put off since one went through
    heartbeat: float = field(default_factory=time.monotonic)
    _busy: list[float] = field(default_factory=list)  # since when each batch is at work
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
                await stop_client(consumer)
            await self._wait(pause * random.uniform(0.8, 1.2))
            pause = min(pause * 2, 3.0)

    def stop(self) -> None:
        """Finish the batches in hand, commit, leave the group and return from ``run``."""
        self._stopping.set()

    @property
    def busy_since(self) -> float | None:
        """When the oldest batch at work was begun (monotonic); None while waiting for records."""
        return min(self._busy, default=None)

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
            request_timeout_ms=self.settings.group_timeout_ms,
            max_poll_interval_ms=300_000,
            metadata_max_age_ms=30_000,
            fetch_max_wait_ms=250,
            **self.settings.client(),
        )

    async def _consume(self, consumer: AIOKafkaConsumer) -> None:
        at_work: _AtWork[Message] = {}
        quiet_since, waiting = time.monotonic(), _Positions()
        try:
            while not self._stopping.is_set():
                batch = await self._fetch(consumer, at_work.values())
                self.heartbeat = time.monotonic()
                self.joined = self.joined or bool(batch.first)
                if batch.first or at_work:
                    quiet_since, waiting = self.heartbeat, _Positions()
                elif self.heartbeat - quiet_since > self.patience:
                    quiet_since, waiting = self.heartbeat, await self._still_coming(consumer, before=waiting)
                postponed = await self._wait_for_turn(batch, at_work)
                if postponed:
                    # What was read after them goes back with them, and first: so all is fetched again in its order.
                    for each in (batch, *postponed):
                        if self._is_still_member(consumer, each):
                            _rewind(consumer, each.first)
                elif batch.first and not self._stopping.is_set():
                    at_work[asyncio.create_task(self._work(consumer, batch))] = batch
            while at_work:
                await _finished(at_work)
        finally:
            for task in at_work:
                task.cancel()
            await asyncio.gather(*at_work, return_exceptions=True)

    async def _fetch(self, consumer: AIOKafkaConsumer, at_work: Collection[_Batch[Message]]) -> _Batch[Message]:
        # From partitions that nobody works on, if something is there: it need not wait for its turn.
        free = consumer.assignment().difference(*(batch.first for batch in at_work))
        fetched: dict[TopicPartition, list[Any]] = await consumer.getmany(*free, max_records=self.most)
        if not fetched:
            free = set()  # that is, all
            fetched = await consumer.getmany(timeout_ms=250, max_records=self.most)
        member = self._member(consumer)
        room = self.most - sum(map(len, fetched.values()))
        if fetched and self.linger and room > 0:
            await self._wait(self.linger)
            for partition, records in (await consumer.getmany(*free, max_records=room)).items():
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

    async def _still_coming(self, consumer: AIOKafkaConsumer, *, before: _Positions) -> _Positions:
        """Our positions where the broker's end is another. Raises ``Stalled`` for one that was there ``before``, nothing having come since.

        A broker that dies while a member joins can leave the client waiting for ever, in silence: the process is well, its group knows
        nothing of it, and facts lie there until somebody starts it again.
        """
        try:
            ends = await asyncio.wait_for(
                consumer.end_offsets(consumer.assignment()), self.settings.session_timeout_ms / 1000
            )
        except KafkaError:
            return _Positions()  # the broker is away: there is nothing to be had
        waiting = _Positions()
        for partition, end in ends.items():
            try:
                position = await asyncio.wait_for(consumer.position(partition), 0.5)
            except (IllegalStateError, TimeoutError):
                position = -1  # it does not even know where to begin
            if position != end:  # a broker that forgot everything has less
                waiting[partition] = position
        stalled = waiting.items() & before.items()
        if stalled:
            raise Stalled(f"nothing comes from {len(stalled)} partitions, where the broker has records")
        return waiting

    async def _wait_for_turn(self, batch: _Batch[Message], at_work: _AtWork[Message]) -> list[_Batch[Message]]:
        """Until a lane is free, and nobody works on the batch's partitions; those that had to be postponed meanwhile."""
        postponed = await _finished(at_work, wait=False)
        while not postponed and batch.first and (len(at_work) >= self.lanes or any(map(batch.meets, at_work.values()))):
            postponed = await _finished(at_work)
        return postponed

    async def _work(self, consumer: AIOKafkaConsumer, batch: _Batch[Message]) -> bool:
        """Whether the batch was taken; False when it has to be given again."""
        since = time.monotonic()
        self._busy.append(since)
        try:
            await self.take(batch.messages)
        except Postponed as later:
            self.postponed += 1
            log.warning("consumer.postponed", group=self.group, reason=str(later), times=self.postponed)
            put_off = later.seconds
        else:
            self.postponed = 0
            put_off = 0.0
        finally:
            self._busy.remove(since)
            self.heartbeat = time.monotonic()
        if put_off:
            await self._wait(put_off * random.uniform(0.8, 1.2))
            return False
        await self._commit(consumer, batch)
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
                async with asyncio.timeout(self.settings.group_timeout_ms / 1000):
                    await coordinator.ensure_coordinator_known()
                    if self._is_still_member(consumer, batch):
                        await coordinator._do_commit_offsets(None, offsets)  # noqa: SLF001
                        return
            except TimeoutError as error:
                # What looks for brokers in the client may have ended with a connection, and then nobody finds one any more.
                raise Stalled("the client does not find its group's coordinator") from error
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


async def _finished(at_work: _AtWork[Message], *, wait: bool = True) -> list[_Batch[Message]]:
    """Take out what is finished (waiting for one at least); the postponed of them. Raises what one of them failed of."""
    if wait:
        await asyncio.wait(at_work, return_when=asyncio.FIRST_COMPLETED)
    postponed = []
    for task in [task for task in at_work if task.done()]:
        batch = at_work.pop(task)
        if not task.result():
            postponed.append(batch)
    return postponed


def _rewind(consumer: AIOKafkaConsumer, offsets: Mapping[TopicPartition, int]) -> None:
    for partition, offset in offsets.items():
        try:
            consumer.seek(partition, offset)
        except IllegalStateError:
            log.info("consumer.partition_moved", topic=partition.topic, partition=partition.partition)
