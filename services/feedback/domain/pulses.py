"""Two-way feedback: asked of both, sealed until both have answered or the time is over, then each reads what is meant for them.

The words and the rating live apart (see the store); what is here never holds a rating before its release.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID, uuid5

from contracts.errors import Conflict, Invalid, NotFound, Problem, TooLate
from contracts.feedback import Feedback, FeedbackKind, FeedbackStatus, Session
from services.feedback.domain.kept import Kept, changed
from services.feedback.domain.pair import KnownPair, other
from services.feedback.domain.sessions import counts
from services.feedback.domain.wording import problem_with

PULSE_WINDOW = timedelta(hours=72)
REVIEW_WINDOW = timedelta(days=7)
MOST_WORDS = 4000

SEALED = FeedbackStatus.SUBMITTED
OPEN = (FeedbackStatus.REQUESTED, SEALED)


class NoSuchFeedback(NotFound):
    """Absent, or not for this actor, or not yet."""


class FeedbackIsWrong(Invalid):
    """A rating or words that cannot be taken; ``problems`` say why."""


class AlreadySubmitted(Conflict):
    """Feedback is given once."""


class FeedbackIsClosed(TooLate):
    """The time for it is over."""


def pulse_id(session_id: UUID, *, author_id: UUID) -> UUID:
    """One pulse per session and author."""
    return uuid5(session_id, f"pulse:{author_id}")


def review_id(pair_id: UUID, *, kind: FeedbackKind, author_id: UUID) -> UUID:
    """One review of a kind per pair and author."""
    return uuid5(pair_id, f"{kind.value}:{author_id}")


def counterpart_id(feedback: Feedback) -> UUID:
    """The feedback that its addressee was asked for on the same occasion."""
    if feedback.session_id is not None:
        return pulse_id(feedback.session_id, author_id=feedback.addressee_id)
    return review_id(feedback.pair_id, kind=feedback.kind, author_id=feedback.addressee_id)


def pulses_after(session: Session, *, now: datetime) -> tuple[Kept[Feedback], Kept[Feedback]]:
    """Ask both how it was."""
    first, second = (
        Kept(
            state=Feedback(
                feedback_id=pulse_id(session.session_id, author_id=author_id),
                pair_id=session.pair_id,
                cohort_id=session.cohort_id,
                session_id=session.session_id,
                kind=FeedbackKind.PULSE,
                author_id=author_id,
                addressee_id=other(session.people, than=author_id),
                status=FeedbackStatus.REQUESTED,
                due_at=now + PULSE_WINDOW,
            ),
            changed_at=now,
        )
        for author_id in session.people
    )
    return first, second


def reviews_of(pair: KnownPair, *, kind: FeedbackKind, now: datetime) -> tuple[Kept[Feedback], Kept[Feedback]]:
    """Ask both how it goes, or how it went."""
    first, second = (
        Kept(
            state=Feedback(
                feedback_id=review_id(pair.pair_id, kind=kind, author_id=author_id),
                pair_id=pair.pair_id,
                cohort_id=pair.cohort_id,
                kind=kind,
                author_id=author_id,
                addressee_id=other(pair.people, than=author_id),
                status=FeedbackStatus.REQUESTED,
                due_at=now + REVIEW_WINDOW,
            ),
            changed_at=now,
        )
        for author_id in pair.people
    )
    return first, second


def review_due(sessions: Sequence[Session], *, planned: int, now: datetime) -> FeedbackKind | None:
    """FINAL when as many sessions took place as were planned, MIDTERM from the half of them, else None."""
    done = sum(counts(session, now=now) for session in sessions)
    if done >= planned:
        return FeedbackKind.FINAL
    return FeedbackKind.MIDTERM if done and 2 * done >= planned else None


def submit(kept: Kept[Feedback], *, usefulness: int, praise: str, critique: str, now: datetime) -> Kept[Feedback]:
    """Answered, and sealed: the state tells neither rating nor words. FeedbackIsWrong, AlreadySubmitted, FeedbackIsClosed."""
    problems = [
        problem
        for problem in (
            problem_with(praise, path="praise", most=MOST_WORDS),
            problem_with(critique, path="critique", most=MOST_WORDS),
        )
        if problem is not None
    ]
    if not 1 <= usefulness <= 5:
        problems.append(
            Problem("usefulness", "Usefulness is 1 (not at all) to 5 (very).", str(usefulness), "Choose 1 to 5.")
        )
    if problems:
        raise FeedbackIsWrong("This cannot be taken.", remedy="Mend what is listed.", problems=tuple(problems))
    feedback = kept.state
    if feedback.status in (FeedbackStatus.SUBMITTED, FeedbackStatus.RELEASED):
        raise AlreadySubmitted("You have answered this already.")
    if feedback.status is FeedbackStatus.EXPIRED or now >= feedback.due_at:
        raise FeedbackIsClosed("The time for this feedback is over.", remedy="Tell them when you meet next.")
    return changed(kept, to=replace(feedback, status=FeedbackStatus.SUBMITTED), at=now, by=feedback.author_id)


def may_open(one: Feedback, *, and_the_other: Feedback | None, now: datetime) -> bool:
    """Whether a submitted feedback may be released: the other one is submitted too (or no longer comes), or its time is over."""
    if one.status is not FeedbackStatus.SUBMITTED:
        return False
    return now >= one.due_at or and_the_other is None or and_the_other.status is not FeedbackStatus.REQUESTED


def release(kept: Kept[Feedback], *, usefulness: int | None, now: datetime) -> Kept[Feedback]:
    """Open the seal: from now on the addressee reads the words, and the rating is public state."""
    opened = replace(kept.state, status=FeedbackStatus.RELEASED, usefulness=usefulness)
    return changed(kept, to=opened, at=now, by=None)


def expire(kept: Kept[Feedback], *, now: datetime) -> Kept[Feedback]:
    """Nobody wrote it, and nobody will."""
    return changed(kept, to=replace(kept.state, status=FeedbackStatus.EXPIRED, usefulness=None), at=now, by=None)
