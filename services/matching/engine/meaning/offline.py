"""Near texts from vectors that are known already: no model is loaded, and a text without a vector meets nothing yet."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from services.matching.engine.meaning.calibration import Calibration
from services.matching.engine.meaning.likeness import Likeness
from services.matching.engine.meaning.models.model import Floats, readable
from services.matching.engine.meaning.near import Near, near_texts


@dataclass(slots=True)
class _Silent:
    """Stands for a model, and remembers what it would have had to read. A row of zeros is a text without a word."""

    name: str
    size: int
    asked: set[str] = field(default_factory=set)

    def embed(self, texts: Sequence[str]) -> Floats:
        self.asked.update(texts)
        return np.zeros((len(texts), self.size), dtype=np.float32)


@dataclass(frozen=True, slots=True)
class _Known:
    """What was read before, by model and text; nothing is added."""

    vectors: Mapping[tuple[str, str], bytes]

    def get(self, model: str, texts: Iterable[str], /) -> Mapping[str, bytes]:
        return {text: self.vectors[model, text] for text in texts if (model, text) in self.vectors}

    def put(self, model: str, vectors: Mapping[str, bytes], /) -> None:
        """What stands for an unread text is not kept."""


def near_known(
    needs: Iterable[str],
    offers: Iterable[str],
    *,
    mode: str,
    calibration: Calibration,
    vectors: Mapping[tuple[str, str], bytes],
) -> tuple[Near, frozenset[str]]:
    """The near texts, the same as with the models as far as ``vectors`` (by model and ``readable`` text) reach; and the texts that
    are not read yet."""
    needs, offers = set(needs), set(offers)
    silent = [_Silent(name, len(space.mean)) for name, space in calibration.spaces.items()]
    likeness = Likeness(mode, models=silent, calibration=calibration, store=_Known(vectors))
    table = near_texts(needs, offers, meaning=likeness)
    asked = {text for each in silent for text in each.asked}
    return table, frozenset(text for text in needs | offers if readable(text) in asked)
