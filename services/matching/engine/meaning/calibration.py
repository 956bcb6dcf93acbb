"""From cosines to a probability that the offer meets the need, so that languages compare and ".5" means something.

For each kind of pair a logistic function of the cosines of the models that read it::

    p = 1 / (1 + exp(−(bias + Σ weight_m · cosine_m)))

fitted by maximum likelihood on ``texts.json``: every need of it with every offer of it, so that a probability already
accounts for how rarely an offer meets a need by chance. The weights are positive: nearer is never less probable. The cuts
("meets", "maybe: ask", "no") are ``near.MEETS`` and ``near.ASK``.

How far to trust it: full mode, each need in a space that had not seen its topic; of the pairs with a chance in …, so many
percent do belong together (of 59,685 pairs; 468 needs and 51 that nobody meets, 115 offers):

======== ======= ======= ======= ======= ======= ======= ======
2–5 %    5–10 %  10–15 % 15–20 % 20–30 % 30–50 % 50–90 % 90 % –
======== ======= ======= ======= ======= ======= ======= ======
4.3      9.0     13.6    19      21      32      69      97.9
======== ======= ======= ======= ======= ======= ======= ======
"""

from __future__ import annotations

import base64
import hashlib
import importlib.resources
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.matching.engine.meaning.near import THOUSAND, Pairs
from services.matching.engine.meaning.space import LENGTH, Space

Cosines = NDArray[np.float64]
Placed = NDArray[np.float32]

CELLS = 4_000_000  # of one block of the product: 16 MB for each model


class BadCalibration(ValueError):
    """The calibration cannot be used; the message says why and how to make a new one."""


@dataclass(frozen=True, slots=True)
class Curve:
    """One logistic function: model names and their weights, all positive, and the bias."""

    weights: Mapping[str, float]
    bias: float

    def close(self, placed: Mapping[str, tuple[Placed, Placed]], *, least: int) -> Pairs:
        """Rows, columns and thousandths of those that reach ``least``, in order. ``placed``: needs and offers, by model.

        A text without a word is a row of zeros: it meets nothing.
        """
        needs, offers = next(iter(placed.values()))
        rows = max(1, CELLS // max(1, len(offers)))
        found = [
            self._block(placed, rows=slice(first, first + rows), least=least) for first in range(0, len(needs), rows)
        ]
        at = [part[0] + number * rows for number, part in enumerate(found)]
        return (
            np.concatenate(at),
            np.concatenate([part[1] for part in found]),
            np.concatenate([part[2] for part in found]),
        )

    def _block(self, placed: Mapping[str, tuple[Placed, Placed]], *, rows: slice, least: int) -> Pairs:
        products = {model: needs[rows] @ offers.T for model, (needs, offers) in placed.items()}
        lead, *others = self.weights
        # In single precision first, a little too much; only what may reach ``least`` is computed exactly.
        rough = products[lead]
        for model in others:
            rough = rough + products[model] * np.float32(self.weights[model] / self.weights[lead])
        lowest = np.log((least - 0.5) / (THOUSAND - least + 0.5)) if least else -np.inf
        may = rough >= np.float32((lowest - self.bias - 0.01) * LENGTH**2 / self.weights[lead])
        if thousandths(np.array(self.bias)) >= least:  # else rows of zeros do not reach it anyway
            needs, offers = placed[lead]
            may &= np.logical_and.outer(needs[rows].any(axis=1), offers.any(axis=1))
        at, to = np.nonzero(may)
        z = np.zeros(len(at))
        for model, weight in self.weights.items():
            z += products[model][at, to].astype(np.float64) * (weight / LENGTH**2)
        chance = thousandths(z + self.bias)
        enough = chance >= least
        return at[enough], to[enough], chance[enough]


def thousandths(z: Cosines) -> NDArray[np.uint16]:
    """The logistic function in whole thousandths."""
    return np.rint(THOUSAND / (1.0 + np.exp(-np.clip(z, -30.0, 30.0)))).astype(np.uint16)


@dataclass(frozen=True, slots=True)
class Calibration:
    """The spaces of some models, and a curve for each kind of pair: ``english`` (both texts are), ``other``."""

    spaces: Mapping[str, Space]
    curves: Mapping[str, Curve]

    @property
    def version(self) -> str:
        """Eight hexadecimal digits of its content."""
        return hashlib.sha256(json.dumps(written(self), sort_keys=True).encode()).hexdigest()[:8]


def logistic(features: Cosines, met: NDArray[np.bool_]) -> tuple[NDArray[np.float64], float]:
    """Weights and bias of greatest likelihood. ``features``: (pairs, models). By Newton's method, at most 50 steps.

    A weight that would be negative is left out (that model has nothing to add). Raises ``BadCalibration`` when nothing is left.
    """
    x = np.column_stack([features, np.ones(len(features))])
    y = met.astype(np.float64)
    w = np.zeros(x.shape[1])
    w[-1] = np.log(max(y.mean(), 1e-6))
    for _ in range(50):
        p = 1.0 / (1.0 + np.exp(-np.clip(x @ w, -30.0, 30.0)))
        # A touch of ridge keeps pairs that a line parts perfectly from weights without end.
        slope = x.T @ (y - p) - 1e-3 * np.append(w[:-1], 0.0)
        curve = (x * (p * (1 - p))[:, None]).T @ x + 1e-3 * np.eye(x.shape[1])
        step = np.linalg.solve(curve, slope)
        w = w + step * min(1.0, 4.0 / max(float(np.abs(step).max()), 1e-12))
        if float(np.abs(step).max()) < 1e-9:
            break
    useful = w[:-1] > 0
    if not useful.any():
        raise BadCalibration(
            "texts that belong together are no nearer to each other than others by this model: it cannot be calibrated"
        )
    if not useful.all():
        some, bias = logistic(features[:, useful], met)
        weights = np.zeros(len(useful))
        weights[useful] = some
        return weights, bias
    return w[:-1], float(w[-1])


def curve(models: Sequence[str], features: Cosines, met: NDArray[np.bool_]) -> Curve:
    """The fitted curve, rounded to four digits behind the point."""
    weights, bias = logistic(features, met)
    return Curve(
        {model: round(float(weight), 4) for model, weight in zip(models, weights, strict=True) if weight > 0},
        round(bias, 4),
    )


def written(calibration: Calibration) -> dict[str, Any]:
    """As plain values for JSON; arrays as base64 of little-endian 16-bit numbers."""
    return {
        "spaces": {
            name: {part: _text(getattr(space, part)) for part in ("mean", "directions", "damping")}
            for name, space in calibration.spaces.items()
        },
        "curves": {
            kind: {"weights": dict(each.weights), "bias": each.bias} for kind, each in calibration.curves.items()
        },
    }


def read(content: Mapping[str, Any]) -> Calibration:
    """The reverse of ``written``. Raises ``BadCalibration``."""
    try:
        spaces = {}
        for name, space in content["spaces"].items():
            mean, directions, damping = (_numbers(space[part]) for part in ("mean", "directions", "damping"))
            spaces[name] = Space(mean, directions.reshape(len(damping), len(mean)), damping)
        curves = {
            kind: Curve({model: float(weight) for model, weight in each["weights"].items()}, float(each["bias"]))
            for kind, each in content["curves"].items()
        }
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise BadCalibration(
            f"this is no calibration ({type(error).__name__}: {error}): write one with "
            "python -m services.matching.engine.meaning.fit"
        ) from error
    for kind, each in curves.items():
        for model, weight in each.weights.items():
            if model not in spaces or weight <= 0:
                raise BadCalibration(
                    f"the curve {kind!r} gives {model} the weight {weight}: it needs a positive one, and a space"
                )
    return Calibration(spaces, curves)


def stored(mode: str) -> Calibration:
    """The calibration that we ship for a mode (``fitted.json`` beside this file)."""
    content = json.loads(importlib.resources.files(__package__).joinpath("fitted.json").read_bytes())
    if mode not in content:
        raise BadCalibration(f"fitted.json holds no calibration for {mode!r}, only for {', '.join(sorted(content))}")
    return read(content[mode])


def _text(numbers: NDArray[np.int64]) -> str:
    return base64.b64encode(numbers.astype("<i2").tobytes()).decode("ascii")


def _numbers(text: str) -> NDArray[np.int64]:
    return np.frombuffer(base64.b64decode(text, validate=True), dtype="<i2").astype(np.int64)
