"""Fitting a correction: a logistic curve that starts from "the models are right" and moves as far as reports carry it.

A direction is promised ``p = aptness · g(chance)`` and is reported as r, both from 0 to 1, where

    g(c) = 1 / (1 + exp(−(shift + slope · logit c)))

``shift`` 0 and ``slope`` 1 correct nothing. They minimise the log loss −r log p − (1 − r) log(1 − p), summed over the reports, and
``shift² / (2 · 0.5²) + (log slope)² / (2 · 0.25²)``: a belief in the models that weighs as much as some 25 reports on each. The
slope stays above zero, so the curve rises: feedback may dim what the models say, and never turn it round.

The same reports in any order give the same curve. It is kept, not fitted again: the last bits of logarithms differ between
processors.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.matching.engine.learning.curve import KNOTS, UNCHANGED, table_of
from services.matching.engine.learning.reports import Columns, Reported, columns

SHIFT_SPREAD, SLOPE_SPREAD = 0.5, 0.25
MOST_SHIFT = 3.0
LEAST_SLOPE, MOST_SLOPE = 0.25, 2.0
"""At the least slope a chance of 90 and one of 50 % are still 63 and 50: the models are dimmed, not silenced."""
_NEARLY = 0.0005  # a chance of 1000 thousandths is some chance from 999.5 on
_STEPS, _ENOUGH = 60, 1e-9

Curve = tuple[int, ...]
Vector = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class _Given:
    """n reports as the fit needs them."""

    logit: Vector
    aptness: Vector
    reported: Vector


def fitted(reports: Iterable[Reported]) -> Curve:
    """The curve of these reports, at ``KNOTS``; ``UNCHANGED`` without any."""
    return fitted_to(columns(reports))


def fitted_to(reports: Columns) -> Curve:
    """The same, of reports in their order."""
    given = _Given(_logit(reports.chance / 1000), reports.aptness / 1000, reports.reported)
    at = np.zeros(2)  # shift, log slope
    for _ in range(_STEPS):
        better = _better(at, given)
        if better is None:
            break
        at = better
    return _curve(shift=float(at[0]), slope=math.exp(float(at[1])))


def _better(at: Vector, given: _Given) -> Vector | None:
    """The next point, which is nearer the best one; None where there is none to speak of."""
    here, step, size = _objective(at, given), _step(at, given), 1.0
    while size > _ENOUGH:
        there = _within(at - size * step)
        if float(np.abs(there - at).max()) < _ENOUGH:
            return None
        if _objective(there, given) < here:
            return there
        size /= 2
    return None


def losses(reports: Columns, curve: Curve) -> Vector:
    """The log loss of each report under a curve; n."""
    return _loss(promised(reports, curve), reports.reported)


def promised(reports: Columns, curve: Curve) -> Vector:
    """What each direction was to be worth to its learner under a curve, before its priority: 0 to 1; n."""
    return np.array(table_of(curve), dtype=np.float64)[reports.chance] * reports.aptness / 1_000_000


def _curve(*, shift: float, slope: float) -> Curve:
    if shift == 0 and slope == 1:
        return UNCHANGED
    through = 1 / (1 + np.exp(-(shift + slope * _logit(np.array(KNOTS) / 1000))))
    return tuple(int(each) for each in np.clip(np.floor(1000 * through + 0.5), 1, 1000))


def _logit(chance: Vector) -> Vector:
    kept = np.clip(chance, _NEARLY, 1 - _NEARLY)
    return np.log(kept / (1 - kept))


def _within(at: Vector) -> Vector:
    return np.array(
        (
            min(max(at[0], -MOST_SHIFT), MOST_SHIFT),
            min(max(at[1], math.log(LEAST_SLOPE)), math.log(MOST_SLOPE)),
        )
    )


def _met(at: Vector, given: _Given) -> Vector:
    met: Vector = 1 / (1 + np.exp(-(at[0] + math.exp(at[1]) * given.logit)))
    return met


def _objective(at: Vector, given: _Given) -> float:
    belief = at[0] ** 2 / (2 * SHIFT_SPREAD**2) + at[1] ** 2 / (2 * SLOPE_SPREAD**2)
    return float(_loss(given.aptness * _met(at, given), given.reported).sum()) + float(belief)


def _step(at: Vector, given: _Given) -> Vector:
    """Fisher scoring: the gradient, divided by the information that reports and belief carry."""
    met = _met(at, given)
    p = given.aptness * met
    rest = np.maximum(1 - p, _NEARLY)
    of_shift = (1 - met) * (p - given.reported) / rest  # d loss / d shift
    weight = p * (1 - met) ** 2 / rest
    by_slope = math.exp(at[1]) * given.logit
    gradient = np.array(
        (
            of_shift.sum() + at[0] / SHIFT_SPREAD**2,
            (of_shift * by_slope).sum() + at[1] / SLOPE_SPREAD**2,
        )
    )
    cross = (weight * by_slope).sum()
    information = np.array(
        (
            (weight.sum() + 1 / SHIFT_SPREAD**2, cross),
            (cross, (weight * by_slope**2).sum() + 1 / SLOPE_SPREAD**2),
        )
    )
    step: Vector = np.linalg.solve(information, gradient)
    return step


def _loss(promise: Vector, reported: Vector) -> Vector:
    kept = np.clip(promise, _NEARLY, 1 - _NEARLY)
    loss: Vector = -reported * np.log(kept) - (1 - reported) * np.log(1 - kept)
    return loss
