"""What a solver is told beside the pairs, looked through before it begins."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from services.matching.engine.solving.couples import degrees, joined
from services.matching.engine.solving.pairs import LARGEST, Edges, Millionths, ValuesRefused

MOST_PLACES = 1_000


def check_request(size: int, *, places: Millionths, waiting: NDArray[np.bool_], forced: Edges) -> None:
    """Raises `ValuesRefused` unless there are places for each of ``size`` people, and couples that fit into them."""
    for name, array, kind in (("places", places, np.int64), ("waiting", waiting, np.bool_)):
        if array.shape != (size,) or array.dtype != kind:
            raise ValuesRefused(
                f"{name} is {array.dtype}{array.shape}: give {size} of {np.dtype(kind)}, one for each person."
            )
    if (places < 0).any() or (places > MOST_PLACES).any():
        person = int(np.argmax((places < 0) | (places > MOST_PLACES)))
        raise ValuesRefused(f"Person {person} has {places[person]} places: give 0 to {MOST_PLACES}.")
    wrong = (forced.u < 0) | (forced.v >= size) | (forced.u >= forced.v) | (np.abs(forced.w) > LARGEST)
    if wrong.any():
        k = int(np.argmax(wrong))
        raise ValuesRefused(
            f"The forced couple {forced.u[k]} with {forced.v[k]} (worth {forced.w[k]}) cannot be: give two of the {size} people, "
            f"the smaller number first, and a value within ±{LARGEST} millionths."
        )
    if len(joined(forced)) < len(forced):
        raise ValuesRefused("A couple is forced twice: give each once.")
    crowded = degrees(forced, size) > places
    if crowded.any():
        person = int(np.argmax(crowded))
        raise ValuesRefused(
            f"Person {person} is in {degrees(forced, size)[person]} forced couples, but has {places[person]} places: "
            "give more places or force fewer."
        )
