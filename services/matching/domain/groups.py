"""Groups around a topic: asked for, planned, published."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import datetime
from uuid import UUID, uuid5

from contracts.errors import Conflict, Invalid, NotFound, Problem
from contracts.matching import (
    Cohort,
    CohortStatus,
    Group,
    GroupMember,
    GroupPlan,
    GroupsPlanned,
    MatchRun,
    RunMode,
    RunStatus,
    Term,
    Unmatched,
    UnmatchedReason,
)
from services.matching.domain.drafts import direction_of
from services.matching.domain.freeze import Material, freeze
from services.matching.domain.kept import Kept, changed
from services.matching.domain.runs import LONGEST_ERROR, Result, request
from services.matching.engine import model
from services.matching.engine.model import LARGEST_GROUP, SMALLEST_GROUP
from services.matching.engine.scoring.sentences import ENGLISH, LOCALES, phrase, say

MOST_MINUTES = 40 * 60
MOST_LEVEL = 5

_PLANNABLE = {
    CohortStatus.OPEN,
    CohortStatus.CLOSED,
    CohortStatus.MATCHING,
    CohortStatus.REVIEW,
    CohortStatus.ACTIVE,
    CohortStatus.WRAP_UP,
}


class GroupsAreWrong(Invalid):
    """Sizes, minutes or a level that make no sense; ``problems`` say which."""


class CannotPlanGroups(Conflict):
    """The cohort is not under way."""


class NoGroupsToPublish(Conflict):
    """The plan is not ready, or has no groups, or is published."""


class GroupsNotFound(NotFound):
    """There is no such plan, or it is not the actor's."""


def no_groups() -> GroupsNotFound:
    """The refusal for an absent plan; the same for a foreign one."""
    return GroupsNotFound(
        "There is no such plan of groups.", remedy="Check its id, and that your organization takes part."
    )


def ask(
    cohort: Cohort,
    *,
    plan_id: UUID,
    grouping: model.Grouping,
    seed: int,
    admitted: int,
    now: datetime,
    by: UUID | None,
) -> tuple[Kept[GroupPlan], Kept[MatchRun]]:
    """A plan that waits for its run, and that run."""
    _check(grouping)
    if cohort.status not in _PLANNABLE:
        raise CannotPlanGroups(
            f"No groups can be planned while the cohort is {cohort.status.value}.",
            remedy="Plan them once it is open and before it is completed.",
        )
    run = request(cohort, run_id=uuid5(plan_id, "run of groups"), seed=seed, admitted=admitted, now=now, by=by)
    plan = GroupPlan(
        plan_id=plan_id,
        cohort_id=cohort.cohort_id,
        least=grouping.least,
        most=grouping.most,
        minutes=grouping.minutes,
        level=grouping.level,
        seed=seed,
        status=RunStatus.QUEUED,
        run_id=run.state.run_id,
    )
    return (
        Kept(state=plan, told_as=GroupsPlanned, changed_at=now, changed_by=by),
        replace(run, state=replace(run.state, mode=RunMode.GROUPS, plan_id=plan_id)),
    )


def frozen(cohort: Cohort, *, plan: GroupPlan, material: Material, now: datetime) -> model.Snapshot:
    """The snapshot of a run of groups. A group takes nobody's place for a pair: such a place is a promise to one partner, with an
    agreement and a fixed end, and a circle is beside it; so everybody admitted is in it, and can be in one group."""
    free = {each.person_id: 1 for each in material.enrolments}
    snapshot = freeze(cohort, material=replace(material, free=free, pinned=()), now=now)
    grouping = model.Grouping(least=plan.least, most=plan.most, minutes=plan.minutes, level=plan.level)
    return replace(snapshot, grouping=grouping)


def complete(
    kept: Kept[GroupPlan],
    *,
    planned: model.Groups,
    organizations: Mapping[UUID, UUID],
    apart: Collection[frozenset[UUID]],
    now: datetime,
) -> Kept[GroupPlan]:
    """The groups lie ready. ``organizations``: of the people who are still admitted; a group with somebody else, or with two who are
    ``apart`` since, is left out, and the others of it wait for another plan."""
    groups, alone = [], {UUID(out.person): out for out in planned.left_out}
    for each in planned.groups:
        people = [UUID(member.person) for member in each.members]
        if set(people) <= organizations.keys() and not any(two <= set(people) for two in apart):
            groups.append(_group(each, organizations=organizations))
        else:
            fell = model.LeftOut(person="", reason=model.CAPACITY, why=(phrase("group_fell"),))
            alone |= {person: replace(fell, person=str(person)) for person in people}
    state = replace(
        kept.state,
        groups=tuple(groups),
        unmatched=tuple(
            _unmatched(alone[person], organizations[person]) for person in sorted(alone) if person in organizations
        ),
        value=round(sum(group.value for group in groups), 6),
        upper_bound=planned.upper_bound,
        unmatched_bound=planned.unmatched_bound,
        exact=planned.exact and len(groups) == len(planned.groups),
        status=RunStatus.COMPLETED,
        error="",
    )
    return changed(kept, to=state, told_as=GroupsPlanned, at=now, by=None)


def publish(kept: Kept[GroupPlan], *, now: datetime, by: UUID | None) -> Kept[GroupPlan]:
    """People see their group."""
    plan = kept.state
    if plan.published:
        raise NoGroupsToPublish("These groups are published.", remedy="Plan groups anew for other ones.")
    if plan.status is not RunStatus.COMPLETED or not plan.groups:
        raise NoGroupsToPublish(
            f"This plan is {plan.status.value} and has {len(plan.groups)} groups.",
            remedy="Publish a completed plan with groups in it.",
        )
    return changed(kept, to=replace(plan, published=True), told_as=GroupsPlanned, at=now, by=by)


def stop(kept: Kept[GroupPlan], *, to: RunStatus, error: str = "", now: datetime, by: UUID | None) -> Kept[GroupPlan]:
    """It failed or was cancelled."""
    state = replace(kept.state, status=to, error=error[:LONGEST_ERROR])
    return changed(kept, to=state, told_as=GroupsPlanned, at=now, by=by)


def forget(kept: Kept[GroupPlan], *, person_id: UUID, now: datetime) -> Kept[GroupPlan]:
    """Somebody was erased: they and their words are gone, and a group that they led is."""
    plan = kept.state
    groups = tuple(_without(group, person_id) for group in plan.groups if group.members[0].person_id != person_id)
    state = replace(
        plan, groups=groups, unmatched=tuple(each for each in plan.unmatched if each.person_id != person_id)
    )
    return changed(kept, to=state, told_as=GroupsPlanned, at=now, by=None)


def result_of(planned: model.Groups, *, plan: GroupPlan) -> Result:
    """What the run reports."""
    return Result(
        people=sum(len(group.members) for group in plan.groups) + len(plan.unmatched),
        pairs=0,
        value=plan.value,
        upper_bound=planned.upper_bound,
        unmatched_bound=planned.unmatched_bound,
        exact=plan.exact,
        engine=planned.engine,
        meaning=planned.meaning,
        organizations=(),
        unmatched=(),
    )


def _without(group: Group, person_id: UUID) -> Group:
    members = tuple(
        replace(each, learns=None) if each.learns is not None and each.learns.teacher_id == person_id else each
        for each in group.members
        if each.person_id != person_id
    )
    return replace(group, members=members)


def _group(planned: model.PlannedGroup, *, organizations: Mapping[UUID, UUID]) -> Group:
    return Group(
        topic=planned.topic,
        members=tuple(
            GroupMember(
                person_id=UUID(member.person),
                organization_id=organizations[UUID(member.person)],
                gives=member.gives,
                learns=direction_of(member.learns) if member.learns else None,
                windows=member.windows,
            )
            for member in planned.members
        ),
        value=planned.value,
        terms=tuple(Term(name=term.name, amount=term.amount, detail=term.detail) for term in planned.terms),
        language=planned.language,
        language_level=planned.level,
        shared_minutes=planned.shared_minutes,
        shared_windows=planned.shared_windows,
        others=tuple(say(each) for each in planned.others),
        wordings=tuple(
            (locale, tuple(say(each, locale=locale) for each in planned.others))
            for locale in LOCALES
            if locale != ENGLISH
        ),
    )


def _unmatched(out: model.LeftOut, organization_id: UUID) -> Unmatched:
    return Unmatched(
        person_id=UUID(out.person),
        organization_id=organization_id,
        reason=UnmatchedReason(out.reason),
        why=tuple(say(each) for each in out.why),
        wordings=tuple(
            (locale, tuple(say(each, locale=locale) for each in out.why)) for locale in LOCALES if locale != ENGLISH
        ),
    )


def _check(grouping: model.Grouping) -> None:
    problems = []
    if not SMALLEST_GROUP <= grouping.least <= grouping.most <= LARGEST_GROUP:
        problems.append(
            Problem(
                "least, most",
                f"A group has {SMALLEST_GROUP} to {LARGEST_GROUP} people.",
                f"{grouping.least} to {grouping.most}",
                f"Choose from {SMALLEST_GROUP} to {LARGEST_GROUP}, the least first.",
            )
        )
    if not 1 <= grouping.minutes <= MOST_MINUTES:
        problems.append(
            Problem("minutes", "Not from 1 to 2400 a week.", str(grouping.minutes), "Give what a meeting takes.")
        )
    if not 1 <= grouping.level <= MOST_LEVEL:
        problems.append(Problem("level", "Offers have levels from 1 to 5.", str(grouping.level), "3 is usual."))
    if problems:
        raise GroupsAreWrong(
            "Groups cannot be planned like this.", remedy="Correct each problem listed.", problems=tuple(problems)
        )
