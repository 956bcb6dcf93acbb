"""What must be there before the services start: secrets, roles and databases, migrations, topics, principals of the broker."""

from __future__ import annotations

import asyncio
import os
from typing import Annotated

import typer

from chassis.settings import PREFIX
from deploy import topics
from deploy.cli.target import DEFAULT_DATA, SERVICES, DataDir, fail, find, known_service
from deploy.provision import ServiceDsns, provision as make_databases, service_dsns


def add_to(app: typer.Typer) -> None:
    """The commands of this group."""
    app.command()(settings)
    app.command()(provision)
    app.command()(migrate)
    app.command("topics")(create_topics)
    app.command()(principals)


def settings(
    trial: Annotated[
        bool, typer.Option("--trial", help="With the addresses of the trial's issuer, mail catcher and collector.")
    ] = False,
) -> None:
    """Print the settings of a containerized platform with fresh secrets, for deploy/.env: `viceversa settings > deploy/.env`."""
    from deploy.settings_file import settings_file

    typer.echo(settings_file(trial=trial), nl=False)


def provision() -> None:
    """Make each service's database and roles: VICEVERSA_ADMIN_URL, VICEVERSA_OWNER_SECRET, VICEVERSA_<SERVICE>_DATABASE_PASSWORD."""
    (admin, secret), passwords = _required("ADMIN_URL", "OWNER_SECRET"), _passwords("DATABASE_PASSWORD")

    async def make() -> None:
        for name in SERVICES:
            try:
                await make_databases(admin, service=name, password=secret, app_password=passwords[name])
            except ValueError as wrong:
                raise fail(str(wrong)) from wrong
            typer.echo(f"viceversa_{name} is there, with its roles")

    asyncio.run(make())


def create_topics(
    kafka: Annotated[
        str, typer.Option(help="host:port of a broker; default: that of the platform.", envvar=PREFIX + "KAFKA")
    ] = "",
    partitions: Annotated[int, typer.Option(help="Partitions of each fact topic.")] = 6,
    replicas: Annotated[int, typer.Option(help="Copies of each partition.")] = 1,
    data: DataDir = DEFAULT_DATA,
) -> None:
    """Create the platform's topics and check them."""
    bootstrap = kafka or find(data).kafka
    raise typer.Exit(topics.main(["--kafka", bootstrap, "--partitions", str(partitions), "--replicas", str(replicas)]))


def migrate(
    service: Annotated[str, typer.Argument(help="profiles, matching, feedback, notifications or gateway")] = "",
    dsn: Annotated[
        str, typer.Option(help="The database's address as its owner role.", envvar=PREFIX + "OWNER_URL")
    ] = "",
    everything: Annotated[
        bool, typer.Option("--all", help="Every database that `viceversa provision` made, by the same variables.")
    ] = False,
    check: Annotated[
        bool, typer.Option("--check", help="Change nothing: do the migrations make the tables that the stores declare?")
    ] = False,
) -> None:
    """Bring one service's database, or all, to the newest revision."""
    if check:
        from deploy.drift import drifts

        found = drifts()
        if found:
            raise fail("Migrations and stores differ:\n" + "\n".join(f"  - {sentence}" for sentence in found))
        typer.echo("the migrations make exactly the declared tables")
        return
    from chassis.database import migrate as bring_up, newest_revision

    if everything:
        for name, dsns in _dsns().items():
            bring_up(name, dsn=dsns.owner)
            typer.echo(f"{name} is at {newest_revision(name)}")
        return
    if not service:
        raise fail(f"Name the service: viceversa migrate {'|'.join(SERVICES)}, or --all")
    if not dsn:
        raise fail(
            f"Name the database: --dsn postgresql://owner:password@host/viceversa_{service}, or {PREFIX}OWNER_URL."
        )
    bring_up(known_service(service), dsn=dsn)
    typer.echo(f"{service} is at {newest_revision(service)}")


def principals(
    kafka: Annotated[
        str, typer.Option(help="host:port of a broker; default: that of the platform.", envvar=PREFIX + "KAFKA")
    ] = "",
    data: DataDir = DEFAULT_DATA,
) -> None:
    """Give each service its own principal on the broker, and an access list of literal topics: VICEVERSA_<SERVICE>_KAFKA_PASSWORD."""
    from kafka.errors import KafkaError

    from deploy.principals import PrincipalsFailed, client_options, establish

    bootstrap = kafka or find(data).kafka
    try:
        rules = establish(bootstrap, passwords=_passwords("KAFKA_PASSWORD"), client=client_options())
    except (KafkaError, PrincipalsFailed) as failed:
        raise fail(f"The principals could not be made at {bootstrap}: {failed}") from failed
    typer.echo(f"{len(SERVICES)} principals, {rules} rules")


def _dsns() -> dict[str, ServiceDsns]:
    address, secret = _required("ADMIN_URL", "OWNER_SECRET")
    return {name: service_dsns(address, service=name, password=secret) for name in SERVICES}


def _passwords(kind: str) -> dict[str, str]:
    return dict(zip(SERVICES, _required(*(f"{name.upper()}_{kind}" for name in SERVICES)), strict=True))


def _required(*names: str) -> list[str]:
    missing = [PREFIX + name for name in names if not os.environ.get(PREFIX + name)]
    if missing:
        raise fail("\n".join(f"{name} is not set" for name in missing))
    return [os.environ[PREFIX + name] for name in names]
