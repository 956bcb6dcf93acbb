"""The same search, compiled (numba): only imported for many people, because loading it takes seconds."""

from __future__ import annotations

from numba import njit

from services.matching.engine.grouping import search as loops

search = njit(cache=True)(loops.search)
