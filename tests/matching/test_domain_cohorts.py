"""Cohorts: drafting, accepting, windows, steps by hand; and their rules."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from hypothesis import settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from contracts.errors import Refusal
from contracts.matching import (
    Cohort,
    CohortAdvanced,
    CohortOpened,
    CohortStatus,
    Enrolment,
    EnrolmentRole,
    Keep,
    Partner,
    Rule,
    RuleKind,
    RuleSet,
    UnmatchedReason,
)
from services.matching.domain import cohorts, rules
from services.matching.domain.kept import Kept
from services.matching.engine import model

NOW = datetime(2026, 3, 2, tzinfo=UTC)
ORGANIZATIONS = [UUID(int=number) for number in (1, 2, 3)]


def a_cohort(count: int = 2, /, **different: object) -> Cohort:
    cohort = Cohort(
        cohort_id=UUID(int=77),
        name=" Spring ",
        partners=tuple(Partner(organization_id=each, accepted=True) for each in ORGANIZATIONS[:count]),
        opens_at=NOW,
        closes_at=NOW + timedelta(days=7),
        starts_at=NOW + timedelta(days=14),
        ends_at=NOW + timedelta(days=90),
    )
    return replace(cohort, **different)  # type: ignore[arg-type]


def drafted(cohort: Cohort, *, now: datetime = NOW) -> list[Kept[Cohort]]:
    return cohorts.draft(cohort, organization_id=ORGANIZATIONS[0], known=ORGANIZATIONS, now=now, by=None)


class TestDraft:
    def test_counts_only_the_drafting_organization_as_accepted(self) -> None:
        (kept,) = drafted(a_cohort(status=CohortStatus.ACTIVE))
        assert (kept.state.status, kept.told_as, kept.version) == (CohortStatus.DRAFT, CohortAdvanced, 1)
        assert [partner.accepted for partner in kept.state.partners] == [True, False]
        assert kept.state.name == "Spring"

    def test_of_a_lone_organization_opens_at_once(self) -> None:
        states = drafted(a_cohort(1))
        assert [kept.told_as for kept in states] == [CohortAdvanced, CohortOpened]
        assert [kept.version for kept in states] == [1, 2]

    @pytest.mark.parametrize(
        ("path", "different"),
        [
            ("name", {"name": " "}),
            ("partners[0]", {"partners": ()}),
            ("partners[0]", {"partners": (Partner(organization_id=ORGANIZATIONS[1]),)}),
            ("partners[1]", {"partners": tuple(Partner(organization_id=each) for each in (ORGANIZATIONS[0], uuid4()))}),
            ("partners[1]", {"partners": (Partner(organization_id=ORGANIZATIONS[0]),) * 2}),
            ("partners[0].seats", {"partners": (Partner(organization_id=ORGANIZATIONS[0], seats=0),)}),
            ("closes_at", {"closes_at": NOW}),
            ("starts_at", {"starts_at": NOW + timedelta(days=1)}),
            ("ends_at", {"ends_at": NOW + timedelta(days=14)}),
            ("opens_at", {"opens_at": NOW.replace(tzinfo=None)}),
            ("answer_hours", {"answer_hours": 0}),
            ("capacity", {"capacity": 1}),
        ],
    )
    def test_says_what_is_wrong_and_where(self, path: str, different: dict[str, object]) -> None:
        with pytest.raises(cohorts.CohortIsWrong) as refusal:
            drafted(a_cohort(**different))
        assert path in [problem.path for problem in refusal.value.problems]
        assert all(problem.message and problem.remedy for problem in refusal.value.problems)


class TestWindow:
    def test_opens_by_the_last_acceptance_or_by_time_whichever_is_later(self) -> None:
        (kept,) = drafted(a_cohort())
        accepted = cohorts.accept_partnership(kept, organization_id=ORGANIZATIONS[1], seats=5, now=NOW, by=None)
        assert [each.told_as for each in accepted] == [CohortAdvanced, CohortOpened]

        (early,) = drafted(a_cohort(), now=NOW - timedelta(days=1))
        before = NOW - timedelta(hours=1)
        (only,) = cohorts.accept_partnership(early, organization_id=ORGANIZATIONS[1], seats=5, now=before, by=None)
        assert only.told_as is CohortAdvanced
        assert cohorts.next_move_at(only.state) == NOW
        assert cohorts.move_by_time(only, now=before) == []
        assert [each.told_as for each in cohorts.move_by_time(only, now=NOW)] == [CohortOpened]

    def test_is_accepted_with_the_seats_that_were_drafted_unless_others_are_given(self) -> None:
        partners = tuple(Partner(organization_id=each, seats=7) for each in ORGANIZATIONS[:2])
        (kept,) = drafted(a_cohort(partners=partners))
        for seats, found in ((None, 7), (9, 9)):
            accepted = cohorts.accept_partnership(kept, organization_id=ORGANIZATIONS[1], seats=seats, now=NOW, by=None)
            assert accepted[-1].state.partners[1].seats == found

    def test_that_was_slept_through_opens_and_closes(self) -> None:
        (early,) = drafted(a_cohort(), now=NOW - timedelta(days=1))
        (only,) = cohorts.accept_partnership(
            early, organization_id=ORGANIZATIONS[1], seats=None, now=NOW - timedelta(hours=1), by=None
        )
        moved = cohorts.move_by_time(only, now=NOW + timedelta(days=30))
        assert [each.state.status for each in moved] == [CohortStatus.OPEN, CohortStatus.CLOSED]

    def test_cannot_be_accepted_after_it_has_passed(self) -> None:
        (kept,) = drafted(a_cohort())
        with pytest.raises(cohorts.WindowHasPassed):
            cohorts.accept_partnership(
                kept, organization_id=ORGANIZATIONS[1], seats=None, now=NOW + timedelta(days=7), by=None
            )


ALLOWED: dict[CohortStatus, set[CohortStatus]] = {
    CohortStatus.DRAFT: {CohortStatus.OPEN, CohortStatus.CANCELLED},
    CohortStatus.OPEN: {CohortStatus.CLOSED, CohortStatus.CANCELLED, CohortStatus.MATCHING},
    CohortStatus.CLOSED: {CohortStatus.MATCHING, CohortStatus.CANCELLED},
    CohortStatus.MATCHING: {
        CohortStatus.REVIEW,
        CohortStatus.OPEN,
        CohortStatus.CLOSED,
        CohortStatus.ACTIVE,
        CohortStatus.CANCELLED,
    },
    CohortStatus.REVIEW: {
        CohortStatus.ACTIVE,
        CohortStatus.OPEN,
        CohortStatus.MATCHING,
        CohortStatus.CANCELLED,
    },
    CohortStatus.ACTIVE: {
        CohortStatus.WRAP_UP,
        CohortStatus.OPEN,
        CohortStatus.MATCHING,
        CohortStatus.CANCELLED,
    },
    CohortStatus.WRAP_UP: {CohortStatus.COMPLETED, CohortStatus.CANCELLED},
    CohortStatus.COMPLETED: set(),
    CohortStatus.CANCELLED: set(),
}


class Edition(RuleBasedStateMachine):
    """Every step in every order; the states only go where they may."""

    @initialize(partners=st.integers(1, 3), rolling=st.booleans())
    def draft(self, partners: int, rolling: bool) -> None:
        self.now = NOW - timedelta(days=1)
        self.came_from = CohortStatus.CLOSED
        self.refusals: list[Refusal] = []
        (self.kept,) = drafted(a_cohort(partners, rolling=rolling), now=self.now)

    def follow(self, steps: list[Kept[Cohort]]) -> None:
        for step in steps:
            if step is not self.kept:
                assert step.version == self.kept.version + 1
            before, after = self.kept.state, step.state
            if before.status is not after.status:
                assert after.status in ALLOWED[before.status]
                assert (step.told_as is CohortOpened) == (after.status is CohortStatus.OPEN)
            if after.status is not CohortStatus.DRAFT and after.status is not CohortStatus.CANCELLED:
                assert cohorts.all_accepted(after)
            if before.status is CohortStatus.MATCHING and after.status is CohortStatus.OPEN:
                assert after.rolling
            self.kept = step

    @rule(hours=st.integers(0, 100))
    def wait(self, hours: int) -> None:
        self.now += timedelta(hours=hours)
        self.follow(cohorts.move_by_time(self.kept, now=self.now))

    @rule(organization=st.sampled_from(ORGANIZATIONS), seats=st.sampled_from((None, 0, 5)))
    def accept(self, organization: UUID, seats: int | None) -> None:
        if organization in [partner.organization_id for partner in self.kept.state.partners]:
            self.attempt(
                lambda: cohorts.accept_partnership(
                    self.kept, organization_id=organization, seats=seats, now=self.now, by=None
                )
            )

    @rule(to=st.sampled_from(CohortStatus), published=st.booleans())
    def advance(self, to: CohortStatus, published: bool) -> None:
        if to is not CohortStatus.CANCELLED or self.now > NOW + timedelta(days=9):
            self.attempt(lambda: [cohorts.advance(self.kept, to=to, published=published, now=self.now, by=None)])

    @rule()
    def match(self) -> None:
        came_from = self.kept.state.status
        self.attempt(lambda: [cohorts.begin_matching(self.kept, now=self.now, by=None)])
        if self.kept.state.status is CohortStatus.MATCHING and came_from is not CohortStatus.MATCHING:
            self.came_from = came_from

    @rule(completed=st.booleans())
    def finish_run(self, completed: bool) -> None:
        to = CohortStatus.REVIEW if completed else self.came_from
        self.follow([cohorts.end_matching(self.kept, to=to, now=self.now, by=None)])

    def attempt(self, step: Callable[[], list[Kept[Cohort]]]) -> None:
        try:
            self.follow(step())
        except Refusal as refusal:
            self.refusals.append(refusal)

    @invariant()
    def refusals_say_what_to_do(self) -> None:
        assert all(refusal.message and refusal.remedy for refusal in getattr(self, "refusals", ()))

    @invariant()
    def time_moves_only_what_waits_for_it(self) -> None:
        if hasattr(self, "kept"):
            due = cohorts.next_move_at(self.kept.state)
            assert (due is None) == (
                self.kept.state.status not in {CohortStatus.DRAFT, CohortStatus.OPEN}
                or (self.kept.state.status is CohortStatus.DRAFT and not cohorts.all_accepted(self.kept.state))
            )


TestEdition = Edition.TestCase
TestEdition.settings = settings(max_examples=80, stateful_step_count=25, deadline=None)


def conflicts(*chosen: Rule, partners: int = 2, enrolments: dict[UUID, Enrolment] | None = None) -> list[str]:
    try:
        rules.check(RuleSet(rules=chosen), cohort=a_cohort(partners), enrolments=enrolments or {})
    except rules.RulesConflict as refusal:
        return [problem.message for problem in refusal.problems]
    return []


def enrolled(person: UUID, *, organization: UUID = ORGANIZATIONS[0], **more: object) -> Enrolment:
    return Enrolment(
        enrolment_id=uuid4(),
        cohort_id=UUID(int=77),
        person_id=person,
        organization_id=organization,
        **more,  # type: ignore[arg-type]
    )


class TestRules:
    x, y, z = UUID(int=11), UUID(int=12), UUID(int=13)

    def test_together_and_apart_contradict(self) -> None:
        (message,) = conflicts(
            Rule(kind=RuleKind.TOGETHER, people=(self.x, self.y)),
            Rule(kind=RuleKind.NOT_TOGETHER, people=(self.y, self.x)),
        )
        assert "rule 1 TOGETHER" in message
        assert "rule 2 NOT_TOGETHER" in message

    def test_preferred_contradicts_nothing(self) -> None:
        assert not conflicts(
            Rule(kind=RuleKind.TOGETHER, people=(self.x, self.y)),
            Rule(kind=RuleKind.NOT_TOGETHER, people=(self.y, self.x), required=False),
        )

    def test_together_within_an_organization_contradicts_cross_organization(self) -> None:
        together = Rule(kind=RuleKind.TOGETHER, people=(self.x, self.y))
        across = Rule(kind=RuleKind.CROSS_ORGANIZATION)
        same = {self.x: enrolled(self.x), self.y: enrolled(self.y)}
        (message,) = conflicts(together, across, enrolments=same)
        assert "rule 2 CROSS_ORGANIZATION and rule 1 TOGETHER" in message
        other = same | {self.y: enrolled(self.y, organization=ORGANIZATIONS[1])}
        assert not conflicts(together, across, enrolments=other)

    def test_cross_organization_contradicts_a_lone_partner(self) -> None:
        assert len(conflicts(Rule(kind=RuleKind.CROSS_ORGANIZATION), partners=1)) == 1

    def test_facet_cannot_be_same_and_different(self) -> None:
        same, different = (
            Rule(kind=kind, facet="industry") for kind in (RuleKind.SAME_FACET, RuleKind.DIFFERENT_FACET)
        )
        assert len(conflicts(same, different)) == 1
        assert not conflicts(same, replace(different, facet="region"))

    def test_together_counts_places_and_roles(self) -> None:
        one, two = (Rule(kind=RuleKind.TOGETHER, people=(self.x, other)) for other in (self.y, self.z))
        assert len(conflicts(one, two, enrolments={self.x: enrolled(self.x)})) == 1
        assert not conflicts(one, two, enrolments={self.x: enrolled(self.x, capacity=2)})
        givers = {each: enrolled(each, role=EnrolmentRole.GIVES) for each in (self.x, self.y)}
        assert len(conflicts(one, enrolments=givers)) == 1

    def test_stated_twice_differently_contradict(self) -> None:
        assert len(conflicts(*(Rule(kind=RuleKind.SHARED_LANGUAGE, parameter=level) for level in (3, 5)))) == 1

    @pytest.mark.parametrize(
        ("path", "wrong"),
        [
            ("rules[0].people", Rule(kind=RuleKind.TOGETHER, people=(x, x))),
            ("rules[0].people", Rule(kind=RuleKind.NOT_TOGETHER, people=(x, y, z))),
            ("rules[0].parameter", Rule(kind=RuleKind.SHARED_LANGUAGE)),
            ("rules[0].parameter", Rule(kind=RuleKind.SHARED_LANGUAGE, parameter=7)),
            ("rules[0].parameter", Rule(kind=RuleKind.ZONE_SPREAD, parameter=-1)),
            ("rules[0].facet", Rule(kind=RuleKind.SAME_FACET, facet="age")),
            ("rules[0].weight", Rule(kind=RuleKind.DIFFERENT_TEAM, weight=1.5)),
            ("rules[0].weight", Rule(kind=RuleKind.DIFFERENT_TEAM, weight=float("nan"))),
            ("rules[0].people", Rule(kind=RuleKind.PARTNER_AMONG, people=(x,))),
            ("rules[0].people", Rule(kind=RuleKind.PARTNER_AMONG, people=(x, y, x))),
            ("rules[0].people", Rule(kind=RuleKind.INCLUDE_ONE)),
            ("rules[0].required", Rule(kind=RuleKind.INCLUDE_ONE, people=(x,), required=False)),
            ("rules[0].language", Rule(kind=RuleKind.SHARED_MINUTES, parameter=30, language="en")),
        ],
    )
    def test_that_are_not_well_formed_are_refused_with_their_place(self, path: str, wrong: Rule) -> None:
        with pytest.raises(rules.RulesAreWrong) as refusal:
            rules.check(RuleSet(rules=(wrong,)), cohort=a_cohort(), enrolments={})
        assert [problem.path for problem in refusal.value.problems] == [path]

    def test_get_a_version_with_each_change(self) -> None:
        kept = drafted(a_cohort())[0]
        changed = cohorts.change_rules(kept, rules=RuleSet(rules=(), difference=0.5), enrolments={}, now=NOW, by=None)
        assert changed.state.rules.version == 2
        again = cohorts.change_rules(changed, rules=RuleSet(rules=(), difference=0.5), enrolments={}, now=NOW, by=None)
        assert again is changed

    @pytest.mark.parametrize("status", [status for status in CohortStatus if status not in cohorts._BEFORE_MATCHING])
    def test_do_not_change_once_the_cohort_is_matched(self, status: CohortStatus) -> None:
        kept = Kept(state=a_cohort(status=status), told_as=CohortAdvanced, changed_at=NOW)
        with pytest.raises(cohorts.NotNow):
            cohorts.change_rules(kept, rules=RuleSet(), enrolments={}, now=NOW, by=None)


def test_engine_and_contract_speak_the_same_reasons_rules_and_roles() -> None:
    from services.matching.engine.scoring.rules import KINDS

    words = {value for name, value in vars(model).items() if name.isupper() and isinstance(value, str)}
    assert words == {each.value for kind in (UnmatchedReason, EnrolmentRole, Keep) for each in kind}
    assert set(KINDS) == {kind.value for kind in RuleKind}
