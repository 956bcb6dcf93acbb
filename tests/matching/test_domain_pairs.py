"""Pairs, as a machine that Hypothesis drives with every command in every order."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from hypothesis import settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from contracts.errors import NotFound, Refusal
from contracts.matching import (
    CohortStatus,
    DeclineReason,
    Direction,
    Pair,
    PairChanged,
    PairDeclined,
    PairEnded,
    PairProposed,
    PairStatus,
    Question,
    Term,
    Wording,
)
from services.matching.domain import pairs
from services.matching.domain.kept import Kept, fact_of
from services.matching.domain.pairs import Seat

NOW = datetime(2026, 3, 2, tzinfo=UTC)
PEOPLE = [UUID(int=number) for number in range(1, 6)]
HOME = UUID(int=99)
DEAD = {
    PairStatus.DECLINED,
    PairStatus.EXPIRED,
    PairStatus.SUPERSEDED,
    PairStatus.COMPLETED,
    PairStatus.ENDED_EARLY,
}


def a_draft(people: Sequence[UUID] = PEOPLE[:2], **different: object) -> Kept[Pair]:
    pair = Pair(
        pair_id=uuid4(),
        cohort_id=HOME,
        status=PairStatus.DRAFT,
        members=pairs.members_of(dict.fromkeys(people, HOME)),
        directions=(),
        value=0.5,
    )
    return Kept(state=replace(pair, **different), told_as=PairProposed, changed_at=NOW)  # type: ignore[arg-type]


def a_proposal(people: Sequence[UUID] = PEOPLE[:2]) -> Kept[Pair]:
    return pairs.propose(a_draft(people), answer_hours=72, now=NOW, by=None)


def roomy(*people: UUID) -> dict[UUID, Seat]:
    return {person: Seat(capacity=1, taken=0) for person in people or PEOPLE}


class Pairing(RuleBasedStateMachine):
    """Five people with one or two places each, and all the pairs that they could be."""

    def __init__(self) -> None:
        super().__init__()
        self.now = NOW
        self.pairs: list[Kept[Pair]] = []
        self.before: dict[UUID, Kept[Pair]] = {}
        self.signed: set[UUID] = set()

    @initialize(capacities=st.lists(st.integers(1, 2), min_size=5, max_size=5))
    def people(self, capacities: list[int]) -> None:
        self.capacity = dict(zip(PEOPLE, capacities, strict=True))

    def seats(self, pair: Pair) -> dict[UUID, Seat]:
        return {
            member.person_id: Seat(capacity=self.capacity[member.person_id], taken=self.taken(member.person_id))
            for member in pair.members
        }

    def taken(self, person: UUID) -> int:
        return sum(
            kept.state.status in pairs.SEATED and person in {member.person_id for member in kept.state.members}
            for kept in self.pairs
        )

    def keep(self, *changes: Kept[Pair]) -> None:
        for change in changes:
            index = next(n for n, kept in enumerate(self.pairs) if kept.state.pair_id == change.state.pair_id)
            old = self.pairs[index]
            if change is not old:
                assert change.version == old.version + 1
                assert fact_of(change).version == change.version
            if old.state.status in DEAD:
                assert change.state.status is old.state.status
            self.pairs[index] = change

    def some(self, data: st.DataObject) -> Kept[Pair]:
        return data.draw(st.sampled_from(self.pairs))

    @rule(two=st.lists(st.sampled_from(PEOPLE), min_size=2, max_size=2, unique=True))
    def draft(self, two: list[UUID]) -> None:
        self.pairs.append(a_draft(two))

    @precondition(lambda self: self.pairs)
    @rule(data=st.data())
    def publish(self, data: st.DataObject) -> None:
        kept = self.some(data)
        if kept.state.status is PairStatus.DRAFT:
            self.keep(pairs.propose(kept, answer_hours=72, now=self.now, by=None))

    @precondition(lambda self: self.pairs)
    @rule(data=st.data(), second=st.booleans())
    def accept(self, data: st.DataObject, second: bool) -> None:
        kept = self.some(data)
        seats = self.seats(kept.state)
        try:
            accepted = pairs.accept(kept, by=kept.state.members[second].person_id, now=self.now, seats=seats)
        except Refusal:
            return
        assert kept.state.status in pairs.ANSWERABLE
        self.keep(accepted)
        if accepted.state.status is PairStatus.ACCEPTED:
            full = {person for person, seat in pairs.fill_seats(seats).items() if seat.full}
            others = [
                other
                for other in self.pairs
                if other.state.pair_id != kept.state.pair_id
                and full & {member.person_id for member in other.state.members}
            ]
            self.keep(*(pairs.supersede(other, why="full", now=self.now) for other in others))

    @precondition(lambda self: self.pairs)
    @rule(data=st.data(), second=st.booleans())
    def decline(self, data: st.DataObject, second: bool) -> None:
        kept = self.some(data)
        try:
            self.keep(
                pairs.decline(kept, by=kept.state.members[second].person_id, reason=DeclineReason.NO_TIME, now=self.now)
            )
        except Refusal:
            return

    @precondition(lambda self: self.pairs)
    @rule(data=st.data())
    def sign(self, data: st.DataObject) -> None:
        kept = self.some(data)
        self.signed.add(kept.state.pair_id)
        self.keep(pairs.activate(kept, now=self.now))

    @precondition(lambda self: self.pairs)
    @rule(data=st.data())
    def hold_or_resume(self, data: st.DataObject) -> None:
        kept = self.some(data)
        by = kept.state.members[0].person_id
        try:
            step = pairs.resume if kept.state.status is PairStatus.ON_HOLD else pairs.hold
            self.keep(step(kept, by=by, now=self.now))
        except Refusal:
            return

    @precondition(lambda self: self.pairs)
    @rule(data=st.data(), cohort=st.sampled_from((CohortStatus.ACTIVE, CohortStatus.WRAP_UP)))
    def end(self, data: st.DataObject, cohort: CohortStatus) -> None:
        kept = self.some(data)
        try:
            self.keep(pairs.end(kept, cohort=cohort, reason="", by=None, now=self.now))
        except Refusal:
            return

    @rule(hours=st.integers(1, 100))
    def wait(self, hours: int) -> None:
        self.now += timedelta(hours=hours)
        self.keep(*(pairs.expire(kept, now=self.now) for kept in list(self.pairs)))

    @rule(person=st.sampled_from(PEOPLE))
    def leave(self, person: UUID) -> None:
        theirs = [kept for kept in self.pairs if person in {member.person_id for member in kept.state.members}]
        self.keep(*pairs.release(theirs, reason=DeclineReason.NO_TIME, now=self.now, by=person))
        theirs = [kept for kept in self.pairs if person in {member.person_id for member in kept.state.members}]
        self.keep(*pairs.part(theirs, why="left", now=self.now, by=person))
        assert self.taken(person) == 0

    @invariant()
    def nobody_is_overbooked(self) -> None:
        if self.pairs:
            assert all(self.taken(person) <= self.capacity[person] for person in PEOPLE)

    @invariant()
    def nobody_full_has_an_open_proposal(self) -> None:
        for kept in self.pairs:
            if kept.state.status is PairStatus.HALF_ACCEPTED:
                assert any(member.accepted_at is None for member in kept.state.members)

    @invariant()
    def nobody_works_together_without_signatures(self) -> None:
        for kept in self.pairs:
            if kept.state.status in {PairStatus.ACTIVE, PairStatus.ON_HOLD, PairStatus.COMPLETED}:
                assert kept.state.pair_id in self.signed

    @invariant()
    def both_said_yes_to_what_is_seated(self) -> None:
        for kept in self.pairs:
            if kept.state.status in pairs.SEATED:
                assert all(member.accepted_at is not None for member in kept.state.members)


TestPairing = Pairing.TestCase
TestPairing.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)


class TestAccept:
    def test_by_both_makes_it_accepted(self) -> None:
        half = pairs.accept(a_proposal(), by=PEOPLE[0], now=NOW, seats=roomy())
        assert half.state.status is PairStatus.HALF_ACCEPTED
        both = pairs.accept(half, by=PEOPLE[1], now=NOW, seats=roomy())
        assert both.state.status is PairStatus.ACCEPTED
        assert [member.accepted_at for member in both.state.members] == [NOW, NOW]

    def test_refuses_a_second_yes_of_the_same(self) -> None:
        half = pairs.accept(a_proposal(), by=PEOPLE[0], now=NOW, seats=roomy())
        with pytest.raises(pairs.AlreadyAnswered):
            pairs.accept(half, by=PEOPLE[0], now=NOW, seats=roomy())

    def test_refuses_a_full_person(self) -> None:
        seats = roomy() | {PEOPLE[1]: Seat(capacity=1, taken=1)}
        with pytest.raises(pairs.PlacesAreTaken):
            pairs.accept(a_proposal(), by=PEOPLE[0], now=NOW, seats=seats)

    def test_refuses_after_the_deadline_even_before_the_clock_has_swept(self) -> None:
        late = NOW + timedelta(hours=72)
        with pytest.raises(pairs.ProposalHasExpired):
            pairs.accept(a_proposal(), by=PEOPLE[0], now=late, seats=roomy())

    def test_does_not_know_drafts(self) -> None:
        with pytest.raises(NotFound):
            pairs.accept(a_draft(), by=PEOPLE[0], now=NOW, seats=roomy())


class TestQuestion:
    def test_is_answered_by_the_other_once(self) -> None:
        question_id = uuid4()
        asked = pairs.ask(a_proposal(), question_id=question_id, by=PEOPLE[0], text=" Mornings? ", now=NOW)
        with pytest.raises(pairs.NotYoursToAnswer):
            pairs.answer(asked, question_id=question_id, by=PEOPLE[0], text="Yes", now=NOW)
        answered = pairs.answer(asked, question_id=question_id, by=PEOPLE[1], text="Yes", now=NOW)
        assert answered.state.questions == (
            Question(question_id=question_id, asked_by=PEOPLE[0], text="Mornings?", answer="Yes"),
        )
        with pytest.raises(pairs.NotYoursToAnswer):
            pairs.answer(answered, question_id=question_id, by=PEOPLE[1], text="No", now=NOW)

    @pytest.mark.parametrize("text", ["", "  ", "x" * 2001])
    def test_needs_words_within_reason(self, text: str) -> None:
        with pytest.raises(pairs.QuestionIsWrong):
            pairs.ask(a_proposal(), question_id=uuid4(), by=PEOPLE[0], text=text, now=NOW)


class TestEnd:
    def active(self) -> Kept[Pair]:
        half = pairs.accept(a_proposal(), by=PEOPLE[0], now=NOW, seats=roomy())
        return pairs.activate(pairs.accept(half, by=PEOPLE[1], now=NOW, seats=roomy()), now=NOW)

    @pytest.mark.parametrize(
        ("cohort", "status"),
        [(CohortStatus.ACTIVE, PairStatus.ENDED_EARLY), (CohortStatus.WRAP_UP, PairStatus.COMPLETED)],
    )
    def test_is_early_before_the_wrap_up(self, cohort: CohortStatus, status: PairStatus) -> None:
        ended = pairs.end(self.active(), cohort=cohort, reason=" done ", by=PEOPLE[0], now=NOW)
        assert (ended.state.status, ended.state.ended_reason) == (status, "done")

    def test_refuses_a_proposal(self) -> None:
        with pytest.raises(pairs.NotTogether):
            pairs.end(a_proposal(), cohort=CohortStatus.ACTIVE, reason="", by=PEOPLE[0], now=NOW)


class TestForget:
    canary = "CANARY"

    def test_leaves_no_word_and_ends_what_lives(self) -> None:
        one, other = PEOPLE[:2]
        said = a_draft(
            directions=(
                Direction(
                    teacher_id=one,
                    learner_id=other,
                    need="keep",
                    offer=self.canary,
                    similarity=1,
                    priority=1,
                    level=1,
                    value=1,
                ),
                Direction(
                    teacher_id=other,
                    learner_id=one,
                    need=self.canary,
                    offer="keep",
                    similarity=1,
                    priority=1,
                    level=1,
                    value=1,
                ),
            ),
            common_ground=self.canary,
            bridge=self.canary,
            wordings=(Wording(locale="pl", common_ground=self.canary, bridge=self.canary, details=(self.canary,)),),
            terms=(Term(name="difference", amount=0.5, detail=self.canary),),
            questions=(Question(question_id=uuid4(), asked_by=other, text=self.canary, answer=self.canary),),
        )
        for kept, told_as, status in (
            (said, PairDeclined, PairStatus.SUPERSEDED),
            (replace(said, state=replace(said.state, status=PairStatus.PROPOSED)), PairDeclined, PairStatus.DECLINED),
            (replace(said, state=replace(said.state, status=PairStatus.ACTIVE)), PairEnded, PairStatus.ENDED_EARLY),
            (replace(said, state=replace(said.state, status=PairStatus.COMPLETED)), PairChanged, PairStatus.COMPLETED),
        ):
            forgotten = pairs.forget(kept, person_id=one, now=NOW)
            assert self.canary not in repr(forgotten.state)
            assert (forgotten.told_as, forgotten.state.status) == (told_as, status)
            assert [direction.need for direction in forgotten.state.directions] == ["keep", ""]
            assert pairs.forget(forgotten, person_id=one, now=NOW) is forgotten


class TestPin:
    def test_makes_a_draft_that_keeps_its_id(self) -> None:
        two = {PEOPLE[0]: HOME, PEOPLE[1]: HOME}
        pinned = pairs.pin(HOME, organizations=two, present=[], now=NOW, by=None)
        assert (pinned.state.pinned, pinned.state.status) == (True, PairStatus.DRAFT)
        gone = pairs.supersede(pinned, why="a rule", now=NOW)
        again = pairs.pin(HOME, organizations=two, present=[gone], now=NOW, by=None)
        assert (again.state.pair_id, again.version) == (pinned.state.pair_id, 3)

    def test_refuses_two_who_are_a_pair_or_said_no(self) -> None:
        declined = pairs.decline(a_proposal(), by=PEOPLE[0], reason=DeclineReason.PERSONAL, now=NOW)
        for present in (a_proposal(), declined):
            with pytest.raises(pairs.AlreadyAnswered):
                pairs.pin(HOME, organizations={PEOPLE[0]: HOME, PEOPLE[1]: HOME}, present=[present], now=NOW, by=None)
