"""A correction of chances: a rising curve through whole thousandths, straight between its knots.

It never reorders the offers for one need, never makes a chance of nothing, and never nothing of a chance: whom a run may pair
stays as it is. Whole numbers throughout, so that every machine reads the same curve.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np

from services.matching.engine.meaning.near import THOUSAND, Near
from services.matching.engine.model import Learned

KNOTS = (1, 5, 10, 25, 50, 75, *range(100, 901, 50), 925, 950, 975, 990, 995, 1000)
"""At these chances a curve is kept; closer at both ends, where a logistic curve turns."""
UNCHANGED = KNOTS
"""The curve that corrects nothing."""


class BadCurve(ValueError):
    """These numbers are no curve; the message says why."""


def table_of(curve: Sequence[int]) -> tuple[int, ...]:
    """What becomes of every chance from 0 to 1000. ``curve``: at ``KNOTS``. Raises ``BadCurve``."""
    if len(curve) != len(KNOTS):
        raise BadCurve(f"a curve has {len(KNOTS)} knots, and this one {len(curve)}")
    if any(high < low for low, high in pairwise(curve)) or not 1 <= curve[0] <= curve[-1] <= THOUSAND:
        raise BadCurve("a curve rises from 1 or more to at most 1000 thousandths")
    found = [0]
    for (at, to), (low, high) in zip(pairwise(KNOTS), pairwise(curve), strict=True):
        found += [low + (high - low) * (chance - at) // (to - at) for chance in range(at, to)]
    return (*found, curve[-1])


def corrected(near: Near, learned: Learned | None) -> Near:
    """The near texts as a run under this correction sees them; as they are where it was learned about other models."""
    if learned is None or learned.meaning != near.model:
        return near
    chance = np.array(table_of(learned.curve), dtype=np.uint16)[near.chance]
    chance.setflags(write=False)
    return replace(near, chance=chance)
