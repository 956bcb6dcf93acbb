"""A service at work, and one message as the endpoint, the consumer and the timer carry it out."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import sqlalchemy as sa

from chassis import outbox
from chassis.broker import Publisher
from chassis.clock import Clock
from chassis.consuming import Subscription
from chassis.database import Database, Transaction
from chassis.inbox import AfterBatch, Handler, Inbox, Received, Unreadable
from chassis.outbox import Relay
from chassis.projecting import Projection
from chassis.settings import Setting, Settings
from chassis.wire import decode_recorded, encode_recorded
from contracts.base import NEVER, SYSTEM, Actor, Command, Event, Query, Recorded, encode
from contracts.errors import Conflict, NotFound

_INBOX_DAYS = 60  # longer than topics, redrives and backups reach back; commands may be repeated as long
_OUTBOX_DAYS = 14  # how far back the broker's loss can be made good from the outbox

_LOG = sa.text(
    "INSERT INTO command_log (command_id, wire, digest) VALUES (:id, :wire, :digest) ON CONFLICT DO NOTHING RETURNING command_id"
)
_LOGGED = sa.text("SELECT wire, digest, facts FROM command_log WHERE command_id = :id")
_ANSWER = sa.text("UPDATE command_log SET facts = :facts WHERE command_id = :id")
_PRUNE_LOG = sa.text(
    "DELETE FROM command_log WHERE ctid IN (SELECT ctid FROM command_log "
    "WHERE recorded_at < clock_timestamp() - make_interval(days => :days) LIMIT :most FOR UPDATE SKIP LOCKED)"
)
_ONE_REPLICA = sa.text("SELECT pg_try_advisory_xact_lock(hashtext(:name))")

CommandFunction = Callable[[Any, Transaction], Awaitable[list[Event]]]
QueryFunction = Callable[[Any, Transaction], Awaitable[object]]
Catalog = Callable[[Transaction], AsyncIterator[Event]]


class UnknownMessage(NotFound):
    """The service has no such command or query."""


class CommandIdReused(Conflict):
    """A command id came again with another content or from another actor."""


@dataclass(frozen=True, slots=True)
class Afterwards:
    """What a private read returns when something slow is left to do: it is done once the transaction has ended."""

    finish: Callable[[], Awaitable[object]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """The message of timed work: what time it is."""

    now: datetime


@dataclass(frozen=True, slots=True)
class Timed:
    """Work to be done again and again, by one replica at a time, in a transaction of its own. ``every`` is in real seconds."""

    name: str
    every: float
    run: Callable[[Tick, Transaction], Awaitable[list[Event]]]


@dataclass(frozen=True, slots=True)
class Spec:
    """What a service is made of: its literal tables."""

    name: str
    commands: Mapping[type[Command], CommandFunction]
    queries: Mapping[type[Query], QueryFunction]
    handlers: Mapping[type[Event], Sequence[Handler]]
    projections: Mapping[Projection, Sequence[type[Event]]]
    timed: Sequence[Timed]
    workers: Mapping[str, Callable[[Running], Awaitable[None]]]
    settings: Sequence[Setting]
    after_batch: AfterBatch | None
    catalog: Catalog | None
    tables: Sequence[str]
    versions: Path | None = None
    linger: float = 0.02
    lanes: int = 1

    @property
    def consumes(self) -> frozenset[type[Event]]:
        """Every fact type that a handler or projection takes."""
        return frozenset(self.handlers) | frozenset(kind for kinds in self.projections.values() for kind in kinds)

    @property
    def topics(self) -> tuple[str, ...]:
        """The topics to subscribe to."""
        return tuple(sorted({fact.TOPIC for fact in self.consumes}))

    @property
    def consumer(self) -> str:
        """The consumer group's name, and the inbox's."""
        return f"viceversa-{self.name}"


@dataclass
class Running:
    """A service at work. Workers and routes get it; ``settings`` are the service's own."""

    spec: Spec
    environment: Settings
    database: Database
    publisher: Publisher
    inbox: Inbox
    relay: Relay
    subscription: Subscription[Received | Unreadable] | None
    stopping: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def settings(self) -> Mapping[str, str]:
        """The service's own settings."""
        return self.environment.own

    @property
    def clock(self) -> Clock:
        """The platform's clock."""
        return self.database.clock

    def now(self) -> datetime:
        """The present moment on the platform's clock."""
        return self.clock.now()

    def begin(self, actor: Actor = SYSTEM) -> AbstractAsyncContextManager[Transaction]:
        """One transaction: committed at the end of the block, rolled back by any exception."""
        return self.database.begin(actor)

    async def record(self, tx: Transaction, facts: Sequence[Event]) -> list[Recorded]:
        """Write facts into the outbox of this transaction."""
        return await outbox.add(tx, facts)

    async def apply(self, recorded: Sequence[Recorded]) -> list[Recorded]:
        """Apply facts that a command was answered with, at once; the broker's copy will then be dropped as known."""
        return await self.inbox.apply(recorded)


async def execute(spec: Spec, database: Database, command: Command, *, actor: Actor) -> list[Recorded]:
    """Carry out one command: one transaction with the command's log, the function's effects and the facts in the outbox.

    The same command id again is answered with the same facts; with another content, or from another actor, it is refused.
    """
    function = spec.commands.get(type(command))
    if function is None:
        raise UnknownMessage(f"{spec.name} has no command {type(command).WIRE or type(command).__name__}.")
    # By the token's words: whoever erased themselves and asks again is nobody's person any more, and still the same subject.
    asking = actor.organization_id, actor.subject or actor.person_id
    asked = encode(replace(command, actor=Actor(), issued_at=NEVER).asked())
    digest = hashlib.sha256(asked + repr(asking).encode()).digest()
    async with database.begin(actor) as tx:
        known = {"id": command.command_id, "wire": command.WIRE, "digest": digest}
        if (await tx.connection.execute(_LOG, known)).first() is None:
            logged = (await tx.connection.execute(_LOGGED, known)).one()
            if logged.wire != command.WIRE or bytes(logged.digest) != digest:
                raise CommandIdReused(
                    "This command id was already used for something else.",
                    remedy="Make a new command id for each new command.",
                )
            return list(decode_recorded(bytes(logged.facts)))
        facts = await function(replace(command, actor=actor, issued_at=tx.now), tx)
        recorded = await outbox.add(tx, facts, parent=command.command_id)
        await tx.connection.execute(_ANSWER, {"id": command.command_id, "facts": encode_recorded(recorded)})
    return recorded


async def ask(spec: Spec, database: Database, query: Query, *, actor: Actor) -> object:
    """Answer one private read in the actor's scope."""
    function = spec.queries.get(type(query))
    if function is None:
        raise UnknownMessage(f"{spec.name} has no query {type(query).WIRE or type(query).__name__}.")
    async with database.begin(actor) as tx:
        answer = await function(replace(query, actor=actor, asked_at=tx.now), tx)
    return await answer.finish() if isinstance(answer, Afterwards) else answer


async def react(spec: Spec, database: Database, facts: Sequence[Event | Recorded]) -> list[Recorded]:
    """Feed facts through inbox, projections and handlers as the consumer would; what they recorded."""
    inbox = Inbox(spec.consumer, database, spec.handlers, spec.projections, spec.after_batch)
    return await inbox.apply(
        [fact if isinstance(fact, Recorded) else Recorded(fact_id=uuid4(), source="test", fact=fact) for fact in facts]
    )


async def tick(spec: Spec, database: Database, name: str, *, now: datetime | None = None) -> list[Recorded]:
    """Do one piece of timed work once; what it recorded. Nothing when another replica is at it."""
    timed = next(each for each in spec.timed if each.name == name)
    async with database.begin(SYSTEM) as tx:
        if not await tx.connection.scalar(_ONE_REPLICA, {"name": f"{spec.name}/{timed.name}"}):
            return []
        moment = now or tx.now
        facts = await timed.run(Tick(now=moment), replace(tx, now=moment))
        return await outbox.add(tx, facts)


async def prune(running: Running, *, most: int = 5_000) -> bool:
    """Forget a part of what is older than anybody can ask for; whether there is more."""
    async with running.begin() as tx:
        more = await outbox.prune(tx, days=_OUTBOX_DAYS)
        gone = await tx.connection.execute(_PRUNE_LOG, {"days": _INBOX_DAYS, "most": most})
    return await running.inbox.prune(days=_INBOX_DAYS) or more or gone.rowcount == most
