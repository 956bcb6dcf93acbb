"""Organizations register and bring their people; a joint cohort opens; everybody enrols; the engine matches them."""

from __future__ import annotations

import base64
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from deploy.demonstrate.client import StepFailed, all_at_once, until
from deploy.demonstrate.partners import Partner, Wish
from deploy.demonstrate.stage import Somebody, Stage

REPORT = "rows created updated unchanged rejected notes problems { row column value message remedy }"
_SHOWN_PROBLEMS = 2


async def play(stage: Stage) -> None:
    """From nothing to proposals."""
    with stage.step("1  Four organizations join, each with its own token issuer"):
        await stage.forward(hours=_until_monday(await stage.now()))
        for partner in stage.partners:
            await register(stage, partner)
        stage.say(", ".join(partner.name for partner in stage.partners))
    with stage.step("2  They bring their people from spreadsheets, wrong rows and all"):
        for partner in stage.partners:
            await bring_people(stage, partner)
        await meet_everybody(stage)
    with stage.step("3  A joint cohort is drafted, accepted by every partner, and opens"):
        await open_cohort(stage)
    with stage.step("4  Everybody is invited and enrols"):
        await enrol_everybody(stage)
    with stage.step("5  Registration closes; everybody is matched at once"):
        await stage.forward(hours=7 * 24)
        await stage.cohort_is("CLOSED")
        run = await match(stage)
        await stage.admin().do("publishProposals", {"runId": run["id"]})
        stage.modes.append("whole cohort")
        stage.say("the organizers looked it through and published the proposals")


async def match(stage: Stage, *, within: float = 60) -> dict[str, Any]:
    """Queue a run and follow it to its end; the run."""
    asked = await stage.admin().do("requestMatching", {"cohortId": stage.cohort_id}, want="... on MatchRun { id }")
    stage.run_ids.append(asked["id"])
    seen: set[str] = set()

    async def ended() -> Any:
        data = await stage.admin().ask(
            "query ($id: ID!) { matchRun(id: $id) { id status stage progress people pairs value upperBound unmatchedBound exact meaning "
            "seconds error engine "
            "unmatched { reason why person { displayName } } } }",
            id=asked["id"],
        )
        run = data["matchRun"]
        if run["stage"] and run["stage"] not in seen:
            seen.add(run["stage"])
            stage.say(f"[dim]{run['progress']:4.0%}  {run['stage']}[/dim]")
        return run if run["status"] in ("COMPLETED", "FAILED", "CANCELLED") else None

    run: dict[str, Any] = await until(ended, what="the match run has ended", within=within, every=0.15)
    if run["status"] != "COMPLETED":
        raise StepFailed(f"the match run {run['status'].lower()}: {run['error']}")
    stage.say(
        f"{run['people']} people, {run['pairs']} pairs, {len(run['unmatched'])} without one, value {run['value']:.2f}, "
        f"{run['seconds']:.2f} s"
    )
    for left in run["unmatched"][:_SHOWN_PROBLEMS]:
        stage.say(f"[dim]{left['person']['displayName']} has nobody: {' '.join(left['why'])}[/dim]")
    bound = run["upperBound"]
    if bound:
        stage.say(
            (
                "proven: no plan is better"
                if run["exact"]
                else f"proven: at least {run['value'] / bound:.2%} of the best"
            )
            + f" (none is worth more than {bound:.2f}, none leaves fewer than {run['unmatchedBound']} without a pair)"
        )
        stage.figures.setdefault("value_of_bound", round(run["value"] / bound, 6))
    return run


async def register(stage: Stage, partner: Partner) -> None:
    """One partner organization, by the operator."""
    answer = await stage.operator.do(
        "registerOrganization",
        {
            "slug": partner.slug,
            "name": partner.name,
            "issuer": stage.door.issuer_of(partner.slug),
            "admins": list(partner.admins),
            "adminEmails": list(partner.admin_emails),
            "locale": partner.locale,
            "timeZone": partner.zone,
            "proposedFields": [field.upper() for field in partner.proposed_fields],
        },
        want="... on Organization { id }",
    )
    stage.organizations[partner.slug] = answer["id"]


async def bring_people(stage: Stage, partner: Partner) -> None:
    """A partner's file: the dry run, then the import."""
    admin = stage.admin(partner)
    content = base64.b64encode(partner.content).decode()
    preview = await admin.ask(
        "query ($name: String!, $content: String!) { report: previewImport(fileName: $name, content: $content) "
        f"{{ ... on ImportReport {{ {REPORT} }} ... on Refusal {{ message remedy }} }} }}",
        name=partner.file_name,
        content=content,
    )
    dry = preview["report"]
    done = await admin.do(
        "importPeople",
        {"fileName": partner.file_name, "content": content},
        want=f"... on PeopleImported {{ report {{ {REPORT} }} }}",
    )
    report = done["report"]
    same = {key: dry[key] for key in ("rows", "created", "rejected", "problems")} == {
        key: report[key] for key in ("rows", "created", "rejected", "problems")
    }
    stage.say(
        f"{partner.file_name}: {report['created']} of {report['rows']} rows taken, {report['rejected']} refused"
        f"{'' if same else ' [red](the dry run said something else)[/red]'} [dim]{'; '.join(report['notes'])}[/dim]"
    )
    for problem in report["problems"][:_SHOWN_PROBLEMS]:
        stage.say(
            f"  [yellow]row {problem['row']}, {problem['column']} = {problem['value']!r}[/yellow]: {problem['message']} "
            f"[dim]{problem['remedy']}[/dim]"
        )
    stage.counts["refused_rows"] = stage.counts.get("refused_rows", 0) + report["rejected"]


async def meet_everybody(stage: Stage) -> None:
    """Give everybody who was onboarded a client of their own."""
    for partner in stage.partners:
        wishes = {wish.subject: wish for wish in partner.wishes}
        after = None
        while True:
            data = await stage.admin(partner).ask(
                "query ($id: ID!, $after: String) { organization(id: $id) { people(first: 100, after: $after) "
                "{ nodes { id displayName subject } pageInfo { hasNextPage endCursor } } } }",
                id=stage.organizations[partner.slug],
                after=after,
            )
            page = data["organization"]["people"]
            for node in page["nodes"]:
                wish = wishes.get(node["subject"], Wish(node["subject"], "BOTH", 1))
                stage.people[node["id"]] = Somebody(
                    node["id"],
                    node["displayName"],
                    partner.slug,
                    wish.role,
                    wish.capacity,
                    stage.client(partner.slug, node["subject"]),
                )
            if not page["pageInfo"]["hasNextPage"]:
                break
            after = page["pageInfo"]["endCursor"]
    stage.say(f"{len(stage.people)} people can now sign in with their own organization's tokens")


async def open_cohort(stage: Stage) -> None:
    """A joint cohort that every partner accepted."""
    now = await stage.now()
    drafted = await stage.admin().do(
        "draftCohort",
        {
            "name": "Bridges: first edition",
            "description": "Twelve weeks in which juniors and seniors of four organizations teach each other.",
            "partners": [{"organizationId": stage.organizations[partner.slug]} for partner in stage.partners],
            "opensAt": now.isoformat(),
            "closesAt": (now + timedelta(days=7)).isoformat(),
            "startsAt": (now + timedelta(days=14)).isoformat(),
            "endsAt": (now + timedelta(days=98)).isoformat(),
            "answerHours": 72,
            "series": "bridges",
            "rules": {
                "rules": [
                    {"kind": "CROSS_ORGANIZATION"},
                    {"kind": "DIFFERENT_TEAM"},
                    {"kind": "NO_REPORTING_LINE"},
                    {"kind": "SHARED_LANGUAGE", "parameter": 3},
                    {"kind": "SHARED_MINUTES", "parameter": 30},
                    {"kind": "NOT_MET_BEFORE"},
                ],
                "difference": 0.12,
                "logistics": 0.1,
            },
        },
        want="... on Cohort { id status }",
    )
    stage.cohort_id = drafted["id"]
    stage.say(f"{stage.partners[0].name} drafted it: {drafted['status'].lower()}")
    for partner in stage.partners[1:]:
        accepted = await stage.admin(partner).do(
            "acceptPartnership", {"cohortId": stage.cohort_id}, want="... on Cohort { status }"
        )
        stage.say(f"{partner.name} accepted: {accepted['status'].lower()}")
    await stage.cohort_is("OPEN")


async def enrol_everybody(stage: Stage) -> None:
    """Everybody is invited, and takes part as their row of the file says."""
    for partner in stage.partners:
        await stage.admin(partner).do("invitePeople", {"cohortId": stage.cohort_id})
    answers = await all_at_once([partial(_take_part, stage, somebody) for somebody in stage.people.values()])
    by_status = {status: answers.count(status) for status in sorted(set(answers))}
    stage.say(", ".join(f"{count} {status.lower()}" for status, count in by_status.items()))


async def _take_part(stage: Stage, somebody: Somebody) -> str:
    answer = await somebody.client.do(
        "enrol",
        {"cohortId": stage.cohort_id, "role": somebody.role, "capacity": somebody.capacity},
        want="... on Enrolment { status }",
    )
    return str(answer["status"])


def _until_monday(now: datetime) -> float:
    # The story begins on a Monday morning, whatever day it really is.
    monday = (now + timedelta(days=7 - now.weekday())).replace(hour=8, minute=0, second=0, microsecond=0)
    return (monday - now) / timedelta(hours=1)
