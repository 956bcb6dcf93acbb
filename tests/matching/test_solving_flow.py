"""Prices of large cohorts: mended flows, descent, and pairs that need not be looked at again, against doing it all anew."""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest
from hypothesis import given

from services.matching.engine.solving import couples, repricing
from services.matching.engine.solving.blocks import Part
from services.matching.engine.solving.certificate import Certificate, ceiling, no_barrier
from services.matching.engine.solving.couples import AtLeast, Revalued, joined, none, some
from services.matching.engine.solving.descent import descended
from services.matching.engine.solving.flow import FREE, Fraction, fractional, with_more
from services.matching.engine.solving.pairs import Edges, Millionths, Pairs
from services.matching.engine.solving.repricing import Repricing
from services.matching.engine.solving.solve import solve
from tests.matching.dice import Dice, dice
from tests.matching.properties import cases
from tests.matching.solving_ground import Problem, edges, optimum, problem, problems, verdict
from tests.matching.test_solving_solve import random_cohort


def columns(cohort: Problem) -> Edges:
    return edges({(u, v): int(cohort.value[u, v]) for u, v in cohort.couples() if (cohort.places[[u, v]] > 0).all()})


def penalties(cohort: Problem, *, alone: int = 5_000_000) -> Millionths:
    return np.where(cohort.waiting & (cohort.places > 0), alone, 0).astype(np.int64)


def worth(fraction: Fraction, couples: Edges, *, alone: Millionths) -> int:
    """Twice what a fraction is worth, less twice its penalties."""
    return int((fraction.halves * couples.w).sum()) - 2 * int((fraction.alone * alone).sum())


def bound(y: Millionths, couples: Edges, *, cohort: Problem, alone: Millionths) -> int:
    """B, of these couples alone."""
    excess = int(np.maximum(0, couples.w - y[couples.u] - y[couples.v]).sum())
    nobody = no_barrier(len(y))
    return ceiling(Certificate(y, alone, group=nobody.group, inner=nobody.inner, excess=excess), places=cohort.places)


class TestFlow:
    @cases(300)
    @given(problems(forcing=False), dice(200))
    def test_that_is_mended_is_as_good_as_a_new_one_and_its_prices_prove_it(self, cohort: Problem, more: Dice) -> None:
        self._check(cohort, more)

    def test_of_many_who_want_the_same(self) -> None:
        for seed in range(12):
            bytes_ = np.random.default_rng(seed).bytes
            cohort = random_cohort(60, seed=seed, likely=0.2)
            places = np.random.default_rng(seed).integers(0, 4, 60)
            self._check(Problem(cohort.value, places, cohort.waiting, cohort.forced), Dice(bytes_(2_000)))

    def _check(self, cohort: Problem, more: Dice) -> None:
        couples, alone = columns(cohort), penalties(cohort)
        zero = np.zeros(len(alone), np.int64)
        known = some(couples, np.array([more.upto(3) > 0 for _ in range(len(couples))], dtype=np.bool_))
        fraction = fractional(known, places=cohort.places, waiting=alone > 0, alone=alone, guess=zero)
        while len(known) < len(couples):
            fresh = np.array([more.yes() for _ in range(len(couples))], dtype=np.bool_)
            after = joined(known, some(couples, fresh)) if fresh.any() else couples
            fraction = with_more(fraction, known, after, places=cohort.places, waiting=alone > 0, alone=alone)
            known = after
            anew = fractional(known, places=cohort.places, waiting=alone > 0, alone=alone, guess=zero)
            value = worth(fraction, known, alone=alone)
            assert value == worth(anew, known, alone=alone)
            # Halving odd prices may cost half a millionth for each place.
            most = bound(fraction.y, known, cohort=cohort, alone=alone)
            assert value <= 2 * most <= value + int(cohort.places.sum())


@cases(300)
@given(problems(forcing=False), dice(60))
def test_descent_never_raises_the_bound(cohort: Problem, more: Dice) -> None:
    couples, alone = columns(cohort), penalties(cohort, alone=more.one((3_000_000, 5, 200_000)))
    y = np.array([more.between(-500_000, 900_000) for _ in cohort.places], dtype=np.int64)
    y[cohort.places == 0] = FREE
    before = bound(y, couples, cohort=cohort, alone=alone)
    for _ in range(4):
        y = descended(couples, y, places=cohort.places, alone=alone, sweeps=1)
        after = bound(y, couples, cohort=cohort, alone=alone)
        assert after <= before
        before = after


class TestRepricing:
    @cases(400)
    @given(problems(forcing=False), dice(80))
    def test_knows_all_pairs_above_prices_that_have_moved(self, cohort: Problem, more: Dice) -> None:
        size = len(cohort.places)
        view: Pairs = cohort.pairs
        match more.upto(3):
            case 1:
                changed = {couple: more.one((-5, 7, 900_000)) for couple in cohort.couples() if more.upto(4) == 4}
                view = Revalued(cohort.pairs, edges(changed))
            case 2:
                view = AtLeast(cohort.pairs, more.between(-4, 7))
            case 3:
                people = np.array([p for p in range(size) if more.upto(3)], dtype=np.int32)
                view, size = Part(cohort.pairs, people), len(people)
        spread = more.one((4, 400_000))
        y = np.array([more.between(-spread, spread) for _ in range(size)], dtype=np.int64)
        within = more.between(0, spread)
        with small(each=more.between(1, 4), few=more.one((1, 3))):
            looked = Repricing(view, y, within=within)
            for _ in range(3):
                now = y + np.array([more.between(-within - 1, spread) for _ in range(size)], dtype=np.int64)
                priced, whole = looked.price(now), view.price(now, each=size + 1)
                if priced is not None:
                    assert priced.excess == whole.excess
                    assert [part.tolist() for part in (priced.worst.u, priced.worst.v, priced.worst.w)] == [
                        part.tolist() for part in (whole.worst.u, whole.worst.v, whole.worst.w)
                    ]

    def test_looks_at_few_anew_and_gives_up_where_many_have_moved(self) -> None:
        cohort = random_cohort(50, seed=2)
        asked: list[int] = []

        class Counted:
            size = 50
            strongest, price, value = cohort.pairs.strongest, cohort.pairs.price, cohort.pairs.value

            def of(self, u: int) -> tuple[np.ndarray, np.ndarray]:
                asked.append(u)
                return cohort.pairs.of(u)

        y = np.full(50, 450_000, np.int64)
        looked = Repricing(Counted(), y, within=10_000)
        fallen = y.copy()
        fallen[[7, 30]] -= 10_001
        assert looked.price(y) is not None
        assert asked == []
        assert looked.price(fallen) is not None
        assert asked == [7, 30]
        fallen[:3] -= 10_001
        assert looked.price(fallen) is None


@contextmanager
def small(*, each: int, few: int) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(repricing, "EACH", each)
        patch.setattr(repricing, "FEW", few)
        patch.setattr(couples, "LOOKED_THROUGH", each - 1)
        yield


@contextmanager
def as_if_large() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for room in ("flow", "plan", "solve"):
            patch.setattr(f"services.matching.engine.solving.{room}.LARGE", 0)
        patch.setattr("services.matching.engine.solving.solve.FRESH", 0)  # every flow but the first is mended
        yield


@cases(300)
@given(dice(220))
def test_small_cohorts_planned_as_large_ones_are_the_best_of_all_plans(more: Dice) -> None:
    cohort = problem(more)
    with as_if_large():
        found = solve(cohort.pairs, places=cohort.places, waiting=cohort.waiting, forced=cohort.forced)
    assert (found.unmatched, found.value) == optimum(cohort)
    assert verdict(cohort, found).faults == ()
    assert found.value <= verdict(cohort, found).upper_bound == found.certified


@pytest.mark.parametrize("seed", range(3))
def test_larger_cohorts_have_the_same_bound_either_way(seed: int) -> None:
    cohort = random_cohort(150, seed=seed, likely=0.2)
    plainly = solve(cohort.pairs, places=cohort.places, exact_up_to=0, target=0)
    with as_if_large():
        found = solve(cohort.pairs, places=cohort.places, exact_up_to=0, target=0)
    assert verdict(cohort, found).faults == ()
    assert found.unmatched == plainly.unmatched
    assert abs(found.upper_bound - plainly.upper_bound) <= len(cohort.places)  # both are best; halves are rounded


def test_nobody_has_prices_too() -> None:
    nobody = np.zeros(0, np.int64)
    fraction = fractional(none(), places=nobody, waiting=nobody > 0, alone=nobody, guess=nobody)
    again = with_more(fraction, none(), none(), places=nobody, waiting=nobody > 0, alone=nobody)
    assert (len(again.halves), len(again.y)) == (0, 0)
