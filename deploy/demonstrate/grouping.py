"""Groups around a topic: planned, looked at by an organizer, published, and seen by somebody who is in one."""

from __future__ import annotations

from typing import Any

from deploy.demonstrate.client import until
from deploy.demonstrate.stage import Stage

_PLAN = """query ($id: ID!) { groupPlan(id: $id) { status error value upperBound unmatchedBound exact
    groups { topic language sharedMinutes value members { leads gives person { id displayName } } others }
    unmatched { person { displayName } reason why } } }"""


async def play(stage: Stage) -> None:
    """Groups of the cohort's people beside their pairs."""
    with stage.step("Groups of three to six around a topic"):
        asked = await stage.admin().do(
            "planGroups", {"cohortId": stage.cohort_id, "minutes": 60}, want="... on GroupPlan { id }"
        )
        found: dict[str, Any] = {}

        async def planned() -> bool:
            found.update((await stage.admin().ask(_PLAN, id=asked["id"]))["groupPlan"])
            return bool(found["status"] in {"COMPLETED", "FAILED"})

        await until(planned, what="the groups are planned", within=180)
        groups = found["groups"]
        stage.say(
            f"{len(groups)} groups, {len(found['unmatched'])} of our own people in none; no plan of whatever groups that leaves as few out "
            f"is worth more than {found['upperBound']:.3f}, this one is worth {found['value']:.3f}"
        )
        if not groups:
            return
        for group in [each for each in groups if each["topic"]][:1]:
            names = ", ".join(each["person"]["displayName"] for each in group["members"] if each["person"])
            stage.say(
                f"“{group['topic']}”: {names}; {group['sharedMinutes']} min a week that all share, in {group['language']}"
            )
        await stage.admin().do("publishGroups", {"planId": asked["id"]}, want="... on GroupPlan { id }")
        known = [each["person"]["id"] for group in groups for each in group["members"] if each["person"]]
        somebody = next((stage.people[each] for each in known if each in stage.people), None)
        if somebody is not None:
            mine = (await somebody.client.ask("{ myGroups { topic members { windows } } }"))["myGroups"]
            stage.say(f"{somebody.name} sees their group: “{mine[0]['topic']}”")
