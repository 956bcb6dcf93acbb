"""Looking after a platform: doctor, lag, dead letters, redrive, re-emit, rebuild, tokens."""

from __future__ import annotations

from typing import Annotated

import httpx
import typer
from rich.console import Console
from rich.table import Table

from deploy.cli.target import DEFAULT_DATA, SERVICES, DataDir, fail, find, known_service

Service = Annotated[str, typer.Argument(help="profiles, matching, feedback, notifications or gateway")]

console = Console()


def add_to(app: typer.Typer) -> None:
    """The commands of this group."""
    app.command()(token)
    app.command()(doctor)
    app.command()(status)
    app.command()(lag)
    app.command("dead-letters")(dead_letters)
    app.command()(redrive)
    app.command("re-emit")(re_emit)
    app.command()(rebuild)


def token(
    organization: Annotated[str, typer.Argument(help="The organization's slug, or `operator`.")],
    subject: Annotated[str, typer.Argument(help="Who in it: the person's external id, or an admin's subject.")],
    data: DataDir = DEFAULT_DATA,
    hours: Annotated[float, typer.Option(help="How long it is good for.")] = 12.0,
) -> None:
    """Print an access token of the embedded platform's development issuer."""
    typer.echo(find(data).issuer().token(organization=organization, subject=subject, life=int(hours * 3600)))


def doctor(data: DataDir = DEFAULT_DATA) -> None:
    """Find the usual faults and say what to do; non-zero when there is any."""
    from deploy import inspect_broker, topics  # the Kafka client: where it is used, every other command starts sooner
    from deploy.principals import client_options

    target = find(data)
    faults: list[str] = []
    for name in SERVICES:
        try:
            answer = httpx.get(f"{target.urls[name]}/health/ready", timeout=5)
        except httpx.HTTPError as error:
            faults.append(f"{name} cannot be reached at {target.urls[name]}: {error}")
            continue
        faults += [f"{name}: {part}: {why}" for part, why in answer.json().get("failing", {}).items()]
        report = target.administer(name, "status")
        if report["oldest_unpublished_s"] > 30:
            faults.append(
                f"{name}: a fact has waited {report['oldest_unpublished_s']:.0f} s to be published: is the broker up?"
            )
        faults += [
            f"{name}: {each['count']} facts parked by {each['handler'] or 'their key'}: {each['reason'][:160]}; "
            f"mend the cause, then `viceversa redrive {name}`"
            for each in report["parked"]
        ]
    try:
        faults += topics.faults(target.kafka, client=client_options())
        faults += [
            f"{each.group} is {each.behind} facts behind on {each.topic}"
            for each in inspect_broker.lags(target.kafka)
            if each.behind > 10_000
        ]
    except inspect_broker.BrokerUnreachable as error:
        faults.append(str(error))
    if faults:
        raise fail("\n".join(f"✗ {sentence}" for sentence in faults))
    typer.secho("✓ every service is ready, topics are right, nothing is parked, nothing waits", fg="green")


def status(data: DataDir = DEFAULT_DATA) -> None:
    """What each service published, applied and put aside."""
    target = find(data)
    table = Table("service", "sent", "waiting", "oldest", "applied", "skipped", "parked", "dead", "breaker")
    for name in SERVICES:
        report = target.administer(name, "status")
        table.add_row(
            name,
            str(report["published"]),
            str(report["unpublished"]),
            f"{report['oldest_unpublished_s']:.1f} s",
            str(report["applied"]),
            str(report["skipped"]),
            str(sum(each["count"] for each in report["parked"])),
            str(report["dead"]),
            "OPEN" if report["breaker_open"] else "closed",
        )
    console.print(table)


def lag(data: DataDir = DEFAULT_DATA) -> None:
    """How far each consumer group is behind, by topic."""
    from deploy import inspect_broker

    table = Table("group", "topic", "facts", "behind")
    for each in inspect_broker.lags(find(data).kafka):
        table.add_row(each.group, each.topic, str(each.end), str(each.behind))
    console.print(table)


def dead_letters(
    data: DataDir = DEFAULT_DATA, most: Annotated[int, typer.Option(help="How many of each topic to show.")] = 20
) -> None:
    """What could not be decoded (dead topics) and what is parked, with reasons."""
    from deploy import inspect_broker

    target = find(data)
    table = Table("where", "reason", "count")
    for name in SERVICES:
        for each in target.administer(name, "status")["parked"]:
            table.add_row(f"parked in {name} ({each['wire']})", each["reason"][:200], str(each["count"]))
    for dead in inspect_broker.dead_records(target.kafka, most=most):
        table.add_row(f"{dead.topic} (from {dead.origin})", dead.reason, "1")
    console.print(table if table.row_count else "Nothing is dead or parked.")


def redrive(service: Service, data: DataDir = DEFAULT_DATA) -> None:
    """Try a service's parked facts again, key by key in their order."""
    done = find(data).administer(known_service(service), "redrive")
    typer.echo(f"{done['done']} facts went through, {done['waiting']} still wait")
    if done["waiting"]:
        raise typer.Exit(1)


def re_emit(service: Service, data: DataDir = DEFAULT_DATA) -> None:
    """Publish the present state of everything that a service owns again; consumers keep what is not older."""
    typer.echo(f"{find(data).administer(known_service(service), 're-emit')['facts']} facts are on their way")


def rebuild(data: DataDir = DEFAULT_DATA) -> None:
    """Make the gateway's read model anew from the topics, beside the living one, and swap when they differ."""
    report = find(data).administer("gateway", "rebuild")
    table = Table("table", "rows before", "rows rebuilt", "equal")
    for each in report["tables"]:
        table.add_row(
            each["table"], str(each["live"]), str(each["rebuilt"]), "yes" if each["equal"] else "no: replaced"
        )
    console.print(table)
    typer.echo(f"{report['facts']} facts in {report['seconds']} s")
