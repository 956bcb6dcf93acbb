"""The file of vectors that travels with the demonstration: complete, and what the models really make of the texts."""

import asyncio

import numpy as np

from deploy.demonstrate import vectors
from services.matching.domain.candidates import digest_of
from services.matching.jobs.meaning import vectors_in


def test_every_text_of_the_demonstration_is_in_the_file() -> None:
    known = vectors_in(vectors.FILE)
    missing = [text for text in vectors.texts() if not any(digest_of(text) in found for found in known.values())]
    assert missing == [], "run: python -m deploy.demonstrate.vectors"


def test_the_models_say_the_same_today() -> None:
    known = vectors_in(vectors.FILE)
    some = vectors.texts()[::400]
    today = asyncio.run(vectors.understand(some, known={}))
    assert set(today) <= set(known)
    for model, found in today.items():
        for digest, vector in found.items():
            one, other = (np.frombuffer(each, "<i2").astype(float) for each in (vector, known[model][digest]))
            assert (
                one @ other / np.linalg.norm(one) / np.linalg.norm(other) > 0.999
            )  # processors differ in the last bits
