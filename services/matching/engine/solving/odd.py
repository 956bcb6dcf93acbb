"""What halves can do and whole couples cannot: cuts by odd sets.

Let S be some people with b places together, and x the couples and open places of a plan. Every place in S is used within S, two by each
couple, or leads out of it: 2 x(S) + x(δS) = b. For any part T of what leads out, the whole number x(δS − T) − x(T) has the parity of b;
if low(δS − T) − high(T) has the other one, not all of it can be at its limits, and one step is the least::

    Σ_{δS − T} (x − low) + Σ_T (high − x) ≥ 1         that is         x(S) + x(T) ≤ (b + high(T) − low(δS − T) − 1) / 2

A fraction that takes half of every couple of an odd ring breaks this for the ring. These are all the inequalities that a fraction can
break and a plan cannot (Edmonds 1965, for b-matchings Pulleyblank 1973). Two searches find broken ones:

* *minimal cuts* of a graph whose arcs are as wide as x is far from whole (Padberg & Rao 1982; Letchford, Reinelt & Theis 2008).
  Where x is whole it has no arcs, so it falls into a few small parts, and a cut tree of each (Gusfield 1990) shows its odd sets;
* *growth*: with an odd ring every larger set of which the rest is whole is odd as well. Cutting off the ring alone would only move it by
  one couple, thousands of times. Edmonds' search would shrink the sets that alternating paths reach both ways, at rising reduced costs;
  shortest paths of the double cover, which may meet a person twice, find much the same ones at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array, csr_array
from scipy.sparse.csgraph import breadth_first_order, connected_components, dijkstra, maximum_flow

from services.matching.engine.solving.pairs import Millionths

WHOLE = 1e-6  # nearer to a whole number counts as one
BROKEN = 1e-4  # by less than this, a cut is not worth its row
GRAIN = 1_000_000  # widths are whole
LARGEST_PART, LARGEST_GROWN = 2_000, 2_000  # people
GROWS = 8  # by one for so many, from one cut to the next

People = NDArray[np.bool_]
"""bool[n + 1]; never nobody, who is the last."""


@dataclass(frozen=True, slots=True, eq=False)
class Cut:
    """Of these columns no plan has more than ``most`` together."""

    columns: NDArray[np.int64]
    most: int


@dataclass(frozen=True, slots=True, eq=False)
class Columns:
    """Couples of ``u`` and ``v``, and places that ``u`` leaves open (``v``: n, nobody), between whole limits."""

    u: NDArray[np.int64]
    v: NDArray[np.int64]
    low: Millionths
    high: Millionths
    places: Millionths  # of the n people


@dataclass(frozen=True, slots=True, eq=False)
class _Fraction:
    """``upper``: the columns nearer to their upper limits, T to begin with. ``away``: how far from a limit. ``odd``: whether a person
    alone is an odd set then (int64[n + 1])."""

    of: Columns
    x: NDArray[np.float64]
    upper: NDArray[np.bool_]
    away: NDArray[np.float64]
    odd: NDArray[np.int64]


def broken(x: NDArray[np.float64], columns: Columns, *, reduced: Millionths, reach: int) -> list[Cut]:
    """Cuts that ``x`` breaks. ``reduced``: what one more of every column costs at the prices that prove x; paths to either end of a
    larger set cost up to twice the ``reach``."""
    fraction = _fraction(x, columns)
    parts = list(_parts(fraction))
    sets = [inside for part in parts for inside in _sides(part, fraction)]
    rings = [part for part in parts if fraction.odd[part].sum() % 2]
    if rings:
        paths = _paths(fraction, reduced=reduced)
        sets += [inside for ring in rings for inside in _grown(ring, paths, reach=reach)]
    cuts = {cut.columns.tobytes(): cut for cut in (_cut(inside, fraction) for inside in sets) if cut is not None}
    return list(cuts.values())


def _fraction(x: NDArray[np.float64], columns: Columns) -> _Fraction:
    low, high = columns.low, columns.high
    upper = high - x < x - low
    away = np.where(upper, high - x, x - low)
    away[away < WHOLE] = 0.0
    limit, size = np.where(upper, high, low), len(columns.places)
    led = sum(np.bincount(end, weights=limit, minlength=size + 1) for end in (columns.u, columns.v))
    odd = (np.concatenate([columns.places, [0]]) + np.asarray(led).astype(np.int64)) % 2
    return _Fraction(columns, x, upper, away, odd)


def _parts(fraction: _Fraction) -> Iterator[NDArray[np.int64]]:
    """People who hang together by couples that are not whole."""
    u, v, size = fraction.of.u, fraction.of.v, len(fraction.of.places)
    some = np.flatnonzero(fraction.away > 0)
    couples = some[v[some] < size]
    graph = coo_array((np.ones(len(couples)), (u[couples], v[couples])), shape=(size, size))
    _, label = connected_components(graph, directed=False)
    touched = np.unique(np.concatenate([u[some], v[couples]]))
    for each in np.unique(label[touched]):
        part = np.flatnonzero(label == each)
        if len(part) <= LARGEST_PART:
            yield part


def _sides(part: NDArray[np.int64], fraction: _Fraction) -> Iterator[People]:
    """The whole part, and a side of each minimal cut in its cut tree: the one without nobody."""
    u, v, size, k = fraction.of.u, fraction.of.v, len(fraction.of.places), len(part)
    yield _people(part, size=size)
    number = np.full(size + 1, -1)
    number[part] = np.arange(k)
    number[size] = k
    arcs = np.flatnonzero((fraction.away > 0) & (number[u] >= 0))
    one, other = number[u[arcs]], number[v[arcs]]
    width = np.maximum(np.rint(fraction.away[arcs] * GRAIN), 1).astype(np.int32)
    both = (np.concatenate([one, other]), np.concatenate([other, one]))
    widths = coo_array((np.concatenate([width, width]), both), shape=(k + 1, k + 1)).tocsr()
    parent = np.zeros(k + 1, np.int64)
    for source in range(1, k + 1):
        sink = int(parent[source])
        left = widths - maximum_flow(widths, source, sink).flow
        left.eliminate_zeros()
        side = np.zeros(k + 1, dtype=np.bool_)
        side[breadth_first_order(left, source, return_predecessors=False)] = True
        moved = side & (parent == sink)
        moved[source] = False
        parent[moved] = source
        if side[parent[sink]]:
            parent[source], parent[sink] = parent[sink], source
        yield _people(part[~side[:k] if side[k] else side[:k]], size=size)


def _paths(fraction: _Fraction, *, reduced: Millionths) -> csr_array:
    """The double cover (2n nodes): from L_u to R_v by one couple more, from R_v to L_u by one less, at what that costs."""
    u, v, size = fraction.of.u, fraction.of.v, len(fraction.of.places)
    more = np.flatnonzero((v < size) & (fraction.x < fraction.of.high - WHOLE))
    less = np.flatnonzero((v < size) & (fraction.x > fraction.of.low + WHOLE))
    tail = np.concatenate([u[more], v[more], size + v[less], size + u[less]])
    head = np.concatenate([size + v[more], size + u[more], u[less], v[less]])
    cost = np.maximum(np.concatenate([reduced[more], reduced[more], -reduced[less], -reduced[less]]), 0)
    return coo_array(
        (cost + 1.0, (tail, head)), shape=(2 * size, 2 * size)
    ).tocsr()  # no arc costs nothing: it would not count as one


def _grown(ring: NDArray[np.int64], paths: csr_array, *, reach: int) -> Iterator[People]:
    """Larger and larger sets around a ring."""
    size = paths.shape[0] // 2
    far = dijkstra(paths, indices=ring, min_only=True, limit=2.0 * reach)
    both = far[:size] + far[size:]
    both[ring] = 0
    order = np.argsort(both, kind="stable")
    most = min(int(np.isfinite(both).sum()), LARGEST_GROWN)
    count = len(ring) + 1
    while count <= most:
        yield _people(order[:count], size=size)
        count += max(1, count // GROWS)


def _people(some: NDArray[np.int64], *, size: int) -> People:
    inside = np.zeros(size + 1, dtype=np.bool_)
    inside[some] = True
    return inside


def _cut(inside: People, fraction: _Fraction) -> Cut | None:
    """None if the fraction is a step away from the limits, as every plan is."""
    columns = fraction.of
    from_, to = inside[columns.u], inside[columns.v]
    across = np.flatnonzero(from_ != to)
    upper, distance = fraction.upper[across], float(fraction.away[across].sum())
    if fraction.odd[inside].sum() % 2 == 0:
        # The cheapest column that changes sides, in or out of T, makes it odd.
        span = columns.high[across] - columns.low[across]
        price = np.where(span % 2 == 1, span - 2 * fraction.away[across], np.inf)
        if not len(across) or not np.isfinite(price.min()):
            return None
        changed = int(price.argmin())
        distance += float(price[changed])
        upper[changed] = ~upper[changed]
    if distance > 1 - BROKEN:
        return None
    limits = int(columns.high[across[upper]].sum()) - int(columns.low[across[~upper]].sum())
    most = (int(columns.places[inside[:-1]].sum()) + limits - 1) // 2
    return Cut(np.concatenate([np.flatnonzero(from_ & to), across[upper]]), most)
