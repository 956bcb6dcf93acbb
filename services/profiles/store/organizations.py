"""Organizations: SQL."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import RowMapping, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from chassis.database import Transaction
from contracts.profiles import Organization
from services.profiles.domain.organizations import KeptOrganization
from services.profiles.store.tables import organization


async def load(tx: Transaction, organization_id: UUID, *, lock: bool = False) -> KeptOrganization | None:
    """The organization, if the transaction may see it.

    Whoever writes anything about an organization's people takes its lock first: so addresses stay unique, managers stay there and
    an import sees the people whom it changes. Organizations do not wait for each other.
    """
    statement = select(organization).where(organization.c.organization_id == organization_id)
    if lock:
        statement = statement.with_for_update(key_share=True)
    row = (await tx.connection.execute(statement)).mappings().first()
    return kept(row) if row else None


async def taken(tx: Transaction, new: Organization) -> KeptOrganization | None:
    """Another organization with the same id, slug or issuer."""
    statement = (
        select(organization)
        .where(
            or_(
                organization.c.organization_id == new.organization_id,
                organization.c.slug == new.slug,
                organization.c.issuer == new.issuer,
            )
        )
        .limit(1)
    )
    row = (await tx.connection.execute(statement)).mappings().first()
    return kept(row) if row else None


async def add(tx: Transaction, new: KeptOrganization) -> bool:
    """Keep a new organization; False when its id, slug or issuer is taken, also by a transaction that commits meanwhile."""
    statement = (
        insert(organization)
        .values({**_row(new), "changed_at": tx.now})
        .on_conflict_do_nothing()
        .returning(organization.c.organization_id)
    )
    return (await tx.connection.execute(statement)).first() is not None


async def save(tx: Transaction, changed: KeptOrganization) -> None:
    """Keep an organization's new state; it is locked by this transaction."""
    await tx.connection.execute(
        update(organization)
        .where(organization.c.organization_id == changed.organization.organization_id)
        .values({**_row(changed), "changed_at": tx.now})
    )


def kept(row: RowMapping) -> KeptOrganization:
    """An organization from its row."""
    return KeptOrganization(organization=msgspec.convert(row, Organization), version=row["version"])


def _row(each: KeptOrganization) -> dict[str, Any]:
    columns: dict[str, Any] = msgspec.to_builtins(each.organization, builtin_types=(UUID,))
    return {**columns, "version": each.version}
