"""The same loops, compiled (numba): only imported for large cohorts, because loading it takes seconds."""

from __future__ import annotations

from numba import njit

from services.matching.engine.solving import kernels

correct_labels = njit(cache=True)(kernels.correct_labels)
lengthen = njit(cache=True)(kernels.lengthen)
colour = njit(cache=True)(kernels.colour)
