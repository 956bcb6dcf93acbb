"""What time itself does: cohorts open and close, proposals expire, consents lapse."""

from __future__ import annotations

from chassis.database import Transaction
from chassis.service import Tick
from contracts.base import Event
from services.matching import store
from services.matching.commands.departures import pause_everywhere
from services.matching.domain import cohorts, pairs


async def open_and_close_cohorts(tick: Tick, tx: Transaction) -> list[Event]:
    """At ``opens_at`` once all partners have accepted, and at ``closes_at``."""
    moved = [
        step for kept in await store.due_cohorts(tx, now=tick.now) for step in cohorts.move_by_time(kept, now=tick.now)
    ]
    return await store.save(tx, moved)


async def expire_proposals(tick: Tick, tx: Transaction) -> list[Event]:
    """Proposals that nobody answered in time return both people to the pool."""
    due = await store.due_proposals(tx, now=tick.now)
    return await store.save(tx, [pairs.expire(kept, now=tick.now) for kept in due])


async def pause_lapsed_consents(tick: Tick, tx: Transaction) -> list[Event]:
    """A consent that ran out has the effect of one taken back."""
    facts: list[Event] = []
    for person_id in await store.lapsed_consents(tx, now=tick.now):
        facts += await pause_everywhere(tx, person_id)
    return facts
