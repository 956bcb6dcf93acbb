"""What proves a plan: prices for its value, a barrier for those left alone. Read and checked without any solver.

For every plan within places b, with d_v partners of person v, and any prices y::

    Σ w  ≤  Σ_v y_v·d_v + Σ_{all pairs} max(0, w − y_u − y_v)

since every pair is worth at most its two prices and what exceeds them. With a penalty a_v ≥ 0 on leaving v alone, and the best
degree for each person::

    Σ w − Σ_{v alone} a_v  ≤  Σ_v max(−a_v, y_v, b_v·y_v) + Σ_{all pairs} max(0, w − y_u − y_v)   =: B

(the dual of the fractional b-matching; a_v = 0 for those who need nobody, and 0 for those without places). So a plan that leaves
at most U alone is worth at most B plus the U largest penalties; if the barrier proves that no plan leaves fewer than U alone,
those alone in such a plan are all in its groups, and only the penalties in groups count.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.matching.engine.solving.pairs import DEAREST, Millionths, Numbers

NOBODY = -1


@dataclass(frozen=True, slots=True)
class Certificate:
    """All of n people. ``y``: int64[n], prices in whole millionths. ``alone``: int64[n], the penalties a. ``group``: int32[n], the
    odd group that the barrier puts somebody into, or NOBODY; ``inner``: bool[n], whom these groups know outside. ``excess``:
    what all pairs exceed the prices by, as the solver found it."""

    y: Millionths
    alone: Millionths
    group: Numbers
    inner: NDArray[np.bool_]
    excess: int


@dataclass(frozen=True, slots=True)
class Barrier:
    """Proof that some must stay alone. ``group``: int32[n], which odd group somebody is in, or NOBODY. ``inner``: bool[n]."""

    group: Numbers
    inner: NDArray[np.bool_]


def no_barrier(size: int) -> Barrier:
    """Proof of nothing."""
    return Barrier(np.full(size, NOBODY, np.int32), np.zeros(size, dtype=np.bool_))


def proof_of(barrier: Barrier) -> Certificate:
    """The barrier as a certificate that says nothing of values."""
    size = len(barrier.group)
    return Certificate(
        np.full(size, DEAREST, np.int64),
        np.zeros(size, np.int64),
        group=barrier.group,
        inner=barrier.inner,
        excess=0,
    )


def least_alone(certificate: Certificate, *, places: Millionths, waiting: NDArray[np.bool_]) -> int:
    """How many of those who wait stay alone in every plan, if the barrier holds: (groups − places of the inner people) and
    whoever has no place."""
    groups = len(np.unique(certificate.group[certificate.group != NOBODY]))
    return max(0, groups - int(places[certificate.inner].sum())) + int((waiting & (places == 0)).sum())


def ceiling(certificate: Certificate, *, places: Millionths) -> int:
    """B: no plan's value less the penalties of those alone is more."""
    y, alone = certificate.y, certificate.alone
    best = np.where(places > 0, np.maximum(np.maximum(-alone, y), places * y), 0)
    return int(sum(best.tolist())) + certificate.excess


def most_value(certificate: Certificate, *, places: Millionths, waiting: NDArray[np.bool_], unmatched: int) -> int:
    """No plan that leaves at most ``unmatched`` of the waiting alone is worth more; millionths."""
    out = max(0, unmatched - int((waiting & (places == 0)).sum()))
    if out == 0:
        return ceiling(certificate, places=places)
    tight = least_alone(certificate, places=places, waiting=waiting) == unmatched
    counted = (
        certificate.alone[(places > 0) & (certificate.group != NOBODY)] if tight else certificate.alone[places > 0]
    )
    return ceiling(certificate, places=places) + int(
        sum(np.sort(counted)[len(counted) - min(out, len(counted)) :].tolist())
    )
