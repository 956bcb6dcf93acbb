"""Similarity by meaning, with the model that the wheel carries."""

import numpy as np
import pytest

from services.matching.engine.meaning import MEETS, Similarity, calibrated, load


@pytest.fixture(scope="module")
def similarity() -> Similarity:
    return load()


def test_similarity_understands_other_words_for_the_same(similarity: Similarity) -> None:
    needs = ["I want to roll my own sushi at home", "How do we run our apps on Kubernetes?", "Negotiate a salary"]
    offers = ["Contract and pay negotiation", "Kubernetes and container operations", "Making sushi and Japanese food"]
    found = similarity(needs, offers)
    assert list(np.argmax(found, axis=1)) == [2, 1, 0]
    assert (np.max(found, axis=1) >= MEETS).all()


def test_similarity_does_not_meet_a_need_with_anything(similarity: Similarity) -> None:
    found = similarity(["Grow vegetables on a balcony"], ["Contract law", "Kubernetes", "Public speaking"])
    assert (found < MEETS).all()


@pytest.mark.parametrize(
    ("need", "right", "wrong"),
    [
        (
            "Wie man Fisch filetiert",
            "Fisch ausnehmen und braten",
            "Fliegende Bauten genehmigen lassen, ohne Nerven zu verlieren",
        ),
        ("Robić pierogi jak moja babcia", "Pierogi, uszka i barszcz", "Jak spać i żyć, kiedy pracuje się na noce"),
        ("Usar mi celular para cobrar", "Usar el celular para pagar y vender", "Cocina de la huerta, sin prisa"),
    ],
)
def test_similarity_is_not_about_the_language(similarity: Similarity, need: str, right: str, wrong: str) -> None:
    ((met, unmet),) = similarity([need], [right, wrong])
    assert met >= MEETS > unmet


def test_similarity_of_a_text_does_not_depend_on_the_others(similarity: Similarity) -> None:
    alone = similarity(["Learn to read a balance sheet"], ["Accounting basics"])
    among = similarity(
        ["x", "Learn to read a balance sheet"], ["A much longer text about something else", "Accounting basics"]
    )
    assert alone[0, 0] == among[1, 1]


def test_similarity_of_nothing_is_empty(similarity: Similarity) -> None:
    assert similarity([], ["a"]).shape == (0, 1)
    assert similarity([""], ["sushi"]).shape == (1, 1)


def test_calibrated_is_monotone_and_within_bounds() -> None:
    values = calibrated(np.linspace(-1, 1, 201))
    assert (np.diff(values) >= 0).all()
    assert (values[0], values[-1]) == (0.0, 1.0)
