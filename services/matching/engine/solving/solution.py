"""What a solver returns."""

from __future__ import annotations

from dataclasses import dataclass

from services.matching.engine.solving.certificate import Certificate
from services.matching.engine.solving.pairs import Edges, Millionths, Numbers

OPTIMAL, GAP, TIME, CANCELLED = "optimal", "gap", "time", "cancelled"


@dataclass(frozen=True, slots=True)
class Best:
    """The best plan so far: its couples, and what is proven at this moment. ``upper_bound``: on the value of plans that leave as few
    alone; nothing above it comes. ``unmatched_bound``: 0 while nothing is proven."""

    couples: Edges
    value: int
    upper_bound: int
    unmatched: int
    unmatched_bound: int


@dataclass(frozen=True, slots=True)
class Solution:
    """``u < v``: the couples, int32[m], sorted, with their values ``w``; forced ones are among them.

    Everything in millionths: ``value``; ``upper_bound``, which no plan that leaves as few people alone exceeds. ``unmatched``:
    people who wait and have nobody; no plan has fewer than ``unmatched_bound``. ``exact``: both bounds are met. ``ended``: OPTIMAL,
    GAP (near enough, or nothing is left to try), TIME or CANCELLED. The ``certificate`` proves ``unmatched_bound``, and
    ``certified`` as a bound on the value: in small cohorts an integer program may have brought ``upper_bound`` below that."""

    u: Numbers
    v: Numbers
    w: Millionths
    value: int
    upper_bound: int
    unmatched: int
    unmatched_bound: int
    exact: bool
    ended: str
    certificate: Certificate
    certified: int

    @property
    def prices(self) -> Millionths:
        """int64[n], whole millionths: the double cover's halves are rounded so that they stay valid."""
        return self.certificate.y

    @property
    def couples(self) -> Edges:
        """The plan."""
        return Edges(self.u, self.v, self.w)
