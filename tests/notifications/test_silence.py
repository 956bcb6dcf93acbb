"""Silence: what is due and missing, who hears of it, and that it is never said twice."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from hypothesis import given, strategies as st

from contracts.feedback import SessionStatus
from contracts.matching import PairStatus
from services.notifications.domain.messages import Notice, Occasion
from services.notifications.domain.silence import (
    Heard,
    Look,
    SilenceKind,
    WatchedMeeting,
    WatchedPair,
    escalation,
    follow,
    look,
    when_to_look,
)
from tests.notifications.builders import NOON, World

WORLD = World()
ADA, BO, CY = WORLD.ada_id, WORLD.bo_id, WORLD.cy_id
DAY, HOUR = timedelta(days=1), timedelta(hours=1)


def watched(status: PairStatus, *, accepted: tuple[UUID, ...] = (), before: WatchedPair | None = None) -> WatchedPair:
    fact = WORLD.pair(status, accepted=accepted)
    known = before or WatchedPair(pair_id=WORLD.pair_id)
    return follow(known, pair=fact.pair, version=known.version + 1, at=fact.occurred_at)


def meeting(
    status: SessionStatus = SessionStatus.SCHEDULED,
    *,
    ends: datetime = NOON + DAY,
    logged: frozenset[UUID] = frozenset(),
    number: int = 1,
    changed: datetime = NOON,
) -> WatchedMeeting:
    return WatchedMeeting(
        session_id=UUID(int=number),
        status=status,
        number=number,
        starts_at=ends - HOUR,
        ends_at=ends,
        changed_at=changed,
        logged_by=logged,
    )


def at(moment: datetime, pair: WatchedPair, *meetings: WatchedMeeting, heard: dict[str, Heard] | None = None) -> Look:
    return look(pair, meetings=meetings, heard=heard or {}, now=moment)


def told(notices: tuple[Notice, ...]) -> set[tuple[Occasion, UUID]]:
    return {(each.occasion, each.person_id) for each in notices}


class TestUnanswered:
    def test_both_are_reminded_after_half_of_their_time(self) -> None:
        pair = watched(PairStatus.PROPOSED)
        before = at(NOON + 35 * HOUR, pair)
        assert before.notices == ()
        assert before.again_at == NOON + 36 * HOUR
        now = at(NOON + 36 * HOUR, pair)
        assert told(now.notices) == {(Occasion.NUDGE_UNANSWERED, ADA), (Occasion.NUDGE_UNANSWERED, BO)}
        assert now.again_at == NOON + 54 * HOUR

    def test_whoever_said_yes_is_not_reminded(self) -> None:
        pair = watched(PairStatus.HALF_ACCEPTED, accepted=(ADA,))
        assert told(at(NOON + 40 * HOUR, pair).notices) == {(Occasion.NUDGE_UNANSWERED, BO)}

    def test_the_organizers_hear_of_it_later_and_once(self) -> None:
        pair = watched(PairStatus.PROPOSED)
        first = at(NOON + 36 * HOUR, pair)
        second = at(NOON + 54 * HOUR, pair, heard=dict(first.heard))
        assert second.notices == ()
        (silence,) = second.escalate
        (notice,) = escalation(pair, silence, organizers=[CY, ADA])
        assert (notice.occasion, notice.person_id) == (Occasion.ESCALATION, CY)
        third = at(NOON + 60 * HOUR, pair, heard=dict(second.heard))
        assert (third.notices, third.escalate, third.again_at) == ((), (), None)

    def test_nobody_is_reminded_when_the_time_is_over_or_an_answer_came(self) -> None:
        late = at(NOON + 72 * HOUR, watched(PairStatus.PROPOSED))
        assert (late.notices, late.escalate, late.again_at) == ((), (), None)
        for status in (PairStatus.ACCEPTED, PairStatus.DECLINED, PairStatus.EXPIRED, PairStatus.SUPERSEDED):
            assert at(NOON + 50 * HOUR, watched(status)).notices == ()


class TestUnplanned:
    def test_a_pair_that_plans_nothing_is_reminded_after_half_its_cadence(self) -> None:
        pair = watched(PairStatus.ACTIVE)
        assert at(NOON + 6 * DAY, pair).notices == ()
        assert told(at(NOON + 7 * DAY, pair).notices) == {
            (Occasion.NUDGE_UNPLANNED, ADA),
            (Occasion.NUDGE_UNPLANNED, BO),
        }

    def test_a_session_in_the_calendar_is_no_silence(self) -> None:
        pair = watched(PairStatus.ACTIVE)
        planned = meeting(ends=NOON + 20 * DAY)
        assert at(NOON + 19 * DAY, pair, planned).notices == ()
        assert at(NOON + 19 * DAY, pair, planned).again_at == NOON + 21 * DAY  # its log

    def test_the_time_counts_from_the_last_session(self) -> None:
        pair = watched(PairStatus.ACTIVE)
        logged = meeting(SessionStatus.LOGGED, ends=NOON + 10 * DAY, logged=frozenset((ADA, BO)))
        assert at(NOON + 16 * DAY, pair, logged).notices == ()
        first = at(NOON + 17 * DAY, pair, logged)
        assert {each.occasion for each in first.notices} == {Occasion.NUDGE_UNPLANNED}
        another = meeting(SessionStatus.LOGGED, ends=NOON + 20 * DAY, logged=frozenset((ADA, BO)), number=2)
        second = at(NOON + 27 * DAY, pair, logged, another, heard=dict(first.heard))
        assert {each.cause for each in first.notices}.isdisjoint(each.cause for each in second.notices)
        assert second.notices

    def test_a_cancellation_gives_time_to_plan_anew(self) -> None:
        pair = watched(PairStatus.ACTIVE)
        cancelled = meeting(SessionStatus.CANCELLED, ends=NOON + 30 * DAY, changed=NOON + 5 * DAY)
        assert at(NOON + 11 * DAY, pair, cancelled).notices == ()
        assert at(NOON + 12 * DAY, pair, cancelled).notices != ()

    def test_a_pause_is_no_silence_and_the_time_begins_again_after_it(self) -> None:
        active = watched(PairStatus.ACTIVE)
        held = watched(PairStatus.ON_HOLD, before=active)
        assert at(NOON + 40 * DAY, held).notices == ()
        again = WORLD.later(30 * DAY).pair(PairStatus.ACTIVE)
        resumed = follow(held, pair=again.pair, version=9, at=again.occurred_at)
        assert at(NOON + 36 * DAY, resumed).notices == ()
        assert at(NOON + 37 * DAY, resumed).notices != ()


class TestUnlogged:
    def test_whoever_has_not_logged_is_reminded_a_day_later(self) -> None:
        pair = watched(PairStatus.ACTIVE)
        held = meeting(SessionStatus.HELD, ends=NOON, logged=frozenset((ADA,)))
        assert at(NOON + 23 * HOUR, pair, held).notices == ()
        assert told(at(NOON + 24 * HOUR, pair, held).notices) == {(Occasion.NUDGE_UNLOGGED, BO)}

    def test_both_are_when_nobody_did(self) -> None:
        now = at(NOON + 24 * HOUR, watched(PairStatus.ACTIVE), meeting(ends=NOON))
        assert told(now.notices) == {(Occasion.NUDGE_UNLOGGED, ADA), (Occasion.NUDGE_UNLOGGED, BO)}

    def test_the_organizers_hear_of_it_six_days_later(self) -> None:
        pair, held = watched(PairStatus.ON_HOLD), meeting(SessionStatus.HELD, ends=NOON, logged=frozenset((ADA,)))
        first = at(NOON + DAY, pair, held)
        assert at(NOON + 6 * DAY, pair, held, heard=dict(first.heard)).escalate == ()
        (silence,) = at(NOON + 7 * DAY, pair, held, heard=dict(first.heard)).escalate
        assert silence.kind is SilenceKind.UNLOGGED

    def test_nothing_is_due_for_a_meeting_that_did_not_take_place(self) -> None:
        for status in (SessionStatus.CANCELLED, SessionStatus.NO_SHOW, SessionStatus.PROPOSED, SessionStatus.LOGGED):
            seen = at(NOON + 2 * DAY, watched(PairStatus.ACTIVE), meeting(status, ends=NOON))
            assert Occasion.NUDGE_UNLOGGED not in {each.occasion for each in seen.notices}
        ended = watched(PairStatus.ENDED_EARLY)
        assert at(NOON + 40 * DAY, ended, meeting(ends=NOON)).notices == ()


class TestLook:
    def test_organizers_never_hear_before_the_people_had_time_however_late_we_look(self) -> None:
        pair = watched(PairStatus.ACTIVE)
        late = at(NOON + 300 * DAY, pair)
        assert late.escalate == ()
        assert late.again_at == NOON + 307 * DAY

    def test_a_pair_whose_facts_have_not_come_owes_nothing(self) -> None:
        unknown = WatchedPair(pair_id=WORLD.pair_id)
        assert when_to_look(unknown, meetings=[meeting()], heard={}, now=NOON) is None

    @given(
        steps=st.lists(st.integers(1, 400), min_size=1, max_size=12),
        status=st.sampled_from([PairStatus.PROPOSED, PairStatus.HALF_ACCEPTED, PairStatus.ACTIVE, PairStatus.ON_HOLD]),
        sessions=st.lists(st.tuples(st.sampled_from(SessionStatus), st.integers(-200, 600)), max_size=4),
    )
    def test_each_cause_is_said_once_and_looking_when_told_misses_nothing(
        self, steps: list[int], status: PairStatus, sessions: list[tuple[SessionStatus, int]]
    ) -> None:
        pair = watched(status)
        meetings = [
            meeting(kind, ends=NOON + hours * HOUR, number=number) for number, (kind, hours) in enumerate(sessions, 1)
        ]
        heard: dict[str, Heard] = {}
        said: list[tuple[str, UUID]] = []
        now = NOON
        for step in steps:
            now += step * HOUR
            due = when_to_look(pair, meetings=meetings, heard=heard, now=now)
            found = look(pair, meetings=meetings, heard=heard, now=now)
            if due is None or due > now:
                assert (found.notices, found.escalate) == ((), ())
            heard |= found.heard
            said += [(each.cause, each.person_id) for each in found.notices]
            for silence in found.escalate:
                said += [(each.cause, each.person_id) for each in escalation(pair, silence, organizers=[CY])]
            assert found.again_at is None or found.again_at > now
        assert len(said) == len(set(said))
