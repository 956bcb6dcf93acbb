"""One PostgreSQL per service: a pool, tenant-scoped transactions, migrations.

A transaction takes one of two roles. A person's or an admin's runs as ``<service>_tenant`` with ``app.org`` and ``app.person`` set, so that
row-level security shows their rows only; reactions, timed work and operators run as ``<service>_system``. The login role itself has no
privilege on any table: forgetting to choose fails closed.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import asyncpg
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from chassis.clock import Clock, SystemClock
from contracts.base import Actor, Role

if TYPE_CHECKING:
    from alembic.config import Config  # imported where it is used: a running service has no need of it

CHASSIS_TABLES = frozenset(
    {"outbox", "unpublished", "inbox", "parked", "command_log", "consumer_generation", "alembic_version"}
)
_ROOT = Path(__file__).resolve().parent.parent


_FIRST_OF_OURS = 16_384  # the smallest number that PostgreSQL gives to a type that it was not born with
_born_with: dict[object, Any] = {}  # what the driver found out about those, for the connections of the whole process


class _NoStatement:
    """In place of the statement that would have asked: nothing was prepared under the empty name."""

    name = "none"


class _Connection(asyncpg.Connection):  # type: ignore[misc]
    """A connection whose transactions begin in their scope: one round trip instead of two, thousands of times.

    And one that need not ask what `uuid[]` is: the driver finds that out on each connection anew, by a recursive query for which a new
    connection has to read half of the catalogue.
    """

    opening = ""

    async def _introspect_types(self, typeoids: Collection[int], timeout: float) -> Any:  # noqa: ASYNC109
        wanted = frozenset(typeoids)
        if wanted not in _born_with:
            types, statement = await super()._introspect_types(typeoids, timeout)
            if max(wanted) >= _FIRST_OF_OURS:
                return types, statement
            _born_with[wanted] = types
        return _born_with[wanted], _NoStatement()

    async def _introspect_type(self, typename: str, schema: str) -> Any:
        if schema != "pg_catalog":
            return await super()._introspect_type(typename, schema)
        if typename not in _born_with:
            _born_with[typename] = await super()._introspect_type(typename, schema)
        return _born_with[typename]

    async def execute(self, query: str, *args: object, **options: Any) -> str:
        if query.startswith("BEGIN"):
            query += self.opening
        status: str = await super().execute(query, *args, **options)
        return status


@dataclass(frozen=True, slots=True)
class Transaction:
    """One open transaction: its connection, who acts, and what time it is for all that happens in it."""

    connection: AsyncConnection
    actor: Actor
    now: datetime
    service: str
    settings: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Database:
    """A service's pool of connections."""

    service: str
    engine: AsyncEngine
    url: str
    clock: Clock = field(default_factory=SystemClock)
    settings: Mapping[str, str] = field(default_factory=dict)

    @asynccontextmanager
    async def begin(self, actor: Actor, *, sharing: str = "") -> AsyncIterator[Transaction]:
        """One transaction in the actor's scope: committed at the end, rolled back by any exception.

        ``sharing``: a name that others may lock exclusively; until they let go, the first statement waits.
        """
        opening = "".join(f" SET LOCAL {each};" for each in self._scope(actor))
        if sharing:
            opening += f" SELECT pg_advisory_xact_lock_shared(hashtext('{sharing}'));"
        async with self.engine.connect() as connection, connection.begin():
            driver = (await connection.get_raw_connection()).driver_connection
            assert isinstance(driver, _Connection)
            driver.opening = opening
            try:
                yield Transaction(connection, actor, self.clock.now(), self.service, self.settings)
            finally:
                driver.opening = ""

    @asynccontextmanager
    async def step_by_step(self, actor: Actor) -> AsyncIterator[Transaction]:
        """In the actor's scope, each statement a transaction of its own that is committed when it returns: for many small steps that
        must each be certain before something is done outside. ``now`` is the beginning. After an error the connection is not used
        again."""
        async with self.engine.connect() as pooled:
            connection = await pooled.execution_options(isolation_level="AUTOCOMMIT")
            driver = (await connection.get_raw_connection()).driver_connection
            assert isinstance(driver, _Connection)
            try:
                await driver.execute("; ".join(f"SET {each}" for each in self._scope(actor)))
                yield Transaction(connection, actor, self.clock.now(), self.service, self.settings)
                await driver.execute("RESET role; RESET app.org; RESET app.person")
            except BaseException:
                await connection.invalidate()  # the next to have it must not be who we were
                raise

    def _scope(self, actor: Actor) -> tuple[str, ...]:
        sees_all = actor.is_a(Role.SYSTEM) or actor.is_a(Role.OPERATOR)
        return (
            f"role = '{self.service}_{'system' if sees_all else 'tenant'}'",
            f"app.org = '{actor.organization_id or ''}'",
            f"app.person = '{actor.person_id or ''}'",
        )

    async def close(self) -> None:
        """Close every connection."""
        await self.engine.dispose()


def connect(
    service: str,
    *,
    url: str,
    clock: Clock | None = None,
    settings: Mapping[str, str] | None = None,
    pool: int = 12,
) -> Database:
    """A lazily connecting pool for ``postgresql://…``; nothing is contacted yet."""
    engine = create_async_engine(
        asyncpg_url(url),
        pool_size=pool,
        max_overflow=0,  # more would be closed when they are given back, and made again a moment later
        pool_pre_ping=False,  # a lost connection is met by the retry of the whole transaction, not by a round trip before each
        pool_recycle=1800,
        # The connection used last first: each has to prepare every statement and load every table's description for itself, so few
        # busy ones are cheaper than many that take turns.
        pool_use_lifo=True,
        pool_timeout=10,
        hide_parameters=True,  # an error must not carry private words into a log
        connect_args={
            "connection_class": _Connection,
            "timeout": 5,
            "command_timeout": 60,
            "prepared_statement_cache_size": 500,  # all of a service's statements: each is parsed once per connection
            "server_settings": {"application_name": f"viceversa-{service}"},
        },
    )
    return Database(service, engine, url, clock or SystemClock(), settings or {})


def asyncpg_url(url: str) -> str:
    """The same address for SQLAlchemy's asyncpg dialect."""
    scheme, _, rest = url.partition("://")
    return f"postgresql+asyncpg://{rest}" if scheme in ("postgresql", "postgres") else url


def alembic_config(service: str, *, dsn: str, versions: Path | None = None) -> Config:
    """The Alembic configuration of one deployable; the only environment is ``chassis/migrations``."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_ROOT / "chassis" / "migrations"))
    config.set_main_option("version_locations", str(_versions(service, versions)))
    config.set_main_option("path_separator", "os")
    config.attributes["dsn"] = dsn
    config.attributes["service"] = service
    return config


def migrate(service: str, *, dsn: str, versions: Path | None = None) -> None:
    """Bring a service's database to the newest revision, as its owner role. Blocking; safe to run twice or by several at once."""
    from alembic import command as alembic

    alembic.upgrade(alembic_config(service, dsn=dsn, versions=versions), "head")


def newest_revision(service: str, *, versions: Path | None = None) -> str | None:
    """The revision that this build needs."""
    return next(iter(revisions(service, versions=versions)[-1:]), None)


@cache
def revisions(service: str, *, versions: Path | None = None) -> tuple[str, ...]:
    """Every revision that this build knows, oldest first: the numbers that its files begin with."""
    return tuple(sorted(file.name.partition("_")[0] for file in _versions(service, versions).glob("[0-9]*_*.py")))


def _versions(service: str, given: Path | None) -> Path:
    package = "gateway" if service == "gateway" else f"services/{service}"
    return given or _ROOT / package / "migrations" / "versions"


async def table_differences(metadata: sa.MetaData, *, dsn: str) -> list[str]:
    """How a migrated database differs from the tables that a service's store declares, leaving out the chassis' own."""
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    def ours(_object: object, name: str | None, kind: str, _reflected: bool, _compared: object) -> bool:
        return not (kind == "table" and name in CHASSIS_TABLES)

    def compare(connection: sa.Connection) -> list[str]:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "include_object": ours})
        return [str(difference) for difference in compare_metadata(context, metadata)]

    engine = create_async_engine(asyncpg_url(dsn))
    try:
        async with engine.connect() as connection:
            return await connection.run_sync(compare)
    finally:
        await engine.dispose()
