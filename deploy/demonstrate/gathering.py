"""More than pairs: speed rounds in which everybody meets several people, and groups around a topic."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

from deploy.demonstrate.circle import IWONA, somebody
from deploy.demonstrate.client import StepFailed
from deploy.demonstrate.following import ended
from deploy.demonstrate.stage import Stage

_ROUNDS = 3
_FROM = 2  # the first round without whoever did not come
_ROUND_PLAN = (
    "roundPlan(id: $id) { status error value upperBound rounds { meetings { people { id } } sittingOut { id } } }"
)
_GROUP_PLAN = "groupPlan(id: $id) { status error value upperBound groups { topic language sharedMinutes members { leads person { id } } } }"


async def play(stage: Stage) -> None:
    """Both are asked for at once; a worker plans one after the other."""
    cohort = {"cohortId": stage.cohort_id}
    with stage.step("14 To get to know each other: speed rounds, and groups of three to six around a topic"):
        rounds, groups = await asyncio.gather(
            stage.admin().do("planRounds", {**cohort, "rounds": _ROUNDS}, want="... on RoundPlan { id }"),
            stage.admin().do("planGroups", cohort, want="... on GroupPlan { id }"),
        )
        await asyncio.gather(_speed_rounds(stage, rounds["id"]), _groups(stage, groups["id"]))


async def _speed_rounds(stage: Stage, key: str) -> None:
    plan = await ended(stage, _ROUND_PLAN, key=key, what="the plan of speed rounds")
    _check(plan["rounds"])
    meetings = [len(each["meetings"]) for each in plan["rounds"]]
    absent = somebody(stage, IWONA)
    stage.say(
        f"{_ROUNDS} speed rounds: {' + '.join(map(str, meetings))} meetings, nobody meets anybody twice, worth "
        f"{plan['value']:.2f} (no schedule is worth more than {plan['upperBound']:.2f})"
    )
    await stage.admin().do("replanRounds", {"planId": key, "fromRound": _FROM, "absent": [absent.person_id]})
    again = await ended(stage, _ROUND_PLAN, key=key, what="the plan of speed rounds without a no-show")
    _check(again["rounds"])
    kept = [_twos(each) for each in plan["rounds"][: _FROM - 1]] == [
        _twos(each) for each in again["rounds"][: _FROM - 1]
    ]
    if not kept or any(absent.person_id in two for each in again["rounds"][_FROM - 1 :] for two in _twos(each)):
        raise StepFailed(
            f"{absent.name} did not come to round {_FROM}, and the rounds were not planned anew without them"
        )
    stage.modes.append("speed rounds")
    changed = sum(len(_twos(new) - _twos(old)) for new, old in zip(again["rounds"], plan["rounds"], strict=True))
    stage.say(
        f"{absent.name} is missing from round {_FROM} on: round 1 stays, {changed} meetings of the others are new, "
        f"{sum(len(each['meetings']) for each in again['rounds'])} in all"
    )


async def _groups(stage: Stage, key: str) -> None:
    plan = await ended(stage, _GROUP_PLAN, key=key, what="the plan of groups")
    groups = plan["groups"]
    people = [member["person"]["id"] for group in groups for member in group["members"]]
    if not groups or len(set(people)) != len(people):
        raise StepFailed(
            f"{len(groups)} groups were planned, with {len(people) - len(set(people))} people in two of them"
        )
    await stage.admin().do("publishGroups", {"planId": key})
    leader = stage.people[people[0]]
    mine = (await leader.client.ask("{ myGroups { topic members { person { displayName } } sharedMinutes } }"))[
        "myGroups"
    ]
    if not mine:
        raise StepFailed(f"{leader.name} does not see the group that was published")
    stage.modes.append("groups")
    names = ", ".join(member["person"]["displayName"] for member in mine[0]["members"])
    stage.say(
        f"{len(groups)} groups of {'/'.join(sorted({str(len(group['members'])) for group in groups}))} people, published; one meets around "
        f"“{mine[0]['topic']}”, {mine[0]['sharedMinutes']} min a week: {names}"
    )


def _twos(planned: dict[str, Any]) -> set[frozenset[str]]:
    return {frozenset(person["id"] for person in each["people"]) for each in planned["meetings"]}


def _check(rounds: Iterable[dict[str, Any]]) -> None:
    met = [two for each in rounds for two in _twos(each)]
    if not met or len(set(met)) != len(met):
        raise StepFailed(
            f"of {len(met)} meetings in the speed rounds only {len(set(met))} are of two who did not meet before"
        )
