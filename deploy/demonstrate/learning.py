"""Pairs sign, meet with tapering lengths, teach and learn both ways, tell each other how it was, and open a door."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from deploy import mailbox
from deploy.demonstrate.client import all_at_once, until
from deploy.demonstrate.stage import Somebody, Stage

_FOLLOWED, _MEETINGS, _SILENT_MEETINGS = 8, 4, 2
_PAIR = (
    "members { person { id } } value directions { need offer teacher { id } learner { id } } sharedWindows oneWayReason"
)
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


async def play(stage: Stage, *, mail: Path) -> None:
    """From accepted pairs to what they learned."""
    with stage.step("9  Both sign their agreement; only then is a pair active"):
        await _sign_all(stage)
    active = await stage.pairs(status=["ACTIVE"], fields=_PAIR)
    two_way = [pair for pair in active if len(pair["directions"]) == 2]
    followed = sorted(two_way, key=lambda pair: (-pair["value"], pair["id"]))[:_FOLLOWED]
    with stage.step(f"10 {len(followed)} pairs meet {_MEETINGS} times, each meeting planned shorter than the first"):
        followed[-1]["silent"] = True
        for number in range(1, _MEETINGS + 1):
            await _meet(stage, followed, number=number)
            if number == _SILENT_MEETINGS:
                await _both_are_nudged(stage, followed[-1])
    with stage.step("11 Somebody opens a door"):
        await _introduce(stage, followed[0])
    with stage.step("12 The cohort wraps up"):
        await stage.forward(hours=24 * 14)
        await stage.admin().do("advanceCohort", {"cohortId": stage.cohort_id, "to": "WRAP_UP"})
        await _let_mail_go_out(stage, mail)


async def _sign_all(stage: Stage) -> None:
    accepted = await stage.pairs(status=["ACCEPTED"], fields=_PAIR)
    await all_at_once([partial(_sign, stage, pair) for pair in accepted])

    async def all_active() -> bool:
        return not await stage.pairs(status=["ACCEPTED"], fields="value")

    await until(all_active, what="every signed pair is active")
    stage.say(f"{len(accepted)} agreements signed by both")


async def _sign(stage: Stage, pair: dict[str, Any]) -> None:
    one, other = (stage.people[member["person"]["id"]] for member in pair["members"])

    async def drafted() -> Any:
        data = await one.client.ask("query ($id: ID!) { pair(id: $id) { agreement { termsVersion } } }", id=pair["id"])
        return data["pair"]["agreement"]

    agreement = await until(drafted, what=f"an agreement was drafted for the pair of {one.name} and {other.name}")
    for somebody in (one, other):
        await somebody.client.do("signAgreement", {"pairId": pair["id"], "termsVersion": agreement["termsVersion"]})


async def _meet(stage: Stage, followed: list[dict[str, Any]], *, number: int) -> None:
    now = await stage.now()
    scheduled = await all_at_once([partial(_schedule, stage, pair, now) for pair in followed])
    minutes = sorted({answer["minutes"] for answer in scheduled}, reverse=True)
    last = max(datetime.fromisoformat(answer["startsAt"]) for answer in scheduled)
    await stage.forward(hours=(last - now) / timedelta(hours=1) + 2)
    await all_at_once(
        [partial(_log, stage, pair, answer["id"], number) for pair, answer in zip(followed, scheduled, strict=True)]
    )
    released = await _tell_each_other(stage, followed, number)
    stage.counts["sessions_logged"] = stage.counts.get("sessions_logged", 0) + len(scheduled)
    stage.say(
        f"meeting {number}: {len(scheduled)} sessions of {'/'.join(map(str, minutes))} min, logged by both; "
        f"{released} pulses sealed and then released"
    )


async def _schedule(stage: Stage, pair: dict[str, Any], now: datetime) -> dict[str, Any]:
    one = stage.people[pair["members"][0]["person"]["id"]]
    return await one.client.do(
        "scheduleSession",
        {
            "pairId": pair["id"],
            "startsAt": _next_window(pair["sharedWindows"], after=now).isoformat(),
            "place": "video call",
        },
        want="... on Session { id startsAt minutes status }",
    )


async def _log(stage: Stage, pair: dict[str, Any], session_id: str, number: int) -> None:
    # One person of the last pair teaches nothing twice: the platform notices, and tells both in the same neutral words.
    silent = number <= _SILENT_MEETINGS and pair.get("silent", False)
    for direction in pair["directions"]:
        teacher = stage.people[direction["teacher"]["id"]]
        learned = next(each for each in pair["directions"] if each["learner"]["id"] == teacher.person_id)
        await teacher.client.do(
            "logSession",
            {
                "sessionId": session_id,
                "taught": ""
                if silent and direction is pair["directions"][0]
                else f"Part {number} of: {direction['offer']}",
                "learned": f"A first answer to: {learned['need']}",
            },
        )


async def _both_are_nudged(stage: Stage, pair: dict[str, Any]) -> None:
    people = [stage.people[member["person"]["id"]] for member in pair["members"]]

    async def nudges() -> Any:
        titles = []
        for somebody in people:
            data = await somebody.client.ask("{ viewer { inbox(first: 50) { nodes { kind title } } } }")
            titles.append([node["title"] for node in data["viewer"]["inbox"]["nodes"] if node["kind"] == "NUDGE"])
        return titles if all(titles) else None

    titles = await until(nudges, what="both got a nudge when one direction was silent twice")
    stage.say(f"one direction of {people[0].name} and {people[1].name} was silent twice: both read “{titles[0][0]}”")


async def _tell_each_other(stage: Stage, followed: list[dict[str, Any]], number: int) -> int:
    people = [(pair, stage.people[member["person"]["id"]]) for pair in followed for member in pair["members"]]
    done = await all_at_once([partial(_submit, stage, pair, somebody, number) for pair, somebody in people])
    first_pair, first = people[0]

    async def released() -> Any:
        data = await first.client.ask(
            "query ($id: ID!) { pair(id: $id) { feedback { id status addressee { id } } } }", id=first_pair["id"]
        )
        return [
            each
            for each in data["pair"]["feedback"] or []
            if each["status"] == "RELEASED" and each["addressee"] and each["addressee"]["id"] == first.person_id
        ]

    theirs = await until(released, what=f"{first.name} may read what the other one wrote")
    words = await first.client.ask(
        "query ($id: ID!) { feedbackText(id: $id) { ... on FeedbackText { praise usefulness } ... on Refusal { message } } }",
        id=theirs[-1]["id"],
    )
    if number == 1:
        stage.say(f"{first.name} reads, and nobody else can: “{words['feedbackText'].get('praise')}”")
    return sum(done)


async def _submit(stage: Stage, pair: dict[str, Any], somebody: Somebody, number: int) -> int:
    async def due() -> Any:
        data = await somebody.client.ask("{ viewer { feedbackDue { id kind pair { id } } } }")
        return [each for each in data["viewer"]["feedbackDue"] if each["pair"] and each["pair"]["id"] == pair["id"]]

    asked = await until(due, what=f"{somebody.name} was asked for a pulse after meeting {number}")
    for each in asked:
        await somebody.client.do(
            "submitFeedback",
            {
                "feedbackId": each["id"],
                "usefulness": 4 + number % 2,
                "praise": "You explained it with an example from my own week.",
                "critique": "Let us keep to one thing next time.",
            },
        )
    return len(asked)


async def _introduce(stage: Stage, pair: dict[str, Any]) -> None:
    giver, receiver = (stage.people[member["person"]["id"]] for member in pair["members"])
    third = next(
        somebody
        for somebody in stage.people.values()
        if somebody.organization == giver.organization
        and somebody.person_id not in (giver.person_id, receiver.person_id)
    )
    offered = await giver.client.do(
        "offerIntroduction",
        {"pairId": pair["id"], "thirdPersonId": third.person_id, "about": "Knows the people who decide about pilots."},
        want="... on Introduction { id status thirdPerson { displayName } }",
    )
    unseen = await receiver.client.ask(
        "query ($id: ID!) { pair(id: $id) { introductions { status thirdPerson { displayName } } } }", id=pair["id"]
    )
    hidden = all(each["thirdPerson"] is None for each in unseen["pair"]["introductions"])
    await third.client.do("answerIntroduction", {"introductionId": offered["id"], "consent": True})
    await giver.client.do("makeIntroduction", {"introductionId": offered["id"]})
    await receiver.client.do("closeIntroduction", {"introductionId": offered["id"], "outcome": "We meet next week."})
    stage.say(
        f"{giver.name} introduces {receiver.name} to {third.name}; before {third.name} agreed, {receiver.name} saw "
        f"{'no name' if hidden else '[red]the name[/red]'}"
    )


async def _let_mail_go_out(stage: Stage, mail: Path) -> None:
    # Whoever is asleep gets their mail in their own morning: let one pass for everybody.
    for _ in range(3):
        await stage.forward(hours=6)
        before = -1

        async def still() -> bool:
            nonlocal before
            after = mailbox.count(mail)
            before, quiet = after, after == before
            return quiet

        await until(still, what="the mail server has nothing more to take", every=0.6, within=60)


def _next_window(windows: list[str] | None, *, after: datetime) -> datetime:
    """The start of the next shared window, `Mon 14:00–15:00 UTC`, at least a day away; two days away when there is none."""
    starts = []
    for window in windows or ():
        found = re.match(r"(\w{3}) (\d\d):(\d\d)", window)
        if found and found[1] in _DAYS:
            day = after + timedelta(days=(_DAYS.index(found[1]) - after.weekday()) % 7)
            start = day.replace(hour=int(found[2]), minute=int(found[3]), second=0, microsecond=0)
            starts.append(start if start - after >= timedelta(days=1) else start + timedelta(days=7))
    return min(starts, default=after + timedelta(days=2))
