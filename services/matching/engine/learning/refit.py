"""Whether a new correction is better than the one in use, by reports that neither has seen; else the old one stays."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.matching.engine.learning.curve import UNCHANGED
from services.matching.engine.learning.fit import Curve, fitted_to, losses, promised
from services.matching.engine.learning.reliability import Bin, bins
from services.matching.engine.learning.reports import Columns, Reported, columns

FEWEST_DIRECTIONS = 100
"""Below, two numbers cannot be told from noise: see ``python -m benchmarks.learning``, from which this and the next come."""
SURE = 2.0
"""The improvement must be so many of its standard errors above zero: refits look again and again, and luck adds up."""
FOLDS = 10

TOO_FEW, NO_BETTER, BETTER = "too_few", "no_better", "better"


@dataclass(frozen=True, slots=True, kw_only=True)
class Refit:
    """What a fit came to. Losses are means over directions, in nats; ``loss`` is of reports that the curve had not seen.

    ``curve``: what holds from now on: the new one when ``outcome`` is BETTER, else the present one.
    """

    outcome: str
    curve: Curve
    directions: int
    people: int
    loss_before: float | None = None
    loss: float | None = None
    error: float | None = None  # of the difference
    bins: tuple[Bin, ...] = ()


def refit(reports: Iterable[Reported], *, present: Curve = UNCHANGED) -> Refit:
    """Fit all reports, and keep the fit only if one like it, from nine tenths of the pairs, does better on the last tenth."""
    given = columns(reports)
    people, before = len(set(given.learner)), promised(given, UNCHANGED)
    if len(given) < FEWEST_DIRECTIONS:
        shown = bins(given, promised=before, learned=promised(given, present))
        return Refit(outcome=TOO_FEW, curve=present, directions=len(given), people=people, bins=shown)
    fold = np.array([_fold(pair) for pair in given.pair])
    learned, loss = np.empty(len(given)), np.empty(len(given))
    for number in range(FOLDS):
        out = fold == number
        if out.any():
            curve = fitted_to(given.only(~out))
            learned[out], loss[out] = promised(given.only(out), curve), losses(given.only(out), curve)
    loss_before = losses(given, present)
    gain, error = float((loss_before - loss).mean()), standard_error(loss_before - loss, given)
    better = gain > SURE * error
    return Refit(
        outcome=BETTER if better else NO_BETTER,
        curve=fitted_to(given) if better else present,
        directions=len(given),
        people=people,
        loss_before=round(float(loss_before.mean()), 4),
        loss=round(float(loss.mean()), 4),
        error=round(error, 4),
        bins=bins(given, promised=before, learned=learned),
    )


def standard_error(gains: NDArray[np.float64], reports: Columns) -> float:
    """Of the mean of n gains, where those of one pair hang together, and those of one learner: clustered both ways (Cameron,
    Gelbach and Miller 2011), and never below either way alone."""
    off = gains - gains.mean()
    by_pair, by_learner = _squares(off, reports.pair), _squares(off, reports.learner)
    both = by_pair + by_learner - _squares(off, tuple(zip(reports.pair, reports.learner, strict=True)))
    return float(np.sqrt(max(by_pair, by_learner, both))) / len(off)


def _squares(off: NDArray[np.float64], groups: Sequence[object]) -> float:
    sums: dict[object, float] = defaultdict(float)
    for each, group in zip(off.tolist(), groups, strict=True):
        sums[group] += each
    return sum(each * each for each in sums.values())


def _fold(pair: str) -> int:
    """Both directions of a pair fall together, today and tomorrow."""
    return int.from_bytes(hashlib.sha256(pair.encode()).digest()[:4], "big") % FOLDS
