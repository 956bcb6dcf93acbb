"""People who come, say things about themselves, and are erased while things break. Every word of theirs has a canary in it."""

from __future__ import annotations

import asyncio
from random import Random
from typing import Any
from uuid import uuid4

from deploy.demonstrate.client import Refused, until
from deploy.demonstrate.partners import Partner
from deploy.demonstrate.stage import Somebody
from tests.drill.erasing import CANARY
from tests.drill.stubborn import StubbornStage

_WITHIN = 400.0
_EVERY = 0.3


async def come_and_go(stage: StubbornStage, *, random: Random, stop: asyncio.Event) -> None:
    """One guest after the other: often erased before the half of what they said has reached anybody."""
    while not stop.is_set():
        guest = await invite(stage, random.choice(stage.partners))
        for _ in range(random.randrange(4)):
            await _say_something(stage, guest, random)
        await let_go(stage, guest, by_themselves=random.random() < 0.5)
        await asyncio.sleep(random.uniform(0.5, 2.0))


async def invite(stage: StubbornStage, partner: Partner) -> Somebody:
    """Somebody new, by an admin; they can sign in and let themselves be matched."""
    canary = f"{CANARY}{uuid4().hex[:12]}"
    saved = await stage.admin(partner).do(
        "saveProfile",
        {
            "subject": f"E-{canary}",
            "displayName": f"{canary} Nowak",
            "jobTitle": f"{canary} boss",
            "email": f"{canary}@drill.example",
            "team": f"{canary} team",
            "languages": [{"code": "en", "level": "C1"}],
            "availability": [{"weekday": day, "start": 480, "end": 1080} for day in range(5)],
            "offers": [{"text": f"Teaching {canary}", "level": 4}],
            "needs": [{"text": f"Learning {canary}"}],
            "facets": {"industry": f"{canary} industry", "region": f"{canary} region"},
        },
        want="... on Person { id }",
    )
    guest = Somebody(str(saved["id"]), canary, partner.slug, "BOTH", 1, stage.client(partner.slug, f"E-{canary}"))
    stage.journal.guests[guest.person_id] = canary

    async def known() -> Any:
        return (await guest.client.ask("{ viewer { person { id } } }"))["viewer"]["person"]

    await until(known, what=f"the guest {canary} is known", within=_WITHIN, every=_EVERY)
    await guest.client.do("changeConsent", {"purpose": "MATCHING", "granted": True})
    return guest


async def enrol(stage: StubbornStage, guest: Somebody) -> None:
    """Take part in the cohort, as soon as matching has heard of the guest and of their consent."""

    async def taken() -> bool:
        given = {"cohortId": stage.cohort_id, "role": "BOTH", "capacity": 1}
        return not isinstance(await guest.client.try_to("enrol", given), Refused)

    await until(taken, what=f"the guest {guest.name} may take part", within=_WITHIN, every=_EVERY)


async def let_go(stage: StubbornStage, guest: Somebody, *, by_themselves: bool) -> None:
    """Erase a guest, by themselves or by an admin of theirs."""
    partner = next(each for each in stage.partners if each.slug == guest.organization)
    client = guest.client if by_themselves else stage.admin(partner)
    await client.do("erasePerson", {"personId": guest.person_id})
    stage.journal.erased.add(guest.person_id)


async def _say_something(stage: StubbornStage, guest: Somebody, random: Random) -> None:
    number = random.randrange(10_000)
    partner = next(each for each in stage.partners if each.slug == guest.organization)
    match random.randrange(4):
        case 0:
            title = f"{guest.name} the {number}th"
            await guest.client.do("saveProfile", {"personId": guest.person_id, "jobTitle": title})
        case 1:
            address = f"{guest.name}.{number}@drill.example"
            await stage.admin(partner).do("saveProfile", {"personId": guest.person_id, "email": address})
        case 2:
            await guest.client.do("changeConsent", {"purpose": "GROWTH_EVIDENCE", "granted": True})
        case _:
            await guest.client.do("changePreferences", {"quietFrom": f"{19 + number % 5}:00:00"})
