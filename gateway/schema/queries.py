"""Everything that can be read."""

from __future__ import annotations

from typing import Annotated, TypeVar
from uuid import UUID

import strawberry
from graphql import GraphQLError

from contracts import feedback as feedback_contract, matching as matching_contract, profiles as profiles_contract
from contracts.base import Query as PrivateRead
from contracts.errors import Refusal as ContractRefusal
from contracts.matching import CohortStatus
from gateway import policy
from gateway.platform import OwnerAway
from gateway.schema import (
    choices as choice_types,
    cohorts as cohort_types,
    comparing,
    fairness as fairness_types,
    groups as group_types,
    imports,
    inbox as inbox_types,
    learning as learning_types,
    pairs as pair_types,
    people as people_types,
    rounds as round_types,
    runs as run_types,
    sessions as session_types,
)
from gateway.schema.context import Id, Info, the_id
from gateway.schema.describing import field
from gateway.schema.finding import find
from gateway.schema.mutations import carrying, choices as choosing, results
from gateway.schema.mutations.carrying import InputIsWrong
from gateway.schema.mutations.matching import RuleSetInput
from gateway.schema.mutations.profiles import file_bytes, own_organization
from gateway.schema.paging import LARGEST_PAGE, After, Connection, First, Node, asked, connection
from gateway.schema.platform import PlatformInfo, platform_info
from gateway.schema.refusals import NotFound, Refused, needs_a_person, refused

AnswerT = TypeVar("AnswerT")
NO_IMPORT = UUID(int=0)  # a dry run leaves nothing behind that an id could find

Ids = Annotated[list[strawberry.ID], strawberry.argument(description="The ids, at most 100.")]
CohortId = Annotated[strawberry.ID, strawberry.argument(description="The cohort.")]
MostSuggested = Annotated[int, strawberry.argument(description="How many at most: 1 to 20.")]
OtherPerson = Annotated[strawberry.ID, strawberry.argument(description="The other participant.")]
AboutWhom = Annotated[
    strawberry.ID | None,
    strawberry.argument(description="For organizers: about whom of the two; left out: the viewer."),
]
RunId = Annotated[strawberry.ID, strawberry.argument(description="A completed match run.")]
OtherRunId = Annotated[strawberry.ID, strawberry.argument(description="Another one of the same cohort.")]
OwnPair = Annotated[strawberry.ID | None, strawberry.argument(description="A pair of the viewer's.")]
OwnCohort = Annotated[
    strawberry.ID | None, strawberry.argument(description="A cohort of the viewer's, with or without a pair.")
]
RulesToCheck = Annotated[
    RuleSetInput | None, strawberry.argument(description="The rules to try; left out: those of the cohort.")
]
FileName = Annotated[str, strawberry.argument(description="The file's name, for the report.")]
Content = Annotated[str, strawberry.argument(description="The file's bytes in base64.")]
OrganizationId = Annotated[
    strawberry.ID | None, strawberry.argument(description="The organization; left out: the viewer's.")
]
SharedOne = Annotated[bool, strawberry.argument(description="True: the one among organizations instead.")]
CohortStatuses = Annotated[
    list[CohortStatus] | None, strawberry.argument(description="Only cohorts in one of these states.")
]
Upcoming = Annotated[bool, strawberry.argument(description="True: only those that have not ended, the next first.")]


async def ask(info: Info, query: PrivateRead, answer: type[AnswerT]) -> AnswerT | Refused:
    """A private read from the service that owns the words."""
    try:
        return await info.context.platform.ask(query, answer=answer, actor=info.context.viewer)
    except ContractRefusal as refusal:
        return refused(refusal)
    except OwnerAway as away:
        return carrying.unavailable(away)


@strawberry.type(
    description="Everything that can be read. What the viewer may not see is null, as if it did not exist."
)
class Query:
    @field("Who asks.")
    def viewer(self, info: Info) -> inbox_types.Viewer:
        viewer = info.context.viewer
        return inbox_types.Viewer(subject=viewer.subject, roles=list(viewer.roles))

    @field("Any object by its id.")
    async def node(self, info: Info, id: Id) -> Node | None:  # noqa: A002
        return (await find(info, [the_id(id, path="id")]))[0]

    @field("Objects by their ids, in the order of the ids.")
    async def nodes(self, info: Info, ids: Ids) -> list[Node | None]:
        if len(ids) > LARGEST_PAGE:
            raise GraphQLError(
                f"ids: {len(ids)} are too many; at most {LARGEST_PAGE} at once.", extensions={"code": "PageSize"}
            )
        return await find(info, [the_id(each, path=f"ids[{number}]") for number, each in enumerate(ids)])

    @field("An organization.")
    async def organization(self, info: Info, id: Id) -> people_types.Organization | None:  # noqa: A002
        return await people_types.the_organization(info, the_id(id, path="id"))

    @field("Organizations by name: all of them for admins and operators, the partners of their cohorts for people.")
    async def organizations(
        self, info: Info, first: First = 20, after: After = None
    ) -> Connection[people_types.Organization]:
        page = asked(first, after)
        found = await info.context.loaders.organizations_by_name(page=page)
        return connection(found, people_types.organization, asked=page)

    @field("A person, as far as the viewer may see them.")
    async def person(self, info: Info, id: Id) -> people_types.Person | None:  # noqa: A002
        return await people_types.the_person(info, the_id(id, path="id"))

    @field("A cohort.")
    async def cohort(self, info: Info, id: Id) -> cohort_types.Cohort | None:  # noqa: A002
        return await cohort_types.the_cohort(info, the_id(id, path="id"))

    @field("The cohorts of the viewer's organization, the latest first.")
    async def cohorts(
        self, info: Info, first: First = 20, after: After = None, status: CohortStatuses = None
    ) -> Connection[cohort_types.Cohort]:
        page = asked(first, after)
        found = await info.context.loaders.cohorts_by_start(statuses=status, page=page)
        return connection(found, cohort_types.cohort, asked=page)

    @field("A pair, for the two and for organizers of its cohort.")
    async def pair(self, info: Info, id: Id) -> pair_types.Pair | None:  # noqa: A002
        return await pair_types.the_pair(info, the_id(id, path="id"))

    @field("A session, for the two.")
    async def session(self, info: Info, id: Id) -> session_types.Session | None:  # noqa: A002
        found = await info.context.loaders.sessions.load(the_id(id, path="id"))
        return session_types.session(found) if found else None

    @field("The viewer's sessions: all, the latest first, or the upcoming ones.")
    async def sessions(
        self, info: Info, first: First = 20, after: After = None, upcoming: Upcoming = False
    ) -> Connection[session_types.Session]:
        page = asked(first, after)
        found = await info.context.loaders.my_sessions(page=page, upcoming=upcoming)
        return connection(found, session_types.session, asked=page)

    @field("What the viewer was told, the newest first.")
    async def notifications(
        self, info: Info, first: First = 20, after: After = None, unread: inbox_types.UnreadOnly = False
    ) -> Connection[inbox_types.Notification]:
        page = asked(first, after)
        found = await info.context.loaders.my_notifications(page=page, unread=unread)
        return connection(found, inbox_types.notification, asked=page)

    @field("A match run, for organizers of its cohort and operators.")
    async def match_run(self, info: Info, id: Id) -> run_types.MatchRun | None:  # noqa: A002
        return await run_types.the_run(info, the_id(id, path="id"))

    @field("Two completed match runs of a cohort side by side. For its organizers and operators. Never kept here.")
    async def compare_runs(self, info: Info, run_id: RunId, other_id: OtherRunId) -> results.ComparisonPayload:
        query = matching_contract.CompareRuns(
            run_id=the_id(run_id, path="runId"), other_run_id=the_id(other_id, path="otherId")
        )
        answer = await ask(info, query, matching_contract.RunComparison)
        return comparing.comparison(answer) if isinstance(answer, matching_contract.RunComparison) else answer

    @field(
        "Whether rules contradict each other for the people who are admitted now, before any run. For organizers of the cohort and "
        "operators. Never kept here."
    )
    async def rules_check(
        self, info: Info, cohort_id: CohortId, rules: RulesToCheck = None
    ) -> results.RulesCheckPayload:
        try:
            tried = None if rules is None else carrying.converted(carrying.as_plain(rules), matching_contract.RuleSet)
        except InputIsWrong as wrong:
            return refused(wrong)
        query = matching_contract.CheckRules(cohort_id=the_id(cohort_id, path="cohortId"), rules=tried)
        answer = await ask(info, query, matching_contract.RulesCheck)
        return fairness_types.rules_check(answer) if isinstance(answer, matching_contract.RulesCheck) else answer

    @field(
        "Why the match run gave the viewer nobody better: the one that found a pair of theirs, or the cohort's latest whose proposals are "
        "published. For the viewer's own pair, or without one. Never kept here."
    )
    async def passed_over(
        self, info: Info, pair_id: OwnPair = None, cohort_id: OwnCohort = None
    ) -> results.PassedOverPayload:
        if info.context.viewer.person_id is None:
            return needs_a_person()
        if (pair_id is None) == (cohort_id is None):
            raise GraphQLError(
                "passedOver: name either pairId or cohortId.", extensions={"code": "InvalidId", "path": "passedOver"}
            )
        query = matching_contract.ReadPassedOver(
            pair_id=None if pair_id is None else the_id(pair_id, path="pairId"),
            cohort_id=None if cohort_id is None else the_id(cohort_id, path="cohortId"),
        )
        answer = await ask(info, query, matching_contract.PassedOverByRun)
        return fairness_types.passed_over(answer) if isinstance(answer, matching_contract.PassedOverByRun) else answer

    @field(
        "Who would suit the viewer in a cohort, with reasons, from its opening until it wraps up. By a person who takes part. Computed "
        "as it is asked for, and never kept here."
    )
    async def suggestions(
        self, info: Info, cohort_id: CohortId, first: MostSuggested = 5
    ) -> choosing.SuggestionsPayload:
        if info.context.viewer.person_id is None:
            return needs_a_person()
        query = matching_contract.SuggestPartners(cohort_id=the_id(cohort_id, path="cohortId"), first=first)
        answer = await ask(info, query, matching_contract.Suggestions)
        if isinstance(answer, matching_contract.Suggestions):
            return await choice_types.suggestions(info, answer)
        return answer

    @field(
        "Why the viewer and another participant are not together, or that nothing speaks against it; for organizers, why two of "
        "the cohort are not. Computed as it is asked for, and never kept here."
    )
    async def why_not(
        self, info: Info, cohort_id: CohortId, person_id: OtherPerson, of: AboutWhom = None
    ) -> choosing.WhyNotPayload:
        other = the_id(person_id, path="personId")
        if await info.context.loaders.people.load(other) is None:
            return NotFound(
                message="There is nobody like that.", code="PersonNotFound", remedy="Choose among the participants."
            )
        query = matching_contract.ExplainWhyNot(
            cohort_id=the_id(cohort_id, path="cohortId"),
            other_id=other,
            person_id=None if of is None else the_id(of, path="of"),
        )
        answer = await ask(info, query, matching_contract.WhyNot)
        return choice_types.why_not(answer) if isinstance(answer, matching_contract.WhyNot) else answer

    @field("Whom the viewer ranked in a cohort. For the viewer alone; never kept here.")
    async def my_ranking(self, info: Info, cohort_id: CohortId) -> choosing.RankingPayload:
        if info.context.viewer.person_id is None:
            return needs_a_person()
        query = matching_contract.ReadRankings(cohort_id=the_id(cohort_id, path="cohortId"))
        answer = await ask(info, query, matching_contract.Rankings)
        if isinstance(answer, matching_contract.Rankings):
            return choice_types.ranking(answer, cohort_id=the_id(cohort_id, path="cohortId"))
        return answer

    @field("Whom organizers want no run to pair. For organizers of the cohort; never kept here.")
    async def vetoes(self, info: Info, cohort_id: CohortId) -> choosing.VetoesPayload:
        query = matching_contract.ListVetoes(cohort_id=the_id(cohort_id, path="cohortId"))
        answer = await ask(info, query, matching_contract.Vetoes)
        return choice_types.vetoes(answer) if isinstance(answer, matching_contract.Vetoes) else answer

    @field("A plan of speed rounds: for organizers of its cohort, operators, and the people in it.")
    async def round_plan(self, info: Info, id: Id) -> round_types.RoundPlan | None:  # noqa: A002
        seen = await info.context.loaders.round_plans.load(the_id(id, path="id"))
        return round_types.round_plan(seen) if seen else None

    @field("A plan of groups: for organizers of its cohort, operators, and, once published, the people in it.")
    async def group_plan(self, info: Info, id: Id) -> group_types.GroupPlan | None:  # noqa: A002
        seen = await info.context.loaders.group_plans.load(the_id(id, path="id"))
        return group_types.group_plan(seen) if seen else None

    @field("The groups that the viewer is in, as published, the latest plan first. By the person.")
    async def my_groups(self, info: Info) -> list[group_types.Group]:
        found = await info.context.loaders.my_group_plans()
        mine = [policy.own_group(info.context.viewer, each.plan) for each in found]
        return [group_types.group(each, info) for each in mine if each is not None]

    @field(
        "What released feedback taught, of an organization or among those that share; null before anything was reported. For admins of "
        "the organization (the shared one: of those that share) and operators."
    )
    async def calibration(
        self, info: Info, organization_id: OrganizationId = None, shared: SharedOne = False
    ) -> learning_types.Calibration | None:
        own = info.context.viewer.organization_id
        organization = own if organization_id is None else the_id(organization_id, path="organizationId")
        if organization is None and not shared:
            return None
        key = matching_contract.calibration_id_of(None if shared else organization)
        seen = await info.context.loaders.calibrations.load(key)
        return learning_types.calibration(seen) if seen else None

    @field("The report of an import that was carried out. By an admin.")
    async def import_report(self, info: Info, id: Id) -> results.ReportPayload:  # noqa: A002
        query = profiles_contract.ReadImport(import_id=the_id(id, path="id"))
        answer = await ask(info, query, profiles_contract.ImportReport)
        return imports.import_report(answer) if isinstance(answer, profiles_contract.ImportReport) else answer

    @field("The dry run of an import: what it would do, and every problem. Nothing changes. By an admin.")
    async def preview_import(
        self, info: Info, file_name: FileName, content: Content, organization_id: OrganizationId = None
    ) -> results.ReportPayload:
        try:
            query = profiles_contract.PreviewImport(
                import_id=NO_IMPORT,
                organization_id=own_organization(info, organization_id, otherwise=NO_IMPORT),
                file_name=file_name,
                content=file_bytes(content),
            )
        except InputIsWrong as wrong:
            return refused(wrong)
        answer = await ask(info, query, profiles_contract.ImportReport)
        return imports.import_report(answer) if isinstance(answer, profiles_contract.ImportReport) else answer

    @field("All that the platform keeps in the viewer's profile. By the person.")
    async def export_my_data(self, info: Info) -> results.ExportPayload:
        if info.context.viewer.person_id is None:
            return needs_a_person()
        query = profiles_contract.ExportPerson(person_id=info.context.viewer.person_id)
        answer = await ask(info, query, profiles_contract.PersonExport)
        if isinstance(answer, profiles_contract.PersonExport):
            return imports.PersonExport(exported_at=answer.exported_at, json=answer.json)
        return answer

    @field("The words of a feedback: for its addressee once it is released, and for its author. Never kept here.")
    async def feedback_text(self, info: Info, id: Id) -> results.FeedbackTextPayload:  # noqa: A002
        query = feedback_contract.ReadFeedback(feedback_id=the_id(id, path="id"))
        answer = await ask(info, query, feedback_contract.FeedbackText)
        if isinstance(answer, feedback_contract.FeedbackText):
            return session_types.FeedbackText(
                feedback_id=strawberry.ID(str(answer.feedback_id)),
                author_id=answer.author_id,
                usefulness=answer.usefulness,
                praise=answer.praise,
                critique=answer.critique,
            )
        return answer

    @field("What both wrote about a session. For the two. Never kept here.")
    async def session_logs(self, info: Info, id: Id) -> results.SessionLogsPayload:  # noqa: A002
        query = feedback_contract.ReadSessionLogs(session_id=the_id(id, path="id"))
        answer = await ask(info, query, feedback_contract.SessionLogTexts)
        if isinstance(answer, feedback_contract.SessionLogTexts):
            return session_types.SessionLogTexts(
                session_id=strawberry.ID(str(answer.session_id)),
                logs=[
                    session_types.SessionLogText(person_id=each.person_id, taught=each.taught, learned=each.learned)
                    for each in answer.logs
                ],
            )
        return answer

    @field("What runs here.")
    async def platform(self, info: Info) -> PlatformInfo:
        return await platform_info(info)
