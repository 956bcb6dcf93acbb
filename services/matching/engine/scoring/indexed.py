"""Pairs through the inverted index: never a matrix, so that a hundred thousand people fit into a worker's memory.

Everything is computed when it is asked for; pricing touches every pair with something to teach, on all processors. Each person's
row is computed by one thread alone, in whole numbers: the result does not depend on how many there are.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import local
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from services.matching.engine.meaning.near import near
from services.matching.engine.model import Need, Offer, Person, Snapshot
from services.matching.engine.scoring.aptness import APTNESS
from services.matching.engine.scoring.ground import problem_of
from services.matching.engine.scoring.inverted import inverted
from services.matching.engine.scoring.kernels import (
    ABLE,
    AT_LEAST_LEVEL,
    AT_LEAST_SLOTS,
    AT_MOST_CLOCK,
    DIFFERENT,
    GIVES,
    LABELS,
    RECEIVES,
    SAME,
    Ground,
    Index,
    Scratch,
    exceeding,
    leave,
    reach,
    row,
    scratch,
    sweep,
    sweep_alone,
    values,
)
from services.matching.engine.scoring.problem import COLUMNS, DIFFERENCE, Problem
from services.matching.engine.scoring.rules import CLOCK, LEVEL, SLOTS
from services.matching.engine.scoring.value import AMPLE_SLOTS, FLUENT, ONE_WAY_COST, PLATEAU
from services.matching.engine.solving.blocks import Part
from services.matching.engine.solving.pairs import NEVER, Edges, Millionths, Numbers, Pairs, Priced, edges_of

Found = TypeVar("Found")
_Best = tuple[NDArray[np.int64], Numbers, Millionths]
MOST_THREADS = 8  # each keeps everybody's best partners: more would pay for their speed in memory


class IndexedPairs:
    """See ``Pairs``: the same integers as the dense ones."""

    def __init__(self, problem: Problem, *, threads: int | None = None) -> None:
        self.size = problem.size
        self._threads = threads or min(MOST_THREADS, _processors())
        self._ground = _ground(problem)
        self._index = _index(problem)
        self._mine = local()  # a row's scratch, kept: clearing a new one takes as long as the row

    def strongest(self, *, each: int) -> Edges:
        """See `Pairs`."""
        _, (one, other, worth) = self._sweep(np.zeros(self.size, dtype=np.int64), each=each, pricing=False)
        # The sweep looked at two-way pairs. Who has too few of those has one-way pairs among their best.
        few = np.flatnonzero(np.bincount(one, minlength=self.size) < each)
        alone, partner, value = self._each_alone(few, each=each)
        return edges_of(np.concatenate((one, alone)), np.concatenate((other, partner)), np.concatenate((worth, value)))

    def price(self, y: Millionths, *, each: int) -> Priced:
        """See `Pairs`."""
        y = np.ascontiguousarray(y, dtype=np.int64)
        excess, (one, other, over) = self._sweep(y, each=each, pricing=True)
        more = np.bincount(one, minlength=self.size) >= each
        return Priced(excess=excess, worst=edges_of(one, other, over + y[one] + y[other]), more=more)

    def value(self, u: Numbers, v: Numbers) -> Millionths:
        """See `Pairs`."""
        one, other = (np.ascontiguousarray(part, dtype=np.int32) for part in (u, v))
        found = np.empty(len(one), dtype=np.int64)
        values(self._ground, self._index, one, other, found)
        return found

    def of(self, u: int) -> tuple[Numbers, Millionths]:
        """See `Pairs`."""
        others, _, _, worth = self._row(u)
        possible = worth != NEVER
        return others[possible], worth[possible]

    def teachings(self, u: int) -> tuple[Numbers, Millionths, Millionths]:
        """Everybody with whom one person has something to teach, rules or no rules: who, what u teaches them, what they teach u."""
        others, there, back, _ = self._row(u)
        return others, there, back

    def exceeding(self, bar: Millionths) -> int:
        """How many possible pairs are worth more than the ``bar`` (int64[n]) of each of the two. Looks at every pair."""
        bar = np.ascontiguousarray(bar, dtype=np.int64)
        found = np.zeros(self.size, dtype=np.int64)

        def some(first: int) -> None:
            exceeding(self._ground, self._index, self._scratch(), bar, first, self._threads, found)

        self._each_thread(some)
        return int(found.sum())

    def _row(self, u: int) -> tuple[Numbers, Millionths, Millionths, Millionths]:
        if not hasattr(self._mine, "clean"):
            self._mine.clean = self._scratch()
        clean = self._mine.clean
        count = reach(self._ground, self._index, clean, u, -1, False, 0)
        others = np.sort(clean.reached[:count])
        others = others[others != u]
        there, back, worth = (np.empty(len(others), dtype=np.int64) for _ in range(3))
        row(self._ground, self._index, clean, u, others, there, back, worth)
        leave(self._index, clean, u, count)
        return others, there, back, worth

    def _sweep(self, y: Millionths, *, each: int, pricing: bool) -> tuple[int, _Best]:
        """The sum of what is above the prices, and the best partners of everybody: person, partner, amount."""
        excess = np.zeros(self.size, dtype=np.int64)
        cheap, least, least_dear = _cheap(y) if pricing else (np.zeros(self.size, dtype=np.bool_), 0, 0)

        def some(first: int) -> _Best:
            held = np.zeros(self.size, dtype=np.int32)
            partners = np.empty((self.size, each), dtype=np.int32)
            amounts = np.empty((self.size, each), dtype=np.int64)
            # Neighbours in number go to different threads, so that none has all the people whom everybody wants.
            sweep(
                self._ground, self._index, self._scratch(), y, first, self._threads, pricing, cheap, least, least_dear,
                excess, held, partners, amounts,
            )  # fmt: skip
            kept = np.arange(each) < held[:, None]
            return np.repeat(np.arange(self.size, dtype=np.int64), held), partners[kept], amounts[kept]

        found = self._each_thread(some)
        one, other, amount = (np.concatenate(part) for part in zip(*found, strict=True))
        # A person's best are among the best that each thread found for them.
        order = np.lexsort((other, -amount, one))
        one, other, amount = one[order], other[order], amount[order]
        best = np.arange(len(one)) - np.searchsorted(one, one) < each
        return sum(excess.tolist()), (one[best], other[best], amount[best])

    def _each_alone(self, some: NDArray[np.int64], *, each: int) -> _Best:
        """The best partners of these people, one-way pairs included."""
        held = np.zeros(len(some), dtype=np.int32)
        partners = np.empty((len(some), each), dtype=np.int32)
        amounts = np.empty((len(some), each), dtype=np.int64)

        def every(first: int) -> None:
            sweep_alone(self._ground, self._index, self._scratch(), some, first, self._threads, held, partners, amounts)

        if len(some) and each:
            self._each_thread(every)
        kept = np.arange(each) < held[:, None]
        return np.repeat(some, held), partners[kept], amounts[kept]

    def _each_thread(self, work: Callable[[int], Found]) -> list[Found]:
        """What ``work`` finds for the number of each thread; one alone needs no other thread."""
        if self._threads == 1:
            return [work(0)]
        with ThreadPoolExecutor(self._threads) as pool:
            return list(pool.map(work, range(self._threads)))

    def _scratch(self) -> Scratch:
        return scratch(self.size, asks=len(self._index.ask_text))


def part_of(
    problem: Problem,
    people: Numbers,
    *,
    seen: Callable[[Pairs], Pairs] = lambda pairs: pairs,
    threads: int | None = None,
) -> Part:
    """The pairs of these people (ascending) alone, numbered anew: a block of a huge cohort, as a job of its own. ``seen``: what a planner
    makes of pairs, with wishes and without forced couples."""
    here = np.zeros(problem.size, dtype=np.bool_)
    here[people] = True
    return Part(seen(IndexedPairs(replace(problem, able=problem.able & here), threads=threads)), people)


def warm() -> None:
    """Compile everything, for whoever builds an image: it takes half a minute, once; afterwards every process starts at once.

    What was compiled is kept beside the source, or where ``NUMBA_CACHE_DIR`` says.
    """
    from services.matching.engine.grouping import compiled as groups
    from services.matching.engine.solving import compiled

    offers, needs = (Offer(text="a", level=1),), (Need(text="a", priority=1),)
    people = [Person(id=name, organization=name, offers=offers, needs=needs) for name in ("one", "two")]
    table = near(
        ("a",),
        ("a",),
        starts=np.array([0, 1]),
        offers_at=np.zeros(1, np.int32),
        chance=np.ones(1, np.uint16),
        model="-",
    )
    pairs = IndexedPairs(problem_of(Snapshot(people=tuple(people)), people=people, near=table), threads=1)
    pairs.strongest(each=1)
    pairs.price(np.zeros(2, dtype=np.int64), each=1)
    pairs.value(np.zeros(1, dtype=np.int32), np.ones(1, dtype=np.int32))
    pairs.of(0)
    pairs.exceeding(np.zeros(2, dtype=np.int64))
    compiled.warm()
    groups.warm()


def _cheap(y: Millionths) -> tuple[NDArray[np.bool_], int, int]:
    """The hundredth with the least prices, the least price, and the least of all others."""
    if len(y) < 2:
        return np.zeros(len(y), dtype=np.bool_), int(y.min(initial=0)), int(y.min(initial=0))
    at = max(1, len(y) // 100)
    dear = int(np.partition(y, at)[at])
    return y < dear, int(y.min()), dear


def _processors() -> int:
    """How many this process may use; not every system can tell it from how many there are."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _ground(problem: Problem) -> Ground:
    rules = problem.rules
    flags = GIVES * problem.gives + RECEIVES * problem.receives + ABLE * problem.able
    tongues = _tongues(problem.spoken)
    facts = np.column_stack((flags, rules.base_ban, problem.clock, problem.labels.T, tongues))
    compared = np.column_stack(
        (
            np.where(rules.label_same, SAME, DIFFERENT),
            rules.label_column,
            np.zeros_like(rules.label_column),
            rules.label_cost,
        )
    )
    forms = np.zeros(3, dtype=np.int64)
    forms[[LEVEL, SLOTS, CLOCK]] = AT_LEAST_LEVEL, AT_LEAST_SLOTS, AT_MOST_CLOCK
    measured = np.column_stack(
        (forms[rules.measure_what], rules.measure_language, rules.measure_bound, rules.measure_cost)
    )
    most_slots = max(AMPLE_SLOTS, int(rules.measure_bound[rules.measure_what == SLOTS].max(initial=0)))
    return Ground(
        facts=np.ascontiguousarray(facts, dtype=np.int32),  # always in this order: another one would be compiled anew
        costs=rules.base_cost,
        slots=np.ascontiguousarray(problem.slots, dtype=np.uint64),
        spoken=np.ascontiguousarray(problem.spoken, dtype=np.uint8),
        different=np.array([COLUMNS.index(name) for name in DIFFERENCE], dtype=np.int64),
        rules=np.ascontiguousarray(np.concatenate((compared, measured)), dtype=np.int64),
        weights=np.array(
            [
                problem.weights.third,
                problem.weights.logistics,
                most_slots,
                LABELS + len(COLUMNS),
                PLATEAU,
                AMPLE_SLOTS,
                FLUENT,
                ONE_WAY_COST,
                bool((problem.gives & problem.receives)[problem.able].all()),
            ],
            dtype=np.int64,
        ),
    )


def _tongues(spoken: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Each person's languages side by side: 8 · language + level, and −1 where there are no more (one column of it at least)."""
    who, code = np.nonzero(spoken)
    counts = np.count_nonzero(spoken, axis=1)
    side_by_side = np.full((len(spoken), int(counts.max(initial=0)) + 1), -1, dtype=np.int64)
    position = np.arange(len(who)) - np.repeat(np.cumsum(counts) - counts, counts)
    side_by_side[who, position] = code * 8 + spoken[who, code]
    return side_by_side


def _index(problem: Problem) -> Index:
    index, rules = inverted(problem), problem.rules
    return Index(
        need_starts=problem.need_starts,
        need_ask=problem.need_ask,
        need_priority=problem.need_priority,
        offer_starts=problem.offer_starts,
        offer_text=problem.offer_text,
        offer_skill=problem.offer_skill,
        ask_text=problem.ask_text,
        ask_kind=problem.ask_kind,
        near_starts=problem.near.starts,
        near_offer=problem.near.offers_at,
        near_chance=problem.near.chance,
        meets_starts=index.meets_starts,
        meets_ask=index.meets_ask,
        meets_chance=index.meets_chance,
        asker_starts=index.asker_starts,
        asker=index.asker,
        asker_priority=index.asker_priority,
        holder_starts=index.holder_starts,
        holder=index.holder,
        holder_skill=index.holder_skill,
        aptness=APTNESS,
        couple_starts=rules.couple_starts,
        couple_other=rules.couple_other,
        couple_ban=rules.couple_ban,
        couple_cost=rules.couple_cost,
    )
