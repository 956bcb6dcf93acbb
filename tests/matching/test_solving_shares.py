"""Every organization's share: against every plan there is, and what proves it."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from itertools import count

import numpy as np
from hypothesis import given, strategies as st

from services.matching.engine.solving.owed import (
    UNIT,
    WHOLE,
    Owed,
    best_of,
    got_by,
    least_share,
    revalued,
    share_bound,
    value_bound,
    weighted,
)
from services.matching.engine.solving.pairs import NEVER, Edges
from services.matching.engine.solving.plan import unmatched_of
from services.matching.engine.solving.shares import Shared, with_shares
from services.matching.engine.solving.solve import solve
from services.matching.engine.solving.verify import check
from tests.matching.properties import cases
from tests.matching.solving_ground import Problem, edges, plain, problems


def as_it_is(couples: Edges) -> np.ndarray:
    return couples.w


def owed_in(problem: Problem, of: list[int], *, asked: int) -> Owed:
    numbers = np.array(of, dtype=np.int64)
    count = max(of, default=-1) + 1
    best = best_of(problem.pairs, of=numbers, places=problem.places, got=as_it_is, organizations=count)
    return Owed(numbers, best, asked)


def never() -> bool:
    return False


def shared(problem: Problem, owed: Owed, *, cancelled: Callable[[], bool] = never) -> Shared:
    free = solve(problem.pairs, places=problem.places, waiting=problem.waiting, forced=problem.forced)
    return with_shares(
        problem.pairs,
        free.couples,
        places=problem.places,
        waiting=problem.waiting,
        forced=problem.forced,
        owed=owed,
        got=as_it_is,
        upper_bound=free.upper_bound,
        exact=free.exact,
        cancelled=cancelled,
    )


def by_trying_all(problem: Problem, owed: Owed) -> tuple[int, int, int]:
    """The fewest alone, then the largest least share (up to the one asked for), then the most value, over every plan there is."""
    must = set(zip(problem.forced.u.tolist(), problem.forced.v.tolist(), strict=True))
    listed = [couple for couple in problem.couples() if couple not in must]

    @cache
    def plans(at: int, room: tuple[int, ...]) -> tuple[tuple[tuple[int, int], ...], ...]:
        if at == len(listed):
            return ((),)
        u, v = listed[at]
        found = plans(at + 1, room)
        if room[u] and room[v]:
            left = tuple(free - (p in listed[at]) for p, free in enumerate(room))
            found += tuple((*rest, listed[at]) for rest in plans(at + 1, left))
        return found

    room = problem.places.tolist()
    for u, v in must:
        room[u] -= 1
        room[v] -= 1
    given_ = zip(problem.forced.u.tolist(), problem.forced.v.tolist(), strict=True)
    worth = dict(zip(given_, problem.forced.w.tolist(), strict=True))
    best = None
    for plan in plans(0, tuple(room)):
        couples = edges({couple: int(problem.value[couple]) for couple in plan} | worth)
        served = {*couples.u.tolist(), *couples.v.tolist()}
        alone = sum(bool(waits) and p not in served for p, waits in enumerate(problem.waiting))
        rank = -alone, least_share(couples, owed=owed, got=as_it_is), int(couples.w.sum())
        best = max(best or rank, rank)
    assert best is not None
    return best


organizations = st.integers(1, 3)


@cases(50)
@given(problems(most=5, most_places=2), st.data(), st.sampled_from((300, 700, 1_000)))
def test_with_shares_equals_every_plan_there_is(problem: Problem, data: st.DataObject, asked: int) -> None:
    of = [data.draw(organizations) - 1 for _ in problem.places]
    owed = owed_in(problem, of, asked=asked)
    found = shared(problem, owed)
    alone, share, value = by_trying_all(problem, owed)
    served = {*found.couples.u.tolist(), *found.couples.v.tolist()}
    assert sum(bool(waits) and p not in served for p, waits in enumerate(problem.waiting)) == -alone
    assert (found.share, found.value) == (share, value)
    assert found.upper_bound >= value
    assert found.share_bound >= share


@cases(50)
@given(problems(most=7), st.data(), st.sampled_from((300, 700, 1_000)))
def test_weights_and_certificates_prove_both_bounds(problem: Problem, data: st.DataObject, asked: int) -> None:
    of = [data.draw(organizations) - 1 for _ in problem.places]
    owed = owed_in(problem, of, asked=asked)
    found = shared(problem, owed)
    for proof, unit in ((found.value_proof, UNIT), (found.share_proof, 0)):
        if proof is None:
            continue
        weight = proof.weights[owed.of]
        changed = {"weight": weight, "unit": unit, "got": as_it_is}
        verdict = check(
            weighted(problem.pairs, **changed),  # type: ignore[arg-type]
            places=problem.places,
            waiting=problem.waiting,
            couples=revalued(found.couples, **changed),  # type: ignore[arg-type]
            certificate=proof.certificate,
            forced=revalued(problem.forced, **changed),  # type: ignore[arg-type]
        )
        assert verdict.faults == ()
        if unit:
            needs = owed.needs(found.share)
            assert value_bound(verdict.upper_bound, weights=proof.weights, needs=needs) >= found.value
        else:
            assert share_bound(verdict.upper_bound, weights=proof.weights, owed=owed) >= found.share


def test_an_organization_gets_its_share_at_the_price_of_another() -> None:
    # 0 and 1 are one organization, 2 and 3 another; the best plan is within them, and gives the second hardly anything.
    problem = plain(4, {(0, 1): 100, (2, 3): 10, (0, 2): 60, (1, 3): 45})
    owed = owed_in(problem, [0, 0, 1, 1], asked=900)
    free = solve(problem.pairs, places=problem.places).couples
    found = shared(problem, owed)
    assert (owed.best.tolist(), got_by(free, owed=owed, got=as_it_is).tolist()) == ([200, 105], [200, 20])
    assert list(zip(found.couples.u.tolist(), found.couples.v.tolist(), strict=True)) == [(0, 2), (1, 3)]
    assert (found.share, found.value, found.exact) == (525, 105, True)
    assert (free.w.sum(), NEVER < 0 < WHOLE) == (110, True)
    assert found.share_proof is not None
    half = shared(problem, owed_in(problem, [0, 0, 1, 1], asked=500))
    assert (half.share, half.share_bound, half.value, half.share_proof) == (500, 500, 105, None)


def test_what_forced_couples_get_counts() -> None:
    # The same, beside two of a third organization who must be together.
    problem = plain(6, {(0, 1): 100, (2, 3): 10, (0, 2): 60, (1, 3): 45, (4, 5): 50})
    found = shared(replace(problem, forced=edges({(4, 5): 50})), owed_in(problem, [0, 0, 1, 1, 2, 2], asked=900))
    assert list(zip(found.couples.u.tolist(), found.couples.v.tolist(), strict=True)) == [(0, 2), (1, 3), (4, 5)]
    assert (found.share, found.value, found.exact) == (525, 155, True)


def test_nobody_is_owed_less_than_nothing() -> None:
    problem = plain(4, {(0, 1): -5, (2, 3): 7})
    assert owed_in(problem, [0, 0, 1, 1], asked=900).best.tolist() == [0, 14]


def test_a_share_that_comes_by_itself_changes_nothing() -> None:
    problem = plain(4, {(0, 1): 100, (2, 3): 10})
    found = shared(problem, owed_in(problem, [0, 0, 1, 1], asked=1_000))
    assert (found.share, found.value, found.value_proof, found.share_proof) == (1_000, 110, None, None)
    assert isinstance(found.couples, Edges)


def test_what_is_owed_is_rounded_up_and_a_share_down() -> None:
    owed = Owed(np.array([0, 1]), np.array([1_001, 0]), 500)
    assert owed.needs(500).tolist() == [501, 0]
    # The second could get nothing at best, so there is no share that it could miss.
    assert least_share(edges({(0, 1): 500}), owed=owed, got=as_it_is) == 499
    assert least_share(edges({(0, 1): 700}), owed=owed, got=as_it_is) == 500


def test_bounds_come_from_weights() -> None:
    # 100 whole ones are certified at weights that count 10 of them double.
    assert value_bound(6_400, weights=np.array([UNIT]), needs=np.array([10])) == 90
    assert value_bound(6_463, weights=np.array([UNIT, 0]), needs=np.array([10, 1_000])) == 90
    owed = Owed(np.array([0, 1]), np.array([1_000, 500]), 900)
    assert share_bound(1_875, weights=np.array([2, 1]), owed=owed) == 750
    assert share_bound(1_877, weights=np.array([2, 1]), owed=owed) == 750
    assert share_bound(9_999, weights=np.array([2, 1]), owed=owed) == 900
    assert share_bound(0, weights=np.array([0, 0]), owed=owed) == 900


@cases(20)
@given(problems(most=7, most_places=2), st.data())
def test_stopped_at_any_moment_nobody_more_is_alone(problem: Problem, data: st.DataObject) -> None:
    owed = owed_in(problem, [data.draw(organizations) - 1 for _ in problem.places], asked=1_000)
    whole = shared(problem, owed)
    alone = unmatched_of(whole.couples, waiting=problem.waiting)
    for most in range(12):
        asked = count()
        found = shared(problem, owed, cancelled=lambda asked=asked, most=most: next(asked) >= most)  # type: ignore[misc]
        assert unmatched_of(found.couples, waiting=problem.waiting) == alone
        assert found.share <= whole.share <= found.share_bound
        assert least_share(found.couples, owed=owed, got=as_it_is) >= found.share
        if found.share == whole.share:
            assert found.value <= whole.value <= found.upper_bound
