"""``node(id:)``: which kind of object an id names, and the object as this viewer sees it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from uuid import UUID

from gateway.schema import (
    agreements,
    cohorts,
    groups,
    inbox,
    learning,
    pairs,
    people,
    reciprocity,
    rounds,
    runs,
    sessions,
)
from gateway.schema.context import Info
from gateway.schema.paging import Node


async def _organization(info: Info, key: UUID) -> Node | None:
    return await people.the_organization(info, key)


async def _person(info: Info, key: UUID) -> Node | None:
    return await people.the_person(info, key)


async def _cohort(info: Info, key: UUID) -> Node | None:
    return await cohorts.the_cohort(info, key)


async def _enrolment(info: Info, key: UUID) -> Node | None:
    seen = await info.context.loaders.enrolments.load(key)
    return cohorts.enrolment(seen) if seen else None


async def _run(info: Info, key: UUID) -> Node | None:
    return await runs.the_run(info, key)


async def _round_plan(info: Info, key: UUID) -> Node | None:
    seen = await info.context.loaders.round_plans.load(key)
    return rounds.round_plan(seen) if seen else None


async def _group_plan(info: Info, key: UUID) -> Node | None:
    seen = await info.context.loaders.group_plans.load(key)
    return groups.group_plan(seen) if seen else None


async def _calibration(info: Info, key: UUID) -> Node | None:
    seen = await info.context.loaders.calibrations.load(key)
    return learning.calibration(seen) if seen else None


async def _pair(info: Info, key: UUID) -> Node | None:
    return await pairs.the_pair(info, key)


async def _agreement(info: Info, key: UUID) -> Node | None:
    found = await info.context.loaders.agreements.load(key)
    return agreements.agreement(found) if found else None


async def _agenda(info: Info, key: UUID) -> Node | None:
    found = await info.context.loaders.agendas.load(key)
    return agreements.agenda(found) if found else None


async def _session(info: Info, key: UUID) -> Node | None:
    found = await info.context.loaders.sessions.load(key)
    return sessions.session(found) if found else None


async def _feedback(info: Info, key: UUID) -> Node | None:
    found = await info.context.loaders.feedback.load(key)
    return sessions.feedback(found) if found else None


async def _introduction(info: Info, key: UUID) -> Node | None:
    found = await info.context.loaders.introductions.load(key)
    return reciprocity.introduction(found) if found else None


async def _notification(info: Info, key: UUID) -> Node | None:
    found = await info.context.loaders.notifications.load(key)
    return inbox.notification(found) if found else None


FINDERS: Mapping[str, Callable[[Info, UUID], Awaitable[Node | None]]] = {
    "organizations": _organization,
    "people": _person,
    "cohorts": _cohort,
    "enrolments": _enrolment,
    "runs": _run,
    "pairs": _pair,
    "round_plans": _round_plan,
    "group_plans": _group_plan,
    "calibrations": _calibration,
    "agreements": _agreement,
    "agendas": _agenda,
    "sessions": _session,
    "feedback": _feedback,
    "introductions": _introduction,
    "notifications": _notification,
}


async def find(info: Info, keys: Sequence[UUID]) -> list[Node | None]:
    """The objects with these ids, each as the viewer sees it."""
    kinds = await info.context.loaders.kinds(keys)
    return [await FINDERS[kind](info, key) if (kind := kinds.get(key)) is not None else None for key in keys]
