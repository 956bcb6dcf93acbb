"""The unions that mutations and private reads answer with, and how each object is read again after a command."""

from __future__ import annotations

from typing import Annotated, Any

import strawberry

from contracts.matching import PairChanged, PairProposed
from gateway.schema import agreements, cohorts, comparing, fairness, imports, pairs, people, reciprocity, runs, sessions
from gateway.schema.mutations.carrying import Done
from gateway.schema.refusals import (
    Conflict,
    Full,
    InvalidInput,
    NotAllowed,
    NotFound,
    ServiceUnavailable,
    TooLate,
)

Refused = NotFound | NotAllowed | InvalidInput | Conflict | Full | TooLate | ServiceUnavailable


@strawberry.type(description="People were onboarded; the report says who was not, and why.")
class PeopleImported:
    report: imports.ImportReport = strawberry.field(description="What the import did.")


@strawberry.type(description="The person's data goes everywhere, within moments.")
class PersonErased:
    person_id: strawberry.ID = strawberry.field(description="Who it was.")


@strawberry.type(description="You will never be paired with this person. Nobody is told.")
class PersonBlocked:
    person_id: strawberry.ID = strawberry.field(description="Whom you blocked.")


@strawberry.type(description="People were invited.")
class PeopleInvited:
    cohort: cohorts.Cohort = strawberry.field(description="The cohort.")
    invited: int = strawberry.field(description="How many; those who were invited before are not counted again.")


@strawberry.type(description="Messages were marked as read.")
class NotificationsRead:
    marked: int = strawberry.field(description="How many were marked.")
    unread: int = strawberry.field(description="How many are left.")


@strawberry.type(description="No more mail of this kind is sent.")
class Unsubscribed:
    done: bool = strawberry.field(description="Always true.")


def _payload(name: str, what: str) -> Any:
    return strawberry.union(name, description=f"{what}, or why not.")


OrganizationPayload = Annotated[people.Organization | Refused, _payload("OrganizationPayload", "The organization")]
PersonPayload = Annotated[people.Person | Refused, _payload("PersonPayload", "The person")]
ConsentPayload = Annotated[people.Consent | Refused, _payload("ConsentPayload", "The consent")]
PreferencesPayload = Annotated[people.Preferences | Refused, _payload("PreferencesPayload", "The wishes")]
ImportPayload = Annotated[PeopleImported | Refused, _payload("ImportPayload", "The import")]
ErasurePayload = Annotated[PersonErased | Refused, _payload("ErasurePayload", "The erasure")]
BlockPayload = Annotated[PersonBlocked | Refused, _payload("BlockPayload", "The block")]
InvitationPayload = Annotated[PeopleInvited | Refused, _payload("InvitationPayload", "The invitations")]
ReadPayload = Annotated[NotificationsRead | Refused, _payload("ReadPayload", "How many were read")]
UnsubscribePayload = Annotated[Unsubscribed | Refused, _payload("UnsubscribePayload", "That it was done")]
CohortPayload = Annotated[cohorts.Cohort | Refused, _payload("CohortPayload", "The cohort")]
EnrolmentPayload = Annotated[cohorts.Enrolment | Refused, _payload("EnrolmentPayload", "The place in the cohort")]
MatchRunPayload = Annotated[runs.MatchRun | Refused, _payload("MatchRunPayload", "The match run")]
ComparisonPayload = Annotated[
    comparing.RunComparison | Refused, _payload("ComparisonPayload", "Two match runs side by side")
]
PassedOverPayload = Annotated[fairness.PassedOverList | Refused, _payload("PassedOverPayload", "Who was passed over")]
RulesCheckPayload = Annotated[
    fairness.RulesCheck | Refused, _payload("RulesCheckPayload", "Whether rules contradict each other")
]
PairPayload = Annotated[pairs.Pair | Refused, _payload("PairPayload", "The pair")]
AgreementPayload = Annotated[agreements.Agreement | Refused, _payload("AgreementPayload", "The agreement")]
AgendaPayload = Annotated[agreements.Agenda | Refused, _payload("AgendaPayload", "The agenda")]
IntroductionPayload = Annotated[reciprocity.Introduction | Refused, _payload("IntroductionPayload", "The introduction")]
SessionPayload = Annotated[sessions.Session | Refused, _payload("SessionPayload", "The session")]
FeedbackPayload = Annotated[sessions.Feedback | Refused, _payload("FeedbackPayload", "The feedback")]
ReportPayload = Annotated[imports.ImportReport | Refused, _payload("ReportPayload", "The report of an import")]
ExportPayload = Annotated[imports.PersonExport | Refused, _payload("ExportPayload", "The viewer's data")]
FeedbackTextPayload = Annotated[sessions.FeedbackText | Refused, _payload("FeedbackTextPayload", "The words")]
SessionLogsPayload = Annotated[sessions.SessionLogTexts | Refused, _payload("SessionLogsPayload", "What both wrote")]


async def read_organization(done: Done[Any]) -> people.Organization | None:
    """The command's organization."""
    seen = await done.info.context.loaders.organizations.load(done.command.organization.organization_id)
    return people.organization(seen) if seen else None


async def read_cohort(done: Done[Any]) -> cohorts.Cohort | None:
    """The command's cohort."""
    seen = await done.info.context.loaders.cohorts.load(done.command.cohort_id)
    return cohorts.cohort(seen) if seen else None


async def read_drafted_cohort(done: Done[Any]) -> cohorts.Cohort | None:
    """The cohort that the command drafted."""
    seen = await done.info.context.loaders.cohorts.load(done.command.cohort.cohort_id)
    return cohorts.cohort(seen) if seen else None


async def read_enrolment(done: Done[Any]) -> cohorts.Enrolment | None:
    """The place of the person whom the command is about: the facts may move others up the waiting list too."""
    person_id = getattr(done.command, "person_id", None) or done.info.context.viewer.person_id
    found = await done.info.context.loaders.enrolments_of.load(person_id) if person_id else []
    mine = next((each for each in found if each.enrolment.cohort_id == done.command.cohort_id), None)
    return cohorts.enrolment(mine) if mine else None


async def read_run(done: Done[Any]) -> runs.MatchRun | None:
    """The command's match run."""
    return await runs.the_run(done.info, done.command.run_id)


async def read_pair(done: Done[Any]) -> pairs.Pair | None:
    """The command's pair."""
    return await pairs.the_pair(done.info, done.command.pair_id)


async def read_pinned_pair(done: Done[Any]) -> pairs.Pair | None:
    """The pair that pinning made or took over."""
    key = done.key_of(PairProposed, PairChanged)
    return await pairs.the_pair(done.info, key) if key else None


async def read_agreement(done: Done[Any]) -> agreements.Agreement | None:
    """The agreement of the command's pair."""
    found = await done.info.context.loaders.agreements_of.load(done.command.pair_id)
    return agreements.agreement(found) if found else None


async def read_agenda(done: Done[Any]) -> agreements.Agenda | None:
    """The agenda of the command's pair."""
    found = await done.info.context.loaders.agendas_of.load(done.command.pair_id)
    return agreements.agenda(found) if found else None


async def read_session(done: Done[Any]) -> sessions.Session | None:
    """The command's session."""
    found = await done.info.context.loaders.sessions.load(done.command.session_id)
    return sessions.session(found) if found else None


async def read_feedback(done: Done[Any]) -> sessions.Feedback | None:
    """The command's feedback."""
    found = await done.info.context.loaders.feedback.load(done.command.feedback_id)
    return sessions.feedback(found) if found else None


async def read_introduction(done: Done[Any]) -> reciprocity.Introduction | None:
    """The command's introduction."""
    found = await done.info.context.loaders.introductions.load(done.command.introduction_id)
    return reciprocity.introduction(found) if found else None
