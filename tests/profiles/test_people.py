"""Saving profiles, consents and addresses."""

import asyncio
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from chassis.service import execute
from contracts.base import Actor, Role
from contracts.errors import Conflict
from contracts.partly import NoSuchField
from contracts.profiles import (
    Cefr,
    ChangeConsent,
    Consent,
    ConsentChanged,
    ContactChanged,
    Facets,
    Language,
    Need,
    NeedKind,
    Offer,
    Organization,
    Profile,
    ProfileUpdated,
    ProposedField,
    Purpose,
    SaveProfile,
    Window,
    consent_id_of,
    person_id_of,
)
from services.profiles.app import app
from services.profiles.domain import profile as profile_rules
from services.profiles.domain.consents import InvalidConsent, OnlyTheirOwnWord
from services.profiles.domain.languages import LANGUAGES
from services.profiles.domain.people import (
    EmailTaken,
    InvalidProfile,
    NoSuchPerson,
    NotYourProfile,
    OnlyAdminsActivate,
)
from tests.profiles.conftest import Profiles, of
from tests.profiles.making import NOON, OPERATOR, a_profile, an_admin, an_organization, new_id, themselves


def saving(profile: Profile, *, email: str | None = None, only: tuple[str, ...] | None = None) -> SaveProfile:
    return SaveProfile(command_id=new_id(), profile=profile, email=email, only=only)


HANKA = an_organization()
RICH = a_profile(
    HANKA,
    "E-1",
    display_name="Łucja  Nowak\u0301",
    facets=Facets(career_stage="early", industry=" furniture ", education=""),
    availability=(Window(weekday=4, start=0, end=1440), Window(weekday=0, start=60, end=120)),
    languages=(Language(code="pl", level=Cefr.C2), Language(code="ja", level=Cefr.A1)),
    out_of_office_until=date(2027, 4, 1),
    proposed_fields=(ProposedField.OFFERS, ProposedField.ZONE),
)


class TestSaving:
    async def test_makes_a_person_and_tells_profile_and_contact_apart(
        self, profiles: Profiles, hanka: Organization
    ) -> None:
        updated, contact = await profiles.do(saving(RICH, email=" lucja@hanka.example "), by=themselves(hanka, "E-1"))
        assert isinstance(updated, ProfileUpdated)
        assert isinstance(contact, ContactChanged)
        assert updated.profile == profile_rules.tidy(RICH)
        assert updated.profile.display_name == "Łucja Nowaḱ"
        assert updated.profile.facets == Facets(career_stage="early", industry="furniture")
        assert (updated.version, updated.occurred_at, updated.key) == (1, NOON, RICH.person_id)
        assert (updated.organization_id, updated.actor_id) == (hanka.organization_id, RICH.person_id)
        assert (contact.email, contact.version) == ("lucja@hanka.example", 1)
        assert "lucja@" not in repr(updated)

    async def test_again_without_a_change_tells_nothing(self, profiles: Profiles, hanka: Organization) -> None:
        boss = an_admin(hanka)
        await profiles.do(saving(RICH, email="a@b.cd"), by=boss)
        assert await profiles.do(saving(RICH), by=boss) == []
        assert await profiles.do(saving(RICH, email="a@b.cd"), by=boss) == []

    async def test_tells_only_what_changed(self, profiles: Profiles, hanka: Organization) -> None:
        boss = an_admin(hanka)
        await profiles.do(saving(RICH, email="a@b.cd"), by=boss)
        (updated,) = await profiles.do(saving(replace(RICH, job_title="Poet")), by=boss)
        assert isinstance(updated, ProfileUpdated)
        assert updated.version == 2
        (contact,) = await profiles.do(saving(replace(RICH, job_title="Poet"), email="new@b.cd"), by=boss)
        assert isinstance(contact, ContactChanged)
        assert (contact.version, contact.email) == (2, "new@b.cd")
        both = await profiles.do(saving(replace(RICH, zone="Asia/Tokyo")), by=boss)
        assert [(type(fact), fact.version) for fact in both] == [(ProfileUpdated, 3), (ContactChanged, 3)]
        (removed,) = of(ContactChanged, await profiles.do(saving(replace(RICH, zone="Asia/Tokyo"), email=""), by=boss))
        assert removed.email == ""

    async def test_of_some_fields_leaves_the_others_whatever_the_sender_took_them_for(
        self, profiles: Profiles, hanka: Organization
    ) -> None:
        boss = an_admin(hanka)
        await profiles.do(saving(RICH), by=boss)
        await profiles.do(saving(replace(RICH, team="Ovens"), only=("team",)), by=boss)
        await profiles.do(saving(replace(RICH, job_title="Poet"), only=("job_title",)), by=boss)
        (updated,) = of(
            ProfileUpdated, await profiles.do(saving(replace(RICH, zone="Asia/Tokyo"), only=("zone",)), by=boss)
        )
        assert updated.profile == replace(profile_rules.tidy(RICH), team="Ovens", job_title="Poet", zone="Asia/Tokyo")

    async def test_of_a_field_that_there_is_none_of_is_refused(self, profiles: Profiles, hanka: Organization) -> None:
        with pytest.raises(NoSuchField, match="Profile has no shoe_size"):
            await profiles.do(saving(RICH, only=("shoe_size",)), by=an_admin(hanka))

    async def test_of_the_same_fields_under_one_id_is_the_same(self, profiles: Profiles, hanka: Organization) -> None:
        boss = an_admin(hanka)
        await profiles.do(saving(RICH), by=boss)
        once = saving(replace(RICH, job_title="Poet"), only=("job_title",))
        first = await execute(app.spec, profiles.database, once, actor=boss)
        again = replace(once, profile=replace(once.profile, team="Ovens"))
        assert await execute(app.spec, profiles.database, again, actor=boss) == first
        other = replace(once, profile=replace(once.profile, job_title="Baker"))
        with pytest.raises(Conflict, match="already used"):
            await execute(app.spec, profiles.database, other, actor=boss)

    async def test_of_several_at_once_loses_none_and_counts_them_all(
        self, profiles: Profiles, hanka: Organization
    ) -> None:
        titles = [f"Title {number}" for number in range(12)]
        answers = await asyncio.gather(
            *(
                profiles.do(saving(replace(RICH, job_title=title), email="a@b.cd"), by=an_admin(hanka))
                for title in titles
            )
        )
        told = [fact for facts in answers for fact in of(ProfileUpdated, facts)]
        assert sorted(fact.version for fact in told) == list(range(1, 13))
        assert {fact.profile.job_title for fact in told} == set(titles)
        assert len([fact for facts in answers for fact in of(ContactChanged, facts)]) == 1
        last = max(told, key=lambda fact: fact.version)
        assert await profiles.do(saving(last.profile), by=an_admin(hanka)) == []

    async def test_under_the_same_command_id_answers_with_the_same_facts(
        self, profiles: Profiles, hanka: Organization
    ) -> None:
        command = saving(RICH, email="a@b.cd")
        first = await execute(app.spec, profiles.database, command, actor=an_admin(hanka))
        again = await asyncio.gather(
            *(execute(app.spec, profiles.database, command, actor=an_admin(hanka)) for _ in range(3))
        )
        assert len(first) == 2
        assert again == [first] * 3

    @pytest.mark.parametrize(
        ("changes", "path"),
        [
            ({"display_name": " "}, "display_name"),
            ({"display_name": "x" * 121}, "display_name"),
            ({"display_name": "Anna\u202egnp.exe"}, "display_name"),
            ({"job_title": "tab\x07"}, "job_title"),
            ({"locale": "english"}, "locale"),
            ({"zone": "../../etc/passwd"}, "zone"),
            ({"zone": "Mars/Base"}, "zone"),
            ({"languages": (Language(code="xx"),)}, "languages[0].code"),
            ({"languages": (Language(code="en"), Language(code="en"))}, "languages[1].code"),
            ({"languages": tuple(Language(code=c) for c in sorted(LANGUAGES)[:11])}, "languages"),
            ({"availability": (Window(weekday=7, start=0, end=60),)}, "availability[0].weekday"),
            ({"availability": (Window(weekday=0, start=60, end=60),)}, "availability[0]"),
            ({"availability": (Window(weekday=0, start=60, end=1441),)}, "availability[0]"),
            (
                {"availability": (Window(weekday=0, start=60, end=90), Window(weekday=0, start=0, end=61))},
                "availability[1]",
            ),
            ({"availability": tuple(Window(weekday=0, start=n, end=n + 1) for n in range(29))}, "availability"),
            ({"offers": (Offer(text="ab"),)}, "offers[0].text"),
            ({"offers": (Offer(text="x" * 201),)}, "offers[0].text"),
            ({"offers": (Offer(text="Sushi", level=6),)}, "offers[0].level"),
            ({"offers": (Offer(text="Sushi"), Offer(text="SUSHI"))}, "offers[1].text"),
            ({"offers": tuple(Offer(text=f"Topic {n}") for n in range(13))}, "offers"),
            ({"needs": (Need(text="Sushi", priority=0),)}, "needs[0].priority"),
            ({"needs": (Need(text="", kind=NeedKind.CAREER),)}, "needs[0].text"),
            ({"needs": tuple(Need(text=f"Topic {n}") for n in range(13))}, "needs"),
            ({"facets": Facets(industry="x" * 81)}, "facets.industry"),
            ({"team": "x" * 101}, "team"),
            ({"proposed_fields": (ProposedField.ZONE, ProposedField.ZONE)}, "proposed_fields[1]"),
            ({"manager_id": person_id_of(HANKA.organization_id, subject="E-1")}, "manager_id"),
        ],
    )
    def test_refuses_what_is_wrong_and_names_it(self, changes: dict[str, Any], path: str) -> None:
        problems = profile_rules.problems_of(profile_rules.tidy(a_profile(HANKA, **changes)))
        assert [problem.path for problem in problems] == [path]
        assert problems[0].remedy

    async def test_names_everything_at_once(self, profiles: Profiles, hanka: Organization) -> None:
        wrong = replace(RICH, zone="Mars", offers=(Offer(text="ab"),), manager_id=new_id())
        with pytest.raises(InvalidProfile) as refused:
            await profiles.do(saving(wrong, email="nobody"), by=an_admin(hanka))
        assert {problem.path for problem in refused.value.problems} == {"zone", "offers[0].text", "manager_id", "email"}

    async def test_refuses_an_id_that_is_not_the_subjects(self, profiles: Profiles, hanka: Organization) -> None:
        with pytest.raises(InvalidProfile) as refused:
            await profiles.do(saving(replace(RICH, person_id=new_id())), by=an_admin(hanka))
        assert [problem.path for problem in refused.value.problems] == ["person_id"]

    async def test_refuses_a_circle_of_managers(self, profiles: Profiles, hanka: Organization) -> None:
        boss = an_admin(hanka)
        ids = {name: person_id_of(hanka.organization_id, subject=name) for name in ("A", "B", "C")}
        for name, manager in (("A", None), ("B", "A"), ("C", "B")):
            await profiles.do(saving(a_profile(hanka, name, manager_id=ids.get(manager or ""))), by=boss)
        with pytest.raises(InvalidProfile) as refused:
            await profiles.do(saving(a_profile(hanka, "A", manager_id=ids["C"])), by=boss)
        assert "this very person" in refused.value.problems[0].message


class TestWhoSaves:
    async def test_is_the_person_or_an_admin(self, profiles: Profiles, hanka: Organization) -> None:
        await profiles.do(saving(RICH), by=themselves(hanka, "E-1"))
        for actor in (
            themselves(hanka, "E-2"),
            replace(themselves(hanka, "E-1"), subject="E-2"),
            replace(themselves(hanka, "E-1"), roles=()),
        ):
            with pytest.raises(NotYourProfile):
                await profiles.do(saving(replace(RICH, job_title="Thief")), by=actor)
        with pytest.raises(NoSuchPerson):
            await profiles.do(saving(replace(RICH, job_title="Thief")), by=OPERATOR)

    async def test_from_another_organization_sees_nobody(self, profiles: Profiles, hanka: Organization) -> None:
        other = await profiles.register("other")
        await profiles.do(saving(RICH), by=an_admin(hanka))
        for profile in (RICH, a_profile(hanka, "nobody")):
            with pytest.raises(NoSuchPerson):
                await profiles.do(saving(profile), by=an_admin(other))

    async def test_decides_about_being_active_as_admin_only(self, profiles: Profiles, hanka: Organization) -> None:
        boss, person = an_admin(hanka), themselves(hanka, "E-1")
        with pytest.raises(OnlyAdminsActivate):
            await profiles.do(saving(replace(RICH, active=False)), by=person)
        await profiles.do(saving(replace(RICH, active=False)), by=boss)
        with pytest.raises(OnlyAdminsActivate):
            await profiles.do(saving(replace(RICH, active=True)), by=person)
        assert await profiles.do(saving(replace(RICH, active=False, job_title="Guest")), by=person)


class TestAnAddress:
    async def test_is_one_persons_in_an_organization(self, profiles: Profiles, hanka: Organization) -> None:
        boss = an_admin(hanka)
        await profiles.do(saving(a_profile(hanka, "E-1"), email="Jan@b.cd"), by=boss)
        with pytest.raises(EmailTaken):
            await profiles.do(saving(a_profile(hanka, "E-2"), email="jan@B.cd"), by=boss)
        await profiles.do(saving(a_profile(hanka, "E-1"), email=""), by=boss)
        assert await profiles.do(saving(a_profile(hanka, "E-2"), email="jan@B.cd"), by=boss)

    async def test_of_another_organization_is_never_revealed(self, profiles: Profiles, hanka: Organization) -> None:
        other = await profiles.register("other")
        await profiles.do(saving(a_profile(hanka, "E-1"), email="jan@b.cd"), by=an_admin(hanka))
        assert await profiles.do(saving(a_profile(other, "E-1"), email="jan@b.cd"), by=an_admin(other))

    async def test_goes_to_one_of_many_who_ask_at_once(self, profiles: Profiles, hanka: Organization) -> None:
        answers = await asyncio.gather(
            *(
                profiles.do(saving(a_profile(hanka, f"E-{number}"), email="jan@b.cd"), by=an_admin(hanka))
                for number in range(8)
            ),
            return_exceptions=True,
        )
        assert len([answer for answer in answers if isinstance(answer, list)]) == 1
        assert len([answer for answer in answers if isinstance(answer, EmailTaken)]) == 7


def consenting(organization: Organization, subject: str, **changes: Any) -> ChangeConsent:
    consent = Consent(
        person_id=person_id_of(organization.organization_id, subject=subject), purpose=Purpose.MATCHING, granted=True
    )
    return ChangeConsent(command_id=new_id(), consent=replace(consent, **changes))


class TestAConsent:
    async def test_is_told_with_a_version_of_its_own(self, profiles: Profiles, hanka: Organization) -> None:
        await profiles.do(saving(RICH), by=an_admin(hanka))
        person = themselves(hanka, "E-1")
        for version, granted in ((1, True), (2, False), (3, True)):
            (fact,) = await profiles.do(consenting(hanka, "E-1", granted=granted), by=person)
            assert isinstance(fact, ConsentChanged)
            assert (fact.version, fact.consent.granted) == (version, granted)
            assert fact.key == consent_id_of(RICH.person_id, purpose=Purpose.MATCHING)
        assert await profiles.do(consenting(hanka, "E-1"), by=person) == []
        until = NOON + timedelta(days=30)
        (other,) = of(
            ConsentChanged,
            await profiles.do(consenting(hanka, "E-1", purpose=Purpose.LEARNING, until=until), by=person),
        )
        assert (other.version, other.consent.until) == (1, until)

    async def test_is_nobody_elses_to_give(self, profiles: Profiles, hanka: Organization) -> None:
        await profiles.do(saving(RICH), by=an_admin(hanka))
        for actor in (an_admin(hanka), themselves(hanka, "E-2"), OPERATOR, Actor(roles=(Role.SYSTEM,))):
            with pytest.raises(OnlyTheirOwnWord):
                await profiles.do(consenting(hanka, "E-1"), by=actor)

    async def test_needs_a_person(self, profiles: Profiles, hanka: Organization) -> None:
        with pytest.raises(NoSuchPerson):
            await profiles.do(consenting(hanka, "E-1"), by=themselves(hanka, "E-1"))

    @pytest.mark.parametrize(
        "changes",
        [
            {"until": NOON},
            {"until": NOON + timedelta(days=1), "granted": False},
            {"until": (NOON + timedelta(days=1)).replace(tzinfo=None)},
        ],
    )
    async def test_ends_in_the_future_or_never(
        self, profiles: Profiles, hanka: Organization, changes: dict[str, Any]
    ) -> None:
        await profiles.do(saving(RICH), by=an_admin(hanka))
        with pytest.raises(InvalidConsent) as refused:
            await profiles.do(consenting(hanka, "E-1", **changes), by=themselves(hanka, "E-1"))
        assert [problem.path for problem in refused.value.problems] == ["consent.until"]
