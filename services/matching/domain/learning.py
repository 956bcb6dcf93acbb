"""Learning: what a released feedback says about a promise, calibrations and their versions, and which one a run may heed.

Learned from are pairs of which both people agreed to it, within one organization, or among those that share. What may be seen
of a direction is a table, ``engine.learning.reports.SEEN``.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from contracts.base import Actor, Role
from contracts.errors import Conflict, NotAllowed, NotFound
from contracts.feedback import Feedback, FeedbackStatus
from contracts.matching import (
    Calibration,
    CalibrationChanged,
    CalibrationUsed,
    CalibrationVersion,
    Fit,
    FitOutcome,
    Pair,
    ReliabilityBin,
    RuleSet,
    calibration_id_of,
)
from contracts.profiles import Consent
from services.matching.domain.kept import Kept, changed
from services.matching.engine.model import Learned

if TYPE_CHECKING:
    from services.matching.engine.learning.refit import Refit
    from services.matching.engine.learning.reports import Reported

NEWS = 20
"""Directions that must have been reported on since the last fit. Two fits that differ by one report would tell what it said."""
MOST_DIRECTIONS = 10_000  # the latest ones are learned from
MOST_VERSIONS = 20  # that one can go back to
OFF = 0


class CalibrationNotFound(NotFound):
    """There is no such calibration, or it is not the actor's."""


class NothingToLearn(Conflict):
    """Hardly anything was reported since the last fit."""


class NoSuchVersion(NotFound):
    """The calibration has no such version, or not any more."""


class AdminsShare(NotAllowed):
    """Somebody who does not speak for an organization tried to share its feedback."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A released rating beside what was promised; thousandths, and 1 to 5."""

    feedback_id: UUID
    pair_id: UUID
    learner_id: UUID
    teacher_id: UUID
    learner_organization_id: UUID
    teacher_organization_id: UUID
    meaning: str
    chance: int
    aptness: int
    usefulness: int


def report_of(feedback: Feedback, *, pair: Pair, meaning: str) -> Report | None:
    """What a released feedback reports: its author learned from its addressee. None where nothing was rated or promised.

    ``meaning``: the models that read the texts when the two were matched.
    """
    rated = feedback.usefulness is not None and feedback.status is FeedbackStatus.RELEASED
    homes = {member.person_id: member.organization_id for member in pair.members}
    if not rated or not meaning or {feedback.author_id, feedback.addressee_id} != homes.keys():
        return None
    for direction in pair.directions:
        if (direction.teacher_id, direction.learner_id) != (feedback.addressee_id, feedback.author_id):
            continue
        models = direction.similarity if direction.unlearned is None else direction.unlearned
        chance, aptness = round(1000 * models), round(1000 * (direction.aptness or 0))
        if not 1 <= chance <= 1000 or not 1 <= aptness <= 1000:
            return None  # an organizer's wish, or a pair from before promises were kept
        assert feedback.usefulness is not None
        return Report(
            feedback_id=feedback.feedback_id,
            pair_id=feedback.pair_id,
            learner_id=feedback.author_id,
            teacher_id=feedback.addressee_id,
            learner_organization_id=homes[feedback.author_id],
            teacher_organization_id=homes[feedback.addressee_id],
            meaning=meaning,
            chance=chance,
            aptness=aptness,
            usefulness=feedback.usefulness,
        )
    return None


def allows_learning(consent: Consent, *, now: datetime) -> bool:
    """Whether what a person reports, and what is reported of them, may be learned from: only by their own word."""
    return consent.granted and (consent.until is None or now < consent.until)


def scope_for(actor: Actor, organization_id: UUID | None) -> UUID:
    """The calibration that this actor may fit and choose: an admin their organization's, an operator any. CalibrationNotFound."""
    if not actor.is_a(Role.OPERATOR) and (organization_id is None or not actor.administers(organization_id)):
        raise no_calibration()
    return calibration_id_of(organization_id)


def no_calibration() -> CalibrationNotFound:
    """The refusal for an absent calibration; the same for a foreign one."""
    return CalibrationNotFound(
        "There is no such calibration.",
        remedy="Check the organization's id; only operators fit and choose the shared calibration.",
    )


def none_yet(organization_id: UUID | None, *, now: datetime) -> Kept[Calibration]:
    """A calibration that nobody has asked for before; told with its first change."""
    state = Calibration(
        calibration_id=calibration_id_of(organization_id),
        organization_id=organization_id,
        organizations=() if organization_id is None else (organization_id,),
    )
    return Kept(state=state, version=0, told_as=CalibrationChanged, changed_at=now, stored=True)


def check_news(calibration: Calibration, *, news: int) -> None:
    """Refuse a fit that would see next to nothing new. ``news``: directions that were reported on since the last one."""
    if news < NEWS:
        raise NothingToLearn(
            f"{'No' if not news else 'Fewer than ' + str(NEWS)} directions of pairs were reported on since "
            f"{'the last fit' if calibration.latest_fit else 'people agreed that feedback may be learned from'}.",
            remedy=f"Wait for {NEWS}: with fewer, two fits would tell what a single person reported.",
        )


def refitted(
    kept: Kept[Calibration],
    reports: Sequence[Reported],
    *,
    meaning: str,
    now: datetime,
    by: UUID | None,
) -> Kept[Calibration]:
    """The calibration after a fit to these reports about the models ``meaning``: with a new version in use where that is better
    than the present one beyond noise, else as it was, with the attempt told."""
    from services.matching.engine.learning.curve import KNOTS, UNCHANGED  # numpy: only once there is something to learn
    from services.matching.engine.learning.refit import BETTER, refit

    state = kept.state
    present = version_in_use(state)
    usable = present is not None and present.fit.meaning == meaning
    found = refit(reports, present=present.curve if usable and present else UNCHANGED)
    fit = _fit(found, calibration=state, meaning=meaning, now=now)
    if found.outcome != BETTER:
        return changed(kept, to=replace(state, latest_fit=fit), told_as=CalibrationChanged, at=now, by=by)
    new = CalibrationVersion(number=state.fitted + 1, at=KNOTS, curve=found.curve, fit=fit)
    return changed(
        kept,
        to=replace(
            state,
            in_use=new.number,
            fitted=new.number,
            versions=(*state.versions[1 - MOST_VERSIONS :], new),
            latest_fit=fit,
        ),
        told_as=CalibrationChanged,
        at=now,
        by=by,
    )


def use(kept: Kept[Calibration], *, version: int, now: datetime, by: UUID | None) -> Kept[Calibration]:
    """Back to a version, or off."""
    if version != OFF and all(each.number != version for each in kept.state.versions):
        numbers = ", ".join(str(each.number) for each in kept.state.versions)
        raise NoSuchVersion(
            f"This calibration has no version {version}.",
            remedy=f"Choose {numbers}, or 0 for none." if numbers else "Nothing was learned yet.",
        )
    return changed(kept, to=replace(kept.state, in_use=version), told_as=CalibrationChanged, at=now, by=by)


def share(
    own: Kept[Calibration], shared: Kept[Calibration], *, shares: bool, now: datetime, by: UUID | None
) -> list[Kept[Calibration]]:
    """An organization lends its feedback, or takes it back: then what was learned from it goes at once."""
    organization_id = own.state.organization_id
    assert organization_id is not None
    state = shared.state
    together = {*state.organizations} - {organization_id} | ({organization_id} if shares else set())
    versions = tuple(each for each in state.versions if together.issuperset(each.fit.organizations))
    latest = state.latest_fit
    if latest is not None and not together.issuperset(latest.organizations):
        latest = replace(latest, reliability=(), loss_before=None, loss=None, error=None)
    pool = replace(
        state,
        organizations=tuple(sorted(together)),
        versions=versions,
        latest_fit=latest,
        in_use=state.in_use if any(each.number == state.in_use for each in versions) else OFF,
    )
    return [
        changed(own, to=replace(own.state, shares=shares), told_as=CalibrationChanged, at=now, by=by),
        changed(shared, to=pool, told_as=CalibrationChanged, at=now, by=by),
    ]


def version_in_use(calibration: Calibration) -> CalibrationVersion | None:
    """The version that runs heed; None: none."""
    return next((each for each in calibration.versions if each.number == calibration.in_use), None)


def learned_for(
    rules: RuleSet, *, partners: Collection[UUID], calibrations: Mapping[UUID, Calibration]
) -> Learned | None:
    """What a run under these rules heeds: of one organization its own calibration; else, or where it has none in use, the shared
    one, if every partner shares. ``calibrations``: by id."""
    if not rules.learned:
        return None
    shared = calibrations.get(calibration_id_of(None))
    may = []
    if len(partners) == 1:
        may.append(calibrations.get(calibration_id_of(next(iter(partners)))))
    if shared is not None and partners and set(shared.organizations).issuperset(partners):
        may.append(shared)
    for calibration in may:
        version = None if calibration is None else version_in_use(calibration)
        if calibration is not None and version is not None:
            return Learned(
                calibration=str(calibration.calibration_id),
                version=version.number,
                meaning=version.fit.meaning,
                curve=version.curve,
            )
    return None


def used(learned: Learned | None) -> CalibrationUsed | None:
    """As a run names it."""
    return (
        None if learned is None else CalibrationUsed(calibration_id=UUID(learned.calibration), version=learned.version)
    )


def _fit(found: Refit, *, calibration: Calibration, meaning: str, now: datetime) -> Fit:
    from services.matching.engine.learning.refit import BETTER, NO_BETTER, TOO_FEW

    outcomes = {TOO_FEW: FitOutcome.TOO_FEW, NO_BETTER: FitOutcome.NO_BETTER, BETTER: FitOutcome.ADOPTED}
    return Fit(
        fitted_at=now,
        outcome=outcomes[found.outcome],
        meaning=meaning,
        directions=_fives(found.directions),
        people=_fives(found.people),
        organizations=calibration.organizations,
        loss_before=found.loss_before,
        loss=found.loss,
        error=found.error,
        reliability=tuple(
            ReliabilityBin(
                promised=each.promised,
                learned=each.learned,
                reported=each.reported,
                low=each.low,
                high=each.high,
                directions=_fives(each.directions),
            )
            for each in found.bins
        ),
    )


def _fives(count: int) -> int:
    """Rounded down, so that nobody can be counted in or out."""
    return count - count % 5
