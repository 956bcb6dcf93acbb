"""People and organizers choose: suggestions with reasons, a ranking that nobody else sees, why not somebody, and a veto."""

from __future__ import annotations

from typing import Any

from deploy.demonstrate.client import StepFailed, until
from deploy.demonstrate.stage import Somebody, Stage

_SUGGESTED = (
    "query ($cohort: ID!) { suggestions(cohortId: $cohort, first: 3) { __typename ... on Refusal { message } ... on Suggestions { "
    "unread unreadOfOthers why suggestions { value terms { name amount } directions { need offer similarity level } language "
    "sharedMinutes person { id displayName } } } } }"
)
_WHY_NOT = (
    "query ($cohort: ID!, $other: ID!, $of: ID) { whyNot(cohortId: $cohort, personId: $other, of: $of) { __typename "
    "... on Refusal { message } ... on WhyNot { code why } } }"
)
_MY_RANKING = (
    "query ($cohort: ID!) { myRanking(cohortId: $cohort) { __typename ... on Ranking { people { displayName } } } }"
)


async def before_matching(stage: Stage) -> None:
    """While registration is open: somebody looks at suggestions, ranks two of them, and asks why not a third one."""
    someone = next(iter(stage.people.values()))

    async def suggested() -> Any:
        found = (await someone.client.ask(_SUGGESTED, cohort=stage.cohort_id))["suggestions"]
        return found if found.get("suggestions") else None

    found = await until(suggested, what=f"somebody is suggested to {someone.name}", within=60)
    for each in found["suggestions"]:
        if abs(each["value"] - sum(term["amount"] for term in each["terms"])) > 1e-12:
            raise StepFailed(f"the terms of a suggestion do not sum to its value: {each}")
        reasons = "; ".join(f"“{way['need'] or way['offer']}” ({way['similarity']:.2f})" for way in each["directions"])
        stage.say(f"{someone.name} is suggested {each['person']['displayName']}, {each['value']:.3f}: {reasons}")
    chosen = [each["person"]["id"] for each in found["suggestions"][:2]]
    await someone.client.do("rankPeople", {"cohortId": stage.cohort_id, "people": chosen})
    other = stage.people[chosen[0]]
    seen = (await other.client.ask(_MY_RANKING, cohort=stage.cohort_id))["myRanking"]["people"]
    stage.say(f"{someone.name} ranked {len(chosen)}; {other.name} sees {len(seen)} rankings but their own")
    await _why_not(stage, someone, of=someone)


async def _why_not(stage: Stage, someone: Somebody, *, of: Somebody) -> None:
    third = next(
        each
        for each in stage.people.values()
        if each.organization == someone.organization and each.person_id != someone.person_id
    )
    why = (await of.client.ask(_WHY_NOT, cohort=stage.cohort_id, other=third.person_id, of=None))["whyNot"]
    stage.say(f"Why not {third.name}? {why.get('code', why['__typename'])}: {' '.join(why.get('why', ()))}")


async def in_review(stage: Stage) -> None:
    """Between a run and its proposals: an organizer vetoes a draft, and takes the veto back."""
    drafts = await stage.pairs(status=["DRAFT"], fields="value members { person { id displayName } }")
    if not drafts:
        return
    weakest = min(drafts, key=lambda pair: pair["value"])
    people = [member["person"]["id"] for member in weakest["members"]]
    names = " and ".join(member["person"]["displayName"] for member in weakest["members"])
    await stage.admin().do(
        "vetoPair", {"cohortId": stage.cohort_id, "people": people}, want="... on PairVetoed { dropped { id } }"
    )
    why = (await stage.admin().ask(_WHY_NOT, cohort=stage.cohort_id, other=people[1], of=people[0]))["whyNot"]
    stage.say(f"An organizer vetoed {names}: {why.get('code', why['__typename'])}; the next run looks elsewhere")
