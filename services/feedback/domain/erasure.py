"""When a person leaves for good: their texts, and texts about them, become empty; what happened stays as numbers."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from uuid import UUID

from contracts.feedback import Agenda, Agreement, Feedback, Introduction, IntroductionStatus, Session
from services.feedback.domain.kept import Kept, changed
from services.feedback.domain.pulses import OPEN, expire


def blank_agreement(kept: Kept[Agreement], *, person_id: UUID, now: datetime) -> Kept[Agreement]:
    """Without the person's goals' texts, and without what the two wrote together. Signatures and numbers stay."""
    blank = without_texts(kept.state, person_id=person_id)
    return changed(kept, to=blank, at=now, by=None)


def without_texts(agreement: Agreement, *, person_id: UUID) -> Agreement:
    """The same terms without texts that are the person's, or may be about them."""
    return replace(
        agreement,
        goals=tuple(replace(goal, text="") if goal.person_id == person_id else goal for goal in agreement.goals),
        ground_rules="",
        plan=tuple(replace(meeting, focus="") for meeting in agreement.plan),
    )


def blank_agenda(kept: Kept[Agenda], *, person_id: UUID, now: datetime) -> Kept[Agenda]:
    """Without the texts that the person added, and those for their learning."""
    items = tuple(
        replace(item, text="") if person_id in (item.added_by, item.learner_id) else item for item in kept.state.items
    )
    return changed(kept, to=replace(kept.state, items=items), at=now, by=None)


def blank_session(kept: Kept[Session], *, now: datetime) -> Kept[Session]:
    """Without place and focus."""
    return changed(kept, to=replace(kept.state, place="", focus=""), at=now, by=None)


def blank_feedback(kept: Kept[Feedback], *, now: datetime) -> Kept[Feedback]:
    """Without its rating; what was still open is never released."""
    if kept.state.status in OPEN:
        return expire(kept, now=now)
    return changed(kept, to=replace(kept.state, usefulness=None), at=now, by=None)


def blank_introduction(kept: Kept[Introduction], *, person_id: UUID, now: datetime) -> Kept[Introduction]:
    """Without texts, and without the third person when it is they; what was not made yet is declined."""
    state = kept.state
    unmade = state.status in (IntroductionStatus.OFFERED, IntroductionStatus.CONSENTED)
    blank = replace(
        state,
        about="",
        outcome="",
        status=IntroductionStatus.DECLINED if unmade else state.status,
        third_person_id=None if state.third_person_id == person_id else state.third_person_id,
    )
    return changed(kept, to=blank, at=now, by=None)
