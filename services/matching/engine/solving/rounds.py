"""Speed mentoring: everybody meets somebody new in every round.

One b-matching in which everybody has as many places as there are rounds chooses who meets at all: its bound holds for any
schedule. An edge colouring says when: Kempe chains, exact in bipartite cohorts; in open ones a few couples find no round
(odd cycles). Whoever is idle then meets whom they have not met, those who sat out most often first; and nobody sits out two
rounds more than somebody whose partner could have been theirs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import inf

import numpy as np
from numpy.typing import NDArray

from services.matching.engine.solving import kernels
from services.matching.engine.solving.certificate import Certificate, least_alone, most_value
from services.matching.engine.solving.couples import Revalued, degrees, joined, replaced, worth
from services.matching.engine.solving.flow import LARGE
from services.matching.engine.solving.pairs import NEVER, Edges, Millionths, Pairs, ValuesRefused, edges_of
from services.matching.engine.solving.solve import solve

NONE = -1


@dataclass(frozen=True, slots=True)
class Schedule:
    """``couples`` and the ``round`` of each (int32[m], from 0). ``sat_out``: int64[n], in how many of these rounds somebody who is
    there meets nobody. ``upper_bound``: no schedule without repeats that leaves as few people without any meeting is worth
    more; ``unmatched_bound``: none leaves fewer. The ``certificate`` proves both, of the rounds that were planned. Millionths."""

    couples: Edges
    round: NDArray[np.int32]
    value: int
    upper_bound: int
    sat_out: Millionths
    certificate: Certificate
    unmatched_bound: int


def schedule(
    pairs: Pairs,
    *,
    rounds: int,
    present: NDArray[np.bool_] | None = None,
    met: Edges | None = None,
    cancelled: Callable[[], bool] = lambda: False,
    deadline: Callable[[], float] = lambda: inf,
) -> Schedule:
    """``rounds`` rounds for those ``present`` (bool[n]; all when None), without the couples that have ``met`` before."""
    if not 0 <= rounds <= 100:
        raise ValuesRefused(f"{rounds} rounds cannot be planned: give 0 to 100.")
    size = pairs.size
    present = np.ones(size, dtype=np.bool_) if present is None else present
    fresh = pairs if met is None or not len(met) else Revalued(pairs, replaced(met, NEVER))
    places = np.where(present, rounds, 0).astype(np.int64)
    chosen = solve(fresh, places=places, waiting=present, exact_up_to=0, cancelled=cancelled, deadline=deadline)
    table = _Table(fresh, _meetings(chosen.couples, size=size, rounds=rounds), present=present)
    table.fill()
    while table.even_out():
        table.fill()  # who gave up a place may meet somebody idle
    planned, when = table.planned()
    idle = present & (degrees(planned, size) == 0)
    return Schedule(
        planned,
        when,
        value=worth(planned),
        upper_bound=most_value(chosen.certificate, places=places, waiting=present, unmatched=int(idle.sum())),
        sat_out=np.where(present, rounds - degrees(planned, size), 0),
        certificate=chosen.certificate,
        unmatched_bound=least_alone(chosen.certificate, places=places, waiting=present),
    )


def replan(
    pairs: Pairs,
    before: Schedule,
    *,
    rounds: int,
    first: int,
    present: NDArray[np.bool_],
) -> Schedule:
    """Keep the rounds before ``first`` as they happened and plan the others of all ``rounds`` anew for those ``present``."""
    kept = before.round < first
    past = Edges(before.couples.u[kept], before.couples.v[kept], before.couples.w[kept])
    rest = schedule(pairs, rounds=rounds - first, present=present, met=past)
    couples = joined(past, rest.couples)
    number = {(u, v): int(r) for u, v, r in zip(past.u.tolist(), past.v.tolist(), before.round[kept], strict=True)}
    number |= {
        (u, v): int(r) + first
        for u, v, r in zip(rest.couples.u.tolist(), rest.couples.v.tolist(), rest.round, strict=True)
    }
    return Schedule(
        couples,
        np.array([number[pair] for pair in zip(couples.u.tolist(), couples.v.tolist(), strict=True)], dtype=np.int32),
        value=worth(past) + rest.value,
        upper_bound=worth(past) + rest.upper_bound,
        sat_out=rest.sat_out,
        certificate=rest.certificate,
        unmatched_bound=rest.unmatched_bound,
    )


def _meetings(couples: Edges, *, size: int, rounds: int) -> NDArray[np.int64]:
    """int64[n, rounds]: whom everybody meets when, or NONE; most of the couples, the most valuable first."""
    colour = kernels.colour
    if size >= LARGE:
        from services.matching.engine.solving import compiled

        colour = compiled.colour
    u, v = couples.u.astype(np.int64), couples.v.astype(np.int64)
    at, colours = np.full((size, rounds), NONE, np.int64), np.full(len(couples), NONE, np.int64)
    order = np.lexsort((v, u, -couples.w))
    for _ in range(2):  # what was stuck may fit once others have moved
        colour(u, v, order, at, colours)
    meets = np.full((size, rounds), NONE, np.int64)
    for p, r in np.argwhere(at != NONE).tolist():
        meets[p, r] = u[at[p, r]] + v[at[p, r]] - p
    return meets


class _Table:
    """Who meets whom when."""

    def __init__(self, pairs: Pairs, meets: NDArray[np.int64], *, present: NDArray[np.bool_]) -> None:
        self._pairs, self._meets, self._present = pairs, meets, present
        self._sat_out = np.where(present, (meets == NONE).sum(axis=1), 0)

    def planned(self) -> tuple[Edges, NDArray[np.int32]]:
        """The couples and their rounds."""
        p, r = np.nonzero(self._meets != NONE)
        once = p < self._meets[p, r]
        p, r = p[once], r[once]
        order = np.lexsort((self._meets[p, r], p))
        u, v = p[order].astype(np.int32), self._meets[p[order], r[order]].astype(np.int32)
        return edges_of(u, v, self._pairs.value(u, v)), r[order].astype(np.int32)

    def fill(self) -> None:
        """Let the idle meet each other where that is worth something, or where somebody would meet nobody at all."""
        rounds = self._meets.shape[1]
        for r in range(rounds):
            idle = self._present & (self._meets[:, r] == NONE)
            waiting = np.flatnonzero(idle)
            for p in waiting[np.argsort(-self._sat_out[waiting], kind="stable")].tolist():
                if not idle[p]:
                    continue
                partners, w = self._pairs.of(p)
                free = idle[partners] & ~np.isin(partners, self._meets[p])
                free &= (w > 0) | (self._sat_out[p] == rounds) | (self._sat_out[partners] == rounds)
                if free.any():
                    other = int(partners[free][np.argmax(w[free])])
                    self._meet(p, other, r)
                    idle[[p, other]] = False

    def even_out(self) -> bool:
        """Who sat out two rounds more than somebody takes their place, where their partner may and has not met them; whether
        anybody did. This ends: each time the squares of all sit-outs sum to less."""
        moved, ever = True, False
        while moved:
            moved = False
            for p in np.argsort(-self._sat_out, kind="stable").tolist():
                if self._sat_out[p] < 2:
                    break
                moved = self._take_a_place(p) or moved
            ever = ever or moved
        return ever

    def _take_a_place(self, p: int) -> bool:
        partners, w = self._pairs.of(p)
        new = ~np.isin(partners, self._meets[p])
        partners, w = partners[new], w[new]
        best, chosen = 0, (NONE, NONE)
        for r in np.flatnonzero(self._meets[p] == NONE).tolist():
            with_ = self._meets[partners, r]
            open_ = np.flatnonzero((with_ != NONE) & (self._sat_out[with_] <= self._sat_out[p] - 2))
            if not open_.size:
                continue
            gain = w[open_] - self._pairs.value(partners[open_], with_[open_].astype(np.int32))
            at = int(np.argmax(gain))
            if chosen[0] == NONE or gain[at] > best:
                best, chosen = int(gain[at]), (int(partners[open_[at]]), r)
        other, r = chosen
        if other == NONE:
            return False
        gone = int(self._meets[other, r])
        self._meets[gone, r] = NONE
        self._sat_out[gone] += 1
        self._sat_out[other] += 1
        self._meet(p, other, r)
        return True

    def _meet(self, p: int, other: int, r: int) -> None:
        self._meets[p, r], self._meets[other, r] = other, p
        self._sat_out[[p, other]] -= 1
