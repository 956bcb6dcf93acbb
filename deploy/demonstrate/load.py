"""The demonstration's cohort on any running platform, in real time: organizations, people, a joint cohort, enrolments, a match, proposals.

What comes later in the demonstration needs weeks to pass, which only the embedded platform can let happen.
"""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import dataclass

import httpx
from rich.console import Console

from chassis.identity import DevelopmentIssuer
from deploy.demonstrate import onboarding
from deploy.demonstrate.client import Client, StepFailed, until
from deploy.demonstrate.partners import partners
from deploy.demonstrate.stage import Stage


@dataclass(frozen=True, slots=True)
class Trial:
    """A platform that was told to believe a trial's issuer."""

    gateway_url: str
    issuer: DevelopmentIssuer

    def issuer_of(self, organization: str) -> str:
        """The token issuer of an organization (its slug)."""
        return self.issuer.of(organization)

    def token(self, organization: str, subject: str) -> str:
        """An access token for a subject of an organization, or of `operator`."""
        return self.issuer.token(organization=organization, subject=subject)


def load(trial: Trial, *, console: Console) -> str:
    """Load it all; the JSON of the result line. StepFailed when something does not happen, or was loaded before."""
    return asyncio.run(_load(trial, console))


async def _load(trial: Trial, console: Console) -> str:
    started = time.monotonic()
    # Shorter than the five seconds after which the gateway closes a quiet connection.
    async with httpx.AsyncClient(timeout=30, limits=httpx.Limits(max_connections=24, keepalive_expiry=3)) as http:
        operator = Client(http, trial.gateway_url, trial.token("operator", "root"), "the operator")
        stage = Stage(trial, http, console, partners(), operator)
        with stage.step("1  Four organizations join, each with its own token issuer"):
            for partner in stage.partners:
                await onboarding.register(stage, partner)
        with stage.step("2  They bring their people from spreadsheets, wrong rows and all"):
            for partner in stage.partners:
                await onboarding.bring_people(stage, partner)
            await onboarding.meet_everybody(stage)
        with stage.step("3  A joint cohort is drafted, accepted by every partner, and opens"):
            await onboarding.open_cohort(stage)
        with stage.step("4  Everybody is invited and enrols; the organizers close the registration"):
            await onboarding.enrol_everybody(stage)
            await stage.admin().do("advanceCohort", {"cohortId": stage.cohort_id, "to": "CLOSED"})
            await stage.cohort_is("CLOSED")
        with stage.step("5  Everybody is matched at once, and hears of it"):
            run = await onboarding.match(stage, within=600)  # texts that are not known are understood first
            await stage.admin().do("publishProposals", {"runId": run["id"]})
            await _everybody_was_told(stage)
    return json.dumps(
        {
            "organizations": len(stage.partners),
            "people": len(stage.people),
            "refused_rows": stage.counts.get("refused_rows", 0),
            "pairs": run["pairs"],
            "run_s": round(time.monotonic() - started, 1),
        }
    )


async def _everybody_was_told(stage: Stage) -> None:
    pairs = await stage.pairs(status=["PROPOSED"], fields="members { person { id } }")
    if not pairs:
        raise StepFailed("the proposals were published, and no pair is proposed")
    last = stage.people[pairs[-1]["members"][0]["person"]["id"]]

    async def told() -> bool:
        data = await last.client.ask("{ viewer { inbox(first: 50) { nodes { kind } } } }")
        return bool(data["viewer"]["inbox"]["nodes"])

    await until(told, what=f"{last.name} finds the proposal in the inbox")
    stage.say(f"{len(pairs)} pairs are proposed; {last.name} was told")
