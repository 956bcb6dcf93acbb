"""After a drop-out: a run keeps the drafts that it was asked to keep, says how many moved, and proves its bound."""

import hashlib
from dataclasses import replace
from uuid import UUID, uuid4

import msgspec
import pytest
from hypothesis import given, strategies as st

from contracts.matching import Keep, MatchRun, PairDeclined, PairStatus, UnmatchedReason, WithdrawEnrolment
from contracts.profiles import Need, Offer
from services.matching.engine.frozen import near_bytes, proof_bytes
from services.matching.engine.keeping import keeping
from services.matching.engine.match import match
from services.matching.engine.model import LOCKED, STICKY, Couple, Plan, Rule, Snapshot
from services.matching.engine.scoring.ground import SnapshotRefused
from services.matching.engine.scoring.reasons import broken_kinds
from services.matching.engine.solving.solve import solve
from services.matching.engine.stated import state
from services.matching.engine.verifying import Report, verify
from tests.matching.engine_people import near_for, problem_for, snapshot_of, somebody
from tests.matching.properties import cases
from tests.matching.test_engine_plan import couples, plan_of, snapshots
from tests.matching.test_worker import CLUSTERS, SUSHI, WANT_CLUSTERS, WANT_SUSHI, at_hand, matched, the_run
from tests.matching.world import World, facts_of

__all__ = ["at_hand"]  # the fixture


def verified(snapshot: Snapshot) -> tuple[Plan, Report]:
    """A plan, and what the verifier says about its proof."""
    near, content = near_for(snapshot), msgspec.json.encode(snapshot)
    plan, proof = match(snapshot, near)
    assert proof is not None
    digest = hashlib.sha256(content).hexdigest()
    return plan, verify(content, near=near_bytes(near), proof=proof_bytes(proof), digest=digest)


def after_a_drop_out(snapshot: Snapshot, gone: int) -> Snapshot:
    """The snapshot without one person, and the couples that its plan leaves."""
    people = tuple(person for number, person in enumerate(snapshot.people) if number != gone % len(snapshot.people))
    here = {person.id for person in people}
    now = [Couple(first=first, second=second) for first, second in sorted(couples(plan_of(snapshot)))]
    return replace(snapshot, people=people, current=tuple(each for each in now if {each.first, each.second} <= here))


@cases(80)
@given(snapshots(), st.integers(0, 6))
def test_locked_keeps_every_couple_that_may_be_and_proves_it(snapshot: Snapshot, gone: int) -> None:
    now = after_a_drop_out(snapshot, gone)
    plan, report = verified(replace(now, keep=LOCKED))
    assert {(couple.first, couple.second) for couple in now.current} <= couples(plan)
    assert report.faults == ()
    assert report.value == pytest.approx(plan.value)
    assert plan.upper_bound is not None
    assert plan.value <= plan.upper_bound + 1e-9
    problem, place = problem_for(now)
    assert not any(broken_kinds(problem, place[first], place[second]) for first, second in couples(plan))


@cases(80)
@given(snapshots(), st.integers(0, 6))
def test_sticky_leaves_nobody_out_keeps_more_and_has_the_bound_of_the_best_plan(snapshot: Snapshot, gone: int) -> None:
    now = after_a_drop_out(snapshot, gone)
    best = plan_of(now)
    plan, report = verified(replace(now, keep=STICKY))
    current = {(couple.first, couple.second) for couple in now.current}
    assert len(plan.left_out) == len(best.left_out)
    assert len(current & couples(plan)) >= len(current & couples(best))
    assert report.faults == ()
    assert report.value == pytest.approx(plan.value)
    assert plan.upper_bound is not None
    assert plan.value <= plan.upper_bound + 1e-9
    taken: dict[str, int] = {}
    for person in (person for couple in couples(plan) for person in couple):
        taken[person] = taken.get(person, 0) + 1
    assert all(taken.get(person.id, 0) <= person.places for person in now.people)


def test_sticky_plans_everybody_anew_before_it_leaves_somebody_out() -> None:
    """A chain whose two ends are alone: all but nobody's neighbourhood is too small for them."""
    chain = snapshot_of(
        *(somebody(f"p{at}", offers=[f"t{at}"], needs=[f"t{max(0, at - 1)}", f"t{min(3, at + 1)}"]) for at in range(4)),
        somebody("p4", offers=["own"], needs=["of its own"]),
        somebody("p5", offers=["of its own"], needs=["own"]),
        keep=STICKY,
        current=(Couple(first="p1", second="p2"), Couple(first="p4", second="p5")),
    )
    known = state(chain, near_for(chain), seed=0)
    best = solve(known.pairs, places=known.problem.places, forced=known.forced)
    assert best.unmatched == 0
    found = keeping(known, best, forced=known.forced, most=0)
    assert (found.unmatched, found.value, found.exact) == (0, best.value, True)
    assert found.w.tolist() == known.pairs.value(found.u, found.v).tolist()


def test_proof_of_a_locked_run_without_a_locked_couple_is_found_out() -> None:
    one, two, odd, even = (
        somebody(name, offers=[mine], needs=[theirs])
        for name, mine, theirs in (
            ("one", "sushi", "bread"),
            ("two", "bread", "sushi"),
            ("odd", "sushi", "bread"),
            ("even", "bread", "sushi"),
        )
    )
    free = snapshot_of(one, two, odd, even)
    (first, second), *_ = sorted({("one", "two"), ("even", "one")} - couples(plan_of(free)))
    held = replace(free, keep=LOCKED, current=(Couple(first=first, second=second),))
    near, content = near_for(free), msgspec.json.encode(held)
    _, proof = match(free, near)
    assert proof is not None
    digest = hashlib.sha256(content).hexdigest()
    report = verify(content, near=near_bytes(near), proof=proof_bytes(proof), digest=digest)
    assert any("had to be together" in fault for fault in report.faults)


def test_locked_gives_up_a_couple_that_a_block_or_a_rule_forbids() -> None:
    one, two = somebody("one", offers=["sushi"], needs=["bread"]), somebody("two", offers=["bread"], needs=["sushi"])
    now = (Couple(first="one", second="two"),)
    assert couples(plan_of(snapshot_of(one, two, keep=LOCKED, current=now))) == {("one", "two")}
    assert couples(plan_of(snapshot_of(one, two, keep=LOCKED, current=now, blocked=now))) == set()
    rules = [Rule(kind="not_together", people=("one", "two"))]
    assert couples(plan_of(snapshot_of(one, two, keep=LOCKED, current=now, rules=rules))) == set()


def test_keeping_what_is_unknown_is_refused() -> None:
    with pytest.raises(SnapshotRefused, match="choose none, locked or sticky"):
        plan_of(snapshot_of(somebody("one"), somebody("two"), keep="some"))


class Five:
    """Two teach sushi, three teach clusters, so that one of these is left out; then one of the two leaves, and the other's partner
    is a worse one than the left out are."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.sushi: list[UUID] = []
        self.clusters: list[UUID] = []

    async def begin(self, need: Need, offer: Offer) -> frozenset[UUID]:
        """The couple that is left, of whom the one who teaches clusters says this from now on."""
        world = self.world
        await world.open_cohort()
        for _ in range(2):
            self.sushi.append(await world.somebody(0, offers=SUSHI, needs=WANT_CLUSTERS))
        for _ in range(3):
            self.clusters.append(await world.somebody(1, offers=CLUSTERS, needs=WANT_SUSHI))
        for person in (*self.sushi, *self.clusters):
            await world.enrol(person)
        await world.close()
        await matched(world)
        leave = WithdrawEnrolment(command_id=uuid4(), cohort_id=world.cohort_id)
        await world.do(leave, by=self.sushi[1])
        (left,) = await self.drafts()
        (worse,) = left & set(self.clusters)
        await world.profile(worse, version=2, needs=(need,), offers=(offer,))
        return left

    async def drafts(self) -> list[frozenset[UUID]]:
        return [
            frozenset(member.person_id for member in pair.members)
            for pair in await self.world.pairs()
            if pair.status is PairStatus.DRAFT
        ]

    async def again(self, keep: Keep) -> MatchRun:
        run_id, recorded = await matched(self.world, keep=keep)
        self.gone = facts_of(recorded, PairDeclined)
        return await the_run(self.world, run_id)


A_LITTLE_WORSE = Need(text=WANT_SUSHI, priority=3), Offer(text=CLUSTERS, level=3)
MUCH_WORSE = Need(text="I want to fly", priority=1), Offer(text=CLUSTERS, level=1)


@pytest.mark.usefixtures("at_hand")
class TestKeep:
    async def test_nothing_moves_whoever_has_a_better_partner(self, world: World) -> None:
        five = Five(world)
        left = await five.begin(*A_LITTLE_WORSE)
        run = await five.again(Keep.NONE)
        assert left not in await five.drafts()
        assert (run.keep, run.moved, run.pairs) == (Keep.NONE, 2, 1)

    async def test_locked_moves_nobody_whatever_it_costs(self, world: World) -> None:
        five = Five(world)
        left = await five.begin(*MUCH_WORSE)
        (before,) = [pair.pair_id for pair in await world.pairs() if pair.status is PairStatus.DRAFT]
        run = await five.again(Keep.LOCKED)
        assert await five.drafts() == [left]
        assert (run.keep, run.moved, run.pairs) == (Keep.LOCKED, 0, 1)
        kept = await world.pair(before)
        assert (kept.status, kept.run_id, kept.pinned) == (PairStatus.DRAFT, run.run_id, False)
        assert five.gone == []
        assert {(out.person_id, out.reason) for out in run.unmatched} == {
            (person, UnmatchedReason.CAPACITY) for person in set(five.clusters) - left
        }

    async def test_sticky_keeps_what_is_a_little_worse_and_says_what_that_costs(self, world: World) -> None:
        five = Five(world)
        left = await five.begin(*A_LITTLE_WORSE)
        run = await five.again(Keep.STICKY)
        assert await five.drafts() == [left]
        assert (run.keep, run.moved, run.pairs, run.exact) == (Keep.STICKY, 0, 1, False)
        assert run.upper_bound is not None
        assert run.value < run.upper_bound < run.value + 0.1

    async def test_sticky_gives_up_what_is_much_worse_and_says_how_many_moved(self, world: World) -> None:
        five = Five(world)
        left = await five.begin(*MUCH_WORSE)
        run = await five.again(Keep.STICKY)
        assert left not in await five.drafts()
        assert (run.moved, run.pairs, run.exact) == (2, 1, True)
