"""What a learned curve does between its knots."""

from itertools import pairwise

from services.matching.engine.learning.curve import KNOTS, UNCHANGED, table_of
from services.matching.engine.learning.reports import Reported, columns


def test_a_curve_that_corrects_nothing_corrects_nothing() -> None:
    assert table_of(UNCHANGED) == tuple(range(1001))


def test_a_curve_is_straight_between_its_knots() -> None:
    table = table_of(tuple(1 + at // 2 for at in KNOTS))
    for low, high in pairwise(KNOTS):
        middle = (low + high) // 2
        assert table[low] <= table[middle] <= table[high]
        assert abs(table[middle] - (1 + middle // 2)) <= 1


def test_reports_have_one_order_whatever_the_order_that_they_came_in() -> None:
    some = [
        Reported(chance=1 + 37 * k % 1000, aptness=900, reported=k * 100, pair=f"p{k}", learner=f"l{k % 3}")
        for k in range(9)
    ]
    there, back = columns(some), columns(reversed(some))
    assert (there.pair, there.chance.tolist()) == (back.pair, back.chance.tolist())
