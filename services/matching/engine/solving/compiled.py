"""The same loops, compiled (numba): only imported for large cohorts, because loading it takes seconds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numpy as np
from numba import njit

from services.matching.engine.solving import kernels

F = TypeVar("F", bound=Callable[..., Any])


def kept(function: F, **options: Any) -> F:
    """Compile at the first call, and keep what was compiled beside the file or in ``NUMBA_CACHE_DIR``; where neither can be
    written, every process compiles for itself."""
    try:
        return cast(F, njit(cache=True, **options)(function))
    except RuntimeError:  # no place to keep it
        return cast(F, njit(**options)(function))


correct_labels = kept(kernels.correct_labels)
descend = kept(kernels.descend)
reroute = kept(kernels.reroute)
lengthen = kept(kernels.lengthen)
colour = kept(kernels.colour)


def warm() -> None:
    """Compile them for the arrays that the solver gives them, for whoever builds an image."""
    one, two = np.zeros(1, np.int64), np.zeros(2, np.int64)
    correct_labels(two, one, one, one)
    descend(two, one, one, one, one, one.copy(), 1)
    reroute(two, one, one, one, one, one.copy(), two, one.copy(), one.copy())
    lengthen(two, one, one, one, one, one, two, one, one.copy(), np.zeros(1, np.bool_), 1)
    colour(one, one, one[:0], np.full((1, 1), kernels.NONE, np.int64), one.copy())
