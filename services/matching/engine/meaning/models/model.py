"""What every model has, and the text as it reads it."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

LONGEST = 1_000
"""Characters that are read. What somebody wants or offers stands at the beginning; a page would only blur it."""

Floats = NDArray[np.float32]


class Model(Protocol):
    """Texts to vectors of length 1; the vector of a text does not depend on the texts beside it."""

    name: str  # model and version: other vectors, another name

    def embed(self, texts: Sequence[str]) -> Floats:
        """A row for each text: shape ``(len(texts), size)``. Rows of zeros for texts without a word."""
        ...


class UnreadableText(ValueError):
    """No text at all; the message says what it is."""


class ModelMissing(RuntimeError):
    """A model's package is not installed, or is another than the one we know; the message says what to install."""


def readable(text: str) -> str:
    """The text as models read it: composed characters, single spaces, no control characters, at most ``LONGEST``.

    Raises ``UnreadableText`` for what cannot be written as UTF-8.
    """
    if not isinstance(text, str):
        raise UnreadableText(f"a need or an offer is a text, not {type(text).__name__} ({text!r})")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise UnreadableText(
            f"character {error.start + 1} of {text!r} is half of a character (U+{ord(text[error.start]):04X}): "
            "send the text as UTF-8"
        ) from error
    visible = "".join(
        " " if unicodedata.category(character) in {"Cc", "Zl", "Zp"} else character for character in text[: 4 * LONGEST]
    )
    return " ".join(unicodedata.normalize("NFC", visible).split())[:LONGEST].rstrip()


def unit(rows: NDArray[np.floating]) -> NDArray[np.float64]:
    """Rows of length 1; rows of (nearly) nothing become zeros."""
    whole = rows.astype(np.float64)
    length = np.sqrt((whole * whole).sum(axis=-1, keepdims=True))
    return np.where(length > 1e-6, whole / np.maximum(length, 1e-6), 0.0)


class Unloaded:
    """A model that is loaded with the first text that it has to read: whoever knows all vectors never loads it."""

    def __init__(self, name: str, load: Callable[[], Model]) -> None:
        self.name = name
        self._load = load
        self._model: Model | None = None

    def embed(self, texts: Sequence[str]) -> Floats:
        """As the model does. Raises what loading it raises."""
        if self._model is None:
            self._model = self._load()
        return self._model.embed(texts)
