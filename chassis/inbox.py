"""The inbox: each fact's effects happen once per consumer, a bad fact is put aside with its successors, everything else flows on.

A batch is one transaction: inbox rows, all effects, new outbox rows. If it fails, its messages run one by one. Failures have three
classes: *infrastructure* (database away: the batch is postponed, nothing is counted), *transient* (deadlock, serialization: a few
jittered retries), *permanent* (parked in PostgreSQL together with all later messages of its key, until redriven in order).
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from uuid import UUID, uuid5

import sqlalchemy as sa
import structlog
from msgspec import DecodeError
from msgspec.json import Decoder

from chassis import outbox, seen, telemetry
from chassis.broker import DEAD, Incoming, Outgoing, Publisher
from chassis.consuming import Postponed
from chassis.database import Database, Transaction
from chassis.failures import Breaker, HandlerFailed, is_away, is_transient
from chassis.parking import count_waiting, first_parked, note_redriven, note_still_failing, park
from chassis.projecting import Projection, project_latest
from chassis.seen import FOR_HANDLERS, Overtaken
from contracts.base import SYSTEM, Event, Recorded, Undecodable, facts

Handler = Callable[[Any, Transaction], Awaitable[list[Event]]]
AfterBatch = Callable[[Sequence[Event], Transaction], Awaitable[None]]

_TRIES = 4

_EXCLUSIVE = sa.text("SELECT pg_advisory_xact_lock(hashtext(:consumer))")
_STATE = sa.text(
    "SELECT coalesce((SELECT generation FROM consumer_generation WHERE consumer = :consumer), 0) AS generation, "
    "waiting.topics, waiting.keys FROM (SELECT array_agg(topic) AS topics, array_agg(key) AS keys FROM "
    "(SELECT DISTINCT topic, key FROM parked WHERE consumer = :consumer AND redriven_at IS NULL)) AS waiting"
)

_fact_id = Decoder(UUID)  # several times faster than UUID's own reading

log = structlog.get_logger(__name__)


class Received(NamedTuple):
    """A decoded record."""

    record: Incoming
    fact_id: UUID
    wire: str
    fact: Event
    traceparent: str


class Unreadable(NamedTuple):
    """A record that nobody can decode, and why."""

    record: Incoming
    reason: str


_ById = dict[int, Received]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a batch: facts recorded by handlers, and how many messages were new."""

    recorded: list[Recorded]
    fresh: int = 0


@dataclass(frozen=True, slots=True)
class _State:
    generation: int
    parked: frozenset[tuple[str, bytes | None]]


@dataclass
class Inbox:
    """Applies facts to one service, from the broker or (the gateway) straight from a command's answer."""

    consumer: str
    database: Database
    handlers: Mapping[type[Event], Sequence[Handler]]
    projections: Mapping[Projection, Sequence[type[Event]]]
    after_batch: AfterBatch | None = None
    publisher: Publisher | None = None
    breaker: Breaker = field(default_factory=Breaker)
    applied: int = 0
    skipped: int = 0
    parked: int = 0
    dead: int = 0
    last_fact_age: float = 0.0

    def __post_init__(self) -> None:
        self._handled = frozenset(kind for kind, functions in self.handlers.items() if functions)
        self._projected = frozenset(kind for kinds in self.projections.values() for kind in kinds)
        self._interested = self._handled | self._projected
        self._wires = {kind.WIRE.encode(): kind.WIRE for kind in self._interested}

    # ---- from the broker ------------------------------------------------------------------------------------------------

    async def take(self, records: Sequence[Incoming]) -> None:
        """Read and apply a batch of records."""
        await self.take_read([message for record in records if (message := self.read(record)) is not None])

    def read(self, record: Incoming) -> Received | Unreadable | None:
        """Decode a record; None when it is nothing for this consumer."""
        try:
            return self._decode(record)
        except Undecodable as error:
            return Unreadable(record, str(error))

    async def take_read(self, messages: Sequence[Received | Unreadable]) -> None:
        """Apply a batch of messages; returns when each was applied, parked or sent to the dead topic. Postponed otherwise."""
        if not self.breaker.allows_trial():
            raise Postponed(f"{self.breaker.in_a_row} messages in a row failed: the consumer stands still", seconds=1.0)
        received = [message for message in messages if isinstance(message, Received)]
        unreadable = [message for message in messages if isinstance(message, Unreadable)]
        if received:
            await self._take_all(received)
        if unreadable:
            await self._bury(unreadable)

    async def _take_all(self, received: Sequence[Received]) -> None:
        if not self.breaker.open:
            try:
                outcome = await self._apply_batch(received)
            except Exception as error:
                _raise_if_away(error)
                log.info("inbox.one_by_one", consumer=self.consumer, messages=len(received), error=str(error))
            else:
                self._note(received, outcome)
                return
        for each in received:
            await self._apply_or_park(each)

    # ---- straight from an answer -------------------------------------------------------------------------------------------

    async def apply(self, recorded: Sequence[Recorded]) -> list[Recorded]:
        """Apply facts that did not come through the broker; what the handlers recorded in turn. Those already known are dropped."""
        received = [
            Received(
                Incoming("", 0, 0, str(each.fact.key).encode(), None, (), 0),
                each.fact_id,
                each.fact.WIRE,
                each.fact,
                each.traceparent,
            )
            for each in recorded
            if type(each.fact) in self._interested
        ]
        return (await self._apply_retrying(received)).recorded if received else []

    # ---- redrive -------------------------------------------------------------------------------------------------------------

    async def redrive(self) -> tuple[int, int]:
        """Try the parked messages again, key by key in their order; a key stops at its first failure. (done, still waiting)."""
        async with self.database.begin(SYSTEM) as tx:
            keys = (await self._state(tx)).parked
        done = 0
        for topic, key in sorted(keys, key=repr):
            while await self._redrive_next(topic, key):
                done += 1
        async with self.database.begin(SYSTEM) as tx:
            waiting = await count_waiting(tx, consumer=self.consumer)
        self.breaker.succeeded(done)
        return done, waiting

    async def _redrive_next(self, topic: str, key: bytes | None) -> bool:
        """Whether the key's first parked message could be done."""
        async with self.database.begin(SYSTEM) as tx:
            # Exclusive against every consumer of this group: none may decide "parked" or "not parked" meanwhile.
            await tx.connection.execute(_EXCLUSIVE, {"consumer": self.consumer})
            parked = await first_parked(tx, consumer=self.consumer, topic=topic, key=key)
            if parked is None:
                return False
            try:
                received = self._decode(parked.record)
                if received is not None:
                    async with tx.connection.begin_nested():
                        await self._effects([received], tx, (await self._state(tx)).generation)
            except Exception as error:
                _raise_if_away(error)
                handler = error.handler if isinstance(error, HandlerFailed) else ""
                await note_still_failing(tx, parked.parked_id, handler=handler, reason=str(error))
                return False
            await note_redriven(tx, parked.parked_id)
            return True

    async def prune(self, *, days: int) -> bool:
        """Forget some of the facts first seen more than ``days`` ago (longer than topics, redrives and restores reach back);
        whether there are more."""
        async with self.database.begin(SYSTEM) as tx:
            return await seen.prune(tx, days=days)

    # ---- inside -------------------------------------------------------------------------------------------------------------

    def _decode(self, record: Incoming) -> Received | None:
        if record.value is None:
            self.skipped += 1
            return None  # a tombstone: the fact before it has said what to erase
        headers = dict(record.headers)
        ce_type = headers.get("ce_type") or b""
        wire = self._wires.get(ce_type)
        if wire is None:
            self._pass_over(ce_type.decode("utf-8", "replace"))
            return None
        try:
            fact_id = _fact_id.decode(b'"%b"' % (headers.get("ce_id") or b""))
        except (DecodeError, UnicodeDecodeError) as error:
            raise Undecodable("the record has no valid ce_id header") from error
        fact = facts().decode(wire, record.value)
        assert isinstance(fact, Event)
        traceparent = (headers.get("traceparent") or b"").decode("ascii", "replace")
        return Received(record, fact_id, wire, fact, traceparent)

    def _pass_over(self, wire: str) -> None:
        if not wire:
            raise Undecodable("the record has no ce_type header")
        self.skipped += 1
        if wire not in facts().classes:
            telemetry.SKIPPED.labels(self.consumer, "unknown_type").inc()

    async def _state(self, tx: Transaction) -> _State:
        row = (await tx.connection.execute(_STATE, {"consumer": self.consumer})).one()
        return _State(row.generation, frozenset(zip(row.topics or (), row.keys or (), strict=True)))

    async def _apply_batch(self, received: Sequence[Received]) -> Outcome:
        while True:  # it ends: each time at least one more of these facts is known
            try:
                return await self._apply_once(received)
            except Overtaken:
                continue

    async def _apply_once(self, received: Sequence[Received]) -> Outcome:
        async with self.database.begin(SYSTEM, sharing=self.consumer) as tx:
            state = await self._state(tx)
            runnable, behind = received, []
            if state.parked:
                runnable = [each for each in received if (each.record.topic, each.record.key) not in state.parked]
                behind = [each for each in received if (each.record.topic, each.record.key) in state.parked]
            fresh, recorded = await self._effects(runnable, tx, state.generation)
            # What was applied before its key was parked may come again after a rebalance: it waits for nothing.
            for each in await self._unknown(behind, tx, state.generation):
                await self._park(tx, each, handler="", reason="an earlier message of this key is parked")
        self.applied += fresh
        return Outcome(recorded, fresh)

    async def _unknown(self, received: Sequence[Received], tx: Transaction, generation: int) -> Sequence[Received]:
        """Those of these messages that have effects left here."""
        missing = set[UUID]()
        for kinds, of in ((self._projected, generation), (self._handled, FOR_HANDLERS)):
            ids = [each.fact_id for each in received if type(each.fact) in kinds]
            if ids:
                missing |= {*ids} - await seen.known(tx, ids, consumer=self.consumer, generation=of)
        return [each for each in received if each.fact_id in missing]

    async def _apply_retrying(self, received: Sequence[Received]) -> Outcome:
        for attempt in range(1, _TRIES):
            try:
                return await self._apply_batch(received)
            except Exception as error:
                if is_away(error) or not is_transient(error):
                    raise
                await asyncio.sleep(0.05 * 2**attempt * random.uniform(0.5, 1.5))
        return await self._apply_batch(received)

    async def _effects(
        self, received: Sequence[Received], tx: Transaction, generation: int
    ) -> tuple[int, list[Recorded]]:
        """Run what is new of these messages; how many were, and what the handlers recorded."""
        # Twice in one batch counts once. By number here and below: UUIDs are slow to hash and to compare.
        once = {each.fact_id.int: each for each in received}
        if generation == FOR_HANDLERS:
            projected = handled = fresh = await self._first_sight(once, tx, generation)
        else:
            projected = await self._first_sight(_of_kinds(self._projected, once), tx, generation)
            handled = await self._first_sight(_of_kinds(self._handled, once), tx, FOR_HANDLERS)
            fresh = projected | handled
        await project_latest(self.projections, [each.fact for each in projected.values()], tx)
        recorded: list[Recorded] = []
        if self._handled:
            for each in handled.values():
                recorded += await self._handle(each, tx)
        if self.after_batch and fresh:
            await self.after_batch([each.fact for number, each in once.items() if number in fresh], tx)
        return len(fresh), recorded

    async def _first_sight(self, found: _ById, tx: Transaction, generation: int) -> _ById:
        """Those of these messages whose facts were not known before; from now on they are. Overtaken when they became so meanwhile."""
        if not found:
            return found
        ids = [found[number].fact_id for number in sorted(found)]
        known = {each.int for each in await seen.see(tx, ids, consumer=self.consumer, generation=generation)}
        return {number: each for number, each in found.items() if number not in known} if known else found

    async def _handle(self, each: Received, tx: Transaction) -> list[Recorded]:
        recorded: list[Recorded] = []
        for handler in self.handlers.get(type(each.fact), ()):
            with telemetry.consuming(self.consumer, handler.__name__, each.wire, each.traceparent):
                try:
                    new = await handler(each.fact, tx)
                except Exception as error:
                    raise HandlerFailed(handler.__name__, error) from error
                recorded += await outbox.add(tx, new, parent=uuid5(each.fact_id, handler.__name__))
        return recorded

    async def _apply_or_park(self, each: Received) -> None:
        try:
            outcome = await self._apply_retrying([each])
        except Exception as error:
            _raise_if_away(error)
            if self.breaker.open:
                self.breaker.failed()
                raise Postponed(f"the trial failed again: {error}", seconds=1.0) from error
            handler = error.handler if isinstance(error, HandlerFailed) else ""
            try:
                async with self.database.begin(SYSTEM, sharing=self.consumer) as tx:
                    await self._park(tx, each, handler=handler, reason=str(error))
            except Exception as second:
                _raise_if_away(second)
                raise
            self.breaker.failed()
            log.error(
                "inbox.parked",
                consumer=self.consumer,
                handler=handler,
                wire=each.wire,
                fact_id=str(each.fact_id),
                error=str(error),
            )
            if self.breaker.open:
                raise Postponed(
                    f"{self.breaker.in_a_row} messages in a row failed: the consumer stands still", seconds=1.0
                ) from error
        else:
            self._note([each], outcome)

    async def _park(self, tx: Transaction, each: Received, *, handler: str, reason: str) -> None:
        parked = await park(
            tx,
            each.record,
            consumer=self.consumer,
            fact_id=each.fact_id,
            wire=each.wire,
            handler=handler,
            reason=reason,
        )
        self.parked += parked
        telemetry.PARKED.labels(self.consumer).inc(parked)

    async def _bury(self, unreadable: Sequence[Unreadable]) -> None:
        if self.publisher is None:
            raise RuntimeError("a consumer without a publisher cannot bury undecodable bytes")
        dead = [
            Outgoing(
                record.topic + DEAD,
                record.key,
                record.value,
                [
                    *record.headers,
                    ("viceversa-reason", reason[:500].encode()),
                    ("viceversa-origin", f"{record.topic}/{record.partition}/{record.offset}".encode()),
                    ("viceversa-consumer", self.consumer.encode()),
                ],
            )
            for record, reason in unreadable
        ]
        try:
            await self.publisher.publish(dead)
        except ConnectionError as error:
            raise Postponed(str(error), seconds=1.0) from error
        self.dead += len(dead)
        telemetry.DEAD.labels(self.consumer).inc(len(dead))
        log.error("inbox.undecodable", consumer=self.consumer, records=len(dead), reason=unreadable[0].reason)

    def _note(self, received: Sequence[Received], outcome: Outcome) -> None:
        self.breaker.succeeded(outcome.fresh)
        newest = received[-1].record.timestamp
        if newest:
            self.last_fact_age = max(0.0, time.time() - newest / 1000)
            telemetry.CONSUMER_AGE.labels(self.consumer).set(self.last_fact_age)
        telemetry.CONSUMED.labels(self.consumer).inc(outcome.fresh)


def _of_kinds(kinds: frozenset[type[Event]], found: _ById) -> _ById:
    return {number: each for number, each in found.items() if type(each.fact) in kinds}


def _raise_if_away(error: BaseException) -> None:
    if is_away(error):
        raise Postponed(f"the database is away: {error}", seconds=0.5) from error
