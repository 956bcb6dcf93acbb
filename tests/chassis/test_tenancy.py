"""The second wall: whatever a statement asks for, row-level security shows an actor their organization's rows and nobody else's."""

import asyncio
from dataclasses import replace
from uuid import UUID, uuid4

import asyncpg
import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from chassis.database import Database, connect
from chassis.service import execute
from contracts.base import SYSTEM, Actor, Role
from deploy.provision import ServiceDsns
from tests.chassis import probe_service
from tests.chassis.conftest import ADMIN, OPERATOR, ORG, OTHER_ORG, Rows, save

SPEC = probe_service.app.spec
OTHER = replace(ADMIN, organization_id=OTHER_ORG)
PERSON = Actor(roles=(Role.PERSON,), organization_id=ORG, person_id=UUID(int=5), subject="p")
NOBODY = Actor()
ALL = sa.text("SELECT organization_id FROM person")


@pytest.fixture(autouse=True)
async def _two_of_each(database: Database, rows: Rows) -> None:
    for organization, actor in ((ORG, ADMIN), (OTHER_ORG, OTHER)):
        for _ in range(2):
            await execute(SPEC, database, save(organization=organization), actor=actor)


async def seen(database: Database, actor: Actor) -> set[UUID]:
    async with database.begin(actor) as tx:
        return set((await tx.connection.execute(ALL)).scalars())


@pytest.mark.parametrize(
    ("actor", "organizations"),
    [
        (ADMIN, {ORG}),
        (OTHER, {OTHER_ORG}),
        (PERSON, {ORG}),
        (NOBODY, set()),
        (replace(ADMIN, organization_id=None), set()),
        (replace(ADMIN, organization_id=uuid4()), set()),
        (OPERATOR, {ORG, OTHER_ORG}),
        (SYSTEM, {ORG, OTHER_ORG}),
    ],
    ids=["admin", "other admin", "person", "nobody", "admin of nothing", "stranger", "operator", "system"],
)
async def test_an_unfiltered_select_shows(actor: Actor, organizations: set[UUID], database: Database) -> None:
    assert await seen(database, actor) == organizations


async def test_the_login_role_alone_sees_nothing(probe_dsns: ServiceDsns) -> None:
    connection = await asyncpg.connect(probe_dsns.app)
    try:
        for table in ("person", "effect", "card", "outbox", "inbox", "parked", "command_log", "consumer_generation"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.fetch(f"SELECT * FROM public.{table}")
    finally:
        await connection.close()


async def test_the_owner_of_the_tables_sees_nothing(probe_dsns: ServiceDsns) -> None:
    connection = await asyncpg.connect(probe_dsns.owner)
    try:
        assert await connection.fetch("SELECT * FROM person") == []
    finally:
        await connection.close()


async def test_a_tenant_writes_rows_of_its_own_only(database: Database) -> None:
    insert = sa.text("INSERT INTO person VALUES (:id, :organization, 'x', 1)")
    async with database.begin(ADMIN) as tx:
        await tx.connection.execute(insert, {"id": uuid4(), "organization": ORG})
    with pytest.raises(DBAPIError, match="row-level security"):
        async with database.begin(ADMIN) as tx:
            await tx.connection.execute(insert, {"id": uuid4(), "organization": OTHER_ORG})
    with pytest.raises(DBAPIError, match="row-level security"):
        async with database.begin(ADMIN) as tx:
            await tx.connection.execute(sa.text("UPDATE person SET organization_id = :other"), {"other": OTHER_ORG})
    async with database.begin(ADMIN) as tx:
        assert (await tx.connection.execute(sa.text("DELETE FROM person"))).rowcount == 3
    assert await seen(database, SYSTEM) == {OTHER_ORG}


async def test_a_command_for_another_organization_is_stopped_by_the_wall(database: Database, rows: Rows) -> None:
    with pytest.raises(DBAPIError, match="row-level security"):
        await execute(SPEC, database, save(organization=OTHER_ORG), actor=ADMIN)
    assert await rows.one("SELECT count(*) FROM command_log") == 4


async def test_a_tenant_reaches_no_table_of_the_chassis(database: Database) -> None:
    for statement in (
        "SELECT * FROM outbox",
        "UPDATE outbox SET payload = ''",
        "DELETE FROM outbox",
        "SELECT * FROM unpublished",
        "DELETE FROM unpublished",
        "SELECT * FROM inbox",
        "INSERT INTO inbox (consumer, fact_id) VALUES ('x', gen_random_uuid())",
        "SELECT * FROM parked",
        "SELECT * FROM consumer_generation",
        "DELETE FROM command_log",
        "SELECT * FROM alembic_version",
        "SET ROLE probe_owner",
    ):
        with pytest.raises(DBAPIError, match="permission denied"):
            async with database.begin(ADMIN) as tx:
                await tx.connection.exec_driver_sql(statement)


async def test_the_system_role_changes_no_migration(database: Database) -> None:
    with pytest.raises(DBAPIError, match="permission denied"):
        async with database.begin(SYSTEM) as tx:
            await tx.connection.exec_driver_sql("UPDATE alembic_version SET version_num = 'x'")


async def test_interleaved_tenants_on_one_connection_stay_apart(probe_dsns: ServiceDsns) -> None:
    database = connect("probe", url=probe_dsns.app, pool=1)
    actors = [ADMIN, OTHER, NOBODY, SYSTEM, PERSON] * 12
    expected = {
        id(ADMIN): {ORG},
        id(OTHER): {OTHER_ORG},
        id(NOBODY): set(),
        id(SYSTEM): {ORG, OTHER_ORG},
        id(PERSON): {ORG},
    }
    found = await asyncio.gather(*(seen(database, actor) for actor in actors))
    await database.close()
    for actor, organizations in zip(actors, found, strict=True):
        assert organizations == expected[id(actor)]


@pytest.mark.parametrize("end", ["commit", "rollback"])
async def test_nothing_of_a_tenant_stays_on_its_connection(end: str, probe_dsns: ServiceDsns) -> None:
    database = connect("probe", url=probe_dsns.app, pool=1)

    async def one_transaction() -> None:
        async with database.begin(PERSON) as tx:
            assert (await tx.connection.exec_driver_sql("SELECT app_org(), app_person()")).one() == (
                ORG,
                PERSON.person_id,
            )
            if end == "rollback":
                raise ZeroDivisionError

    if end == "commit":
        await one_transaction()
    else:
        with pytest.raises(ZeroDivisionError):
            await one_transaction()
    await nothing_is_left(database)


async def nothing_is_left(database: Database) -> None:
    """On the only connection that a pool has."""
    async with database.engine.connect() as connection:
        left = await connection.exec_driver_sql(
            "SELECT current_user::text, coalesce(current_setting('app.org', true), ''), "
            "coalesce(current_setting('app.person', true), '')"
        )
        assert left.one() == ("probe_app", "", "")
    await database.close()


async def test_step_by_step_each_statement_is_committed_when_it_returns(
    database: Database, probe_dsns: ServiceDsns
) -> None:
    stepping = connect("probe", url=probe_dsns.app, pool=1)
    async with stepping.step_by_step(ADMIN) as steps:
        assert set((await steps.connection.execute(ALL)).scalars()) == {ORG}
        gone = await steps.connection.execute(sa.text("DELETE FROM person"))
        assert gone.rowcount == 2
        assert await seen(database, SYSTEM) == {OTHER_ORG}, "another connection sees it at once"
    await nothing_is_left(stepping)


@pytest.mark.parametrize("broken", ["by the database", "by us"])
async def test_step_by_step_leaves_nobody_behind_when_it_breaks(broken: str, probe_dsns: ServiceDsns) -> None:
    stepping = connect("probe", url=probe_dsns.app, pool=1)

    async def break_it() -> None:
        async with stepping.step_by_step(SYSTEM) as steps:
            if broken == "by us":
                raise ZeroDivisionError
            await steps.connection.exec_driver_sql("SELECT 1 / 0")

    with pytest.raises((DBAPIError, ZeroDivisionError)):
        await break_it()
    assert await seen(stepping, ADMIN) == {ORG}
    await nothing_is_left(stepping)
