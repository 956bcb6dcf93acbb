"""The search for groups: against every group there is."""

import random

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from services.matching.engine.grouping import packing
from services.matching.engine.grouping.packing import Searcher
from services.matching.engine.model import (
    Grouping,
    Snapshot,
)
from tests.matching.dice import Dice
from tests.matching.engine_people import snapshot_of, somebody
from tests.matching.groups_ground import (
    Everything,
    around_the_world,
    arrays,
    circles,
    gathering,
    gatherings,
    planned,
)


class TestGatherings:
    def test_have_groups_of_every_kind(self) -> None:
        """Or else the properties below could hardly fail."""
        every = [Everything(gathering(Dice(random.Random(seed).randbytes(254)))) for seed in range(100)]
        assert sum(bool(each.worth) for each in every) >= 50
        assert sum(each.givers > 0 for each in every) >= 10
        assert sum(each.best()[0] > each.grouping.most for each in every) >= 5  # two groups
        assert sum(0 < each.best()[0] < each.problem.size for each in every) >= 40


class TestSearch:
    @settings(max_examples=100, deadline=None)
    @given(gatherings(), st.integers(0, 2**32))
    def test_finds_the_best_group_of_each_option_and_all_good_ones(self, snapshot: Snapshot, seed: int) -> None:
        everything, draw = Everything(snapshot), np.random.default_rng(seed)
        y = draw.integers(0, 600_000, everything.problem.size) * draw.integers(0, 2, everything.problem.size)
        bonus, valued = int(draw.integers(0, 300_000)), bool(draw.integers(0, 4))
        options = circles(everything)
        known: dict[frozenset[int], int] = {}
        most = np.zeros_like(y)
        for option, key in enumerate(options):
            of = everything.led.get(key, {})
            over = {each: valued * value + bonus * len(each) - int(y[list(each)].sum()) for each, value in of.items()}
            ranked = sorted(over.values(), reverse=True)
            searcher, only = Searcher(*arrays(everything)), np.array([option])
            found, bound = searcher.best(y, bonus=bonus, valued=valued, options=only)
            assert bound[option] == max([0, *ranked])
            most[key[0]] = max(most[key[0]], bound[option])
            assert [over[frozenset(group.members)] for group in found] == [each for each in ranked[:1] if each > 0]
            for threshold in (
                -(2**40),
                *(ranked[at] + off for at in (0, len(ranked) // 2) if ranked for off in (0, 1)),
            ):
                every = searcher.every(y, bonus=bonus, valued=valued, threshold=threshold, options=only)
                assert every is not None
                assert {frozenset(group.members): group.value for group in every} == {
                    each: of[each] for each in of if over[each] >= threshold
                }
                assert len(every) <= len(of) * len(everything.problem.codes)
                assert all((group.option, group.members[0]) == (option, key[0]) for group in every)
            if ranked:  # one that is worth nothing at all is none
                y[key[0]] += ranked[0]
                found, bound = searcher.best(y, bonus=bonus, valued=valued, options=only)
                assert (found, bound[option]) == ([], 0)
                y[key[0]] -= ranked[0]
            known |= {frozenset(group.members): group.value for group in searcher.known.values()}
        assert set(everything.led) <= set(options)
        assert set(known) == set(everything.worth)
        whole = Searcher(*arrays(everything))
        assert (packing._certified(whole, y, bonus=bonus, valued=valued).led == most).all()
        whole.every(y, bonus=bonus, valued=valued, threshold=-(2**40))
        assert {frozenset(group.members): group.value for group in whole.known.values()} == everything.worth

    def test_clocks_are_apart_the_short_way_round(self) -> None:
        everything = Everything(around_the_world())
        found, bound = Searcher(*arrays(everything)).best(np.zeros(3, np.int64), bonus=0, valued=True)
        assert [group.value for group in found] == bound.tolist() == [*everything.worth.values()] * len(bound)
        assert len(bound) == 3
        (group,) = planned(everything.snapshot).groups
        given = {term.name: dict(term.why.given) for term in group.terms if term.why}
        assert given["clocks"]["hours"] in {6, 8}

    def test_thinks_of_whoever_teaches_the_leader_though_others_bring_more(self) -> None:
        people = [
            somebody("l", offers=("sushi 1",), needs=("chess 1",)),
            somebody("a", offers=(), needs=("sushi 1",)),
            somebody("b", offers=(), needs=("sushi 0",)),
            somebody("t", offers=("chess 1",), needs=("sushi 0",), priority=1),
        ]
        everything = Everything(snapshot_of(*people, grouping=Grouping(most=3), difference=0.0))
        best = max(everything.worth.values())
        found = Searcher(*arrays(everything)).every(np.zeros(4, np.int64), bonus=0, valued=True, threshold=best)
        assert [{*group.members} for group in found or ()] == [{everything.place[each] for each in "lat"}]

    @settings(max_examples=40, deadline=None)
    @given(gatherings(), st.integers(0, 2**32), st.integers(0, 12))
    def test_out_of_patience_says_what_it_cannot_have_missed(
        self, snapshot: Snapshot, seed: int, patience: int
    ) -> None:
        everything, draw = Everything(snapshot), np.random.default_rng(seed)
        y = draw.integers(0, 300_000, everything.problem.size)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("services.matching.engine.grouping.packing.PATIENCE", patience)
            for option, key in enumerate(circles(everything)):
                searcher, only = Searcher(*arrays(everything)), np.array([option])
                over = [value - int(y[list(each)].sum()) for each, value in everything.led.get(key, {}).items()]
                _, bound = searcher.best(y, bonus=0, valued=True, options=only)
                assert bound[option] >= max([0, *over])
                every = searcher.every(y, bonus=0, valued=True, threshold=-(2**40), options=only)
                assert every is None or len({group.members for group in every}) == len(over)
