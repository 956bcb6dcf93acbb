"""A small world around the matching service: organizations, people, a cohort, and everybody's commands on real PostgreSQL."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TypeVar, cast
from uuid import UUID, uuid4, uuid5

import sqlalchemy as sa

from chassis import outbox
from chassis.clock import FixedClock
from chassis.database import Database, Transaction
from chassis.service import Running, execute, react, tick
from contracts.base import SYSTEM, Actor, Command, Event, Recorded, Role
from contracts.feedback import Agreement, AgreementSigned
from contracts.matching import (
    AcceptPair,
    AcceptPartnership,
    Cohort,
    CohortStatus,
    DraftCohort,
    Enrol,
    EnrolmentRole,
    Keep,
    Member,
    Pair,
    PairProposed,
    PairStatus,
    Partner,
    RequestMatching,
    RuleSet,
)
from contracts.profiles import (
    Cefr,
    Language,
    Need,
    Offer,
    Organization,
    OrganizationRegistered,
    Profile,
    ProfileUpdated,
    Window,
)
from services.matching import store
from services.matching.app import app
from services.matching.domain.kept import Kept

SETTINGS = {"MEANING": "light", "EMBEDDINGS_URL": "", "EMBEDDINGS_MODEL": "", "EMBEDDINGS_KEY": ""}
START = datetime(2026, 3, 2, 9, tzinfo=UTC)
WEEK = tuple(Window(weekday=day, start=9 * 60, end=17 * 60) for day in range(5))
FactT = TypeVar("FactT", bound=Event)


def facts_of(recorded: Sequence[Recorded], kind: type[FactT]) -> list[FactT]:
    """The facts of one kind, in order."""
    return [each.fact for each in recorded if isinstance(each.fact, kind)]


def admin_of(organization_id: UUID) -> Actor:
    """An admin who is nobody's mentor."""
    return Actor(roles=(Role.ADMIN,), organization_id=organization_id, subject=f"admin of {organization_id}")


@dataclass
class World:
    """What a test has at hand."""

    database: Database
    clock: FixedClock
    organizations: list[UUID] = field(default_factory=list)
    home: dict[UUID, UUID] = field(default_factory=dict)
    cohort_id: UUID = field(default_factory=uuid4)

    async def do(self, command: Command, *, by: Actor | UUID) -> list[Recorded]:
        """A command by a person (their id) or another actor."""
        actor = self.person(by) if isinstance(by, UUID) else by
        return await execute(app.spec, self.database, command, actor=actor)

    async def hear(self, *facts: Event | Recorded) -> list[Recorded]:
        """Facts of other services arrive."""
        return await react(app.spec, self.database, facts)

    async def tick(self, name: str) -> list[Recorded]:
        """Timed work, now."""
        return await tick(app.spec, self.database, name)

    def person(self, person_id: UUID) -> Actor:
        """This person, signed in."""
        return Actor(
            roles=(Role.PERSON,), organization_id=self.home[person_id], person_id=person_id, subject=str(person_id)
        )

    def admin(self, number: int = 0) -> Actor:
        """The admin of one of the organizations."""
        return admin_of(self.organizations[number])

    async def organization(self) -> UUID:
        """One more organization."""
        organization_id = uuid4()
        self.organizations.append(organization_id)
        await self.hear(
            OrganizationRegistered(
                key=organization_id,
                version=1,
                occurred_at=START,
                organization_id=organization_id,
                organization=Organization(
                    organization_id=organization_id,
                    slug=str(organization_id),
                    name="An organization",
                    issuer=f"https://{organization_id}.example",
                    admins=(),
                ),
            )
        )
        return organization_id

    async def profile(self, person_id: UUID, *, version: int = 1, **said: object) -> list[Recorded]:
        """A person says this about themselves (the rest is the same for all)."""
        usual = Profile(
            person_id=person_id,
            organization_id=self.home[person_id],
            subject=str(person_id),
            display_name="Somebody",
            languages=(Language(code="en", level=Cefr.C1),),
            availability=WEEK,
            offers=(Offer(text="Making sushi"),),
            needs=(Need(text="Kubernetes operations"),),
        )
        profile = replace(usual, **said)  # type: ignore[arg-type]
        return await self.hear(
            ProfileUpdated(
                key=person_id,
                version=version,
                occurred_at=START,
                organization_id=profile.organization_id,
                profile=profile,
            )
        )

    async def somebody(
        self, number: int = 0, *, offers: str = "Making sushi", needs: str = "Kubernetes operations"
    ) -> UUID:
        """One more person of an organization, with a profile."""
        person_id = uuid4()
        self.home[person_id] = self.organizations[number]
        await self.profile(person_id, offers=(Offer(text=offers, level=4),), needs=(Need(text=needs, priority=3),))
        return person_id

    def a_cohort(self, **different: object) -> Cohort:
        """A cohort of all organizations whose window opens now, for a week."""
        cohort = Cohort(
            cohort_id=self.cohort_id,
            name="Spring",
            partners=tuple(Partner(organization_id=organization) for organization in self.organizations),
            opens_at=START,
            closes_at=START + timedelta(days=7),
            starts_at=START + timedelta(days=14),
            ends_at=START + timedelta(days=100),
            rules=RuleSet(rules=()),
        )
        return replace(cohort, **different)  # type: ignore[arg-type]

    async def open_cohort(self, **different: object) -> None:
        """Drafted by the first, accepted by all others: open."""
        cohort = self.a_cohort(**different)
        await self.do(DraftCohort(command_id=uuid4(), cohort=cohort), by=self.admin())
        for number, partner in enumerate(cohort.partners[1:], start=1):
            accept = AcceptPartnership(command_id=uuid4(), cohort_id=self.cohort_id, seats=partner.seats)
            await self.do(accept, by=self.admin(number))
        assert (await self.cohort()).status is CohortStatus.OPEN

    async def enrol(
        self, person_id: UUID, *, capacity: int = 1, role: EnrolmentRole = EnrolmentRole.BOTH
    ) -> list[Recorded]:
        """By the person."""
        command = Enrol(command_id=uuid4(), cohort_id=self.cohort_id, role=role, capacity=capacity)
        return await self.do(command, by=person_id)

    async def close(self) -> None:
        """Registration ends by time."""
        self.clock.set(max(self.clock.now(), START + timedelta(days=7)))
        await self.tick("open_and_close_cohorts")
        assert (await self.cohort()).status is CohortStatus.CLOSED

    async def request(self, run_id: UUID | None = None, *, keep: Keep = Keep.NONE) -> UUID:
        """A run is queued."""
        run_id = run_id or uuid4()
        request = RequestMatching(command_id=uuid4(), run_id=run_id, cohort_id=self.cohort_id, keep=keep)
        await self.do(request, by=self.admin())
        return run_id

    async def cohort(self) -> Cohort:
        """As it is stored."""
        async with self.database.begin(SYSTEM) as tx:
            kept = await store.load_cohort(tx, self.cohort_id)
        assert kept is not None
        return kept.state

    async def pair(self, pair_id: UUID) -> Pair:
        """As it is stored."""
        async with self.database.begin(SYSTEM) as tx:
            kept = await store.load_pair(tx, pair_id)
        assert kept is not None
        return kept.state

    async def pairs(self) -> list[Pair]:
        """All of the cohort, as stored."""
        async with self.database.begin(SYSTEM) as tx:
            return [kept.state for kept in await store.pairs_of_cohort(tx, self.cohort_id)]

    async def proposed(self, one: UUID, other: UUID, *, status: PairStatus = PairStatus.PROPOSED) -> UUID:
        """A proposal to these two, as a published run leaves it."""
        first, second = sorted((one, other))
        pair = Pair(
            pair_id=uuid5(self.cohort_id, f"{first} {second}"),
            cohort_id=self.cohort_id,
            status=status,
            members=tuple(Member(person_id=each, organization_id=self.home[each]) for each in (first, second)),
            directions=(),
            value=0.5,
            proposed_at=self.clock.now(),
            expires_at=self.clock.now() + timedelta(hours=72),
        )
        async with self.database.begin(SYSTEM) as tx:
            await store.save(tx, [Kept(state=pair, told_as=PairProposed, changed_at=tx.now)])
        return pair.pair_id

    async def accept(self, pair_id: UUID, *, by: UUID) -> list[Recorded]:
        """One yes."""
        return await self.do(AcceptPair(command_id=uuid4(), pair_id=pair_id), by=by)

    async def together(self, one: UUID, other: UUID) -> UUID:
        """A proposal that both accepted."""
        pair_id = await self.proposed(one, other)
        await self.accept(pair_id, by=one)
        await self.accept(pair_id, by=other)
        return pair_id

    async def sign(self, pair_id: UUID, *, complete: bool = True) -> list[Recorded]:
        """The feedback service says that the agreement was signed, by one or by both."""
        pair = await self.pair(pair_id)
        one, other = pair.members
        agreement_id = uuid5(pair_id, "agreement")
        return await self.hear(
            AgreementSigned(
                key=agreement_id,
                version=2,
                occurred_at=self.clock.now(),
                agreement=Agreement(
                    agreement_id=agreement_id,
                    pair_id=pair_id,
                    cohort_id=pair.cohort_id,
                    people=(one.person_id, other.person_id),
                    organizations=(one.organization_id, other.organization_id),
                    signed_by=(one.person_id, other.person_id)[: 2 if complete else 1],
                    complete=complete,
                ),
            )
        )

    async def count(self, statement: str, **values: object) -> int:
        """A number out of the database, as the system sees it."""
        async with self.database.begin(SYSTEM) as tx:
            return int(await tx.connection.scalar(sa.text(statement), values) or 0)


@dataclass
class Workplace:
    """What the worker needs of a running service."""

    database: Database
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    recorded: list[Recorded] = field(default_factory=list)
    settings: Mapping[str, str] = field(default_factory=lambda: SETTINGS)

    def begin(self, actor: Actor = SYSTEM) -> object:
        """As Running does."""
        return self.database.begin(actor)

    async def record(self, tx: Transaction, facts: Sequence[Event]) -> list[Recorded]:
        """As Running does, and remember it."""
        written = await outbox.add(tx, facts)
        self.recorded += written
        return written


def workplace(world: World) -> tuple[Workplace, Running]:
    """A worker's surroundings, as a test sees them and as the worker does."""
    made = Workplace(world.database)
    return made, cast(Running, made)
