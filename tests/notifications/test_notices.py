"""Who is told what: the rules behind the messages."""

from __future__ import annotations

from collections import Counter

import pytest

from contracts.feedback import FeedbackStatus, IntroductionStatus, Reciprocity, SessionStatus
from contracts.matching import CohortStatus, EnrolmentStatus, PairStatus
from services.notifications.domain import cohorts, meetings, pairs
from services.notifications.domain.messages import Notice, Occasion
from tests.notifications.builders import World
from tests.notifications.occasions import all_notices

WORLD = World()
ADA, BO, CY = WORLD.ada_id, WORLD.bo_id, WORLD.cy_id


def told(notices: list[Notice]) -> dict[Occasion, set[object]]:
    found: dict[Occasion, set[object]] = {}
    for each in notices:
        found.setdefault(each.occasion, set()).add(each.person_id)
    return found


def of_pair(status: PairStatus, *, before: PairStatus | None = PairStatus.PROPOSED, **more: object) -> list[Notice]:
    by = more.pop("by", None)
    fact = WORLD.pair(status, **more)  # type: ignore[arg-type]
    return pairs.notices(fact.pair, before=before, actor_id=by, version=5)  # type: ignore[arg-type]


class TestPair:
    def test_a_proposal_goes_to_both(self) -> None:
        assert told(of_pair(PairStatus.PROPOSED, before=None)) == {Occasion.PROPOSED: {ADA, BO}}
        assert told(of_pair(PairStatus.PROPOSED, before=PairStatus.DRAFT)) == {Occasion.PROPOSED: {ADA, BO}}

    def test_a_draft_goes_to_nobody_whatever_becomes_of_it(self) -> None:
        assert of_pair(PairStatus.DRAFT, before=None) == []
        assert of_pair(PairStatus.SUPERSEDED, before=PairStatus.DRAFT, proposed=False) == []

    def test_a_first_yes_goes_to_the_other(self) -> None:
        assert told(of_pair(PairStatus.HALF_ACCEPTED, accepted=(ADA,))) == {Occasion.HALF_ACCEPTED: {BO}}

    def test_a_second_yes_goes_to_both(self) -> None:
        assert told(of_pair(PairStatus.ACCEPTED, accepted=(ADA, BO))) == {Occasion.ACCEPTED: {ADA, BO}}

    def test_a_no_goes_to_the_other_without_its_reason(self) -> None:
        notices = of_pair(PairStatus.DECLINED, by=ADA)
        assert told(notices) == {Occasion.DECLINED: {BO}}
        assert "reason" not in str(notices[0].values)

    def test_the_end_of_time_and_of_a_choice_go_to_both(self) -> None:
        assert told(of_pair(PairStatus.EXPIRED)) == {Occasion.EXPIRED: {ADA, BO}}
        assert told(of_pair(PairStatus.SUPERSEDED)) == {Occasion.SUPERSEDED: {ADA, BO}}

    def test_a_pause_and_its_end_go_to_the_other(self) -> None:
        assert told(of_pair(PairStatus.ON_HOLD, before=PairStatus.ACTIVE, by=ADA)) == {Occasion.ON_HOLD: {BO}}
        assert told(of_pair(PairStatus.ACTIVE, before=PairStatus.ON_HOLD, by=ADA)) == {Occasion.RESUMED: {BO}}
        assert of_pair(PairStatus.ACTIVE, before=PairStatus.ACCEPTED) == []

    def test_an_end_goes_to_whoever_did_not_make_it(self) -> None:
        assert told(of_pair(PairStatus.COMPLETED, before=PairStatus.ACTIVE, by=ADA)) == {Occasion.ENDED: {ADA, BO}}
        assert told(of_pair(PairStatus.ENDED_EARLY, before=PairStatus.ACTIVE, by=ADA)) == {Occasion.ENDED: {BO}}

    def test_a_question_goes_to_the_other_and_its_answer_back(self) -> None:
        asked = of_pair(PairStatus.PROPOSED, questions=(WORLD.question(),))
        assert told(asked) == {Occasion.QUESTION: {BO}}
        assert told(of_pair(PairStatus.PROPOSED, questions=(WORLD.question(answer="Yes."),))) == {
            Occasion.ANSWER: {ADA}
        }


class TestCohort:
    def test_each_place_is_told_once_however_often_it_comes_back(self) -> None:
        first, again = (
            cohorts.enrolment(WORLD.enrolment(EnrolmentStatus.ADMITTED, version=n).enrolment) for n in (1, 5)
        )
        assert [each.cause for each in first] == [each.cause for each in again]
        assert first[0].notification_id == again[0].notification_id

    @pytest.mark.parametrize(
        "status",
        [EnrolmentStatus.APPLIED, EnrolmentStatus.PAUSED, EnrolmentStatus.WITHDRAWN, EnrolmentStatus.COMPLETED],
    )
    def test_what_people_did_themselves_is_not_told(self, status: EnrolmentStatus) -> None:
        assert cohorts.enrolment(WORLD.enrolment(status).enrolment) == []

    def test_partners_are_asked_until_they_accept(self) -> None:
        draft = WORLD.cohort(status=CohortStatus.DRAFT, accepted=False).cohort
        assert cohorts.partners_to_ask(draft) == (WORLD.berg,)
        assert cohorts.partners_to_ask(WORLD.cohort(status=CohortStatus.DRAFT).cohort) == ()
        assert cohorts.partners_to_ask(WORLD.cohort(status=CohortStatus.CANCELLED, accepted=False).cohort) == ()


class TestAgreement:
    def test_a_draft_goes_to_both_and_a_change_to_the_other(self) -> None:
        assert told(meetings.agreement_drafted(WORLD.agreement().agreement, actor_id=None)) == {
            Occasion.AGREEMENT_DRAFTED: {ADA, BO}
        }
        changed = meetings.agreement_drafted(WORLD.agreement(terms_version=2).agreement, actor_id=ADA)
        assert told(changed) == {Occasion.AGREEMENT_DRAFTED: {BO}}

    def test_signatures(self) -> None:
        assert told(meetings.agreement_signed(WORLD.agreement(signed_by=(ADA,)).agreement)) == {
            Occasion.AGREEMENT_SIGNED: {BO}
        }
        assert told(meetings.agreement_signed(WORLD.agreement(signed_by=(ADA, BO)).agreement)) == {
            Occasion.AGREEMENT_COMPLETE: {ADA, BO}
        }


class TestSession:
    def test_a_time_goes_to_both_and_a_new_time_is_news(self) -> None:
        planned = meetings.session(WORLD.session().session)
        moved = meetings.session(WORLD.session(SessionStatus.RESCHEDULED, sequence=1).session)
        moved_again = meetings.session(WORLD.session(SessionStatus.RESCHEDULED, sequence=2).session)
        assert told(planned) == {Occasion.SESSION_SCHEDULED: {ADA, BO}}
        assert told(moved) == {Occasion.SESSION_MOVED: {ADA, BO}}
        assert len({each.cause for each in (*planned, *moved, *moved_again)}) == 3

    def test_a_longer_one_asks_the_other(self) -> None:
        assert told(meetings.session(WORLD.session(SessionStatus.PROPOSED).session)) == {
            Occasion.SESSION_PROPOSED: {BO}
        }

    def test_a_cancellation_says_by_whom(self) -> None:
        notices = meetings.session(WORLD.session(SessionStatus.CANCELLED, by=ADA).session)
        assert {each.person_id: each.values["cancelled_by"] for each in notices} == {ADA: "you", BO: "other"}

    def test_whoever_was_missed_can_object(self) -> None:
        assert told(meetings.session(WORLD.session(SessionStatus.NO_SHOW, by=BO).session)) == {Occasion.NO_SHOW: {BO}}

    def test_a_log_is_no_news(self) -> None:
        assert meetings.session(WORLD.session(SessionStatus.HELD).session) == []
        assert meetings.session(WORLD.session(SessionStatus.LOGGED).session) == []


class TestFeedback:
    def test_is_asked_of_the_author_and_announced_to_the_addressee(self) -> None:
        assert told(meetings.feedback_requested(WORLD.feedback(FeedbackStatus.REQUESTED).feedback)) == {
            Occasion.FEEDBACK_REQUESTED: {ADA}
        }
        assert told(meetings.feedback_released(WORLD.feedback(FeedbackStatus.RELEASED).feedback)) == {
            Occasion.FEEDBACK_RELEASED: {BO}
        }
        assert meetings.feedback_released(WORLD.feedback(FeedbackStatus.EXPIRED).feedback) == []


class TestIntroduction:
    def notices(self, status: IntroductionStatus) -> list[Notice]:
        fact = WORLD.introduction(status)
        return meetings.introduction(fact.introduction, ask=fact.ask_third_person_id)

    def test_asks_the_third_person_first(self) -> None:
        assert told(self.notices(IntroductionStatus.OFFERED)) == {Occasion.INTRODUCTION_ASKED: {CY}}

    def test_tells_the_giver_of_consent(self) -> None:
        assert told(self.notices(IntroductionStatus.CONSENTED)) == {Occasion.INTRODUCTION_CONSENTED: {ADA}}

    def test_introduces_both_to_each_other(self) -> None:
        made = self.notices(IntroductionStatus.MADE)
        assert told(made) == {Occasion.INTRODUCTION_MADE: {BO, CY}}
        assert {each.person_id: each.people["other"] for each in made} == {BO: CY, CY: BO}

    def test_never_names_the_third_person_to_the_receiver_before(self) -> None:
        for status in IntroductionStatus:
            for each in self.notices(status):
                if each.person_id == BO:
                    assert status is IntroductionStatus.MADE
        declined = self.notices(IntroductionStatus.DECLINED)
        assert told(declined) == {Occasion.INTRODUCTION_DECLINED: {ADA}}
        assert CY not in declined[0].people.values()


class TestOneWay:
    def reciprocity(self, **silent: int) -> Reciprocity:
        return WORLD.reciprocity(**silent).reciprocity

    def test_tells_both_the_same_after_two_silent_sessions(self) -> None:
        assert meetings.one_way(self.reciprocity(bo_silent=1)) == []
        notices = meetings.one_way(self.reciprocity(bo_silent=2))
        assert told(notices) == {Occasion.NUDGE_ONE_WAY: {ADA, BO}}
        assert all(not each.values for each in notices), "nobody is blamed"

    def test_tells_it_once_while_the_silence_lasts(self) -> None:
        second = meetings.one_way(self.reciprocity(bo_silent=2, sessions=2))
        third = meetings.one_way(self.reciprocity(bo_silent=3, sessions=3))
        later = meetings.one_way(self.reciprocity(ada_silent=2, sessions=6))
        assert {each.cause for each in second} == {each.cause for each in third}
        assert {each.cause for each in second}.isdisjoint(each.cause for each in later)


def test_nobody_is_told_two_things_for_one_cause() -> None:
    occasions = Counter((each.person_id, each.cause, each.occasion) for each in all_notices(WORLD))
    causes = Counter((person, cause) for person, cause, _ in occasions)
    assert [cause for cause, count in causes.items() if count > 1] == []


def test_nobody_stands_in_their_own_message_as_another() -> None:
    for each in all_notices(WORLD):
        if each.occasion is not Occasion.ESCALATION:
            assert each.person_id not in each.people.values(), each
            assert each.person_id not in each.about
