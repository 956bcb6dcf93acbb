"""People and organizers choose: suggestions with reasons, a ranking that nobody else sees, why not somebody, a pin and a veto."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

from deploy.demonstrate.circle import (
    AGNIESZKA,
    CAMILA,
    CHLOE,
    DIEGO,
    DOROTA,
    IWONA,
    LINA,
    MARCUS,
    RAMON,
    Who,
    somebody,
)
from deploy.demonstrate.client import StepFailed, all_at_once, until
from deploy.demonstrate.following import drafts, match, names
from deploy.demonstrate.stage import Somebody, Stage

_ADVICE = (
    "query ($cohort: ID!, $other: ID!) { suggestions(cohortId: $cohort, first: 2) { __typename ... on Refusal { message } "
    "... on Suggestions { unread unreadOfOthers suggestions { value terms { amount } directions { need offer similarity "
    "learner { id } } language sharedMinutes person { id } } } } "
    'whyNot(cohortId: $cohort, personId: $other) { __typename ... on Refusal { message } ... on WhyNot { code why(locale: "en") } } }'
)
_MY_RANKING = (
    "query ($cohort: ID!) { myRanking(cohortId: $cohort) { __typename ... on Ranking { people { displayName } } } }"
)
_RANKINGS: dict[Who, tuple[Who, ...]] = {
    IWONA: (MARCUS, AGNIESZKA),
    MARCUS: (IWONA,),
    DOROTA: (AGNIESZKA, LINA),
    RAMON: (CAMILA, DIEGO),
}
_PINNED, _VETOED = (AGNIESZKA, CHLOE), (CAMILA, DIEGO)


async def play(stage: Stage) -> dict[str, Any]:
    """Advice, wishes and an organizer's word, and the run that heeds them; the run."""
    with stage.step("15 Suggested: somebody asks who would suit, and why not somebody"):
        await _suggested(stage)
        stage.modes.append("suggested")
    with stage.step("16 Self-chosen, with an organizer's pin and veto first"):
        return await _chosen(stage)


async def _suggested(stage: Stage) -> None:
    someone, other = somebody(stage, IWONA), somebody(stage, RAMON)

    async def advised() -> Any:
        found = await someone.client.ask(_ADVICE, cohort=stage.cohort_id, other=other.person_id)
        understood = not (found["suggestions"].get("unread") or found["suggestions"].get("unreadOfOthers"))
        return found if found["suggestions"].get("suggestions") and understood else None

    found = await until(advised, what=f"somebody is suggested to {someone.name}", every=0.5)
    for each in found["suggestions"]["suggestions"]:
        if abs(each["value"] - sum(term["amount"] for term in each["terms"])) > 1e-9:
            raise StepFailed(f"the terms of a suggestion do not sum to its value: {each}")
        name = stage.people[each["person"]["id"]].name
        reasons = " and ".join(_reason(way, someone, name=name) for way in each["directions"])
        stage.say(
            f"{someone.name} might like {name} ({each['value']:.2f}): {reasons}; {each['sharedMinutes']} min a week, "
            f"in {each['language']}"
        )
    verdict = found["whyNot"]
    if not verdict.get("why") or verdict["code"] == "POSSIBLE":
        raise StepFailed(f"nobody says why {other.name} does not suit {someone.name}: {verdict}")
    stage.say(f"not {other.name}, because: {' '.join(verdict['why'])}")


def _reason(way: dict[str, Any], someone: Somebody, *, name: str) -> str:
    if way["learner"]["id"] == someone.person_id:
        return f"{name} meets “{way['need']}” ({way['similarity']:.2f})"
    return f"“{way['offer']}” is what {name} looks for ({way['similarity']:.2f})"


async def _chosen(stage: Stage) -> dict[str, Any]:
    pinned, vetoed = (frozenset(somebody(stage, who).person_id for who in two) for two in (_PINNED, _VETOED))
    admin, cohort = stage.admin(), stage.cohort_id
    await asyncio.gather(
        all_at_once([partial(_rank, stage, who) for who in _RANKINGS]),
        admin.do("pinPair", {"cohortId": cohort, "people": sorted(pinned)}),
        admin.do("vetoPair", {"cohortId": cohort, "people": sorted(vetoed)}),
    )
    first, second = (somebody(stage, who) for who in _RANKINGS[IWONA])
    seen = (await first.client.ask(_MY_RANKING, cohort=cohort))["myRanking"]["people"]
    if any(each["displayName"] == second.name for each in seen):
        raise StepFailed(f"{first.name} reads somebody else's ranking")
    stage.say(
        f"{len(_RANKINGS)} people rank others, and each sees their own ranking alone; an organizer pins {names(stage, pinned)}, "
        f"and vetoes {names(stage, vetoed)}"
    )
    run = await match(stage)
    found = await drafts(stage)
    if pinned not in found or not found[pinned]["pinned"] or vetoed in found:
        raise StepFailed(
            f"the run did not heed the pin of {names(stage, pinned)} and the veto of {names(stage, vetoed)}"
        )
    firsts = [who for who, ranked in _RANKINGS.items() if _two(stage, who, ranked[0]) in found]
    stage.modes += ["pins and vetoes", "self-chosen"]
    stage.say(
        f"{run['pairs']} pairs, {len(run['unmatched'])} without one, value {run['value']:.2f}"
        f"{', proven to be the best' if run['exact'] else ''}: both heeded, and {len(firsts)} of {len(_RANKINGS)} got their first choice"
    )
    return run


def _two(stage: Stage, one: Who, other: Who) -> frozenset[str]:
    return frozenset((somebody(stage, one).person_id, somebody(stage, other).person_id))


async def _rank(stage: Stage, who: Who) -> None:
    people = [somebody(stage, each).person_id for each in _RANKINGS[who]]
    await somebody(stage, who).client.do("rankPeople", {"cohortId": stage.cohort_id, "people": people})
