"""The gateway served for real; facts are put into its read model as its consumer would."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import httpx
import pytest

from chassis.identity import DevelopmentIssuer
from deploy import topics
from deploy.embedded import Infrastructure
from deploy.provision import ServiceDsns
from gateway.app import create_app
from tests.gateway.serving import SECRET, Client, Served, an_issuer, serving

# Where nobody listens.
NOWHERE = "http://127.0.0.1:9"


@pytest.fixture(scope="session")
def issuer(tmp_path_factory: pytest.TempPathFactory) -> DevelopmentIssuer:
    """The development issuer of the tests."""
    return an_issuer(tmp_path_factory.mktemp("issuer"))


@pytest.fixture(scope="session")
async def made_topics(infrastructure: Infrastructure) -> None:
    """Every topic with its partitions."""
    await asyncio.to_thread(topics.create, infrastructure.kafka_bootstrap)


def gateway_environment(
    infrastructure: Infrastructure,
    dsns: Mapping[str, ServiceDsns],
    issuer: DevelopmentIssuer,
    *,
    folder: Path,
    urls: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """The settings of an embedded gateway; services without an address are away."""
    services = ("profiles", "matching", "feedback", "notifications")
    return {
        "MODE": "embedded",
        "DATABASE_URL": dsns["gateway"].app,
        "KAFKA": infrastructure.kafka_bootstrap,
        "INTERNAL_SECRET": SECRET,
        "CLOCK_FILE": str(folder / "clock"),
        "LOG_LEVEL": "warning",
        "DEVELOPMENT_KEY": str(issuer.key_file),
    } | {f"{name.upper()}_URL": (urls or {}).get(name, NOWHERE) for name in services}


@pytest.fixture(scope="session")
async def gateway(
    infrastructure: Infrastructure,
    provisioned: dict[str, ServiceDsns],
    made_topics: None,
    issuer: DevelopmentIssuer,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[Served]:
    """A gateway whose services are all away."""
    folder = tmp_path_factory.mktemp("gateway")
    environment = gateway_environment(infrastructure, provisioned, issuer, folder=folder)
    async with serving(create_app(), environment) as served:
        yield served


@pytest.fixture
async def client(gateway: Served, issuer: DevelopmentIssuer) -> AsyncIterator[Client]:
    """A client of that gateway."""
    async with httpx.AsyncClient(base_url=gateway.url, timeout=20) as http:
        yield Client(http, issuer)
