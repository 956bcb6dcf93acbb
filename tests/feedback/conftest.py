"""The feedback service on a real database, driven as its endpoint, consumer and timer drive it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa

from chassis import outbox
from chassis.clock import FixedClock
from chassis.database import Database
from chassis.service import ask, execute, react, tick
from contracts.base import SYSTEM, Actor, Command, Event, Query
from contracts.feedback import (
    Agreement,
    AgreementDrafted,
    LogSession,
    ScheduleSession,
    Session,
    SignAgreement,
)
from services.feedback.app import app
from tests.feedback.builders import START, Two
from tests.probes import eventually

CommandT = TypeVar("CommandT", bound=Command)
EventT = TypeVar("EventT", bound=Event)


@dataclass
class Service:
    """One running service, seen from outside."""

    database: Database
    clock: FixedClock

    @property
    def now(self) -> datetime:
        """What time it is."""
        return self.clock.now()

    async def do(self, actor: Actor, kind: type[CommandT], /, **fields: Any) -> list[Event]:
        """Carry out a command; its facts."""
        command = kind(command_id=uuid4(), **fields)
        return [each.fact for each in await execute(app.spec, self.database, command, actor=actor)]

    async def hear(self, *facts: Event) -> list[Event]:
        """Take facts from other owners; what they made the service tell."""
        return [each.fact for each in await react(app.spec, self.database, facts)]

    async def read(self, actor: Actor, query: Query) -> Any:
        """A private read."""
        return await ask(app.spec, self.database, query, actor=actor)

    async def time_passes(self, by: timedelta = timedelta()) -> list[Event]:
        """Move the clock, and let time do its work."""
        self.clock.forward(by)
        return [
            each.fact
            for timed in app.spec.timed
            for each in await tick(app.spec, self.database, timed.name, now=self.now)
        ]

    async def told(self) -> list[tuple[str, str]]:
        """Every fact of the outbox (wire name, payload), in order."""
        return [
            (row.wire, bytes(row.payload).decode())
            for row in await self.rows("SELECT wire, payload FROM outbox ORDER BY seq")
        ]

    async def rows(self, sql: str, *, actor: Actor = SYSTEM) -> list[Any]:
        """What this actor's role sees, whatever the code would ask."""
        async with self.database.begin(actor) as tx:
            return list(await tx.connection.execute(sa.text(sql)))

    @asynccontextmanager
    async def during(self, actor: Actor, kind: type[CommandT], /, **fields: Any) -> AsyncIterator[None]:
        """A command that is carried out, and commits only when the block ends."""
        async with self.database.begin(actor) as tx:
            command = kind(command_id=uuid4(), actor=actor, issued_at=tx.now, **fields)
            await outbox.add(tx, await app.spec.commands[kind](command, tx))
            yield

    async def waits(self, task: asyncio.Task[Any]) -> bool:
        """Whether a command waits for somebody else's lock, rather than being done."""

        async def decided() -> bool:
            return task.done() or bool(await self.rows("SELECT 1 FROM pg_locks WHERE NOT granted"))

        await eventually(decided, describe="the command is done or waits for a lock")
        return not task.done()

    # ---- the way to a working pair ----

    async def accepted(self, two: Two) -> Agreement:
        """Both accepted; their agreement lies there."""
        told = await self.hear(two.cohort(), two.accepted())
        return only(told, AgreementDrafted).agreement

    async def active(self, two: Two) -> Agreement:
        """Both signed, and matching made the pair active."""
        terms = await self.accepted(two)
        for actor in (two.ada, two.bo):
            await self.do(actor, SignAgreement, pair_id=two.pair_id, terms_version=terms.terms_version)
        await self.hear(two.activated())
        return terms

    async def session(self, two: Two, *, after: timedelta = timedelta(days=1), **fields: Any) -> Session:
        """Ada plans a session."""
        told = await self.do(
            two.ada,
            ScheduleSession,
            session_id=uuid4(),
            pair_id=two.pair_id,
            starts_at=self.now + after,
            **fields,
        )
        session: Session = told[0].session  # type: ignore[attr-defined]
        return session

    async def met(
        self, two: Two, *, ada: tuple[str, str] | None, bo: tuple[str, str] | None
    ) -> tuple[Session, list[Event]]:
        """They meet a day later for as long as planned; each logs (taught, learned), or nothing. What they made it tell."""
        session = await self.session(two)
        self.clock.set(session.starts_at + timedelta(minutes=session.minutes))
        told: list[Event] = []
        for actor, words in ((two.ada, ada), (two.bo, bo)):
            if words is not None:
                told += await self.log(actor, session.session_id, taught=words[0], learned=words[1])
        return session, told

    async def log(self, actor: Actor, session_id: UUID, *, taught: str, learned: str) -> list[Event]:
        """One side's word."""
        return await self.do(actor, LogSession, session_id=session_id, taught=taught, learned=learned)


def only(facts: list[Event], kind: type[EventT]) -> EventT:
    """The single fact of this kind among them."""
    (found,) = all_of(facts, kind)
    return found


def all_of(facts: list[Event], kind: type[EventT]) -> list[EventT]:
    """The facts of this kind among them."""
    return [fact for fact in facts if isinstance(fact, kind)]


@pytest.fixture
async def service(service_database: Callable[..., Awaitable[Database]]) -> Service:
    """The feedback service, empty, two days before its cohort begins."""
    clock = FixedClock(START - timedelta(days=2))
    return Service(await service_database("feedback", clock=clock), clock)


@pytest.fixture
def two() -> Two:
    """Two people of two organizations."""
    return Two()
