"""A plan is looked at and lived with: what if the rules were others, somebody drops out, somebody waits, somebody comes later."""

from __future__ import annotations

from typing import Any

from deploy.demonstrate.circle import CHLOE, FIRST, NEWCOMERS, WAITS, enrol, somebody
from deploy.demonstrate.client import StepFailed
from deploy.demonstrate.following import drafts, match, names, run_ended
from deploy.demonstrate.stage import Stage

_RULES = "rules { kind required parameter } difference logistics ranking"
_FIGURES = "value pairs unmatched exact fairness { worst }"
_COMPARED = (
    "query ($run: ID!, $other: ID!) { compared: compareRuns(runId: $run, otherId: $other) { __typename ... on Refusal { message } "
    f"... on RunComparison {{ sameSnapshot moved pairsInBoth run {{ {_FIGURES} }} other {{ {_FIGURES} }} }} }} }}"
)
_MY_PLACES = "{ viewer { enrolments { status cohort { id } } } }"


async def play(stage: Stage, *, run: dict[str, Any]) -> None:
    """From a run's drafts to proposals, and to those of a second wave."""
    with stage.step("17 What if? The same people under other rules, compared, and nothing changed"):
        await _what_if(stage, base=run["id"])
        stage.modes.append("what-if")
    with stage.step("18 Somebody drops out: the waiting list moves up, and the plan is repaired"):
        run = await _drop_out(stage)
        stage.modes += ["waiting list", "repair"]
        await stage.admin().do("publishProposals", {"runId": run["id"]})
        stage.say(f"the organizers published {run['pairs']} proposals")
    with stage.step("19 A wave of newcomers, while the first ones think about their proposals"):
        await _wave(stage)
        stage.modes.append("waves")


async def _what_if(stage: Stage, *, base: str) -> None:
    rules = (await stage.cohort(f"rules {{ {_RULES} }}"))["rules"]
    before = await drafts(stage)
    asked = await stage.admin().do(
        "simulateMatching",
        {"baseRunId": base, "rules": {**rules, "worstOffFloor": 1.0}},
        want="... on MatchRun { id }",
    )
    await run_ended(stage, asked["id"])
    compared = (await stage.admin().ask(_COMPARED, run=base, other=asked["id"]))["compared"]
    if not compared.get("sameSnapshot") or await drafts(stage) != before:
        raise StepFailed(f"the what-if is no what-if: {compared}")
    now, then = compared["run"], compared["other"]
    stage.say(
        f"lifting the worst-off as far as can be would move {compared['moved']} people: the worst pair from "
        f"{now['fairness']['worst']:.2f} to {then['fairness']['worst']:.2f}, all together from {now['value']:.2f} to {then['value']:.2f}; "
        "the organizers leave it as it is"
    )


async def _drop_out(stage: Stage) -> dict[str, Any]:
    gone, next_one = somebody(stage, CHLOE), somebody(stage, WAITS)
    before = await drafts(stage)
    await gone.client.do("withdrawEnrolment", {"cohortId": stage.cohort_id})
    places = (await next_one.client.ask(_MY_PLACES))["viewer"]["enrolments"]
    status = next((each["status"] for each in places if each["cohort"]["id"] == stage.cohort_id), "nowhere")
    if status != "ADMITTED":
        raise StepFailed(f"{next_one.name} should have got the place of {gone.name}, and is {status.lower()}")
    run = await match(stage, keep="LOCKED")
    after = await drafts(stage)
    stayed = {two for two in before if gone.person_id not in two}
    if run["moved"] or not stayed <= set(after):
        raise StepFailed(f"the plan was to be repaired with everybody else kept, and {run['moved']} people were moved")
    new = [names(stage, two) for two in after if two not in before]
    stage.say(f"{gone.name} withdraws, and {next_one.name} is admitted from the waiting list at once")
    stage.say(
        f"repaired (LOCKED): {len(stayed)} pairs stay, {run['moved']} other people moved; new: {', '.join(new) or 'no pair'}"
    )
    return run


async def _wave(stage: Stage) -> None:
    organizer, cohort = stage.admin(), {"cohortId": stage.cohort_id}
    await organizer.do("changeCapacity", {**cohort, "capacity": len(FIRST) + len(NEWCOMERS)})
    await organizer.do("advanceCohort", {**cohort, "to": "OPEN"})
    await enrol(stage, NEWCOMERS)
    run = await match(stage)
    found = await drafts(stage)
    await organizer.do("publishProposals", {"runId": run["id"]})
    if run["wave"] != 2 or not found:
        raise StepFailed(f"wave {run['wave']} found {len(found)} pairs for {len(NEWCOMERS)} newcomers")
    stage.say(
        f"wave {run['wave']}: {len(NEWCOMERS)} newcomers, {run['people']} people with a free place, {len(found)} new pairs "
        f"({'; '.join(names(stage, two) for two in found)}); whoever has a proposal keeps it"
    )
