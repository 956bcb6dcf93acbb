"""The fractional plan on some of the couples: a min-cost flow, and the prices that prove it.

A couple {u, v} becomes two arcs of the bipartite double cover, L_u → R_v and L_v → R_u, each at cost −w and capacity 1; what
a person leaves open flows from L_v to R_v: all but one place free of charge, the last at twice the penalty ``alone``.
The flow is integral; half of what both arcs of a couple carry is an optimal fractional b-matching (0, ½ or 1 of each couple;
Balinski 1965), and the node potentials, halved, are its prices.

OR-tools computes the flow and hides its potentials: they are the shortest distances in the residual network.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.matching.engine.solving.pairs import DEAREST, Edges, Millionths

LARGE = 2_000  # from here on compiled code pays for its loading
FREE = DEAREST  # the price of somebody without places: whoever wants them must outbid everything


@dataclass(frozen=True, slots=True)
class Fraction:
    """``halves``: int8[m], 0, 1 or 2 halves of every couple. ``y``: int64[n], prices in whole millionths."""

    halves: NDArray[np.int8]
    y: Millionths


def fractional(
    edges: Edges, *, places: Millionths, waiting: NDArray[np.bool_], alone: Millionths, guess: Millionths
) -> Fraction:
    """The best fractional plan with these couples alone. ``guess``: prices to begin the search for prices at."""
    size, m = len(places), len(edges)
    u, v, w = edges.u.astype(np.int64), edges.v.astype(np.int64), edges.w
    person = np.arange(size)
    last = np.where(waiting, np.minimum(places, 1), 0)
    tail = np.concatenate([u, v, person, person])
    head = np.concatenate([v, u, person, person]) + size
    room = np.concatenate([np.ones(2 * m, np.int64), places - last, last])
    cost = np.concatenate([-w, -w, np.zeros(size, np.int64), 2 * alone])
    flow = _flow(tail, head, room, cost, supply=np.concatenate([places, -places]))
    distance = _distances(tail, head, cost, open_=flow < room, used=flow > 0, start=np.concatenate([guess, -guess]))
    doubled = distance[:size] - distance[size:]
    doubled[places == 0] = 2 * FREE
    return Fraction((flow[:m] + flow[m : 2 * m]).astype(np.int8), _whole(doubled, edges))


def _flow(
    tail: Millionths, head: Millionths, room: Millionths, cost: Millionths, *, supply: Millionths
) -> NDArray[np.int64]:
    from ortools.graph.python import min_cost_flow  # here, so that who only checks plans needs no solver

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
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    cover = coo_array((np.ones(2 * len(u), np.int8), ends), shape=(2 * size, 2 * size))
    _, part = connected_components(cover, directed=False)
    up = odd & (part[:size] <= part[size:])
    whole: Millionths = (doubled >> 1) + up
    return whole
