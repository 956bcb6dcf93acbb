"""The outside world: an embeddings server that answers ``POST …/v1/embeddings`` as OpenAI's does, instead of our own models."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import httpx
import numpy as np

from services.matching.engine.meaning.models.model import Floats, readable, unit

AT_ONCE = 64
SECONDS = 60.0


class ServerUnreachable(RuntimeError):
    """Nobody answers at that address, or not in time."""


class ServerRefused(RuntimeError):
    """The server answered with an error; the message holds what it said."""


class ServerAnswersNonsense(RuntimeError):
    """The answer is no list of vectors of one length; the message says what is wrong with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where the server is. ``url`` up to and including ``/v1``; ``model`` is what the server calls it."""

    url: str
    model: str
    key: str = ""
    size: int = 0  # of the vectors; 0: whatever the first answer has


class Server:
    """Its vectors are its own affair: ours are rounded, but a server that answers differently each time is not mended."""

    def __init__(self, address: Address) -> None:
        """No request yet. Raises ``ValueError`` for an address that cannot be one."""
        if not address.url.startswith(("http://", "https://")):
            raise ValueError(f"{address.url!r} is no address of an embeddings server: give http://host:port/v1")
        if not address.model:
            raise ValueError("an embeddings server is asked for a model by name: give the name")
        self.name = f"server {address.model}"
        self._url = address.url.rstrip("/") + "/embeddings"
        self._model = address.model
        self._size = address.size
        self._client = httpx.Client(
            timeout=SECONDS, headers={"authorization": f"Bearer {address.key}"} if address.key else {}
        )

    def embed(self, texts: Sequence[str]) -> Floats:
        """Shape ``(len(texts), size)``. Raises ``ServerUnreachable``, ``ServerRefused``, ``ServerAnswersNonsense``."""
        read = [readable(text) for text in texts]
        full = [row for row, text in enumerate(read) if text]
        parts = [self._ask([read[row] for row in full[at : at + AT_ONCE]]) for at in range(0, len(full), AT_ONCE)]
        rows = np.zeros((len(texts), self._size), dtype=np.float32)
        if parts:
            rows[full] = np.concatenate(parts)
        return rows

    def _ask(self, texts: list[str]) -> Floats:
        try:
            answer = self._client.post(
                self._url, json={"model": self._model, "input": texts, "encoding_format": "float"}
            )
        except httpx.TimeoutException as error:
            raise ServerUnreachable(
                f"{self._url} gave no answer for {len(texts)} texts within {SECONDS:g} seconds: is it overloaded?"
            ) from error
        except httpx.TransportError as error:
            raise ServerUnreachable(
                f"{self._url} cannot be reached ({error}): check the address, or choose the light mode"
            ) from error
        if answer.status_code in {401, 403}:
            raise ServerRefused(f"{self._url} does not accept the key (status {answer.status_code}): check the key")
        if not answer.is_success:
            raise ServerRefused(f"{self._url} answered with status {answer.status_code}: {answer.text[:300]}")
        return self._vectors(answer, asked=len(texts))

    def _vectors(self, answer: httpx.Response, *, asked: int) -> Floats:
        def nonsense(what: str) -> ServerAnswersNonsense:
            return ServerAnswersNonsense(
                f"{self._url} {what}: it is no OpenAI-compatible server, or {self._model} is no embedding model"
            )

        try:
            items: Any = answer.json()["data"]
            found = {int(item["index"]): item["embedding"] for item in items}
        except (ValueError, KeyError, TypeError) as error:
            raise nonsense("answered without a list of vectors (`data`, each with `index` and `embedding`)") from error
        if sorted(found) != list(range(asked)) or len(items) != asked:
            raise nonsense(f"answered {len(items)} vectors for {asked} texts")
        for index in range(asked):
            vector = found[index]
            if not isinstance(vector, list) or not all(
                isinstance(number, (int, float)) and math.isfinite(number) for number in vector
            ):
                raise nonsense(f"answered something else than finite numbers for text {index + 1} of {asked}")
            self._size = self._size or len(vector)
            if len(vector) != self._size or not vector:
                raise ServerAnswersNonsense(
                    f"{self._url} answered a vector of {len(vector)} numbers where {self._size} belong: has its model "
                    "been exchanged? Give the new one a new name, so that every text is embedded again"
                )
        rows = unit(np.array([found[index] for index in range(asked)], dtype=np.float64))
        return rows.astype(np.float32)
