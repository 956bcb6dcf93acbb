"""What an organizer wants to see at the end, and the figures of the platform itself."""

from __future__ import annotations

import asyncio
from typing import Any

import psutil
from rich.table import Table

from deploy import mailbox
from deploy.demonstrate.stage import Stage
from deploy.local import Platform

_SHOWN_PAIRS = 3
_PAIR = (
    "value members { person { id displayName } organization { name } } language sharedWindows commonGround bridge "
    "directions { need offer similarity value teacher { displayName } learner { displayName } } terms { name amount } "
    "reciprocity { sessionsLogged balance }"
)
_REPORT = (
    "name status report { people matched matchRate meanValue sessionsLogged meanBalance meanUsefulness introductionsMade "
    "organizations { withheld people matched matchRate meanValue worstValue organization { name } } "
    "unmatched { reason count } pairs { status count } }"
)


async def show(stage: Stage, running: Platform) -> dict[str, Any]:
    """Print it all; the figures of the result line."""
    stage.console.rule("What came of it")
    cohort = await stage.cohort(_REPORT)
    _cohort(stage, cohort)
    pairs = await stage.pairs(status=["ACTIVE", "COMPLETED"], fields="value members { person { id } }")
    for pair in sorted(pairs, key=lambda pair: (-pair["value"], pair["id"]))[:_SHOWN_PAIRS]:
        # Organizers do not see what people wrote about themselves: one of the two shows it.
        member = stage.people[pair["members"][0]["person"]["id"]]
        seen = await member.client.ask(f"query ($id: ID!) {{ pair(id: $id) {{ {_PAIR} }} }}", id=pair["id"])
        _pair(stage, seen["pair"])
    facts = await asyncio.to_thread(_facts_per_topic, running.infrastructure.kafka_bootstrap)
    mails = mailbox.count(running.mail)
    doubled = mailbox.doubled(running.mail)
    _figures(stage, facts, mails=mails, doubled=len(doubled))
    return {
        "people": len(stage.people),
        "organizations": len(stage.partners),
        "refused_rows": stage.counts.get("refused_rows", 0),
        "pairs": len(pairs),
        "sessions_logged": stage.counts.get("sessions_logged", 0),
        "mails": mails,
        "mails_doubled": len(doubled),
        "facts": sum(facts.values()),
        "modes": len(stage.modes),
        "value_of_bound": stage.figures.get("value_of_bound"),
        "memory_mb": _memory_mb(),
    }


def _facts_per_topic(kafka: str) -> dict[str, int]:
    from deploy import inspect_broker  # here: the platform need not wait for another Kafka client to be imported

    return inspect_broker.ends(kafka)


def _cohort(stage: Stage, cohort: dict[str, Any]) -> None:
    report = cohort["report"]
    stage.console.print(
        f"\n[bold]{cohort['name']}[/bold] ({cohort['status'].lower()}): {report['matched']} of {report['people']} people matched "
        f"({_percent(report['matchRate'])}), mean value {_number(report['meanValue'])}"
    )
    stage.console.print(
        f"  sessions logged {_number(report['sessionsLogged'])}, reciprocity {_number(report['meanBalance'])} (1 = both gave alike), "
        f"usefulness {_number(report['meanUsefulness'])} of 5, doors opened {_number(report['introductionsMade'])}"
    )
    table = Table(
        "organization", "people", "matched", "rate", "mean value", "worst off", title="Fairness", title_justify="left"
    )
    for each in report["organizations"]:
        if each["withheld"]:
            table.add_row(each["organization"]["name"], "fewer than five: withheld", "", "", "", "")
        else:
            table.add_row(
                each["organization"]["name"],
                str(each["people"]),
                str(each["matched"]),
                _percent(each["matchRate"]),
                _number(each["meanValue"]),
                _number(each["worstValue"]),
            )
    stage.console.print(table)
    states = ", ".join(f"{each['count']} {each['status'].lower().replace('_', ' ')}" for each in report["pairs"])
    stage.console.print(f"  pairs: {states}")
    if report["unmatched"]:
        reasons = ", ".join(
            f"{each['count']} {each['reason'].lower().replace('_', ' ')}" for each in report["unmatched"]
        )
        stage.console.print(f"  without a pair in the last run: {reasons}")


def _pair(stage: Stage, pair: dict[str, Any]) -> None:
    names = " ⇄ ".join(f"{each['person']['displayName']} ({each['organization']['name']})" for each in pair["members"])
    reciprocity = pair["reciprocity"]
    met = f"; {reciprocity['sessionsLogged']} sessions, balance {reciprocity['balance']:.2f}" if reciprocity else ""
    stage.console.print(f"\n[bold]{names}[/bold]  value {pair['value']:.2f}, in {pair['language']}{met}")
    for each in pair["directions"]:
        stage.console.print(
            f"  {each['teacher']['displayName']} → {each['learner']['displayName']}: “{each['need']}” is met by "
            f"“{each['offer']}” [dim](similarity {each['similarity']:.2f}, adds {each['value']:.2f})[/dim]"
        )
    terms = " ".join(f"{term['name']} {term['amount']:+.3f}" for term in pair["terms"])
    stage.console.print(f"  [dim]{terms}; {', '.join((pair['sharedWindows'] or [])[:2])}[/dim]")
    stage.console.print(f"  common ground: {pair['commonGround']}; bridge: {pair['bridge']}")


def _figures(stage: Stage, facts: dict[str, int], *, mails: int, doubled: int) -> None:
    table = Table("topic", "facts", title="On the topics", title_justify="left")
    for topic, count in facts.items():
        table.add_row(topic, str(count))
    stage.console.print(table)
    stage.console.print(
        f"  mails sent: {mails}, none twice" if not doubled else f"  mails sent: {mails}, [red]{doubled} twice[/red]"
    )
    slowest = sorted(stage.timings.items(), key=lambda item: -item[1])[:4]
    stage.console.print(
        "  longest steps: " + "; ".join(f"{title.strip()} {seconds:.1f} s" for title, seconds in slowest)
    )
    stage.console.print(f"  memory of the whole platform: {_memory_mb()} MB")
    stage.console.print(
        f"  GraphiQL is at {stage.door.gateway_url}/graphql while a platform runs: [bold]make up[/bold] keeps one running"
    )


def _memory_mb() -> int:
    """Resident memory of this process and all that it started; shared pages are counted once (PSS) where the system tells."""
    me = psutil.Process()
    total = 0
    for process in (me, *me.children(recursive=True)):
        try:
            full = process.memory_full_info()
            total += getattr(full, "pss", full.rss)
        except psutil.Error:
            continue
    return round(total / 1_000_000)


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{share:.0%}"


def _number(value: float | None) -> str:
    if value is None:
        return "–"
    return str(value) if isinstance(value, int) else f"{value:.2f}"
