"""``build(name, commands=…, handlers=…)`` → an ASGI app that owns its lifespan: relay, consumer, timed work, workers, health."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import structlog
from starlette.applications import Starlette
from starlette.routing import BaseRoute, Route

from chassis import http, telemetry
from chassis.broker import Publisher, broker_settings
from chassis.consuming import Subscription
from chassis.database import connect
from chassis.failures import is_away
from chassis.inbox import AfterBatch, Handler, Inbox, Received, Unreadable
from chassis.outbox import Relay
from chassis.projecting import Projection
from chassis.running import (
    Afterwards,
    Catalog,
    CommandFunction,
    QueryFunction,
    Running,
    Spec,
    Tick,
    Timed,
    ask,
    execute,
    prune,
    react,
    tick,
)
from chassis.settings import Setting, Settings, read
from contracts.base import Command, Event, Query

__all__ = [
    "Afterwards",
    "Running",
    "ServiceApp",
    "Setting",
    "Spec",
    "Tick",
    "Timed",
    "ask",
    "build",
    "execute",
    "react",
    "tick",
]

# Seconds after the last open request (chassis.serve gives those 8): all together less than the usual 30 before SIGKILL.
_GRACE = 12.0  # for finishing batches, timed work and workers
_RELAY_GRACE = 5.0  # for publishing what they recorded
_PRUNE_EVERY = 60.0

log = structlog.get_logger(__name__)


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
