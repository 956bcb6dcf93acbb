"""The second part: on a small cohort, every other way to match that there is. It takes seconds, and leaves the first cohort alone."""

from __future__ import annotations

from deploy.demonstrate import choosing, circle, gathering, repairing
from deploy.demonstrate.stage import Stage


async def play(stage: Stage) -> None:
    """From a second cohort to its second wave."""
    stage.console.rule("The other ways to match")
    with stage.step("13 Some of the same people in a small cohort that goes on in waves"):
        small = await circle.gather(stage)
    await gathering.play(small)
    run = await choosing.play(small)
    await repairing.play(small, run=run)
