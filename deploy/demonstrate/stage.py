"""Who takes part in the demonstration, and how its steps are shown and timed."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

import httpx
from rich.console import Console

from deploy.demonstrate.client import Client, until
from deploy.demonstrate.partners import Partner


class Door(Protocol):
    """The way into a platform: where GraphQL is, and tokens of everybody's issuer."""

    @property
    def gateway_url(self) -> str:
        """The base URL of the gateway."""

    def issuer_of(self, organization: str) -> str:
        """The token issuer of an organization (its slug)."""

    def token(self, organization: str, subject: str) -> str:
        """An access token for a subject of an organization, or of `operator`."""


@dataclass(frozen=True, slots=True)
class Somebody:
    """A person who was onboarded, with a client of their own."""

    person_id: str
    name: str
    organization: str
    role: str
    capacity: int
    client: Client


@dataclass
class Stage:
    """The way in, everybody's clients, and what the demonstration found so far."""

    door: Door
    http: httpx.AsyncClient
    console: Console
    partners: list[Partner]
    operator: Client
    organizations: dict[str, str] = field(default_factory=dict)  # slug → id
    people: dict[str, Somebody] = field(default_factory=dict)  # person id → somebody
    cohort_id: str = ""
    run_ids: list[str] = field(default_factory=list)
    figures: dict[str, float] = field(default_factory=dict)
    timings: dict[str, float] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    modes: list[str] = field(default_factory=list)  # of matching, that were shown

    def client(self, organization: str, subject: str) -> Client:
        """Somebody's client, with a token of their organization's issuer."""
        return Client(self.http, self.door.gateway_url, self.door.token(organization, subject), subject)

    def admin(self, partner: Partner | None = None) -> Client:
        """The first admin of a partner; of the first partner when none is named."""
        chosen = partner or self.partners[0]
        return self.client(chosen.slug, chosen.admins[0])

    @contextmanager
    def step(self, title: str) -> Iterator[None]:
        """Show a step, and how long it took."""
        self.console.print(f"\n[bold]{title}[/bold]")
        started = time.monotonic()
        yield
        self.timings[title] = round(time.monotonic() - started, 2)
        self.console.print(f"  [dim]{self.timings[title]:.1f} s[/dim]")

    def say(self, line: str) -> None:
        """One line of what is going on."""
        self.console.print(f"  {line}")

    async def now(self) -> datetime:
        """The platform's time."""
        return datetime.fromisoformat((await self.operator.ask("{ platform { now } }"))["platform"]["now"])

    async def forward(self, *, hours: float) -> datetime:
        """Move the platform's clock; the new time."""
        answer = await self.operator.do("advanceClock", {"hours": hours}, want="... on Platform { now }")
        return datetime.fromisoformat(answer["now"])

    async def cohort(self, fields: str) -> dict[str, Any]:
        """Something of the cohort, as its first organizer sees it."""
        data = await self.admin().ask(f"query ($id: ID!) {{ cohort(id: $id) {{ {fields} }} }}", id=self.cohort_id)
        found: dict[str, Any] = data["cohort"]
        return found

    async def cohort_is(self, status: str, *, within: float = 30.0) -> None:
        """Wait until the cohort has a status."""

        async def check() -> bool:
            return bool((await self.cohort("status"))["status"] == status)

        await until(check, what=f"the cohort is {status}", within=within)

    async def pairs(self, *, status: list[str], fields: str) -> list[dict[str, Any]]:
        """All pairs of the cohort that have one of some statuses, as its first organizer sees them."""
        found: list[dict[str, Any]] = []
        after = None
        while True:
            data = await self.admin().ask(
                "query ($id: ID!, $after: String, $status: [PairStatus!]) { cohort(id: $id) { pairs(first: 100, after: $after, "
                f"status: $status) {{ nodes {{ id status {fields} }} pageInfo {{ hasNextPage endCursor }} }} }} }}",
                id=self.cohort_id,
                after=after,
                status=status,
            )
            page = data["cohort"]["pairs"]
            found += page["nodes"]
            if not page["pageInfo"]["hasNextPage"]:
                return found
            after = page["pageInfo"]["endCursor"]


Work = Callable[[], Awaitable[Any]]
