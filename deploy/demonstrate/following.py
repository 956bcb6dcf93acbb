"""Runs of the small cohort: asked for, followed to their end, and the drafts that they leave."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from deploy.demonstrate.client import StepFailed, until
from deploy.demonstrate.stage import Stage

_RUN = "status error people pairs value exact keep moved wave unmatched { why person { displayName } }"
_EVERY = 0.25  # seconds between two looks
Two = frozenset[str]  # ids of people


async def match(stage: Stage, *, keep: str = "NONE") -> dict[str, Any]:
    """A run that keeps so much of the present drafts, at its end."""
    asked = {"cohortId": stage.cohort_id, "keep": keep}
    queued = await stage.admin().do("requestMatching", asked, want="... on MatchRun { id }")
    return await run_ended(stage, queued["id"])


async def run_ended(stage: Stage, key: str) -> dict[str, Any]:
    """A run once it has completed; StepFailed when it does not."""
    return {"id": key, **await ended(stage, f"matchRun(id: $id) {{ {_RUN} }}", key=key, what="the match run")}


async def ended(stage: Stage, asking: str, *, key: str, what: str) -> dict[str, Any]:
    """Anything that a worker computes, once it is there. ``asking``: the field of the query, with ``status`` and ``error``."""

    async def looked() -> Any:
        found = (await stage.admin().ask(f"query ($id: ID!) {{ found: {asking} }}", id=key))["found"]
        return found if found and found["status"] in ("COMPLETED", "FAILED", "CANCELLED") else None

    found: dict[str, Any] = await until(looked, what=f"{what} has ended", within=120, every=_EVERY)
    if found["status"] != "COMPLETED":
        raise StepFailed(f"{what} is {found['status'].lower()}: {found['error']}")
    return found


async def drafts(stage: Stage) -> dict[Two, Mapping[str, Any]]:
    """The present drafts by their two people, the best first."""
    found = await stage.pairs(status=["DRAFT"], fields="value pinned members { person { id } }")
    return {
        frozenset(member["person"]["id"] for member in pair["members"]): pair
        for pair in sorted(found, key=lambda pair: -pair["value"])
    }


def names(stage: Stage, people: Two) -> str:
    """Two people, as one reads them."""
    return " and ".join(sorted(stage.people[each].name for each in people))
