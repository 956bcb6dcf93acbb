"""The notifications service on a real database, driven as its endpoint, consumer, timer and worker drive it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa

from chassis.clock import FixedClock
from chassis.database import Database
from chassis.service import Running, assemble, execute, react, tick
from chassis.settings import Mode, Settings
from contracts.base import SYSTEM, Actor, Command, Event
from contracts.notifications import Notification, NotificationDelivered, NotificationFailed, PreferencesChanged
from services.notifications.app import app
from tests.conftest import ServiceDatabase
from tests.notifications.builders import NOON, World

CommandT = TypeVar("CommandT", bound=Command)

SETTINGS = {
    "SMTP_URL": "smtp://127.0.0.1:1",
    "MAIL_FROM": "Viceversa <hello@viceversa.example>",
    "PUBLIC_URL": "https://viceversa.example",
    "UNSUBSCRIBE_SECRET": "the secret of these tests only",
}


@dataclass
class Service:
    """One service, seen from outside."""

    database: Database
    clock: FixedClock
    inbox: dict[UUID, Notification] = field(default_factory=dict)  # as a reader of the facts would have it
    versions: dict[UUID, int] = field(default_factory=dict)

    @property
    def now(self) -> datetime:
        """What time it is."""
        return self.clock.now()

    async def hear(self, *facts: Event) -> list[Event]:
        """Take facts of other owners; what they made the service say."""
        said = [each.fact for each in await react(app.spec, self.database, facts)]
        return self._note(said) + await self.write()

    async def do(self, actor: Actor, kind: type[CommandT], /, **fields: Any) -> list[Event]:
        """Carry out a command; its facts."""
        command = kind(command_id=uuid4(), **fields)
        return self._note([each.fact for each in await execute(app.spec, self.database, command, actor=actor)])

    async def write(self) -> list[Event]:
        """Find the words for what was noted, as the timer does four times a second."""
        return self._note([each.fact for each in await tick(app.spec, self.database, "write_messages")])

    async def time_passes(self, by: timedelta = timedelta()) -> list[Event]:
        """Move the clock, and let timed work be done until there is no more."""
        self.clock.forward(by)
        said: list[Event] = []
        # Twice: what is noted the first time is written the second.
        for timed in (*app.spec.timed, *app.spec.timed):
            while new := [each.fact for each in await tick(app.spec, self.database, timed.name)]:
                said += new
        return self._note(said)

    async def rows(self, statement: str, actor: Actor = SYSTEM, **values: object) -> list[Any]:
        """What the database shows to an actor."""
        async with self.database.begin(actor) as tx:
            return list((await tx.connection.execute(sa.text(statement), values)).all())

    def of(self, person_id: UUID) -> list[Notification]:
        """A person's inbox, by cause."""
        return sorted(
            (each for each in self.inbox.values() if each.person_id == person_id), key=lambda each: each.cause
        )

    def running(self, *, smtp_url: str) -> Running:
        """The service as its workers see it."""
        own = {**SETTINGS, "SMTP_URL": smtp_url}
        running = assemble(
            app.spec,
            Settings(
                service="notifications",
                mode=Mode.EMBEDDED,
                database_url=self.database.url,
                kafka="127.0.0.1:1",
                internal_secret="x" * 32,
                clock_file=None,
                log_level="info",
                own=own,
            ),
        )
        running.database = self.database
        return running

    async def said(self) -> list[Event]:
        """Every fact in the outbox, oldest first; the reader's inbox is brought up to date."""
        from contracts.base import facts

        rows = await self.rows("SELECT wire, payload FROM outbox ORDER BY seq")
        found = [facts().decode(row.wire, bytes(row.payload)) for row in rows]
        events = [each for each in found if isinstance(each, Event)]
        self._note(events)
        return events

    def _note(self, facts: list[Event]) -> list[Event]:
        for fact in facts:
            assert fact.version > 0
            if isinstance(fact, NotificationDelivered | NotificationFailed):
                assert fact.key == fact.notification.notification_id
                if fact.version > self.versions.get(fact.key, 0):
                    self.versions[fact.key] = fact.version
                    self.inbox[fact.key] = fact.notification
            else:
                assert isinstance(fact, PreferencesChanged)
        return facts


@pytest.fixture
def world() -> World:
    """Ada, Bo and Cy, and all that can be told of them."""
    return World()


@pytest.fixture
async def service(service_database: ServiceDatabase) -> Service:
    """An empty service at noon on a Wednesday."""
    clock = FixedClock(NOON)
    return Service(await service_database("notifications", clock=clock, settings=SETTINGS), clock)
