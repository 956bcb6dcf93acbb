"""The best plan with a proof: as few people alone as can be, then the most value.

1. *Prices.* A fractional plan on few couples (`flow`) gives prices; ALL possible pairs are looked at with them, and those worth
   more than their prices join. Couples are never dropped. The bound is valid at any time, and over every pair (`certificate`).
   In large cohorts the first prices come cheaper (`descent`), later flows are the last one mended (`flow.with_more`), and pairs are looked
   at again only where prices fell (`repricing`).
2. *Plan.* Halves become whole (`rounding`), alternating paths better the plan (`plan`).
3. *Nobody left out.* A search over all possible pairs leaves the fewest people alone and proves it (`cover`).
4. *Finish.* For small cohorts an integer program over what the prices leave possible makes the plan exact (`finish`).

Everything is whole numbers in a fixed order; ties follow the people's numbers, so whoever numbers them draws the lots.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import inf

import numpy as np
from numpy.typing import NDArray

from services.matching.engine.solving.certificate import (
    NOBODY,
    Certificate,
    ceiling,
    least_alone,
    most_value,
    no_barrier,
)
from services.matching.engine.solving.checked import check_request
from services.matching.engine.solving.couples import Revalued, degrees, joined, none, replaced, some, without, worth
from services.matching.engine.solving.cover import cover
from services.matching.engine.solving.descent import descended
from services.matching.engine.solving.finish import Asked, finish
from services.matching.engine.solving.flow import FREE, LARGE, Fraction, fractional, with_more
from services.matching.engine.solving.pairs import (
    LARGEST,
    NEVER,
    Edges,
    Millionths,
    Pairs,
    Priced,
)
from services.matching.engine.solving.plan import better, greedy, unmatched_of
from services.matching.engine.solving.repricing import Repricing
from services.matching.engine.solving.rounding import whole_couples
from services.matching.engine.solving.solution import CANCELLED, GAP, OPTIMAL, TIME, Best, Solution

FIRST = 8  # best partners of everybody to begin with
FIRST_OF_MANY = 4  # of LARGE cohorts, whose first prices bring the others
JOIN = 6  # of everybody's pairs worth more than their prices, how many join at a time
TARGET = 10  # parts per million of the bound
EXACT = 10_000
CANDIDATES = 400  # of one person, for the finish: more than that within the gap is no longer a small program
MOST_COLUMNS = 120_000  # of the finish
ROUNDS = 100
NEAR = 50_000  # millionths: from known prices, couples begin with those that fall short of them by no more than this
SWEEPS = 20  # over the prices of everybody, at a time
DESCENTS = 2  # so often all pairs are held against such prices before the first flow
MEETINGS = 8  # penalties that are tried where fractions leave fewer alone than plans must
FRESH = 10  # a flow is mended when fewer couples join than one for so many people


@dataclass(frozen=True, slots=True)
class Start:
    """What is known before: prices (int64[n], any) and a plan within the places."""

    y: Millionths
    couples: Edges


OnProgress = Callable[[str, float], None]
"""Called with a stage and how far the solver is, 0 to 1."""
OnBest = Callable[[Best], None]
"""Called with the best plan so far whenever it, or what is proven about it, may have become better."""


def solve(
    pairs: Pairs,
    *,
    places: Millionths,
    waiting: NDArray[np.bool_] | None = None,
    forced: Edges | None = None,
    exact_up_to: int = EXACT,
    target: int = TARGET,
    start: Start | None = None,
    rounds: int = ROUNDS,
    on_progress: OnProgress = lambda stage, share: None,
    on_best: OnBest | None = None,
    cancelled: Callable[[], bool] = lambda: False,
    deadline: Callable[[], float] = lambda: inf,
) -> Solution:
    """Plan ``pairs`` within ``places`` (int64[n]), with the ``forced`` couples at their ``w``, possible or not.

    ``waiting`` (bool[n]; everybody when None): who should get somebody; the others may. Up to ``exact_up_to`` people the plan is
    made exact; above, ``target`` parts per million between the fraction and its bound are near enough, or ``rounds`` of prices.
    ``start``: prices and couples (none of them forced) to begin with instead of everybody's best. ``deadline``: seconds left.
    Cancelled or late, the best plan so far comes back with a bound that holds. Raises `ValuesRefused` for places or
    couples that cannot be."""
    size = pairs.size
    waiting = np.ones(size, dtype=np.bool_) if waiting is None else waiting
    forced = none() if forced is None else forced
    check_request(size, places=places, waiting=waiting, forced=forced)
    forced = joined(forced)  # in order
    taken = degrees(forced, size)
    run = _Run(
        Revalued(pairs, replaced(forced, NEVER)) if len(forced) else pairs,
        places=places - taken,
        waiting=waiting & (taken == 0),
        start=start,
        rounds=rounds,
        on_progress=on_progress,
        cancelled=cancelled,
        deadline=deadline,
    )
    if on_best is not None:
        run.on_best = lambda: on_best(run.best(forced, all_waiting=waiting))
    run.go(exact=size <= exact_up_to, target=target)
    couples = joined(forced, run.couples)
    certificate = run.certificate()
    certified = run.bound(certificate) + worth(forced)
    value, bound = worth(couples), certified if run.proven is None else min(certified, run.proven + worth(forced))
    least = least_alone(certificate, places=run.places, waiting=run.waiting)
    unmatched = unmatched_of(couples, waiting=waiting)
    exact = value == bound and unmatched == least
    return Solution(
        couples.u,
        couples.v,
        couples.w,
        value=value,
        upper_bound=bound,
        unmatched=unmatched,
        unmatched_bound=least,
        exact=exact,
        ended=OPTIMAL if exact else run.stopped or GAP,
        certificate=certificate,
        certified=certified,
    )


class _Run:
    """What is known at any moment: columns, prices with their proofs, the best plan, the barrier."""

    def __init__(
        self,
        pairs: Pairs,
        *,
        places: Millionths,
        waiting: NDArray[np.bool_],
        start: Start | None,
        rounds: int,
        on_progress: OnProgress,
        cancelled: Callable[[], bool],
        deadline: Callable[[], float],
    ) -> None:
        self.pairs, self.places, self.waiting = pairs, places, waiting
        self.on_progress, self._cancelled, self._deadline = on_progress, cancelled, deadline
        self.on_best: Callable[[], None] = lambda: None
        self.stopped = ""
        self.proven: int | None = None  # by the finish
        self._barrier = no_barrier(len(places))
        self._rounds = rounds
        nothing = np.zeros(len(places), np.int64)
        if start is None:
            self._edges = self._within(pairs.strongest(each=FIRST if len(places) < LARGE else FIRST_OF_MANY))
            # Half of everybody's best is a price that no pair exceeds: a bound before anything was solved.
            best = np.full(len(places), -LARGEST, np.int64)
            np.maximum.at(best, self._edges.u, self._edges.w)
            np.maximum.at(best, self._edges.v, self._edges.w)
            self._y, excess = np.where(places > 0, -(-best // 2), FREE), 0
        else:
            self._y = np.where(places > 0, start.y, FREE)
            excess = pairs.price(self._y, each=0).excess
            lowered = self._y - np.where(places > 0, NEAR // 2, 0)
            self._edges = joined(start.couples, self._within(pairs.price(lowered, each=FIRST).worst))
        self.couples = greedy(self._edges, places=places, waiting=waiting)
        if start is not None:
            self._keep(start.couples)
        # More than swapping a few partners can gain.
        self._penalty = 4 * (1 + int(np.abs(self._edges.w).max(initial=0)))
        self._proofs = [(self._y, nothing, excess)]  # prices, penalties, what all pairs exceed them by
        self._repricing: Repricing | None = None
        self._reprices = len(places) >= LARGE
        self._descends = rounds > 0 and len(places) >= LARGE

    def go(self, *, exact: bool, target: int) -> None:
        """Until the gap is small enough, nothing is left to try, or time is over."""
        if exact:
            target = 0
        who = self.waiting & (self.places > 0)
        self.on_best()
        fraction, left_alone = None, 0
        for _ in range(4):
            fraction = self._price(np.where(who, self._penalty, 0), target=target)
            self._leave_nobody_out()
            left_alone = int((who & (degrees(self.couples, len(who)) == 0)).sum())
            if fraction is None or self._done() or fraction.alone.sum() <= left_alone:
                break
            self._penalty *= 16  # fractions leave more people alone than must be
        if fraction is not None and fraction.alone.sum() < left_alone:
            self._price_groups(fraction, who=who, left_alone=left_alone, target=target)
        if exact and not self._done():
            self._finish()
        self.on_best()

    def best(self, forced: Edges, *, all_waiting: NDArray[np.bool_]) -> Best:
        """The plan as it is now, with the ``forced`` couples."""
        couples, certificate = joined(forced, self.couples), self.certificate()
        bound = self.bound(certificate)
        return Best(
            couples,
            value=worth(couples),
            upper_bound=(bound if self.proven is None else min(bound, self.proven)) + worth(forced),
            unmatched=unmatched_of(couples, waiting=all_waiting),
            unmatched_bound=least_alone(certificate, places=self.places, waiting=self.waiting),
        )

    def certificate(self) -> Certificate:
        """The best proof at hand for plans that leave as few alone as this one."""
        return min((self._certificate(*proof) for proof in self._proofs), key=self.bound)

    def bound(self, certificate: Certificate) -> int:
        """On the value of all plans that leave at most as many alone as this one."""
        unmatched = unmatched_of(self.couples, waiting=self.waiting)
        return most_value(certificate, places=self.places, waiting=self.waiting, unmatched=unmatched)

    def _certificate(self, y: Millionths, alone: Millionths, excess: int) -> Certificate:
        return Certificate(y, alone, group=self._barrier.group, inner=self._barrier.inner, excess=excess)

    def _within(self, edges: Edges) -> Edges:
        return some(edges, (self.places[edges.u] > 0) & (self.places[edges.v] > 0))

    def _done(self) -> bool:
        return self._halt() or worth(self.couples) == self.bound(self.certificate())

    def _halt(self) -> bool:
        if not self.stopped:
            self.stopped = CANCELLED if self._cancelled() else TIME if self._deadline() <= 0 else ""
        return bool(self.stopped)

    def _price_groups(self, fraction: Fraction, *, who: NDArray[np.bool_], left_alone: int, target: int) -> None:
        """Odd groups leave people alone whom fractions can serve, so the penalty on them is in the bound for nothing. It is closest at the
        penalty at which fractions leave as many alone: where two of them, with fewer and with more alone, are worth the same with it."""
        grouped = self._barrier.group != NOBODY

        def worth_and_alone(fraction: Fraction) -> tuple[int, int]:
            spared = 2 * self._penalty * int(fraction.alone[~grouped].sum())
            return fraction.doubled - spared, int(fraction.alone[grouped].sum())

        fewer, more, penalty = worth_and_alone(fraction), None, self._penalty // 4
        for _ in range(MEETINGS):
            if self._done():
                break
            found = self._price(np.where(who, np.where(grouped, penalty, self._penalty), 0), target=target)
            if found is None:
                break
            met, before = worth_and_alone(found), penalty
            if met[1] == left_alone:
                break
            fewer, more = (met, more) if met[1] < left_alone else (fewer, met)
            penalty = penalty // 4 if more is None else (more[0] - fewer[0]) // (2 * (more[1] - fewer[1]))
            if penalty in (0, before):
                break

    def _price(self, alone: Millionths, *, target: int) -> Fraction | None:
        """Fractional plans until no pair is worth more than its prices, or the fraction is near enough to its bound; then a plan."""
        fraction: Fraction | None = None
        columns = self._edges
        if self._descends:
            self._descend(alone)
        for count in range(self._rounds):
            if self._halt():
                break
            before, columns = columns, self._edges
            fraction = self._fraction(alone, fraction, before=before)
            self._y = fraction.y
            priced = self._priced()
            self._prove(alone, priced)
            self.on_progress("prices", 0.8 * (1 - 0.7 ** (count + 1)))
            self.on_best()
            fresh = without(self._within(priced.worst), columns)
            self._edges = joined(columns, fresh)
            missed = 2 * sum((fraction.alone * alone).tolist())
            most = ceiling(self._certificate(self._y, alone, priced.excess), places=self.places)
            over = 2 * most - (fraction.doubled - missed)
            if not len(fresh) or over * 1_000_000 <= 2 * target * abs(most):
                break
        if fraction is not None:
            self.on_progress("plan", 0.8)
            self._adopt(some(columns, whole_couples(columns, fraction.halves, alone=alone)))
        return fraction

    def _fraction(self, alone: Millionths, last: Fraction | None, *, before: Edges) -> Fraction:
        """The best fractional plan with the couples as they are; ``last``: the one with those ``before``."""
        few = (len(self._edges) - len(before)) * FRESH <= len(self.places)
        if last is not None and few and len(self.places) >= LARGE:
            return with_more(last, before, self._edges, places=self.places, waiting=alone > 0, alone=alone)
        guess = np.where(self.places > 0, self._y, 0)
        return fractional(self._edges, places=self.places, waiting=alone > 0, alone=alone, guess=guess)

    def _descend(self, alone: Millionths) -> None:
        """Prices near to those of a flow, and couples that exceed them, before the first flow: it would only find the same."""
        self._descends = False
        for _ in range(DESCENTS):
            if self._halt():
                break
            self._y = descended(self._edges, self._y, places=self.places, alone=alone, sweeps=SWEEPS)
            priced = self.pairs.price(self._y, each=JOIN)
            self._prove(alone, priced)
            self._edges = joined(self._edges, self._within(priced.worst))

    def _prove(self, alone: Millionths, priced: Priced) -> None:
        self._proofs.append((self._y, alone, priced.excess))
        self._proofs = sorted(self._proofs, key=lambda proof: self.bound(self._certificate(*proof)))[:2]

    def _priced(self) -> Priced:
        """ALL pairs at the prices as they are."""
        if self._reprices:
            known = None if self._repricing is None else self._repricing.price(self._y)
            if known is None:
                self._repricing = Repricing(self.pairs, self._y, within=NEAR // 2)
                known = self._repricing.price(self._y)
            if known is not None:
                return known
            self._repricing, self._reprices = None, False  # too many people have too many pairs near their prices
        return self.pairs.price(self._y, each=JOIN)

    def _adopt(self, couples: Edges) -> None:
        """Keep these couples if they beat the plan, and better what is not yet at its bound."""
        self._keep(couples)
        if worth(couples) < self.bound(self.certificate()):
            y = np.where(self.places > 0, self._y, 0)
            places, waiting, penalty = self.places, self.waiting, self._penalty
            self._keep(better(self._edges, couples, y=y, places=places, waiting=waiting, penalty=penalty))

    def _keep(self, couples: Edges) -> None:
        rank = [(-unmatched_of(plan, waiting=self.waiting), worth(plan)) for plan in (couples, self.couples)]
        if rank[0] > rank[1]:
            self.couples = couples
            self.on_best()

    def _leave_nobody_out(self) -> None:
        if not unmatched_of(self.couples, waiting=self.waiting):
            self._barrier = no_barrier(len(self.places))
            return
        self.on_progress("nobody left out", 0.85)
        couples, self._barrier = cover(
            self.pairs, self.couples, places=self.places, waiting=self.waiting, stop=self._halt
        )
        self._edges = joined(self._edges, couples)
        self._adopt(couples)

    def _finish(self) -> None:
        """Make the plan exact if what remains possible is a small program."""
        self.on_progress("finish", 0.9)
        certificate = self.certificate()
        bound = self.bound(certificate)
        unmatched = unmatched_of(self.couples, waiting=self.waiting)
        if unmatched > least_alone(certificate, places=self.places, waiting=self.waiting):
            return
        for _ in range(2):
            gap = bound - worth(self.couples)
            candidates, within = self._candidates(certificate.y, gap=gap)
            asked = Asked(
                joined(candidates, self.couples),
                y=np.where(self.places > 0, certificate.y, 0),
                alone=certificate.alone,
                places=self.places,
                waiting=self.waiting,
                unmatched=unmatched,
                penalty=self._penalty,
                halted=self._halt,
                seconds=self._deadline,
            )
            finished = finish(asked, plan=self.couples, gap=gap)
            gained = worth(finished.couples) - worth(self.couples)
            self.couples = finished.couples
            if within == gap:
                self.proven = finished.bound
            if within == gap or not gained or self._halt():
                break  # a better plan would have brought the gap closer to what fits

    def _candidates(self, y: Millionths, *, gap: int) -> tuple[Edges, int]:
        """The couples whose reduced cost is below ``gap``, or below what of it still makes a small program."""
        within = gap
        while True:
            lowered = y - np.where(self.places > 0, within // 2 + 1, 0)
            found = self._within(self.pairs.price(lowered, each=CANDIDATES).worst)
            fullest = int(degrees(found, len(self.places)).max(initial=0))
            if within < 4 or (fullest < CANDIDATES and len(found) <= MOST_COLUMNS):
                return found, within
            within //= 4
