"""Choosing disjoint groups: as few people left out as possible, then the most value; with a bound over ALL possible groups.

There are far too many groups to list them, so a linear program knows few of them, and its prices find the others (*column
generation*). They prove the bound that ``certificate`` derives: what the best group of each leader is worth at the prices is what
``search`` finds exactly, over every group there could be, not over those of the program; out of patience it says what is not
exceeded, and the bound holds all the same. Any prices give a valid bound, whole ones too; those of the program give the best. How few
can be left out is the same question with w = the number of members and no bonus, and is asked first.

The program's fractions become a plan by integer programming over its groups. A plan worth more than ours gives up less against
the bound than lies between the two, in total: so each of its groups falls short by less. When all such groups are few enough to
be listed, the integer program over them is exact.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import Bounds, LinearConstraint, linprog, milp
from scipy.sparse import csc_array, vstack

from services.matching.engine.grouping.certificate import Certificate, worth_nothing
from services.matching.engine.grouping.circles import Circles, Numbers, People, worth
from services.matching.engine.grouping.search import BEST, EVERY, WIDEST, search
from services.matching.engine.model import Cancelled, Grouping
from services.matching.engine.scoring.problem import MILLION
from services.matching.engine.scoring.value import PLATEAU

LARGE = 20
"""From so many people on the search is compiled."""
ITERATIONS = 60  # of the program, at most
PATIENCE = 3_000_000  # steps of the search for each option
LISTED = 30_000  # groups that are listed at once
NODES = 100
EXACT = 30_000  # people times groups that the last program may have: beyond, the bound stands alone
WINDOW = 3  # groups that are planned anew together
WINDOW_GROUPS = 800  # of these people, at most
MOST_WINDOWS = 24
PASSES = 2
FIRST = 50 * MILLION  # more than any group is worth: people in groups count before value
TAKEN = 2**40  # the price of somebody who is not to be had


@dataclass(frozen=True, slots=True)
class Group:
    """One possible group: who leads first, the others ascending; its option and language; millionths."""

    option: int
    language: int
    members: tuple[int, ...]
    value: int


@dataclass(frozen=True, slots=True)
class Packing:
    """``groups`` are disjoint. No plan has more than ``most_people`` in groups; none that has as many as this one is worth more than
    ``upper_bound`` (millionths). ``cover`` and ``dearest`` prove as much, or a little less where an integer program knew better."""

    groups: tuple[Group, ...]
    people: int
    most_people: int
    value: int
    upper_bound: int
    cover: Certificate
    dearest: Certificate


@dataclass(slots=True)
class Searcher:
    """The search over some people and options; remembers every group that it saw, each set of people once."""

    people: People
    circles: Circles
    grouping: Grouping
    known: dict[tuple[int, ...], Group] = field(default_factory=dict)
    cancelled: Callable[[], bool] = lambda: False

    def best(
        self, y: Numbers, *, bonus: int, valued: bool, options: Numbers | None = None
    ) -> tuple[list[Group], Numbers]:
        """The best group of each option at these prices, where it is above zero; and what no group of each option exceeds (o)."""
        found, bound = self._search(
            y, bonus=bonus, valued=valued, mode=BEST, threshold=0, options=options, room=self.circles.size
        )
        assert found is not None
        return found, bound

    def every(
        self,
        y: Numbers,
        *,
        bonus: int,
        valued: bool,
        threshold: int,
        room: int = LISTED,
        options: Numbers | None = None,
    ) -> list[Group] | None:
        """All groups from this threshold on; None when they are too many, or too many steps are needed to be sure."""
        found, bound = self._search(
            y, bonus=bonus, valued=valued, mode=EVERY, threshold=threshold, options=options, room=room
        )
        looked_at = bound if options is None else bound[options]
        return None if (looked_at > threshold).any() else found

    def _search(
        self, y: Numbers, *, bonus: int, valued: bool, mode: int, threshold: int, options: Numbers | None, room: int
    ) -> tuple[list[Group] | None, Numbers]:
        if self.cancelled():
            raise Cancelled
        people, circles = self.people, self.circles
        run = search
        if len(people.clock) >= LARGE:
            from services.matching.engine.grouping import compiled

            run = compiled.search
        given = np.array(
            [
                people.part,
                people.logistics,
                people.need_slots,
                people.floor,
                self.grouping.least,
                self.grouping.most,
                bonus,
                int(valued),
                mode,
                threshold,
                PATIENCE,
                PLATEAU,
            ],
            dtype=np.int64,
        )
        bound = np.zeros(circles.size, dtype=np.int64)
        rows = np.empty((max(room, 1), 3 + WIDEST), dtype=np.int64)
        count = run(
            np.arange(circles.size) if options is None else options,
            circles.lead,
            circles.starts,
            circles.who,
            circles.met,
            circles.back,
            circles.gives,
            circles.texts,
            people.legal,
            people.differ,
            people.cost,
            people.clock,
            people.spoken,
            people.free,
            people.minutes,
            y,
            given,
            bound,
            rows,
        )
        return (None if count < 0 else [self._known(row) for row in rows[:count].tolist()]), bound

    def _known(self, row: list[int]) -> Group:
        option, language, leader, *others = row[: 2 + WIDEST]
        members = (leader, *sorted(each for each in others if each >= 0))
        value = worth(self.people, self.circles, option, members, language=language)
        key = tuple(sorted(members))
        best = self.known.get(key)
        if best is None or (value, -option, -language) > (best.value, -best.option, -best.language):
            best = self.known[key] = Group(option, language, members, value)
        return best


def pack(
    searcher: Searcher, *, size: int, on_progress: Callable[[str, float], None] = lambda _stage, _done: None
) -> Packing:
    """The plan for ``size`` people. Raises ``Cancelled``."""
    if not searcher.circles.size:
        return _no_groups(worth_nothing(size, valued=False), worth_nothing(size, valued=True))
    on_progress("first groups", 0.0)
    _greedily(searcher, size=size)
    if not searcher.known:
        # Nothing was found; and there is nothing, unless the search ran out of patience.
        some = _certified(searcher, np.zeros(size, dtype=np.int64), bonus=MILLION, valued=False)
        if some.led.any():  # nobody's place is cheaper than the bonus: no group is worth anything
            some = _certified(searcher, np.full(size, MILLION, dtype=np.int64), bonus=MILLION, valued=False)
        return _no_groups(some, _certified(searcher, np.zeros(size, dtype=np.int64), bonus=0, valued=True))
    on_progress("as many people as possible", 0.1)
    most = _generate(searcher, size=size, valued=False, cover=0)
    groups = improved(searcher, _dive(searcher, size=size), size=size)
    covered, most_people = _people(groups), most.most_people
    if covered < most_people:
        groups, proven = _finished(searcher, most, groups, size=size, valued=False, cover=0)
        covered, most_people = _people(groups), min(most_people, proven // MILLION)
    on_progress("the most value", 0.4)
    dearest = _generate(searcher, size=size, valued=True, cover=covered)
    groups = max(groups, improved(searcher, _dive(searcher, size=size), size=size), key=_rank)
    for _ in range(PASSES):
        better = improved(searcher, groups, size=size)
        if _rank(better) <= _rank(groups):
            break
        groups = better
    on_progress("proving", 0.8)
    groups, upper = _finished(searcher, dearest, groups, size=size, valued=True, cover=covered)
    return Packing(
        tuple(sorted(groups, key=lambda group: (-group.value, group.members))),
        _people(groups),
        most_people,
        sum(group.value for group in groups),
        upper,
        most,
        dearest,
    )


def _no_groups(cover: Certificate, dearest: Certificate) -> Packing:
    return Packing((), 0, cover.most_people, 0, dearest.ceiling(people=0), cover, dearest)


def _certified(searcher: Searcher, y: Numbers, *, bonus: int, valued: bool) -> Certificate:
    """These prices with what no leader's groups exceed at them."""
    bound = searcher.best(y, bonus=bonus, valued=valued)[1]
    led = np.zeros(len(y), dtype=np.int64)
    np.maximum.at(led, searcher.circles.lead, bound)
    return Certificate(y, led, bonus, valued)


def _dive(searcher: Searcher, *, size: int) -> list[Group]:
    """A plan out of the program's fractions: what it takes most of is taken wholly, and the rest is asked again, with the groups
    that its prices find among those who are left."""
    open_ = np.ones(size, dtype=np.bool_)
    plan: list[Group] = []
    while True:
        known = [group for group in searcher.known.values() if open_[list(group.members)].all()]
        if not known:
            known = searcher.best(np.where(open_, 0, TAKEN), bonus=FIRST, valued=True)[0]
            known = [group for group in known if open_[list(group.members)].all()]
            if not known:
                return plan
        share, y = _shares(known, size=size)
        searcher.best(np.where(open_, y, TAKEN), bonus=FIRST, valued=True)
        order = sorted(range(len(known)), key=lambda at: (-share[at], -known[at].value, known[at].members))
        for at in order:
            group = known[at]
            if (share[at] > 0.6 or at == order[0]) and open_[list(group.members)].all():
                plan.append(group)
                open_[list(group.members)] = False


def improved(searcher: Searcher, plan: list[Group], *, size: int) -> list[Group]:
    """Whoever is left out, with some groups that could take them in, is planned anew, exactly; then the poorest groups are."""
    plan = list(plan)
    outside = sorted(set(range(size)) - {person for group in plan for person in group.members})
    windows: list[tuple[set[int], list[Group]]] = []
    for person in outside:
        near = sorted(plan, key=lambda group: (-_fits(searcher, person, group), group.members))
        windows += [({person}, near[at : at + WINDOW]) for at in range(0, min(len(near), MOST_WINDOWS), WINDOW)]
    poor = sorted(plan, key=lambda group: (group.value / len(group.members), group.members))
    windows += [(set(), [poor[at], *_nearest(searcher, poor[at], plan)]) for at in range(min(len(poor), MOST_WINDOWS))]
    for extra, few in windows:
        if not all(group in plan for group in few) or extra & {person for group in plan for person in group.members}:
            continue  # an earlier window changed it
        taken = {person for group in plan if group not in few for person in group.members}
        people = sorted(({person for group in few for person in group.members} | extra) - taken)
        y = np.full(size, TAKEN, dtype=np.int64)
        y[people] = 0
        leads = np.flatnonzero(np.isin(searcher.circles.lead, people))
        every = searcher.every(
            y, bonus=FIRST, valued=True, threshold=0, room=WINDOW_GROUPS * (5 if extra else 1), options=leads
        )
        if every is None or not every:
            continue
        better = _integer(every, size=size, valued=True, cover=0, bonus=FIRST)[0]
        if _rank(better) > _rank(few):
            plan = [group for group in plan if group not in few] + better
    return plan


def _fits(searcher: Searcher, person: int, group: Group) -> int:
    """How many of a group somebody may be with."""
    return int(searcher.people.legal[person, list(group.members)].sum())


def _nearest(searcher: Searcher, group: Group, plan: list[Group]) -> list[Group]:
    """Other groups whose people may be with this one's, the poorest of those first."""
    others = [other for other in plan if other is not group]
    fits = {
        other: sum(_fits(searcher, person, other) for person in group.members) / len(other.members) for other in others
    }
    return sorted(others, key=lambda other: (-fits[other], other.value / len(other.members), other.members))[
        : WINDOW - 1
    ]


def _people(groups: Iterable[Group]) -> int:
    return sum(len(group.members) for group in groups)


def _rank(groups: list[Group]) -> tuple[int, int]:
    """As few left out as possible, then the most value."""
    return _people(groups), sum(group.value for group in groups)


def _shares(groups: list[Group], *, size: int) -> tuple[NDArray[np.float64], Numbers]:
    """How much the linear program takes of each group when people in groups count first, and its prices."""
    matrix, weight, members = _columns(groups, size=size, valued=True)
    result = linprog(
        -(weight + FIRST * members) / MILLION, A_ub=matrix, b_ub=np.ones(size), bounds=(0, None), method="highs"
    )
    if result.status != 0:
        raise RuntimeError(f"the linear program of groups did not end: {result.message}")
    return result.x, np.maximum(np.rint(-result.ineqlin.marginals * MILLION).astype(np.int64), 0)


def _greedily(searcher: Searcher, *, size: int) -> None:
    """Groups to begin with: the best of each option among those who are left, a few times."""
    y = np.zeros(size, dtype=np.int64)
    for _ in range(size):
        found, _bound = searcher.best(y, bonus=FIRST, valued=True)
        taken = False
        for group in sorted(found, key=lambda group: (-len(group.members), -group.value, group.members)):
            if not y[list(group.members)].any():
                y[list(group.members)] = TAKEN
                taken = True
        if not taken:
            return


def _generate(searcher: Searcher, *, size: int, valued: bool, cover: int) -> Certificate:
    """Groups until no other one would help the linear program; the best prices on the way."""
    best: Certificate | None = None
    for _ in range(ITERATIONS):
        before = len(searcher.known)
        y, bonus, reached = _duals(list(searcher.known.values()), size=size, valued=valued, cover=cover)
        certificate = _certified(searcher, y, bonus=bonus if valued else MILLION, valued=valued)
        if best is None or certificate.ceiling(people=cover) < best.ceiling(people=cover):
            best = certificate
        if len(searcher.known) == before or best.ceiling(people=cover) - reached <= (size if valued else 0):
            break
        if not valued and best.most_people <= int(reached + 0.5) // MILLION:
            break
    assert best is not None
    return best


def _duals(groups: list[Group], *, size: int, valued: bool, cover: int) -> tuple[Numbers, int, float]:
    """Prices and bonus of the linear program over these groups, as whole millionths, and its value."""
    matrix, weight, members = _columns(groups, size=size, valued=valued)
    rows, limits = [matrix], [np.ones(size)]
    if cover:
        rows.append(csc_array(-members[None, :].astype(float)))
        limits.append(np.array([-float(cover)]))
    result = linprog(
        -weight / MILLION,
        A_ub=vstack(rows, format="csc"),
        b_ub=np.concatenate(limits),
        bounds=(0, None),
        method="highs",
    )
    if result.status != 0:
        raise RuntimeError(f"the linear program of groups did not end: {result.message}")
    duals = np.rint(-result.ineqlin.marginals * MILLION).astype(np.int64)
    duals = np.maximum(duals, 0)
    return duals[:size], int(duals[size]) if cover else 0, -result.fun * MILLION


def _integer(
    groups: list[Group], *, size: int, valued: bool, cover: int, bonus: int = 0
) -> tuple[list[Group], int | None]:
    """The best plan of these groups with so many people in groups, by integer programming (nothing when none was found), and what
    none of them exceeds (millionths). ``bonus``: for each person in a group."""
    best: dict[tuple[int, ...], Group] = {}
    for group in sorted(groups, key=lambda group: (-group.value, group.members)):
        best.setdefault(tuple(sorted(group.members)), group)
    groups = [best[key] for key in sorted(best)]
    matrix, weight, members = _columns(groups, size=size, valued=valued)
    weight = weight + bonus * members
    result = milp(
        -weight.astype(float) / MILLION,
        integrality=np.ones(len(groups)),
        bounds=Bounds(0, 1),
        constraints=[
            LinearConstraint(matrix, -np.inf, 1),
            LinearConstraint(csc_array(members[None, :].astype(float)), cover, np.inf),
        ],
        options={"mip_rel_gap": 0.0, "node_limit": NODES},
    )
    bound = getattr(result, "mip_dual_bound", None)
    # HiGHS computes in floating point to about a millionth; values are whole, and a bound that is too large by a little still holds.
    proven = None if bound is None or not np.isfinite(bound) else int(np.floor(-bound * MILLION + 2))
    if result.x is None:
        return [], proven
    chosen = [group for group, taken in zip(groups, result.x > 0.5, strict=True) if taken]
    people = [person for group in chosen for person in group.members]
    if len(people) != len(set(people)) or len(people) < cover:
        return [], proven
    return chosen, proven


def _finished(
    searcher: Searcher, prices: Certificate, groups: list[Group], *, size: int, valued: bool, cover: int
) -> tuple[list[Group], int]:
    """The best plan, and what no plan exceeds: exact where every group that could better it can be listed."""
    value = _count(groups, valued=valued)
    upper = prices.ceiling(people=cover)
    gap = upper - value
    if gap <= 0:
        return groups, max(upper, value)
    for part in (64, 16, 4, 1):
        # First the groups that fall short by little: they make the plan better, which leaves fewer to be listed.
        found = searcher.every(prices.y, bonus=prices.bonus, valued=valued, threshold=-(gap // part) - 1)
        if found is None:
            return groups, upper
        listed = [*found, *groups]
        if len(listed) * size > EXACT:
            return groups, upper
        better, proven = _integer(listed, size=size, valued=valued, cover=cover)
        if better and _count(better, valued=valued) > value:
            groups, value = better, _count(better, valued=valued)
            gap = upper - value
        if part == 1 and proven is not None:
            upper = min(upper, max(proven, value))
            # Whole values: a bound that is off by the arithmetic of the program alone is met.
            upper = value if upper - value <= 4 else upper
    return groups, upper


def _count(groups: Iterable[Group], *, valued: bool) -> int:
    return sum(group.value if valued else MILLION * len(group.members) for group in groups)


def _columns(groups: list[Group], *, size: int, valued: bool) -> tuple[csc_array, Numbers, Numbers]:
    """Who is in which group (size by groups), what each counts (millionths), and how many people it has."""
    members = np.array([len(group.members) for group in groups], dtype=np.int64)
    people: NDArray[np.int64] = np.array([person for group in groups for person in group.members], dtype=np.int64)
    starts = np.concatenate(([0], np.cumsum(members)))
    matrix = csc_array((np.ones(len(people)), people, starts), shape=(size, len(groups)))
    weight = np.array([group.value for group in groups], dtype=np.int64) if valued else members * MILLION
    return matrix, weight, members
