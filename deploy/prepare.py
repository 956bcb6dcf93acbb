"""Everything that must be true before the services start: roles, databases, migrations, topics, and nothing lost with the broker.

A process of its own (`python -m deploy.prepare`), so that what it imports does not stay in memory.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Callable, Sequence

import asyncpg

from chassis.database import migrate, newest_revision
from deploy.provision import SERVICES, ServiceDsns, provision
from deploy.topics import create


async def provisioned(admin_dsn: str, *, password: str) -> dict[str, ServiceDsns]:
    """Roles and databases of all services."""
    return {name: await provision(admin_dsn, service=name, password=password) for name in SERVICES}


async def revision(dsn: str) -> str | None:
    """The revision of a database, None for an empty one."""
    connection = await asyncpg.connect(dsn)
    try:
        if await connection.fetchval("SELECT to_regclass('public.alembic_version')") is None:
            return None
        found: str | None = await connection.fetchval("SELECT version_num FROM public.alembic_version")
        return found
    finally:
        await connection.close()


def migrated(dsns: dict[str, ServiceDsns]) -> bool:
    """Bring every database to its newest revision; whether any of them had data before."""
    before = {name: asyncio.run(revision(dsn.owner)) for name, dsn in dsns.items()}
    for name, dsn in dsns.items():
        if before[name] != newest_revision(name):
            migrate(name, dsn=dsn.owner)
    return any(before.values())


def prepare(admin_dsn: str, *, kafka: str, password: str, say: Callable[[str], None]) -> dict[str, ServiceDsns]:
    """All of it, in order; `say` gets a line per step that did something."""
    started = time.monotonic()
    dsns = asyncio.run(provisioned(admin_dsn, password=password))
    had_data = migrated(dsns)
    created = create(kafka)
    say(f"databases and {len(created)} topics ready in {time.monotonic() - started:.1f} s")
    if had_data and created:
        # The topics are new and the data is not: the broker has forgotten what was on its way.
        from deploy.contracts import specs
        from deploy.reconcile import reconcile

        for found in asyncio.run(reconcile({name: dsn.app for name, dsn in dsns.items()}, specs=specs())):
            if found.requeued:
                say(f"{found.owner}: {found.requeued} of {found.checked} kept facts will be published again")
    return dsns


def main(_arguments: Sequence[str] = ()) -> int:
    """Arguments come as JSON on standard input, since they hold passwords: {"admin_dsn", "kafka", "password", "migrated"}.

    Databases that are `migrated` are up to date and new: only the topics are made.
    """
    chosen = json.load(sys.stdin)
    if chosen["migrated"]:
        started = time.monotonic()
        print(f"{len(create(chosen['kafka']))} topics ready in {time.monotonic() - started:.1f} s")
        return 0
    prepare(chosen["admin_dsn"], kafka=chosen["kafka"], password=chosen["password"], say=print)
    return 0


if __name__ == "__main__":
    sys.exit(main())
