"""Prices close to the best ones, for little: each person's in turn is set where as many couples exceed it as they have places.

That is coordinate descent on the bound (`certificate`): with all other prices fixed, the bound falls with somebody's price as long as more
of their couples exceed it than they have places. It may stop before the best prices, where only several together could still move;
a flow takes it from there.
"""

from __future__ import annotations

import numpy as np

from services.matching.engine.solving.pairs import Edges, Millionths


def descended(edges: Edges, y: Millionths, *, places: Millionths, alone: Millionths, sweeps: int) -> Millionths:
    """``y`` after so many ``sweeps`` over everybody; ``alone``: what staying alone costs. All int64[n]. Compiled: for large cohorts."""
    from services.matching.engine.solving.compiled import descend

    ends = np.concatenate([edges.u, edges.v]).astype(np.int64)
    order = np.argsort(ends, kind="stable")
    other = np.concatenate([edges.v, edges.u]).astype(np.int64)[order]
    found = y.copy()
    descend(
        np.searchsorted(ends[order], np.arange(len(y) + 1)),
        other,
        np.concatenate([edges.w, edges.w])[order],
        places,
        alone,
        found,
        sweeps,
    )
    return found
