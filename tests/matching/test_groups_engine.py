"""Groups around a topic, from snapshot to plan: against all possible groups, and what must hold whatever the people are."""

import re
from dataclasses import replace
from itertools import combinations
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from services.matching.engine.grouping import packing
from services.matching.engine.grouping.circles import check
from services.matching.engine.grouping.packing import Searcher, improved
from services.matching.engine.groups import plan_groups
from services.matching.engine.model import (
    Cancelled,
    Free,
    Grouping,
    Snapshot,
)
from services.matching.engine.scoring.ground import SnapshotRefused
from services.matching.engine.scoring.sentences import LOCALES, say
from services.matching.engine.scoring.value import differences
from tests.matching.engine_people import problem_for, snapshot_of, somebody
from tests.matching.groups_ground import Everything, a_crowd, arrays, close, gatherings, planned


class TestSmall:
    @settings(max_examples=60, deadline=None)
    @given(gatherings())
    def test_plan_is_the_best_of_all_possible_ones_and_proven(self, snapshot: Snapshot) -> None:
        everything, plan = Everything(snapshot), planned(snapshot)
        people, value = everything.best()
        place, worth = everything.place, everything.worth
        for group in plan.groups:
            members = frozenset(place[member.person] for member in group.members)
            assert round(group.value * 1e6) == worth[members]
            assert round(sum(term.amount for term in group.terms), 6) == group.value
        covered = [member.person for group in plan.groups for member in group.members]
        assert len(covered) == len(set(covered)) == people
        assert round(plan.value * 1e6) == value
        assert sorted([*covered, *(out.person for out in plan.left_out)]) == sorted(place)
        assert (plan.unmatched_bound, plan.exact) == (len(place) - people, True)
        assert plan.upper_bound == plan.value

    @settings(max_examples=30, deadline=None)
    @given(gatherings(), st.randoms(use_true_random=False))
    def test_plan_does_not_depend_on_order_or_on_names_of_organizations(self, snapshot: Snapshot, drawn: Any) -> None:
        people = list(snapshot.people)
        drawn.shuffle(people)
        renamed = tuple(replace(each, organization=f"firm {each.organization}") for each in people)
        again = replace(snapshot, people=renamed, rules=snapshot.rules)
        assert msgspec.msgpack.encode(planned(again)) == msgspec.msgpack.encode(planned(snapshot))

    @settings(max_examples=20, deadline=None)
    @given(gatherings(most=6))
    def test_everybody_left_out_reads_why_and_a_place_that_is_possible_is_called_so(self, snapshot: Snapshot) -> None:
        everything, plan = Everything(snapshot), planned(snapshot)
        for out in plan.left_out:
            somewhere = any(everything.place[out.person] in members for members in everything.worth)
            assert (out.reason == "capacity") == somewhere
            assert all(say(why, locale=locale) for why in out.why for locale in LOCALES)

    @settings(max_examples=20, deadline=None)
    @given(gatherings(most=6))
    def test_raising_the_weight_of_difference_never_lowers_the_differences(self, snapshot: Snapshot) -> None:
        found = []
        for weight in (0.0, 0.3, 0.9):
            plan = planned(replace(snapshot, difference=weight))
            problem, place = problem_for(replace(snapshot, difference=weight), table=close(snapshot))
            total = 0
            for group in plan.groups:
                members = [place[member.person] for member in group.members]
                one, other = (np.array(each) for each in zip(*combinations(members, 2), strict=True))
                total += 120 // len(members) * int(np.minimum(differences(problem, one, other), 3).sum())
            found.append(total)
        assert found == sorted(found)


class TestLarger:
    @pytest.mark.parametrize("size", [24, 48])  # searched compiled
    def test_bound_holds_and_nobody_is_left_out_who_need_not_be(self, size: int) -> None:
        snapshot = a_crowd(size)
        plan = planned(snapshot)
        assert plan.upper_bound is not None
        assert plan.unmatched_bound is not None
        assert 0.9 * plan.upper_bound <= plan.value <= plan.upper_bound
        assert len(plan.left_out) == plan.unmatched_bound == 0
        sizes = [len(group.members) for group in plan.groups]
        assert [group.value for group in plan.groups] == sorted((group.value for group in plan.groups), reverse=True)
        assert (sum(sizes), min(sizes) >= 3, max(sizes) <= 6) == (size, True, True)
        assert msgspec.msgpack.encode(
            planned(replace(snapshot, people=snapshot.people[::-1]))
        ) == msgspec.msgpack.encode(plan)

    def test_compiled_search_finds_the_same(self, monkeypatch: pytest.MonkeyPatch) -> None:
        snapshot = a_crowd(12)
        plain = planned(snapshot)
        monkeypatch.setattr("services.matching.engine.grouping.packing.LARGE", 1)
        assert planned(snapshot) == plain

    @pytest.mark.parametrize("patience", [0, 3, 30])
    def test_bound_holds_when_the_search_runs_out_of_patience(
        self, monkeypatch: pytest.MonkeyPatch, patience: int
    ) -> None:
        snapshot = a_crowd(12)
        whole = planned(snapshot)
        monkeypatch.setattr("services.matching.engine.grouping.packing.PATIENCE", patience)
        hasty = planned(snapshot)
        assert whole.exact
        assert not hasty.exact
        assert hasty.upper_bound is not None
        assert hasty.unmatched_bound is not None
        assert hasty.unmatched_bound <= len(whole.left_out)
        assert (len(whole.left_out), -whole.value) <= (len(hasty.left_out), -hasty.value)
        # It bounds every plan that has as many people in groups, or more: the whole one too.
        assert max(hasty.value, whole.value) <= hasty.upper_bound

    def test_somebody_is_taken_in_even_where_that_costs_value(self) -> None:
        everything, searcher, three, four = a_dear_fourth()
        assert everything.worth[frozenset(four.members)] < everything.worth[frozenset(three.members)]
        assert improved(searcher, [three], size=4) == [four]
        (group,) = planned(everything.snapshot).groups
        assert len(group.members) == 4

    def test_bound_is_about_plans_of_as_many_people(self) -> None:
        everything, searcher, three, four = a_dear_fourth()
        proof = plan_groups(everything.snapshot, close(everything.snapshot))[1]
        assert proof is not None
        assert four.value <= proof.dearest.ceiling(people=4) <= four.value + 4 < three.value  # for prices with a bonus
        dearest = packing._certified(searcher, np.zeros(4, np.int64), bonus=0, valued=True)
        assert dearest.ceiling(people=4) == three.value > four.value
        finished = packing._finished(searcher, dearest, [four], size=4, valued=True, cover=4)
        assert finished == ([four], four.value)
        assert packing._finished(searcher, dearest, [three], size=4, valued=True, cover=3) == ([three], three.value)
        assert packing._integer([three, four], size=4, valued=True, cover=4)[0] == [four]
        assert packing._integer([three, four], size=4, valued=True, cover=3)[0] == [three]
        assert packing._integer([three], size=4, valued=True, cover=4)[0] == []
        worse = replace(three, option=three.option + 1, value=three.value - 1)
        assert packing._integer([worse, three, worse], size=4, valued=True, cover=0)[0] == [three]

    def test_whatever_the_prices_the_best_plan_is_found_among_the_groups_that_could_be_in_it(self) -> None:
        _, searcher, three, four = a_dear_fourth()
        far = packing._certified(searcher, np.full(4, 3_000_000), bonus=0, valued=True)  # no group comes close
        assert packing._finished(searcher, far, [four], size=4, valued=True, cover=0) == ([three], three.value)
        assert packing._finished(searcher, far, [four], size=4, valued=True, cover=4) == ([four], four.value)
        many = packing._certified(searcher, np.full(4, 3_000_000), bonus=1_000_000, valued=False)
        assert packing._finished(searcher, many, [three], size=4, valued=False, cover=0) == ([four], 4_000_000)

    def test_cancelled_it_stops(self) -> None:
        snapshot = a_crowd(6)
        with pytest.raises(Cancelled):
            plan_groups(snapshot, close(snapshot), cancelled=lambda: True)


def a_dear_fourth() -> tuple[Everything, Searcher, packing.Group, packing.Group]:
    """A group of three, and with a fourth, who costs more than they learn."""
    people = [somebody("g", offers=("sushi 1",), needs=(), level=2)]
    people += [somebody(f"l{n}", offers=(), needs=("sushi 1",)) for n in range(2)]
    evening = (Free(weekday=0, start=18 * 60, end=18 * 60 + 5),)  # nine o'clock in the morning for the others
    dear: dict[str, Any] = {
        "needs": ("sushi 0",),
        "priority": 1,
        "windows": evening,
        "zone": "Asia/Tokyo",
        "languages": {"en": 1},
    }
    people.append(somebody("x", offers=(), **dear))
    everything = Everything(snapshot_of(*people, grouping=Grouping(minutes=5, level=1), difference=0.0))
    searcher = Searcher(*arrays(everything))
    searcher.every(np.zeros(4, np.int64), bonus=0, valued=True, threshold=0)
    three = tuple(sorted(everything.place[each] for each in ("g", "l0", "l1")))
    return everything, searcher, searcher.known[three], searcher.known[0, 1, 2, 3]


class TestTold:
    def test_group_says_who_gives_who_needs_what_when_and_in_which_language(self) -> None:
        ana = somebody("ana", offers=("sushi rolls",), needs=("chess",), zone="Europe/Berlin")
        ben = somebody("ben", offers=("chess openings",), needs=("sushi at home",))
        cleo = somebody("cleo", offers=(), needs=("sushi for guests",))
        dan = somebody("dan", offers=("python",), needs=("sushi quickly",), languages={"de": 6})
        plan = planned(snapshot_of(ana, ben, cleo, dan, grouping=Grouping()))
        (group,) = plan.groups
        assert group.topic == "sushi rolls"
        assert [(each.person, each.gives) for each in group.members] == [("ana", True), ("ben", False), ("cleo", False)]
        learned = {each.person: each.learns and (each.learns.teacher, each.learns.need) for each in group.members}
        assert learned == {
            "ana": ("ben", "chess"),
            "ben": ("ana", "sushi at home"),
            "cleo": ("ana", "sushi for guests"),
        }
        assert (group.language, group.level, group.shared_minutes) == ("en", 5, 5 * 7 * 60)
        assert group.shared_windows[0] == "Mon 09:00–16:00 UTC"
        assert group.members[0].windows[0] == "Mon 10:00–17:00"
        assert [(why.code, dict(why.given)) for why in group.others] == [("group_others_language", {"people": 1})]
        (out,) = plan.left_out
        assert (out.person, out.reason) == ("dan", "no_shared_language")

    def test_second_one_who_gives_joins_rather_than_being_left_out(self) -> None:
        people = [somebody(f"g{n}", offers=(f"sushi {n}",), needs=(), role="gives") for n in range(2)]
        people += [somebody(f"l{n}", offers=(), needs=(f"sushi {n}",), role="receives") for n in range(2)]
        (group,) = planned(snapshot_of(*people, grouping=Grouping())).groups
        assert [each.gives for each in group.members] == [True, True, False, False]

    @pytest.mark.parametrize(("text", "members"), [("sushi 0", 3), ("sushi 1", 4)])
    def test_second_one_gives_only_what_meets_a_need_of_everybody_who_learns(self, text: str, members: int) -> None:
        people = [somebody(f"g{n}", offers=(each,), needs=(), role="gives") for n, each in enumerate(("sushi 1", text))]
        people += [somebody(f"l{n}", offers=(), needs=(f"sushi {n}",), role="receives") for n in (0, 2)]
        (group,) = planned(snapshot_of(*people, grouping=Grouping())).groups
        assert len(group.members) == members

    def test_a_language_of_every_two_is_none_of_all_three(self) -> None:
        people = [
            somebody("g", offers=("sushi",), needs=(), languages={"en": 5, "pl": 5}),
            somebody("a", offers=(), needs=("sushi",), languages={"en": 5, "de": 5}),
            somebody("b", offers=(), needs=("sushi",), languages={"pl": 5, "de": 5}),
        ]
        assert planned(snapshot_of(*people, grouping=Grouping())).groups == ()

    def test_beyond_the_texts_that_are_told_apart_no_second_one_gives(self, monkeypatch: pytest.MonkeyPatch) -> None:
        people = [somebody(f"g{n}", offers=("sushi 1",), needs=(), role="gives") for n in range(2)]
        people += [somebody(f"l{n}", offers=(), needs=(f"sushi {n}",), role="receives") for n in range(2)]
        snapshot = snapshot_of(*people, grouping=Grouping())
        assert [len(group.members) for group in planned(snapshot).groups] == [4]
        monkeypatch.setattr("services.matching.engine.grouping.circles.MOST_TEXTS", 1)
        assert [len(group.members) for group in planned(snapshot).groups] == [3]

    def test_offer_of_too_low_a_level_leads_nothing(self) -> None:
        people = [somebody("g", offers=("sushi",), needs=(), level=2)]
        people += [somebody(f"l{n}", offers=(), needs=("sushi",)) for n in range(2)]
        assert planned(snapshot_of(*people, grouping=Grouping(level=3))).groups == ()
        assert len(planned(snapshot_of(*people, grouping=Grouping(level=2))).groups) == 1

    def test_nobody_at_all_is_an_empty_plan(self) -> None:
        assert planned(snapshot_of(grouping=Grouping())).exact


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (Grouping(least=2), "Groups of 2 to 6 cannot be planned: choose 3 to 6."),
        (Grouping(most=7), "Groups of 3 to 7 cannot be planned: choose 3 to 6."),
        (Grouping(least=5, most=4), "Groups of 5 to 4 cannot be planned: choose 3 to 6."),
        (Grouping(minutes=0), "Groups that share 0 minutes a week: give 1 or more, within a week."),
        (Grouping(minutes=10_081), "Groups that share 10081 minutes a week: give 1 or more, within a week."),
        (Grouping(level=0), "To give from level 0 on: choose 1 to 5."),
        (Grouping(level=6), "To give from level 6 on: choose 1 to 5."),
    ],
)
def test_grouping_that_makes_no_sense_is_refused(wrong: Grouping, said: str) -> None:
    with pytest.raises(SnapshotRefused, match=f"^{re.escape(said)}$"):
        planned(snapshot_of(somebody("ana"), grouping=wrong))


def test_as_much_as_makes_sense_is_allowed() -> None:
    check(Grouping(least=3, most=3, minutes=1, level=1), people=3_000)
    check(Grouping(least=6, most=6, minutes=7 * 24 * 60, level=5), people=0)


def test_more_people_than_couples_fit_are_refused() -> None:
    with pytest.raises(SnapshotRefused, match=r"^Groups of 3001 people at once: plan them for 3000 at most\.$"):
        check(Grouping(), people=3_001)
