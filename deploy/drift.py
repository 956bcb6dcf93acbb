"""Do the migrations make the tables that the stores declare? Asked of a real, freshly migrated PostgreSQL."""

from __future__ import annotations

import asyncio
from importlib import import_module
from typing import Any

from chassis.database import migrate, table_differences
from deploy.embedded import embedded, temporary_folder
from deploy.provision import SERVICES, provision


def drifts() -> list[str]:
    """Each difference between migrations and declared tables, as a sentence."""
    with temporary_folder() as folder, embedded(folder, durable=False) as running:
        found = []
        for service in SERVICES:
            dsns = asyncio.run(provision(running.postgres_admin_dsn, service=service, password="for a moment"))  # noqa: S106
            migrate(service, dsn=dsns.owner)
            found += [
                f"{service}: {difference}"
                for difference in asyncio.run(table_differences(_metadata(service), dsn=dsns.owner))
            ]
        return found


def _metadata(service: str) -> Any:
    return import_module("gateway.store" if service == "gateway" else f"services.{service}.store").metadata
