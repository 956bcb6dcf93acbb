"""The same search, compiled (numba): only imported for many people, because loading it takes seconds."""

from __future__ import annotations

import numpy as np

from services.matching.engine.grouping import search as loops
from services.matching.engine.solving.compiled import kept

search = kept(loops.search)


def warm() -> None:
    """Compile it for the arrays that the packing gives it, for whoever builds an image."""
    one, table = np.zeros(1, np.int64), np.zeros((1, 1), np.int64)
    flag = np.zeros(1, np.bool_)
    search(
        one[:0],
        one,
        np.zeros(2, np.int64),
        one,
        one,
        one,
        flag,
        np.zeros(1, np.uint64),
        np.zeros((1, 1), np.bool_),
        table,
        table,
        one,
        table,
        np.zeros((1, 1), np.uint8),
        one,
        one,
        np.zeros(12, np.int64),
        one.copy(),
        np.zeros((1, 3 + loops.WIDEST), np.int64),
    )
