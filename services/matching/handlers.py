"""Reactions to what other services said."""

from __future__ import annotations

from chassis import outbox
from chassis.database import Transaction
from contracts.base import Event
from contracts.feedback import AgreementSigned, FeedbackReleased
from contracts.profiles import (
    ConsentChanged,
    OrganizationRegistered,
    OrganizationUpdated,
    ProfileErased,
    ProfileUpdated,
    Purpose,
)
from services.matching import store
from services.matching.commands.departures import admit_again, admit_waiting, lock_pairs_and_seats, pause_everywhere
from services.matching.domain import candidates, enrolments, groups, learning, pairs, rounds
from services.matching.domain.authority import people_of
from services.matching.domain.kept import Aggregate, Kept


async def remember_organization(fact: OrganizationRegistered | OrganizationUpdated, tx: Transaction) -> list[Event]:
    """It can be a partner from now on."""
    await store.save_organization(tx, fact.organization.organization_id, version=fact.version)
    return []


async def refresh_candidate(fact: ProfileUpdated, tx: Transaction) -> list[Event]:
    """Keep what matching reads of the newest profile; whoever left their organization pauses everywhere, and whoever came back is
    admitted where a place was passed over them."""
    newer = await store.save_candidate(tx, candidates.candidate_of(fact.profile), version=fact.version)
    if newer and not fact.profile.active:
        return await pause_everywhere(tx, fact.profile.person_id)
    return await admit_again(tx, fact.profile.person_id) if newer else []


async def heed_consent(fact: ConsentChanged, tx: Transaction) -> list[Event]:
    """Whoever takes back the consent to being matched pauses everywhere, at once; whoever gives it gets the place that waits."""
    if fact.consent.purpose is not Purpose.MATCHING:
        return []
    newer = await store.save_consent(tx, fact.consent, version=fact.version)
    if newer and not candidates.allows_matching(fact.consent, now=tx.now):
        return await pause_everywhere(tx, fact.consent.person_id)
    return await admit_again(tx, fact.consent.person_id) if newer else []


async def heed_learning_consent(fact: ConsentChanged, tx: Transaction) -> list[Event]:
    """Whoever takes back the consent to learning is not learned from any more, at once."""
    if fact.consent.purpose is not Purpose.LEARNING:
        return []
    newer = await store.save_learning_consent(tx, fact.consent, version=fact.version)
    if newer and not learning.allows_learning(fact.consent, now=tx.now):
        await store.forget_reports(tx, [fact.consent.person_id])
    return []


async def remember_report(fact: FeedbackReleased, tx: Transaction) -> list[Event]:
    """Keep a released rating beside what was promised, if both people agreed that it may be learned from. Never any words."""
    feedback = fact.feedback
    if feedback.usefulness is None:
        await store.drop_report(tx, feedback.feedback_id, version=fact.version)
        return []
    two = {feedback.author_id, feedback.addressee_id}
    if await store.agreed_to_learning(tx, two, now=tx.now) != two:
        return []
    pair = await store.load_pair(tx, feedback.pair_id)
    run = None if pair is None or pair.state.run_id is None else await store.load_run(tx, pair.state.run_id)
    if pair is not None and run is not None:
        report = learning.report_of(feedback, pair=pair.state, meaning=run[0].state.meaning)
        if report is not None:
            await store.save_report(tx, report, version=fact.version)
    return []


async def forget_person(fact: ProfileErased, tx: Transaction) -> list[Event]:
    """No word of the person stays: candidate, consent, blocks and snapshots go, pairs are blanked and end, places are freed."""
    person_id = fact.person_id
    await store.forget_person(tx, person_id, version=fact.version)
    every_pair = await store.pairs_of_people(tx, [person_id], lock=False)
    live = {kept.state.cohort_id for kept in await store.enrolments_of_person(tx, person_id, statuses=enrolments.LIVE)}
    live |= await store.cohorts_with_rounds_of(tx, person_id)
    live |= await store.cohorts_with_groups_of(tx, person_id)
    facts: list[Event] = []
    for cohort_id in sorted(live | {kept.state.cohort_id for kept in every_pair}):
        cohort = await store.load_cohort(tx, cohort_id, lock=True)
        enrolment = await store.load_enrolment(tx, cohort_id, person_id=person_id, lock=True)
        theirs = await lock_pairs_and_seats(tx, cohort_id, person_id=person_id)
        changes: list[Kept[Aggregate]] = [pairs.forget(kept, person_id=person_id, now=tx.now) for kept in theirs]
        if enrolment is not None and enrolment.state.status in enrolments.LIVE:
            changes.insert(0, enrolments.withdraw(enrolment, now=tx.now, by=None))
        planned = await store.round_plans_of(tx, cohort_id, person_id=person_id)
        changes += [rounds.forget(kept, person_id=person_id, now=tx.now) for kept in planned]
        grouped = await store.group_plans_of(tx, cohort_id, person_id=person_id)
        changes += [groups.forget(kept, person_id=person_id, now=tx.now) for kept in grouped]
        facts += await store.save(tx, changes)
        if cohort is not None:
            facts += await admit_waiting(tx, cohort)
    return await outbox.forget(tx, facts)


async def activate_pair(fact: AgreementSigned, tx: Transaction) -> list[Event]:
    """Both signed: the pair works together. Nothing else makes a pair active."""
    if not fact.agreement.complete:
        return []
    found = await store.load_pair(tx, fact.agreement.pair_id)
    if found is None:
        return []
    await store.lock_seats(tx, found.state.cohort_id, people=people_of(found.state))
    kept = await store.load_pair(tx, fact.agreement.pair_id, lock=True)
    return [] if kept is None else await store.save(tx, [pairs.activate(kept, now=tx.now)])
