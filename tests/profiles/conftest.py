"""The profiles service on real PostgreSQL, driven as its endpoints drive it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import UUID

import pytest

from chassis.clock import FixedClock
from chassis.database import Database
from chassis.service import ask, execute
from contracts.base import Actor, Command, Event, Query
from contracts.profiles import ImportPeople, ImportReport, Organization, ReadImport, RegisterOrganization
from services.profiles.app import app
from tests.conftest import ServiceDatabase
from tests.profiles.making import NOON, OPERATOR, a_file, an_admin, an_organization, new_id

Fact = TypeVar("Fact", bound=Event)


@dataclass
class Profiles:
    """The service; each call is one transaction."""

    database: Database
    clock: FixedClock

    async def do(self, command: Command, *, by: Actor) -> list[Event]:
        return [recorded.fact for recorded in await execute(app.spec, self.database, command, actor=by)]

    async def ask(self, query: Query, *, by: Actor) -> Any:
        return await ask(app.spec, self.database, query, actor=by)

    async def register(self, slug: str, **changes: Any) -> Organization:
        organization = an_organization(slug, **changes)
        await self.do(RegisterOrganization(command_id=new_id(), organization=organization), by=OPERATOR)
        return organization

    async def bring(
        self, organization: Organization, rows: Sequence[Mapping[str, str]], *, import_id: UUID | None = None
    ) -> tuple[ImportReport, list[Event]]:
        command = ImportPeople(
            command_id=new_id(),
            import_id=import_id or new_id(),
            organization_id=organization.organization_id,
            file_name="people.csv",
            content=a_file(rows),
        )
        facts = await self.do(command, by=an_admin(organization))
        return await self.ask(ReadImport(import_id=command.import_id), by=an_admin(organization)), facts


def of(kind: type[Fact], facts: list[Event]) -> list[Fact]:
    """The facts of one type."""
    return [fact for fact in facts if isinstance(fact, kind)]


@pytest.fixture
async def profiles(service_database: ServiceDatabase) -> Profiles:
    """The service with nobody in it, at noon."""
    clock = FixedClock(NOON)
    return Profiles(await service_database("profiles", clock=clock), clock)


@pytest.fixture
async def hanka(profiles: Profiles) -> Organization:
    """A registered organization."""
    return await profiles.register("hanka")
