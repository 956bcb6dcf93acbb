"""What proves a plan of groups: prices, and what no group of each possible leader exceeds at them. Read and checked without any solver.

With a price y_v ≥ 0 for everybody's one place, and a bonus a ≥ 0 for each person in a group, take any plan with at least C people in
groups. A group is led by one of its members, and nobody is in two::

    Σ_plan w  =  Σ_plan (w + a · members − Σ y)  +  Σ_{v in groups} y_v  −  a · people in groups
              ≤  Σ_{who leads} max(0, the best group that they could lead at these prices)  +  Σ_v y_v  −  a · C

How many people groups can hold at most is the same question with w = 0, a bonus of a million and no C.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.matching.engine.scoring.problem import MILLION

Numbers = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Certificate:
    """Of n people. ``y``: int64[n], at least 0; ``led``: int64[n], what no group that each could lead exceeds at these prices (at least
    0; 0 for who can lead none); ``bonus`` for each person in a group; ``valued``: groups count with their value. Millionths."""

    y: Numbers
    led: Numbers
    bonus: int
    valued: bool

    def ceiling(self, *, people: int) -> int:
        """No plan with at least so many people in groups has more value; without value: no plan has more millionths of people."""
        prices: int = sum(self.y.tolist()) + sum(self.led.tolist())
        return prices - (self.bonus * people if self.valued else 0)

    @property
    def most_people(self) -> int:
        """So many people groups can hold at most."""
        return self.ceiling(people=0) // MILLION


def worth_nothing(size: int, *, valued: bool) -> Certificate:
    """For who can form no group at all."""
    nothing = np.zeros(size, np.int64)
    return Certificate(nothing, nothing, 0 if valued else MILLION, valued)
