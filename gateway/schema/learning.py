"""Learning: how far chances can be trusted, and what feedback changes in later matching."""

from __future__ import annotations

from datetime import datetime

import strawberry

from contracts import matching
from contracts.matching import FitOutcome
from gateway import policy
from gateway.schema.context import Info
from gateway.schema.describing import field
from gateway.schema.paging import Node
from gateway.schema.people import Organization, the_organization
from gateway.views import CalibrationSeen


@strawberry.type(
    description="One point of a reliability curve: at least five directions of pairs, reported on by at least five people, that were "
    "promised about equally much. Everything is 0 to 1."
)
class ReliabilityBin:
    promised: float = strawberry.field(description="What the models promised, on average.")
    learned: float = strawberry.field(
        description="What was to be expected by what was learned from other pairs, on average; with too few: by what is in use."
    )
    reported: float = strawberry.field(
        description="What the learners reported, on average: 0 not at all useful, 1 very."
    )
    low: float = strawberry.field(description="Where the true mean lies with 95 %: from here …")
    high: float = strawberry.field(description="… to here.")
    directions: int = strawberry.field(description="How many directions, rounded down to fives.")


@strawberry.type(description="One attempt to learn from released feedback. Counts are rounded down to fives.")
class CalibrationFit:
    fitted_at: datetime = strawberry.field(description="When.")
    outcome: FitOutcome = strawberry.field(description="What it came to.")
    meaning: str = strawberry.field(description="The models whose chances were compared with what was reported.")
    directions: int = strawberry.field(description="How many directions of pairs were reported on.")
    people: int = strawberry.field(description="How many people reported.")
    loss_before: float | None = strawberry.field(
        description="The mean log loss of what was in use, in nats; null with too few directions."
    )
    loss: float | None = strawberry.field(description="That of the fit, on pairs that it had not seen.")
    error: float | None = strawberry.field(description="The standard error of the difference.")
    reliability: list[ReliabilityBin] = strawberry.field(
        description="The reliability curve, from little promised to much; empty where fewer than five people reported."
    )


@strawberry.type(description="What becomes of a chance.")
class CurvePoint:
    models: float = strawberry.field(description="The chance that the models give, 0 to 1.")
    learned: float = strawberry.field(description="What it is corrected to; straight between two points.")


@strawberry.type(description="A correction of the models' chances that was learned once, and can be gone back to.")
class CalibrationVersion:
    number: int = strawberry.field(description="From 1 on.")
    curve: list[CurvePoint] = strawberry.field(description="The correction: it rises, so it reorders no offers.")
    fit: CalibrationFit = strawberry.field(description="How it was learned.")


@strawberry.type(
    description="What released feedback taught: one for each organization, from pairs of its own people, and a shared one, from pairs "
    "among the organizations that share. For their admins and operators."
)
class Calibration(Node):
    seen: strawberry.Private[CalibrationSeen]
    shared: bool = strawberry.field(description="Whether this is the one among organizations.")
    shares: bool = strawberry.field(description="Whether the organization lends its feedback to the shared one.")
    in_use: CalibrationVersion | None = strawberry.field(
        description="What cohorts heed whose rules have `learned`; null: they believe the models."
    )
    versions: list[CalibrationVersion] = strawberry.field(description="All that one can go back to, the latest first.")
    latest_fit: CalibrationFit | None = strawberry.field(description="The latest attempt, whatever came of it.")
    changed_at: datetime = strawberry.field(description="When it last changed.")

    @field("The organization; null for the shared one.")
    async def organization(self, info: Info) -> Organization | None:
        return await the_organization(info, self.seen.calibration.organization_id)


@strawberry.type(description="What a match run heeds of released feedback.")
class CalibrationUsed:
    state: strawberry.Private[matching.CalibrationUsed]
    version: int = strawberry.field(description="The number of the version.")

    @field("The calibration, as far as the viewer may see it.")
    async def calibration(self, info: Info) -> Calibration | None:
        found = await info.context.loaders.calibrations.load(self.state.calibration_id)
        return calibration(found) if found else None


def calibration(seen: CalibrationSeen) -> Calibration:
    """A calibration, for somebody who may see it."""
    state = seen.calibration
    shown = {name for name, sights in policy.CALIBRATION.items() if seen.sight in sights}
    versions = [_version(each) for each in reversed(state.versions)] if "versions" in shown else []
    return Calibration(
        seen=seen,
        id=strawberry.ID(str(state.calibration_id)),
        shared=state.organization_id is None,
        shares=state.shares,
        in_use=next((each for each in versions if each.number == state.in_use), None),
        versions=versions,
        latest_fit=_fit(state.latest_fit) if state.latest_fit and "latest_fit" in shown else None,
        changed_at=seen.changed_at,
    )


def calibration_used(state: matching.CalibrationUsed | None) -> CalibrationUsed | None:
    """What a run heeds, for somebody who may see the run."""
    return None if state is None else CalibrationUsed(state=state, version=state.version)


def _version(state: matching.CalibrationVersion) -> CalibrationVersion:
    return CalibrationVersion(
        number=state.number,
        curve=[CurvePoint(models=at / 1000, learned=to / 1000) for at, to in zip(state.at, state.curve, strict=True)],
        fit=_fit(state.fit),
    )


def _fit(state: matching.Fit) -> CalibrationFit:
    return CalibrationFit(
        fitted_at=state.fitted_at,
        outcome=state.outcome,
        meaning=state.meaning,
        directions=state.directions,
        people=state.people,
        loss_before=state.loss_before,
        loss=state.loss,
        error=state.error,
        reliability=[
            ReliabilityBin(
                promised=each.promised,
                learned=each.learned,
                reported=each.reported,
                low=each.low,
                high=each.high,
                directions=each.directions,
            )
            for each in state.reliability
        ],
    )
