"""The service on real PostgreSQL: what its commands, reactions and timed work do and tell."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from itertools import permutations
from typing import Any
from uuid import UUID, uuid4, uuid5

import pytest

from contracts.base import SYSTEM, Actor, Command, Event, Role, encode
from contracts.errors import Conflict, NotFound, RefusalKind
from contracts.feedback import (
    AddTopic,
    AgendaChanged,
    AgreementDrafted,
    AgreementSigned,
    AnswerIntroduction,
    AppealNoShow,
    CancelSession,
    ChangeAgreement,
    CloseIntroduction,
    ConfirmSession,
    DecideTopic,
    FeedbackKind,
    FeedbackReleased,
    FeedbackRequested,
    FeedbackStatus,
    FeedbackSubmitted,
    FeedbackText,
    IntroductionAdvanced,
    IntroductionStatus,
    LogSession,
    MakeIntroduction,
    OfferIntroduction,
    PlannedMeeting,
    ReadFeedback,
    ReadSessionLogs,
    ReciprocityAssessed,
    ReportNoShow,
    RescheduleSession,
    ScheduleSession,
    SessionCancelled,
    SessionLogged,
    SessionScheduled,
    SessionStatus,
    SignAgreement,
    SubmitFeedback,
    TopicItemStatus,
)
from services.feedback.domain.agreement import agreement_id
from services.feedback.domain.pulses import pulse_id, review_id
from services.feedback.store import current_facts
from tests.feedback.builders import Two, a_person, a_profile, id_of
from tests.feedback.conftest import Service, all_of, only

DAY = timedelta(days=1)
BOTH = ("explained pods", "learned to say no")


class TestAcceptedPair:
    async def test_gets_an_agreement_and_an_agenda(self, service: Service, two: Two) -> None:
        told = await service.hear(two.cohort(), two.accepted())
        terms = only(told, AgreementDrafted).agreement
        assert terms.agreement_id == uuid5(two.pair_id, "agreement")
        assert [meeting.minutes for meeting in terms.plan] == [60, 60, 45, 45, 30, 30]
        assert {goal.text for goal in terms.goals} == {two.ada_wants, two.bo_wants}
        assert {item.text for item in only(told, AgendaChanged).agenda.items} == {two.ada_wants, two.bo_wants}

    async def test_gets_none_while_only_one_accepted(self, service: Service, two: Two) -> None:
        assert await service.hear(two.cohort(), two.half_accepted()) == []
        with pytest.raises(NotFound):
            await service.do(two.ada, SignAgreement, pair_id=two.pair_id, terms_version=1)

    async def test_gets_the_same_in_whatever_order_the_facts_arrive(self, service: Service) -> None:
        drafts = []
        for order in permutations(range(3)):
            two = Two()
            told: list[Event] = []
            # Facts of one pair keep their order; cohort and people come when they come.
            pair_facts = [two.half_accepted(), two.accepted(), two.activated()]
            batches: list[Sequence[Event]] = [pair_facts, [two.cohort()], [a_profile(two.ada), a_profile(two.bo)]]
            for index in order:
                told += await service.hear(*batches[index])
            drafts.append(only(told, AgreementDrafted))
            assert only(told, AgendaChanged).agenda.pair_id == two.pair_id
            assert drafts[-1].version == 1
        assert len({(draft.agreement.plan, draft.agreement.ends_on) for draft in drafts}) == 1

    async def test_gets_one_when_only_the_newest_fact_is_left(self, service: Service, two: Two) -> None:
        told = await service.hear(two.activated(), two.cohort())
        assert only(told, AgreementDrafted).agreement.pair_id == two.pair_id

    async def test_gets_one_when_pair_and_cohort_arrive_at_once(self, service: Service) -> None:
        pairs = [Two() for _ in range(6)]
        told = await asyncio.gather(
            *(service.hear(fact) for two in pairs for fact in (two.accepted(), two.cohort())),
        )
        drafted = all_of([fact for facts in told for fact in facts], AgreementDrafted)
        assert sorted(fact.key for fact in drafted) == sorted(agreement_id(two.pair_id) for two in pairs)


class TestReplay:
    async def test_of_everything_changes_nothing_and_tells_nothing(self, service: Service, two: Two) -> None:
        third = a_person(uuid4())
        facts = [two.cohort(), two.half_accepted(), two.accepted(), two.activated(), a_profile(third)]
        await service.hear(*facts)
        session = await self.a_session_between_signed_people(service, two)
        ended = two.ended()
        await service.hear(ended)
        before = [
            await service.rows(f"SELECT * FROM {table} ORDER BY 1")
            for table in ("pair", "cohort", "person", "agreement", "agenda", "session", "feedback", "reciprocity")
        ]
        assert session is not None
        assert await service.hear(*facts, ended) == []
        assert await service.hear(*reversed([*facts, ended])) == []
        after = [
            await service.rows(f"SELECT * FROM {table} ORDER BY 1")
            for table in ("pair", "cohort", "person", "agreement", "agenda", "session", "feedback", "reciprocity")
        ]
        assert after == before

    async def a_session_between_signed_people(self, service: Service, two: Two) -> object:
        for actor in (two.ada, two.bo):
            await service.do(actor, SignAgreement, pair_id=two.pair_id, terms_version=1)
        return (await service.met(two, ada=BOTH, bo=BOTH))[0]


class TestStrangers:
    async def test_find_nothing_at_all(self, service: Service, two: Two) -> None:
        await service.active(two)
        session, _ = await service.met(two, ada=BOTH, bo=BOTH)
        ahead = await service.session(two)
        pulse = pulse_id(session.session_id, author_id=id_of(two.ada))
        stranger = a_person(two.ada.organization_id or uuid4())
        admin = Actor(roles=(Role.ADMIN,), organization_id=two.ada.organization_id, subject="admin")
        of_pair: dict[str, Any] = {"pair_id": two.pair_id}
        of_session: dict[str, Any] = {"session_id": ahead.session_id}
        attempts: list[tuple[type[Command], dict[str, Any]]] = [
            (ChangeAgreement, {**of_pair, "cadence_days": 7}),
            (SignAgreement, {**of_pair, "terms_version": 1}),
            (AddTopic, {**of_pair, "item_id": uuid4(), "text": "x", "learner_id": id_of(two.ada)}),
            (DecideTopic, {**of_pair, "item_id": uuid4(), "status": TopicItemStatus.DONE}),
            (ScheduleSession, {**of_pair, "session_id": uuid4(), "starts_at": service.now + 9 * DAY}),
            (ConfirmSession, of_session),
            (RescheduleSession, {**of_session, "starts_at": service.now + 9 * DAY}),
            (CancelSession, of_session),
            (LogSession, {"session_id": session.session_id, "taught": "x"}),
            (ReportNoShow, of_session),
            (AppealNoShow, of_session),
            (SubmitFeedback, {"feedback_id": pulse, "usefulness": 3}),
            (OfferIntroduction, {**of_pair, "introduction_id": uuid4(), "third_person_id": uuid4(), "about": "x"}),
        ]
        told = len(await service.told())
        for actor in (stranger, admin, SYSTEM):
            for kind, fields in attempts:
                with pytest.raises(NotFound):
                    await service.do(actor, kind, **fields)
            for query in (ReadSessionLogs(session_id=session.session_id), ReadFeedback(feedback_id=pulse)):
                with pytest.raises(NotFound):
                    await service.read(actor, query)
        assert len(await service.told()) == told

    async def test_are_refused_in_the_same_words_as_for_what_is_absent(self, service: Service, two: Two) -> None:
        await service.active(two)
        session = await service.session(two)
        stranger = a_person(uuid4())
        answers = set()
        for session_id in (session.session_id, uuid4()):
            with pytest.raises(NotFound) as refused:
                await service.read(stranger, ReadSessionLogs(session_id=session_id))
            answers.add((refused.value.code, refused.value.message, refused.value.remedy))
        assert len(answers) == 1


class TestAgreement:
    async def test_is_complete_when_both_sign_at_the_same_moment(self, service: Service, two: Two) -> None:
        terms = await service.accepted(two)
        signature = {"pair_id": two.pair_id, "terms_version": terms.terms_version}
        async with service.during(two.ada, SignAgreement, **signature):
            second = asyncio.create_task(service.do(two.bo, SignAgreement, **signature))
            assert await service.waits(second)
        signed = only(await second, AgreementSigned)
        assert (signed.version, signed.agreement.complete) == (3, True)

    async def test_cannot_be_signed_while_the_other_changes_it(self, service: Service, two: Two) -> None:
        terms = await service.accepted(two)
        await service.do(two.bo, ChangeAgreement, pair_id=two.pair_id, ground_rules="cameras on")
        with pytest.raises(Conflict):
            await service.do(two.ada, SignAgreement, pair_id=two.pair_id, terms_version=terms.terms_version)

    async def test_reaches_no_further_than_its_cohort(self, service: Service, two: Two) -> None:
        terms = await service.accepted(two)
        assert terms.ends_on is not None
        with pytest.raises(Exception, match="cannot be agreed") as refused:
            await service.do(two.ada, ChangeAgreement, pair_id=two.pair_id, ends_on=terms.ends_on + DAY)
        assert getattr(refused.value, "kind", None) is RefusalKind.INVALID

    async def test_changed_alone_makes_no_session_longer(self, service: Service, two: Two) -> None:
        terms = await service.active(two)
        longer = tuple(PlannedMeeting(number=n, minutes=180) for n in range(1, 4))
        told = await service.do(two.ada, ChangeAgreement, pair_id=two.pair_id, plan=longer)
        changed = only(told, AgreementDrafted).agreement
        assert (changed.signed_by, changed.complete) == ((), False)
        # Until both sign again, what both signed last is the plan.
        assert (await service.session(two)).minutes == terms.plan[0].minutes
        asked = await service.session(two, after=2 * DAY, minutes=180)
        assert asked.status is SessionStatus.PROPOSED
        for actor in (two.ada, two.bo):
            await service.do(actor, SignAgreement, pair_id=two.pair_id, terms_version=changed.terms_version)
        assert (await service.session(two, after=3 * DAY)).planned_minutes == 180


class TestAgenda:
    async def test_grows_and_is_decided_by_the_learner(self, service: Service, two: Two) -> None:
        await service.accepted(two)
        item = {"pair_id": two.pair_id, "item_id": uuid4()}
        await service.do(two.bo, AddTopic, **item, text="board games", learner_id=id_of(two.ada))
        with pytest.raises(Exception, match="decides about this topic"):
            await service.do(two.bo, DecideTopic, **item, status=TopicItemStatus.ACCEPTED)
        told = await service.do(two.ada, DecideTopic, **item, status=TopicItemStatus.ACCEPTED)
        line = only(told, AgendaChanged).agenda.items[-1]
        assert (line.text, line.added_by, line.status) == ("board games", id_of(two.bo), TopicItemStatus.ACCEPTED)


class TestSession:
    async def test_needs_an_active_pair(self, service: Service, two: Two) -> None:
        await service.accepted(two)
        with pytest.raises(Conflict, match="not both signed"):
            await service.session(two)
        for actor in (two.ada, two.bo):
            await service.do(actor, SignAgreement, pair_id=two.pair_id, terms_version=1)
        await service.hear(two.activated(), two.held())
        with pytest.raises(Conflict, match="on hold"):
            await service.session(two)
        await service.hear(two.activated())
        assert (await service.session(two)).status is SessionStatus.SCHEDULED

    async def test_may_be_planned_before_the_service_hears_that_the_pair_it_made_active_is(
        self, service: Service, two: Two
    ) -> None:
        await service.accepted(two)
        for actor in (two.ada, two.bo):
            await service.do(actor, SignAgreement, pair_id=two.pair_id, terms_version=1)
        assert (await service.session(two)).status is SessionStatus.SCHEDULED

    async def test_is_over_with_its_pair(self, service: Service, two: Two) -> None:
        await service.active(two)
        await service.hear(two.ended())
        with pytest.raises(Conflict, match="ended"):
            await service.session(two, after=5 * DAY)

    async def test_longer_than_planned_waits_for_the_other(self, service: Service, two: Two) -> None:
        await service.active(two)
        longer = await service.session(two, minutes=90)
        assert longer.status is SessionStatus.PROPOSED
        told = await service.do(two.bo, ConfirmSession, session_id=longer.session_id)
        assert only(told, SessionScheduled).session.status is SessionStatus.SCHEDULED

    async def test_lapses_when_nobody_consented_in_time(self, service: Service, two: Two) -> None:
        await service.active(two)
        await service.session(two, minutes=90)
        dropped = only(await service.time_passes(DAY), SessionCancelled).session
        assert (dropped.status, dropped.cancelled_by) == (SessionStatus.CANCELLED, None)
        assert await service.time_passes(10 * DAY) == []

    async def test_is_refused_where_either_has_another_one(self, service: Service, two: Two) -> None:
        other = Two(bo=two.bo)
        await service.active(two)
        await service.active(other)
        session = await service.session(two)
        with pytest.raises(Conflict, match="another session"):
            await service.session(other, after=DAY + timedelta(minutes=30))
        await service.do(two.bo, CancelSession, session_id=session.session_id)
        assert (await service.session(other, after=DAY + timedelta(minutes=30))).status is SessionStatus.SCHEDULED

    async def test_is_refused_when_another_pair_is_planning_the_same_hour(self, service: Service) -> None:
        bo = a_person(uuid4())
        one, other = Two(bo=bo), Two(bo=bo)
        await service.active(one)
        await service.active(other)
        hour = {"session_id": uuid4(), "pair_id": one.pair_id, "starts_at": service.now + DAY}
        async with service.during(one.ada, ScheduleSession, **hour):
            second = asyncio.create_task(service.session(other))
            assert await service.waits(second)
        with pytest.raises(Conflict, match="another session"):
            await second

    async def test_moves_and_keeps_count(self, service: Service, two: Two) -> None:
        await service.active(two)
        session = await service.session(two)
        told = await service.do(
            two.bo, RescheduleSession, session_id=session.session_id, starts_at=service.now + 2 * DAY
        )
        moved = only(told, SessionScheduled).session
        assert (moved.status, moved.sequence, moved.starts_at) == (
            SessionStatus.RESCHEDULED,
            1,
            service.now + 2 * DAY,
        )
        # By a little, so that it overlaps with nothing but itself.
        later = moved.starts_at + timedelta(minutes=15)
        told = await service.do(two.bo, RescheduleSession, session_id=session.session_id, starts_at=later)
        assert only(told, SessionScheduled).session.sequence == 2
        # The old hour is free again.
        assert (await service.session(two)).starts_at == session.starts_at

    async def test_cancelled_within_a_day_counts_as_late(self, service: Service, two: Two) -> None:
        await service.active(two)
        session = await service.session(two)
        service.clock.forward(timedelta(minutes=1))
        told = await service.do(two.ada, CancelSession, session_id=session.session_id)
        assert only(told, SessionCancelled).session.cancelled_late

    async def test_reported_as_missed_can_be_appealed(self, service: Service, two: Two) -> None:
        await service.active(two)
        session = await service.session(two)
        service.clock.forward(DAY)
        told = await service.do(two.ada, ReportNoShow, session_id=session.session_id)
        assert only(told, SessionCancelled).session.no_show_by == id_of(two.bo)
        told = await service.do(two.bo, AppealNoShow, session_id=session.session_id)
        assert only(told, SessionCancelled).session.no_show_appealed

    async def test_with_a_taken_id_is_refused(self, service: Service, two: Two) -> None:
        other = Two()
        await service.active(two)
        await service.active(other)
        session = await service.session(two)
        with pytest.raises(Conflict, match="id is in use"):
            await service.do(
                other.ada,
                ScheduleSession,
                session_id=session.session_id,
                pair_id=other.pair_id,
                starts_at=service.now + DAY,
            )


class TestLoggedSession:
    async def test_asks_both_how_it_was_and_counts_both_directions(self, service: Service, two: Two) -> None:
        await service.active(two)
        session, told = await service.met(two, ada=BOTH, bo=BOTH)
        assert [fact.session.status for fact in all_of(told, SessionLogged)] == [
            SessionStatus.HELD,
            SessionStatus.LOGGED,
        ]
        asked = {fact.key: fact.feedback for fact in all_of(told, FeedbackRequested)}
        assert set(asked) == {uuid5(session.session_id, f"pulse:{person}") for person in two.people}
        assert {each.due_at for each in asked.values()} == {service.now + timedelta(hours=72)}
        ledger = only(told, ReciprocityAssessed).reciprocity
        assert (ledger.sessions_logged, ledger.balance) == (1, 1.0)

    async def test_that_one_side_forgot_counts_when_the_time_is_over(self, service: Service, two: Two) -> None:
        await service.active(two)
        _, told = await service.met(two, ada=("explained pods", ""), bo=None)
        assert all_of(told, ReciprocityAssessed) == []
        assert await service.time_passes(timedelta(hours=71, minutes=59)) == []
        told = await service.time_passes(timedelta(minutes=1))
        assert len(all_of(told, FeedbackRequested)) == 2
        ledger = only(told, ReciprocityAssessed).reciprocity
        silent = {tally.person_id: tally.silent_streak for tally in ledger.tallies}
        assert silent == {id_of(two.ada): 0, id_of(two.bo): 1}
        assert ledger.balance == 0.0
        assert await service.rows("SELECT 1 FROM session WHERE due_at IS NOT NULL") == []  # nothing to look at again
        assert await service.time_passes() == []

    async def test_is_counted_anew_when_the_second_log_comes_late(self, service: Service, two: Two) -> None:
        await service.active(two)
        session, _ = await service.met(two, ada=("explained pods", ""), bo=None)
        await service.time_passes(4 * DAY)
        told = await service.log(two.bo, session.session_id, taught="told of my mistakes", learned="")
        ledger = only(told, ReciprocityAssessed).reciprocity
        assert {tally.silent_streak for tally in ledger.tallies} == {0}
        assert all_of(told, FeedbackRequested) == []  # both were asked already

    async def test_silence_is_counted_exactly(self, service: Service, two: Two) -> None:
        await service.active(two)
        streaks = []
        for ada, bo in (
            (("x", ""), ("", "x")),
            (("x", ""), None),
            (("x", ""), ("", "")),
            (("x", "y"), ("", "x")),  # everybody's own word decides about what they taught …
            (("x", "y"), None),  # … and the other's only where there is none
            (("", ""), ("y", "")),
        ):
            await service.met(two, ada=ada, bo=bo)
            await service.time_passes(4 * DAY)
            (row,) = await service.rows("SELECT state FROM reciprocity")
            tallies = {tally["person_id"]: tally["silent_streak"] for tally in row.state["tallies"]}
            streaks.append((tallies[str(id_of(two.ada))], tallies[str(id_of(two.bo))]))
        assert streaks == [(0, 1), (0, 2), (0, 3), (0, 4), (0, 0), (1, 0)]

    async def test_that_nobody_logged_is_asked_about_and_counts_for_nothing(self, service: Service, two: Two) -> None:
        await service.active(two)
        session, _ = await service.met(two, ada=None, bo=None)
        told = await service.time_passes(4 * DAY)
        assert len(all_of(told, FeedbackRequested)) == 2
        assert all_of(told, ReciprocityAssessed) == []
        told = await service.log(two.ada, session.session_id, taught="x", learned="y")
        assert only(told, SessionLogged).session.status is SessionStatus.HELD

    async def test_leads_to_a_review_at_half_and_at_the_end_of_the_plan(self, service: Service, two: Two) -> None:
        await service.active(two)
        asked = []
        for _ in range(7):
            _, told = await service.met(two, ada=BOTH, bo=BOTH)
            reviews = [fact.feedback for fact in all_of(told, FeedbackRequested)]
            asked.append([each.kind for each in reviews if each.kind is not FeedbackKind.PULSE])
            await service.time_passes(DAY)
        midterm, final = [FeedbackKind.MIDTERM] * 2, [FeedbackKind.FINAL] * 2
        assert asked == [[], [], midterm, [], [], final, []]


class TestFeedback:
    async def answer(self, service: Service, actor: Actor, feedback_id: UUID, usefulness: int = 4) -> list[Event]:
        return await service.do(
            actor,
            SubmitFeedback,
            feedback_id=feedback_id,
            usefulness=usefulness,
            praise="patient",
            critique="too fast",
        )

    async def pulses(self, service: Service, two: Two) -> tuple[UUID, UUID]:
        await service.active(two)
        session, _ = await service.met(two, ada=BOTH, bo=BOTH)
        return (
            pulse_id(session.session_id, author_id=id_of(two.ada)),
            pulse_id(session.session_id, author_id=id_of(two.bo)),
        )

    async def test_is_sealed_until_both_have_answered(self, service: Service, two: Two) -> None:
        of_ada, of_bo = await self.pulses(service, two)
        told = await self.answer(service, two.ada, of_ada, 2)
        sealed = only(told, FeedbackSubmitted).feedback
        assert (sealed.status, sealed.usefulness) == (FeedbackStatus.SUBMITTED, None)
        with pytest.raises(NotFound):
            await service.read(two.bo, ReadFeedback(feedback_id=of_ada))
        mine: FeedbackText = await service.read(two.ada, ReadFeedback(feedback_id=of_ada))
        assert mine.critique == "too fast"

        told = await self.answer(service, two.bo, of_bo, 5)
        released = {fact.key: fact.feedback for fact in all_of(told, FeedbackReleased)}
        assert {key: each.usefulness for key, each in released.items()} == {of_ada: 2, of_bo: 5}
        text: FeedbackText = await service.read(two.bo, ReadFeedback(feedback_id=of_ada))
        assert (text.author_id, text.praise, text.usefulness) == (id_of(two.ada), "patient", 2)

    async def test_is_released_once_when_both_answer_at_the_same_moment(self, service: Service, two: Two) -> None:
        of_ada, of_bo = await self.pulses(service, two)
        async with service.during(two.ada, SubmitFeedback, feedback_id=of_ada, usefulness=3):
            second = asyncio.create_task(self.answer(service, two.bo, of_bo))
            assert await service.waits(second)
        assert {fact.key for fact in all_of(await second, FeedbackReleased)} == {of_ada, of_bo}

    async def test_given_at_the_last_moment_does_not_expire(self, service: Service, two: Two) -> None:
        of_ada, of_bo = await self.pulses(service, two)
        service.clock.forward(timedelta(hours=72) - timedelta(seconds=1))
        async with service.during(two.ada, SubmitFeedback, feedback_id=of_ada, usefulness=3):
            told = await service.time_passes(timedelta(seconds=1))
            assert of_ada not in {fact.key for fact in told}
        told = await service.time_passes()
        states = {fact.key: (fact.feedback.status, fact.feedback.usefulness) for fact in all_of(told, FeedbackReleased)}
        assert states == {of_ada: (FeedbackStatus.RELEASED, 3), of_bo: (FeedbackStatus.EXPIRED, None)}

    async def test_is_released_or_expires_when_the_time_is_over(self, service: Service, two: Two) -> None:
        of_ada, of_bo = await self.pulses(service, two)
        await self.answer(service, two.ada, of_ada, 1)
        assert all_of(await service.time_passes(timedelta(hours=71)), FeedbackReleased) == []
        told = await service.time_passes(timedelta(hours=1))
        states = {fact.key: fact.feedback for fact in all_of(told, FeedbackReleased)}
        assert (states[of_ada].status, states[of_ada].usefulness) == (FeedbackStatus.RELEASED, 1)
        assert (states[of_bo].status, states[of_bo].usefulness) == (FeedbackStatus.EXPIRED, None)
        assert await service.time_passes() == []
        with pytest.raises(NotFound):
            await service.read(two.ada, ReadFeedback(feedback_id=of_bo))

    async def test_comes_too_late_after_its_time_even_before_the_timer_noticed(
        self, service: Service, two: Two
    ) -> None:
        of_ada, _ = await self.pulses(service, two)
        service.clock.forward(timedelta(hours=72))
        with pytest.raises(Exception, match="time for this feedback is over") as refused:
            await self.answer(service, two.ada, of_ada)
        assert getattr(refused.value, "kind", None) is RefusalKind.TOO_LATE

    async def test_is_given_by_its_author_once(self, service: Service, two: Two) -> None:
        of_ada, _ = await self.pulses(service, two)
        with pytest.raises(NotFound):
            await self.answer(service, two.bo, of_ada)
        await self.answer(service, two.ada, of_ada)
        with pytest.raises(Conflict):
            await self.answer(service, two.ada, of_ada)

    async def test_of_the_end_is_given_after_the_end(self, service: Service, two: Two) -> None:
        await service.active(two)
        await service.met(two, ada=BOTH, bo=BOTH)
        await service.hear(two.ended())
        final = review_id(two.pair_id, kind=FeedbackKind.FINAL, author_id=id_of(two.bo))
        assert only(await self.answer(service, two.bo, final), FeedbackSubmitted).key == final


class TestIntroduction:
    async def test_opens_a_door_only_with_the_third_ones_consent(self, service: Service, two: Two) -> None:
        third = a_person(uuid4())
        await service.active(two)
        await service.hear(a_profile(third))
        door = {"introduction_id": uuid4()}
        told = await service.do(
            two.bo, OfferIntroduction, **door, pair_id=two.pair_id, third_person_id=id_of(third), about="a founder"
        )
        offered = only(told, IntroductionAdvanced)
        assert (offered.introduction.third_person_id, offered.ask_third_person_id) == (None, id_of(third))
        with pytest.raises(Conflict):
            await service.do(two.bo, MakeIntroduction, **door)
        with pytest.raises(NotFound):
            await service.do(two.ada, AnswerIntroduction, **door, consent=True)

        consented = only(await service.do(third, AnswerIntroduction, **door, consent=True), IntroductionAdvanced)
        assert (consented.introduction.third_person_id, consented.ask_third_person_id) == (id_of(third), None)
        made = await service.do(two.bo, MakeIntroduction, **door)
        tallies = {each.person_id: each for each in only(made, ReciprocityAssessed).reciprocity.tallies}
        assert tallies[id_of(two.bo)].introductions_made == 1
        told = await service.do(two.ada, CloseIntroduction, **door, outcome="we had lunch")
        assert only(told, IntroductionAdvanced).introduction.status is IntroductionStatus.CLOSED

    async def test_declined_never_tells_who_was_asked(self, service: Service, two: Two) -> None:
        third = a_person(uuid4())
        await service.active(two)
        await service.hear(a_profile(third))
        door = {"introduction_id": uuid4()}
        await service.do(
            two.bo, OfferIntroduction, **door, pair_id=two.pair_id, third_person_id=id_of(third), about="a founder"
        )
        declined = only(await service.do(third, AnswerIntroduction, **door, consent=False), IntroductionAdvanced)
        assert declined.introduction.status is IntroductionStatus.DECLINED
        assert str(id_of(third)) not in encode(declined).decode()
        with pytest.raises(Conflict):
            await service.do(third, AnswerIntroduction, **door, consent=True)

    async def test_needs_somebody_of_the_platform(self, service: Service, two: Two) -> None:
        gone = a_person(uuid4())
        await service.active(two)
        await service.hear(a_profile(gone, version=2, active=False), a_profile(gone, version=1))
        for third_id in (uuid4(), id_of(gone)):
            with pytest.raises(NotFound, match="no such person"):
                await service.do(
                    two.bo,
                    OfferIntroduction,
                    introduction_id=uuid4(),
                    pair_id=two.pair_id,
                    third_person_id=third_id,
                    about="a founder",
                )


class TestEndedPair:
    async def test_drops_what_was_planned_and_asks_for_final_reviews(self, service: Service, two: Two) -> None:
        await service.active(two)
        begun = await service.session(two)
        ahead = await service.session(two, after=3 * DAY)
        proposed = await service.session(two, after=5 * DAY, minutes=90)
        service.clock.forward(DAY + timedelta(minutes=10))
        told = await service.hear(two.ended())
        dropped = {fact.key for fact in all_of(told, SessionCancelled)}
        assert dropped == {ahead.session_id, proposed.session_id}
        assert {fact.feedback.kind for fact in all_of(told, FeedbackRequested)} == {FeedbackKind.FINAL}
        assert len(all_of(told, FeedbackRequested)) == 2
        # What had begun can still be logged: its history stays.
        logged = await service.log(two.ada, begun.session_id, taught="x", learned="y")
        assert only(logged, SessionLogged).session.status is SessionStatus.HELD

    async def test_that_never_began_asks_for_nothing(self, service: Service, two: Two) -> None:
        await service.accepted(two)
        assert await service.hear(two.ended()) == []


class TestReEmission:
    async def test_repeats_the_last_fact_of_everything_to_the_letter(self, service: Service, two: Two) -> None:
        third = a_person(uuid4())
        await service.active(two)
        await service.hear(a_profile(third))
        session, _ = await service.met(two, ada=BOTH, bo=BOTH)
        await service.session(two, minutes=90)
        await service.do(
            two.ada,
            SubmitFeedback,
            feedback_id=pulse_id(session.session_id, author_id=id_of(two.ada)),
            usefulness=3,
        )
        for consent in (True, False, None):
            door = uuid4()
            await service.do(
                two.bo,
                OfferIntroduction,
                introduction_id=door,
                pair_id=two.pair_id,
                third_person_id=id_of(third),
                about="a founder",
            )
            if consent is not None:
                await service.do(third, AnswerIntroduction, introduction_id=door, consent=consent)
        await service.time_passes(4 * DAY)

        latest = {
            row.key: (row.wire, bytes(row.payload).decode())
            for row in await service.rows("SELECT key, wire, payload FROM outbox ORDER BY seq")
        }
        async with service.database.begin(SYSTEM) as tx:
            again = {fact.key: (fact.WIRE, encode(fact).decode()) async for fact in current_facts(tx)}
        assert again == latest
        assert len(again) >= 10


async def test_a_version_grows_by_one_with_each_fact_of_its_key(service: Service, two: Two) -> None:
    await service.active(two)
    await service.met(two, ada=BOTH, bo=BOTH)
    await service.time_passes(4 * DAY)
    await service.hear(two.ended())
    seen: dict[object, list[int]] = {}
    for row in await service.rows(
        "SELECT key, convert_from(payload, 'UTF8')::jsonb -> 'version' AS v FROM outbox ORDER BY seq"
    ):
        seen.setdefault(row.key, []).append(row.v)
    assert seen
    assert all(versions == list(range(1, len(versions) + 1)) for versions in seen.values())
