"""A snapshot as arrays: what the value and the rules look at. Nobody's name is in here, and no label is more than a number.

People are counted in a canonical order (``ground.in_order``), so that the same snapshot gives the same arrays whatever the
order of its input and whatever its organizations are called.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.matching.engine.meaning.near import Near
from services.matching.engine.scoring.rules import Rulebook

MILLION = 1_000_000
COLUMNS = ("organization", "team", "industry", "function", "education", "region", "career_stage")
"""The labels of a person that rules and difference compare, as rows of ``Problem.labels``."""
FACETS = COLUMNS[2:]
DIFFERENCE = ("organization", "industry", "function", "education", "region")
UNSTATED = -1
SLOT_WORDS = 32  # 2016 slots of five minutes, in words of 64 bits
LEAST_PRIORITY, MOST_PRIORITY = 1, 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """The rule set's weights in whole millionths. ``third``: what each of up to three differences adds.

    A third, not the whole, is rounded: so the total is exactly linear in it, and raising it never lowers the number of
    differences of the best plan (``docs/matching.md``).
    """

    third: int
    logistics: int


def weights_of(*, difference: float, logistics: float) -> Weights:
    """From the weights as an organizer states them, 0 to 1."""
    return Weights(third=round(difference * MILLION / 3), logistics=round(logistics * MILLION))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Problem:
    """Everything that the value of a pair depends on; n people, in canonical order.

    Needs and offers of person u are ``need_starts[u]:need_starts[u + 1]`` and ``offer_starts[u]:…``. A need points to an *ask*:
    a text together with the kind of help; ``ask_text`` are rows of ``near.needs``, ``ask_kind`` rows of ``APTNESS``.
    """

    near: Near
    places: NDArray[np.int64]  # n; how many pairs each takes at once
    able: NDArray[np.bool_]  # n; takes part: not away, profile complete
    gives: NDArray[np.bool_]  # n
    receives: NDArray[np.bool_]  # n
    need_starts: NDArray[np.int64]  # n + 1
    need_ask: NDArray[np.int32]
    need_priority: NDArray[np.uint8]  # 1 to 3
    offer_starts: NDArray[np.int64]  # n + 1
    offer_text: NDArray[np.int32]  # rows of near.offers
    offer_skill: NDArray[np.uint8]  # columns of APTNESS
    ask_text: NDArray[np.int32]
    ask_kind: NDArray[np.uint8]
    labels: NDArray[np.int32]  # one row for each of COLUMNS, n columns; UNSTATED where nothing was said
    slots: NDArray[np.uint64]  # n by SLOT_WORDS; bit s of the week: free in slot s, in UTC
    clock: NDArray[np.int16]  # n; minutes ahead of UTC
    codes: tuple[str, ...]  # languages, sorted
    spoken: NDArray[np.uint8]  # n by len(codes); 0 not at all, 1 (A1) to 6 (C2)
    rules: Rulebook
    weights: Weights

    @property
    def size(self) -> int:
        """How many people."""
        return len(self.places)
