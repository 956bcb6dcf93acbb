"""Groups of whom one must be included: against value, and none at the cost of another."""

import numpy as np
import pytest

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

    def test_takes_the_best_couple_that_leaves_the_others_somebody(self) -> None:
        possible = DensePairs(matrix(6, {(0, 2): 9, (0, 3): 5, (0, 4): 7, (1, 2): 3, (1, 4): 1}))
        none, one = edges({}), np.ones(6, np.int64)

        def forced(*groups: tuple[int, ...], places: np.ndarray = one, given_: Edges = none) -> list[list[int]] | None:
            found = with_one_more(
                possible, given_, groups=[Included(each) for each in groups], places=places, forced=given_
            )
            return None if found is None else np.stack([found.u, found.v, found.w]).T.tolist()

        assert forced((0,)) == forced((0,), (1,)) == [[0, 2, 9]]
        assert forced((1,), (0,)) == [[1, 2, 3]]
        assert forced((0,), (1,), places=np.array([1, 1, 1, 1, 0, 1])) == [[0, 3, 5]]
        assert forced((0,), (1,), given_=edges({(2, 5): 0})) == [[0, 3, 5], [2, 5, 0]]
        assert forced((0,), (2, 1)) == [[0, 2, 9]]
        assert forced((0,), (5,)) == [[0, 2, 9]]
        assert forced((5,)) is None
        assert forced((5,), (1,)) == [[1, 2, 3]]

    def test_that_cannot_be_stops_the_run_by_name(self) -> None:
        rules = (Rule(kind="include_one", people=("shy",)), Rule(kind="shared_minutes", parameter=9000))
        with pytest.raises(RulesContradict, match="1 INCLUDE_ONE, 2 SHARED_MINUTES"):
            self.couples(*rules)
