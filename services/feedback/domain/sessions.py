"""Meetings from planned to logged: PROPOSED → SCHEDULED ↔ RESCHEDULED → HELD → LOGGED; CANCELLED, NO_SHOW.

Nothing here makes a meeting longer than what both agreed on unless the other one consents.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from uuid import UUID

from contracts.errors import Conflict, Invalid, NotAllowed, NotFound, Problem, TooLate
from contracts.feedback import Agenda, Agreement, PlannedMeeting, Session, SessionLog, SessionStatus
from services.feedback.domain.agenda import next_topic
from services.feedback.domain.agreement import LONGEST, SHORTEST, planned_minutes
from services.feedback.domain.kept import Kept, changed
from services.feedback.domain.pair import KnownPair, other
from services.feedback.domain.wording import problem_with

LATE = timedelta(hours=24)  # a cancellation this close to the beginning counts as late
LOG_WINDOW = timedelta(hours=72)  # after the end
SECOND_LOG_WINDOW = timedelta(hours=48)  # however late the first came, the other has at least this long
MOST_WORDS = 4000

LIVE = (
    SessionStatus.PROPOSED,
    SessionStatus.SCHEDULED,
    SessionStatus.RESCHEDULED,
    SessionStatus.HELD,
    SessionStatus.LOGGED,
)
AGREED = (SessionStatus.SCHEDULED, SessionStatus.RESCHEDULED)
TO_COME = (SessionStatus.PROPOSED, *AGREED)


class NoSuchSession(NotFound):
    """Absent, or not this actor's."""


class SessionIsWrong(Invalid):
    """A session that cannot be planned like this; ``problems`` say why."""


class NotInTheFuture(TooLate):
    """The time has passed."""


class AfterTheEnd(Conflict):
    """The agreement ends before."""


class TimeIsTaken(Conflict):
    """One of the two has another session then."""


class SessionHasMovedOn(Conflict):
    """Its state does not allow this."""


class SessionHasBegun(TooLate):
    """What had to happen before it began."""


class SessionHasNotBegun(Conflict):
    """What can only happen once it began."""


class NotYoursToConfirm(NotAllowed):
    """Whoever asked for a longer session cannot consent to it."""


class NotReported(NotAllowed):
    """Somebody appeals who was not reported."""


class AlreadyLogged(Conflict):
    """One log per person."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """When somebody is busy: from ``starts_at`` until just before ``ends_at``."""

    starts_at: datetime
    ends_at: datetime


def ends_at(session: Session) -> datetime:
    """When it is over."""
    return session.starts_at + timedelta(minutes=session.minutes)


def next_number(sessions: Sequence[Session]) -> int:
    """The first number from 1 that no live session of the pair has."""
    taken = {session.number for session in sessions if session.status in LIVE}
    return next(number for number in range(1, len(taken) + 2) if number not in taken)


def schedule(
    *,
    session_id: UUID,
    pair: KnownPair,
    agreed: Agreement,
    agenda: Agenda | None,
    sessions: Sequence[Session],
    busy: Sequence[Span],
    starts_at: datetime,
    minutes: int | None,
    place: str,
    focus: str,
    by: UUID,
    now: datetime,
) -> Kept[Session]:
    """The next meeting. ``agreed`` are the terms that both signed last, ``sessions`` the pair's others, ``busy`` when either of the
    two has other sessions. PROPOSED when it is longer than planned or than the session before, else SCHEDULED.

    SessionIsWrong, NotInTheFuture, AfterTheEnd, TimeIsTaken.
    """
    _check_words(starts_at=starts_at, minutes=minutes, place=place, focus=focus)
    number = next_number(sessions)
    planned = planned_minutes(agreed.plan, number=number)
    session = Session(
        session_id=session_id,
        pair_id=pair.pair_id,
        cohort_id=pair.cohort_id,
        people=pair.people,
        organizations=pair.organizations,
        number=number,
        status=SessionStatus.SCHEDULED,
        starts_at=starts_at.astimezone(UTC),
        minutes=planned if minutes is None else minutes,
        planned_minutes=planned,
        place=place.strip(),
        focus=focus.strip() or _focus(number, plan=agreed.plan, agenda=agenda),
        proposed_by=by,
    )
    _check_time(session, agreed=agreed, busy=busy, now=now)
    if grows(session, sessions=sessions):
        session = replace(session, status=SessionStatus.PROPOSED)
    return Kept(state=session, changed_at=now, changed_by=by)


def grows(session: Session, *, sessions: Sequence[Session]) -> bool:
    """Whether it is longer than planned, or longer than the pair's live session before it."""
    earlier = [
        each
        for each in sessions
        if each.status in LIVE and each.session_id != session.session_id and each.starts_at < session.starts_at
    ]
    before = max(earlier, key=lambda each: each.starts_at, default=None)
    return session.minutes > session.planned_minutes or (before is not None and session.minutes > before.minutes)


def confirm(kept: Kept[Session], *, by: UUID, now: datetime) -> Kept[Session]:
    """Consent to a longer session. SessionHasMovedOn, NotYoursToConfirm, SessionHasBegun."""
    session = kept.state
    if session.status is not SessionStatus.PROPOSED:
        raise SessionHasMovedOn(f"This session is {session.status.value}; there is nothing to confirm.")
    if by == session.proposed_by:
        raise NotYoursToConfirm("You asked for this longer session.", remedy="The other one has to consent.")
    if now >= session.starts_at:
        raise SessionHasBegun("The time of this session has passed.", remedy="Plan another one.")
    return changed(kept, to=replace(session, status=SessionStatus.SCHEDULED), at=now, by=by)


def reschedule(
    kept: Kept[Session],
    *,
    agreed: Agreement,
    sessions: Sequence[Session],
    busy: Sequence[Span],
    starts_at: datetime,
    by: UUID,
    now: datetime,
) -> Kept[Session]:
    """Move a session that has not begun. It needs consent when the move makes it longer than the session before it.

    SessionHasMovedOn, SessionHasBegun, SessionIsWrong, NotInTheFuture, AfterTheEnd, TimeIsTaken.
    """
    session = kept.state
    _check_to_come(session, now=now)
    _check_words(starts_at=starts_at)
    moved = replace(session, starts_at=starts_at.astimezone(UTC))
    if moved == session:
        return kept
    _check_time(moved, agreed=agreed, busy=busy, now=now)
    moved = replace(moved, sequence=session.sequence + 1)
    if session.status is SessionStatus.PROPOSED:
        return changed(kept, to=moved, at=now, by=by)
    if grows(moved, sessions=sessions) and not grows(session, sessions=sessions):
        return changed(kept, to=replace(moved, status=SessionStatus.PROPOSED, proposed_by=by), at=now, by=by)
    return changed(kept, to=replace(moved, status=SessionStatus.RESCHEDULED), at=now, by=by)


def cancel(kept: Kept[Session], *, by: UUID, now: datetime) -> Kept[Session]:
    """Call off a session that has not begun: late within 24 hours, unless the other had not consented yet.

    SessionHasMovedOn, SessionHasBegun.
    """
    session = kept.state
    _check_to_come(session, now=now)
    late = session.status in AGREED and session.starts_at - now < LATE
    called_off = replace(session, status=SessionStatus.CANCELLED, cancelled_by=by, cancelled_late=late)
    return changed(kept, to=called_off, at=now, by=by)


def drop(kept: Kept[Session], *, now: datetime) -> Kept[Session]:
    """Nobody's fault: the pair ended before it, or nobody consented in time. What has begun stays as it is."""
    session = kept.state
    agreed_and_begun = session.status in AGREED and session.starts_at <= now
    if session.status not in TO_COME or agreed_and_begun:
        return kept
    return changed(kept, to=replace(session, status=SessionStatus.CANCELLED), at=now, by=None)


def log(
    kept: Kept[Session], *, taught: str, learned: str, minutes: int | None, by: UUID, now: datetime
) -> Kept[Session]:
    """One side's word, of which the state keeps only whether there was any: HELD with the first, LOGGED with the second.

    SessionIsWrong, SessionHasMovedOn, SessionHasNotBegun, AlreadyLogged.
    """
    session = kept.state
    problems = [
        problem
        for problem in (
            problem_with(taught, path="taught", most=MOST_WORDS),
            problem_with(learned, path="learned", most=MOST_WORDS),
        )
        if problem is not None
    ]
    if minutes is not None and not 1 <= minutes <= 600:
        problems.append(Problem("minutes", "A session lasts 1 to 600 minutes.", str(minutes), "Give its minutes."))
    if problems:
        raise SessionIsWrong("This cannot be logged.", remedy="Mend what is listed.", problems=tuple(problems))
    if any(each.person_id == by for each in session.logs):
        raise AlreadyLogged("You have logged this session already.")
    if session.status not in (*AGREED, SessionStatus.HELD):
        raise SessionHasMovedOn(f"This session is {session.status.value} and cannot be logged.")
    if now < session.starts_at:
        raise SessionHasNotBegun("This session has not begun.", remedy="Log it once you have met.")
    word = SessionLog(
        person_id=by,
        logged_at=now,
        taught=bool(taught.strip()),
        learned=bool(learned.strip()),
        minutes=session.minutes if minutes is None else minutes,
    )
    logs = (*session.logs, word)
    status = SessionStatus.LOGGED if len(logs) == 2 else SessionStatus.HELD
    return changed(kept, to=replace(session, status=status, logs=logs), at=now, by=by)


def report_no_show(kept: Kept[Session], *, by: UUID, now: datetime) -> Kept[Session]:
    """The other did not come. SessionHasMovedOn (also when somebody logged it), SessionHasNotBegun."""
    session = kept.state
    if session.status is SessionStatus.HELD:
        raise SessionHasMovedOn(
            "One of you has logged this session, so it took place.", remedy="Talk to each other about it."
        )
    if session.status not in AGREED:
        raise SessionHasMovedOn(f"This session is {session.status.value}; nobody was expected.")
    if now < session.starts_at:
        raise SessionHasNotBegun("This session has not begun.", remedy="Wait for its beginning.")
    missing = other(session.people, than=by)
    return changed(kept, to=replace(session, status=SessionStatus.NO_SHOW, no_show_by=missing), at=now, by=by)


def appeal_no_show(kept: Kept[Session], *, by: UUID, now: datetime) -> Kept[Session]:
    """The one who was reported disagrees. SessionHasMovedOn, NotReported."""
    session = kept.state
    if session.status is not SessionStatus.NO_SHOW:
        raise SessionHasMovedOn("Nobody was reported for this session.")
    if by != session.no_show_by:
        raise NotReported("You were not reported, so there is nothing to appeal.")
    return changed(kept, to=replace(session, no_show_appealed=True), at=now, by=by)


def due_at(session: Session) -> datetime | None:
    """When time itself moves it on: a proposal lapses at its beginning, logs close after the end; None: never."""
    match session.status:
        case SessionStatus.PROPOSED:
            return session.starts_at
        case SessionStatus.SCHEDULED | SessionStatus.RESCHEDULED:
            return ends_at(session) + LOG_WINDOW
        case SessionStatus.HELD:
            first_log = session.logs[0].logged_at
            return max(ends_at(session) + LOG_WINDOW, first_log + SECOND_LOG_WINDOW)
        case _:
            return None


def counts(session: Session, *, now: datetime) -> bool:
    """Whether it took place and nobody is waited for: both logged, or one did and the other's time is over."""
    if session.status is SessionStatus.LOGGED:
        return True
    due = due_at(session)
    return session.status is SessionStatus.HELD and due is not None and now >= due


def _focus(number: int, *, plan: Sequence[PlannedMeeting], agenda: Agenda | None) -> str:
    planned = plan[number - 1].focus if number <= len(plan) else ""
    return planned or (next_topic(agenda, number=number) if agenda else "")


def _check_words(*, starts_at: datetime, minutes: int | None = None, place: str = "", focus: str = "") -> None:
    problems = [
        problem
        for problem in (
            problem_with(place, path="place", most=500),
            problem_with(focus, path="focus", most=500),
        )
        if problem is not None
    ]
    if starts_at.tzinfo is None:
        problems.append(
            Problem("starts_at", "A time needs its zone.", starts_at.isoformat(), "Write 2027-03-01T14:00:00Z.")
        )
    elif not 2000 <= starts_at.year < 3000:
        problems.append(
            Problem("starts_at", "This is no year for a session.", starts_at.isoformat(), "Check the year.")
        )
    if minutes is not None and not SHORTEST <= minutes <= LONGEST:
        problems.append(
            Problem(
                "minutes",
                f"A session lasts {SHORTEST} to {LONGEST} minutes.",
                str(minutes),
                f"Choose {SHORTEST} to {LONGEST}.",
            )
        )
    if problems:
        raise SessionIsWrong("This session cannot be planned.", remedy="Mend what is listed.", problems=tuple(problems))


def _check_time(session: Session, *, agreed: Agreement, busy: Sequence[Span], now: datetime) -> None:
    if session.starts_at <= now:
        raise NotInTheFuture("A session is planned for the future.", remedy="Choose a later time.")
    if agreed.ends_on is not None:
        last_moment = datetime.combine(agreed.ends_on, time(), UTC) + timedelta(days=1)
        if ends_at(session) > last_moment:
            raise AfterTheEnd(
                f"Your agreement ends on {agreed.ends_on} (UTC).",
                remedy="Choose an earlier time, or agree on a later end.",
            )
    if any(span.starts_at < ends_at(session) and session.starts_at < span.ends_at for span in busy):
        raise TimeIsTaken("One of you has another session at that time.", remedy="Choose another time.")


def _check_to_come(session: Session, *, now: datetime) -> None:
    if session.status not in TO_COME:
        raise SessionHasMovedOn(f"This session is {session.status.value}; it cannot be changed any more.")
    if now >= session.starts_at:
        raise SessionHasBegun("This session has begun.", remedy="Log it, or report who did not come.")
