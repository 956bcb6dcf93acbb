"""The one thing a solver asks of people: what two of them are worth to each other.

All values are whole millionths, int64. A pair is *possible* when it may be planned at all (legal and relevant); its value may
be negative. Implementations must agree to the last integer, ties included: a tie goes to the partner with the smaller number.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

NEVER = -(2**40)
"""The value of a pair that is not possible."""
LARGEST = 10**9
"""No possible pair is worth more than this, nor less than minus this: sums stay exact."""
DEAREST = 2**40
"""Prices lie between minus this and this."""
ROWS_AT_ONCE = 256  # keeps what a pass over a matrix needs besides it small

Numbers = NDArray[np.int32]
Millionths = NDArray[np.int64]


class ValuesRefused(ValueError):
    """The values cannot be planned with; the message says where and what to do."""


@dataclass(frozen=True, slots=True)
class Edges:
    """Couples with their values: ``u < v``, sorted by ``(u, v)``, each once."""

    u: Numbers  # int32[m]
    v: Numbers  # int32[m]
    w: Millionths  # int64[m]

    def __len__(self) -> int:
        return len(self.u)


@dataclass(frozen=True, slots=True)
class Priced:
    """What prices leave open. ``excess``: the sum over ALL possible pairs of ``max(0, w − y_u − y_v)``, exact: sum each person's
    share in int64 and those in Python's integers. ``worst``: the violators (``w > y_u + y_v``), at most ``each`` of the largest
    for each person (by violation, then the smaller partner), merged; ``w`` is their value. ``more``: bool[n], who has as many
    as ``each`` or more, so that not all of theirs may be among them."""

    excess: int
    worst: Edges
    more: NDArray[np.bool_]


class Pairs(Protocol):
    """All possible pairs of ``size`` people."""

    @property
    def size(self) -> int:
        """How many people: n."""

    def strongest(self, *, each: int) -> Edges:
        """The union over people of their ``each`` best possible pairs (by value, then the smaller partner)."""

    def price(self, y: Millionths, *, each: int) -> Priced:
        """Look at EVERY possible pair. ``y``: int64[n], each between ``-DEAREST`` and ``DEAREST``."""

    def value(self, u: Numbers, v: Numbers) -> Millionths:
        """int64[m]: the values of these pairs, in either order; NEVER where impossible (as a pair with oneself is)."""

    def of(self, u: int) -> tuple[Numbers, Millionths]:
        """All possible partners of one person, ascending, and the values: int32[k], int64[k]."""


class DensePairs:
    """Pairs as a symmetric matrix, n by n, int64, NEVER where impossible and on the diagonal."""

    def __init__(self, value: Millionths) -> None:
        _check(value)
        self._value = np.ascontiguousarray(value)
        self.size = len(value)

    def strongest(self, *, each: int) -> Edges:
        """See `Pairs`."""
        return self._edges(
            [
                _largest(self._value[start : start + ROWS_AT_ONCE], start=start, each=each, least=NEVER + 1)
                for start in range(0, self.size, ROWS_AT_ONCE)
            ]
        )

    def price(self, y: Millionths, *, each: int) -> Priced:
        """See `Pairs`."""
        twice, found, more = 0, [], np.zeros(self.size, np.bool_)
        for start in range(0, self.size, ROWS_AT_ONCE):
            rows = self._value[start : start + ROWS_AT_ONCE]
            over = rows - y[start : start + ROWS_AT_ONCE, None] - y[None, :]
            over[(rows == NEVER) | (over < 0)] = 0
            twice += sum(over.sum(axis=1).tolist())
            more[start : start + ROWS_AT_ONCE] = (over > 0).sum(axis=1) >= each
            found.append(_largest(over, start=start, each=each, least=1))
        return Priced(excess=twice // 2, worst=self._edges(found), more=more)

    def value(self, u: Numbers, v: Numbers) -> Millionths:
        """See `Pairs`."""
        return self._value[u, v]

    def of(self, u: int) -> tuple[Numbers, Millionths]:
        """See `Pairs`."""
        partners = np.flatnonzero(self._value[u] != NEVER).astype(np.int32)
        return partners, self._value[u, partners]

    def _edges(self, found: list[tuple[NDArray[np.int64], NDArray[np.int64]]]) -> Edges:
        if not found:
            return edges_of(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.int64))
        one, other = (np.concatenate(part) for part in zip(*found, strict=True))
        return edges_of(one, other, self._value[one, other])


def edges_of(one: NDArray[np.integer], other: NDArray[np.integer], w: Millionths) -> Edges:
    """Couples in any order and direction, perhaps repeated, as `Edges`."""
    u, v = np.minimum(one, other).astype(np.int64), np.maximum(one, other).astype(np.int64)
    _, first = np.unique(u << 32 | v, return_index=True)
    return Edges(u[first].astype(np.int32), v[first].astype(np.int32), w[first])


def _largest(rows: Millionths, *, start: int, each: int, least: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The ``each`` largest entries ≥ ``least`` of every row, ties to the smaller column: their row and column numbers."""
    width = rows.shape[1]
    if each < width:  # everything at least as large as the row's ``each``-th: few, but ties may make it more
        bar = np.partition(rows, width - each, axis=1)[:, width - each] if each > 0 else np.full(len(rows), DEAREST)
        row, column = np.nonzero(rows >= np.maximum(bar, least)[:, None])
    else:
        row, column = np.nonzero(rows >= least)
    order = np.lexsort((column, -rows[row, column], row))
    row, column = row[order], column[order]
    place = np.arange(len(row)) - np.searchsorted(row, row)
    return row[place < each] + start, column[place < each]


def _check(value: Millionths) -> None:
    if value.ndim != 2 or value.shape[0] != value.shape[1]:
        raise ValuesRefused(
            f"The values are {value.shape}: they must be a square matrix, one row and column for each person."
        )
    if value.dtype != np.int64:
        raise ValuesRefused(f"The values are {value.dtype}: give whole millionths as int64; NaN has no place here.")
    at = np.flatnonzero(value.diagonal() != NEVER)
    if at.size:
        raise ValuesRefused(f"Person {at[0]} has a value with themselves: the diagonal must be NEVER ({NEVER}).")
    for start in range(0, len(value), ROWS_AT_ONCE):
        rows = value[start : start + ROWS_AT_ONCE]
        row, column = np.nonzero(rows != value[:, start : start + ROWS_AT_ONCE].T)
        if row.size:
            u, v = int(row[0]) + start, int(column[0])
            raise ValuesRefused(f"{u} with {v} is worth {value[u, v]}, {v} with {u} {value[v, u]}: make them equal.")
        row, column = np.nonzero((rows != NEVER) & (np.abs(rows) > LARGEST))
        if row.size:
            u, v = int(row[0]) + start, int(column[0])
            raise ValuesRefused(
                f"{u} with {v} is worth {value[u, v]}: possible pairs lie within ±{LARGEST} millionths."
            )
