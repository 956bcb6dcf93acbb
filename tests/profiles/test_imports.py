"""Onboarding from files, carried out on the database."""

import asyncio
import time
from dataclasses import replace

import pytest

from contracts.errors import NotFound
from contracts.profiles import (
    ContactChanged,
    ImportPeople,
    Organization,
    PreviewImport,
    ProfileUpdated,
    ReadImport,
    SaveProfile,
    person_id_of,
)
from services.profiles.domain.onboarding import ImportIdIsTaken
from services.profiles.domain.spreadsheet import WrongHeader
from tests.profiles.conftest import Profiles, of
from tests.profiles.making import OPERATOR, a_file, a_row, an_admin, new_id, themselves

MIXED = [
    a_row("E-1", manager="E-3"),
    a_row("E-2", zone="Mars/Base", capacity="0"),
    a_row("E-3"),
    a_row("E-4", email="e-1@hanka.example"),
    a_row("E-5", offers="=HYPERLINK(1) (3, work)"),
]


def importing(organization: Organization, content: bytes) -> ImportPeople:
    return ImportPeople(
        command_id=new_id(),
        import_id=new_id(),
        organization_id=organization.organization_id,
        file_name="people.csv",
        content=content,
    )


def previewing(command: ImportPeople) -> PreviewImport:
    return PreviewImport(
        import_id=command.import_id,
        organization_id=command.organization_id,
        file_name=command.file_name,
        content=command.content,
    )


class TestAnImport:
    async def test_takes_the_good_rows_and_reports_the_bad_ones(self, profiles: Profiles, hanka: Organization) -> None:
        report, facts = await profiles.bring(hanka, MIXED)
        assert (report.rows, report.created, report.rejected) == (5, 2, 3)
        assert [(problem.row, problem.column) for problem in report.problems] == [
            (3, "capacity"),
            (3, "zone"),
            (5, "email"),
            (6, "offers"),
        ]
        people = {fact.profile.subject: fact.profile for fact in of(ProfileUpdated, facts)}
        assert set(people) == {"E-1", "E-3"}
        assert people["E-1"].manager_id == people["E-3"].person_id
        assert {fact.email for fact in of(ContactChanged, facts)} == {"e-1@hanka.example", "e-3@hanka.example"}

    async def test_gives_the_report_that_its_dry_run_foretold(self, profiles: Profiles, hanka: Organization) -> None:
        boss = an_admin(hanka)
        await profiles.bring(hanka, [a_row("E-3", team="Old"), a_row("E-6", email="e-1@hanka.example")])
        command = importing(hanka, a_file(MIXED))
        foretold = await profiles.ask(previewing(command), by=boss)
        assert foretold == await profiles.ask(previewing(command), by=boss)
        with pytest.raises(NotFound):
            await profiles.ask(ReadImport(import_id=command.import_id), by=boss)
        await profiles.do(command, by=boss)
        report = await profiles.ask(ReadImport(import_id=command.import_id), by=boss)
        assert foretold == replace(report, dry_run=True)
        assert (report.created, report.updated, report.unchanged, report.rejected) == (0, 1, 0, 4)

    async def test_of_the_same_file_changes_nothing(self, profiles: Profiles, hanka: Organization) -> None:
        await profiles.bring(hanka, MIXED)
        report, facts = await profiles.bring(hanka, MIXED)
        assert facts == []
        assert (report.created, report.updated, report.unchanged, report.rejected) == (0, 0, 2, 3)

    async def test_under_the_same_import_id_is_done_once(self, profiles: Profiles, hanka: Organization) -> None:
        boss, command = an_admin(hanka), importing(hanka, a_file(MIXED))
        first = await profiles.do(command, by=boss)
        assert await profiles.do(command, by=boss) == first
        assert await profiles.do(replace(command, command_id=new_id()), by=boss) == []
        assert (await profiles.ask(ReadImport(import_id=command.import_id), by=boss)).created == 2
        with pytest.raises(ImportIdIsTaken):
            await profiles.do(replace(command, command_id=new_id(), content=a_file([a_row("E-9")])), by=boss)

    async def test_leaves_what_people_wrote_about_themselves(self, profiles: Profiles, hanka: Organization) -> None:
        _, facts = await profiles.bring(hanka, [a_row("E-1")])
        mine = replace(of(ProfileUpdated, facts)[0].profile, job_title="Machinist and singer")
        await profiles.do(
            SaveProfile(command_id=new_id(), profile=mine, email="own@hanka.example"), by=themselves(hanka, "E-1")
        )
        report, facts = await profiles.bring(hanka, [a_row("E-1")])
        assert (report.unchanged, facts) == (1, [])
        _, facts = await profiles.bring(hanka, [a_row("E-1", team="Sawmill")])
        (updated,) = of(ProfileUpdated, facts)
        assert (updated.profile.job_title, updated.profile.team) == ("Machinist and singer", "Sawmill")
        assert of(ContactChanged, facts) == []

    async def test_lets_two_people_exchange_their_addresses(self, profiles: Profiles, hanka: Organization) -> None:
        await profiles.bring(hanka, [a_row("E-1", email="a@b.cd"), a_row("E-2", email="c@b.cd")])
        report, facts = await profiles.bring(hanka, [a_row("E-1", email="c@b.cd"), a_row("E-2", email="a@b.cd")])
        assert report.updated == 2
        assert [fact.email for fact in of(ContactChanged, facts)] == ["c@b.cd", "a@b.cd"]

    async def test_that_cannot_be_read_changes_nothing(self, profiles: Profiles, hanka: Organization) -> None:
        boss, command = an_admin(hanka), importing(hanka, b"external_id,nmae,email\nE-1,Jan,a@b.cd\n")
        for attempt in (profiles.do(command, by=boss), profiles.ask(previewing(command), by=boss)):
            with pytest.raises(WrongHeader) as refused:
                await attempt
            assert refused.value.problems[0].remedy == "Did you mean name?"
        with pytest.raises(NotFound):
            await profiles.ask(ReadImport(import_id=command.import_id), by=boss)

    async def test_of_hundreds_is_quick(self, profiles: Profiles, hanka: Organization) -> None:
        rows = [a_row(f"E-{number}", manager=f"E-{number // 8}" if number else "") for number in range(600)]
        started = time.perf_counter()
        report, facts = await profiles.bring(hanka, rows)
        assert time.perf_counter() - started < 5
        assert (report.created, len(facts)) == (600, 1200)

    async def test_meets_a_save_without_losing_either(self, profiles: Profiles, hanka: Organization) -> None:
        _, facts = await profiles.bring(hanka, [a_row("E-1"), a_row("E-2")])
        profile = of(ProfileUpdated, facts)[0].profile
        saves = (
            profiles.do(
                SaveProfile(command_id=new_id(), profile=replace(profile, job_title=f"Title {number}")),
                by=an_admin(hanka),
            )
            for number in range(5)
        )
        files = (
            profiles.bring(hanka, [a_row("E-1", team=f"Team {number}"), a_row("E-2", team=f"Team {number}")])
            for number in range(5)
        )
        saved, brought = await asyncio.gather(asyncio.gather(*saves), asyncio.gather(*files))
        told = of(ProfileUpdated, [fact for each in (*saved, *(facts for _, facts in brought)) for fact in each])
        versions = sorted(fact.version for fact in told if fact.key == profile.person_id)
        assert versions == list(range(2, 2 + len(versions)))


class TestWhoImports:
    async def test_is_an_admin_of_the_organization(self, profiles: Profiles, hanka: Organization) -> None:
        other = await profiles.register("other")
        command = importing(hanka, a_file(MIXED))
        await profiles.do(command, by=an_admin(hanka))
        for actor in (an_admin(other), themselves(hanka, "E-1"), OPERATOR):
            attempts = (
                profiles.do(replace(command, command_id=new_id()), by=actor),
                profiles.ask(previewing(command), by=actor),
                profiles.ask(ReadImport(import_id=command.import_id), by=actor),
            )
            for attempt in attempts:
                with pytest.raises(NotFound):
                    await attempt

    async def test_may_use_an_import_id_that_another_organization_used(
        self, profiles: Profiles, hanka: Organization
    ) -> None:
        other = await profiles.register("other")
        import_id = new_id()
        await profiles.bring(hanka, [a_row("E-1")], import_id=import_id)
        report, facts = await profiles.bring(other, [a_row("E-1"), a_row("E-2")], import_id=import_id)
        assert (report.created, len(facts)) == (2, 4)
        assert of(ProfileUpdated, facts)[0].key == person_id_of(other.organization_id, subject="E-1")
