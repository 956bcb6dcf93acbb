"""The second, smaller cohort: who is in it, and how it comes about."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from functools import partial

from deploy.demonstrate.client import StepFailed, all_at_once
from deploy.demonstrate.stage import Somebody, Stage

Who = tuple[str, str]  # an organization's slug and a subject

IWONA, MARCUS, DOROTA = ("zdrowa-przystan", "zp011"), ("tallgrass-alumni", "tg-0015"), ("zdrowa-przystan", "zp018")
AGNIESZKA, CHLOE, RAMON = ("hansekai", "HK123"), ("tallgrass-alumni", "tg-0025"), ("puente-abierto", "PA-38")
CAMILA, DIEGO, LINA = ("hansekai", "HK115"), ("tallgrass-alumni", "tg-0006"), ("hansekai", "HK133")
JORGE, HUGO, KATHARINA = ("puente-abierto", "PA-04"), ("puente-abierto", "PA-32"), ("hansekai", "HK109")
FIRST: tuple[Who, ...] = (
    *(IWONA, MARCUS, DOROTA, AGNIESZKA, CHLOE, RAMON),
    *(CAMILA, DIEGO, LINA, JORGE, HUGO, KATHARINA),
)
WAITS: Who = ("zdrowa-przystan", "zp024")
NEWCOMERS: tuple[Who, ...] = (
    *(("hansekai", "HK121"), ("zdrowa-przystan", "zp033")),
    *(("hansekai", "HK145"), ("zdrowa-przystan", "zp015")),
)


def somebody(stage: Stage, who: Who) -> Somebody:
    """Who was onboarded under this subject; StepFailed when nobody was."""
    slug, subject = who
    for each in stage.people.values():
        if each.organization == slug and each.client.name == subject:
            return each
    raise StepFailed(f"{subject} of {slug} was not onboarded: the file of this organization has changed")


async def gather(stage: Stage) -> Stage:
    """A rolling joint cohort with a place for each of the first; the stage on which it plays."""
    now = await stage.now()
    drafted = await stage.admin().do(
        "draftCohort",
        {
            "name": "Bridges: a circle",
            "description": "A small cohort of the same organizations that goes on in waves.",
            "partners": [{"organizationId": stage.organizations[partner.slug]} for partner in stage.partners],
            "opensAt": now.isoformat(),
            "closesAt": (now + timedelta(days=60)).isoformat(),
            "startsAt": (now + timedelta(days=60)).isoformat(),
            "endsAt": (now + timedelta(days=120)).isoformat(),
            "capacity": len(FIRST),
            "rolling": True,
            "rules": {
                "rules": [
                    {"kind": "CROSS_ORGANIZATION"},
                    {"kind": "SHARED_LANGUAGE", "parameter": 3},
                    {"kind": "SHARED_MINUTES", "parameter": 30},
                ]
            },
        },
        want="... on Cohort { id }",
    )
    # Its own runs and figures: those of the first cohort stay what they are.
    circle = replace(stage, cohort_id=drafted["id"], run_ids=[], figures={})
    await all_at_once([partial(_accept, circle, number) for number in range(1, len(circle.partners))])
    await circle.cohort_is("OPEN")
    await enrol(circle, FIRST)
    waiting = await _enrol(circle, WAITS)
    if waiting != "WAITLISTED":
        raise StepFailed(f"the cohort has {len(FIRST)} places, all taken, and one more person is {waiting.lower()}")
    circle.say(
        f"{len(FIRST)} people of {len(circle.partners)} organizations have a place each; {somebody(circle, WAITS).name} "
        f"came when all were taken and is first on the waiting list"
    )
    return circle


async def enrol(stage: Stage, people: tuple[Who, ...]) -> None:
    """All at once; StepFailed when somebody gets no place."""
    for who, status in zip(
        people, await all_at_once([partial(_enrol, stage, who) for who in people], width=12), strict=True
    ):
        if status != "ADMITTED":
            raise StepFailed(f"{somebody(stage, who).name} should have got a place, and is {status.lower()}")


async def _accept(stage: Stage, number: int) -> None:
    await stage.admin(stage.partners[number]).do("acceptPartnership", {"cohortId": stage.cohort_id})


async def _enrol(stage: Stage, who: Who) -> str:
    answer = await somebody(stage, who).client.do(
        "enrol", {"cohortId": stage.cohort_id}, want="... on Enrolment { status }"
    )
    return str(answer["status"])
