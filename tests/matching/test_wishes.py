"""Rankings in the engine: planners see them exactly, people never; hard rules and the number left alone come first."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace

import msgspec
import numpy as np
import pytest
from hypothesis import Phase, given, settings, strategies as st

from services.matching.engine.frozen import near_bytes, proof_bytes
from services.matching.engine.match import match
from services.matching.engine.model import Couple, Snapshot, Wish
from services.matching.engine.scoring.dense import dense_pairs
from services.matching.engine.scoring.ground import SnapshotRefused, in_order
from services.matching.engine.scoring.indexed import IndexedPairs
from services.matching.engine.scoring.wishes import wished, wishes_of, worth
from services.matching.engine.solving.pairs import NEVER
from services.matching.engine.verifying import verify
from tests.matching.engine_people import near_for, problem_for, snapshot_of, somebody
from tests.matching.test_scoring_pairs import snapshots


def wishing(snapshot: Snapshot, rankings: Mapping[str, Sequence[str]], *, ranking: float = 0.2) -> Snapshot:
    """With these rankings, the first choice first."""
    wishes = tuple(
        sorted(Wish(by=by, of=of, rank=rank) for by, ranked in rankings.items() for rank, of in enumerate(ranked, 1))
    )
    return replace(snapshot, wishes=wishes, ranking=ranking)


@st.composite
def with_rankings(draw: st.DrawFn) -> Snapshot:
    snapshot = draw(snapshots())
    names = [person.id for person in snapshot.people]
    rankings = {
        name: draw(st.lists(st.sampled_from([each for each in names if each != name]), max_size=5, unique=True))
        for name in names
    }
    return wishing(snapshot, rankings, ranking=draw(st.integers(0, 5)) / 10)


def by_hand(mine: int, yours: int, ranking: float) -> int:
    """The formula of the documentation, in fractions."""
    one, other = ((6 - rank if rank else 0) for rank in (mine, yours))
    return int(ranking * 1_000_000 * (one + other + 2 * min(one, other)) / 20 + 1e-6)


class TestWorth:
    @pytest.mark.parametrize("mine", range(6))
    @pytest.mark.parametrize("yours", range(6))
    def test_of_two_ranks_is_the_documented_one(self, mine: int, yours: int) -> None:
        found = int(worth(np.array([mine]), np.array([yours]), ranking=0.2)[0])
        assert found == by_hand(mine, yours, 0.2)

    def test_of_a_wish_that_is_returned_is_more_than_twice_that_of_one_that_is_not(self) -> None:
        alone, mutual = worth(np.array([1, 1]), np.array([0, 1]), ranking=0.2).tolist()
        assert (alone, mutual) == (50_000, 200_000)


class TestPairs:
    @settings(max_examples=60, deadline=None, phases=(Phase.explicit, Phase.reuse, Phase.generate))
    @given(with_rankings(), st.lists(st.integers(-300_000, 1_500_000), min_size=7, max_size=7))
    def test_dense_and_indexed_are_the_same_integers_with_wishes(self, snapshot: Snapshot, prices: list[int]) -> None:
        problem, _ = problem_for(snapshot)
        people = in_order(snapshot.people, seed=0)
        wishes = wishes_of(snapshot, people=people)
        plain = dense_pairs(problem)
        dense, indexed = wished(plain, wishes), wished(IndexedPairs(problem, threads=1), wishes)
        u, v = (part.astype(np.int32) for part in np.triu_indices(problem.size, 1))
        before, after = plain.value(u, v), dense.value(u, v)
        assert (indexed.value(u, v) == after).all()
        # None becomes possible, and the possible ones rise by what the wishes say.
        rank = {(wish.by, wish.of): wish.rank for wish in snapshot.wishes}
        for one, other, was, is_ in zip(u.tolist(), v.tolist(), before.tolist(), after.tolist(), strict=True):
            two = people[one].id, people[other].id
            added = by_hand(rank.get(two, 0), rank.get(two[::-1], 0), snapshot.ranking)
            assert is_ == (NEVER if was == NEVER else was + added)
        y = np.array(prices[: problem.size], dtype=np.int64)
        for each in (1, 2, 6):
            assert dense.price(y, each=each).excess == indexed.price(y, each=each).excess
            best = dense.strongest(each=each)
            here = {(a, b): w for a, b, w in zip(best.u.tolist(), best.v.tolist(), best.w.tolist(), strict=True)}
            for person in range(problem.size):
                partners, values = dense.of(person)
                order = np.lexsort((partners, -values))[:each]
                for at in order.tolist():
                    partner = int(partners[at])
                    assert here[min(person, partner), max(person, partner)] == int(values[at])


class TestPlan:
    def test_gives_people_whom_they_ranked_where_meaning_sees_no_difference(self) -> None:
        people = [somebody(f"t{n}", offers=["sushi"], needs=["python"]) for n in range(3)]
        people += [somebody(f"l{n}", offers=["python"], needs=["sushi"]) for n in range(3)]
        snapshot = wishing(snapshot_of(*people), {"t0": ["l2"], "l2": ["t0"], "t1": ["l0"], "l0": ["t1"]})
        plan, _ = match(snapshot, near_for(snapshot))
        twos = {frozenset((pair.first, pair.second)) for pair in plan.pairs}
        assert twos == {frozenset(two) for two in (("t0", "l2"), ("t1", "l0"), ("t2", "l1"))}

    def test_leaves_nobody_alone_for_a_wish(self) -> None:
        # Ann and Ben want each other above all, but then Cid and Dan have nobody.
        ann, ben = (
            somebody("ann", offers=["sushi", "chess"], needs=["python"]),
            somebody("ben", offers=["python"], needs=["sushi", "budgets"]),
        )
        cid = somebody("cid", offers=["python"], needs=["chess"])
        dan = somebody("dan", offers=["budgets"], needs=["python"])
        snapshot = wishing(snapshot_of(ann, ben, cid, dan), {"ann": ["ben"], "ben": ["ann"]}, ranking=0.5)
        plan, _ = match(snapshot, near_for(snapshot))
        assert {frozenset((pair.first, pair.second)) for pair in plan.pairs} == {
            frozenset(("ann", "cid")),
            frozenset(("ben", "dan")),
        }

    def test_vetoed_couple_stays_apart_however_much_they_want_each_other(self) -> None:
        one, other = (
            somebody("one", offers=["sushi"], needs=["python"]),
            somebody("two", offers=["python"], needs=["sushi"]),
        )
        free = wishing(snapshot_of(one, other), {"one": ["two"], "two": ["one"]})
        assert len(match(free, near_for(free))[0].pairs) == 1
        vetoed = replace(free, vetoed=(Couple(first="one", second="two"),))
        plan, _ = match(vetoed, near_for(vetoed))
        assert plan.pairs == ()
        assert [why.code for why in plan.left_out[0].why] == ["without_vetoes"]

    @settings(max_examples=60, deadline=None, phases=(Phase.explicit, Phase.reuse, Phase.generate))
    @given(with_rankings())
    def test_keeps_its_promises_whatever_people_ranked(self, snapshot: Snapshot) -> None:
        near = near_for(snapshot)
        try:
            plan, proof = match(snapshot, near)
            plain, _ = match(replace(snapshot, wishes=()), near)
        except ValueError:
            return  # rules that contradict each other, with or without wishes
        # As few are alone as without wishes, and what people read of each pair does not depend on any ranking.
        assert len(plan.left_out) == len(plain.left_out)
        problem, place = problem_for(snapshot)
        value = dense_pairs(problem)
        for pair in plan.pairs:
            assert pair.value == round(sum(term.amount for term in pair.terms), 6)
            assert "ranking" not in {term.name for term in pair.terms}
            if not pair.pinned and len(pair.directions) == 2:
                u, v = np.array([place[pair.first]]), np.array([place[pair.second]])
                assert round(pair.value * 1_000_000) == int(value.value(u, v)[0])
        assert proof is not None
        content = msgspec.json.encode(snapshot)
        report = verify(
            content, near=near_bytes(near), proof=proof_bytes(proof), digest=hashlib.sha256(content).hexdigest()
        )
        assert report.faults == ()
        assert report.value == pytest.approx(plan.value)
        assert plan.upper_bound is not None
        assert plan.value <= plan.upper_bound + 1e-9
        assert report.by_word == ()
        assert report.upper_bound == pytest.approx(plan.upper_bound, abs=1e-9)


@pytest.mark.parametrize(
    ("wishes", "ranking", "message"),
    [
        ((Wish(by="a", of="a", rank=1),), 0.2, "themselves"),
        ((Wish(by="a", of="b", rank=6),), 0.2, "rank 6"),
        ((Wish(by="a", of="b", rank=1), Wish(by="a", of="c", rank=1)), 0.2, "twice"),
        ((), 0.6, "0 to 0.5"),
        ((), float("nan"), "0 to 0.5"),
    ],
)
def test_wishes_that_make_no_sense_are_refused(wishes: tuple[Wish, ...], ranking: float, message: str) -> None:
    snapshot = replace(snapshot_of(*(somebody(name) for name in "abc")), wishes=wishes, ranking=ranking)
    with pytest.raises(SnapshotRefused, match=message):
        match(snapshot, near_for(snapshot))
