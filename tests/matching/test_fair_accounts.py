"""What a plan tells of itself: what organizations get, and who would have been better, with what people ranked kept out."""

from dataclasses import replace

import numpy as np

from services.matching.engine.accounts import gini, passed, prices_in, shares_of
from services.matching.engine.asked import asked_by
from services.matching.engine.match import match
from services.matching.engine.model import Plan, Snapshot, Wish
from services.matching.engine.scoring.problem import MILLION
from services.matching.engine.solving.owed import Owed
from services.matching.engine.solving.pairs import DensePairs
from tests.matching.engine_people import near_for, snapshot_of, somebody
from tests.matching.solving_ground import edges, matrix


def planned(snapshot: Snapshot) -> Plan:
    return match(snapshot, near_for(snapshot))[0]


def couples(plan: Plan) -> set[tuple[str, str]]:
    return {(min(pair.first, pair.second), max(pair.first, pair.second)) for pair in plan.pairs}


def reached(plan: Plan) -> float | None:
    return plan.organization_floor.reached if plan.organization_floor else None


class TestShares:
    def test_of_organizations_do_not_tell_what_people_ranked(self) -> None:
        # Whether floors are asked for or not, wishes for the partner whom one gets anyway change no share.
        plain = snapshot_of(
            somebody("a", offers=["sushi"], needs=["python"], organization="red"),
            somebody("b", offers=["python"], needs=["sushi"], organization="red"),
            somebody("c", offers=["sushi"], needs=["python"], organization="blue", level=1, priority=1),
            somebody("d", offers=["python"], needs=["sushi"], organization="blue", level=1, priority=1),
        )
        for floor in (0.0, 0.9):
            without = replace(plain, organization_floor=floor)
            before = planned(without)
            wishes = tuple(Wish(by=by, of=of, rank=1) for two in couples(before) for by, of in (two, two[::-1]))
            after = planned(replace(without, wishes=tuple(sorted(wishes)), ranking=0.5))
            assert couples(after) == couples(before)
            assert after.outcomes == before.outcomes
            assert reached(after) == reached(before)
            assert any(each.share_of_best is not None and each.share_of_best < 1 for each in before.outcomes)

    def test_are_rounded_down_and_belong_to_whose_they_are(self) -> None:
        people = [somebody(name, organization=name) for name in ("zeta", "alpha", "nobody")]
        owed = Owed(np.array([0, 1, 2]), np.array([3, 4, 0]), 900)
        found = shares_of(edges({(0, 1): 2}), owed=owed, got=lambda couples: couples.w, people=people)
        assert found == {"alpha": 0.5, "zeta": 0.666}

    def test_are_asked_for_in_whole_thousandths(self) -> None:
        asked = asked_by(snapshot_of(worst_off_floor=0.2496, organization_floor=0.0006))
        assert (asked.worst_off, asked.organizations) == (250, 1)


class TestPassedOver:
    def test_are_none_of_those_whom_one_is_with_already(self) -> None:
        # The hub has two partners, of whom one is worth more than the other.
        hub = somebody("hub", offers=["sushi"], needs=["python"], places=2)
        good, poor = (
            somebody(name, offers=["python"], needs=["sushi"], level=level) for name, level in (("x", 5), ("y", 1))
        )
        plan = planned(snapshot_of(hub, good, poor))
        assert couples(plan) == {("hub", "x"), ("hub", "y")}
        assert len({pair.value for pair in plan.pairs}) == 2
        assert plan.passed_over == ()

    def test_name_somebody_better_who_has_another_place(self) -> None:
        hub = somebody("hub", offers=["sushi"], needs=["python"])
        good, poor = (
            somebody(name, offers=["python"], needs=["sushi"], level=level) for name, level in (("x", 5), ("y", 1))
        )
        plan = planned(snapshot_of(hub, good, poor))
        assert couples(plan) == {("hub", "x")}
        assert [(each.person, each.partner) for each in plan.passed_over] == [("y", "hub")]

    def test_are_better_than_the_least_of_ones_partners(self) -> None:
        # The hub is with 1 (900), 2 (800), 3 (700) and 4 (100): 5 (500) would be better than 4, and is the fifth on the hub's list.
        of_the_hub = {(0, 1): 900, (0, 2): 800, (0, 3): 700, (0, 4): 100}
        possible = DensePairs(matrix(6, {**of_the_hub, (0, 5): 500}))
        found = passed(
            [somebody(str(number)) for number in range(6)],
            possible=possible,
            planned=edges(of_the_hub),
            places=np.array([4, 1, 1, 1, 1, 1]),
            prices=np.full(6, 600),
        )
        assert [(each.person, each.partner, each.value, each.own, each.price) for each in found] == [
            ("0", "5", 0.0005, 0.0001, 0.0006),
            ("5", "0", 0.0005, 0.0, 0.0006),
        ]

    def test_are_told_to_nobody_without_a_place(self) -> None:
        found = passed(
            [somebody("0"), somebody("1")],
            possible=DensePairs(matrix(2, {(0, 1): 500_000})),
            planned=edges({}),
            places=np.array([0, 1]),
            prices=np.zeros(2, np.int64),
        )
        assert [(each.person, each.partner) for each in found] == [("1", "0")]

    def test_read_the_prices_of_weighted_pairs_rounded_down(self) -> None:
        assert prices_in(np.array([-65, 127, 128]), unit=64).tolist() == [-2, 1, 2]
        assert prices_in(np.array([-65, 127]), unit=1).tolist() == [-65, 127]


class TestFairness:
    def test_counts_everybody_once_at_the_best_of_their_partners(self) -> None:
        hub = somebody("hub", offers=["sushi"], needs=["python"], places=2)
        good, poor = (
            somebody(name, offers=["python"], needs=["sushi"], level=level) for name, level in (("x", 5), ("y", 1))
        )
        plan = planned(snapshot_of(hub, good, poor))
        low, high = sorted(round(pair.value * MILLION) for pair in plan.pairs)
        assert 0 < low < high
        found = plan.fairness
        assert found is not None
        assert (found.worst, found.best, found.gap) == (low / MILLION, high / MILLION, (high - low) / MILLION)
        assert found.gini == gini([high, high, low])
