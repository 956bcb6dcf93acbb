"""Rules of fairness that only a closer look at a plan would miss."""

from dataclasses import replace

import pytest

from services.matching.engine.match import match
from tests.matching.engine_people import near_for, snapshot_of, somebody


def test_half_a_floor_lies_half_of_the_way_up() -> None:
    people = [
        somebody(
            f"p{number}", offers=["sushi", "python"][number % 2 :][:1], needs=["python", "sushi"][number % 2 :][:1]
        )
        for number in range(4)
    ]
    people = [
        replace(each, offers=(replace(each.offers[0], level=5 if k < 2 else 1),)) for k, each in enumerate(people)
    ]
    snapshot = snapshot_of(*people)
    reached = {}
    for share in (0.5, 1.0):
        floor = match(replace(snapshot, worst_off_floor=share), near_for(snapshot))[0].worst_off_floor
        assert floor is not None
        reached[share] = floor.reached or 0.0
    free, _ = match(snapshot, near_for(snapshot))
    worst = min(pair.value for pair in free.pairs)
    assert worst < reached[0.5] < reached[1.0]
    assert reached[0.5] == pytest.approx((worst + reached[1.0]) / 2, abs=2e-6)
