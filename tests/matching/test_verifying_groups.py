"""The proof of a plan of groups, checked without the solver: against all groups there are, and against whoever tampers with it."""

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from itertools import combinations

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from chassis.service import ask
from contracts.matching import ReadRunProof, RunMode, RunProof
from services.matching.app import app
from services.matching.engine.frozen import NotFrozen, near_bytes
from services.matching.engine.frozen_groups import GroupsProof, groups_proof_bytes, groups_proof_from
from services.matching.engine.grouping.certificate import Certificate
from services.matching.engine.grouping.circles import circles_of, people_of, worth
from services.matching.engine.grouping.settle import is_best
from services.matching.engine.grouping.verify import Found, Steps, TooMany, groups_above, wrong_with
from services.matching.engine.groups import plan_groups
from services.matching.engine.model import Couple, Free, Grouping, Snapshot
from services.matching.engine.scoring.ground import in_order
from services.matching.engine.scoring.problem import MILLION
from services.matching.engine.verifying_groups import GroupsReport, verify_groups
from tests.matching.engine_people import problem_for, snapshot_of, somebody
from tests.matching.groups_ground import Everything, around_the_world, close, gatherings
from tests.matching.test_groups import a_kitchen, asked, plan_of, worked
from tests.matching.test_verifying import OPERATOR
from tests.matching.test_worker import at_hand
from tests.matching.world import World

__all__ = ["at_hand"]  # the fixture


def verified(snapshot: Snapshot, proof: GroupsProof, *, steps: int = 1_000_000, digest: str = "") -> GroupsReport:
    content = msgspec.json.encode(snapshot)
    return verify_groups(
        content,
        near=near_bytes(close(snapshot)),
        proof=groups_proof_bytes(proof),
        digest=digest or hashlib.sha256(content).hexdigest(),
        steps=Steps(steps),
    )


@cache
def a_club() -> tuple[Snapshot, GroupsProof]:
    """Two topics, eight people: two groups are best, and nobody need be left out."""
    people = [
        somebody(
            f"p{number}",
            offers=("sushi" if number < 2 else "chess" if number < 4 else "knots",),
            needs=("chess", "sushi") if number % 2 else ("sushi", "chess"),
            facets={"industry": "abc"[number % 3]},
            organization="red" if number % 3 else "blue",
            level=2 + number % 4,
            windows=tuple(Free(weekday=day, start=540, end=780) for day in range(1 + number % 3)),
        )
        for number in range(8)
    ]
    snapshot = snapshot_of(*people, grouping=Grouping(most=4))
    plan, proof = plan_groups(snapshot, close(snapshot))
    assert plan.exact
    assert proof is not None
    assert len(proof.groups) == 2
    return snapshot, proof


def tampered() -> Iterator[tuple[str, GroupsProof]]:
    """Lies, and what gives each away."""
    _, honest = a_club()
    first, second = honest.groups
    swapped = (second.members[-1], *first.members[1:])
    cover, dearest = honest.cover, honest.dearest
    cheap = np.maximum(dearest.y - 100_000, 0)
    yield "not possible", replace(honest, groups=(replace(first, members=swapped), second))
    yield "not possible", replace(honest, groups=(replace(first, members=first.members[:2]), second))
    yield "not possible", replace(honest, groups=(replace(first, language=1), second))
    yield "not possible", replace(honest, groups=(replace(first, option=10_000), second))
    yield "none of the 8 people", replace(honest, groups=(replace(first, members=(*first.members[:-1], 99)), second))
    yield "is in two groups", replace(honest, groups=(first, first))
    yield "is worth", replace(honest, groups=(replace(first, value=first.value + 1), second), value=honest.value + 1)
    yield "claims a value", replace(honest, value=honest.value + 1)
    yield "exceed what", replace(honest, dearest=replace(dearest, y=cheap, bonus=max(0, dearest.bonus - 1)))
    yield "exceed what", replace(honest, cover=replace(cover, y=cover.y // 2))
    yield "below 0", replace(honest, dearest=replace(dearest, led=dearest.led - 1))
    yield "below 0", replace(honest, cover=replace(cover, y=cover.y - 2 * MILLION))
    yield "not 8", replace(honest, cover=replace(cover, led=cover.led[1:]))
    yield "counts a million", replace(honest, cover=replace(cover, bonus=MILLION // 2))
    yield "has a bonus", replace(honest, dearest=replace(dearest, bonus=-1))
    yield "less than its own plan", replace(honest, upper_bound=honest.value - 1)
    yield "may hold 9", replace(honest, most_people=9)
    fewer = replace(honest, groups=(first,), value=first.value)
    yield "More than 4 people", replace(fewer, most_people=len(first.members))
    # Without the prices' help: all that is proven is that a plan that is there is worth less than everything together.
    vague = replace(dearest, y=np.full(8, 3 * MILLION), led=dearest.led * 0, bonus=0)
    yield "worth more than", replace(fewer, dearest=vague, upper_bound=first.value)


class TestProof:
    @settings(max_examples=40, deadline=None)
    @given(gatherings(most=6))
    def test_holds_for_any_plan_and_what_the_run_says_is_settled(self, snapshot: Snapshot) -> None:
        plan, proof = plan_groups(snapshot, close(snapshot))
        assert proof is not None
        report = verified(snapshot, proof)
        assert report.faults == report.by_word == ()
        assert not report.unfinished
        assert (report.value, report.upper_bound) == (plan.value, plan.upper_bound)
        assert (report.groups, report.unmatched_bound) == (len(plan.groups), plan.unmatched_bound)
        assert report.people - report.grouped == len(plan.left_out)

    def test_survives_being_kept(self) -> None:
        kept = groups_proof_bytes(a_club()[1])
        assert groups_proof_bytes(groups_proof_from(kept)) == kept
        with pytest.raises(NotFrozen):
            groups_proof_from(b"nothing of the kind")

    @pytest.mark.parametrize("number", range(19))
    def test_that_was_tampered_with_is_found_out(self, number: int) -> None:
        snapshot, honest = a_club()
        assert verified(snapshot, honest).faults == ()
        lies = list(tampered())
        assert len(lies) == 19
        said, lie = lies[number]
        report = verified(snapshot, lie)
        assert any(said in fault for fault in report.faults), report

    def test_of_another_snapshot_is_none(self) -> None:
        snapshot, honest = a_club()
        assert any("digest" in fault for fault in verified(snapshot, honest, digest="another").faults)
        assert verified(replace(snapshot, difference=0.9), honest).faults

    def test_of_two_who_may_not_meet_is_refused(self) -> None:
        snapshot, honest = a_club()
        people = in_order(snapshot.people, seed=honest.seed)
        one, other = sorted(people[each].id for each in honest.groups[0].members[1:3])
        apart = replace(snapshot, blocked=(Couple(first=one, second=other),))
        assert any("two of them may not meet" in fault for fault in verified(apart, honest).faults)

    def test_says_when_there_is_too_much_to_look_at(self) -> None:
        snapshot, honest = a_club()
        report = verified(snapshot, honest, steps=1)
        assert (report.faults, report.unfinished) == ((), True)

    def test_does_not_take_the_run_at_its_word(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """What no certificate proves and no listing settles is told as the run's word, and the bound is the certificate's."""
        snapshot, honest = a_club()
        weak = replace(honest.dearest, led=honest.dearest.led + MILLION)
        monkeypatch.setattr("services.matching.engine.verifying_groups.LISTED", 1)
        report = verified(snapshot, replace(honest, dearest=weak))
        assert report.faults == ()
        assert [each for each in report.by_word if "worth more" in each]
        assert report.upper_bound * MILLION == pytest.approx(weak.ceiling(people=report.grouped))
        assert report.upper_bound > honest.upper_bound / MILLION


class TestLook:
    @settings(max_examples=60, deadline=None)
    @given(gatherings(most=6), st.integers(0, 2**32), st.booleans())
    def test_finds_every_group_above_the_bar_and_no_other(self, snapshot: Snapshot, seed: int, valued: bool) -> None:
        draw = np.random.default_rng(seed)
        problem, _ = problem_for(snapshot, table=close(snapshot))
        assert snapshot.grouping is not None
        grouping = snapshot.grouping
        people = people_of(problem, grouping)
        circles = circles_of(problem, people, level=grouping.level)
        prices = Certificate(
            draw.integers(0, 500_000, problem.size) * draw.integers(0, 2, problem.size),
            draw.integers(0, int(draw.choice((1, 200_000, 2_000_000))), problem.size),
            int(draw.integers(0, 500_000)),
            valued,
        )
        short = int(draw.integers(0, 100_000))
        found = groups_above(people, circles, grouping, prices, short=short, steps=Steps())
        expected = set()
        for option in range(circles.size):
            lead = int(circles.lead[option])
            others = sorted(set(range(problem.size)) - {lead})
            for size in range(grouping.least, grouping.most + 1):
                for rest in combinations(others, size - 1):
                    members = (lead, *rest)
                    for language in range(len(problem.codes)):
                        if wrong_with(people, circles, grouping, option=option, language=language, members=members):
                            continue
                        over = worth(people, circles, option, members, language=language) if valued else 0
                        over += prices.bonus * size - int(prices.y[list(members)].sum())
                        if over > prices.led[lead] - short:
                            expected.add(Found(option, language, members, over))
        assert len(found) == len(set(found))
        assert set(found) == expected

    @settings(max_examples=80, deadline=None)
    @given(gatherings(most=6))
    def test_knows_which_groups_there_are_and_what_they_are_worth(self, snapshot: Snapshot) -> None:
        knows_all(snapshot)

    def test_knows_that_clocks_are_apart_the_short_way_round(self) -> None:
        knows_all(around_the_world())
        knows_all(around_the_world("Pacific/Honolulu"))  # who comes last is in the middle

    @pytest.mark.parametrize(
        "text", ["sushi 0", "sushi 1"]
    )  # one that does not meet everybody's need, and one that does
    def test_knows_who_may_give_beside_who_leads(self, text: str) -> None:
        offers = ("sushi 1", text, text)
        people = [somebody(f"g{n}", offers=(each,), needs=(), role="gives") for n, each in enumerate(offers)]
        people += [somebody(f"l{n}", offers=(), needs=(f"sushi {n}",), role="receives") for n in (0, 2)]
        knows_all(snapshot_of(*people, grouping=Grouping()))

    def test_stops_when_it_may_look_no_further(self) -> None:
        snapshot, _ = a_club()
        problem, _ = problem_for(snapshot, table=close(snapshot))
        assert snapshot.grouping is not None
        people = people_of(problem, snapshot.grouping)
        circles = circles_of(problem, people, level=3)
        nothing = np.zeros(problem.size, np.int64)
        with pytest.raises(TooMany):
            groups_above(
                people, circles, snapshot.grouping, Certificate(nothing, nothing, 0, True), short=0, steps=Steps(5)
            )

    def test_settles_what_prices_leave_open(self) -> None:
        """Three groups of which any two share somebody: prices of a half prove 1.5 groups, and there is but one."""
        prices = Certificate(np.array([500_000] * 3 + [0] * 6), np.zeros(9, np.int64), 0, True)
        groups = [
            Found(0, 0, members, 0) for members in ((0, 1, 3), (1, 2, 4), (2, 0, 5))
        ]  # each worth a million, its two prices
        assert is_best(groups, prices, people=0, value=MILLION, budget=500_000)
        assert not is_best(groups, prices, people=0, value=MILLION - 1, budget=500_001)
        assert is_best(groups, prices, people=4, value=0, budget=500_001)
        twice = [Found(0, 0, (0, 1, 2), 0), Found(1, 0, (1, 0, 2), -400_000)]  # the same people under two leaders
        for either in (twice, twice[::-1]):
            assert not is_best(either, prices, people=0, value=1_400_000, budget=2 * MILLION)
            assert is_best(either, prices, people=0, value=1_500_000, budget=2 * MILLION)
        apart = [*groups, Found(0, 0, (6, 7, 8), 0)]
        assert not is_best(apart, prices, people=6, value=MILLION - 1, budget=500_001)


def knows_all(snapshot: Snapshot) -> None:
    """The groups of this snapshot, and no others."""
    everything = Everything(snapshot)
    problem, grouping = everything.problem, everything.grouping
    people = people_of(problem, grouping)
    circles = circles_of(problem, people, level=grouping.level)
    nothing = np.zeros(problem.size, np.int64)
    best: dict[frozenset[int], int] = {}
    for group in groups_above(
        people, circles, grouping, Certificate(nothing, nothing, 0, True), short=2**40, steps=Steps()
    ):
        members = frozenset(group.members)
        best[members] = max(best.get(members, group.over), group.over)
    assert best == everything.worth
    for option in range(circles.size):
        lead = int(circles.lead[option])
        led = everything.led.get((lead, int(circles.offer[option])), {})
        for size in range(grouping.least, grouping.most + 1):
            for others in combinations(sorted(set(range(problem.size)) - {lead}), size - 1):
                wrong = [
                    wrong_with(people, circles, grouping, option=option, language=each, members=(lead, *others))
                    for each in range(len(problem.codes))
                ]
                assert ("" in wrong) == (frozenset((lead, *others)) in led)


@pytest.mark.usefixtures("at_hand")
class TestRun:
    async def test_keeps_what_proves_its_groups(self, world: World) -> None:
        await a_kitchen(world)
        plan_id = await asked(world)
        await worked(world)
        plan = await plan_of(world, plan_id)
        assert plan.run_id is not None
        found = await ask(app.spec, world.database, ReadRunProof(run_id=plan.run_id), actor=OPERATOR)
        assert isinstance(found, RunProof)
        assert found.run.mode is RunMode.GROUPS
        report = verify_groups(found.snapshot, near=found.near, proof=found.proof, digest=found.run.snapshot_digest)
        assert report.faults == report.by_word == ()
        assert (report.people, report.grouped, report.groups, report.unmatched_bound) == (4, 4, 1, 0)
        assert report.value == pytest.approx(plan.value)
        assert report.upper_bound == pytest.approx(plan.upper_bound)
