"""The second wall: what PostgreSQL shows and allows, whatever the code asks for."""

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from contracts.base import SYSTEM
from contracts.profiles import ChangeConsent, Consent, ErasePerson, Organization, Purpose, person_id_of
from services.profiles.store import metadata
from tests.profiles.conftest import Profiles
from tests.profiles.making import a_row, an_admin, new_id, themselves

TABLES = sorted(table.name for table in metadata.tables.values())


@pytest.fixture
async def two(profiles: Profiles) -> tuple[Organization, Organization]:
    """Two organizations with something in every table."""
    organizations = (await profiles.register("hanka"), await profiles.register("other"))
    for organization in organizations:
        await profiles.bring(organization, [a_row("E-1"), a_row("E-2"), a_row("E-3", zone="Mars/Base")])
        person_id = person_id_of(organization.organization_id, subject="E-1")
        await profiles.do(
            ChangeConsent(
                command_id=new_id(), consent=Consent(person_id=person_id, purpose=Purpose.MATCHING, granted=True)
            ),
            by=themselves(organization, "E-1"),
        )
        await profiles.do(
            ErasePerson(command_id=new_id(), person_id=person_id_of(organization.organization_id, subject="E-2")),
            by=an_admin(organization),
        )
    return organizations


async def owners(profiles: Profiles, table: str, *, of: Organization | None) -> set[object]:
    """Whose rows an unfiltered SELECT returns."""
    async with profiles.database.begin(an_admin(of) if of else SYSTEM) as tx:
        return set((await tx.connection.execute(sa.text(f"SELECT organization_id FROM {table}"))).scalars())


@pytest.mark.parametrize("table", TABLES)
async def test_an_unfiltered_select_returns_one_organization(
    profiles: Profiles, two: tuple[Organization, Organization], table: str
) -> None:
    assert await owners(profiles, table, of=None) == {each.organization_id for each in two}
    for organization in (*two, *two):
        assert await owners(profiles, table, of=organization) == {organization.organization_id}


@pytest.mark.parametrize("table", TABLES)
async def test_an_unfiltered_write_reaches_one_organization(
    profiles: Profiles, two: tuple[Organization, Organization], table: str
) -> None:
    async with profiles.database.begin(SYSTEM) as tx:
        before = await tx.connection.scalar(sa.text(f"SELECT count(*) FROM {table}"))
    async with profiles.database.begin(an_admin(two[0])) as tx:
        touched = await tx.connection.execute(sa.text(f"UPDATE {table} SET organization_id = organization_id"))
        own = await tx.connection.scalar(sa.text(f"SELECT count(*) FROM {table}"))
        assert 0 < touched.rowcount == own < before


async def test_a_row_cannot_be_given_to_another_organization(
    profiles: Profiles, two: tuple[Organization, Organization]
) -> None:
    async with profiles.database.begin(an_admin(two[0])) as tx:
        with pytest.raises(DBAPIError, match="row-level security"):
            await tx.connection.execute(
                sa.text("UPDATE consent SET organization_id = :other"), {"other": two[1].organization_id}
            )
        await tx.connection.rollback()


async def test_the_login_itself_may_do_nothing(profiles: Profiles, two: tuple[Organization, Organization]) -> None:
    async with profiles.database.engine.connect() as connection:
        with pytest.raises(DBAPIError, match="permission denied"):
            await connection.execute(sa.text("SELECT * FROM public.person"))
