"""What people choose: suggestions with their reasons, why not somebody, a ranking of one's own; and organizers' vetoes."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

import strawberry

from contracts import errors, matching
from contracts.matching import RuleKind, WhyNotCode
from gateway import policy
from gateway.schema.cohorts import Cohort, the_cohort
from gateway.schema.context import Info
from gateway.schema.describing import field
from gateway.schema.pairs import Direction, Term
from gateway.schema.people import Person, person, the_person
from gateway.schema.spoken import ENGLISH, language
from gateway.views import PersonSeen

OwnLocale = Annotated[
    str | None, strawberry.argument(description="A language, such as `pl`; left out: the viewer's own.")
]
OWN_TERMS = frozenset({"your ranking"})  # speak of the viewer alone


async def own_locale(info: Info, locale: str | None) -> str:
    """The language that was asked for, or the viewer's own, as two letters."""
    if locale is None and info.context.viewer.person_id is not None:
        me = await info.context.loaders.people.load(info.context.viewer.person_id)
        locale = me.profile.locale if me else None
    return language(locale or ENGLISH)


@strawberry.type(
    description="Why somebody is suggested, in one language. Null means: not for this viewer, as with a proposed pair."
)
class SuggestionWording:
    locale: str = strawberry.field(description="The language of these sentences; quotations stay as they were written.")
    common_ground: str | None = strawberry.field(description="What the two have in common.")
    bridge: str | None = strawberry.field(description="Which bubble a pair of the two opens.")
    one_way_reason: str = strawberry.field(description="Why only one would teach; empty when both would.")
    details: list[str | None] = strawberry.field(description="Why each of `terms` is what it is, in their order.")


@strawberry.type(
    description="Somebody who would suit the viewer. Of the other one's words it shows what their visibility shows: for people of a "
    "common cohort the viewer's own needs and offers are quoted, and the other's are not."
)
class Suggestion:
    state: strawberry.Private[matching.Suggestion]
    seen: strawberry.Private[PersonSeen]
    value: float = strawberry.field(
        description="What a pair of the two would be worth, with what the viewer's own ranking adds."
    )
    terms: list[Term] = strawberry.field(description="How the value comes about; the amounts sum to it.")
    directions: list[Direction] = strawberry.field(
        description="What each would teach the other: two, or one with `oneWayReason`."
    )
    language: str = strawberry.field(description="The language that the two share (ISO 639-1).")
    shared_minutes: int = strawberry.field(description="Minutes a week in which both are free.")
    one_way_reason: str = strawberry.field(description="Why only one would teach; empty when both would.")
    rank: int | None = strawberry.field(description="Where the viewer ranked this person, from 1; null: nowhere.")

    @field("Who is suggested, as far as the viewer may see them.")
    def person(self) -> Person:
        return person(self.seen)

    @field("Why this one, in this language; in English when the platform does not speak it.")
    async def wording(self, info: Info, locale: OwnLocale = None) -> SuggestionWording:
        state, language = self.state, await own_locale(info, locale)
        english = matching.Wording(
            locale=ENGLISH,
            common_ground=state.common_ground,
            bridge=state.bridge,
            one_way_reason=state.one_way_reason,
            details=tuple(each.detail for each in state.terms),
        )
        said = next((each for each in state.wordings if each.locale == language), english)
        grounds = policy.may_read_grounds(*policy.suggestion_sight(self.seen.tier, self.seen.opted))
        return SuggestionWording(
            locale=said.locale,
            common_ground=said.common_ground if grounds else None,
            bridge=said.bridge if grounds else None,
            one_way_reason=said.one_way_reason,
            details=[
                detail if grounds or term.name in OWN_TERMS else None
                for term, detail in zip(state.terms, said.details, strict=True)
            ],
        )


@strawberry.type(
    description="Whom the viewer would suit in a cohort, as it is now. Nobody else learns what is suggested."
)
class Suggestions:
    state: strawberry.Private[matching.Suggestions]
    suggestions: list[Suggestion] = strawberry.field(
        description="The best first; pairs in which both teach come first."
    )
    unread: list[str] = strawberry.field(
        description="The viewer's own needs and offers that are not understood yet: they count in a moment."
    )
    unread_of_others: int = strawberry.field(description="How many texts of others are not understood yet.")

    @field("Why nobody is suggested; empty when somebody is.")
    async def why(self, info: Info, locale: OwnLocale = None) -> list[str]:
        return sentences(self.state.why, self.state.wordings, locale=await own_locale(info, locale))


@strawberry.type(
    description="Why two people are not together, or that nothing speaks against it. A block, and to people a veto, a team, a facet or "
    "a rule that names somebody, is never told from other wishes: KEPT_APART."
)
class WhyNot:
    state: strawberry.Private[matching.WhyNot]
    code: WhyNotCode = strawberry.field(description="The reason, for programs.")
    rules: list[RuleKind] = strawberry.field(
        description="The cohort's rules that are broken, as far as they are shown."
    )
    value: float | None = strawberry.field(
        description="What a pair of the two would be worth; null where there could be none."
    )

    @field("The reason in sentences.")
    async def why(self, info: Info, locale: OwnLocale = None) -> list[str]:
        return sentences(self.state.why, self.state.wordings, locale=await own_locale(info, locale))

    @field("About whom it was asked: the viewer, unless an organizer asked.")
    async def person(self, info: Info) -> Person | None:
        return await the_person(info, self.state.person_id)

    @field("The other one.")
    async def other(self, info: Info) -> Person | None:
        return await the_person(info, self.state.other_id)


@strawberry.type(description="Whom the viewer would like in a cohort. For the viewer alone: nobody else ever sees it.")
class Ranking:
    state: strawberry.Private[matching.Ranking]
    ranked_at: datetime | None = strawberry.field(description="When it was last changed; null: nobody is ranked.")

    @field("The first choice first, those whom the viewer may still see.")
    async def people(self, info: Info) -> list[Person]:
        found = await info.context.loaders.people.load_many(list(self.state.people))
        return [person(each) for each in found if each]

    @field("The cohort.")
    async def cohort(self, info: Info) -> Cohort | None:
        return await the_cohort(info, self.state.cohort_id)


@strawberry.type(description="Two people whom no run pairs until the veto is withdrawn. For organizers.")
class Veto:
    state: strawberry.Private[matching.Veto]
    vetoed_at: datetime = strawberry.field(description="When it was given.")

    @field("The two, those of them whom the viewer may see.")
    async def people(self, info: Info) -> list[Person]:
        found = await info.context.loaders.people.load_many(list(self.state.people))
        return [person(each) for each in found if each]


@strawberry.type(description="The vetoes of a cohort, the latest first. For its organizers.")
class Vetoes:
    vetoes: list[Veto] = strawberry.field(description="All of them.")


async def suggestions(info: Info, answer: matching.Suggestions) -> Suggestions:
    """What this viewer may see of what was suggested; whoever is not visible any more is left out."""
    seen = await info.context.loaders.people.load_many([each.person_id for each in answer.suggestions])
    shown = [
        _suggestion(info, each, other)
        for each, other in zip(answer.suggestions, seen, strict=True)
        if other is not None
    ]
    return Suggestions(
        state=answer, suggestions=shown, unread=list(answer.unread), unread_of_others=answer.unread_of_others
    )


def _suggestion(info: Info, state: matching.Suggestion, seen: PersonSeen) -> Suggestion:
    viewer = info.context.viewer
    sight, opted = policy.suggestion_sight(seen.tier, seen.opted)
    grounds = policy.may_read_grounds(sight, opted)
    directions = []
    for each in state.directions:
        # An admin who takes part asks as a participant: their own people's words are read elsewhere.
        need, offer = policy.readable_direction(each, viewer, organizations={}, sight=sight, opted=opted)
        directions.append(
            Direction(
                state=each,
                need=need,
                need_kind=None if need is None else each.need_kind,
                offer=offer,
                similarity=each.similarity,
                unlearned_similarity=each.unlearned,
                priority=each.priority,
                level=each.level,
                value=each.value,
            )
        )
    return Suggestion(
        state=state,
        seen=seen,
        value=state.value,
        terms=[
            Term(
                name=each.name,
                amount=each.amount,
                detail=each.detail if grounds or each.name in OWN_TERMS else None,
            )
            for each in state.terms
        ],
        directions=directions,
        language=state.language,
        shared_minutes=state.shared_minutes,
        one_way_reason=state.one_way_reason,
        rank=state.rank or None,
    )


def why_not(answer: matching.WhyNot) -> WhyNot:
    """What the owner of the rules answered."""
    return WhyNot(state=answer, code=answer.code, rules=list(answer.rules), value=answer.value)


def ranking(answer: matching.Rankings, *, cohort_id: UUID) -> Ranking:
    """The viewer's own of one cohort; an empty one where nobody is ranked."""
    found = next((each for each in answer.rankings if each.cohort_id == cohort_id), None)
    if found is None:
        nobody = matching.Ranking(cohort_id=cohort_id, people=(), ranked_at=datetime.min)  # noqa: DTZ901 - never shown
        return Ranking(state=nobody, ranked_at=None)
    return Ranking(state=found, ranked_at=found.ranked_at)


async def all_rankings(info: Info) -> list[Ranking] | None:
    """Everything that the viewer ranked; None while the service that keeps it does not answer."""
    from gateway.platform import OwnerAway

    try:
        query = matching.ReadRankings()
        found = await info.context.platform.ask(query, answer=matching.Rankings, actor=info.context.viewer)
    except (errors.Refusal, OwnerAway):
        return None
    return [Ranking(state=each, ranked_at=each.ranked_at) for each in found.rankings]


def vetoes(answer: matching.Vetoes) -> Vetoes:
    """All vetoes of a cohort, for its organizers."""
    return Vetoes(vetoes=[Veto(state=each, vetoed_at=each.vetoed_at) for each in answer.vetoes])


def sentences(english: tuple[str, ...], others: tuple[tuple[str, tuple[str, ...]], ...], *, locale: str) -> list[str]:
    """In this language, or in English."""
    return list(dict(others).get(locale, english))
