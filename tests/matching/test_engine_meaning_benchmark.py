"""The texts that similarity is measured on: apart from those it was fitted on, and complete; other files are checked."""

import json
import pathlib
from typing import Any

import numpy as np
import pytest

from benchmarks.meaning import OURS, BadData, bm25, placed, read, tf_idf
from services.matching.engine.meaning.fit import labelled


def test_no_text_was_used_for_fitting() -> None:
    data = read(OURS)
    measured = {each.text.casefold() for each in (*data.needs, *data.offers, *data.orphans)}
    assert not measured & {text.casefold() for text in labelled().texts}


def test_there_are_languages_orphans_and_words_with_two_meanings() -> None:
    data = read(OURS)
    languages = [need.language for need in data.needs]
    assert sum(languages.count(language) >= 3 for language in set(languages) - {"en"}) >= 12
    assert len(data.orphans) >= 40
    for word in ("python", "board", "rust", "crane", "model"):
        assert sum(word in offer.text.casefold() for offer in data.offers) >= 2, word


def test_every_offer_is_somebodys() -> None:
    data = read(OURS)
    assert set().union(*data.accepted) == set(range(len(data.offers)))


def test_placed_counts_a_draw_against_the_accepted_offer() -> None:
    accepts = np.array([[True, False, False], [False, True, True]])
    assert list(placed(np.array([[0.5, 0.5, 0.1], [0.9, 0.2, 0.3]]), accepts)) == [1, 1]


@pytest.mark.parametrize("peer", [tf_idf, bm25])
def test_a_peer_finds_shared_words(peer: Any) -> None:
    scores = peer(["need to bake bread", "the garden"], ["garden and pond", "bread to eat", "learning swimming"])
    assert list(scores.argmax(axis=1)) == [1, 0]
    assert (peer(["nothing shared"], ["garden"]) == 0).all()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "cannot be read"),
        ({"needs": [], "offers": []}, "at least one of `needs` and of `offers`"),
        ({"needs": [{"text": "x"}], "offers": []}, "each of 'needs' is an object with `text` and `language`"),
        (
            {
                "needs": [{"text": "x", "language": "en", "accepted": [1]}],
                "offers": [{"text": "y", "language": "en"}],
            },
            r"`accepted` of need 0 \('x'\) must list offer numbers from 0 to 0",
        ),
    ],
)
def test_another_file_is_checked(tmp_path: pathlib.Path, content: Any, message: str) -> None:
    file = tmp_path / "data.json"
    file.write_text(content if isinstance(content, str) else json.dumps(content))
    with pytest.raises(BadData, match=message):
        read(file)
