"""Other ways to pair people, each given the same: everybody's best couples, values, places. All return two lists of people."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Couples = tuple[Sequence[int] | NDArray[Any], Sequence[int] | NDArray[Any]]


@dataclass(frozen=True)
class Given:
    """Couples u, v with values w (millionths): the union of everybody's best; and places."""

    u: NDArray[np.int32]
    v: NDArray[np.int32]
    w: NDArray[np.int64]
    places: NDArray[np.int64]


def greedy(given: Given) -> Couples:
    """The most valuable couple first."""
    room = given.places.tolist()
    taken: list[tuple[int, int]] = []
    u, v = given.u.tolist(), given.v.tolist()
    for k in np.argsort(-given.w, kind="stable").tolist():
        if room[u[k]] and room[v[k]]:
            room[u[k]] -= 1
            room[v[k]] -= 1
            taken.append((u[k], v[k]))
    return [one for one, _ in taken], [other for _, other in taken]


def greedy_with_exchanges(given: Given) -> Couples:
    """Greedy, then: two couples swap partners where that gains, until none does."""
    worth: dict[tuple[int, int], int] = {}
    near: dict[int, list[int]] = {}
    for one, other, w in zip(given.u.tolist(), given.v.tolist(), given.w.tolist(), strict=True):
        worth[one, other] = worth[other, one] = w
        near.setdefault(one, []).append(other)
        near.setdefault(other, []).append(one)
    partners: dict[int, set[int]] = {}
    for one, other in zip(*greedy(given), strict=True):
        partners.setdefault(int(one), set()).add(int(other))
        partners.setdefault(int(other), set()).add(int(one))

    def swap(a: int, c: int) -> bool:
        """a leaves b for c, who leaves d; b and d meet if they can."""
        for b in sorted(partners.get(a, ())):
            for d in sorted(partners.get(c, ())):
                if len({a, b, c, d}) < 4 or c in partners[a] or d in partners[b] or (b, d) not in worth:
                    continue
                if worth[a, c] + worth[b, d] > worth[a, b] + worth[c, d]:
                    for one, old, new in ((a, b, c), (b, a, d), (c, d, a), (d, c, b)):
                        partners[one].discard(old)
                        partners[one].add(new)
                    return True
        return False

    gained = True
    while gained:
        gained = False
        for a in sorted(near):
            for c in near[a]:
                gained = swap(a, c) or gained
    pairs = [(a, b) for a in sorted(partners) for b in sorted(partners[a]) if a < b]
    return [a for a, _ in pairs], [b for _, b in pairs]


def blossom(given: Given) -> Couples:
    """`rustworkx`: most couples, then most value; a place is a node."""
    import rustworkx

    owner, edges = _places(given)
    graph = rustworkx.PyGraph()
    graph.add_nodes_from(range(len(owner)))
    graph.add_edges_from(edges)
    found = rustworkx.max_weight_matching(graph, max_cardinality=True, weight_fn=int)
    return _once([(owner[a], owner[b]) for a, b in found])


def flow_on_the_best(given: Given) -> Couples:
    """OR-tools' min-cost flow on the double cover of these couples, its halves rounded by alternation along each walk."""
    from ortools.graph.python import min_cost_flow

    size, m = len(given.places), len(given.u)
    u, v, w = given.u.astype(np.int64), given.v.astype(np.int64), given.w
    person = np.arange(size)
    network = min_cost_flow.SimpleMinCostFlow()
    alone = 4 * (1 + int(np.abs(w).max()))
    last = np.minimum(given.places, 1)
    arcs = network.add_arcs_with_capacity_and_unit_cost(
        np.concatenate([u, v, person, person]),
        np.concatenate([v, u, person, person]) + size,
        np.concatenate([np.ones(2 * m, np.int64), given.places - last, last]),
        np.concatenate([-w, -w, np.zeros(size, np.int64), np.full(size, 2 * alone)]),
    )
    network.set_nodes_supplies(np.arange(2 * size), np.concatenate([given.places, -given.places]))
    network.solve()
    flow = network.flows(arcs)
    halves = flow[:m] + flow[m : 2 * m]
    room = given.places.copy()
    taken = []
    # Whole couples first; then halves, the most valuable first.
    for k in np.lexsort((-w, -halves)).tolist():
        if halves[k] and room[u[k]] and room[v[k]]:
            room[[u[k], v[k]]] -= 1
            taken.append(k)
    return u[taken], v[taken]


def integer_program(given: Given) -> Couples:
    """HiGHS (scipy) on these couples: most served, then most value."""
    from scipy.optimize import Bounds, LinearConstraint, milp
    from scipy.sparse import coo_array

    size, m = len(given.places), len(given.u)
    column, person = np.arange(m), np.arange(size)
    row, at = np.concatenate([given.u, given.v]), np.tile(column, 2)
    partners = coo_array((np.ones(2 * m), (row, at)), shape=(size, m + size)).tocsr()
    row, at = np.concatenate([row, person]), np.concatenate([at, m + person])
    served = coo_array((np.ones(2 * m + size), (row, at)), shape=(size, m + size)).tocsr()
    alone = 4 * (1 + int(np.abs(given.w).max()))
    result = milp(
        np.concatenate([-given.w, np.full(size, alone)]) / 1e6,
        integrality=np.concatenate([np.ones(m, np.int64), np.zeros(size, np.int64)]),
        bounds=Bounds(0, 1),
        constraints=[
            LinearConstraint(partners, -np.inf, given.places),
            LinearConstraint(served, 1, np.inf),
        ],
    )
    if result.x is None:
        raise TimeoutError(result.message)
    chosen = result.x[:m] > 0.5
    return given.u[chosen], given.v[chosen]


def stable_roommates(given: Given) -> Couples:
    """`matching`: everybody ranks everybody else, the best couples first; others follow, as its rules demand."""
    from matching.games import StableRoommates

    size = len(given.places) // 2 * 2  # it takes an even number of people, with one place each
    preferences = {
        p: [q for q in mine if q < size] + [q for q in range(size) if q != p and q not in set(mine)]
        for p, mine in enumerate(_ranked(given)[:size])
    }
    solution = StableRoommates.create_from_dictionary(preferences).solve()
    pairs = {(min(a.name, b.name), max(a.name, b.name)) for a, b in solution.items() if b}
    return _once(sorted(pairs))


def hospital_resident(given: Given) -> Couples:
    """`matching`: those with even numbers choose among those with odd ones, who have the places."""
    from matching.games import HospitalResident

    ranked = _ranked(given)
    residents = {p: [q for q in mine if q % 2] for p, mine in enumerate(ranked) if p % 2 == 0}
    residents = {p: mine for p, mine in residents.items() if mine}
    hospitals = {p: [q for q in mine if q % 2 == 0] for p, mine in enumerate(ranked) if p % 2}
    hospitals = {p: mine for p, mine in hospitals.items() if mine}
    capacities = {p: int(given.places[p]) for p in hospitals}
    solution = HospitalResident.create_from_dictionaries(residents, hospitals, capacities).solve()
    return _once([(h.name, r.name) for h, mine in solution.items() for r in mine])


def _ranked(given: Given) -> list[list[int]]:
    """Everybody's couples, the most valuable first; both know each other."""
    ranked: list[list[int]] = [[] for _ in given.places]
    for k in np.argsort(-given.w, kind="stable").tolist():
        one, other = int(given.u[k]), int(given.v[k])
        ranked[one].append(other)
        ranked[other].append(one)
    return ranked


def _places(given: Given) -> tuple[list[int], list[tuple[int, int, int]]]:
    """One node for each place, and an edge for each two places of a couple."""
    owner = np.repeat(np.arange(len(given.places)), given.places).tolist()
    first = np.concatenate([[0], np.cumsum(given.places)]).tolist()
    edges = [
        (a, b, w)
        for one, other, w in zip(given.u.tolist(), given.v.tolist(), given.w.tolist(), strict=True)
        for a in range(first[one], first[one + 1])
        for b in range(first[other], first[other + 1])
    ]
    return owner, edges


def _once(pairs: Sequence[tuple[int, int]]) -> Couples:
    """Two places that meet twice count once."""
    once = sorted({(min(a, b), max(a, b)) for a, b in pairs})
    return [a for a, _ in once], [b for _, b in once]


PEERS: dict[str, Callable[[Given], Couples]] = {
    "greedy": greedy,
    "greedy with exchanges": greedy_with_exchanges,
    "blossom (rustworkx)": blossom,
    "flow on the best 32": flow_on_the_best,
    "HiGHS": integer_program,
    "stable roommates": stable_roommates,
    "hospital–resident": hospital_resident,
}
