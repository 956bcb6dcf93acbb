"""Similarity by meaning: how likely an offer meets a need, for texts in any of a hundred languages.

``load`` gives a ``Likeness``: needs and offers to probabilities, or to the sparse table ``Near`` that runs read. Three modes:

* ``full``: MiniLM and multilingual E5 for two English texts, E5 for all others. What the platform is meant to run.
* ``light``: a static model; loads in a moment and reads thousands of texts a second, English far better than others.
* ``server``: an operator's own embeddings server.

Below ``ASK`` an offer does not meet a need; from ``MEETS`` on it more likely does than not; between the two, ask.
"""

from __future__ import annotations

from services.matching.engine.meaning.calibration import Calibration, stored
from services.matching.engine.meaning.likeness import Likeness, in_memory
from services.matching.engine.meaning.models.model import Model, Unloaded
from services.matching.engine.meaning.near import (
    ASK as LEAST,
    MEETS as MOST_LIKELY,
    THOUSAND,
    Near,
    extended,
    near_texts,
    restricted,
)
from services.matching.engine.meaning.vectors import Kept, Vectors

__all__ = [
    "ASK",
    "FULL",
    "LIGHT",
    "MEETS",
    "SERVER",
    "Kept",
    "Likeness",
    "Model",
    "Near",
    "Vectors",
    "extended",
    "load",
    "near_texts",
    "restricted",
]

LIGHT, FULL, SERVER = "light", "full", "server"
MEETS = MOST_LIKELY / THOUSAND
ASK = LEAST / THOUSAND


def load(
    mode: str = LIGHT,
    *,
    store: Vectors | None = None,
    model: Model | None = None,
    calibration: Calibration | None = None,
) -> Likeness:
    """The models of a mode, each loaded with the first text that it has to read. ``store`` keeps vectors between calls (default: as
    long as the likeness lives).

    The mode ``server`` takes the ``model`` that asks it. Without a ``calibration`` it is calibrated first: it embeds the 634
    texts of ``fit.labelled()``, which ``store`` keeps too. Raises whatever ``model`` raises; the first text raises ``ModelMissing``.
    """
    keep = in_memory(store)
    models: list[Model]
    if mode == LIGHT:
        from services.matching.engine.meaning.models.static import Static

        models = [Unloaded(Static.name, Static)]
    elif mode == FULL:
        from services.matching.engine.meaning.models.e5 import E5
        from services.matching.engine.meaning.models.minilm import MiniLM

        models = [Unloaded(MiniLM.name, MiniLM), Unloaded(E5.name, E5)]
    elif mode == SERVER:
        from services.matching.engine.meaning.fit import calibrated

        if model is None:
            raise ValueError("the mode 'server' needs a model that asks an embeddings server")
        models = [model]
        calibration = calibration or calibrated(models, store=keep)
    else:
        raise ValueError(f"there is no mode {mode!r}: choose {LIGHT!r}, {FULL!r} or {SERVER!r}")
    return Likeness(mode, models=models, calibration=calibration or stored(mode), store=keep)
