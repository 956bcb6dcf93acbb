"""Facts → read model, in bulk: one function per table. See store.save for what wins, and for people who were erased."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from chassis.database import Transaction
from contracts import feedback, matching, notifications, profiles
from contracts.base import Event, decode, encode
from gateway import policy
from gateway.store import projecting as store, tables
from gateway.store.changes import IDENTITIES, Change, notify
from gateway.store.projecting import Row

OrganizationFact = profiles.OrganizationRegistered | profiles.OrganizationUpdated
CohortFact = matching.CohortOpened | matching.CohortAdvanced
RunFact = matching.MatchingRequested | matching.MatchingProgressed | matching.MatchingCompleted
PairFact = (
    matching.PairProposed
    | matching.PairAccepted
    | matching.PairDeclined
    | matching.PairActivated
    | matching.PairChanged
    | matching.PairEnded
)
AgreementFact = feedback.AgreementDrafted | feedback.AgreementSigned
SessionFact = feedback.SessionScheduled | feedback.SessionCancelled | feedback.SessionLogged
FeedbackFact = feedback.FeedbackRequested | feedback.FeedbackSubmitted | feedback.FeedbackReleased
# After one of these an issuer's subject may be somebody else, an admin or nobody.
ABOUT_IDENTITIES = (
    profiles.OrganizationRegistered,
    profiles.OrganizationUpdated,
    profiles.ProfileUpdated,
    profiles.ProfileErased,
)
_EVERYBODY = UUID(int=0)
NotificationFact = notifications.NotificationDelivered | notifications.NotificationFailed


async def project_erasures(facts: Sequence[profiles.ProfileErased], tx: Transaction) -> None:
    """Remove everything about people who were erased; of their pairs stays that there was one."""
    people = [fact.person_id for fact in facts]
    await store.erase(tx, [(fact.person_id, fact.version) for fact in facts])
    states = [
        (pair_id, encode(policy.scrubbed(decode(matching.Pair, state))))
        for pair_id, state in await store.pairs_about(tx, people)
    ]
    await store.replace_pair_states(tx, states)


async def project_organizations(facts: Sequence[OrganizationFact], tx: Transaction) -> None:
    """Organizations."""
    rows: list[Row] = [
        (
            fact.key,
            fact.version,
            fact.organization.issuer,
            fact.organization.name.casefold(),
            encode(fact.organization),
        )
        for fact in facts
    ]
    await store.save(tx, tables.organizations, rows)


async def project_people(facts: Sequence[profiles.ProfileUpdated], tx: Transaction) -> None:
    """People."""
    rows: list[Row] = []
    for fact in facts:
        profile = fact.profile
        rows.append(
            (
                fact.key,
                fact.version,
                profile.organization_id,
                profile.subject,
                profile.display_name.casefold(),
                profile.active,
                encode(profile),
            )
        )
    await store.save(tx, tables.people, rows)


async def project_contacts(facts: Sequence[profiles.ContactChanged], tx: Transaction) -> None:
    """Contact addresses."""
    await store.save(tx, tables.contacts, [(fact.key, fact.version, fact.email) for fact in facts])


async def project_consents(facts: Sequence[profiles.ConsentChanged], tx: Transaction) -> None:
    """Consents."""
    rows: list[Row] = []
    for fact in facts:
        consent = fact.consent
        rows.append(
            (
                fact.key,
                fact.version,
                consent.person_id,
                consent.purpose.value,
                consent.granted,
                consent.until,
                encode(consent),
            )
        )
    await store.save(tx, tables.consents, rows)


async def project_cohorts(facts: Sequence[CohortFact], tx: Transaction) -> None:
    """Cohorts."""
    rows: list[Row] = [
        (
            fact.key,
            fact.version,
            fact.cohort.status.value,
            store.array_text(partner.organization_id for partner in fact.cohort.partners),
            fact.cohort.starts_at,
            encode(fact.cohort),
        )
        for fact in facts
    ]
    await store.save(tx, tables.cohorts, rows)


async def project_enrolments(facts: Sequence[matching.EnrolmentChanged], tx: Transaction) -> None:
    """Places in cohorts."""
    rows: list[Row] = []
    for fact in facts:
        place = fact.enrolment
        rows.append(
            (
                fact.key,
                fact.version,
                place.cohort_id,
                place.person_id,
                place.organization_id,
                place.status.value,
                fact.occurred_at,
                encode(place),
            )
        )
    await store.save(tx, tables.enrolments, rows)


async def project_runs(facts: Sequence[RunFact], tx: Transaction) -> None:
    """Match runs."""
    rows: list[Row] = [
        (
            fact.key,
            fact.version,
            fact.run.cohort_id,
            fact.run.status.value,
            fact.occurred_at,
            fact.run.simulated,
            encode(fact.run),
        )
        for fact in facts
        if fact.run.mode is matching.RunMode.WHOLE  # of rounds and groups, the plan tells
    ]
    await store.save(tx, tables.runs, rows)


async def project_round_plans(facts: Sequence[matching.RoundPlanned], tx: Transaction) -> None:
    """Plans of speed rounds."""
    rows: list[Row] = [
        (fact.key, fact.version, fact.plan.cohort_id, fact.occurred_at, encode(fact.plan)) for fact in facts
    ]
    await store.save(tx, tables.round_plans, rows)


async def project_group_plans(facts: Sequence[matching.GroupsPlanned], tx: Transaction) -> None:
    """Plans of groups."""
    rows: list[Row] = [
        (fact.key, fact.version, fact.plan.cohort_id, fact.occurred_at, encode(fact.plan)) for fact in facts
    ]
    await store.save(tx, tables.group_plans, rows)


async def project_calibrations(facts: Sequence[matching.CalibrationChanged], tx: Transaction) -> None:
    """What feedback taught."""
    rows: list[Row] = [
        (
            fact.key,
            fact.version,
            store.array_text(fact.calibration.organizations),
            fact.occurred_at,
            encode(fact.calibration),
        )
        for fact in facts
    ]
    await store.save(tx, tables.calibrations, rows)


async def project_pairs(facts: Sequence[PairFact], tx: Transaction) -> None:
    """Pairs; those of somebody erased without what it tells about them."""
    gone = await store.erased_among(tx, (member.person_id for fact in facts for member in fact.pair.members))
    rows: list[Row] = []
    for fact in facts:
        pair = fact.pair
        if gone and any(member.person_id in gone for member in pair.members):
            pair = policy.scrubbed(pair)
        rows.append(
            (
                fact.key,
                fact.version,
                pair.cohort_id,
                pair.members[0].person_id,
                pair.members[1].person_id,
                pair.status.value,
                policy.was_shown(pair),
                pair.value,
                fact.occurred_at,
                encode(pair),
            )
        )
    await store.save(tx, tables.pairs, rows)


async def project_agreements(facts: Sequence[AgreementFact], tx: Transaction) -> None:
    """Agreements."""
    await store.save(
        tx,
        tables.agreements,
        [
            (fact.key, fact.version, fact.agreement.pair_id, *fact.agreement.people, encode(fact.agreement))
            for fact in facts
        ],
    )


async def project_agendas(facts: Sequence[feedback.AgendaChanged], tx: Transaction) -> None:
    """Agendas."""
    await store.save(
        tx,
        tables.agendas,
        [(fact.key, fact.version, fact.agenda.pair_id, *fact.agenda.people, encode(fact.agenda)) for fact in facts],
    )


async def project_sessions(facts: Sequence[SessionFact], tx: Transaction) -> None:
    """Meetings."""
    rows: list[Row] = []
    for fact in facts:
        session = fact.session
        rows.append(
            (
                fact.key,
                fact.version,
                session.pair_id,
                session.cohort_id,
                *session.people,
                session.status.value,
                session.starts_at,
                session.starts_at + timedelta(minutes=session.minutes),
                encode(session),
            )
        )
    await store.save(tx, tables.sessions, rows)


async def project_feedback(facts: Sequence[FeedbackFact], tx: Transaction) -> None:
    """That feedback is due, written or released; its words never come here."""
    rows: list[Row] = []
    for fact in facts:
        each = fact.feedback
        rows.append(
            (
                fact.key,
                fact.version,
                each.pair_id,
                each.cohort_id,
                each.author_id,
                each.addressee_id,
                each.status.value,
                each.due_at,
                each.usefulness,
                encode(each),
            )
        )
    await store.save(tx, tables.feedback, rows)


async def project_introductions(facts: Sequence[feedback.IntroductionAdvanced], tx: Transaction) -> None:
    """Introductions, with whom they lead to in a column of its own: the state on the wire hides it before consent."""
    rows: list[Row] = []
    for fact in facts:
        each = fact.introduction
        rows.append(
            (
                fact.key,
                fact.version,
                each.pair_id,
                each.cohort_id,
                each.offered_by,
                each.offered_to,
                _third(fact),
                each.status.value,
                encode(each),
            )
        )
    await store.save(tx, tables.introductions, rows)


def _third(fact: feedback.IntroductionAdvanced) -> UUID | None:
    return fact.introduction.third_person_id or fact.ask_third_person_id


async def project_reciprocity(facts: Sequence[feedback.ReciprocityAssessed], tx: Transaction) -> None:
    """Ledgers."""
    rows: list[Row] = []
    for fact in facts:
        each = fact.reciprocity
        rows.append(
            (
                fact.key,
                fact.version,
                each.pair_id,
                each.cohort_id,
                *each.people,
                each.sessions_logged,
                each.balance,
                encode(each),
            )
        )
    await store.save(tx, tables.reciprocity, rows)


async def project_notifications(facts: Sequence[NotificationFact], tx: Transaction) -> None:
    """Inboxes."""
    rows: list[Row] = []
    for fact in facts:
        each = fact.notification
        rows.append((fact.key, fact.version, each.person_id, each.created_at, each.read_at is None, encode(each)))
    await store.save(tx, tables.notifications, rows)


async def project_preferences(facts: Sequence[notifications.PreferencesChanged], tx: Transaction) -> None:
    """Wishes."""
    await store.save(
        tx,
        tables.preferences,
        [(fact.key, fact.version, fact.preferences.person_id, encode(fact.preferences)) for fact in facts],
    )


async def announce(facts: Sequence[Event], tx: Transaction) -> None:
    """Tell every replica's subscribers what changed, and about whom; each reads it again under its own rights."""
    changes: dict[UUID, Change] = {}  # the last one about each object
    for fact in facts:
        match fact:
            case (
                matching.PairProposed()
                | matching.PairAccepted()
                | matching.PairDeclined()
                | matching.PairActivated()
                | matching.PairChanged()
                | matching.PairEnded()
            ):
                pair = fact.pair
                told = [member.person_id for member in pair.members] if policy.was_shown(pair) else []
                changes[fact.key] = Change("pair", fact.key, (pair.cohort_id, *told))
            case feedback.SessionScheduled() | feedback.SessionCancelled() | feedback.SessionLogged():
                changes[fact.key] = Change("session", fact.key, fact.session.people)
            case notifications.NotificationDelivered() | notifications.NotificationFailed():
                changes[fact.key] = Change("notification", fact.key, (fact.notification.person_id,))
            case _ if isinstance(fact, ABOUT_IDENTITIES):
                changes[_EVERYBODY] = Change(IDENTITIES, _EVERYBODY, ())
            case matching.MatchingRequested() | matching.MatchingProgressed() | matching.MatchingCompleted() if (
                fact.run.mode is matching.RunMode.WHOLE
            ):
                changes[fact.key] = Change("run", fact.key, (fact.run.cohort_id,))
            case _:
                pass
    await notify(tx, changes.values())
