"""Ranking people, vetoing a pair, and taking a veto back."""

from __future__ import annotations

from chassis.database import Transaction
from contracts.base import Event
from contracts.matching import RankPeople, VetoPair, WithdrawVeto
from services.matching import store
from services.matching.domain import choices, enrolments
from services.matching.domain.authority import no_cohort, partner_of, person_of


async def rank_people(command: RankPeople, tx: Transaction) -> list[Event]:
    """By the person. No fact tells it: a ranking is its author's alone."""
    person_id = person_of(command.actor)
    # The cohort's lock: no run freezes while a ranking changes.
    cohort = await store.load_cohort(tx, command.cohort_id, lock=True)
    if cohort is None:
        raise no_cohort()
    concerned = await store.enrolments_of_cohort(tx, command.cohort_id, people={person_id, *command.people})
    ranking = choices.rank(
        cohort.state,
        by=person_id,
        people=command.people,
        enrolments=enrolments.by_person(concerned),
        now=tx.now,
    )
    if ranking.people:
        await store.save_ranking(tx, ranking, by=person_id)
    else:
        await store.drop_ranking(tx, command.cohort_id, person_id=person_id)
    return []


async def veto_pair(command: VetoPair, tx: Transaction) -> list[Event]:
    """By an admin of a partner: remembered for all runs to come; a draft of the two is dropped."""
    cohort = await store.load_cohort(tx, command.cohort_id, lock=True)
    partner_of(cohort.state if cohort else None, actor=command.actor)
    assert cohort is not None
    concerned = await store.enrolments_of_cohort(tx, command.cohort_id, people=set(command.people))
    veto = choices.veto(cohort.state, people=command.people, enrolments=enrolments.by_person(concerned), now=tx.now)
    await store.lock_seats(tx, command.cohort_id, people=veto.people)
    present = await store.pairs_of_people(tx, veto.people, cohort_id=command.cohort_id)
    dropped = choices.dropped(present, veto=veto, now=tx.now)
    await store.add_veto(tx, veto, partners=[partner.organization_id for partner in cohort.state.partners])
    return await store.save(tx, dropped)


async def withdraw_veto(command: WithdrawVeto, tx: Transaction) -> list[Event]:
    """By an admin of a partner."""
    cohort = await store.load_cohort(tx, command.cohort_id, lock=True)
    partner_of(cohort.state if cohort else None, actor=command.actor)
    if not await store.drop_veto(tx, command.cohort_id, people=choices.couple(command.people)):
        raise choices.NoVeto("These two are not vetoed.", remedy="List the cohort's vetoes.")
    return []
