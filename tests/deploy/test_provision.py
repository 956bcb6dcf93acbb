"""Databases, roles and what each may do."""

import asyncio
from collections.abc import Awaitable, Callable

import asyncpg
import pytest

from deploy.embedded import (
    Infrastructure,
)
from deploy.provision import ServiceDsns, provision


class TestProvision:
    @pytest.fixture
    async def dsns(self, infrastructure: Infrastructure) -> ServiceDsns:
        """A service of our own with one table, provisioned twice at the same time."""
        first, second = await asyncio.gather(
            *(provision(infrastructure.postgres_admin_dsn, service="house", password="one") for _ in range(2))
        )
        assert first == second
        await execute(first.owner, "CREATE TABLE IF NOT EXISTS t (id bigserial PRIMARY KEY, what text)")
        return first

    @pytest.mark.parametrize("role", ["house_tenant", "house_system"])
    async def test_lets_the_service_work_as_its_roles(self, role: str, dsns: ServiceDsns) -> None:
        work = "INSERT INTO t (what) VALUES ('x'); UPDATE t SET what = 'y'; SELECT * FROM t; DELETE FROM t"
        await execute(dsns.app, f"SET ROLE {role}; {work}")

    @pytest.mark.parametrize(
        "forbidden",
        [
            "SELECT * FROM public.t",
            "INSERT INTO public.t (what) VALUES ('x')",
            "CREATE TABLE public.mine (n int)",
            "CREATE TEMPORARY TABLE mine (n int)",
            "SET ROLE house_owner",
            "SET ROLE postgres",
            "SET ROLE house_tenant; TRUNCATE t",
            "SET ROLE house_tenant; CREATE TABLE mine (n int)",
            "SET ROLE house_system; ALTER TABLE t DISABLE ROW LEVEL SECURITY",
        ],
    )
    async def test_lets_the_service_do_no_more(self, forbidden: str, dsns: ServiceDsns) -> None:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await execute(dsns.app, forbidden)

    async def test_gives_no_role_a_way_around_row_level_security(self, dsns: ServiceDsns) -> None:
        roles = await execute(
            dsns.owner, "SELECT rolbypassrls OR rolsuper FROM pg_roles WHERE starts_with(rolname, 'house_')"
        )
        assert [row[0] for row in roles] == [False] * 4

    async def test_keeps_other_services_out(self, infrastructure: Infrastructure, dsns: ServiceDsns) -> None:
        other = await provision(infrastructure.postgres_admin_dsn, service="cellar", password="one")
        for login in (other.app, other.owner):
            with pytest.raises(asyncpg.InsufficientPrivilegeError, match="permission denied for database"):
                await execute(login.replace("viceversa_cellar", "viceversa_house"), "SELECT 1")

    async def test_replaces_the_password(self, infrastructure: Infrastructure) -> None:
        admin = infrastructure.postgres_admin_dsn
        old = await provision(admin, service="attic", password="one")
        new = await provision(admin, service="attic", password="two")
        await execute(new.app, "SELECT 1")
        with pytest.raises(asyncpg.InvalidPasswordError):
            await execute(old.app, "SELECT 1")
        with pytest.raises(asyncpg.InvalidPasswordError):
            await execute(new.app.replace("attic_app", "attic_owner"), "SELECT 1")

    async def test_refuses_a_name_that_is_no_name(self, infrastructure: Infrastructure) -> None:
        with pytest.raises(ValueError, match="cannot name a database"):
            await provision(infrastructure.postgres_admin_dsn, service='x"; DROP', password="one")


async def execute(dsn: str, sql: str) -> list[asyncpg.Record]:
    """Run one SELECT, or several statements."""
    connection = await asyncpg.connect(dsn)
    try:
        if sql.startswith("SELECT"):
            rows: list[asyncpg.Record] = await connection.fetch(sql)
            return rows
        await connection.execute(sql)
        return []
    finally:
        await connection.close()


class TestServiceDsns:
    async def test_is_empty_at_first_and_then_left_alone(
        self,
        infrastructure: Infrastructure,
        provisioned: dict[str, ServiceDsns],
        service_dsns: Callable[[str], Awaitable[ServiceDsns]],
    ) -> None:
        admin = infrastructure.postgres_admin_dsn.removesuffix("/postgres") + "/viceversa_gateway"
        count = "SELECT count(*) FROM child"
        await execute(admin, "CREATE TABLE parent (id int PRIMARY KEY); CREATE TABLE child (id int REFERENCES parent)")
        try:
            await execute(admin, "INSERT INTO parent VALUES (1); INSERT INTO child VALUES (1)")
            assert await service_dsns("gateway") == provisioned["gateway"]
            assert (await execute(admin, count))[0][0] == 0
            await execute(admin, "INSERT INTO parent VALUES (1); INSERT INTO child VALUES (1)")
            await service_dsns("gateway")
            assert (await execute(admin, count))[0][0] == 1
        finally:
            await execute(admin, "DROP TABLE child, parent")

    async def test_names_the_transaction_that_an_earlier_test_left_open(
        self, provisioned: dict[str, ServiceDsns], service_dsns: Callable[[str], Awaitable[ServiceDsns]]
    ) -> None:
        owner = await asyncpg.connect(provisioned["gateway"].owner)
        try:
            await owner.execute("CREATE TABLE held (id int)")
            await owner.execute("INSERT INTO held VALUES (1)")
            async with owner.transaction():
                await owner.execute("LOCK TABLE held")
                with pytest.raises(AssertionError, match=r"left a transaction open in gateway:\n.*LOCK TABLE held"):
                    await service_dsns("gateway")
            await owner.execute("DROP TABLE held")
        finally:
            await owner.close()
