"""A cohort's rules and weights."""

from __future__ import annotations

import strawberry

from contracts import matching
from contracts.matching import RuleKind
from gateway.schema.context import Info
from gateway.schema.describing import field
from gateway.schema.people import Person, person


@strawberry.type(description="One rule of a cohort.")
class Rule:
    state: strawberry.Private[matching.Rule]
    kind: RuleKind = strawberry.field(description="What it asks.")
    required: bool = strawberry.field(description="True: never broken. False: costs `weight` of a pair's value.")
    parameter: float | None = strawberry.field(description="The number that the kind needs.")
    facet: str | None = strawberry.field(description="The facet that the kind needs.")
    language: str | None = strawberry.field(
        description="The code of the one language that SHARED_LANGUAGE is about; null: any language."
    )
    weight: float = strawberry.field(description="What breaking it costs, when it is not required.")

    @field(
        "The people that the kind names, those of them that the viewer may see: the two of TOGETHER and NOT_TOGETHER; for "
        "PARTNER_AMONG the person first, then the group from which all their partners come; for INCLUDE_ONE the group."
    )
    async def people(self, info: Info) -> list[Person]:
        seen = await info.context.loaders.people.load_many(list(self.state.people))
        return [person(each) for each in seen if each]


@strawberry.type(description="A cohort's rules and weights, versioned.")
class RuleSet:
    version: int = strawberry.field(description="Grows by one with each change.")
    rules: list[Rule] = strawberry.field(description="The rules.")
    difference: float = strawberry.field(description="How much being different counts: 0 to 1.")
    logistics: float = strawberry.field(description="How much shared time counts: 0 to 1.")
    worst_off_floor: float = strawberry.field(
        description="How far the worst pair is lifted before value counts: 0 not at all, 1 as far as can be without leaving more people "
        "alone."
    )
    organization_floor: float = strawberry.field(
        description="The share of what its people would get at best that every organization gets at least, as far as can be: 0 to 1."
    )
    ranking: float = strawberry.field(
        description="How much it counts when runs plan, at most, that two people ranked each other first: 0 to 0.5."
    )
    learned: bool = strawberry.field(description="Whether what released feedback taught is heeded.")


def rule_set(state: matching.RuleSet) -> RuleSet:
    """Rules, for somebody who may see them."""
    return RuleSet(
        version=state.version,
        rules=[
            Rule(
                state=each,
                kind=each.kind,
                required=each.required,
                parameter=each.parameter,
                facet=each.facet,
                language=each.language,
                weight=each.weight,
            )
            for each in state.rules
        ],
        difference=state.difference,
        logistics=state.logistics,
        worst_off_floor=state.worst_off_floor,
        organization_floor=state.organization_floor,
        ranking=state.ranking,
        learned=state.learned,
    )
