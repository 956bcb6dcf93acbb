"""Taking one's data away, and being forgotten."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa

from contracts.base import SYSTEM
from contracts.profiles import (
    ChangeConsent,
    Consent,
    ConsentChanged,
    ContactChanged,
    ErasePerson,
    ExportPerson,
    Offer,
    Organization,
    OrganizationUpdated,
    PersonExport,
    ProfileErased,
    ProfileUpdated,
    Purpose,
    SaveProfile,
    UpdateOrganization,
    person_id_of,
)
from services.profiles.domain.people import LastAdmin, NoSuchPerson, WasErased
from services.profiles.store import metadata
from tests.profiles.conftest import Profiles, of
from tests.profiles.making import NOON, OPERATOR, a_profile, a_row, an_admin, new_id, themselves

CANARY = "Kanarek"


@pytest.fixture
async def canary(profiles: Profiles, hanka: Organization) -> Organization:
    """Somebody whose every word has a canary in it, and colleagues whose rows mention them."""
    subject = f"E-{CANARY}"
    report, _ = await profiles.bring(hanka, [a_row("E-2", manager=subject)])
    assert report.problems[0].value == subject
    await profiles.bring(
        hanka,
        [
            a_row(
                subject,
                name=f"{CANARY} Nowak",
                email=f"{CANARY}@hanka.example",
                job_title=f"{CANARY} boss",
                team=f"{CANARY} team",
                industry=f"{CANARY} industry",
                region=f"{CANARY} region",
                offers=f"Teaching {CANARY} (3, life)",
                needs=f"Learning {CANARY} (3, EXPLAIN)",
            ),
            a_row("E-2", manager=subject),
            a_row("E-3", manager="E-2"),
        ],
    )
    # A later file has the row wrong, mentions them in other people's rows, and says one row twice.
    await profiles.bring(
        hanka,
        [
            a_row(subject, name=f"{CANARY} Nowak", zone=f"{CANARY}/Base", offers=f"{CANARY} (9, life)"),
            a_row("E-4", email=f"{CANARY.lower()}@HANKA.example"),
            a_row(subject, name=f"{CANARY} Nowak"),
        ],
    )
    mine = themselves(hanka, subject)
    assert mine.person_id
    for purpose in (Purpose.MATCHING, Purpose.LEARNING):
        consent = Consent(person_id=mine.person_id, purpose=purpose, granted=True)
        await profiles.do(ChangeConsent(command_id=new_id(), consent=consent), by=mine)
    admins = replace(
        hanka, admins=("boss", subject), admin_emails=(*hanka.admin_emails, f"{CANARY.upper()}@hanka.example")
    )
    await profiles.do(UpdateOrganization(command_id=new_id(), organization=admins), by=OPERATOR)
    return admins


async def tables_with(profiles: Profiles, word: str, tables: list[str]) -> list[str]:
    """Every table of these in which a row contains the word, anyhow written."""
    async with profiles.database.begin(SYSTEM) as tx:
        return [
            table
            for table in tables
            if await tx.connection.scalar(
                sa.text(f"SELECT count(*) FROM {table} WHERE {table}::text ILIKE :word"), {"word": f"%{word}%"}
            )
        ]


OWN_TABLES = sorted(table.name for table in metadata.tables.values())


def erasing(organization: Organization, subject: str) -> ErasePerson:
    return ErasePerson(command_id=new_id(), person_id=person_id_of(organization.organization_id, subject=subject))


class TestErasing:
    @pytest.mark.parametrize("by", ["themselves", "admin"])
    async def test_leaves_no_word_in_any_table(self, profiles: Profiles, canary: Organization, by: str) -> None:
        subject = f"E-{CANARY}"
        assert set(await tables_with(profiles, CANARY, OWN_TABLES)) == {
            "organization",
            "person",
            "contact",
            "import_problem",
        }
        actor = themselves(canary, subject) if by == "themselves" else an_admin(canary)
        await profiles.do(erasing(canary, subject), by=actor)
        assert await tables_with(profiles, CANARY, OWN_TABLES) == []
        # Only the id stays: with the trace, and where a report remembers whom the file named as manager.
        person_id = str(person_id_of(canary.organization_id, subject=subject))
        assert set(await tables_with(profiles, person_id, OWN_TABLES)) == {"erasure", "person"}

    async def test_leaves_no_word_in_published_facts_and_answers(
        self, profiles: Profiles, canary: Organization
    ) -> None:
        async def kept() -> tuple[int, int]:
            async with profiles.database.begin(SYSTEM) as tx:
                found = await tx.connection.execute(
                    sa.text(
                        "SELECT (SELECT count(*) FROM outbox WHERE encode(payload, 'escape') ILIKE :word), "
                        "(SELECT count(*) FROM command_log WHERE encode(facts, 'escape') ILIKE :word)"
                    ),
                    {"word": f"%{CANARY}%"},
                )
                facts, answers = found.one()
                return facts, answers

        assert min(await kept()) > 0, "the canary sings before the erasure"
        async with profiles.database.begin(SYSTEM) as tx:
            await tx.connection.execute(sa.text("DELETE FROM unpublished"))
        await profiles.do(erasing(canary, f"E-{CANARY}"), by=themselves(canary, f"E-{CANARY}"))
        assert await kept() == (0, 0)

    async def test_tells_everybody(self, profiles: Profiles, canary: Organization) -> None:
        subject = f"E-{CANARY}"
        person_id = person_id_of(canary.organization_id, subject=subject)
        facts = await profiles.do(erasing(canary, subject), by=an_admin(canary))
        (erased,) = of(ProfileErased, facts)
        (contact,) = of(ContactChanged, facts)
        consents = of(ConsentChanged, facts)
        (report,) = of(ProfileUpdated, facts)
        (organization,) = of(OrganizationUpdated, facts)
        assert erased.key == erased.person_id == contact.key == contact.person_id == person_id
        assert (contact.email, contact.display_name, contact.locale, contact.zone) == ("", "", "", "")
        assert {fact.consent.purpose for fact in consents} == {Purpose.MATCHING, Purpose.LEARNING}
        assert not any(fact.consent.granted for fact in consents)
        assert min(fact.version for fact in (erased, contact, *consents)) > 1
        assert (report.profile.subject, report.profile.manager_id, report.version) == ("E-2", None, 2)
        assert organization.organization.admins == ("boss",)
        assert organization.organization.admin_emails == ("people@hanka.example",)
        assert CANARY not in repr(facts)

    async def test_is_for_the_person_and_admins_of_their_organization(
        self, profiles: Profiles, canary: Organization
    ) -> None:
        other = await profiles.register("other")
        for actor in (an_admin(other), themselves(canary, "E-2"), OPERATOR):
            with pytest.raises(NoSuchPerson):
                await profiles.do(erasing(canary, f"E-{CANARY}"), by=actor)
        with pytest.raises(NoSuchPerson):
            await profiles.do(erasing(canary, "nobody"), by=an_admin(canary))

    async def test_of_the_only_admin_waits_for_another(self, profiles: Profiles, hanka: Organization) -> None:
        await profiles.do(SaveProfile(command_id=new_id(), profile=a_profile(hanka, "boss")), by=an_admin(hanka))
        with pytest.raises(LastAdmin):
            await profiles.do(erasing(hanka, "boss"), by=an_admin(hanka))


class TestSomebodyErased:
    async def test_comes_back_by_their_own_will_only_and_above_all_old_versions(
        self, profiles: Profiles, canary: Organization
    ) -> None:
        subject = f"E-{CANARY}"
        erased = of(ProfileErased, await profiles.do(erasing(canary, subject), by=an_admin(canary)))[0]
        report, facts = await profiles.bring(canary, [a_row(subject), a_row("E-2")])
        assert (report.rejected, report.unchanged, facts) == (1, 1, [])
        profile = a_profile(canary, subject)
        with pytest.raises(WasErased):
            await profiles.do(SaveProfile(command_id=new_id(), profile=profile), by=an_admin(canary))
        mine = themselves(canary, subject)
        facts = await profiles.do(SaveProfile(command_id=new_id(), profile=profile, email="new@b.cd"), by=mine)
        consent = Consent(person_id=profile.person_id, purpose=Purpose.MATCHING, granted=True)
        facts += await profiles.do(ChangeConsent(command_id=new_id(), consent=consent), by=mine)
        assert [fact.version for fact in facts] == [erased.version + 1] * 3
        again = of(ProfileErased, await profiles.do(erasing(canary, subject), by=mine))[0]
        assert again.version > erased.version + 1


class TestTakingDataAway:
    async def test_gives_everything_that_is_kept(self, profiles: Profiles, canary: Organization) -> None:
        subject = f"E-{CANARY}"
        profiles.clock.forward(timedelta(hours=1))
        export = await profiles.ask(
            ExportPerson(person_id=person_id_of(canary.organization_id, subject=subject)),
            by=themselves(canary, subject),
        )
        assert isinstance(export, PersonExport)
        assert export.exported_at == NOON + timedelta(hours=1)
        kept = json.loads(export.json)
        assert kept["profile"]["display_name"] == f"{CANARY} Nowak"
        assert kept["profile"]["offers"][0]["text"] == f"Teaching {CANARY}"
        assert kept["contact"] == {"email": f"{CANARY}@hanka.example"}
        assert {consent["purpose"] for consent in kept["consents"]} == {"matching", "learning"}
        assert kept["organization"]["you_are_an_admin"] is True
        assert kept["onboarding"]["last_said_by_the_organization"]["team"] == f"{CANARY} team"
        imports = kept["onboarding"]["imports"]
        assert [(each["row"], each["outcome"], each["column"]) for each in imports] == [
            (2, "created", ""),
            (2, "refused", "zone"),
            (2, "refused", "offers"),
            (4, "refused", "external_id"),
        ]

    async def test_neutralizes_formulas(self, profiles: Profiles, hanka: Organization) -> None:
        mine = themselves(hanka, "E-1")
        profile = a_profile(hanka, "E-1", job_title="=1+1", offers=(Offer(text="+1 attitude"),), team="Mill -2")
        await profiles.do(SaveProfile(command_id=new_id(), profile=profile), by=mine)
        export = await profiles.ask(ExportPerson(person_id=profile.person_id), by=mine)
        kept = json.loads(export.json)["profile"]
        assert (kept["job_title"], kept["offers"][0]["text"], kept["team"]) == ("'=1+1", "'+1 attitude", "Mill -2")

    async def test_is_for_the_person_only(self, profiles: Profiles, canary: Organization) -> None:
        query = ExportPerson(person_id=person_id_of(canary.organization_id, subject=f"E-{CANARY}"))
        for actor in (an_admin(canary), themselves(canary, "E-2"), OPERATOR):
            with pytest.raises(NoSuchPerson):
                await profiles.ask(query, by=actor)
