"""Mutations of what two people do together: agreement, agenda, sessions, feedback, introductions. Each by one of the two, unless said."""

from __future__ import annotations

from datetime import date, datetime

import strawberry

from contracts import feedback as contract
from contracts.feedback import TopicItemStatus
from gateway.schema.context import Given, Info
from gateway.schema.describing import mutation
from gateway.schema.mutations import results
from gateway.schema.mutations.carrying import CommandInput, carry_out


@strawberry.input(description="One meeting of the tapering plan.")
class PlannedMeetingInput:
    number: int = strawberry.field(description="1 is the first.")
    minutes: int = strawberry.field(description="How long; never longer than the one before.")
    focus: str = strawberry.field(default="", description="What it is about.")


@strawberry.input(description="New terms. What is left out stays; both signatures are cleared.")
class ChangeAgreementInput(CommandInput):
    pair_id: strawberry.ID = strawberry.field(description="The pair.")
    goals: list[str] | None = strawberry.field(default=None, description="The viewer's own goals; replaces them.")
    ground_rules: str | None = strawberry.field(default=None, description="How the two want to deal with each other.")
    cadence_days: int | None = strawberry.field(default=None, description="Days between two meetings.")
    plan: list[PlannedMeetingInput] | None = strawberry.field(default=None, description="All meetings of the plan.")
    ends_on: date | None = strawberry.field(default=None, description="The last day.")


@strawberry.input(description="A signature under exactly these terms.")
class SignAgreementInput(CommandInput):
    pair_id: strawberry.ID = strawberry.field(description="The pair.")
    terms_version: int = strawberry.field(
        description="The `termsVersion` that was read; refused when it changed since."
    )


@strawberry.input(description="A line for the agenda.")
class AddTopicInput(CommandInput):
    pair_id: strawberry.ID = strawberry.field(description="The pair.")
    item_id: strawberry.ID | None = strawberry.field(default=None, description="A UUID made by the client.")
    text: str = strawberry.field(description="The topic.")
    learner_id: strawberry.ID = strawberry.field(description="The person whose learning it is for: one of the two.")


@strawberry.input(description="What becomes of a line of the agenda.")
class DecideTopicInput(CommandInput):
    pair_id: strawberry.ID = strawberry.field(description="The pair.")
    item_id: strawberry.ID = strawberry.field(description="The line.")
    status: TopicItemStatus = strawberry.field(description="ACCEPTED, DECLINED or DONE.")


@strawberry.input(description="The next meeting of a pair.")
class ScheduleSessionInput(CommandInput):
    session_id: strawberry.ID | None = strawberry.field(default=None, description="A UUID made by the client.")
    pair_id: strawberry.ID = strawberry.field(description="The pair.")
    starts_at: datetime = strawberry.field(description="When it begins, with its offset from UTC.")
    minutes: int | None = strawberry.field(default=None, description="How long; left out: as planned.")
    place: str = strawberry.field(default="", description="Where: a room or an address of a call.")
    focus: str = strawberry.field(default="", description="What it is about.")


@strawberry.input(description="One session.")
class SessionInput(CommandInput):
    session_id: strawberry.ID = strawberry.field(description="The session.")


@strawberry.input(description="A new time for a session.")
class RescheduleSessionInput(SessionInput):
    starts_at: datetime = strawberry.field(description="When it begins now, with its offset from UTC.")


@strawberry.input(description="What came of a session, by one of the two. The words are for the two only.")
class LogSessionInput(SessionInput):
    taught: str = strawberry.field(default="", description="What I taught; empty: nothing.")
    learned: str = strawberry.field(default="", description="What I learned; empty: nothing.")
    minutes: int | None = strawberry.field(default=None, description="How long it took; left out: as planned.")


@strawberry.input(description="An answer to a requested pulse or review. The words are for the addressee only.")
class SubmitFeedbackInput(CommandInput):
    feedback_id: strawberry.ID = strawberry.field(description="The requested feedback.")
    usefulness: int = strawberry.field(description="1 to 5.")
    praise: str = strawberry.field(default="", description="What was good.")
    critique: str = strawberry.field(default="", description="What could be better; see how the other likes it.")


@strawberry.input(description="A door to open for the other one.")
class OfferIntroductionInput(CommandInput):
    introduction_id: strawberry.ID | None = strawberry.field(default=None, description="A UUID made by the client.")
    pair_id: strawberry.ID = strawberry.field(description="The pair.")
    third_person_id: strawberry.ID = strawberry.field(
        description="To whom it leads: somebody of the platform, who is asked first."
    )
    about: str = strawberry.field(description="What it is about.")


@strawberry.input(description="One introduction.")
class IntroductionInput(CommandInput):
    introduction_id: strawberry.ID = strawberry.field(description="The introduction.")


@strawberry.input(description="Whether one agrees to be introduced.")
class AnswerIntroductionInput(IntroductionInput):
    consent: bool = strawberry.field(description="True: yes.")


@strawberry.input(description="What came of an introduction.")
class CloseIntroductionInput(IntroductionInput):
    outcome: str = strawberry.field(description="What came of it.")


@strawberry.type
class FeedbackMutations:
    @mutation("Change the terms of the agreement; both sign anew.")
    async def change_agreement(self, info: Info, given: Given[ChangeAgreementInput]) -> results.AgreementPayload:
        return await carry_out(info, given, contract.ChangeAgreement, results.read_agreement)

    @mutation("Sign the agreement. Once both have, the pair is ACTIVE.")
    async def sign_agreement(self, info: Info, given: Given[SignAgreementInput]) -> results.AgreementPayload:
        return await carry_out(info, given, contract.SignAgreement, results.read_agreement)

    @mutation("Add a line to the agenda; the learner decides about it.")
    async def add_topic(self, info: Info, given: Given[AddTopicInput]) -> results.AgendaPayload:
        return await carry_out(info, given, contract.AddTopic, results.read_agenda, made="item_id")

    @mutation("Accept, decline or finish a line of the agenda. By its learner.")
    async def decide_topic(self, info: Info, given: Given[DecideTopicInput]) -> results.AgendaPayload:
        return await carry_out(info, given, contract.DecideTopic, results.read_agenda)

    @mutation("Plan the next meeting. Longer than planned needs the other's consent.")
    async def schedule_session(self, info: Info, given: Given[ScheduleSessionInput]) -> results.SessionPayload:
        return await carry_out(info, given, contract.ScheduleSession, results.read_session, made="session_id")

    @mutation("Consent to a session that is longer than planned. By the other one.")
    async def confirm_session(self, info: Info, given: Given[SessionInput]) -> results.SessionPayload:
        return await carry_out(info, given, contract.ConfirmSession, results.read_session)

    @mutation("Move a session that has not begun.")
    async def reschedule_session(self, info: Info, given: Given[RescheduleSessionInput]) -> results.SessionPayload:
        return await carry_out(info, given, contract.RescheduleSession, results.read_session)

    @mutation("Cancel a session that has not begun; within its last 24 hours it counts as late.")
    async def cancel_session(self, info: Info, given: Given[SessionInput]) -> results.SessionPayload:
        return await carry_out(info, given, contract.CancelSession, results.read_session)

    @mutation("Say what you taught and what you learned, after the meeting.")
    async def log_session(self, info: Info, given: Given[LogSessionInput]) -> results.SessionPayload:
        return await carry_out(info, given, contract.LogSession, results.read_session)

    @mutation("Report that the other one did not come.")
    async def report_no_show(self, info: Info, given: Given[SessionInput]) -> results.SessionPayload:
        return await carry_out(info, given, contract.ReportNoShow, results.read_session)

    @mutation("Disagree with such a report. By the one reported.")
    async def appeal_no_show(self, info: Info, given: Given[SessionInput]) -> results.SessionPayload:
        return await carry_out(info, given, contract.AppealNoShow, results.read_session)

    @mutation("Answer a requested pulse or review. Sealed until both have written or the deadline passed.")
    async def submit_feedback(self, info: Info, given: Given[SubmitFeedbackInput]) -> results.FeedbackPayload:
        return await carry_out(info, given, contract.SubmitFeedback, results.read_feedback)

    @mutation("Offer to introduce the other one to a third person, who is asked first.")
    async def offer_introduction(self, info: Info, given: Given[OfferIntroductionInput]) -> results.IntroductionPayload:
        return await carry_out(
            info, given, contract.OfferIntroduction, results.read_introduction, made="introduction_id"
        )

    @mutation("Agree to be introduced, or not. By the third person.")
    async def answer_introduction(
        self, info: Info, given: Given[AnswerIntroductionInput]
    ) -> results.IntroductionPayload:
        return await carry_out(info, given, contract.AnswerIntroduction, results.read_introduction)

    @mutation("Say that the introduction was made. By the one who offered it, after consent.")
    async def make_introduction(self, info: Info, given: Given[IntroductionInput]) -> results.IntroductionPayload:
        return await carry_out(info, given, contract.MakeIntroduction, results.read_introduction)

    @mutation("Say what came of an introduction. By its receiver.")
    async def close_introduction(self, info: Info, given: Given[CloseIntroductionInput]) -> results.IntroductionPayload:
        return await carry_out(info, given, contract.CloseIntroduction, results.read_introduction)
