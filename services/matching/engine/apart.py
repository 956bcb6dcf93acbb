"""The best plan without floors: of a cohort at once, or of a huge one in blocks that are jobs of their own (see ``solving.blocks``)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import inf

from services.matching.engine.model import OnProgress
from services.matching.engine.scoring.problem import Problem
from services.matching.engine.scoring.wishes import wished
from services.matching.engine.solving.blocks import split, union
from services.matching.engine.solving.couples import Revalued, degrees, replaced
from services.matching.engine.solving.pairs import NEVER, Edges, Numbers, Pairs
from services.matching.engine.solving.solution import Best, Solution
from services.matching.engine.solving.solve import ROUNDS, solve
from services.matching.engine.stated import Stated

MOST = 100_000
"""People whom one job plans."""
TOGETHER = 4
"""By so many of everybody's best partners it is found out who belongs into one block."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Block:
    """Some of a cohort's ``people`` (ascending), to be planned by whoever has time. Can be pickled."""

    problem: Problem
    wishes: Edges
    forced: Edges
    people: Numbers


def plan_block(block: Block, *, threads: int | None = None, late: Callable[[], bool] = lambda: False) -> Solution:
    """The plan of a block alone, its people numbered from 0. Forced couples are not planned; they have their places already."""
    from services.matching.engine.scoring.indexed import part_of  # compiles for seconds

    def seen(pairs: Pairs) -> Pairs:
        pairs = wished(pairs, block.wishes)
        return Revalued(pairs, replaced(block.forced, NEVER)) if len(block.forced) else pairs

    taken = degrees(block.forced, block.problem.size)
    return solve(
        part_of(block.problem, block.people, seen=seen, threads=threads),
        places=(block.problem.places - taken)[block.people],
        waiting=(taken == 0)[block.people],
        exact_up_to=0,
        cancelled=late,
    )


def one_by_one(blocks: Sequence[Block], late: Callable[[], bool]) -> list[Solution | None]:
    """Plan blocks here, one after the other; None for those that ``late`` left no time for."""
    return [None if late() else plan_block(block, late=late) for block in blocks]


@dataclass(frozen=True, slots=True, kw_only=True)
class Apart:
    """From how many people on a cohort is planned in blocks of as many at ``most``, and who plans them."""

    most: int = MOST
    plan: Callable[[Sequence[Block], Callable[[], bool]], Sequence[Solution | None]] = one_by_one


def planned(
    known: Stated,
    *,
    forced: Edges,
    apart: Apart,
    on_progress: OnProgress = lambda _stage, _done: None,
    on_best: Callable[[Best], None] = lambda _best: None,
    cancelled: Callable[[], bool] = lambda: False,
    deadline: Callable[[], float] = lambda: inf,
) -> Solution:
    """The best plan with the ``forced`` couples, as ``solve`` gives it: the bound holds over all pairs, those between blocks included."""
    places = known.problem.places
    if known.pairs.size <= apart.most:
        return solve(
            known.pairs,
            places=places,
            forced=forced,
            on_progress=on_progress,
            on_best=on_best,
            cancelled=cancelled,
            deadline=deadline,
        )
    on_progress("splitting into blocks", 0.0)
    parts = split(known.pairs.strongest(each=TOGETHER), size=known.pairs.size, most=apart.most)
    on_progress(f"{len(parts)} blocks", 0.1)
    blocks = [Block(problem=known.problem, wishes=known.wishes, forced=forced, people=people) for people in parts]
    solutions = apart.plan(blocks, lambda: cancelled() or deadline() <= 0)
    done = [(people, found) for people, found in zip(parts, solutions, strict=True) if found is not None]
    return union(
        known.pairs,
        [people for people, _ in done],
        [found for _, found in done],
        places=places,
        forced=forced,
        rounds=ROUNDS,  # as many as it takes, as without blocks: a few leave a wide gap in a cohort of this size
        on_progress=lambda stage, share: on_progress(stage, 0.5 + 0.5 * share),
        on_best=on_best,
        cancelled=cancelled,
        deadline=deadline,
    )
