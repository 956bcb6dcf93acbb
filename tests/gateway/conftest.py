"""The gateway served for real; facts are put into its read model as its consumer would."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from functools import partial
from importlib import import_module
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from chassis.identity import DevelopmentIssuer
from deploy import topics
from deploy.embedded import Infrastructure
from deploy.provision import ServiceDsns
from gateway.app import create_app
from tests.gateway.house import SERVICES, UNSUBSCRIBE_SECRET, House
from tests.gateway.serving import SECRET, Client, Served, an_issuer, serving
from tests.probes import eventually

# Where nobody listens.
NO_BROKER = "127.0.0.1:9"
NOWHERE = f"http://{NO_BROKER}"


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
    issuer: DevelopmentIssuer,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[Served]:
    """A gateway whose services are all away, and the broker too: facts that other tests left there would come at any moment."""
    folder = tmp_path_factory.mktemp("gateway")
    environment = gateway_environment(infrastructure, provisioned, issuer, folder=folder) | {"KAFKA": NO_BROKER}
    async with serving(create_app(), environment) as served:
        yield served


@pytest.fixture
async def client(gateway: Served, issuer: DevelopmentIssuer) -> AsyncIterator[Client]:
    """A client of that gateway."""
    async with httpx.AsyncClient(base_url=gateway.url, timeout=20) as http:
        yield Client(http, issuer)


@pytest.fixture(scope="module")
async def whole(
    infrastructure: Infrastructure,
    provisioned: dict[str, ServiceDsns],
    made_topics: None,
    issuer: DevelopmentIssuer,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[Client]:
    """All five deployables."""
    folder = tmp_path_factory.mktemp("whole")
    async with AsyncExitStack() as stack:
        urls = {}
        for name in SERVICES:
            environment = {
                "MODE": "embedded",
                "DATABASE_URL": provisioned[name].app,
                "KAFKA": infrastructure.kafka_bootstrap,
                "INTERNAL_SECRET": SECRET,
                "CLOCK_FILE": str(folder / "clock"),
                "LOG_LEVEL": "warning",
                "SMTP_URL": "smtp://127.0.0.1:9",
                "UNSUBSCRIBE_SECRET": UNSUBSCRIBE_SECRET,
                "PUBLIC_URL": "http://127.0.0.1:9",
                "MEANING": "light",
            }
            app = import_module(f"services.{name}.app").app
            urls[name] = (await stack.enter_async_context(serving(app, environment))).url
        environment = gateway_environment(infrastructure, provisioned, issuer, folder=folder, urls=urls)
        served = await stack.enter_async_context(serving(create_app(), environment))
        http = await stack.enter_async_context(httpx.AsyncClient(base_url=served.url, timeout=20))
        for url in (*urls.values(), served.url):
            ready = partial(_ready, http, url)
            await eventually(ready, describe=f"{url} is ready", within=30)
        yield Client(http, issuer)


async def _ready(http: httpx.AsyncClient, url: str) -> bool:
    return (await http.get(f"{url}/health/ready")).status_code == httpx.codes.OK


@pytest.fixture
async def house(whole: Client) -> House:
    """An organization of its own for each test."""
    house = House(whole, f"org-{uuid4().hex[:8]}")
    answer = await house.do(
        "registerOrganization",
        "RegisterOrganization",
        "... on Organization { id slug issuer admins }",
        house.operator,
        slug=house.slug,
        name=house.slug.title(),
        issuer=f"https://dev.viceversa.local/{house.slug}",
        admins=["boss"],
        timeZone="Europe/Berlin",
    )
    assert answer["__typename"] == "Organization", answer
    house.organization_id = answer["id"]
    return house
