"""Rules of sessions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from itertools import pairwise
from uuid import UUID, uuid4

import pytest
from hypothesis import given, strategies as st

from contracts.errors import Refusal
from contracts.feedback import Session, SessionStatus
from services.feedback.domain import agenda, sessions
from services.feedback.domain.facts import fact_of
from services.feedback.domain.kept import Kept
from services.feedback.domain.sessions import Span
from tests.feedback.builders import END, START, Two, id_of

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def schedule(
    two: Two,
    *,
    at: datetime = START + DAY,
    minutes: int | None = None,
    by: UUID | None = None,
    others: Sequence[Session] = (),
    busy: Sequence[Span] = (),
    now: datetime = START,
    focus: str = "",
) -> Kept[Session]:
    """Ada plans a session."""
    return sessions.schedule(
        session_id=uuid4(),
        pair=two.known(),
        agreed=two.agreed(),
        agenda=agenda.seed(two.known(), now=START).state,
        sessions=others,
        busy=busy,
        starts_at=at,
        minutes=minutes,
        place="",
        focus=focus,
        by=by or id_of(two.ada),
        now=now,
    )


class TestSchedule:
    def test_takes_length_and_focus_from_the_plan(self, two: Two) -> None:
        session = schedule(two).state
        assert (session.number, session.minutes, session.planned_minutes) == (1, 60, 60)
        assert session.status is SessionStatus.SCHEDULED
        assert session.focus == two.agreed().plan[0].focus

    def test_takes_its_focus_from_the_agenda_once_the_plan_is_done(self, two: Two) -> None:
        others = [schedule(two, at=START + n * DAY).state for n in range(1, 7)]
        others = [replace(each, number=n + 1, minutes=30) for n, each in enumerate(others)]
        session = schedule(two, at=START + 10 * DAY, others=others).state
        assert (session.number, session.planned_minutes) == (7, 30)
        assert session.focus in (two.ada_wants, two.bo_wants)

    def test_prefers_the_focus_that_was_asked_for(self, two: Two) -> None:
        assert schedule(two, focus=" sushi ").state.focus == "sushi"

    def test_needs_consent_to_be_longer_than_planned(self, two: Two) -> None:
        assert schedule(two, minutes=75).state.status is SessionStatus.PROPOSED

    def test_needs_consent_to_be_longer_than_the_session_before(self, two: Two) -> None:
        short = schedule(two, minutes=30).state
        assert schedule(two, at=START + 3 * DAY, minutes=45, others=[short]).state.status is SessionStatus.PROPOSED
        assert schedule(two, at=START + 3 * DAY, minutes=30, others=[short]).state.status is SessionStatus.SCHEDULED

    def test_takes_the_number_of_one_that_was_called_off(self, two: Two) -> None:
        first = schedule(two)
        second = schedule(two, at=START + 3 * DAY, others=[first.state])
        called_off = sessions.cancel(first, by=id_of(two.bo), now=START)
        assert second.state.number == 2
        assert schedule(two, at=START + 5 * DAY, others=[called_off.state, second.state]).state.number == 1

    def test_refuses_the_past(self, two: Two) -> None:
        with pytest.raises(sessions.NotInTheFuture):
            schedule(two, at=START)

    def test_refuses_what_the_agreement_does_not_reach(self, two: Two) -> None:
        last_midnight = datetime(END.year, END.month, END.day, tzinfo=START.tzinfo) + DAY
        assert schedule(two, at=last_midnight - HOUR).state.minutes == 60
        with pytest.raises(sessions.AfterTheEnd, match="Your agreement ends on 2027-05-24"):
            schedule(two, at=last_midnight - HOUR + timedelta(minutes=1))

    @given(start=st.integers(-300, 300), length=st.integers(1, 200))
    def test_refuses_exactly_the_times_that_are_taken(self, start: int, length: int) -> None:
        two = Two()
        taken = Span(starts_at=START + DAY, ends_at=START + DAY + timedelta(minutes=length))
        overlaps = -60 < start < length
        try:
            schedule(two, at=START + DAY + timedelta(minutes=start), busy=[taken])
        except sessions.TimeIsTaken:
            assert overlaps
        else:
            assert not overlaps

    def test_names_what_is_wrong(self, two: Two) -> None:
        with pytest.raises(sessions.SessionIsWrong) as refused:
            schedule(two, at=datetime(2027, 3, 2), minutes=14, focus="x" * 501)  # noqa: DTZ001
        assert [problem.path for problem in refused.value.problems] == ["focus", "starts_at", "minutes"]

    def test_keeps_times_in_utc(self, two: Two) -> None:
        tokyo = timezone(timedelta(hours=9))
        session = schedule(two, at=(START + DAY).astimezone(tokyo)).state
        assert session.starts_at.utcoffset() == timedelta()
        assert session.starts_at == START + DAY

    @given(
        # No two at the same time: the pair's own sessions are refused there as TimeIsTaken.
        wishes=st.lists(
            st.tuples(st.integers(1, 80), st.integers(15, 180), st.booleans()),
            min_size=1,
            max_size=8,
            unique_by=lambda wish: wish[0],
        ),
    )
    def test_never_grows_without_the_other_ones_consent(self, wishes: list[tuple[int, int, bool]]) -> None:
        two = Two()
        others: list[Session] = []
        for day, minutes, by_ada in wishes:
            by = id_of(two.ada) if by_ada else id_of(two.bo)
            before = [each for each in others if each.starts_at < START + day * DAY]
            session = schedule(two, at=START + day * DAY, minutes=minutes, by=by, others=others).state
            ceiling = min(
                [session.planned_minutes, *(each.minutes for each in sorted(before, key=lambda e: e.starts_at)[-1:])]
            )
            assert (session.status is SessionStatus.PROPOSED) == (minutes > ceiling)
            others.append(session)
        assert sorted(each.number for each in others) == list(range(1, len(others) + 1))


class TestConfirm:
    def test_is_for_the_other_one(self, two: Two) -> None:
        longer = schedule(two, minutes=90)
        with pytest.raises(sessions.NotYoursToConfirm):
            sessions.confirm(longer, by=id_of(two.ada), now=START)
        assert sessions.confirm(longer, by=id_of(two.bo), now=START).state.status is SessionStatus.SCHEDULED

    def test_comes_too_late_once_it_began(self, two: Two) -> None:
        with pytest.raises(sessions.SessionHasBegun):
            sessions.confirm(schedule(two, minutes=90), by=id_of(two.bo), now=START + DAY)


class TestReschedule:
    def move(self, two: Two, kept: Kept[Session], to: datetime, *, others: Sequence[Session] = ()) -> Kept[Session]:
        return sessions.reschedule(
            kept, agreed=two.agreed(), sessions=others, busy=(), starts_at=to, by=id_of(two.bo), now=START
        )

    def test_counts_the_moves(self, two: Two) -> None:
        moved = self.move(two, self.move(two, schedule(two), START + 2 * DAY), START + 3 * DAY)
        assert (moved.state.sequence, moved.state.status) == (2, SessionStatus.RESCHEDULED)
        assert moved.version == 3

    def test_to_the_same_time_changes_nothing(self, two: Two) -> None:
        session = schedule(two)
        assert self.move(two, session, session.state.starts_at) is session

    def test_needs_consent_when_it_thereby_outgrows_the_one_before(self, two: Two) -> None:
        long = schedule(two, at=START + DAY)
        short = schedule(two, at=START + 3 * DAY, minutes=30, others=[long.state])
        moved = self.move(two, long, START + 5 * DAY, others=[long.state, short.state])
        assert (moved.state.status, moved.state.proposed_by) == (SessionStatus.PROPOSED, id_of(two.bo))

    def test_leaves_a_proposal_a_proposal(self, two: Two) -> None:
        moved = self.move(two, schedule(two, minutes=90), START + 2 * DAY)
        assert (moved.state.status, moved.state.proposed_by) == (SessionStatus.PROPOSED, id_of(two.ada))


class TestCancel:
    @given(minutes=st.integers(1, 60 * 48))
    def test_is_late_within_24_hours(self, minutes: int) -> None:
        two = Two()
        session = schedule(two, at=START + 3 * DAY)
        now = session.state.starts_at - timedelta(minutes=minutes)
        cancelled = sessions.cancel(session, by=id_of(two.bo), now=now).state
        assert cancelled.cancelled_late == (minutes < 24 * 60)
        assert cancelled.cancelled_by == id_of(two.bo)

    def test_of_an_unconfirmed_proposal_is_never_late(self, two: Two) -> None:
        session = schedule(two, minutes=90)
        assert not sessions.cancel(session, by=id_of(two.bo), now=START + DAY - HOUR).state.cancelled_late


class TestLog:
    def log(self, kept: Kept[Session], by: UUID, *, now: datetime, taught: str = "x") -> Kept[Session]:
        return sessions.log(kept, taught=taught, learned=" ", minutes=None, by=by, now=now)

    def test_waits_for_the_beginning(self, two: Two) -> None:
        with pytest.raises(sessions.SessionHasNotBegun):
            self.log(schedule(two), id_of(two.ada), now=START + DAY - timedelta(seconds=1))

    def test_is_held_with_the_first_and_logged_with_the_second(self, two: Two) -> None:
        first = self.log(schedule(two), id_of(two.ada), now=START + DAY)
        second = self.log(first, id_of(two.bo), now=START + DAY, taught="")
        assert (first.state.status, second.state.status) == (SessionStatus.HELD, SessionStatus.LOGGED)
        assert [(log.taught, log.learned, log.minutes) for log in second.state.logs] == [
            (True, False, 60),
            (False, False, 60),
        ]

    def test_takes_one_log_per_person(self, two: Two) -> None:
        once = self.log(schedule(two), id_of(two.ada), now=START + DAY)
        with pytest.raises(sessions.AlreadyLogged):
            self.log(once, id_of(two.ada), now=START + DAY)

    def test_leaves_the_other_two_days_however_late_the_first_came(self, two: Two) -> None:
        session = schedule(two)
        assert sessions.due_at(session.state) == START + DAY + HOUR + timedelta(hours=72)
        late = self.log(session, id_of(two.ada), now=START + 10 * DAY)
        assert sessions.due_at(late.state) == START + 12 * DAY
        assert not sessions.counts(late.state, now=START + 12 * DAY - timedelta(seconds=1))
        assert sessions.counts(late.state, now=START + 12 * DAY)


class TestNoShow:
    def test_names_the_other_one_who_may_appeal(self, two: Two) -> None:
        reported = sessions.report_no_show(schedule(two), by=id_of(two.ada), now=START + DAY)
        assert (reported.state.status, reported.state.no_show_by) == (SessionStatus.NO_SHOW, id_of(two.bo))
        with pytest.raises(sessions.NotReported):
            sessions.appeal_no_show(reported, by=id_of(two.ada), now=START + DAY)
        assert sessions.appeal_no_show(reported, by=id_of(two.bo), now=START + DAY).state.no_show_appealed

    def test_is_refused_once_somebody_logged(self, two: Two) -> None:
        held = sessions.log(
            schedule(two), taught="x", learned="", minutes=None, by=id_of(two.bo), now=START + DAY + HOUR
        )
        with pytest.raises(sessions.SessionHasMovedOn, match="took place"):
            sessions.report_no_show(held, by=id_of(two.ada), now=START + DAY + HOUR)


STEPS = {
    "proposed": {"proposed", "scheduled", "cancelled"},
    "scheduled": {"rescheduled", "held", "cancelled", "no_show", "proposed"},
    "rescheduled": {"rescheduled", "held", "cancelled", "no_show", "proposed"},
    "held": {"logged"},
    "logged": set[str](),
    "cancelled": set[str](),
    "no_show": {"no_show"},  # appealed
}


@given(
    minutes=st.sampled_from([30, 60, 90]),
    acts=st.lists(
        st.tuples(
            st.sampled_from(["confirm", "move", "cancel", "log", "report", "appeal", "drop"]),
            st.booleans(),
            st.integers(0, 80),
        ),
        max_size=10,
    ),
)
def test_a_session_only_takes_the_steps_of_its_state(minutes: int, acts: list[tuple[str, bool, int]]) -> None:
    two, now = Two(), START
    kept = schedule(two, minutes=minutes)
    history = [kept]
    for act, by_ada, hours in acts:
        now += timedelta(hours=hours)
        by = id_of(two.ada) if by_ada else id_of(two.bo)
        try:
            match act:
                case "confirm":
                    kept = sessions.confirm(kept, by=by, now=now)
                case "move":
                    to = now + timedelta(hours=30)
                    kept = sessions.reschedule(
                        kept, agreed=two.agreed(), sessions=(), busy=(), starts_at=to, by=by, now=now
                    )
                case "cancel":
                    kept = sessions.cancel(kept, by=by, now=now)
                case "log":
                    kept = sessions.log(kept, taught="", learned="y", minutes=None, by=by, now=now)
                case "report":
                    kept = sessions.report_no_show(kept, by=by, now=now)
                case "appeal":
                    kept = sessions.appeal_no_show(kept, by=by, now=now)
                case _:
                    kept = sessions.drop(kept, now=now)
        except Refusal:
            continue
        if kept is not history[-1]:
            history.append(kept)

    for before, after in pairwise(history):
        assert after.state.status in STEPS[before.state.status]
        assert after.version == before.version + 1
        assert after.state.sequence >= before.state.sequence
        assert fact_of(after).version == after.version
    consents = [
        after.changed_by != before.state.proposed_by
        for before, after in pairwise(history)
        if (before.state.status, after.state.status) == (SessionStatus.PROPOSED, SessionStatus.SCHEDULED)
    ]
    assert all(consents)
    if minutes > 60 and kept.state.status in (SessionStatus.HELD, SessionStatus.LOGGED):
        assert consents  # nobody sat longer than planned without having agreed to it
    assert len({log.person_id for log in kept.state.logs}) == len(kept.state.logs)
