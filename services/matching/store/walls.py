"""Looking over the wall of row-level security, for the few commands and reads that must."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import sqlalchemy as sa

from chassis.database import Transaction
from contracts.base import Role


@asynccontextmanager
async def seeing_all(tx: Transaction) -> AsyncIterator[None]:
    """Within it, statements see what the worker sees: snapshots, blocks, everybody's consent.

    For what the caller may cause but not read: ask who acts before, and let out nothing but what they may know. An error inside
    ends the transaction, so the narrower role need not be restored then.
    """
    if tx.actor.is_a(Role.SYSTEM) or tx.actor.is_a(Role.OPERATOR):
        yield
        return
    await tx.connection.execute(sa.text(f"SET LOCAL role = '{tx.service}_system'"))
    yield
    await tx.connection.execute(sa.text(f"SET LOCAL role = '{tx.service}_tenant'"))
