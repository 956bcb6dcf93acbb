"""Deployables served for real, in this process: uvicorn, HTTP, websocket, their own databases, the one broker."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn

from chassis.identity import DevelopmentIssuer
from chassis.service import ServiceApp
from contracts.base import Actor
from contracts.profiles import Organization
from tests.probes import eventually

SECRET = "a secret for tests that is long enough to be one"


class QuietServer(uvicorn.Server):
    """Signals stay pytest's."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@dataclass
class Served:
    """One deployable at an address."""

    app: ServiceApp
    server: QuietServer
    task: asyncio.Task[None]

    @property
    def url(self) -> str:
        """http://127.0.0.1:port"""
        host, port = self.server.servers[0].sockets[0].getsockname()[:2]
        return f"http://{host}:{port}"


@asynccontextmanager
async def serving(app: ServiceApp, environment: Mapping[str, str]) -> AsyncIterator[Served]:
    """Serve an app with these settings (without their prefix) until the block ends."""
    config = uvicorn.Config(
        app,
        host="127.0.0.1",
        port=0,
        ws="websockets-sansio",
        lifespan="on",
        log_config=None,
        timeout_graceful_shutdown=1,
    )
    server = QuietServer(config)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(f"VICEVERSA_{name}", value)
        task = asyncio.create_task(server.serve())
        await eventually(lambda: server.started or task.done(), describe=f"{app.spec.name} serves")
    if task.done():
        task.result()
        raise AssertionError(f"{app.spec.name} did not start")
    try:
        yield Served(app, server, task)
    finally:
        server.should_exit = True
        await task


@dataclass
class Client:
    """A client of the gateway with a token."""

    http: httpx.AsyncClient
    issuer: DevelopmentIssuer
    seen: list[Any] = field(default_factory=list)

    def token(self, organization: Organization | str, subject: str, **changes: Any) -> str:
        """A token of a subject at an organization."""
        slug = organization if isinstance(organization, str) else organization.slug
        return self.issuer.token(organization=slug, subject=subject, **changes)

    def token_of(self, viewer: Actor, organization: Organization | None = None) -> str:
        """A token of a viewer; without an organization: an operator's."""
        return self.token(organization or "operator", viewer.subject)

    async def post(self, query: str, token: str | None = None, **variables: Any) -> httpx.Response:
        """The bare response."""
        headers = {"authorization": f"Bearer {token}"} if token else {}
        return await self.http.post("/graphql", json={"query": query, "variables": variables}, headers=headers)

    async def ask(self, query: str, token: str, **variables: Any) -> Any:
        """The data of a query that must not have errors."""
        response = await self.post(query, token, **variables)
        assert response.status_code == 200, response.text
        answer = response.json()
        assert not answer.get("errors"), answer["errors"]
        return answer["data"]


def an_issuer(folder: Path) -> DevelopmentIssuer:
    """The development issuer with a key of its own."""
    issuer = DevelopmentIssuer(folder / "issuer.pem")
    issuer.public_key()
    return issuer
