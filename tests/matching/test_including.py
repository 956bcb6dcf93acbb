"""Groups of whom one must be included: against value, and none at the cost of another."""

import numpy as np
import pytest

from services.matching.engine import including
from services.matching.engine.including import with_one_more
from services.matching.engine.match import match
from services.matching.engine.model import Rule, RulesContradict
from services.matching.engine.scoring.rules import Included
from services.matching.engine.solving.pairs import DensePairs, Edges
from tests.matching.engine_people import near_for, snapshot_of, somebody
from tests.matching.solving_ground import edges, matrix


class TestIncludeOne:
    hub = somebody("hub", offers=["a", "b"], needs=["a", "b"])
    great = somebody("great", offers=["a", "b"], needs=["a", "b"])
    shy = somebody("shy", offers=["a"], needs=["a"], level=1, priority=1)

    def couples(self, *rules: Rule) -> set[tuple[str, str]]:
        snapshot = snapshot_of(self.hub, self.great, self.shy, rules=rules)
        plan, _ = match(snapshot, near_for(snapshot))
        return {(pair.first, pair.second) for pair in plan.pairs}

    def test_gives_somebody_of_the_group_a_pair_against_value(self) -> None:
        assert self.couples() == {("great", "hub")}
        (pair,) = self.couples(Rule(kind="include_one", people=("nobody here", "shy")))
        assert "shy" in pair

    def test_changes_nothing_where_somebody_of_the_group_has_one_anyway(self) -> None:
        assert self.couples(Rule(kind="include_one", people=("great", "shy"))) == {("great", "hub")}

    def test_forces_nothing_where_somebody_of_the_group_has_a_pair_that_is_not_their_best(self) -> None:
        # hub and great would be worth most, and then both learners would be alone.
        learners = (somebody("x", offers=["x"], needs=["a"]), somebody("y", offers=["y"], needs=["b"]))
        snapshot = snapshot_of(
            self.hub, self.great, *learners, rules=[Rule(kind="include_one", people=("hub", "great"))]
        )
        assert match(snapshot, near_for(snapshot))[0].left_out == ()

    @pytest.mark.parametrize("seed", range(4))
    def test_takes_for_one_group_nobody_whom_another_needs(self, seed: int) -> None:
        # To picky and easy the hub is worth most; only easy knows somebody else, who gives up a better partner.
        hub, great = somebody("hub", offers=["a"], needs=["z"]), somebody("great", offers=["b"], needs=["c"], level=1)
        other = somebody("other", offers=["c"], needs=["b"])
        picky, easy = somebody("picky", offers=["x"], needs=["a"]), somebody("easy", offers=["y"], needs=["a", "b"])
        rules = [Rule(kind="include_one", people=(name,)) for name in ("picky", "easy")]
        for order in (rules, rules[::-1]):
            snapshot = snapshot_of(hub, great, other, picky, easy, rules=order)
            plan, _ = match(snapshot, near_for(snapshot), seed=seed)
            assert [left.person for left in plan.left_out] == ["other"]

    def test_that_cannot_be_stops_the_run_by_name(self) -> None:
        rules = (Rule(kind="include_one", people=("shy",)), Rule(kind="shared_minutes", parameter=9000))
        with pytest.raises(RulesContradict, match="1 INCLUDE_ONE, 2 SHARED_MINUTES"):
            self.couples(*rules)


NONE = edges({})
POSSIBLE = DensePairs(matrix(8, {(0, 2): 9, (0, 3): 5, (0, 4): 7, (1, 2): 3, (1, 4): 1, (6, 7): 4}))


class TestForced:
    def forced(self, *groups: tuple[int, ...], full: tuple[int, ...] = (), given: Edges = NONE) -> list[list[int]]:
        places = np.array([person not in full for person in range(8)], dtype=np.int64)
        asked = [Included(group) for group in groups]
        found = with_one_more(POSSIBLE, given, groups=asked, places=places, forced=given)
        return [] if found is None else np.stack([found.u, found.v, found.w]).T.tolist()

    def test_is_the_best_couple_of_the_first_group_that_can_be_helped(self) -> None:
        assert self.forced((0,)) == self.forced((3, 0)) == self.forced((5,), (0,)) == [[0, 2, 9]]
        assert self.forced((0,), full=(2,)) == [[0, 4, 7]]
        assert self.forced((0,), full=(0,)) == self.forced((5,)) == []

    def test_leaves_every_other_group_somebody(self) -> None:
        assert self.forced((0,), (1,)) == [[0, 2, 9]]
        assert self.forced((0,), (1,), full=(4,)) == self.forced((0,), (6,), (1,), full=(4,)) == [[0, 3, 5]]
        assert self.forced((0,), (2,)) == [[0, 2, 9]]  # who helps is helped

    def test_counts_whoever_is_forced_already(self) -> None:
        given = edges({(2, 5): 0})
        assert self.forced((0,), (5,), (1,), given=given) == [[0, 3, 5], [2, 5, 0]]
        assert self.forced((2, 0), given=given) == []

    def test_is_the_best_couple_where_another_group_cannot_be_helped_at_all(self) -> None:
        assert self.forced((0,), (5,)) == [[0, 2, 9]]
        assert self.forced((1,), (5,), full=(2,)) == [[1, 4, 1]]

    def test_is_the_next_one_rather_than_searched_for_without_end(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(including, "MOST_STEPS", 0)
        assert self.forced((0,), (1,), full=(4,)) == [[0, 2, 9]]
