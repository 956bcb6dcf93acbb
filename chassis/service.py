"""``build(name, commands=…, handlers=…)`` → an ASGI app that owns its lifespan: relay, consumer, timed work, workers, health."""

from __future__ import annotations

import asyncio
import hashlib
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import sqlalchemy as sa
import structlog
from starlette.applications import Starlette
from starlette.routing import BaseRoute, Route

from chassis import http, outbox, telemetry
from chassis.broker import Publisher, broker_settings
from chassis.clock import Clock
from chassis.consuming import Subscription
from chassis.database import Database, Transaction, connect
from chassis.failures import is_away
from chassis.inbox import AfterBatch, Handler, Inbox, Projection, Received, Unreadable
from chassis.outbox import Relay
from chassis.settings import Setting, Settings, read
from chassis.wire import decode_recorded, encode_recorded
from contracts.base import NEVER, SYSTEM, Actor, Command, Event, Query, Recorded, encode
from contracts.errors import Conflict, NotFound

__all__ = ["Running", "ServiceApp", "Setting", "Spec", "Tick", "Timed", "ask", "build", "execute", "react", "tick"]

# Seconds after the last open request (chassis.serve gives those 8): all together less than the usual 30 before SIGKILL.
_GRACE = 12.0  # for finishing batches, timed work and workers
_RELAY_GRACE = 5.0  # for publishing what they recorded
_INBOX_DAYS = 60  # longer than topics, redrives and backups reach back; commands may be repeated as long
_OUTBOX_DAYS = 14  # how far back the broker's loss can be made good from the outbox
_PRUNE_EVERY = 60.0

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

log = structlog.get_logger(__name__)

CommandFunction = Callable[[Any, Transaction], Awaitable[list[Event]]]
QueryFunction = Callable[[Any, Transaction], Awaitable[object]]
Catalog = Callable[[Transaction], AsyncIterator[Event]]


class UnknownMessage(NotFound):
    """The service has no such command or query."""


class CommandIdReused(Conflict):
    """A command id came again with another content or from another actor."""


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


class ServiceApp(Starlette):
    """An ASGI app with its spec; ``running`` is there between start-up and shutdown."""

    spec: Spec
    running: Running | None = None


def build(
    name: str,
    *,
    commands: Mapping[type[Command], CommandFunction] | None = None,
    queries: Mapping[type[Query], QueryFunction] | None = None,
    handlers: Mapping[type[Event], Sequence[Handler]] | None = None,
    projections: Mapping[Projection, Sequence[type[Event]]] | None = None,
    timed: Sequence[Timed] = (),
    workers: Mapping[str, Callable[[Running], Awaitable[None]]] | None = None,
    settings: Sequence[Setting] = (),
    routes: Sequence[BaseRoute] = (),
    after_batch: AfterBatch | None = None,
    catalog: Catalog | None = None,
    tables: Sequence[str] = (),
    versions: Path | None = None,
    linger: float = 0.02,
    lanes: int = 1,
) -> ServiceApp:
    """Wire a service.

    ``tables``: read-model tables that a rebuild may replace, see chassis.replay. ``versions``: where the migrations are, when
    not in ``services/<name>/migrations/versions``. ``linger``: seconds that the consumer waits for more facts once one came.
    ``lanes``: batches that it applies at once, each in a transaction of its own, never two with facts of one partition.
    """
    spec = Spec(
        name=name,
        commands=commands or {},
        queries=queries or {},
        handlers=handlers or {},
        projections=projections or {},
        timed=timed,
        workers=workers or {},
        settings=settings,
        after_batch=after_batch,
        catalog=catalog,
        tables=tables,
        versions=versions,
        linger=linger,
        lanes=lanes,
    )

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        assert isinstance(app, ServiceApp)
        async with _run(spec) as running:
            app.running = running
            try:
                yield
            finally:
                app.running = None

    app = ServiceApp(
        lifespan=lifespan,
        routes=[
            Route("/commands/{wire}", http.take_command, methods=["POST"]),
            Route("/queries/{wire}", http.take_query, methods=["POST"]),
            Route("/health/live", http.live),
            Route("/health/ready", http.ready),
            Route("/metrics", http.metrics),
            Route("/admin/{action}", http.administer, methods=["POST"]),
            *routes,
        ],
    )
    app.spec = spec
    return app


@asynccontextmanager
async def _run(spec: Spec) -> AsyncIterator[Running]:
    settings = read(spec.name, declared=spec.settings)
    telemetry.configure(spec.name, level=settings.log_level, trace_ratio=settings.trace_ratio)
    running = assemble(spec, settings)
    tasks = [asyncio.create_task(running.relay.run(), name="relay")]
    if running.subscription is not None:
        tasks.append(asyncio.create_task(running.subscription.run(), name="consumer"))
    tasks += [asyncio.create_task(_repeat(running, timed), name=timed.name) for timed in spec.timed]
    tasks += [asyncio.create_task(_keep(running, name, work), name=name) for name, work in spec.workers.items()]
    tasks.append(asyncio.create_task(_prune(running), name="prune"))
    log.info("service.started", mode=settings.mode, topics=spec.topics)
    try:
        yield running
    finally:
        log.info("service.stopping")
        running.stopping.set()
        if running.subscription is not None:
            running.subscription.stop()
        await _finish(tasks[1:], within=_GRACE)
        # The relay goes last: what the others recorded while they finished is published too.
        running.relay.stop()
        await _finish(tasks[:1], within=_RELAY_GRACE)
        await running.publisher.close()
        await running.database.close()
        log.info("service.stopped")


def assemble(spec: Spec, settings: Settings) -> Running:
    """All parts of a service, not yet started."""
    database = connect(spec.name, url=settings.database_url, clock=settings.clock(), settings=settings.own)
    broker = broker_settings(
        bootstrap=settings.kafka,
        embedded=settings.embedded,
        security=settings.kafka_security,
        session_seconds=settings.kafka_session_seconds,
    )
    publisher = Publisher(broker, client_id=spec.consumer)
    inbox = Inbox(
        consumer=spec.consumer,
        database=database,
        handlers=spec.handlers,
        projections=spec.projections,
        after_batch=spec.after_batch,
        publisher=publisher,
    )
    relay = Relay(
        service=spec.name,
        dsn=settings.database_url,
        publisher=publisher,
    )
    subscription = (
        Subscription[Received | Unreadable](
            broker, spec.consumer, spec.topics, inbox.read, inbox.take_read, linger=spec.linger, lanes=spec.lanes
        )
        if spec.topics
        else None
    )
    return Running(spec, settings, database, publisher, inbox, relay, subscription)


# ---- one message, as the endpoint, the consumer and the timer do it ----------------------------------------------------------


async def execute(spec: Spec, database: Database, command: Command, *, actor: Actor) -> list[Recorded]:
    """Carry out one command: one transaction with the command's log, the function's effects and the facts in the outbox.

    The same command id again is answered with the same facts; with another content, or from another actor, it is refused.
    """
    function = spec.commands.get(type(command))
    if function is None:
        raise UnknownMessage(f"{spec.name} has no command {type(command).WIRE or type(command).__name__}.")
    digest = hashlib.sha256(
        encode(replace(command, actor=Actor(), issued_at=NEVER))
        + repr((actor.organization_id, actor.person_id, actor.subject)).encode()
    ).digest()
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
        return await function(replace(query, actor=actor, asked_at=tx.now), tx)


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


# ---- loops -------------------------------------------------------------------------------------------------------------------


async def _repeat(running: Running, timed: Timed) -> None:
    failures = 0
    while not running.stopping.is_set():
        try:
            with telemetry.span(f"timed {timed.name}"):
                await tick(running.spec, running.database, timed.name)
            failures = 0
        except Exception as error:
            failures += 1
            if is_away(error):
                log.warning("timed.postponed", name=timed.name, error=str(error))
            else:
                log.exception("timed.failed", name=timed.name, failures=failures)
        await _pause(running, min(timed.every * 2 ** min(failures, 5), 30.0) * random.uniform(0.9, 1.1))


async def _keep(running: Running, name: str, work: Callable[[Running], Awaitable[None]]) -> None:
    failures = 0
    while not running.stopping.is_set():
        try:
            await work(running)
            failures = 0
        except Exception as error:
            failures += 1
            if is_away(error):
                log.warning("worker.postponed", name=name, error=str(error))
            else:
                log.exception("worker.failed", name=name, failures=failures)
        await _pause(running, min(0.2 * 2 ** min(failures, 7), 15.0))


async def _prune(running: Running) -> None:
    while not running.stopping.is_set():
        await _pause(running, _PRUNE_EVERY * random.uniform(0.9, 1.1))
        more = True
        while more and not running.stopping.is_set():
            try:
                more = await prune(running)
            except Exception as error:
                log.warning("service.prune_failed", error=str(error))
                more = False


async def prune(running: Running, *, most: int = 5_000) -> bool:
    """Forget a part of what is older than anybody can ask for; whether there is more."""
    async with running.begin() as tx:
        more = await outbox.prune(tx, days=_OUTBOX_DAYS)
        gone = await tx.connection.execute(_PRUNE_LOG, {"days": _INBOX_DAYS, "most": most})
    return await running.inbox.prune(days=_INBOX_DAYS) or more or gone.rowcount == most


async def _pause(running: Running, seconds: float) -> None:
    try:
        await asyncio.wait_for(running.stopping.wait(), seconds)
    except TimeoutError:
        return


async def _finish(tasks: Sequence[asyncio.Task[None]], *, within: float) -> None:
    if not tasks:
        return
    _, late = await asyncio.wait(tasks, timeout=within)
    for task in late:
        log.warning("service.task_cancelled", task=task.get_name())
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
