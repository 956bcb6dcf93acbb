"""Real PostgreSQL and a real broker for the whole session, real migrations, a clean database per test."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from pathlib import Path
from typing import Protocol

import asyncpg
import pytest
from hypothesis import settings as hypothesis_settings

from chassis.clock import Clock
from chassis.database import Database, connect
from deploy.embedded import Infrastructure, embedded, temporary_folder
from deploy.provision import SERVICES, ServiceDsns, provision
from tests.matching.properties import DRAWN, TIMES
from tests.probes import CONTAINERS, Topics

ROOT = Path(__file__).resolve().parent.parent

# A landing must not hang on chance: the generated cases are the same at every run, until more than usual are asked for.
hypothesis_settings.register_profile("the same every time", derandomize=TIMES == 1)
hypothesis_settings.load_profile("the same every time")


_WARMING = pytest.StashKey[subprocess.Popen[bytes]]()


def pytest_configure(config: pytest.Config) -> None:
    """The engine's loops are compiled once, while the workers are busy with the journeys, and not by each worker that needs them."""
    if not hasattr(config, "workerinput") and getattr(config.option, "numprocesses", None):
        warm = "from services.matching.engine.scoring.indexed import warm; warm()"
        config.stash[_WARMING] = subprocess.Popen([sys.executable, "-c", warm], cwd=ROOT)


def pytest_unconfigure(config: pytest.Config) -> None:
    """It is long done, unless the run was broken off."""
    if warming := config.stash.get(_WARMING, None):
        warming.kill()
        warming.wait()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes minutes starts first, so that no worker is left alone with it in the end."""
    items.sort(key=lambda item: "journeys" not in item.path.parts)


class ServiceDatabase(Protocol):
    """What the fixture `service_database` is."""

    async def __call__(
        self, service: str, *, clock: Clock | None = None, settings: Mapping[str, str] | None = None
    ) -> Database:
        """A pool on the service's empty tables."""


# Rows of another test are deleted, not truncated: 1 ms against 30 ms for fifteen small tables (a copy of a
# template takes as long). Only a table that a test has filled is truncated. Triggers and foreign keys sleep.
_EMPTY_ALL_TABLES = """
DO $$
DECLARE
  t record;
BEGIN
  SET LOCAL session_replication_role = replica;
  SET LOCAL lock_timeout = '2s';
  FOR t IN
    SELECT c.oid::regclass AS name, pg_relation_size(c.oid) > 4000000 AS big
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind = 'r' AND n.nspname = 'public' AND c.relname <> 'alembic_version'
      AND pg_relation_size(c.oid) > 0
  LOOP
    EXECUTE format(CASE WHEN t.big THEN 'TRUNCATE %s CASCADE' ELSE 'DELETE FROM %s' END, t.name);
  END LOOP;
END $$
"""

_WHO_HOLDS_A_TRANSACTION = """
SELECT string_agg(format('%s (pid %s, %s): %s', usename, pid, state, left(query, 200)), E'\\n')
FROM pg_stat_activity
WHERE datname = current_database() AND xact_start IS NOT NULL AND pid <> pg_backend_pid()
"""


@pytest.fixture(scope="session")
def infrastructure() -> Iterator[Infrastructure]:
    """PostgreSQL and a broker in a folder that is gone afterwards; as containers when VICEVERSA_TEST_INFRASTRUCTURE says so."""
    with temporary_folder() as folder:
        if CONTAINERS:
            from tests.containers.engine import containerized

            with containerized(folder) as running:
                yield running
        else:
            with embedded(folder, durable=False) as running:
                yield running


@pytest.fixture(scope="session")
def topics(infrastructure: Infrastructure) -> Topics:
    """What is on the topics, seen by an independent client."""
    return Topics(infrastructure.kafka_bootstrap)


@pytest.fixture(scope="session")
async def provisioned(infrastructure: Infrastructure) -> dict[str, ServiceDsns]:
    """The five databases with their roles, and with their tables where migrations exist."""
    dsns = {
        service: await provision(infrastructure.postgres_admin_dsn, service=service, password="for tests")
        for service in SERVICES
    }
    await asyncio.to_thread(_migrate, dsns)
    return dsns


def _migrate(dsns: dict[str, ServiceDsns]) -> None:
    # One after the other: Alembic keeps the migration that runs in a global.
    for service, dsn in dsns.items():
        rooms = ROOT / "gateway" if service == "gateway" else ROOT / "services" / service
        if any((rooms / "migrations" / "versions").glob("[!_]*.py")):
            from chassis.database import migrate

            migrate(service, dsn=dsn.owner)


@pytest.fixture(scope="session")
async def _cleaners(
    infrastructure: Infrastructure, provisioned: dict[str, ServiceDsns]
) -> AsyncIterator[Callable[[str], Awaitable[None]]]:
    connections: dict[str, asyncpg.Connection] = {}

    async def clean(service: str) -> None:
        if service not in connections:
            connections[service] = await asyncpg.connect(
                infrastructure.postgres_admin_dsn, database=f"viceversa_{service}"
            )
        connection = connections[service]
        try:
            await connection.execute(_EMPTY_ALL_TABLES)
        except asyncpg.LockNotAvailableError as error:
            holders = await connection.fetchval(_WHO_HOLDS_A_TRANSACTION)
            raise AssertionError(f"an earlier test left a transaction open in {service}:\n{holders}") from error

    yield clean
    for connection in connections.values():
        await connection.close()


@pytest.fixture
async def service_dsns(
    provisioned: dict[str, ServiceDsns], _cleaners: Callable[[str], Awaitable[None]]
) -> Callable[[str], Awaitable[ServiceDsns]]:
    """`await service_dsns("profiles")` gives its DSNs; its tables are empty the first time in a test."""
    clean: set[str] = set()

    async def dsns(service: str) -> ServiceDsns:
        if service not in clean:
            await _cleaners(service)
            clean.add(service)
        return provisioned[service]

    return dsns


@pytest.fixture
async def service_database(
    service_dsns: Callable[[str], Awaitable[ServiceDsns]],
) -> AsyncIterator[ServiceDatabase]:
    """`await service_database("profiles", clock=…)` gives a pool on its empty tables, as the service's own login."""
    opened: list[Database] = []

    async def database(
        service: str, *, clock: Clock | None = None, settings: Mapping[str, str] | None = None
    ) -> Database:
        dsns = await service_dsns(service)
        opened.append(connect(service, url=dsns.app, clock=clock, settings=settings, pool=4))
        return opened[-1]

    yield database
    for each in opened:
        await each.close()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how many generated cases the engine's properties ran, in all workers together."""
    reports = [report for found in terminalreporter.stats.values() for report in found if hasattr(report, "when")]
    ran = [
        count for report in reports if report.when == "call" for name, count in report.user_properties if name == DRAWN
    ]
    if ran:
        terminalreporter.write_line(f"{sum(ran):,} {DRAWN} in {len(ran)} properties of the engine")
