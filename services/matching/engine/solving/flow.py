"""The fractional plan on some of the couples: a min-cost flow, and the prices that prove it.

A couple {u, v} becomes two arcs of the bipartite double cover, L_u → R_v and L_v → R_u, each at cost −w and capacity 1; what
a person leaves open flows from L_v to R_v: all but one place free of charge, the last at twice the penalty ``alone``.
The flow is integral; half of what both arcs of a couple carry is an optimal fractional b-matching (0, ½ or 1 of each couple;
Balinski 1965), and the node potentials, halved, are its prices.

OR-tools computes the flow and hides its potentials: they are the shortest distances in the residual network. When a few couples
join later, most of that flow stays as it is, and only what they change is mended (`kernels.reroute`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from ortools.graph.python import min_cost_flow
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from services.matching.engine.solving.couples import keys
from services.matching.engine.solving.pairs import DEAREST, Edges, Millionths

LARGE = 2_000  # from here on compiled code pays for its loading
FREE = DEAREST  # the price of somebody without places: whoever wants them must outbid everything


@dataclass(frozen=True, slots=True)
class Fraction:
    """``halves``: int8[m], 0, 1 or 2 halves of every couple. ``doubled``: twice what they are worth. ``y``: int64[n], prices in whole
    millionths.

    ``flow``: int64[2m + 2n], of the arcs in the order of ``_Arcs``, and the potentials of both sides (int64[n] each)."""

    halves: NDArray[np.int8]
    doubled: int
    y: Millionths
    flow: NDArray[np.int64]
    left: Millionths
    right: Millionths

    @property
    def alone(self) -> NDArray[np.int64]:
        """int64[n], 1 for whoever waits and has nobody: what flows at a penalty."""
        return self.flow[len(self.flow) - len(self.y) :]


@dataclass(frozen=True, slots=True)
class _Arcs:
    """The double cover: L_u → R_v of every couple, then L_v → R_u, then everybody's two from L to R, free of charge and at a penalty."""

    tail: Millionths
    head: Millionths  # people, as tails are
    room: Millionths
    cost: Millionths


def _arcs(edges: Edges, *, places: Millionths, waiting: NDArray[np.bool_], alone: Millionths) -> _Arcs:
    u, v, person = edges.u.astype(np.int64), edges.v.astype(np.int64), np.arange(len(places))
    last = np.where(waiting, np.minimum(places, 1), 0)
    return _Arcs(
        tail=np.concatenate([u, v, person, person]),
        head=np.concatenate([v, u, person, person]),
        room=np.concatenate([np.ones(2 * len(edges), np.int64), places - last, last]),
        cost=np.concatenate([-edges.w, -edges.w, np.zeros(len(places), np.int64), 2 * alone]),
    )


def fractional(
    edges: Edges, *, places: Millionths, waiting: NDArray[np.bool_], alone: Millionths, guess: Millionths
) -> Fraction:
    """The best fractional plan with these couples alone. ``guess``: prices to begin the search for prices at."""
    arcs = _arcs(edges, places=places, waiting=waiting, alone=alone)
    size, head = len(places), arcs.head + len(places)
    flow = _flow(arcs.tail, head, arcs.room, arcs.cost, supply=np.concatenate([places, -places]))
    distance = _distances(
        arcs.tail, head, arcs.cost, open_=flow < arcs.room, used=flow > 0, start=np.concatenate([guess, -guess])
    )
    return _fraction(edges, flow, distance[:size], distance[size:], places=places)


def with_more(
    fraction: Fraction,
    before: Edges,
    edges: Edges,
    *,
    places: Millionths,
    waiting: NDArray[np.bool_],
    alone: Millionths,
) -> Fraction:
    """The best fractional plan with ``edges``, from the best one with ``before``, which are among them; all else must be as it was."""
    from services.matching.engine.solving.compiled import reroute

    size, m, old = len(places), len(edges), len(before)
    arcs = _arcs(edges, places=places, waiting=waiting, alone=alone)
    flow = np.zeros(2 * (m + size), np.int64)
    at = np.searchsorted(keys(edges), keys(before))
    flow[at], flow[at + m], flow[2 * m :] = fraction.flow[:old], fraction.flow[old : 2 * old], fraction.flow[2 * old :]
    # Everybody's arcs together; back at the end.
    order = np.argsort(arcs.tail, kind="stable")
    tail, carried = arcs.tail[order], flow[order]
    first = np.searchsorted(tail, np.arange(size + 1))
    place = np.concatenate([[0], np.cumsum(places)])
    left, right = fraction.left.copy(), fraction.right.copy()
    reroute(first, tail, arcs.head[order], arcs.cost[order], arcs.room[order], carried, place, left, right)
    flow[order] = carried
    return _fraction(edges, flow, left, right, places=places)


def _fraction(
    edges: Edges, flow: NDArray[np.int64], left: Millionths, right: Millionths, *, places: Millionths
) -> Fraction:
    m = len(edges)
    halves = flow[:m] + flow[m : 2 * m]
    y = _whole(np.where(places > 0, left - right, 2 * FREE), edges)
    return Fraction(halves.astype(np.int8), int((halves * edges.w).sum()), y, flow, left, right)


def _flow(
    tail: Millionths, head: Millionths, room: Millionths, cost: Millionths, *, supply: Millionths
) -> NDArray[np.int64]:
    network = min_cost_flow.SimpleMinCostFlow()
    arcs = network.add_arcs_with_capacity_and_unit_cost(tail, head, room, cost)
    network.set_nodes_supplies(np.arange(len(supply)), supply)
    status = network.solve()
    if status != network.OPTIMAL:  # everybody may stay alone, so there is always a flow
        raise AssertionError(f"The min-cost flow ended with {status}.")
    flow: NDArray[np.int64] = network.flows(arcs)
    return flow


def _distances(
    tail: Millionths,
    head: Millionths,
    cost: Millionths,
    *,
    open_: NDArray[np.bool_],
    used: NDArray[np.bool_],
    start: Millionths,
) -> Millionths:
    """Label correcting over the residual network: ``d[head] ≤ d[tail] + cost`` on open arcs, the reverse on used ones."""
    source = np.concatenate([tail[open_], head[used]])
    sink = np.concatenate([head[open_], tail[used]])
    length = np.concatenate([cost[open_], -cost[used]])
    order = np.argsort(sink, kind="stable")
    source, sink, length = source[order], sink[order], length[order]
    if len(start) >= 2 * LARGE:
        from services.matching.engine.solving.compiled import correct_labels

        leaving = np.argsort(source, kind="stable")
        first = np.searchsorted(source[leaving], np.arange(len(start) + 1))
        return correct_labels(first, sink[leaving], length[leaving], start)
    into, first = np.unique(sink, return_index=True)
    distance = start.copy()
    while into.size:
        nearest = np.minimum.reduceat(distance[source] + length, first)
        closer = nearest < distance[into]
        if not closer.any():
            break
        distance[into[closer]] = nearest[closer]
    return distance


def _whole(doubled: Millionths, edges: Edges) -> Millionths:
    """Halve prices so that they stay whole and valid: of two odd ones whose couple is tight, one goes up and one down.

    That is a two-colouring of the odd people along tight couples; where these close an odd cycle, all that hang on it go up,
    which costs the bound half a millionth for each."""
    size = len(doubled)
    odd = (doubled & 1).astype(np.bool_)
    tight = odd[edges.u] & odd[edges.v] & (doubled[edges.u] + doubled[edges.v] <= 2 * edges.w)
    if not tight.any():
        alone: Millionths = (doubled >> 1) + odd
        return alone
    u, v = edges.u[tight].astype(np.int64), edges.v[tight].astype(np.int64)
    ends = np.concatenate([u, v]), np.concatenate([v, u]) + size
    cover = coo_array((np.ones(2 * len(u), np.int8), ends), shape=(2 * size, 2 * size))
    _, part = connected_components(cover, directed=False)
    up = odd & (part[:size] <= part[size:])
    whole: Millionths = (doubled >> 1) + up
    return whole
