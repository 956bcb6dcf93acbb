"""Groups around a topic: who is with whom, who gives, who needs what."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import strawberry

from contracts import matching
from contracts.matching import RunStatus
from gateway import policy
from gateway.schema.context import Info
from gateway.schema.describing import field
from gateway.schema.paging import Node
from gateway.schema.people import Person, person, the_person
from gateway.schema.runs import Unmatched
from gateway.schema.spoken import Locale, language
from gateway.views import GroupPlanSeen

if TYPE_CHECKING:
    from gateway.schema.cohorts import Cohort

LazyCohort = Annotated["Cohort", strawberry.lazy("gateway.schema.cohorts")]


@strawberry.type(description="What somebody learns in a group, and from whom.")
class GroupLearning:
    state: strawberry.Private[matching.Direction]
    need: str | None = strawberry.field(description="Their need, in their words; null when the viewer may not read it.")
    need_kind: str | None = strawberry.field(description="How they want to be helped; null with the need.")
    offer: str | None = strawberry.field(
        description="The offer that meets it, in its owner's words; null when the viewer may not read it."
    )
    similarity: float = strawberry.field(description="How well the offer meets the need by meaning: 0 to 1.")
    priority: int = strawberry.field(description="How much they want it: 1 to 3.")
    level: int = strawberry.field(description="How deeply the other one knows it: 1 to 5.")
    value: float = strawberry.field(description="What it is worth: 0 to 1.")

    @field("Who teaches them.")
    async def teacher(self, info: Info) -> Person | None:
        return await the_person(info, self.state.teacher_id)


@strawberry.type(description="Somebody in a group.")
class GroupMember:
    person_id: strawberry.Private[UUID]
    gives: bool = strawberry.field(description="Whether they give the topic; the others need it.")
    leads: bool = strawberry.field(description="Whether it is their offer that the group is around.")
    learns: GroupLearning | None = strawberry.field(
        description="What they get out of it; null for one who gives and learns nothing there."
    )
    windows: list[str] | None = strawberry.field(
        description="The time that all share, on this person's clock; null when the viewer is not in the group."
    )

    @field("Who it is, as far as the viewer may see them.")
    async def person(self, info: Info) -> Person | None:
        return await the_person(info, self.person_id)


@strawberry.type(description="One named part of a group's value. The amounts sum to the value.")
class GroupTerm:
    name: str = strawberry.field(description="Which part.")
    amount: float = strawberry.field(description="What it adds, or takes away.")
    detail: str = strawberry.field(description="Why, in English.")


@strawberry.type(description="Three to six people around a topic, for organizers of the cohort and its members.")
class Group:
    state: strawberry.Private[matching.Group]
    topic: str | None = strawberry.field(
        description="The topic, in the words of the offer of the one who leads; null when the viewer may not read it."
    )
    members: list[GroupMember] = strawberry.field(description="Who is in it, the one who leads first.")
    value: float = strawberry.field(description="What it is worth.")
    terms: list[GroupTerm] = strawberry.field(description="The parts of the value.")
    language: str = strawberry.field(description="The language that all speak.")
    language_level: int = strawberry.field(description="How well the weakest of them does: 1 (A1) to 6 (C2).")
    shared_minutes: int = strawberry.field(description="How many minutes a week all are free together.")
    shared_windows: list[str] | None = strawberry.field(
        description="When, in UTC; null when the viewer is not in the group."
    )

    @field("Why nobody else who needs the topic is in it, in this language; in English when it is not spoken here.")
    async def others(self, locale: Locale = "en") -> list[str]:
        return list(dict(self.state.wordings).get(language(locale), self.state.others))


def group(state: matching.Group, info: Info) -> Group:
    """A group, with what this viewer may read of its people's words."""
    viewer = info.context.viewer
    inside = policy.is_one_of(viewer, [member.person_id for member in state.members])
    home = {member.person_id: member.organization_id for member in state.members}

    def learning(learns: matching.Direction) -> GroupLearning:
        theirs = inside or viewer.administers(home[learns.learner_id])
        return GroupLearning(
            state=learns,
            need=learns.need if theirs else None,
            need_kind=learns.need_kind if theirs else None,
            offer=learns.offer if inside or viewer.administers(home[learns.teacher_id]) else None,
            similarity=learns.similarity,
            priority=learns.priority,
            level=learns.level,
            value=learns.value,
        )

    leader = state.members[0]
    return Group(
        state=state,
        topic=state.topic if inside or viewer.administers(leader.organization_id) else None,
        members=[
            GroupMember(
                person_id=member.person_id,
                gives=member.gives,
                leads=member is leader,
                learns=learning(member.learns) if member.learns and member.learns.teacher_id in home else None,
                windows=list(member.windows) if inside else None,
            )
            for member in state.members
        ],
        value=state.value,
        terms=[GroupTerm(name=term.name, amount=term.amount, detail=term.detail) for term in state.terms],
        language=state.language,
        language_level=state.language_level,
        shared_minutes=state.shared_minutes,
        shared_windows=list(state.shared_windows) if inside else None,
    )


@strawberry.type(
    description="A plan of groups around topics. Organizers see all groups; people, once it is published, their own and no other."
)
class GroupPlan(Node):
    seen: strawberry.Private[GroupPlanSeen]
    status: RunStatus = strawberry.field(description="Where planning it stands.")
    published: bool = strawberry.field(description="Whether people see their groups.")
    least: int = strawberry.field(description="How many people a group has at least.")
    most: int = strawberry.field(description="How many people a group has at most.")
    minutes: int = strawberry.field(description="How many minutes a week all of a group share at least.")
    level: int = strawberry.field(description="From which level on an offer can lead a group: 1 to 5.")
    changed_at: datetime = strawberry.field(description="When it last changed.")
    value: float | None = strawberry.field(
        description="The sum of all groups' values. For organizers and operators; null for everybody else."
    )
    upper_bound: float | None = strawberry.field(
        description="No plan of whatever groups that leaves as few people out is worth more; null for people, and while none is proven."
    )
    unmatched_bound: int | None = strawberry.field(
        description="No plan leaves fewer people out; null for people, and while none is proven."
    )
    exact: bool | None = strawberry.field(description="Whether both bounds are met. For organizers and operators.")
    run_id: strawberry.ID | None = strawberry.field(
        description="What planned it; `viceversa verify-run` checks it. For organizers and operators; null for everybody else."
    )
    error: str | None = strawberry.field(description="Why it could not be planned. For organizers and operators.")

    @field("The cohort.")
    async def cohort(self, info: Info) -> LazyCohort | None:
        from gateway.schema.cohorts import the_cohort

        return await the_cohort(info, self.seen.plan.cohort_id)

    @field("All groups, the most valuable first. For organizers; null for everybody else.")
    async def groups(self, info: Info) -> list[Group] | None:
        if self.seen.sight not in policy.GROUP_PLAN["groups"]:
            return None
        return [group(each, info) for each in self.seen.plan.groups]

    @field("The group that the viewer is in; null for whoever is in none, and before it is published.")
    async def my_group(self, info: Info) -> Group | None:
        mine = policy.own_group(info.context.viewer, self.seen.plan)
        return group(mine, info) if mine else None

    @field("The viewer's own people without a group, and why. For organizers; empty for everybody else.")
    async def unmatched(self, info: Info) -> list[Unmatched]:
        mine = [each for each in self.seen.plan.unmatched if info.context.viewer.administers(each.organization_id)]
        seen = await info.context.loaders.people.load_many([each.person_id for each in mine])
        return [
            Unmatched(person=person(found), reason=each.reason, state=each)
            for each, found in zip(mine, seen, strict=True)
            if found is not None
        ]


def group_plan(seen: GroupPlanSeen) -> GroupPlan:
    """What this viewer may see of the plan."""
    plan, sight = seen.plan, seen.sight
    figures = sight in policy.GROUP_PLAN["value"]
    return GroupPlan(
        seen=seen,
        id=strawberry.ID(str(plan.plan_id)),
        status=plan.status,
        published=plan.published,
        least=plan.least,
        most=plan.most,
        minutes=plan.minutes,
        level=plan.level,
        changed_at=seen.changed_at,
        value=plan.value if figures else None,
        upper_bound=plan.upper_bound if figures else None,
        unmatched_bound=plan.unmatched_bound if figures else None,
        exact=plan.exact if figures else None,
        run_id=strawberry.ID(str(plan.run_id)) if plan.run_id and figures else None,
        error=plan.error if figures else None,
    )
