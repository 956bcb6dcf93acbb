"""What is learned from: one direction of a pair, what the models promised for it, and what the learner reported."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SEEN = ("chance", "aptness")
"""All that a correction may depend on. Not who, where, how old or of which background: it cannot learn what it never sees."""
LEAST, MOST = 1, 5
"""How useful it was, as a learner says: from not at all to very."""


class NoReport(ValueError):
    """Numbers that no report has; the message says which."""


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Reported:
    """One direction, in whole thousandths: the ``chance`` that the offer meets the need as the models read the two texts, the
    ``aptness`` of the offer for how the learner wants to be helped, and what was ``reported``.

    ``pair`` and ``learner`` only say which reports are not independent of each other; the fit never sees them.
    """

    chance: int  # 1 to 1000
    aptness: int  # 1 to 1000
    reported: int  # 0 to 1000
    pair: str
    learner: str

    def __post_init__(self) -> None:
        if not (1 <= self.chance <= 1000 and 1 <= self.aptness <= 1000 and 0 <= self.reported <= 1000):
            raise NoReport(
                f"chance {self.chance}, aptness {self.aptness}, reported {self.reported}: give thousandths, the first two from 1"
            )


def reported_of(*, total: int, count: int) -> int:
    """Thousandths from ``count`` answers of 1 to 5 that sum to ``total``: 1 is nothing, 5 is all."""
    return (total - LEAST * count) * 1000 // (count * (MOST - LEAST))


@dataclass(frozen=True, slots=True, eq=False)
class Columns:
    """Reports as n numbers each, in one order whatever the order that they came in, so that sums are equal to the bit."""

    chance: NDArray[np.int64]
    aptness: NDArray[np.int64]
    reported: NDArray[np.float64]  # 0 to 1
    pair: tuple[str, ...]
    learner: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.pair)

    def only(self, some: NDArray[np.bool_]) -> Columns:
        """Those reports alone."""
        at = np.flatnonzero(some).tolist()
        return Columns(
            self.chance[some],
            self.aptness[some],
            self.reported[some],
            tuple(self.pair[k] for k in at),
            tuple(self.learner[k] for k in at),
        )


def columns(reports: Iterable[Reported]) -> Columns:
    """In their own order."""
    ordered = sorted(reports)
    return Columns(
        np.array([each.chance for each in ordered], dtype=np.int64),
        np.array([each.aptness for each in ordered], dtype=np.int64),
        np.array([each.reported for each in ordered], dtype=np.float64) / 1000,
        tuple(each.pair for each in ordered),
        tuple(each.learner for each in ordered),
    )
