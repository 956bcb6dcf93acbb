"""The table of near texts: complete, exact, the same whichever way it is made."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, strategies as st

from services.matching.engine.meaning.near import ASK, BadTable, Near, Pairs, extended, near, near_texts, restricted


class Letters:
    """A stand-in for a model: how many letters two texts share, in hundreds of thousandths."""

    name = "letters-1"

    def __init__(self) -> None:
        self.compared = 0

    def prepare(self, texts: Sequence[str], /) -> list[str]:
        return list(texts)

    def close(self, needs: list[str], offers: list[str], /, *, least: int) -> Pairs:
        self.compared += len(needs) * len(offers)
        shared = np.array([[100 * len(set(a) & set(b)) for b in offers] for a in needs], dtype=np.uint16)
        at, to = np.nonzero(shared >= least)
        return at, to, shared[at, to]


texts = st.lists(st.text("abcdef", min_size=1, max_size=5), max_size=12)


def content(table: Near) -> dict[str, dict[str, int]]:
    return {need: table.of(need) for need in table.needs}


def same(one: Near, other: Near) -> bool:
    return (
        (one.needs, one.offers, one.model) == (other.needs, other.offers, other.model)
        and np.array_equal(one.starts, other.starts)
        and np.array_equal(one.offers_at, other.offers_at)
        and np.array_equal(one.chance, other.chance)
    )


@given(texts, texts)
def test_near_texts_has_every_pair_from_the_cut_on(needs: list[str], offers: list[str]) -> None:
    table = near_texts(needs, offers, meaning=Letters())
    assert content(table) == {
        need: {
            offer: 100 * len(set(need) & set(offer))
            for offer in set(offers)
            if 100 * len(set(need) & set(offer)) >= ASK
        }
        for need in set(needs)
    }
    assert table.of("not there") == {}


@given(texts, texts, st.randoms(use_true_random=False))
def test_near_texts_does_not_depend_on_order(needs: list[str], offers: list[str], random: Any) -> None:
    whole = near_texts(needs, offers, meaning=Letters())
    random.shuffle(needs)
    random.shuffle(offers)
    assert same(near_texts(needs, offers, meaning=Letters()), whole)


@given(texts, texts, texts, texts)
def test_extended_is_the_table_of_all(needs: list[str], offers: list[str], more: list[str], others: list[str]) -> None:
    table = near_texts(needs, offers, meaning=Letters())
    assert same(
        extended(table, more, others, meaning=Letters()), near_texts(needs + more, offers + others, meaning=Letters())
    )


def test_extended_compares_only_what_is_new() -> None:
    table = near_texts(["ab", "bc"], ["ab", "cd", "de"], meaning=Letters())
    letters = Letters()
    assert same(extended(table, ["ab"], ["cd"], meaning=letters), table)
    assert letters.compared == 0
    extended(table, ["new"], ["ab"], meaning=letters)
    assert letters.compared == 3


def test_extended_does_not_mix_models() -> None:
    table = near_texts(["ab"], ["ab"], meaning=Letters())
    other = Letters()
    other.name = "letters-2"
    with pytest.raises(BadTable, match=r"made by letters-1 and cannot be extended by letters-2: make it anew"):
        extended(table, ["b"], [], meaning=other)


@given(texts, texts, st.data())
def test_restricted_is_the_table_of_a_part(needs: list[str], offers: list[str], data: st.DataObject) -> None:
    table = near_texts(needs, offers, meaning=Letters())
    some = data.draw(st.lists(st.sampled_from(needs))) if needs else []
    others = data.draw(st.lists(st.sampled_from(offers))) if offers else []
    assert same(restricted(table, some, others), near_texts(some, others, meaning=Letters()))


def test_restricted_names_a_text_that_is_missing() -> None:
    table = near_texts(["ab"], ["ab"], meaning=Letters())
    with pytest.raises(BadTable, match="1 texts are not in the table, the offer 'zz' first"):
        restricted(table, ["ab"], ["zz"])


def test_a_table_cannot_be_changed() -> None:
    table = near_texts(["ab"], ["ab"], meaning=Letters())
    with pytest.raises(ValueError, match="read-only"):
        table.chance[0] = 1


def parts(**other: Any) -> dict[str, Any]:
    return {
        "needs": ["a", "b"],
        "offers": ["x", "y"],
        "starts": np.array([0, 1, 3], dtype=np.int64),
        "offers_at": np.array([1, 0, 1], dtype=np.int32),
        "chance": np.array([500, 150, 1000], dtype=np.uint16),
        "model": "m",
    } | other


def test_near_takes_good_parts() -> None:
    assert content(near(**parts())) == {"a": {"y": 500}, "b": {"x": 150, "y": 1000}}


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ({"needs": ["b", "a"]}, "the needs of a table are distinct and sorted, and 'a' follows 'b'"),
        ({"offers": ["x", "x"]}, "the offers of a table are distinct and sorted"),
        ({"model": ""}, "names the model"),
        ({"starts": np.array([0, 1, 3], dtype=np.int32)}, "starts is int32"),
        ({"starts": np.array([0, 3], dtype=np.int64)}, r"must be int64 of shape \(3,\)"),
        ({"starts": np.array([0, 4, 3], dtype=np.int64)}, "starts must rise from 0 to 3"),
        ({"starts": np.array([0, 1, 2], dtype=np.int64)}, "starts must rise from 0 to 3"),
        ({"offers_at": np.array([1, 0, 2], dtype=np.int32)}, "offers_at names offers from 0 to 1"),
        ({"offers_at": np.array([-1, 0, 1], dtype=np.int32)}, "offers_at names offers from 0 to 1"),
        ({"offers_at": np.array([1, 1, 0], dtype=np.int32)}, "ascending order"),
        ({"offers_at": np.array([1, 0, 0], dtype=np.int32)}, "ascending order and distinct"),
        ({"chance": np.array([500, 0, 1000], dtype=np.uint16)}, "thousandths, 1 to 1000"),
        ({"chance": np.array([500, 1, 1001], dtype=np.uint16)}, "thousandths, 1 to 1000"),
        ({"chance": np.array([500, 1], dtype=np.uint16)}, "chance is uint16 of shape"),
    ],
)
def test_near_refuses_parts_that_do_not_fit(other: dict[str, Any], message: str) -> None:
    with pytest.raises(BadTable, match=message):
        near(**parts(**other))
