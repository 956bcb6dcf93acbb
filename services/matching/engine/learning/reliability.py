"""How far chances can be trusted: what was promised against what was reported, in bins of enough people."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.matching.engine.learning.reports import Columns

BINS = 10
FEWEST = 5
"""Fewer directions, or fewer people who reported on them, are never shown: their bin joins the next one."""
_WIDE = 1.96  # a 95 % interval


@dataclass(frozen=True, slots=True, kw_only=True)
class Bin:
    """Directions that were promised about equally much. ``promised``: by the models; ``learned``: by the correction, each judged by
    a curve that had not seen it; ``low`` and ``high``: where the mean of many such reports lies, with 95 %."""

    promised: float
    learned: float
    reported: float
    low: float
    high: float
    directions: int


def bins(reports: Columns, *, promised: NDArray[np.float64], learned: NDArray[np.float64]) -> tuple[Bin, ...]:
    """Tenths of what was promised, from below, each joined with the next ones until it holds enough; what is left at the end
    joins the last. None where all together are too few."""
    tenth = np.minimum((promised * BINS).astype(np.int64), BINS - 1)
    groups: list[list[int]] = []
    open_: list[int] = []
    for number in range(BINS):
        open_ += np.flatnonzero(tenth == number).tolist()
        if len(open_) >= FEWEST and len({reports.learner[k] for k in open_}) >= FEWEST:
            groups.append(open_)
            open_ = []
    if open_ and groups:
        groups[-1] += open_
    return tuple(_bin(np.array(group), reports, promised=promised, learned=learned) for group in groups)


def _bin(
    group: NDArray[np.int64], reports: Columns, *, promised: NDArray[np.float64], learned: NDArray[np.float64]
) -> Bin:
    reported = float(reports.reported[group].mean())
    low, high = interval(reported, count=len(group))
    return Bin(
        promised=round(float(promised[group].mean()), 3),
        learned=round(float(learned[group].mean()), 3),
        reported=round(reported, 2),
        low=round(low, 2),
        high=round(high, 2),
        directions=len(group),
    )


def interval(mean: float, *, count: int) -> tuple[float, float]:
    """Wilson's interval (1927). For answers between 0 and 1 it is a little too wide: none vary more than yes and no."""
    z = _WIDE * _WIDE / count
    middle = (mean + z / 2) / (1 + z)
    half = math.sqrt(mean * (1 - mean) * z + z * z / 4) / (1 + z)
    return max(0.0, middle - half), min(1.0, middle + half)
