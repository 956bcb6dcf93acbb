"""People answer their proposals: most accept, some ask first, some decline, some stay silent; a second wave takes up who is left."""

from __future__ import annotations

from functools import partial
from typing import Any

from deploy.demonstrate.client import Refused, all_at_once, until
from deploy.demonstrate.onboarding import match
from deploy.demonstrate.stage import Stage

_ASKS, _DECLINES, _SILENT = 3, 2, 3  # how many pairs do each
_MEMBERS = "members { person { id } }"


async def play(stage: Stage) -> None:
    """From proposals to accepted pairs in an active cohort."""
    with stage.step("6  People answer: most accept, some ask first, some decline, some stay silent"):
        await _answer(stage)
    with stage.step("7  Silence is noticed: a nudge, then the proposal expires"):
        await _wait_for_the_silent(stage)
    with stage.step("8  A second wave for those who went back to the pool"):
        run = await match(stage)
        if run["pairs"]:
            await stage.admin().do("publishProposals", {"runId": run["id"]})
            again = await stage.pairs(status=["PROPOSED"], fields=_MEMBERS)
            await all_at_once([partial(_accept, stage, pair) for pair in again])
            stage.say(f"{len(again)} more pairs were proposed and accepted")
        await stage.admin().do("advanceCohort", {"cohortId": stage.cohort_id, "to": "ACTIVE"})


async def _answer(stage: Stage) -> None:
    proposals = sorted(
        await stage.pairs(status=["PROPOSED"], fields=_MEMBERS + " value"), key=lambda pair: -pair["value"]
    )
    asking, rest = proposals[:_ASKS], proposals[_ASKS:]
    declining, silent, accepting = (
        rest[-_DECLINES:],
        rest[-_DECLINES - _SILENT : -_DECLINES],
        rest[: -_DECLINES - _SILENT],
    )
    for pair in asking:
        await _ask_first(stage, pair)
    await all_at_once([partial(_accept, stage, pair) for pair in (*accepting, *asking)])
    for number, pair in enumerate(declining):
        first = stage.people[pair["members"][0]["person"]["id"]]
        await first.client.do(
            "declinePair",
            {"pairId": pair["id"], "reason": ("NO_TIME", "NOT_WHAT_I_NEED")[number % 2], "pause": number % 2 == 0},
        )
    for pair in silent:
        await stage.people[pair["members"][1]["person"]["id"]].client.do("acceptPair", {"pairId": pair["id"]})
    stage.say(
        f"{len(accepting) + len(asking)} accepted ({len(asking)} after a question), {len(declining)} declined "
        f"(one is unavailable from now on), {len(silent)} half accepted and then silence"
    )


async def _accept(stage: Stage, pair: dict[str, Any]) -> None:
    for member in pair["members"]:
        await stage.people[member["person"]["id"]].client.do("acceptPair", {"pairId": pair["id"]})


async def _ask_first(stage: Stage, pair: dict[str, Any]) -> None:
    one, other = (stage.people[member["person"]["id"]] for member in pair["members"])
    asked = await one.client.do(
        "askQuestion",
        {"pairId": pair["id"], "text": "Would every other Thursday be all right for you?"},
        want="... on Pair { questions { id } }",
    )
    await other.client.do(
        "answerQuestion",
        {"pairId": pair["id"], "questionId": asked["questions"][0]["id"], "answer": "Thursdays are my best day."},
    )


async def _wait_for_the_silent(stage: Stage) -> None:
    await stage.forward(hours=40)

    async def nudged() -> int:
        counts = []
        for pair in await stage.pairs(status=["HALF_ACCEPTED"], fields=_MEMBERS):
            somebody = stage.people[pair["members"][0]["person"]["id"]]
            data = await somebody.client.ask("{ viewer { inbox(first: 50) { nodes { kind title } } } }")
            counts.append(any(node["kind"] == "NUDGE" for node in data["viewer"]["inbox"]["nodes"]))
        return sum(counts) if counts and all(counts) else 0

    count = await until(nudged, what="whoever has not answered after half of the time got one nudge")
    stage.say(f"{count} people were reminded, once")
    await stage.forward(hours=33)

    async def expired() -> bool:
        return not await stage.pairs(status=["PROPOSED", "HALF_ACCEPTED"], fields=_MEMBERS)

    await until(expired, what="unanswered proposals expired after their 72 hours")
    late = (await stage.pairs(status=["EXPIRED"], fields=_MEMBERS))[0]
    somebody = stage.people[late["members"][0]["person"]["id"]]
    refused = await somebody.client.try_to("acceptPair", {"pairId": late["id"]})
    if isinstance(refused, Refused):
        stage.say(f"accepting now is refused as {refused.kind}: “{refused.message}” [dim]{refused.remedy}[/dim]")
