"""A database and its roles for one service, made or brought up to date. Safe to repeat and to run at once.

For service S: database `viceversa_S`, and the roles

- `S_owner`  logs in for migrations; owns the database and every table in it,
- `S_app`    logs in for the service; may do nothing to tables itself, only become one of the next two,
- `S_tenant` one organization at a time: row-level security applies,
- `S_system` the service's own work across organizations (relay, inbox, projections, jobs).

Nobody else may even connect. No role bypasses row-level security.
"""

import hashlib
import hmac
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

import asyncpg

SERVICES = ("profiles", "matching", "feedback", "notifications", "gateway")

_NAME = re.compile(r"[a-z][a-z0-9_]{0,40}")
_PASSWORD = re.compile(r"[A-Za-z0-9_-]{16,128}")
_ONE_AT_A_TIME = 0x7669_6365  # a lock of our own: two at once would trip over each other's catalogue rows


@dataclass(frozen=True)
class ServiceDsns:
    """`owner` runs migrations, `app` is what the service logs in with: `postgresql://user:password@host:port/db`."""

    owner: str
    app: str


def service_dsns(admin_dsn: str, *, service: str, password: str, app_password: str | None = None) -> ServiceDsns:
    """What `provision` returns for the same arguments, without asking the server.

    The passwords of the two logins are derived from the secret `password`: neither tells the other. `app_password` replaces the
    service's own (16 to 128 of A-Z, a-z, 0-9, _ and -). ValueError when `service` is no plain lower-case name.
    """
    if app_password is not None and not _PASSWORD.fullmatch(app_password):
        raise ValueError(f"The password of {service} must have 16 to 128 of the characters A-Z, a-z, 0-9, _ and -.")
    if not _NAME.fullmatch(service):
        raise ValueError(f"{service!r} cannot name a database: use a-z, 0-9 and _, starting with a letter.")
    address = urlsplit(admin_dsn).netloc.rpartition("@")[2]

    def dsn(role: str, own: str | None = None) -> str:
        return f"postgresql://{role}:{own or _derive(password, role)}@{address}/viceversa_{service}"

    return ServiceDsns(owner=dsn(f"{service}_owner"), app=dsn(f"{service}_app", app_password))


async def provision(admin_dsn: str, *, service: str, password: str, app_password: str | None = None) -> ServiceDsns:
    """Make the database and the roles of `service` on the server of `admin_dsn`, whose user may create both.

    The same arguments always give the same DSNs (see `service_dsns`); a new `password` replaces the old ones.
    """
    dsns = service_dsns(admin_dsn, service=service, password=password, app_password=app_password)
    database, owner, app = f"viceversa_{service}", f"{service}_owner", f"{service}_app"
    tenant, system = f"{service}_tenant", f"{service}_system"

    # Every name and password below was checked or is hexadecimal: such statements take no parameters.
    admin = await asyncpg.connect(admin_dsn)
    try:
        await admin.execute("SELECT pg_advisory_lock($1)", _ONE_AT_A_TIME)
        for role in (owner, app, tenant, system):
            if not await admin.fetchval("SELECT true FROM pg_roles WHERE rolname = $1", role):
                await admin.execute(f"CREATE ROLE {role}")
        plain = "NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS NOINHERIT"
        await admin.execute(f"ALTER ROLE {owner} {plain} LOGIN PASSWORD '{_derive(password, owner)}'")
        await admin.execute(f"ALTER ROLE {app} {plain} LOGIN PASSWORD '{app_password or _derive(password, app)}'")
        await admin.execute(f"ALTER ROLE {tenant} {plain} NOLOGIN")
        await admin.execute(f"ALTER ROLE {system} {plain} NOLOGIN")
        await admin.execute(f"GRANT {tenant}, {system} TO {app} WITH INHERIT FALSE, SET TRUE")
        if not await admin.fetchval("SELECT true FROM pg_database WHERE datname = $1", database):
            await admin.execute(f"CREATE DATABASE {database} OWNER {owner} TEMPLATE template0 ENCODING 'UTF8'")
        await admin.execute(f"ALTER DATABASE {database} OWNER TO {owner}")
        await admin.execute(f"REVOKE ALL ON DATABASE {database} FROM PUBLIC")
        await admin.execute(f"GRANT CONNECT ON DATABASE {database} TO {app}")
        await _open_schema(admin_dsn, database=database, owner=owner, readers=(tenant, system))
    finally:
        await admin.close()  # which also gives the lock back
    return dsns


async def _open_schema(admin_dsn: str, *, database: str, owner: str, readers: tuple[str, ...]) -> None:
    """What `owner` will make in schema public, `readers` may use; nobody else may look or create."""
    to = ", ".join(readers)
    inside = await asyncpg.connect(admin_dsn, database=database)
    try:
        async with inside.transaction():
            await inside.execute("REVOKE ALL ON SCHEMA public FROM PUBLIC")
            await inside.execute(f"ALTER SCHEMA public OWNER TO {owner}")
            await inside.execute(f"GRANT USAGE ON SCHEMA public TO {to}")
            by_default = f"ALTER DEFAULT PRIVILEGES FOR ROLE {owner} IN SCHEMA public GRANT"
            await inside.execute(f"{by_default} SELECT, INSERT, UPDATE, DELETE ON TABLES TO {to}")
            await inside.execute(f"{by_default} USAGE ON SEQUENCES TO {to}")
    finally:
        await inside.close()


def _derive(secret: str, role: str) -> str:
    return hmac.new(secret.encode(), role.encode(), hashlib.sha256).hexdigest()
