"""What a match run says of its fairness: floors, evenness, what rules cost, contradictions, and who was passed over."""

from __future__ import annotations

import strawberry

from contracts import matching
from contracts.matching import RuleKind
from gateway.schema.context import Info
from gateway.schema.describing import field
from gateway.schema.people import Person, the_person
from gateway.schema.spoken import Locale, in_locale


@strawberry.type(
    description="A floor of a match run's plan: it comes after as few people alone as can be, and before the sum of values."
)
class Floor:
    asked: float = strawberry.field(description="How much of it the rules ask for, 0 to 1.")
    reached: float | None = strawberry.field(
        description="Under the worst-off: what every pair is worth at least. Of organizations: the share of its best that each gets at "
        "least. Null when it could not be planned: out of time, drafts are kept, or the cohort is too large."
    )
    highest: float | None = strawberry.field(
        description="No plan that leaves as few people alone has a higher one, as far as is proven."
    )
    price: float = strawberry.field(description="The value that the floor costs, against the best plan without it.")
    price_at_most: float = strawberry.field(
        description="What it can cost at most, as far as is proven; equal to `price` when both plans are exact."
    )


def floor(state: matching.Floor | None) -> Floor | None:
    """A floor, when one was asked for."""
    if state is None:
        return None
    return Floor(
        asked=state.asked,
        reached=state.reached,
        highest=state.highest,
        price=state.price,
        price_at_most=state.price_at_most,
    )


@strawberry.type(description="How evenly a plan serves people. Everybody counts with their best pair.")
class Fairness:
    gini: float = strawberry.field(
        description="The Gini coefficient of what everybody gets, 0 for those without a pair: 0 is even, towards 1 all goes to one."
    )
    worst: float = strawberry.field(description="What the worst-off of those with a pair get.")
    best: float = strawberry.field(description="What the best-off get.")
    gap: float = strawberry.field(description="best − worst.")
    blocking_pairs: int | None = strawberry.field(
        description="Stability: how many pairs of people would both gain more than `blockingThreshold` by leaving their partners for each "
        "other. Null when they were not counted: in cohorts of more than 5,000 people."
    )
    blocking_threshold: float = strawberry.field(description="What both must gain to count.")


def fairness(state: matching.Fairness | None) -> Fairness | None:
    """How fair a plan is, once there is one."""
    if state is None:
        return None
    return Fairness(
        gini=state.gini,
        worst=state.worst,
        best=state.best,
        gap=state.gap,
        blocking_pairs=state.blocking_pairs,
        blocking_threshold=state.blocking_threshold,
    )


@strawberry.type(description="What dropping one rule would change, everything else as it is.")
class RulePrice:
    state: strawberry.Private[matching.RulePrice]
    number: int = strawberry.field(description="Which rule of the set: from 1.")
    kind: RuleKind = strawberry.field(description="What it asks.")
    required: bool = strawberry.field(description="Whether it is never broken, or preferred.")
    people: int = strawberry.field(description="How many more people would have a pair.")
    value: float = strawberry.field(
        description="How much more the pairs would be worth; it may be less when more people are matched."
    )

    @field("The same as a sentence in this language; in English when it is not spoken here.")
    def why(self, locale: Locale = "en") -> str:
        return in_locale(locale, english=self.state.why, wordings=self.state.wordings)


def rule_price(state: matching.RulePrice) -> RulePrice:
    """A rule's price, for somebody who may see the rules."""
    return RulePrice(
        state=state,
        number=state.number + 1,
        kind=state.kind,
        required=state.required,
        people=state.people,
        value=state.value,
    )


@strawberry.type(
    description="The best plan at some moment of a match run, before any floor, with what is proven by then."
)
class PlanSoFar:
    pairs: int = strawberry.field(description="How many pairs it has.")
    value: float = strawberry.field(description="The sum of their values.")
    upper_bound: float = strawberry.field(
        description="No plan that leaves as few people alone is worth more: how much better it can still become."
    )
    unmatched: int = strawberry.field(description="How many people have nobody.")
    unmatched_bound: int = strawberry.field(description="No plan leaves fewer people alone; 0 while nothing is proven.")


def plan_so_far(state: matching.PlanSoFar | None) -> PlanSoFar | None:
    """The best plan so far, once there is one."""
    if state is None:
        return None
    return PlanSoFar(
        pairs=state.pairs,
        value=state.value,
        upper_bound=state.upper_bound,
        unmatched=state.unmatched,
        unmatched_bound=state.unmatched_bound,
    )


@strawberry.type(
    description="Required rules that contradict each other; without any one of them the others can hold together."
)
class RulesContradiction:
    state: strawberry.Private[matching.RulesContradiction]
    rules: list[int] = strawberry.field(description="Which rules of the set: from 1.")
    fatal: bool = strawberry.field(
        description="Whether matching is refused; otherwise it leaves people out who could be matched without one of the rules."
    )

    @field("Why, and what to do, in this language; in English when it is not spoken here.")
    def why(self, locale: Locale = "en") -> str:
        return in_locale(locale, english=self.state.why, wordings=self.state.wordings)


@strawberry.type(description="Whether rules contradict each other for the people who are admitted now.")
class RulesCheck:
    people: int = strawberry.field(
        description="How many people were looked at. What they need and offer is not known to this check, only to a run."
    )
    contradictions: list[RulesContradiction] = strawberry.field(
        description="Each as small as can be found; empty when the rules can hold together."
    )


def rules_check(answer: matching.RulesCheck) -> RulesCheck:
    """What the owner of the rules answered."""
    return RulesCheck(
        people=answer.people,
        contradictions=[
            RulesContradiction(state=each, rules=[number + 1 for number in each.rules], fatal=each.fatal)
            for each in answer.contradictions
        ],
    )


@strawberry.type(
    description="Why not somebody better: a pair with this person would be worth more, and others need their place more. For the "
    "person alone who asks."
)
class PassedOver:
    state: strawberry.Private[matching.PassedOver]
    value: float = strawberry.field(description="What a pair with this person would be worth.")
    own: float = strawberry.field(description="What the viewer's own pair is worth; 0 without one.")
    price: float = strawberry.field(description="What the person's place is worth to others in the whole plan.")

    @field("The person, as far as the viewer may see them; null when not at all.")
    async def person(self, info: Info) -> Person | None:
        return await the_person(info, self.state.partner_id)

    @field("The same as a sentence in this language; in English when it is not spoken here.")
    def why(self, locale: Locale = "en") -> str:
        return in_locale(locale, english=self.state.why, wordings=self.state.wordings)


@strawberry.type(
    description="Why nobody better: those with whom a pair would be worth more to the viewer, the best first."
)
class PassedOverList:
    people: list[PassedOver] = strawberry.field(
        description="At most three; empty when nobody would be better, or the cohort is too large to have been looked at."
    )


def passed_over(answer: matching.PassedOverByRun) -> PassedOverList:
    """What the owner of the runs answered to the one who asks for themselves."""
    return PassedOverList(
        people=[PassedOver(state=each, value=each.value, own=each.own, price=each.price) for each in answer.people]
    )
