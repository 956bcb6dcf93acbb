"""Needs and offers to chances: which models read a pair of texts, and what they say together.

Both texts English: MiniLM and multilingual E5 together. Any other pair: E5 alone, since MiniLM guesses there. The light mode
and an external server have one model for all pairs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.matching.engine.meaning.calibration import BadCalibration, Calibration
from services.matching.engine.meaning.languages import english
from services.matching.engine.meaning.models.minilm import vocabulary
from services.matching.engine.meaning.models.model import Model, readable
from services.matching.engine.meaning.near import THOUSAND, Near, Pairs, near_texts
from services.matching.engine.meaning.vectors import Kept, Vectors, embedded

ENGLISH = "english"
OTHER = "other"


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """Texts in the spaces of the models that read them; ``english`` only where it matters."""

    placed: dict[str, NDArray[np.float32]]  # model: (n, size)
    english: NDArray[np.bool_]


class Likeness:
    """How likely an offer meets a need. Made by ``meaning.load``."""

    def __init__(self, mode: str, *, models: Sequence[Model], calibration: Calibration, store: Vectors) -> None:
        for model in models:
            if model.name not in calibration.spaces:
                raise BadCalibration(
                    f"{model.name} was never calibrated (only {', '.join(sorted(calibration.spaces))}): run "
                    "python -m services.matching.engine.meaning.fit"
                )
        self.name = f"{mode}: {' + '.join(model.name for model in models)}, calibration {calibration.version}"
        self._models = tuple(models)
        self._calibration = calibration
        self._store = store

    def __call__(self, needs: Sequence[str], offers: Sequence[str], /) -> NDArray[np.float64]:
        """Probabilities, shape ``(len(needs), len(offers))``, each a whole number of thousandths."""
        if not needs or not offers:
            return np.zeros((len(needs), len(offers)))
        result = np.zeros((len(needs), len(offers)))
        at, to, chance = self.close(self.prepare(needs), self.prepare(offers), least=0)
        result[at, to] = chance / THOUSAND
        return result

    def near(self, needs: Sequence[str], offers: Sequence[str]) -> Near:
        """The table of near texts (see ``near.near_texts``)."""
        return near_texts(needs, offers, meaning=self)

    def prepare(self, texts: Sequence[str], /) -> Prepared:
        """Embed what ``store`` has not, and place it. Models that read English only are spared all other texts."""
        read = [readable(text) for text in texts]
        apart = ENGLISH in self._calibration.curves
        in_english = english(read, known=vocabulary()) if apart else np.zeros(len(read), dtype=np.bool_)
        placed = {}
        for model in self._models:
            space = self._calibration.spaces[model.name]
            theirs = np.ones_like(in_english) if model.name in self._calibration.curves[OTHER].weights else in_english
            vectors = embedded(model, (text for text, its in zip(read, theirs, strict=True) if its), store=self._store)
            nothing = np.zeros(len(space.mean), dtype=np.int16)
            rows = [vectors[text] if its else nothing for text, its in zip(read, theirs, strict=True)]
            placed[model.name] = space.place(np.stack(rows) if rows else nothing[None][:0])
        return Prepared(placed, in_english)

    def close(self, needs: Prepared, offers: Prepared, /, *, least: int) -> Pairs:
        """See ``near.Compares``. Exact: products of whole numbers below 2**24."""
        curves = self._calibration.curves
        groups = [(OTHER, np.ones_like(needs.english), np.ones_like(offers.english))]
        if ENGLISH in curves:
            groups = [
                (ENGLISH, needs.english, offers.english),
                (OTHER, needs.english, ~offers.english),
                (OTHER, ~needs.english, np.ones_like(offers.english)),
            ]
        found: list[Pairs] = [(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.uint16))]
        for kind, asking, offering in groups:
            rows, columns = np.flatnonzero(asking), np.flatnonzero(offering)
            curve = curves[kind]
            if not len(rows) or not len(columns):
                continue
            at, to, chance = curve.close(
                {model: (needs.placed[model][rows], offers.placed[model][columns]) for model in curve.weights},
                least=least,
            )
            found.append((rows[at], columns[to], chance))
        at, to, chance = (np.concatenate([part[place] for part in found]) for place in range(3))
        order = np.lexsort((to, at))
        return at[order], to[order], chance[order]


def in_memory(store: Vectors | None) -> Vectors:
    """The caller's store, or one that lives as long as the likeness."""
    return store if store is not None else Kept()
