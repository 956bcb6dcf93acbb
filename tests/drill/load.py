"""What people do while things break: cohort after cohort from the draft to shared feedback, and small talk beside it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from random import Random
from typing import Any

from deploy.demonstrate import onboarding
from deploy.demonstrate.client import StepFailed, all_at_once, until
from deploy.demonstrate.partners import Partner, partners
from deploy.demonstrate.stage import Somebody
from tests.drill import guests
from tests.drill.stubborn import StubbornStage

_PEOPLE = 16  # of each of two organizations
_GIVEN_UP = "given up after"
_WITHIN = 400.0  # seconds for what must come true in the end, with everything broken in between
_EVERY = 0.4
_FOLLOWED = 4  # pairs of each cohort that meet
_WORDS = ("Nurse", "Welder", "Baker", "Pilot", "Judge", "Clerk", "Chemist", "Tailor", "Farmer", "Dancer")
_PAIR = "members { person { id } } directions { teacher { id } learner { id } }"


def small_partners() -> list[Partner]:
    """Two of the demonstration's organizations with the first people of their files."""
    return [
        replace(
            partner,
            content=b"\n".join(partner.content.splitlines()[: _PEOPLE + 1]) + b"\n",
            wishes=partner.wishes[:_PEOPLE],
        )
        for partner in (partners()[0], partners()[2])
    ]


async def settle_in(stage: StubbornStage) -> None:
    """Organizations and people, before anything breaks."""
    for partner in stage.partners:
        await onboarding.register(stage, partner)
    for partner in stage.partners:
        await onboarding.bring_people(stage, partner)
    await onboarding.meet_everybody(stage)
    if stage.real_time:
        # Nobody can move the clock to the morning: mails would wait for it, and the catcher would prove nothing.
        at_any_hour = {"quietFrom": "00:00:00", "quietUntil": "00:00:00"}
        await all_at_once([partial(each.client.do, "changePreferences", at_any_hour) for each in stage.people.values()])


async def live(stage: StubbornStage, *, stop: asyncio.Event) -> int:
    """One cohort after the other until told to stop; how many came to their end. What runs is brought to the next safe place."""
    number = 0
    while not stop.is_set():
        if await _cohort(stage, number + 1, stop=stop):
            number += 1
    return number


async def chat(stage: StubbornStage, *, random: Random, stop: asyncio.Event) -> None:
    """Somebody changes something of their own, again and again."""
    while not stop.is_set():
        somebody = random.choice(list(stage.people.values()))
        act = random.choice((_new_title, _new_title, _new_address, _new_wishes, _consent, _read))
        await act(somebody, random)
        await asyncio.sleep(random.uniform(0.02, 0.25))


async def _new_title(somebody: Somebody, random: Random) -> None:
    title = f"{random.choice(_WORDS)} {random.randrange(10_000)}"
    await somebody.client.do("saveProfile", {"personId": somebody.person_id, "jobTitle": title})


async def _new_address(somebody: Somebody, random: Random) -> None:
    email = f"{somebody.person_id[:8]}.{random.randrange(10_000)}@drill.example"
    await somebody.client.do("saveProfile", {"personId": somebody.person_id, "email": email})


async def _new_wishes(somebody: Somebody, random: Random) -> None:
    start = random.randrange(19, 24)
    end = random.choice((start, 8))  # the same hour: never quiet
    wishes = {"quietFrom": f"{start}:00:00", "quietUntil": f"{end:02}:00:00"}
    await somebody.client.do("changePreferences", {"emailEnabled": random.random() < 0.9, **wishes})


async def _consent(somebody: Somebody, random: Random) -> None:
    # Not the consent to be matched: without it a cohort would run dry.
    await somebody.client.do("changeConsent", {"purpose": "GROWTH_EVIDENCE", "granted": random.random() < 0.5})


async def _read(somebody: Somebody, _random: Random) -> None:
    await somebody.client.do("markRead", {})


async def _cohort(stage: StubbornStage, number: int, *, stop: asyncio.Event) -> bool:
    """From the draft to the wrap-up; false when it was left half way because the drill ends."""
    steps: tuple[Callable[[], Awaitable[Any]], ...] = (
        partial(_open, stage, number),
        partial(_enrol, stage),
        partial(_match, stage),
        partial(_accept, stage),
        partial(_sign, stage),
        partial(_meet, stage),
        partial(_let_go, stage, number),
        partial(_wrap_up, stage),
    )
    for step in steps:
        if stop.is_set():
            return False
        await step()
    return True


async def _open(stage: StubbornStage, number: int) -> None:
    now = await stage.now()
    drafted = await stage.admin().do(
        "draftCohort",
        {
            "name": f"Drill {number}",
            "partners": [{"organizationId": stage.organizations[partner.slug]} for partner in stage.partners],
            "opensAt": now.isoformat(),
            "closesAt": (now + timedelta(days=7)).isoformat(),
            "startsAt": (now + timedelta(days=14)).isoformat(),
            "endsAt": (now + timedelta(days=98)).isoformat(),
            "rules": {"rules": [{"kind": "CROSS_ORGANIZATION"}]},
        },
        want="... on Cohort { id status }",
    )
    stage.cohort_id = drafted["id"]
    for partner in stage.partners[1:]:
        await stage.admin(partner).do("acceptPartnership", {"cohortId": stage.cohort_id})
    await stage.cohort_is("OPEN", within=_WITHIN)


async def _enrol(stage: StubbornStage) -> None:
    here = {guest.organization for guest in stage.guests.values()}  # from a cohort that was left half way
    for partner in stage.partners:
        if partner.slug not in here:
            guest = await guests.invite(stage, partner)
            stage.guests[guest.person_id] = guest
    await all_at_once(
        [
            *(partial(_take_part, stage, somebody) for somebody in stage.people.values()),
            *(partial(guests.enrol, stage, guest) for guest in stage.guests.values()),
        ],
        width=4,
    )
    await stage.admin().do("advanceCohort", {"cohortId": stage.cohort_id, "to": "CLOSED"})
    await stage.cohort_is("CLOSED", within=_WITHIN)


async def _take_part(stage: StubbornStage, somebody: Somebody) -> None:
    await somebody.client.do("enrol", {"cohortId": stage.cohort_id, "role": "BOTH", "capacity": 1})


async def _match(stage: StubbornStage) -> None:
    run = await _run_to_its_end(stage)
    await stage.admin().do("publishProposals", {"runId": run["id"]})


async def _run_to_its_end(stage: StubbornStage) -> dict[str, Any]:
    # Whoever computes may be killed each time. That is no run's fault here, but it could be: the organizer decides.
    while True:
        try:
            return await onboarding.match(stage, within=_WITHIN)
        except StepFailed as failed:
            if _GIVEN_UP not in str(failed):
                raise


async def _accept(stage: StubbornStage) -> None:
    pairs = await stage.pairs(status=["PROPOSED", "HALF_ACCEPTED"], fields=_PAIR)
    wishes = [(pair["id"], member["person"]["id"]) for pair in pairs for member in pair["members"]]
    await all_at_once([partial(_say_yes, stage, *wish) for wish in wishes], width=4)
    await stage.admin().do("advanceCohort", {"cohortId": stage.cohort_id, "to": "ACTIVE"})


async def _say_yes(stage: StubbornStage, pair_id: str, person_id: str) -> None:
    await stage.anybody(person_id).client.do("acceptPair", {"pairId": pair_id})


async def _sign(stage: StubbornStage) -> None:
    pairs = await stage.pairs(status=["ACCEPTED"], fields=_PAIR)
    await all_at_once([partial(_sign_one, stage, pair) for pair in pairs], width=4)

    async def all_active() -> bool:
        return not await stage.pairs(status=["ACCEPTED"], fields="value")

    await until(all_active, what="every signed pair is active", within=_WITHIN, every=_EVERY)


async def _sign_one(stage: StubbornStage, pair: dict[str, Any]) -> None:
    one, other = (stage.anybody(member["person"]["id"]) for member in pair["members"])

    async def drafted() -> Any:
        data = await one.client.ask("query ($id: ID!) { pair(id: $id) { agreement { termsVersion } } }", id=pair["id"])
        return data["pair"]["agreement"]

    agreement = await until(drafted, what=f"pair {pair['id']} has a draft", within=_WITHIN, every=_EVERY)
    for somebody in (one, other):
        await somebody.client.do("signAgreement", {"pairId": pair["id"], "termsVersion": agreement["termsVersion"]})
    for asking, asked in ((one, other), (other, one)):
        text = f"{asking.name} asks: where do we begin?"
        await asking.client.do("addTopic", {"pairId": pair["id"], "text": text, "learnerId": asked.person_id})


async def _meet(stage: StubbornStage) -> None:
    pairs = await stage.pairs(status=["ACTIVE"], fields=_PAIR)
    pairs = sorted(pairs, key=lambda pair: not any(who["person"]["id"] in stage.guests for who in pair["members"]))
    pairs = pairs[:_FOLLOWED]
    now = await stage.now()
    scheduled = await all_at_once([partial(_schedule, stage, pair, now) for pair in pairs], width=4)
    if stage.real_time:
        return  # nobody waits for two days here
    await stage.forward(hours=51)
    await all_at_once(
        [
            partial(_log, stage, session, member["person"]["id"])
            for pair, session in zip(pairs, scheduled, strict=True)
            for member in pair["members"]
        ],
        width=4,
    )
    await all_at_once([partial(_tell, stage, member["person"]["id"]) for pair in pairs for member in pair["members"]])


async def _schedule(stage: StubbornStage, pair: dict[str, Any], now: datetime) -> str:
    answer = await stage.anybody(pair["members"][0]["person"]["id"]).client.do(
        "scheduleSession",
        {"pairId": pair["id"], "startsAt": (now + timedelta(days=2)).isoformat(), "place": "video call"},
        want="... on Session { id }",
    )
    return str(answer["id"])


async def _log(stage: StubbornStage, session_id: str, person_id: str) -> None:
    somebody = stage.anybody(person_id)
    given = {"sessionId": session_id, "taught": f"One thing, says {somebody.name}.", "learned": "Another."}
    await somebody.client.do("logSession", given)


async def _tell(stage: StubbornStage, person_id: str) -> None:
    somebody = stage.anybody(person_id)

    async def due() -> Any:
        return (await somebody.client.ask("{ viewer { feedbackDue { id } } }"))["viewer"]["feedbackDue"]

    for asked in await until(due, what=f"{somebody.name} was asked for a pulse", within=_WITHIN, every=_EVERY):
        praise = f"Clear, says {somebody.name}."
        await somebody.client.do("submitFeedback", {"feedbackId": asked["id"], "usefulness": 4, "praise": praise})


async def _let_go(stage: StubbornStage, number: int) -> None:
    leaving: list[Callable[[], Awaitable[Any]]] = [
        partial(guests.let_go, stage, guest, by_themselves=(number + place) % 2 == 0)
        for place, guest in enumerate(stage.guests.values())
    ]
    stage.guests.clear()
    await all_at_once(leaving)

    async def over() -> bool:
        open_pairs = await stage.pairs(status=["ACCEPTED", "ACTIVE"], fields=_PAIR)
        return all(member["person"] for pair in open_pairs for member in pair["members"])

    await until(over, what="the pairs of erased people have ended", within=_WITHIN, every=_EVERY)


async def _wrap_up(stage: StubbornStage) -> None:
    if not stage.real_time:
        await stage.forward(hours=24 * 14)
    await stage.admin().do("advanceCohort", {"cohortId": stage.cohort_id, "to": "WRAP_UP"})
    for pair in await stage.pairs(status=["ACTIVE"], fields=_PAIR):
        await stage.people[pair["members"][0]["person"]["id"]].client.do("endPair", {"pairId": pair["id"]})
