"""A huge cohort in blocks, each a job in a process of its own: one plan, whose proof is checked as any other's."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace

import msgspec
import numpy as np
import psutil
import pytest

from benchmarks.cohorts import snapshot
from services.matching.engine.apart import Apart, Block, one_by_one
from services.matching.engine.frozen import Proof, near_bytes, proof_bytes
from services.matching.engine.match import match
from services.matching.engine.meaning.near import Near
from services.matching.engine.model import Couple, Plan, Snapshot, Wish
from services.matching.engine.solving.couples import none
from services.matching.engine.solving.solution import Solution
from services.matching.engine.stated import state
from services.matching.engine.verifying import Report, verify
from services.matching.jobs.blocks import BlockFailed, in_processes

PEOPLE, MOST = 160, 90
SEED = 7


@pytest.fixture(scope="module")
def cohort() -> tuple[Snapshot, Near]:
    made, near = snapshot(PEOPLE, seed=2)
    known = state(made, near, seed=SEED)
    partners, _ = known.plain.of(0)
    one, other, third = (known.people[place].id for place in (0, partners[0], partners[-1]))
    pinned = Couple(first=min(one, other), second=max(one, other))
    return replace(made, pinned=(pinned,), wishes=(Wish(by=third, of=one, rank=1),), ranking=0.2), near


def verdict(cohort: tuple[Snapshot, Near], proof: Proof | None) -> Report:
    assert proof is not None
    frozen = msgspec.json.encode(cohort[0])
    digest = hashlib.sha256(frozen).hexdigest()
    return verify(frozen, near=near_bytes(cohort[1]), proof=proof_bytes(proof), digest=digest)


def couples(plan: Plan) -> set[tuple[str, str]]:
    return {(pair.first, pair.second) for pair in plan.pairs}


class TestACohortInBlocks:
    def test_is_proven_over_all_pairs_and_comes_close_to_the_whole(self, cohort: tuple[Snapshot, Near]) -> None:
        asked: list[int] = []

        def counted(blocks: Sequence[Block], late: Callable[[], bool]) -> Sequence[Solution | None]:
            asked.extend(len(block.people) for block in blocks)
            return one_by_one(blocks, late)

        whole, _ = match(*cohort, seed=SEED)
        plan, proof = match(*cohort, seed=SEED, apart=Apart(most=MOST, plan=counted))
        assert len(asked) == 2
        assert (sum(asked), max(asked) <= MOST) == (PEOPLE, True)
        assert verdict(cohort, proof).faults == ()
        assert whole.upper_bound is not None
        assert plan.upper_bound is not None
        assert len(plan.left_out) == len(whole.left_out) == plan.unmatched_bound
        assert plan.value <= whole.upper_bound
        assert whole.value <= plan.upper_bound
        assert plan.value >= 0.98 * whole.value
        pin = cohort[0].pinned[0]
        assert (min(pin.first, pin.second), max(pin.first, pin.second)) in {tuple(sorted(two)) for two in couples(plan)}

    def test_is_the_same_from_processes_of_their_own_and_none_is_left(self, cohort: tuple[Snapshot, Near]) -> None:
        here, _ = match(*cohort, seed=SEED, apart=Apart(most=MOST))
        there, proof = match(*cohort, seed=SEED, apart=Apart(most=MOST, plan=in_processes))
        assert here == there
        assert verdict(cohort, proof).faults == ()
        assert not [child for child in psutil.Process().children() if "spawn_main" in " ".join(child.cmdline())]

    def test_out_of_time_has_an_honest_bound(self, cohort: tuple[Snapshot, Near]) -> None:
        asked = iter([1.0] * 3)
        plan, proof = match(*cohort, seed=SEED, apart=Apart(most=MOST), deadline=lambda: next(asked, 0.0))
        whole, _ = match(*cohort, seed=SEED)
        assert verdict(cohort, proof).faults == ()
        assert plan.upper_bound is not None
        assert plan.value <= plan.upper_bound
        assert whole.value <= plan.upper_bound


class TestABlock:
    def block(self, cohort: tuple[Snapshot, Near], people: list[int]) -> Block:
        known = state(*cohort, seed=SEED)
        return Block(problem=known.problem, wishes=known.wishes, forced=none(), people=np.array(people, dtype=np.int32))

    def test_that_cannot_be_planned_says_which_it_is(self, cohort: tuple[Snapshot, Near]) -> None:
        blocks = [self.block(cohort, list(range(40))), self.block(cohort, [PEOPLE + 5])]
        with pytest.raises(BlockFailed, match="block 2 of 2 ended with status 1"):
            in_processes(blocks, lambda: False)
        assert not [child for child in psutil.Process().children() if "spawn_main" in " ".join(child.cmdline())]

    def test_is_not_begun_when_it_is_late(self, cohort: tuple[Snapshot, Near]) -> None:
        blocks = [self.block(cohort, list(range(40)))]
        assert in_processes(blocks, lambda: True) == [None] == one_by_one(blocks, lambda: True)
