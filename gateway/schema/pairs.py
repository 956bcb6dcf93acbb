"""Pairs: two people, what each teaches the other, why they were matched, and what they agreed."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import strawberry

from contracts import matching
from contracts.matching import DeclineReason, PairStatus
from gateway import policy
from gateway.schema.agreements import Agenda, Agreement, agenda, agreement
from gateway.schema.cohorts import Cohort, the_cohort
from gateway.schema.context import Info
from gateway.schema.describing import field
from gateway.schema.paging import After, Connection, First, Node, asked, connection
from gateway.schema.people import Organization, Person, the_organization, the_person
from gateway.schema.reciprocity import Introduction, Reciprocity, introduction, reciprocity
from gateway.schema.runs import MatchRun, the_run
from gateway.schema.spoken import Locale, language
from gateway.views import PairSeen

if TYPE_CHECKING:
    from gateway.schema.sessions import Feedback, Session

LazySession = Annotated["Session", strawberry.lazy("gateway.schema.sessions")]
LazyFeedback = Annotated["Feedback", strawberry.lazy("gateway.schema.sessions")]


async def the_pair(info: Info, pair_id: UUID) -> Pair | None:
    """A pair, when the viewer may see it."""
    seen = await info.context.loaders.pairs.load(pair_id)
    return pair(seen) if seen else None


@strawberry.type(description="One of the two people of a pair.")
class PairMember:
    state: strawberry.Private[matching.Member]
    accepted_at: datetime | None = strawberry.field(description="When this one said yes.")

    @field("The person; null after they left the platform.")
    async def person(self, info: Info) -> Person | None:
        return await the_person(info, self.state.person_id)

    @field("The organization of the person.")
    async def organization(self, info: Info) -> Organization | None:
        return await the_organization(info, self.state.organization_id)


@strawberry.type(description="What one of the two teaches the other: which need is met by which offer.")
class Direction:
    state: strawberry.Private[matching.Direction]
    need: str | None = strawberry.field(
        description="The need of the learner, in their words; null when the viewer may not read it."
    )
    need_kind: str | None = strawberry.field(description="How the learner wants to be helped; null with the need.")
    offer: str | None = strawberry.field(
        description="The offer of the teacher, in their words; null when the viewer may not read it."
    )
    similarity: float = strawberry.field(description="How well the offer meets the need by meaning: 0 to 1.")
    unlearned_similarity: float | None = strawberry.field(
        description="The same as the models alone say, where released feedback corrected it; null: nothing was corrected."
    )
    priority: int = strawberry.field(description="How much the learner wants it: 1 to 3.")
    level: int = strawberry.field(description="How deeply the teacher knows it: 1 to 5.")
    value: float = strawberry.field(description="What this direction is worth: 0 to 1.")

    @field("Who teaches.")
    async def teacher(self, info: Info) -> Person | None:
        return await the_person(info, self.state.teacher_id)

    @field("Who learns.")
    async def learner(self, info: Info) -> Person | None:
        return await the_person(info, self.state.learner_id)


@strawberry.type(description="One named part of a pair's value. The amounts sum to the value.")
class Term:
    name: str = strawberry.field(description="Which part.")
    amount: float = strawberry.field(description="What it adds, or takes away.")
    detail: str | None = strawberry.field(
        description="Why, in words; null when the viewer may not read it: it may speak of somebody's background."
    )


@strawberry.type(
    description="Why these two, in one language. Null means: not for this viewer, as with the pair itself."
)
class Wording:
    locale: str = strawberry.field(description="The language of these sentences; quotations stay as they were written.")
    common_ground: str | None = strawberry.field(description="What the two have in common.")
    bridge: str | None = strawberry.field(description="Which bubble the pair opens.")
    one_way_reason: str = strawberry.field(description="Why only one teaches; empty when both do.")
    details: list[str] | None = strawberry.field(description="Why each of `terms` is what it is, in their order.")


@strawberry.type(description="Asked before a yes or no. For the two only.")
class Question:
    state: strawberry.Private[matching.Question]
    id: strawberry.ID = strawberry.field(description="A UUID; `answerQuestion` takes it.")
    text: str = strawberry.field(description="The question.")
    answer: str | None = strawberry.field(description="The answer; null until it is given.")

    @field("Who asked.")
    async def asked_by(self, info: Info) -> Person | None:
        return await the_person(info, self.state.asked_by)


@strawberry.type(
    description="Two people of a cohort. Null means: not for this viewer. Organizers see status and value; the two see why."
)
class Pair(Node):
    state: strawberry.Private[PairSeen]
    status: PairStatus = strawberry.field(description="Where the pair stands.")
    members: list[PairMember] = strawberry.field(description="The two.")
    directions: list[Direction] = strawberry.field(
        description="What each teaches the other: two, or one with `oneWayReason`."
    )
    value: float = strawberry.field(description="What the pair is worth; the weaker direction leads.")
    terms: list[Term] = strawberry.field(description="How the value comes about.")
    language: str = strawberry.field(description="The language that the two share (ISO 639-1).")
    shared_minutes: int = strawberry.field(description="Minutes a week in which both are free.")
    one_way_reason: str = strawberry.field(description="Why only one teaches; empty when both do.")
    proposed_at: datetime | None = strawberry.field(description="When it was proposed to the two.")
    expires_at: datetime | None = strawberry.field(description="Until when both must answer.")
    shared_windows: list[str] | None = strawberry.field(
        description="When both are free: `Mon 14:00–15:00 UTC`. For the two, while it is open or they work together."
    )
    common_ground: str | None = strawberry.field(
        description="What the two have in common. For the two; before both accepted only if the other one shows their facets."
    )
    bridge: str | None = strawberry.field(description="Which bubble the pair opens. For the two, as `commonGround`.")
    ended_reason: str | None = strawberry.field(
        description="Why it ended, in the words of one of the two. For the two."
    )
    pinned: bool | None = strawberry.field(description="Whether an organizer pinned it. For organizers.")
    decline_reason: DeclineReason | None = strawberry.field(description="Why it was declined. For organizers.")
    questions: list[Question] | None = strawberry.field(
        description="What the two asked each other before answering. For the two."
    )

    @field("The cohort.")
    async def cohort(self, info: Info) -> Cohort | None:
        return await the_cohort(info, self.state.pair.cohort_id)

    @field("The other one, for one of the two; null for organizers.")
    async def partner(self, info: Info) -> Person | None:
        if self.state.sight not in policy.PAIR["partner"]:
            return None
        me = info.context.viewer.person_id
        other = next((each.person_id for each in self.state.pair.members if each.person_id != me), None)
        return await the_person(info, other)

    @field("Why these two, in this language; in English when the platform does not speak it.")
    async def wording(self, info: Info, locale: Locale = "en") -> Wording:
        seen = self.state
        spoken = language(locale)
        said = next((each for each in seen.pair.wordings if each.locale == spoken), _english(seen.pair))
        grounds = policy.may_read_grounds(seen.sight, seen.opted)
        return Wording(
            locale=said.locale,
            common_ground=said.common_ground if grounds and seen.sight in policy.PAIR["common_ground"] else None,
            bridge=said.bridge if grounds and seen.sight in policy.PAIR["bridge"] else None,
            one_way_reason=said.one_way_reason,
            details=list(said.details) if grounds else None,
        )

    @field("The match run that found it. For organizers.")
    async def run(self, info: Info) -> MatchRun | None:
        run_id = self.state.pair.run_id
        if self.state.sight not in policy.PAIR["run"] or run_id is None:
            return None
        return await the_run(info, run_id)

    @field("What the two agreed. For the two.")
    async def agreement(self, info: Info) -> Agreement | None:
        if self.state.sight not in policy.PAIR["agreement"]:
            return None
        found = await info.context.loaders.agreements_of.load(self.state.pair.pair_id)
        return agreement(found) if found else None

    @field("What the two want to talk about. For the two.")
    async def agenda(self, info: Info) -> Agenda | None:
        if self.state.sight not in policy.PAIR["agenda"]:
            return None
        found = await info.context.loaders.agendas_of.load(self.state.pair.pair_id)
        return agenda(found) if found else None

    @field("The meetings, the earliest first. For the two.")
    async def sessions(self, info: Info, first: First = 20, after: After = None) -> Connection[LazySession] | None:
        from gateway.schema.sessions import session

        if self.state.sight not in policy.PAIR["sessions"]:
            return None
        page = asked(first, after)
        found = await info.context.loaders.sessions_of(self.state.pair.pair_id, page=page)
        return connection(found, session, asked=page)

    @field("What each of the two gave so far; null before the first logged session. For the two.")
    async def reciprocity(self, info: Info) -> Reciprocity | None:
        if self.state.sight not in policy.PAIR["reciprocity"]:
            return None
        found = await info.context.loaders.reciprocity_of.load(self.state.pair.pair_id)
        return reciprocity(found) if found else None

    @field("The doors that were opened in this pair. For the two.")
    async def introductions(self, info: Info) -> list[Introduction] | None:
        if self.state.sight not in policy.PAIR["introductions"]:
            return None
        found = await info.context.loaders.introductions_of.load(self.state.pair.pair_id)
        return [introduction(each) for each in found]

    @field("Pulses and reviews: that they are due, written or released; no words. For the two.")
    async def feedback(self, info: Info) -> list[LazyFeedback] | None:
        from gateway.schema.sessions import feedback as shown

        if self.state.sight not in policy.PAIR["feedback"]:
            return None
        found = await info.context.loaders.feedback_of.load(self.state.pair.pair_id)
        return [shown(each) for each in found]


def pair(seen: PairSeen) -> Pair:
    """What this viewer may see of the pair."""
    state, sight = seen.pair, seen.sight
    grounds = policy.may_read_grounds(sight, seen.opted)

    def shown(name: str) -> bool:
        return sight in policy.PAIR[name]

    return Pair(
        state=seen,
        id=strawberry.ID(str(state.pair_id)),
        status=state.status,
        members=[PairMember(state=each, accepted_at=each.accepted_at) for each in state.members],
        directions=[_direction(each, seen) for each in state.directions],
        value=state.value,
        terms=[
            Term(name=each.name, amount=each.amount, detail=each.detail if grounds else None) for each in state.terms
        ],
        language=state.language,
        shared_minutes=state.shared_minutes,
        one_way_reason=state.one_way_reason,
        proposed_at=state.proposed_at,
        expires_at=state.expires_at,
        shared_windows=list(state.shared_windows) if shown("shared_windows") else None,
        common_ground=state.common_ground if grounds and shown("common_ground") else None,
        bridge=state.bridge if grounds and shown("bridge") else None,
        ended_reason=state.ended_reason if shown("ended_reason") else None,
        pinned=state.pinned if shown("pinned") else None,
        decline_reason=state.decline_reason if shown("decline_reason") else None,
        questions=(
            [
                Question(state=each, id=strawberry.ID(str(each.question_id)), text=each.text, answer=each.answer)
                for each in state.questions
            ]
            if shown("questions")
            else None
        ),
    )


def _english(state: matching.Pair) -> matching.Wording:
    return matching.Wording(
        locale="en",
        common_ground=state.common_ground,
        bridge=state.bridge,
        one_way_reason=state.one_way_reason,
        details=tuple(each.detail for each in state.terms),
    )


def _direction(state: matching.Direction, seen: PairSeen) -> Direction:
    need, offer = policy.readable_direction(
        state,
        seen.viewer,
        organizations={each.person_id: each.organization_id for each in seen.pair.members},
        sight=seen.sight,
        opted=seen.opted,
    )
    return Direction(
        state=state,
        need=need,
        need_kind=None if need is None else state.need_kind,
        offer=offer,
        similarity=state.similarity,
        unlearned_similarity=state.unlearned,
        priority=state.priority,
        level=state.level,
        value=state.value,
    )
