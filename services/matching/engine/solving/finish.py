"""The last step for small cohorts: the best plan among all that the prices leave possible, by integer programming.

With prices y and penalties a proving that no plan as good in its unmatched is worth more than B, a plan worth more than L can
only use couples and leave open places whose *reduced costs* (y_u + y_v − w; what a degree d_v gives up against the best one) sum
to less than B − L. Everything dearer is out; what remains is a small program, and its optimum is that of all plans.

The program becomes smaller before it is solved: cuts by odd sets (`odd`) bring its fractional optimum near to the whole one, and programs
of the nearest couples alone better the plan. Either leaves fewer couples possible, by the same argument.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import inf

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array, csr_array, vstack

from services.matching.engine.solving.couples import degrees, keys, some, worth
from services.matching.engine.solving.odd import WHOLE, Columns, Cut, broken
from services.matching.engine.solving.pairs import Edges, Millionths
from services.matching.engine.solving.plan import better, unmatched_of

NODES, COLUMNS = 2_000, 2_000_000
"""Of the branching tree, and of all its programs together: a limit in work and not in time, so that every machine ends alike."""
STEPS = (16, 4, 1)  # parts of what is open: how dear the couples of a program may be
ROUNDS = 8  # of cuts before each
LITTLE = 50  # a round that closes less than one part in so many of what is open is one of the last two
FEW = 4_000  # couples: their program is solved as it is
SMALL = 8_000  # couples of a program; those on the way have no more than there are people
CLEAR = 500  # columns that the fraction takes in part, where there are more than few couples


@dataclass(frozen=True, slots=True)
class Finished:
    """``couples``: the best plan found. ``bound``: with these couples and degrees, no plan is worth more (millionths)."""

    couples: Edges
    bound: int


@dataclass(frozen=True, slots=True, eq=False)
class _Program:
    """The least ``cost`` of columns between ``low`` and ``high`` with ``equal`` @ x = ``places`` and ``upper`` @ x ≤ ``most``; all whole.

    Columns: m couples; open places of n people; who is alone. Rows of ``upper``: who may be alone and is unserved; how many are; cuts."""

    cost: Millionths
    low: Millionths
    high: Millionths
    equal: csr_array
    places: Millionths
    upper: csr_array
    most: Millionths
    first_cut: int


@dataclass(frozen=True, slots=True, eq=False)
class _Relaxed:
    """The fractional optimum; what no plan costs less than; and what one more of every column costs above that (below zero: one less)."""

    x: NDArray[np.float64]
    bound: int
    reduced: Millionths
    of_places: Millionths  # what one place more of everybody costs
    tight: NDArray[np.bool_]  # rows of ``upper`` that cost something
    unclear: int  # columns that are not whole


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """What a plan is made of. ``unmatched``: how many it may leave alone. ``penalty``: see `plan.better`."""

    edges: Edges
    y: Millionths
    alone: Millionths
    places: Millionths
    waiting: NDArray[np.bool_]
    unmatched: int
    penalty: int
    halted: Callable[[], bool]
    seconds: Callable[[], float]

    @property
    def nothing(self) -> int:
        """What a plan costs, and what it is worth, add up to that."""
        return sum((self.places * self.y).tolist())

    def best(self, *plans: Edges) -> Edges:
        """Of those that are plans; the first one is."""
        first, *others = plans
        for other in others:
            fits = (degrees(other, len(self.places)) <= self.places).all()
            if fits and worth(other) > worth(first) and unmatched_of(other, waiting=self.waiting) <= self.unmatched:
                first = other
        return first


def finish(asked: Asked, *, plan: Edges, gap: int) -> Finished:
    """The best plan of the couples that are ``asked`` for, ``plan`` among them. ``gap``: B − L.

    Before every step, ``halted`` is asked and how many ``seconds`` are left."""
    program, relaxed = _program(asked, gap=gap), None
    best, bound, m = plan, worth(plan) + gap, len(asked.edges)
    for step in STEPS:
        program, relaxed, best = _tightened(program, relaxed, best, asked)
        if relaxed is not None:
            bound = min(bound, asked.nothing - relaxed.bound)
        slack = bound - worth(best)
        if slack <= 0 or asked.halted():
            break
        chosen = _near(program, relaxed, within=slack // step, kept=_among(best, asked.edges))
        last = step == 1 or _wide(program, m) <= FEW
        last = last or not _small(chosen, relaxed, m, most=max(FEW, len(asked.places)))
        chosen = program if last else chosen
        if not _small(chosen, relaxed, m, most=SMALL):
            break
        nodes = COLUMNS // (step * max(1, _wide(chosen, m)))
        x, proven = _solved(chosen, nodes=nodes, seconds=asked.seconds())
        best = best if x is None else asked.best(best, some(asked.edges, x[:m] > 0.5))
        if last:
            bound = bound if proven is None else min(bound, asked.nothing - proven)
            break
    return Finished(best, max(bound, worth(best)))


def _small(program: _Program, relaxed: _Relaxed | None, m: int, *, most: int) -> bool:
    """Whether it can be solved soon."""
    wide = _wide(program, m)
    return wide <= FEW or (wide <= most and relaxed is not None and relaxed.unclear <= CLEAR)


def _among(few: Edges, edges: Edges) -> NDArray[np.bool_]:
    return np.isin(keys(edges), keys(few))


def _program(asked: Asked, *, gap: int) -> _Program:
    edges, y, places = asked.edges, asked.y, asked.places
    size, m = len(places), len(edges)
    cost = y[edges.u] + y[edges.v] - edges.w
    least, most = _degrees(y=y, alone=asked.alone, places=places, waiting=asked.waiting, gap=gap)
    may_be_alone = np.flatnonzero(asked.waiting & (places > 0) & (least == 0))
    count = len(may_be_alone)
    column, person, numbers = np.arange(m), np.arange(size), np.arange(count)
    columns = m + size + count
    served = np.full(size, -1)
    served[may_be_alone] = numbers
    serving = [(served[end][served[end] >= 0], column[served[end] >= 0], -1) for end in (edges.u, edges.v)]
    return _Program(
        cost=np.concatenate([cost, y, np.zeros(count, np.int64)]),
        low=np.concatenate([np.where(cost < -gap, 1, 0), places - most, np.zeros(count, np.int64)]),
        high=np.concatenate([np.ones(m, np.int64), places - least, np.ones(count, np.int64)]),
        equal=_rows([(edges.u, column, 1), (edges.v, column, 1), (person, m + person, 1)], shape=(size, columns)),
        places=places,
        upper=_rows(
            [*serving, (numbers, m + size + numbers, -1), (np.full(count, count), m + size + numbers, 1)],
            shape=(count + 1, columns),
        ),
        most=np.concatenate([np.full(count, -1), [asked.unmatched - int((asked.waiting & (places == 0)).sum())]]),
        first_cut=count + 1,
    )


def _rows(
    entries: Sequence[tuple[NDArray[np.integer], NDArray[np.integer], int]], *, shape: tuple[int, int]
) -> csr_array:
    row, column = (np.concatenate([entry[side] for entry in entries]) for side in (0, 1))
    value = np.concatenate([np.full(len(entry[0]), entry[2], np.int64) for entry in entries])
    return coo_array((value, (row, column)), shape=shape).tocsr()


def _wide(program: _Program, m: int) -> int:
    """How many couples are still open."""
    return int((program.high > program.low)[:m].sum())


def _tightened(
    program: _Program, relaxed: _Relaxed | None, best: Edges, asked: Asked
) -> tuple[_Program, _Relaxed | None, Edges]:
    """With cuts, with a better plan perhaps, and without what no plan has that is worth more."""
    size, m = len(program.places), len(asked.edges)
    person, nobody = np.arange(size), np.full(size, size)
    ends = np.concatenate([asked.edges.u, person]), np.concatenate([asked.edges.v, nobody])
    last_slack, little = inf, 0
    for _ in range(ROUNDS):
        found = None if asked.halted() or _wide(program, m) <= FEW else _relaxed(program, seconds=asked.seconds())
        if found is None:
            break
        relaxed = found
        best = asked.best(best, _rounded(relaxed, asked))
        slack = asked.nothing - worth(best) - relaxed.bound
        little = little + 1 if (last_slack - slack) * LITTLE < last_slack else 0
        if slack <= 0 or little == 2:
            break
        last_slack = slack
        columns = Columns(*ends, low=program.low[: m + size], high=program.high[: m + size], places=program.places)
        cuts = broken(relaxed.x[: m + size], columns, reduced=relaxed.reduced[: m + size], reach=slack)
        program = _narrowed(program, relaxed, slack=slack)
        if not cuts:
            break
        program = _cut(program, relaxed, cuts)
    if relaxed is not None:
        program = _narrowed(program, relaxed, slack=max(0, asked.nothing - worth(best) - relaxed.bound))
    return program, relaxed, best


def _rounded(relaxed: _Relaxed, asked: Asked) -> Edges:
    """The couples that the fraction takes whole, then those it takes most of, bettered."""
    edges, room = asked.edges, asked.places.copy()
    x = relaxed.x[: len(edges)]
    taken = x > 1 - WHOLE
    room -= degrees(some(edges, taken), len(room))
    in_part = np.flatnonzero((x > WHOLE) & ~taken)
    for k in in_part[np.argsort(-x[in_part], kind="stable")].tolist():
        u, v = edges.u[k], edges.v[k]
        if room[u] > 0 and room[v] > 0:
            taken[k] = True
            room[[u, v]] -= 1
    y = np.where(asked.places > 0, asked.y - relaxed.of_places, 0)
    return better(edges, some(edges, taken), y=y, places=asked.places, waiting=asked.waiting, penalty=asked.penalty)


def _cut(program: _Program, relaxed: _Relaxed, cuts: Sequence[Cut]) -> _Program:
    """Instead of the cuts that turned out loose."""
    rows = _rows(
        [(np.full(len(cut.columns), number), cut.columns, 1) for number, cut in enumerate(cuts)],
        shape=(len(cuts), len(program.cost)),
    )
    most = np.array([cut.most for cut in cuts], np.int64)
    kept = relaxed.tight | (np.arange(len(program.most)) < program.first_cut)
    return replace(
        program, upper=vstack([program.upper[kept], rows]).tocsr(), most=np.concatenate([program.most[kept], most])
    )


def _relaxed(program: _Program, *, seconds: float) -> _Relaxed | None:
    """None: the arithmetic failed, or time was over. The bound follows from whole prices of the rows, whatever they are: weak duality."""
    from scipy.optimize import linprog  # here, because most small cohorts need no finish

    found = linprog(
        program.cost.astype(float),
        A_eq=program.equal,
        b_eq=program.places,
        A_ub=program.upper,
        b_ub=program.most,
        bounds=np.column_stack([program.low, program.high]),
        method="highs",
        options={"time_limit": max(0.05, seconds)},
    )
    if found.status != 0:
        return None
    equal = np.rint(found.eqlin.marginals).astype(np.int64)
    upper = np.minimum(np.rint(found.ineqlin.marginals), 0).astype(np.int64)
    reduced = program.cost - program.equal.T @ equal - program.upper.T @ upper
    cheapest = np.where(reduced > 0, program.low, program.high) * reduced
    bound = sum((equal * program.places).tolist()) + sum((upper * program.most).tolist()) + sum(cheapest.tolist())
    unclear = int((np.abs(found.x - np.rint(found.x)) > WHOLE).sum())
    return _Relaxed(found.x, bound, reduced, of_places=equal, tight=upper < 0, unclear=unclear)


def _narrowed(program: _Program, relaxed: _Relaxed, *, slack: int) -> _Program:
    """Without what no plan within ``slack`` of the bound has. ``relaxed``: of this program, or already narrowed by it."""
    reduced = relaxed.reduced
    steps = np.minimum(program.high - program.low, slack // np.maximum(np.abs(reduced), 1))
    return replace(
        program,
        low=np.where(reduced < 0, program.high - steps, program.low),
        high=np.where(reduced > 0, program.low + steps, program.high),
    )


def _near(program: _Program, relaxed: _Relaxed | None, *, within: int, kept: NDArray[np.bool_]) -> _Program:
    """Only with couples that cost no more than ``within``, and those of the plan."""
    if relaxed is None:
        return program
    far = np.zeros(len(program.cost), dtype=np.bool_)
    far[: len(kept)] = (relaxed.reduced[: len(kept)] > within) & ~kept
    return replace(program, high=np.where(far, program.low, program.high))


def _solved(program: _Program, *, nodes: int, seconds: float) -> tuple[NDArray[np.float64] | None, int | None]:
    """The best whole columns found, and what none cost less than; None where nothing is known."""
    from scipy.optimize import Bounds, LinearConstraint, milp

    result = milp(
        program.cost.astype(float),
        integrality=np.ones(len(program.cost), np.int64),
        bounds=Bounds(program.low, program.high),
        constraints=[
            LinearConstraint(program.equal, program.places, program.places),
            LinearConstraint(program.upper, -np.inf, program.most),
        ],
        options={"mip_rel_gap": 0.0, "node_limit": max(1, min(NODES, nodes)), "time_limit": max(0.05, seconds)},
    )
    bound = getattr(result, "mip_dual_bound", None)
    # Values are whole: what the program's arithmetic is off by is far below one half.
    proven = int(np.ceil(bound - 0.5)) if bound is not None and np.isfinite(bound) else None
    return result.x, proven


def _degrees(
    *, y: Millionths, alone: Millionths, places: Millionths, waiting: NDArray[np.bool_], gap: int
) -> tuple[Millionths, Millionths]:
    """The least and the most partners of everybody that give up at most ``gap`` against the best number."""
    best = np.maximum(np.maximum(-alone, y), places * y)
    # From one partner on, what is given up is linear in their number.
    slack = np.maximum(gap - (best - np.where(y > 0, places * y, y)), -1)
    step = np.maximum(np.abs(y), 1)
    reach = np.where(y == 0, places, slack // step)
    least = np.where(y > 0, np.maximum(1, places - reach), 1)
    most = np.where(y > 0, places, np.minimum(places, 1 + reach))
    least = np.where(best + alone <= gap, 0, least)
    most = np.where(slack < 0, 0, most)
    none = places == 0
    return np.where(none, 0, np.minimum(least, places)), np.where(none, 0, most)
