"""Pairs: two people, what each teaches the other, why they were matched, and what they agreed."""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import strawberry

from contracts import feedback, matching
from contracts.feedback import IntroductionStatus, TopicItemStatus
from contracts.matching import DeclineReason, PairStatus
from gateway import policy
from gateway.schema.cohorts import Cohort, Locale, MatchRun, cohort, match_run
from gateway.schema.context import Info
from gateway.schema.describing import field
from gateway.schema.paging import After, Connection, First, Node, asked, connection
from gateway.schema.people import Organization, Person, organization, person
from gateway.views import PairSeen

if TYPE_CHECKING:
    from gateway.schema.sessions import Feedback, Session

LazySession = Annotated["Session", strawberry.lazy("gateway.schema.sessions")]
LazyFeedback = Annotated["Feedback", strawberry.lazy("gateway.schema.sessions")]


async def the_person(info: Info, person_id: UUID | None) -> Person | None:
    """A person at the viewer's tier."""
    seen = await info.context.loaders.people.load(person_id) if person_id else None
    return person(seen) if seen else None


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
        seen = await info.context.loaders.organizations.load(self.state.organization_id)
        return organization(seen) if seen else None


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


@strawberry.type(description="What one of the two wants from the pair.")
class Goal:
    person_id: strawberry.Private[UUID]
    text: str = strawberry.field(description="The goal.")

    @field("Whose goal it is.")
    async def person(self, info: Info) -> Person | None:
        return await the_person(info, self.person_id)


@strawberry.type(description="One meeting of the tapering plan.")
class PlannedMeeting:
    number: int = strawberry.field(description="1 is the first.")
    minutes: int = strawberry.field(description="How long; never longer than the one before.")
    focus: str = strawberry.field(description="What it is about.")


@strawberry.type(description="What both sign before they begin. For the two only.")
class Agreement(Node):
    state: strawberry.Private[feedback.Agreement]
    goals: list[Goal] = strawberry.field(description="What each of the two wants.")
    ground_rules: str = strawberry.field(description="How the two want to deal with each other.")
    cadence_days: int = strawberry.field(description="Days between two meetings.")
    plan: list[PlannedMeeting] = strawberry.field(
        description="The meetings: early ones longer, later ones shorter with one focus each."
    )
    confidentiality: str = strawberry.field(description="What stays between the two.")
    ends_on: date | None = strawberry.field(description="The last day.")
    terms_version: int = strawberry.field(
        description="Grows with each change of the terms, which clears the signatures. `signAgreement` names it."
    )
    complete: bool = strawberry.field(description="Whether both have signed these terms.")

    @field("Who has signed these terms.")
    async def signed_by(self, info: Info) -> list[Person]:
        found = await info.context.loaders.people.load_many(list(self.state.signed_by))
        return [person(each) for each in found if each]

    @field("The pair.")
    async def pair(self, info: Info) -> Pair | None:
        return await the_pair(info, self.state.pair_id)


def agreement(state: feedback.Agreement) -> Agreement:
    """An agreement, for one of the two."""
    return Agreement(
        state=state,
        id=strawberry.ID(str(state.agreement_id)),
        goals=[Goal(person_id=each.person_id, text=each.text) for each in state.goals],
        ground_rules=state.ground_rules,
        cadence_days=state.cadence_days,
        plan=[PlannedMeeting(number=each.number, minutes=each.minutes, focus=each.focus) for each in state.plan],
        confidentiality=state.confidentiality,
        ends_on=state.ends_on,
        terms_version=state.terms_version,
        complete=state.complete,
    )


@strawberry.type(description="One line of a pair's agenda.")
class TopicItem:
    state: strawberry.Private[feedback.TopicItem]
    id: strawberry.ID = strawberry.field(description="A UUID; `decideTopic` takes it.")
    text: str = strawberry.field(description="The topic.")
    added_as: str = strawberry.field(description="`teacher` or `learner`: as what it was added.")
    status: TopicItemStatus = strawberry.field(description="Where it stands; the learner decides.")

    @field("Who added it.")
    async def added_by(self, info: Info) -> Person | None:
        return await the_person(info, self.state.added_by)

    @field("Whose learning it is for.")
    async def learner(self, info: Info) -> Person | None:
        return await the_person(info, self.state.learner_id)


@strawberry.type(description="The growing agenda of a pair. For the two only.")
class Agenda(Node):
    state: strawberry.Private[feedback.Agenda]
    items: list[TopicItem] = strawberry.field(description="Its lines, the oldest first.")

    @field("The pair.")
    async def pair(self, info: Info) -> Pair | None:
        return await the_pair(info, self.state.pair_id)


def agenda(state: feedback.Agenda) -> Agenda:
    """An agenda, for one of the two."""
    return Agenda(
        state=state,
        id=strawberry.ID(str(state.agenda_id)),
        items=[
            TopicItem(
                state=each,
                id=strawberry.ID(str(each.item_id)),
                text=each.text,
                added_as=each.added_as,
                status=each.status,
            )
            for each in state.items
        ],
    )


@strawberry.type(description="What one of the two gave so far.")
class Tally:
    person_id: strawberry.Private[UUID]
    sessions_taught: int = strawberry.field(description="Sessions in which this one taught something.")
    sessions_learned: int = strawberry.field(description="Sessions in which this one learned something.")
    silent_streak: int = strawberry.field(description="Sessions in a row in which this one taught nothing.")
    introductions_made: int = strawberry.field(description="Doors that this one opened for the other.")

    @field("Who.")
    async def person(self, info: Info) -> Person | None:
        return await the_person(info, self.person_id)


@strawberry.type(description="Give as much as you get. For the two only; never a ranking of people.")
class Reciprocity:
    sessions_logged: int = strawberry.field(description="Sessions that both have logged.")
    balance: float = strawberry.field(description="1 is balanced, 0 is one way.")
    tallies: list[Tally] = strawberry.field(description="What each of the two gave.")


def reciprocity(state: feedback.Reciprocity) -> Reciprocity:
    """A pair's ledger, for one of the two."""
    return Reciprocity(
        sessions_logged=state.sessions_logged,
        balance=state.balance,
        tallies=[
            Tally(
                person_id=each.person_id,
                sessions_taught=each.sessions_taught,
                sessions_learned=each.sessions_learned,
                silent_streak=each.silent_streak,
                introductions_made=each.introductions_made,
            )
            for each in state.tallies
        ],
    )


@strawberry.type(
    description="Somebody opens a door. For the one who offers, the one who receives, and the third person who is asked."
)
class Introduction(Node):
    state: strawberry.Private[feedback.Introduction]
    about: str = strawberry.field(description="What it is about.")
    status: IntroductionStatus = strawberry.field(description="How far the door is open.")
    outcome: str = strawberry.field(description="What came of it, by the receiver; empty until then.")

    @field("Who opens the door.")
    async def offered_by(self, info: Info) -> Person | None:
        return await the_person(info, self.state.offered_by)

    @field("For whom.")
    async def offered_to(self, info: Info) -> Person | None:
        return await the_person(info, self.state.offered_to)

    @field("To whom it leads; hidden from the receiver until that one agreed.")
    async def third_person(self, info: Info) -> Person | None:
        return await the_person(info, self.state.third_person_id)

    @field("The pair in which it was offered; null for the third person.")
    async def pair(self, info: Info) -> Pair | None:
        return await the_pair(info, self.state.pair_id)


def introduction(state: feedback.Introduction) -> Introduction:
    """An introduction, as policy.introduction_for lets this viewer see it."""
    return Introduction(
        state=state,
        id=strawberry.ID(str(state.introduction_id)),
        about=state.about,
        status=state.status,
        outcome=state.outcome,
    )


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
        seen = await info.context.loaders.cohorts.load(self.state.pair.cohort_id)
        return cohort(seen) if seen else None

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
        language = locale.replace("_", "-").split("-")[0].casefold()
        said = next((each for each in seen.pair.wordings if each.locale == language), _english(seen.pair))
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
        seen = await info.context.loaders.runs.load(run_id)
        return match_run(seen) if seen else None

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
