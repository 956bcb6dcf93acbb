"""Rules of the ledger, of sealed feedback and of introductions."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from hypothesis import given, strategies as st

from contracts.base import encode
from contracts.errors import Refusal
from contracts.feedback import (
    FeedbackKind,
    FeedbackStatus,
    Introduction,
    IntroductionStatus,
    Session,
    SessionLog,
    SessionStatus,
)
from services.feedback.domain import introductions, pulses, reciprocity
from services.feedback.domain.facts import fact_of
from services.feedback.domain.kept import Kept
from tests.feedback.builders import START, Two, id_of

DAY = timedelta(days=1)
LONG_AFTER = START + 999 * DAY


@dataclass(frozen=True)
class Word:
    """What one side says."""

    taught: bool
    learned: bool


words = st.builds(Word, st.booleans(), st.booleans())
meeting = st.tuples(st.none() | words, st.none() | words)


def a_session(two: Two, *, number: int, ada: Word | None, bo: Word | None) -> Session:
    """The ``number``-th session, on day ``number``."""
    starts_at = START + number * DAY
    logs = tuple(
        SessionLog(person_id=id_of(who), logged_at=starts_at, taught=word.taught, learned=word.learned, minutes=60)
        for who, word in ((two.ada, ada), (two.bo, bo))
        if word is not None
    )
    status = {0: SessionStatus.SCHEDULED, 1: SessionStatus.HELD, 2: SessionStatus.LOGGED}[len(logs)]
    return Session(
        session_id=uuid4(),
        pair_id=two.pair_id,
        cohort_id=two.cohort_id,
        people=two.people,
        organizations=two.people,
        number=number,
        status=status,
        starts_at=starts_at,
        minutes=60,
        planned_minutes=60,
        logs=logs,
    )


def an_introduction(two: Two, *, by: UUID, status: IntroductionStatus) -> Introduction:
    """A door that somebody opened as far as ``status``."""
    return Introduction(
        introduction_id=uuid4(),
        pair_id=two.pair_id,
        cohort_id=two.cohort_id,
        offered_by=by,
        offered_to=next(each for each in two.people if each != by),
        third_person_id=uuid4(),
        status=status,
    )


class TestLedger:
    @given(
        meetings=st.lists(meeting, max_size=8),
        doors=st.lists(st.tuples(st.booleans(), st.sampled_from(IntroductionStatus)), max_size=4),
        seed=st.integers(),
    )
    def test_says_who_taught_how_often_in_any_order_of_arrival(
        self, meetings: list[tuple[Word | None, Word | None]], doors: list[tuple[bool, IntroductionStatus]], seed: int
    ) -> None:
        two = Two()
        held = [a_session(two, number=n, ada=ada, bo=bo) for n, (ada, bo) in enumerate(meetings)]
        opened = [
            an_introduction(two, by=id_of(two.ada if by_ada else two.bo), status=status) for by_ada, status in doors
        ]
        random.Random(seed).shuffle(held)
        ledger = reciprocity.tally(two.known(), sessions=held, introductions=opened, now=LONG_AFTER)

        # The same, the slow way, from what they said.
        streak, taught, learned = {"ada": 0, "bo": 0}, {"ada": 0, "bo": 0}, {"ada": 0, "bo": 0}
        counted = 0
        for said in meetings:
            if said == (None, None):
                continue
            counted += 1
            for who, own, others in (("ada", said[0], said[1]), ("bo", said[1], said[0])):
                if own is not None:
                    gave, got = own.taught, own.learned
                else:  # they left no log
                    assert others is not None
                    gave, got = others.learned, others.taught
                taught[who] += gave
                learned[who] += got
                streak[who] = 0 if gave else streak[who] + 1
        made = {
            "ada": sum(by_ada and status in ("made", "closed") for by_ada, status in doors),
            "bo": sum(not by_ada and status in ("made", "closed") for by_ada, status in doors),
        }
        tallies = {each.person_id: each for each in ledger.tallies}
        for who, person in (("ada", two.ada), ("bo", two.bo)):
            tally = tallies[id_of(person)]
            assert tally.sessions_taught == taught[who]
            assert tally.sessions_learned == learned[who]
            assert tally.silent_streak == streak[who]
            assert tally.introductions_made == made[who]
        gave_ada, gave_bo = taught["ada"] + made["ada"], taught["bo"] + made["bo"]
        expected = 1.0 if gave_ada == gave_bo == 0 else min(gave_ada, gave_bo) / max(gave_ada, gave_bo)
        assert ledger.balance == pytest.approx(expected, abs=1e-4)
        assert ledger.sessions_logged == counted

    def test_waits_for_the_other_ones_log_until_their_time_is_over(self, two: Two) -> None:
        half = a_session(two, number=1, ada=Word(taught=True, learned=False), bo=None)
        due = half.starts_at + timedelta(minutes=60) + timedelta(hours=72)
        for now, counted, streak_of_bo in ((due - timedelta(seconds=1), 0, 0), (due, 1, 1)):
            ledger = reciprocity.tally(two.known(), sessions=[half], introductions=[], now=now)
            silent = {each.person_id: each.silent_streak for each in ledger.tallies}
            assert (ledger.sessions_logged, silent[id_of(two.bo)]) == (counted, streak_of_bo)

    def test_tells_nothing_when_nothing_changed(self, two: Two) -> None:
        ledger = reciprocity.tally(two.known(), sessions=[], introductions=[], now=START)
        first = reciprocity.assess(None, ledger=ledger, now=START)
        assert reciprocity.assess(first, ledger=ledger, now=LONG_AFTER) is first


class TestFeedback:
    @given(
        acts=st.lists(
            st.tuples(st.sampled_from(["ada", "bo", "time"]), st.integers(-1, 7), st.integers(0, 50)), max_size=8
        )
    )
    def test_is_sealed_until_both_answered_or_the_time_is_over(self, acts: list[tuple[str, int, int]]) -> None:
        two, now = Two(), START
        session = a_session(two, number=0, ada=Word(taught=True, learned=True), bo=Word(taught=True, learned=True))
        of = {each.state.author_id: each for each in pulses.pulses_after(session, now=START)}
        answered: dict[UUID, int] = {}
        for who, usefulness, hours in acts:
            now += timedelta(hours=hours)
            if who != "time":
                author = id_of(two.ada if who == "ada" else two.bo)
                try:
                    of[author] = pulses.submit(
                        of[author], usefulness=usefulness, praise="canary", critique="canary", now=now
                    )
                    answered[author] = usefulness
                except Refusal:
                    assert author in answered or not 1 <= usefulness <= 5 or now >= START + pulses.PULSE_WINDOW
            snapshot = {author: kept.state for author, kept in of.items()}
            for author, kept in of.items():
                (other,) = (state for each, state in snapshot.items() if each != author)
                may = pulses.may_open(snapshot[author], and_the_other=other, now=now)
                over = now >= START + pulses.PULSE_WINDOW
                sealed = snapshot[author].status is FeedbackStatus.SUBMITTED
                assert may == (sealed and (len(answered) == 2 or over))
                if may:
                    of[author] = pulses.release(kept, usefulness=answered[author], now=now)
            for kept in of.values():
                assert (kept.state.usefulness is not None) == (kept.state.status is FeedbackStatus.RELEASED)
                assert b"canary" not in encode(fact_of(kept))

    @given(planned=st.integers(1, 20), done=st.integers(0, 25))
    def test_reviews_come_at_half_and_at_the_end_of_the_plan(self, planned: int, done: int) -> None:
        two = Two()
        told = Word(taught=True, learned=True)
        held = [a_session(two, number=n, ada=told, bo=told) for n in range(done)]
        expected = None
        if done >= planned:
            expected = FeedbackKind.FINAL
        elif done >= planned / 2:
            expected = FeedbackKind.MIDTERM
        assert pulses.review_due(held, planned=planned, now=LONG_AFTER) == expected

    def test_knows_its_counterpart(self, two: Two) -> None:
        first, second = pulses.reviews_of(two.known(), kind=FeedbackKind.FINAL, now=START)
        assert pulses.counterpart_id(first.state) == second.state.feedback_id
        assert pulses.counterpart_id(second.state) == first.state.feedback_id
        assert (first.state.author_id, first.state.addressee_id) == two.people


class TestIntroduction:
    def offered(self, two: Two, third: UUID) -> Kept[Introduction]:
        return introductions.offer(
            introduction_id=uuid4(),
            pair=two.known(),
            third_person_id=third,
            third_is_here=True,
            about="she built what you want to build",
            by=id_of(two.bo),
            now=START,
        )

    @given(
        acts=st.lists(
            st.tuples(st.sampled_from(["yes", "no", "make", "close"]), st.sampled_from(["ada", "bo", "third"])),
            max_size=8,
        )
    )
    def test_takes_its_steps_by_the_right_ones_and_hides_the_third_until_consent(
        self, acts: list[tuple[str, str]]
    ) -> None:
        two, third = Two(), uuid4()
        kept = self.offered(two, third)
        people = {"ada": id_of(two.ada), "bo": id_of(two.bo), "third": third}
        right = {"yes": "third", "no": "third", "make": "bo", "close": "ada"}
        after = {
            ("offered", "yes"): "consented",
            ("offered", "no"): "declined",
            ("consented", "make"): "made",
            ("made", "close"): "closed",
        }
        consented = False
        for act, who in acts:
            before = kept
            try:
                match act:
                    case "make":
                        kept = introductions.make(kept, by=people[who], now=START)
                    case "close":
                        kept = introductions.close(kept, outcome="we meet weekly", by=people[who], now=START)
                    case _:
                        kept = introductions.answer(kept, consent=act == "yes", by=people[who], now=START)
            except Refusal:
                assert right[act] != who or (before.state.status, act) not in after
            else:
                assert kept.state.status == after[before.state.status, act]
                assert right[act] == who
            consented = consented or kept.state.status is IntroductionStatus.CONSENTED
            asked = kept.state.status is IntroductionStatus.OFFERED
            assert (str(third).encode() in encode(fact_of(kept))) == (consented or asked)

    def test_refuses_one_of_the_two_and_an_empty_reason(self, two: Two) -> None:
        with pytest.raises(introductions.IntroductionIsWrong) as refused:
            introductions.offer(
                introduction_id=uuid4(),
                pair=two.known(),
                third_person_id=id_of(two.ada),
                third_is_here=True,
                about="",
                by=id_of(two.bo),
                now=START,
            )
        assert [problem.path for problem in refused.value.problems] == ["about", "third_person_id"]
