"""How well an offer suits the way in which somebody wants to be helped: kinds of need against levels and settings of offers.

``aptness = (1 − depth + depth · level / 5) · setting`` in thousandths. *depth* says how much the teacher's level matters for
this kind; *setting* what having learned it at work, in studies or in life is worth. A critique needs judgement, so its
depth is large; a perspective needs somebody who stands elsewhere, so its depth is small. Showing and doing ask for
somebody who does it, so studies alone count for less; work and life count alike (a need about sushi equals one about
Kubernetes), except for a career, which is about work. No combination is worth nothing: aptness dims, it never hides.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

LEVELS = 5
SETTINGS = ("", "work", "study", "life")
"""An offer that does not say where it was learned is not held against anybody."""

_TABLE: dict[str, tuple[int, tuple[int, int, int]]] = {
    # kind: (depth in hundredths, (work, study, life) in hundredths)
    "": (50, (100, 100, 100)),
    "EXPLAIN": (50, (100, 100, 100)),
    "SHOW_ME": (50, (100, 80, 100)),
    "HANDS_ON": (50, (100, 80, 100)),
    "CRITIQUE": (80, (100, 80, 100)),
    "CHALLENGE_ME": (80, (100, 80, 100)),
    "RECOMMEND": (30, (100, 100, 100)),
    "PERSPECTIVE": (20, (100, 100, 100)),
    "CAREER": (50, (100, 80, 90)),
}
KINDS = tuple(_TABLE)


def skill(*, level: int, setting: str) -> int:
    """The column of an offer in ``APTNESS``."""
    return SETTINGS.index(setting) * LEVELS + level - 1


def _aptness() -> NDArray[np.int64]:
    table = np.empty((len(KINDS), len(SETTINGS) * LEVELS), dtype=np.int64)
    for row, (depth, settings) in enumerate(_TABLE.values()):
        for number, setting in enumerate((100, *settings)):
            for level in range(1, LEVELS + 1):
                # Hundredths times hundredths are ten-thousandths; rounded to the nearest thousandth.
                table[row, number * LEVELS + level - 1] = ((100 - depth + depth * level // LEVELS) * setting + 5) // 10
    table.setflags(write=False)
    return table


APTNESS = _aptness()
"""Thousandths, one row for each of ``KINDS``, one column for each ``skill``."""
