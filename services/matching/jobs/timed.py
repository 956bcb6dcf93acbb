"""What time itself does: cohorts open and close, proposals expire, consents lapse, feedback is learned from."""

from __future__ import annotations

from chassis.database import Transaction
from chassis.service import Tick
from contracts.base import Event
from services.matching import store
from services.matching.commands.departures import pause_everywhere
from services.matching.commands.learning import refit_if_due
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


async def forget_lapsed_reports(tick: Tick, tx: Transaction) -> list[Event]:
    """Ratings go with the consent to learn from them, also when that one runs out."""
    await store.forget_lapsed_reports(tx, now=tick.now)
    return []


async def refit_calibrations(tick: Tick, tx: Transaction) -> list[Event]:
    """Where enough was reported since the last fit: of each organization, and of all that share."""
    facts: list[Event] = []
    for organization_id in await store.organizations_with_news(tx, now=tick.now):
        facts += await refit_if_due(tx, organization_id)
    return facts + await refit_if_due(tx, None)
