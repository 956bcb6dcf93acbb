"""Enrolments: places, seats, the waiting list."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from contracts.errors import Refusal
from contracts.matching import Cohort, CohortAdvanced, CohortStatus, Enrolment, EnrolmentRole, EnrolmentStatus, Partner
from services.matching.domain import cohorts, enrolments
from services.matching.domain.enrolments import HOLDS_A_PLACE, Occupancy
from services.matching.domain.kept import Kept

NOW = datetime(2026, 3, 2, tzinfo=UTC)
RED, BLUE = UUID(int=1), UUID(int=2)
PEOPLE = {UUID(int=number): RED if number % 2 else BLUE for number in range(10, 18)}


def a_cohort(*, capacity: int | None = None, seats: int | None = None, **different: object) -> Cohort:
    cohort = Cohort(
        cohort_id=UUID(int=77),
        name="Spring",
        status=CohortStatus.OPEN,
        partners=(
            Partner(organization_id=RED, accepted=True, seats=seats),
            Partner(organization_id=BLUE, accepted=True),
        ),
        opens_at=NOW,
        closes_at=NOW + timedelta(days=7),
        starts_at=NOW + timedelta(days=14),
        ends_at=NOW + timedelta(days=90),
        capacity=capacity,
    )
    return replace(cohort, **different)  # type: ignore[arg-type]


class Registration(RuleBasedStateMachine):
    """Eight people of two organizations come and go; places, seats and the waiting list stay right."""

    @initialize(capacity=st.sampled_from((None, 2, 4)), seats=st.sampled_from((None, 1, 2)))
    def open(self, capacity: int | None, seats: int | None) -> None:
        self.cohort = a_cohort(capacity=capacity, seats=seats)
        self.absent: set[UUID] = set()  # may not be matched at present
        self.kept: dict[UUID, Kept[Enrolment]] = {}

    def held(self) -> Counter[UUID]:
        return Counter(kept.state.organization_id for kept in self.kept.values() if kept.state.status in HOLDS_A_PLACE)

    def waiting(self) -> list[Kept[Enrolment]]:
        return [kept for kept in self.kept.values() if kept.state.status is EnrolmentStatus.WAITLISTED]

    def keep(self, kept: Kept[Enrolment]) -> None:
        before = self.kept.get(kept.state.person_id)
        if before is not None and kept is not before:
            assert kept.version == before.version + 1
        self.kept[kept.state.person_id] = kept

    def fill(self) -> None:
        before = sorted(self.waiting(), key=lambda kept: kept.state.waiting_position or 0)
        moved = enrolments.admit_waiting(
            self.cohort, waiting=self.waiting(), held=self.held(), absent=self.absent, now=NOW
        )
        for kept in moved:
            self.keep(kept)
        self.nobody_was_overtaken([kept.state.person_id for kept in before])

    def nobody_was_overtaken(self, line: list[UUID]) -> None:
        """Whoever was admitted stood before everybody of the same organization who waits on; and of another one too, unless there the
        seats are all taken. The others keep their order."""
        waiting = [person for person in line if self.kept[person].state.status is EnrolmentStatus.WAITLISTED]
        for at, person in enumerate(line):
            if person not in waiting:
                for earlier in set(line[:at]) & set(waiting) - self.absent:
                    assert PEOPLE[earlier] != PEOPLE[person]
                    seats = self.cohort.partners[0].seats if PEOPLE[earlier] == RED else None
                    assert seats is not None
                    assert self.held()[RED] >= seats
        assert waiting == sorted(waiting, key=lambda person: self.kept[person].state.waiting_position or 0)

    @rule(person=st.sampled_from(sorted(PEOPLE)))
    def enrol(self, person: UUID) -> None:
        if person in self.absent:
            return
        try:
            enrolled = enrolments.enrol(
                self.cohort,
                present=self.kept.get(person),
                person_id=person,
                organization_id=PEOPLE[person],
                role=EnrolmentRole.BOTH,
                capacity=1,
                occupancy=Occupancy(held=self.held(), waiting=len(self.waiting())),
                now=NOW,
            )
        except Refusal:
            status = self.kept[person].state.status
            assert status in enrolments.ENROLLED | {EnrolmentStatus.REMOVED}
            return
        self.keep(enrolled)

    @rule(person=st.sampled_from(sorted(PEOPLE)))
    def leave_for_a_while(self, person: UUID) -> None:
        self.absent.add(person)

    @rule(person=st.sampled_from(sorted(PEOPLE)))
    def come_back(self, person: UUID) -> None:
        self.absent.discard(person)
        self.fill()

    @rule(capacity=st.sampled_from((None, 1, 2, 3, 5)))
    def change_capacity(self, capacity: int | None) -> None:
        self.change(
            lambda kept: cohorts.change_capacity(
                kept, capacity=capacity, held=sum(self.held().values()), now=NOW, by=None
            )
        )

    @rule(seats=st.sampled_from((None, 0, 1, 3)))
    def change_seats(self, seats: int | None) -> None:
        held = self.held()[RED]
        self.change(
            lambda kept: cohorts.change_seats(kept, organization_id=RED, seats=seats, held=held, now=NOW, by=None)
        )

    def change(self, step: Callable[[Kept[Cohort]], Kept[Cohort]]) -> None:
        try:
            self.cohort = step(Kept(state=self.cohort, told_as=CohortAdvanced, changed_at=NOW)).state
        except Refusal:
            return
        self.fill()

    @rule(person=st.sampled_from(sorted(PEOPLE)), step=st.sampled_from(("pause", "resume", "withdraw", "remove")))
    def step(self, person: UUID, step: str) -> None:
        present = self.kept.get(person)
        try:
            if step == "resume":
                self.keep(enrolments.resume(present, may_be_matched=True, now=NOW, by=person))
            else:
                self.keep(getattr(enrolments, step)(present, now=NOW, by=person))
        except Refusal:
            return
        self.fill()

    @invariant()
    def nobody_has_a_place_too_many(self) -> None:
        if hasattr(self, "kept"):
            held = self.held()
            assert self.cohort.capacity is None or sum(held.values()) <= self.cohort.capacity
            seats = self.cohort.partners[0].seats
            assert seats is None or held[RED] <= seats

    @invariant()
    def nobody_waits_while_there_is_room(self) -> None:
        if hasattr(self, "kept"):
            held = self.held()
            for kept in self.waiting():
                if kept.state.person_id in self.absent:
                    continue
                full = self.cohort.capacity is not None and sum(held.values()) >= self.cohort.capacity
                seats = self.cohort.partners[0].seats if kept.state.organization_id == RED else None
                assert full or (seats is not None and held[RED] >= seats)

    @invariant()
    def positions_count_from_one(self) -> None:
        if hasattr(self, "kept"):
            positions = sorted(kept.state.waiting_position or 0 for kept in self.waiting())
            assert positions == list(range(1, len(positions) + 1))
            others = [kept for kept in self.kept.values() if kept.state.status is not EnrolmentStatus.WAITLISTED]
            assert all(kept.state.waiting_position is None for kept in others)


TestRegistration = Registration.TestCase
TestRegistration.settings = settings(max_examples=80, stateful_step_count=30, deadline=None)


class TestWindow:
    @pytest.mark.parametrize(
        ("status", "refusal"),
        [
            (CohortStatus.DRAFT, enrolments.RegistrationIsNotOpen),
            (CohortStatus.CLOSED, enrolments.RegistrationHasClosed),
            (CohortStatus.ACTIVE, enrolments.RegistrationHasClosed),
        ],
    )
    def test_is_open_or_nobody_enrols(self, status: CohortStatus, refusal: type[Refusal]) -> None:
        with pytest.raises(refusal):
            enrolments.enrol(
                a_cohort(status=status),
                present=None,
                person_id=UUID(int=10),
                organization_id=RED,
                role=EnrolmentRole.BOTH,
                capacity=1,
                occupancy=Occupancy(held={}),
                now=NOW,
            )

    @pytest.mark.parametrize("capacity", [0, -1, 21])
    def test_takes_a_sensible_number_of_pairs(self, capacity: int) -> None:
        with pytest.raises(enrolments.EnrolmentIsWrong):
            enrolments.enrol(
                a_cohort(),
                present=None,
                person_id=UUID(int=10),
                organization_id=RED,
                role=EnrolmentRole.BOTH,
                capacity=capacity,
                occupancy=Occupancy(held={}),
                now=NOW,
            )


def test_resume_needs_the_consent() -> None:
    kept = enrolments.enrol(
        a_cohort(),
        present=None,
        person_id=UUID(int=10),
        organization_id=RED,
        role=EnrolmentRole.BOTH,
        capacity=1,
        occupancy=Occupancy(held={}),
        now=NOW,
    )
    paused = enrolments.pause(kept, now=NOW, by=None)
    with pytest.raises(enrolments.ConsentIsMissing):
        enrolments.resume(paused, may_be_matched=False, now=NOW, by=None)
