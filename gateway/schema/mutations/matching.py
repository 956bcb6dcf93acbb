"""Mutations of cohorts, places in them, match runs and pairs."""

from __future__ import annotations

from datetime import datetime
from uuid import uuid5

import strawberry

from contracts import matching as contract
from contracts.matching import (
    CohortStatus,
    DeclineReason,
    EnrolmentChanged,
    EnrolmentRole,
    EnrolmentStatus,
    Keep,
    RuleKind,
)
from gateway.schema.context import Given, Info
from gateway.schema.describing import mutation
from gateway.schema.mutations import carrying, results
from gateway.schema.mutations.carrying import CommandInput, Done, InputIsWrong, carry_out
from gateway.schema.refusals import refused


@strawberry.input(description="An organization to invite into a cohort.")
class PartnerInput:
    organization_id: strawberry.ID = strawberry.field(description="The organization.")
    seats: int | None = strawberry.field(
        default=None, description="How many of its people can take part; left out: as many as the cohort has."
    )


@strawberry.input(description="One rule of a cohort.")
class RuleInput:
    kind: RuleKind = strawberry.field(description="What it asks.")
    required: bool = strawberry.field(default=True, description="True: never broken. False: costs `weight`.")
    parameter: float | None = strawberry.field(default=None, description="The number that the kind needs.")
    facet: str | None = strawberry.field(
        default=None, description="The facet that the kind needs: career_stage, industry, function, education, region."
    )
    people: list[strawberry.ID] | None = strawberry.field(
        default=None,
        description="The people that the kind names: two for TOGETHER and NOT_TOGETHER; for PARTNER_AMONG the person first, then the "
        "group from which all their partners come; for INCLUDE_ONE the group of whom at least one has a pair.",
    )
    language: str | None = strawberry.field(
        default=None,
        description="The code of the one language that SHARED_LANGUAGE is about, such as en; left out: any language.",
    )
    weight: float | None = strawberry.field(
        default=None, description="What breaking it costs, 0 to 1, when it is not required; left out: 0.1."
    )


@strawberry.input(description="A cohort's rules and weights.")
class RuleSetInput:
    rules: list[RuleInput] | None = strawberry.field(
        default=None,
        description="All rules; left out: different team, no reporting line, a shared language (B1), 30 shared minutes, not met before.",
    )
    difference: float | None = strawberry.field(
        default=None, description="How much being different counts: 0 to 1; left out: 0.12."
    )
    logistics: float | None = strawberry.field(
        default=None, description="How much shared time counts: 0 to 1; left out: 0.1."
    )
    ranking: float | None = strawberry.field(
        default=None,
        description="How much it counts when runs plan, at most, that two people ranked each other first: 0 to 0.5; left out: 0.2.",
    )
    learned: bool | None = strawberry.field(
        default=None, description="Whether to heed what released feedback taught (see `calibration`); left out: no."
    )
    worst_off_floor: float | None = strawberry.field(
        default=None,
        description="How far the worst pair is lifted before value counts: 0 to 1, as far as can be without leaving more people alone; "
        "left out: 0.",
    )
    organization_floor: float | None = strawberry.field(
        default=None,
        description="The share of what its people would get at best that every organization gets at least, as far as can be: 0 to 1; "
        "left out: 0.",
    )


@strawberry.input(description="A cohort to draft. The viewer's organization must be among the partners.")
class DraftCohortInput(CommandInput):
    cohort_id: strawberry.ID | None = strawberry.field(default=None, description="A UUID made by the client.")
    name: str = strawberry.field(description="Its name.")
    description: str = strawberry.field(default="", description="What it is about.")
    partners: list[PartnerInput] = strawberry.field(
        description="The organizations; the viewer's own is accepted at once."
    )
    opens_at: datetime = strawberry.field(description="When registration opens, with its offset from UTC.")
    closes_at: datetime = strawberry.field(description="When registration closes.")
    starts_at: datetime = strawberry.field(description="When pairs begin to work together.")
    ends_at: datetime = strawberry.field(description="When the edition ends.")
    answer_hours: int = strawberry.field(default=72, description="How many hours a proposal stays open.")
    capacity: int | None = strawberry.field(default=None, description="How many people it takes; left out: no limit.")
    rolling: bool = strawberry.field(default=False, description="Whether it opens and matches again in waves.")
    rules: RuleSetInput | None = strawberry.field(default=None, description="The rules of matching.")
    series: str = strawberry.field(default="", description="Editions of one series know who met before.")


@strawberry.input(description="One cohort.")
class CohortInput(CommandInput):
    cohort_id: strawberry.ID = strawberry.field(description="The cohort.")


@strawberry.input(description="The word of a partner organization.")
class AcceptPartnershipInput(CohortInput):
    seats: int | None = strawberry.field(
        default=None, description="How many of its people can take part; left out: as drafted."
    )


@strawberry.input(description="The next state of a cohort.")
class AdvanceCohortInput(CohortInput):
    to: CohortStatus = strawberry.field(description="The next state, or CANCELLED.")


@strawberry.input(description="New rules for a cohort; they replace all old ones.")
class ChangeRulesInput(CohortInput):
    rules: RuleSetInput = strawberry.field(description="The rules.")


@strawberry.input(description="How many people a cohort takes.")
class ChangeCapacityInput(CohortInput):
    capacity: int | None = strawberry.field(
        default=None, description="How many; left out: no limit. Never fewer than have a place already."
    )


@strawberry.input(description="How many people of the viewer's own organization a cohort takes.")
class ChangeSeatsInput(CohortInput):
    seats: int | None = strawberry.field(
        default=None,
        description="How many; left out: as many as the cohort has. Never fewer than have a place already.",
    )


@strawberry.input(description="People to invite.")
class InvitePeopleInput(CohortInput):
    people: list[strawberry.ID] | None = strawberry.field(
        default=None, description="Own people; left out: all active people of the organization."
    )


@strawberry.input(description="How one wants to take part.")
class EnrolInput(CohortInput):
    role: EnrolmentRole = strawberry.field(default=EnrolmentRole.BOTH, description="Teaches, learns or both.")
    capacity: int = strawberry.field(default=1, description="How many pairs at once.")


@strawberry.input(description="Somebody's place in a cohort.")
class RemoveEnrolmentInput(CohortInput):
    person_id: strawberry.ID = strawberry.field(description="The person.")


@strawberry.input(description="Somebody never to be paired with.")
class BlockPersonInput(CommandInput):
    person_id: strawberry.ID = strawberry.field(description="The person. Nobody is told.")


@strawberry.input(description="A match run.")
class RequestMatchingInput(CohortInput):
    run_id: strawberry.ID | None = strawberry.field(default=None, description="A UUID made by the client.")
    seed: int = strawberry.field(default=0, description="The same seed over the same people gives the same pairs.")
    keep: Keep = strawberry.field(
        default=Keep.NONE, description="What the run keeps of the present drafts: after a drop-out, LOCKED or STICKY."
    )


@strawberry.input(description="One match run.")
class RunInput(CommandInput):
    run_id: strawberry.ID = strawberry.field(description="The match run.")


@strawberry.input(description="A match run to stop.")
class CancelMatchingInput(RunInput):
    keep_best: bool = strawberry.field(
        default=False,
        description="True: a running run soon completes with the best plan so far, and says how far from the best it may be.",
    )


@strawberry.input(description="A what-if: other rules over what a completed match run saw.")
class SimulateMatchingInput(CommandInput):
    run_id: strawberry.ID | None = strawberry.field(default=None, description="A UUID made by the client.")
    base_run_id: strawberry.ID = strawberry.field(description="The completed run whose snapshot is matched again.")
    rules: RuleSetInput = strawberry.field(description="The rules and weights to try.")


@strawberry.input(description="Two people who shall be a pair.")
class PinPairInput(CohortInput):
    people: list[strawberry.ID] = strawberry.field(description="Exactly two people of the cohort.")


@strawberry.input(description="One pair.")
class PairInput(CommandInput):
    pair_id: strawberry.ID = strawberry.field(description="The pair.")


@strawberry.input(description="A no to a proposal.")
class DeclinePairInput(PairInput):
    reason: DeclineReason = strawberry.field(description="Why; only organizers learn it.")
    pause: bool = strawberry.field(default=False, description="True: I am not available now; pauses the enrolment too.")


@strawberry.input(description="A question before a yes or no.")
class AskQuestionInput(PairInput):
    question_id: strawberry.ID | None = strawberry.field(default=None, description="A UUID made by the client.")
    text: str = strawberry.field(description="The question.")


@strawberry.input(description="The answer to a question.")
class AnswerQuestionInput(PairInput):
    question_id: strawberry.ID = strawberry.field(description="The question.")
    answer: str = strawberry.field(description="The answer.")


@strawberry.input(description="The end of a pair.")
class EndPairInput(PairInput):
    reason: str = strawberry.field(default="", description="Why, for the two only.")


async def _invited(done: Done[contract.InvitePeople]) -> results.PeopleInvited | None:
    cohort = await results.read_cohort(done)
    if cohort is None:
        return None
    invited = {
        fact.key
        for fact in done.facts
        if isinstance(fact, EnrolmentChanged) and fact.enrolment.status is EnrolmentStatus.INVITED
    }
    return results.PeopleInvited(cohort=cohort, invited=len(invited))


async def _blocked(done: Done[contract.BlockPerson]) -> results.PersonBlocked:
    return results.PersonBlocked(person_id=strawberry.ID(str(done.command.person_id)))


@strawberry.type
class MatchingMutations:
    @mutation("Draft a cohort with partner organizations. By an admin of one of them.")
    async def draft_cohort(self, info: Info, given: Given[DraftCohortInput]) -> results.CohortPayload:
        try:
            command_id = carrying.command_id_of(given)
            plain = carrying.as_plain(given)
            plain.setdefault("cohort_id", uuid5(command_id, "cohort_id"))
            cohort = carrying.converted(plain, contract.Cohort)
        except InputIsWrong as wrong:
            return refused(wrong)
        command = contract.DraftCohort(command_id=command_id, cohort=cohort)
        return await carrying.send(info, command, results.read_drafted_cohort)

    @mutation("Accept a partnership; the last acceptance opens the cohort once its window has come. By an admin.")
    async def accept_partnership(self, info: Info, given: Given[AcceptPartnershipInput]) -> results.CohortPayload:
        return await carry_out(info, given, contract.AcceptPartnership, results.read_cohort)

    @mutation("Move a cohort to its next state, or cancel it. By an admin of a partner.")
    async def advance_cohort(self, info: Info, given: Given[AdvanceCohortInput]) -> results.CohortPayload:
        return await carry_out(info, given, contract.AdvanceCohort, results.read_cohort)

    @mutation("Replace a cohort's rules, before REVIEW; contradictions are refused. By an admin of a partner.")
    async def change_rules(self, info: Info, given: Given[ChangeRulesInput]) -> results.CohortPayload:
        return await carry_out(info, given, contract.ChangeRules, results.read_cohort)

    @mutation("Change how many people a cohort takes; who waits moves up at once. By an admin of a partner.")
    async def change_capacity(self, info: Info, given: Given[ChangeCapacityInput]) -> results.CohortPayload:
        return await carry_out(info, given, contract.ChangeCapacity, results.read_cohort)

    @mutation(
        "Change how many people of the own organization a cohort takes; who waits moves up at once. By its admin."
    )
    async def change_seats(self, info: Info, given: Given[ChangeSeatsInput]) -> results.CohortPayload:
        return await carry_out(info, given, contract.ChangeSeats, results.read_cohort)

    @mutation("Invite own people into a cohort. By an admin.")
    async def invite_people(self, info: Info, given: Given[InvitePeopleInput]) -> results.InvitationPayload:
        return await carry_out(info, given, contract.InvitePeople, _invited)

    @mutation("Take part in a cohort: apply, or take up an invitation. By the person.")
    async def enrol(self, info: Info, given: Given[EnrolInput]) -> results.EnrolmentPayload:
        return await carry_out(info, given, contract.Enrol, results.read_enrolment)

    @mutation("Take a pause: open proposals are declined, no new ones come. By the person.")
    async def pause_enrolment(self, info: Info, given: Given[CohortInput]) -> results.EnrolmentPayload:
        return await carry_out(info, given, contract.PauseEnrolment, results.read_enrolment)

    @mutation("Come back from a pause. By the person.")
    async def resume_enrolment(self, info: Info, given: Given[CohortInput]) -> results.EnrolmentPayload:
        return await carry_out(info, given, contract.ResumeEnrolment, results.read_enrolment)

    @mutation("Leave a cohort; the place goes to the waiting list. By the person.")
    async def withdraw_enrolment(self, info: Info, given: Given[CohortInput]) -> results.EnrolmentPayload:
        return await carry_out(info, given, contract.WithdrawEnrolment, results.read_enrolment)

    @mutation("Remove one of the own people from a cohort. By an admin.")
    async def remove_enrolment(self, info: Info, given: Given[RemoveEnrolmentInput]) -> results.EnrolmentPayload:
        return await carry_out(info, given, contract.RemoveEnrolment, results.read_enrolment)

    @mutation("Never be paired with this person, in any cohort; nobody is told. By a person.")
    async def block_person(self, info: Info, given: Given[BlockPersonInput]) -> results.BlockPayload:
        return await carry_out(info, given, contract.BlockPerson, _blocked)

    @mutation("Queue a match run over the admitted people with free places. By an admin of a partner.")
    async def request_matching(self, info: Info, given: Given[RequestMatchingInput]) -> results.MatchRunPayload:
        return await carry_out(info, given, contract.RequestMatching, results.read_run, made="run_id")

    @mutation(
        "Stop a queued or running match run; with keepBest a running one ends with the best plan so far. By an admin of a partner."
    )
    async def cancel_matching(self, info: Info, given: Given[CancelMatchingInput]) -> results.MatchRunPayload:
        return await carry_out(info, given, contract.CancelMatching, results.read_run)

    @mutation(
        "Queue a run over what a completed one saw, under other rules. It changes nothing: compare it, and adopt it if it is better. "
        "By an admin of a partner."
    )
    async def simulate_matching(self, info: Info, given: Given[SimulateMatchingInput]) -> results.MatchRunPayload:
        return await carry_out(info, given, contract.SimulateMatching, results.read_run, made="run_id")

    @mutation(
        "Make a completed simulation the cohort's plan: its pairs replace the present drafts, and its rules the cohort's. Whoever "
        "left or has no place any more is left out. By an admin of a partner."
    )
    async def adopt_run(self, info: Info, given: Given[RunInput]) -> results.MatchRunPayload:
        return await carry_out(info, given, contract.AdoptRun, results.read_run)

    @mutation("Make two people a pair; match runs keep it. By an admin of a partner.")
    async def pin_pair(self, info: Info, given: Given[PinPairInput]) -> results.PairPayload:
        return await carry_out(info, given, contract.PinPair, results.read_pinned_pair)

    @mutation("Turn a match run's drafts into proposals; their answering time starts. By an admin of a partner.")
    async def publish_proposals(self, info: Info, given: Given[RunInput]) -> results.MatchRunPayload:
        return await carry_out(info, given, contract.PublishProposals, results.read_run)

    @mutation("Say yes to a proposal. By one of the two.")
    async def accept_pair(self, info: Info, given: Given[PairInput]) -> results.PairPayload:
        return await carry_out(info, given, contract.AcceptPair, results.read_pair)

    @mutation("Say no to a proposal. By one of the two.")
    async def decline_pair(self, info: Info, given: Given[DeclinePairInput]) -> results.PairPayload:
        return await carry_out(info, given, contract.DeclinePair, results.read_pair)

    @mutation("Ask a question before saying yes or no. By one of the two.")
    async def ask_question(self, info: Info, given: Given[AskQuestionInput]) -> results.PairPayload:
        return await carry_out(info, given, contract.AskQuestion, results.read_pair, made="question_id")

    @mutation("Answer a question. By the other one of the two.")
    async def answer_question(self, info: Info, given: Given[AnswerQuestionInput]) -> results.PairPayload:
        return await carry_out(info, given, contract.AnswerQuestion, results.read_pair)

    @mutation("Pause an active pair. By one of the two.")
    async def hold_pair(self, info: Info, given: Given[PairInput]) -> results.PairPayload:
        return await carry_out(info, given, contract.HoldPair, results.read_pair)

    @mutation("Go on after a pause. By one of the two.")
    async def resume_pair(self, info: Info, given: Given[PairInput]) -> results.PairPayload:
        return await carry_out(info, given, contract.ResumePair, results.read_pair)

    @mutation(
        "End a pair: COMPLETED in the wrap-up or later, else ENDED_EARLY. By one of the two, or an admin of a partner."
    )
    async def end_pair(self, info: Info, given: Given[EndPairInput]) -> results.PairPayload:
        return await carry_out(info, given, contract.EndPair, results.read_pair)
