"""How a cohort ends for its people: who completed it, who stayed unmatched and why, and what was cut short."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from contracts.matching import (
    CohortStatus,
    Enrolment,
    EnrolmentChanged,
    EnrolmentStatus,
    Pair,
    UnmatchedReason,
)
from services.matching.domain import pairs as pairing
from services.matching.domain.authority import people_of
from services.matching.domain.enrolments import LIVE
from services.matching.domain.kept import Kept, changed


def end_pairs(pairs: Iterable[Kept[Pair]], *, to: CohortStatus, now: datetime, by: UUID | None) -> list[Kept[Pair]]:
    """Nothing stays open when a cohort is COMPLETED or CANCELLED."""
    cancelled = to is CohortStatus.CANCELLED
    why = "The cohort was cancelled." if cancelled else "The cohort has ended."
    return [
        pairing.supersede(kept, why=why, now=now)
        if kept.state.status in pairing.UNANSWERED
        else pairing.end(kept, cohort=to, reason=why if cancelled else "", by=by, now=now)
        for kept in pairs
        if kept.state.status in pairing.LIVE
    ]


def end_enrolments(
    enrolments: Iterable[Kept[Enrolment]],
    *,
    to: CohortStatus,
    pairs: Sequence[Pair],
    reasons: Mapping[UUID, UnmatchedReason],
    now: datetime,
    by: UUID | None,
) -> list[Kept[Enrolment]]:
    """What becomes of everybody's place. ``pairs``: all of the cohort; ``reasons``: of the last run."""
    worked = {person for pair in pairs if pair.status in pairing.WORKED for person in people_of(pair)}
    return [
        changed(
            kept,
            to=_ended(kept.state, to=to, worked=kept.state.person_id in worked, reasons=reasons),
            told_as=EnrolmentChanged,
            at=now,
            by=by,
        )
        for kept in enrolments
        if kept.state.status in LIVE
    ]


def _ended(
    enrolment: Enrolment, *, to: CohortStatus, worked: bool, reasons: Mapping[UUID, UnmatchedReason]
) -> Enrolment:
    left = replace(enrolment, waiting_position=None)
    if to is CohortStatus.CANCELLED:
        return replace(left, status=EnrolmentStatus.REMOVED)
    if worked:
        return replace(left, status=EnrolmentStatus.COMPLETED)
    if enrolment.status in {EnrolmentStatus.ADMITTED, EnrolmentStatus.WAITLISTED}:
        reason = reasons.get(enrolment.person_id, UnmatchedReason.CAPACITY)
        return replace(left, status=EnrolmentStatus.UNMATCHED, reason=reason)
    return replace(left, status=EnrolmentStatus.WITHDRAWN)
