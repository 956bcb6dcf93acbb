"""A plan follows from its seed, and even a short one meets every kind of fault."""

from __future__ import annotations

from hypothesis import given, strategies as st

from tests.drill.plan import KILLS, Kind, plan

SEEDS = st.integers(min_value=0, max_value=2**32)


class TestPlan:
    @given(seed=SEEDS, kills=st.integers(min_value=1, max_value=60))
    def test_is_the_same_for_the_same_seed_and_has_as_many_kills_as_asked_for(self, seed: int, kills: int) -> None:
        bursts = list(plan(seed, kills=kills))
        assert bursts == list(plan(seed, kills=kills))
        total = sum(burst.kills for burst in bursts)
        assert kills <= total < kills + 3
        assert all(len({fault.part for fault in burst.faults if fault.kind in KILLS}) <= 3 for burst in bursts)

    @given(seed=SEEDS)
    def test_deals_every_kind_within_twelve_kills(self, seed: int) -> None:
        kinds = {fault.kind for burst in plan(seed, kills=12) for fault in burst.faults}
        assert kinds == set(Kind), "a deck has ten kills, so the first one is used up"

    def test_differs_between_seeds(self) -> None:
        assert len({tuple(plan(seed, kills=10)) for seed in range(20)}) == 20
