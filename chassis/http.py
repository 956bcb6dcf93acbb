"""Endpoints of every service: commands, private reads, health, metrics, administration. A refusal becomes a problem response."""

from __future__ import annotations

import asyncio
import random
import time
from dataclasses import replace

import msgspec
import sqlalchemy as sa
import structlog
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from sqlalchemy.exc import DBAPIError
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from chassis import replay, telemetry
from chassis.consuming import Postponed
from chassis.database import revisions
from chassis.failures import is_away, is_transient
from chassis.identity import TokenRefused, internal_actor
from chassis.running import Running, ask, execute
from chassis.wire import Problems, encode_recorded, problem_of
from contracts.base import (
    SYSTEM,
    Actor,
    Command,
    Query,
    Recorded,
    Role,
    Undecodable,
    UnknownType,
    commands,
    encode,
    queries,
)
from contracts.errors import Invalid, Problem, Refusal

STALLED = 120.0  # seconds that a batch or the relay may take before we call ourselves stuck
_LARGEST_BODY = 16 * 1024 * 1024
_TRIES = 4
_CHECK = 3.0  # seconds that a readiness check may take

log = structlog.get_logger(__name__)


class TooLarge(Invalid):
    """The body of a request is larger than we read."""


async def take_command(request: Request) -> Response:
    """POST /commands/{wire}: carry it out and answer with its facts."""
    running = _running(request)
    wire = request.path_params["wire"]
    started = time.perf_counter()
    outcome = "failed"
    try:
        actor = _actor(request, running)
        with telemetry.span(f"command {wire}", parent=request.headers.get("traceparent", "")):
            command = commands().decode(wire, await _body(request))
            assert isinstance(command, Command)
            recorded = await _execute_with_retries(running, command, actor)
        outcome = "done"
        return Response(encode_recorded(recorded), media_type="application/json")
    except Exception as error:
        outcome = error.kind.value if isinstance(error, Refusal) else "failed"
        return _failure(error, wire)
    finally:
        # Whatever else somebody writes into an address must not make metrics of its own.
        known = wire if any(wire == command.WIRE for command in running.spec.commands) else "unknown"
        telemetry.COMMANDS.labels(known, outcome).observe(time.perf_counter() - started)


async def take_query(request: Request) -> Response:
    """POST /queries/{wire}: a private read."""
    running = _running(request)
    wire = request.path_params["wire"]
    try:
        actor = _actor(request, running)
        with telemetry.span(f"query {wire}", parent=request.headers.get("traceparent", "")):
            query = queries().decode(wire, await _body(request))
            assert isinstance(query, Query)
            answer = await ask(running.spec, running.database, query, actor=actor)
        return Response(encode(answer), media_type="application/json")
    except Exception as error:
        return _failure(error, wire)


async def live(request: Request) -> Response:
    """GET /health/live: red only when a restart would help — something hangs."""
    stuck = _stuck(_running(request))
    return JSONResponse({"live": not stuck, "stuck": stuck}, status_code=503 if stuck else 200)


async def ready(request: Request) -> Response:
    """GET /health/ready: green when database, migrations, broker and consumer are all in order; says which is not."""
    running = _running(request)
    checks: dict[str, str] = {}
    if running.stopping.is_set():
        checks["service"] = "stopping"
    database, broker = await asyncio.gather(_database_check(running), running.publisher.ping(within=_CHECK))
    checks |= database
    if not broker:
        checks["broker"] = f"{running.environment.kafka} does not answer"
    if stuck := _stuck(running):
        checks["stuck"] = "; ".join(stuck)
    if running.subscription is not None and not running.subscription.joined:
        checks["consumer"] = "has not joined its group yet"
    if running.inbox.breaker.open:
        checks["breaker"] = (
            f"{running.inbox.breaker.in_a_row} facts in a row failed: the consumer stands still; see the parked ones"
        )
    return JSONResponse(
        {
            "ready": not checks,
            "failing": checks,
            "outbox_oldest_seconds": round(running.relay.oldest_seconds, 3),
            "consumer_fact_age_seconds": round(running.inbox.last_fact_age, 3),
        },
        status_code=503 if checks else 200,
    )


async def metrics(request: Request) -> Response:
    """GET /metrics, for Prometheus."""
    running = _running(request)
    telemetry.OUTBOX_AGE.labels(running.spec.name).set(running.relay.oldest_seconds)
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)


async def administer(request: Request) -> Response:
    """POST /admin/{status,redrive,re-emit,rebuild}: for the operator's command line."""
    running = _running(request)
    try:
        actor = _actor(request, running)
        if not (actor.is_a(Role.OPERATOR) or actor.is_a(Role.SYSTEM)):
            return PlainTextResponse("not found", status_code=404)
        action = request.path_params["action"]
        if action == "status":
            return JSONResponse(await _status(running))
        if action == "redrive":
            done, waiting = await running.inbox.redrive()
            return JSONResponse({"done": done, "waiting": waiting})
        if action == "re-emit":
            return JSONResponse({"facts": await replay.re_emit(running.database, running.spec.catalog)})
        if action == "rebuild":
            report = await replay.rebuild(running)
            return Response(msgspec.json.encode(report), media_type="application/json")
        return PlainTextResponse(f"there is no action {action}", status_code=404)
    except Exception as error:
        return _failure(error, request.path_params["action"])


# ---- inside --------------------------------------------------------------------------------------------------------------------


async def _execute_with_retries(running: Running, command: Command, actor: Actor) -> list[Recorded]:
    for attempt in range(_TRIES - 1):
        try:
            return await execute(running.spec, running.database, command, actor=actor)
        except DBAPIError as error:
            # Also when the connection broke, even during the commit: the command's log knows whether it was carried out.
            if not (is_transient(error) or error.connection_invalidated):
                raise
            await asyncio.sleep(0.02 * 2**attempt * random.uniform(0.5, 1.5))
    return await execute(running.spec, running.database, command, actor=actor)


def _running(request: Request) -> Running:
    running: Running | None = request.app.running
    if running is None:
        raise RuntimeError("the service is not running")
    return running


def _actor(request: Request, running: Running) -> Actor:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise TokenRefused("an internal token is required")
    return internal_actor(token, secret=running.environment.internal_secret, audience=running.spec.name)


async def _body(request: Request) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > _LARGEST_BODY:
            raise TooLarge(
                f"The request has more than {_LARGEST_BODY} bytes, which is the most.", remedy="Send less at once."
            )
    return bytes(body)


def _stuck(running: Running) -> list[str]:
    stuck = []
    relay = time.monotonic() - running.relay.heartbeat
    if relay > STALLED:
        stuck.append(f"the relay has not moved for {relay:.0f} s")
    if running.subscription is not None and (consumer := running.subscription.stuck_for()) > STALLED:
        stuck.append(f"the consumer has not moved for {consumer:.0f} s")
    return stuck


async def _database_check(running: Running) -> dict[str, str]:
    try:
        async with asyncio.timeout(_CHECK), running.database.begin(SYSTEM) as tx:
            if await tx.connection.scalar(sa.text("SELECT to_regclass('alembic_version')")) is None:
                return {"migrations": "the database has no tables yet: run `viceversa migrate`"}
            revision = await tx.connection.scalar(sa.text("SELECT version_num FROM alembic_version"))
    except Exception as error:
        return {"database": f"{type(error).__name__}: {error}"[:300]}
    known = revisions(running.spec.name, versions=running.spec.versions)
    # One that we do not know is a newer build's: old and new run together during an upgrade.
    if known and (revision is None or revision in known[:-1]):
        return {"migrations": f"the database is at {revision}, this build needs {known[-1]}: run `viceversa migrate`"}
    return {}


async def _status(running: Running) -> dict[str, object]:
    async with running.database.begin(SYSTEM) as tx:
        waiting, oldest = (
            await tx.connection.execute(
                sa.text(
                    "SELECT count(*), coalesce(extract(epoch FROM clock_timestamp() - min(recorded_at)), 0)::float "
                    "FROM unpublished JOIN outbox USING (seq)"
                )
            )
        ).one()
        parked = (
            await tx.connection.execute(
                sa.text(
                    "SELECT topic, wire, handler, reason, count(*) AS count FROM parked WHERE redriven_at IS NULL "
                    "GROUP BY 1, 2, 3, 4 ORDER BY 5 DESC LIMIT 50"
                )
            )
        ).mappings()
        rows = [dict(row) for row in parked]
    inbox = running.inbox
    return {
        "service": running.spec.name,
        "unpublished": waiting,
        "oldest_unpublished_s": oldest,
        "parked": rows,
        "breaker_open": inbox.breaker.open,
        "applied": inbox.applied,
        "skipped": inbox.skipped,
        "dead": inbox.dead,
        "published": running.relay.published,
        "consumer_joined": running.subscription is None or running.subscription.joined,
    }


def _failure(error: Exception, wire: str) -> Response:
    match error:
        case TooLarge():
            answer = _problem(replace(problem_of(error), status=413))
            answer.headers["connection"] = "close"  # nobody reads the rest
            return answer
        case Refusal():
            return _problem(problem_of(error))
        case TokenRefused():
            return _problem(Problems(title="not authenticated", status=401, detail=str(error)))
        case UnknownType():
            return _problem(Problems(title="unknown", status=404, detail=str(error)))
        case Undecodable():
            refusal = Invalid(
                "The message does not have the form that its type asks for.",
                remedy="Compare it with the examples in contracts/examples.",
                problems=(Problem(path=wire, message=str(error)),),
            )
            return _problem(problem_of(refusal))
    if is_away(error) or isinstance(error, Postponed):
        log.warning("http.database_away", wire=wire, error=str(error))
        return _problem(
            Problems(title="unavailable", status=503, detail="The database cannot be reached at the moment: try again.")
        )
    log.error("http.failed", wire=wire, exc_info=error)
    return _problem(Problems(title="failed", status=500, detail="Something failed here; it is in the service's log."))


def _problem(problem: Problems) -> Response:
    return Response(encode(problem), status_code=problem.status, media_type="application/problem+json")
