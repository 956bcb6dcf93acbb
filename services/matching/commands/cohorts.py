"""Drafting, accepting, advancing cohorts, and changing their rules."""

from __future__ import annotations

from chassis.database import Transaction
from contracts.base import Event, Role
from contracts.errors import NotAllowed
from contracts.matching import (
    AcceptPartnership,
    AdvanceCohort,
    ChangeCapacity,
    ChangeRules,
    ChangeSeats,
    CohortStatus,
    DraftCohort,
)
from services.matching import store
from services.matching.commands.departures import admit_waiting, end_for_everybody
from services.matching.domain import cohorts, enrolments
from services.matching.domain.authority import no_cohort, partner_of


class AdminsOnly(NotAllowed):
    """Somebody without an organization to speak for tried to draft a cohort."""


async def draft_cohort(command: DraftCohort, tx: Transaction) -> list[Event]:
    """By an admin of the first partner."""
    actor = command.actor
    if actor.organization_id is None or not actor.is_a(Role.ADMIN):
        raise AdminsOnly("Only an admin of an organization can draft a cohort.", remedy="Sign in as an admin.")
    partners = [partner.organization_id for partner in command.cohort.partners]
    first, *rest = cohorts.draft(
        command.cohort,
        organization_id=actor.organization_id,
        known=await store.known_organizations(tx, partners),
        now=tx.now,
        by=actor.person_id,
    )
    return [*await store.add_cohort(tx, first), *await store.save(tx, rest)]


async def accept_partnership(command: AcceptPartnership, tx: Transaction) -> list[Event]:
    """By an admin of a partner, for their own organization."""
    kept = await store.load_cohort(tx, command.cohort_id, lock=True)
    if kept is None:
        raise no_cohort()
    accepted = cohorts.accept_partnership(
        kept,
        organization_id=partner_of(kept.state, actor=command.actor),
        seats=command.seats,
        now=tx.now,
        by=command.actor.person_id,
    )
    return await store.save(tx, accepted)


async def advance_cohort(command: AdvanceCohort, tx: Transaction) -> list[Event]:
    """By an admin of a partner; the end of a cohort ends everything in it."""
    kept = await store.load_cohort(tx, command.cohort_id, lock=True)
    if kept is None:
        raise no_cohort()
    partner_of(kept.state, actor=command.actor)
    advanced = cohorts.advance(
        kept,
        to=command.to,
        published=await store.published_runs(tx, command.cohort_id) > 0,
        now=tx.now,
        by=command.actor.person_id,
    )
    facts = await store.save(tx, [advanced])
    if advanced.state.status in {CohortStatus.COMPLETED, CohortStatus.CANCELLED}:
        facts += await store.save(tx, await end_for_everybody(tx, advanced, by=command.actor.person_id))
    return facts


async def change_rules(command: ChangeRules, tx: Transaction) -> list[Event]:
    """By an admin of a partner, before the cohort is matched."""
    kept = await store.load_cohort(tx, command.cohort_id, lock=True)
    if kept is None:
        raise no_cohort()
    partner_of(kept.state, actor=command.actor)
    named = {person for rule in command.rules.rules for person in rule.people}
    concerned = await store.enrolments_of_cohort(tx, command.cohort_id, people=named, statuses=enrolments.LIVE)
    changed = cohorts.change_rules(
        kept,
        rules=command.rules,
        enrolments=enrolments.by_person(concerned),
        now=tx.now,
        by=command.actor.person_id,
    )
    return await store.save(tx, [changed])


async def change_capacity(command: ChangeCapacity, tx: Transaction) -> list[Event]:
    """By an admin of a partner; whoever waits moves into the new places at once."""
    kept = await store.load_cohort(tx, command.cohort_id, lock=True)
    partner_of(kept.state if kept else None, actor=command.actor)
    assert kept is not None
    occupancy = await store.occupancy_of(tx, command.cohort_id)
    changed = cohorts.change_capacity(
        kept, capacity=command.capacity, held=occupancy.total, now=tx.now, by=command.actor.person_id
    )
    return [*await store.save(tx, [changed]), *await admit_waiting(tx, changed)]


async def change_seats(command: ChangeSeats, tx: Transaction) -> list[Event]:
    """By an admin of a partner, for their own organization; whoever waits moves into the new places at once."""
    kept = await store.load_cohort(tx, command.cohort_id, lock=True)
    organization_id = partner_of(kept.state if kept else None, actor=command.actor)
    assert kept is not None
    occupancy = await store.occupancy_of(tx, command.cohort_id)
    changed = cohorts.change_seats(
        kept,
        organization_id=organization_id,
        seats=command.seats,
        held=occupancy.held.get(organization_id, 0),
        now=tx.now,
        by=command.actor.person_id,
    )
    return [*await store.save(tx, [changed]), *await admit_waiting(tx, changed)]
