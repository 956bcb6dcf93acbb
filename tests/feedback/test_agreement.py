"""Rules of agreements and agendas."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from uuid import uuid4

import pytest
from hypothesis import given, strategies as st

from contracts.feedback import AgendaChanged, AgreementDrafted, AgreementSigned, PlannedMeeting, TopicItemStatus
from services.feedback.domain import agenda, agreement
from services.feedback.domain.agreement import AlreadySigned, TermsAreWrong, TermsChanged
from services.feedback.domain.facts import fact_of
from tests.feedback.builders import END, START, Two, id_of

any_plan = st.lists(st.integers(-5, 240), max_size=8).map(
    lambda minutes: tuple(PlannedMeeting(number=n + 1, minutes=m) for n, m in enumerate(minutes))
)


class TestDraft:
    def test_tapers_over_twelve_weeks(self, two: Two) -> None:
        drafted = two.drafted().state
        assert [meeting.minutes for meeting in drafted.plan] == [60, 60, 45, 45, 30, 30]
        assert drafted.cadence_days == 14
        assert drafted.ends_on == END.date()

    def test_makes_each_ones_need_their_goal(self, two: Two) -> None:
        goals = {goal.person_id: goal.text for goal in two.drafted().state.goals}
        assert goals == {id_of(two.ada): two.ada_wants, id_of(two.bo): two.bo_wants}

    def test_gives_each_meeting_one_focus_and_both_directions_a_turn(self, two: Two) -> None:
        focuses = [meeting.focus for meeting in two.drafted().state.plan]
        assert focuses == [two.ada_wants, two.bo_wants] * 3

    def test_begins_with_the_acceptance_when_that_comes_after_the_start(self, two: Two) -> None:
        late = replace(two.known(), accepted_at=START + timedelta(days=42))
        assert len(agreement.draft(late, starts=START.date(), ends=END.date(), now=START).state.plan) == 6
        assert agreement.draft(late, starts=START.date(), ends=END.date(), now=START).state.cadence_days == 7

    @given(days=st.integers(-30, 3000), accepted_after=st.integers(-100, 3000))
    def test_fits_its_meetings_between_start_and_end_and_is_signable(self, days: int, accepted_after: int) -> None:
        two = Two()
        pair = replace(two.known(), accepted_at=START + timedelta(days=accepted_after))
        ends = START.date() + timedelta(days=days)
        drafted = agreement.draft(pair, starts=START.date(), ends=ends, now=START).state
        begins = max(START.date(), pair.accepted_at.date())
        assert agreement.problems_of_plan(drafted.plan) == []
        assert 1 <= drafted.cadence_days <= 60
        assert len(drafted.plan) == 1 or len(drafted.plan) * drafted.cadence_days <= (ends - begins).days
        assert drafted.signed_by == ()

    def test_has_no_goal_where_the_pair_is_one_way(self, two: Two) -> None:
        two.bo_wants = ""
        assert [goal.person_id for goal in two.drafted().state.goals] == [id_of(two.ada)]
        assert {meeting.focus for meeting in two.drafted().state.plan} == {two.ada_wants}


class TestChange:
    @given(plan=any_plan)
    def test_takes_exactly_the_plans_that_never_grow(self, plan: tuple[PlannedMeeting, ...]) -> None:
        two = Two()
        minutes = [meeting.minutes for meeting in plan]
        sound = bool(plan) and all(15 <= m <= 180 for m in minutes) and minutes == sorted(minutes, reverse=True)
        problems = agreement.problems_of_plan(plan)
        assert (problems == []) == sound
        assert all(problem.path.startswith("plan") and problem.remedy for problem in problems)
        if sound:
            assert agreement.change(two.drafted(), by=id_of(two.ada), now=START, plan=plan).state.plan == plan
        else:
            with pytest.raises(TermsAreWrong):
                agreement.change(two.drafted(), by=id_of(two.ada), now=START, plan=plan)

    def test_names_each_wrong_term(self, two: Two) -> None:
        with pytest.raises(TermsAreWrong) as refused:
            agreement.change(
                two.drafted(),
                by=id_of(two.ada),
                now=START,
                cohort_ends=END.date(),
                goals=("fine", " "),
                ground_rules="x" * 4001,
                cadence_days=61,
                plan=(
                    PlannedMeeting(number=1, minutes=30),
                    PlannedMeeting(number=3, minutes=45, focus="a\x00b"),
                ),
                ends_on=END.date() + timedelta(days=1),
            )
        assert [problem.path for problem in refused.value.problems] == [
            "goals[1]",
            "ground_rules",
            "cadence_days",
            "plan[1].number",
            "plan[1].minutes",
            "plan[1].focus",
            "ends_on",
        ]

    def test_refuses_an_end_in_the_past(self, two: Two) -> None:
        with pytest.raises(TermsAreWrong, match="cannot be agreed"):
            agreement.change(two.drafted(), by=id_of(two.ada), now=START, ends_on=date(2027, 2, 28))

    def test_clears_both_signatures(self, two: Two) -> None:
        signed = agreement.sign(two.drafted(), by=id_of(two.ada), terms_version=1, now=START)
        changed = agreement.change(signed, by=id_of(two.bo), now=START, ground_rules="We start on time.")
        assert (changed.state.signed_by, changed.state.complete, changed.state.terms_version) == ((), False, 2)
        assert changed.version == signed.version + 1
        assert isinstance(fact_of(changed), AgreementDrafted)

    def test_of_nothing_keeps_the_signatures(self, two: Two) -> None:
        signed = agreement.sign(two.drafted(), by=id_of(two.ada), terms_version=1, now=START)
        same = agreement.change(
            signed, by=id_of(two.ada), now=START, goals=(two.ada_wants,), cadence_days=14, plan=signed.state.plan
        )
        assert same is signed

    @given(goals=st.lists(st.text("ab", min_size=1, max_size=3), max_size=5).map(tuple))
    def test_touches_ones_own_goals_only(self, goals: tuple[str, ...]) -> None:
        two = Two()
        changed = agreement.change(two.drafted(), by=id_of(two.ada), now=START, goals=goals).state
        assert tuple(goal.text for goal in changed.goals if goal.person_id == id_of(two.ada)) == goals
        assert [goal.text for goal in changed.goals if goal.person_id == id_of(two.bo)] == [two.bo_wants]


class TestSign:
    def test_is_complete_with_the_second(self, two: Two) -> None:
        once = agreement.sign(two.drafted(), by=id_of(two.ada), terms_version=1, now=START)
        both = agreement.sign(once, by=id_of(two.bo), terms_version=1, now=START)
        assert (once.state.complete, both.state.complete) == (False, True)
        assert isinstance(fact_of(once), AgreementSigned)

    def test_refuses_other_terms(self, two: Two) -> None:
        changed = agreement.change(two.drafted(), by=id_of(two.bo), now=START, cadence_days=7)
        with pytest.raises(TermsChanged, match="version 1 of the terms; they are at version 2"):
            agreement.sign(changed, by=id_of(two.ada), terms_version=1, now=START)

    def test_refuses_the_same_person_twice(self, two: Two) -> None:
        once = agreement.sign(two.drafted(), by=id_of(two.ada), terms_version=1, now=START)
        with pytest.raises(AlreadySigned):
            agreement.sign(once, by=id_of(two.ada), terms_version=1, now=START)

    @given(steps=st.lists(st.sampled_from(["ada", "bo", "ada changes", "bo changes"]), max_size=12))
    def test_is_complete_only_when_both_signed_the_present_terms(self, steps: list[str]) -> None:
        two = Two()
        kept, people = two.drafted(), {"ada": id_of(two.ada), "bo": id_of(two.bo)}
        signed_since: set[str] = set()
        for count, step in enumerate(steps):
            who, _, change = step.partition(" ")
            try:
                if change:
                    kept = agreement.change(kept, by=people[who], now=START, ground_rules=f"rule {count}")
                    signed_since = set()
                else:
                    terms = kept.state.terms_version
                    kept = agreement.sign(kept, by=people[who], terms_version=terms, now=START)
                    signed_since.add(who)
            except AlreadySigned:
                assert who in signed_since
            assert kept.state.complete == (signed_since == {"ada", "bo"})


class TestAgenda:
    def test_begins_with_what_each_wants(self, two: Two) -> None:
        items = agenda.seed(two.known(), now=START).state.items
        assert {(item.learner_id, item.added_by, item.text, item.status) for item in items} == {
            (id_of(two.ada), id_of(two.ada), two.ada_wants, TopicItemStatus.ACCEPTED),
            (id_of(two.bo), id_of(two.bo), two.bo_wants, TopicItemStatus.ACCEPTED),
        }

    def test_keeps_who_added_a_topic_and_lets_the_learner_decide(self, two: Two) -> None:
        item_id = uuid4()
        added = agenda.add_topic(
            agenda.seed(two.known(), now=START),
            item_id=item_id,
            text="something you never thought of",
            learner_id=id_of(two.ada),
            by=id_of(two.bo),
            now=START,
        )
        item = added.state.items[-1]
        assert (item.added_by, item.added_as, item.status) == (id_of(two.bo), "teacher", TopicItemStatus.PROPOSED)
        with pytest.raises(agenda.LearnerDecides):
            agenda.decide_topic(added, item_id=item_id, status=TopicItemStatus.ACCEPTED, by=id_of(two.bo), now=START)
        decided = agenda.decide_topic(
            added, item_id=item_id, status=TopicItemStatus.ACCEPTED, by=id_of(two.ada), now=START
        )
        assert decided.state.items[-1] == replace(item, status=TopicItemStatus.ACCEPTED)
        assert isinstance(fact_of(decided), AgendaChanged)

    def test_needs_no_consent_to_ones_own_wish(self, two: Two) -> None:
        added = agenda.add_topic(
            agenda.seed(two.known(), now=START),
            item_id=uuid4(),
            text="sushi",
            learner_id=id_of(two.bo),
            by=id_of(two.bo),
            now=START,
        )
        assert (added.state.items[-1].added_as, added.state.items[-1].status) == ("learner", TopicItemStatus.ACCEPTED)

    def test_refuses_a_stranger_as_learner_and_an_empty_text(self, two: Two) -> None:
        with pytest.raises(agenda.TopicIsWrong) as refused:
            agenda.add_topic(
                agenda.seed(two.known(), now=START),
                item_id=uuid4(),
                text=" ",
                learner_id=uuid4(),
                by=id_of(two.bo),
                now=START,
            )
        assert [problem.path for problem in refused.value.problems] == ["text", "learner_id"]

    @given(moves=st.lists(st.sampled_from(TopicItemStatus), max_size=8))
    def test_moves_a_topic_only_where_it_may_go(self, moves: list[TopicItemStatus]) -> None:
        two, item_id = Two(), uuid4()
        kept = agenda.add_topic(
            agenda.seed(two.known(), now=START),
            item_id=item_id,
            text="sushi",
            learner_id=id_of(two.ada),
            by=id_of(two.bo),
            now=START,
        )
        allowed = {
            ("proposed", "accepted"),
            ("proposed", "declined"),
            ("accepted", "done"),
            ("accepted", "declined"),
            ("declined", "accepted"),
        }
        for move in moves:
            before = kept.state.items[-1].status
            try:
                kept = agenda.decide_topic(kept, item_id=item_id, status=move, by=id_of(two.ada), now=START)
            except agenda.TopicCannotMove:
                assert (before, move) not in allowed
            else:
                assert (before, move) in allowed
                assert kept.state.items[-1].status is move
