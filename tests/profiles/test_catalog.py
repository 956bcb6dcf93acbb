"""Telling the present state again, and the tables behind it."""

from collections.abc import Iterable
from dataclasses import replace
from uuid import UUID

from chassis.replay import re_emit
from contracts.base import SYSTEM, Event
from contracts.profiles import (
    ChangeConsent,
    Consent,
    ErasePerson,
    Organization,
    OrganizationRegistered,
    OrganizationUpdated,
    ProfileErased,
    Purpose,
    SaveProfile,
    UpdateOrganization,
    person_id_of,
)
from services.profiles.app import app
from services.profiles.store.catalog import current_facts
from tests.profiles.conftest import Profiles, of
from tests.profiles.making import a_profile, a_row, an_admin, new_id, themselves


def newest(facts: Iterable[Event]) -> dict[tuple[str, UUID], Event]:
    """The newest fact of each topic and key, as a compacted topic would keep it, without who did it."""
    latest: dict[tuple[str, UUID], Event] = {}
    for fact in facts:
        before = latest.get((fact.TOPIC, fact.key))
        if before is None or before.version < fact.version:
            latest[fact.TOPIC, fact.key] = replace(fact, actor_id=None)
    return latest


async def test_the_catalog_is_what_the_topics_say(profiles: Profiles) -> None:
    hanka = await profiles.register("hanka")
    told: list[Event] = []
    boss = an_admin(hanka)
    _, facts = await profiles.bring(
        hanka, [a_row(f"E-{number}", manager="E-0" if number else "") for number in range(5)]
    )
    told += facts
    for subject in ("E-1", "E-2"):
        consent = Consent(
            person_id=person_id_of(hanka.organization_id, subject=subject), purpose=Purpose.MATCHING, granted=True
        )
        told += await profiles.do(ChangeConsent(command_id=new_id(), consent=consent), by=themselves(hanka, subject))
    changed = replace(hanka, name="Hanka and Sons")
    told += await profiles.do(UpdateOrganization(command_id=new_id(), organization=changed), by=boss)
    for subject in ("E-0", "E-3", "E-4"):
        person_id = person_id_of(hanka.organization_id, subject=subject)
        told += await profiles.do(ErasePerson(command_id=new_id(), person_id=person_id), by=boss)
    back = a_profile(hanka, "E-4")
    told += await profiles.do(
        SaveProfile(command_id=new_id(), profile=back, email="b@b.cd"), by=themselves(hanka, "E-4")
    )
    async with profiles.database.begin(SYSTEM) as tx:
        present = [fact async for fact in current_facts(tx)]
    assert len(of(ProfileErased, present)) == 2
    assert newest(present) == newest(told)
    assert len(present) == len(newest(told))


async def test_re_emitting_takes_more_people_than_a_page(profiles: Profiles, hanka: Organization) -> None:
    await profiles.bring(hanka, [a_row(f"E-{number}") for number in range(1200)])
    assert await re_emit(profiles.database, app.spec.catalog) == 1 + 2 * 1200


async def test_registration_is_told_as_such_once(profiles: Profiles, hanka: Organization) -> None:
    async with profiles.database.begin(SYSTEM) as tx:
        (fact,) = [fact async for fact in current_facts(tx)]
    assert not isinstance(fact, OrganizationRegistered)
    assert isinstance(fact, OrganizationUpdated)
    assert (fact.organization, fact.version) == (hanka, 1)
