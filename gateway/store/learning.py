"""Reading calibrations."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa

from chassis.database import Transaction
from contracts.base import decode
from contracts.matching import Calibration
from gateway.store.tables import among, calibrations


async def calibrations_by_id(tx: Transaction, ids: Sequence[UUID]) -> list[tuple[Calibration, datetime]]:
    """Calibrations with when they last changed."""
    rows = await tx.connection.execute(
        sa.select(calibrations.c.state, calibrations.c.changed_at).where(among(calibrations.c.id, ids))
    )
    return [(decode(Calibration, row.state), row.changed_at) for row in rows]
