"""Every aggregate's present public state, told as it was told last."""

from __future__ import annotations

from collections.abc import AsyncIterator

import sqlalchemy as sa

from chassis.database import Transaction
from contracts.base import Event
from contracts.matching import Calibration, Cohort, Enrolment, GroupPlan, MatchRun, Pair, RoundPlan
from services.matching.domain.kept import fact_of
from services.matching.store import tables
from services.matching.store.rows import kept_from


async def current_facts(tx: Transaction) -> AsyncIterator[Event]:
    """One fact per cohort, enrolment, run, pair, plan of rounds, plan of groups and calibration; in this order, so that a reader meets
    the whole before its parts."""
    for table, kind in (
        (tables.cohort, Cohort),
        (tables.enrolment, Enrolment),
        (tables.match_run, MatchRun),
        (tables.pair, Pair),
        (tables.round_plan, RoundPlan),
        (tables.group_plan, GroupPlan),
        (tables.calibration, Calibration),
    ):
        async with tx.connection.stream(sa.select(table).order_by(table.c.changed_at)) as rows:
            async for row in rows:
                yield fact_of(kept_from(row, kind))
