"""Mutations of rankings and vetoes."""

from __future__ import annotations

from typing import Annotated

import strawberry

from contracts import errors, matching as contract
from contracts.matching import PairDeclined
from gateway.platform import OwnerAway
from gateway.schema.choices import Ranking, Suggestions, Vetoes, WhyNot, ranking
from gateway.schema.cohorts import Cohort
from gateway.schema.context import Given, Info
from gateway.schema.describing import mutation
from gateway.schema.mutations import results
from gateway.schema.mutations.carrying import CommandInput, Done, carry_out
from gateway.schema.mutations.results import Refused
from gateway.schema.pairs import Pair, the_pair

RankingPayload = Annotated[
    Ranking | Refused, strawberry.union("RankingPayload", description="The viewer's ranking, or why not.")
]
SuggestionsPayload = Annotated[
    Suggestions | Refused, strawberry.union("SuggestionsPayload", description="Who would suit, or why not.")
]
WhyNotPayload = Annotated[
    WhyNot | Refused, strawberry.union("WhyNotPayload", description="What keeps two people apart, or why not.")
]
VetoesPayload = Annotated[
    Vetoes | Refused, strawberry.union("VetoesPayload", description="A cohort's vetoes, or why not.")
]


@strawberry.input(description="A ranking: it replaces the one before as a whole.")
class RankPeopleInput(CommandInput):
    cohort_id: strawberry.ID = strawberry.field(description="The cohort.")
    people: list[strawberry.ID] = strawberry.field(
        description="At most five participants, the first choice first; empty: nobody any more."
    )


@strawberry.input(description="Two people of a cohort.")
class VetoPairInput(CommandInput):
    cohort_id: strawberry.ID = strawberry.field(description="The cohort.")
    people: list[strawberry.ID] = strawberry.field(description="Exactly two people of the cohort.")


@strawberry.input(description="Two people who were vetoed.")
class WithdrawVetoInput(VetoPairInput):
    pass


@strawberry.type(description="No run pairs these two until the veto is withdrawn.")
class PairVetoed:
    cohort: Cohort = strawberry.field(description="The cohort.")
    dropped: Pair | None = strawberry.field(description="The draft of the two that was dropped; null: there was none.")


@strawberry.type(description="The next run may pair the two again.")
class VetoWithdrawn:
    cohort: Cohort = strawberry.field(description="The cohort.")


VetoPayload = Annotated[PairVetoed | Refused, strawberry.union("VetoPayload", description="The veto, or why not.")]
WithdrawVetoPayload = Annotated[
    VetoWithdrawn | Refused, strawberry.union("WithdrawVetoPayload", description="That it was withdrawn, or why not.")
]


async def _ranked(done: Done[contract.RankPeople]) -> Ranking | None:
    cohort_id = done.command.cohort_id
    query = contract.ReadRankings(cohort_id=cohort_id)
    try:
        found = await done.info.context.platform.ask(query, answer=contract.Rankings, actor=done.info.context.viewer)
    except (errors.Refusal, OwnerAway):
        return None
    return ranking(found, cohort_id=cohort_id)


async def _vetoed(done: Done[contract.VetoPair]) -> PairVetoed | None:
    cohort = await results.read_cohort(done)
    key = done.key_of(PairDeclined)
    dropped = await the_pair(done.info, key) if key else None
    return PairVetoed(cohort=cohort, dropped=dropped) if cohort else None


async def _withdrawn(done: Done[contract.WithdrawVeto]) -> VetoWithdrawn | None:
    cohort = await results.read_cohort(done)
    return VetoWithdrawn(cohort=cohort) if cohort else None


@strawberry.type
class ChoiceMutations:
    @mutation(
        "Rank up to five participants whom you would like as partners, before the cohort is matched. Nobody else ever sees it; who "
        "wants each other is matched if no rule forbids it and nobody is left alone by it. By the person."
    )
    async def rank_people(self, info: Info, given: Given[RankPeopleInput]) -> RankingPayload:
        return await carry_out(info, given, contract.RankPeople, _ranked)

    @mutation(
        "Drop the draft of two people and let no run pair them until the veto is withdrawn. By an admin of a partner."
    )
    async def veto_pair(self, info: Info, given: Given[VetoPairInput]) -> VetoPayload:
        return await carry_out(info, given, contract.VetoPair, _vetoed)

    @mutation("Take a veto back: the next run may pair the two. By an admin of a partner.")
    async def withdraw_veto(self, info: Info, given: Given[WithdrawVetoInput]) -> WithdrawVetoPayload:
        return await carry_out(info, given, contract.WithdrawVeto, _withdrawn)
