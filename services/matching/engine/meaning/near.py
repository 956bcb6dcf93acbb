"""Which offers come near which needs: the sparse table that everything behind the texts reads.

A run never sees embeddings: it reads ``Near``, which its snapshot freezes. So what a run proves, it proves about this table.

``near_texts`` compares every need with every offer, exactly, in blocks: nothing is missed. 20,000 needs × 18,000 offers took
36 s on two busy cores, nearly all of it in the matrix product (400 billion operations), and 230 MB. The time grows with
needs × offers, and ``extended`` pays it once for each text. Above some 50,000 distinct texts of either side an index of
approximate neighbours (HNSW) would have to propose the candidates, and its recall be stated beside every bound.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

THOUSAND = 1000
MEETS = 500
"""From here on an offer meets a need: more likely than not. In thousandths, like every chance."""
ASK = 100
"""From here on it may: worth asking the two. Below, the answer is no, and the pair of texts is not kept."""


class BadTable(ValueError):
    """The parts do not make a table of near texts; the message says which and why."""


@dataclass(frozen=True, slots=True, eq=False)
class Near:
    """For each need the offers that may meet it. Made by ``near``, ``near_texts`` and ``extended``.

    ``needs`` and ``offers`` are distinct and sorted. The offers of need *i* are ``offers_at[starts[i]:starts[i + 1]]``,
    ascending, with the thousandths of the probability that they meet it in ``chance`` at the same places.
    """

    needs: tuple[str, ...]
    offers: tuple[str, ...]
    starts: NDArray[np.int64]  # len(needs) + 1
    offers_at: NDArray[np.int32]  # nnz
    chance: NDArray[np.uint16]  # nnz, 1 to 1000
    model: str

    def of(self, need: str) -> dict[str, int]:
        """The offers near one need, with their chances; empty for a text that the table does not know."""
        at = bisect_left(self.needs, need)
        if at == len(self.needs) or self.needs[at] != need:
            return {}
        some = slice(int(self.starts[at]), int(self.starts[at + 1]))
        return {
            self.offers[offer]: int(chance)
            for offer, chance in zip(self.offers_at[some], self.chance[some], strict=True)
        }


P = TypeVar("P")
Pairs = tuple[NDArray[np.integer], NDArray[np.integer], NDArray[np.uint16]]


class Compares(Protocol[P]):
    """What knows how near texts are: prepares each text once, then compares prepared ones."""

    @property
    def name(self) -> str: ...

    def prepare(self, texts: Sequence[str], /) -> P: ...

    def close(self, needs: P, offers: P, /, *, least: int) -> Pairs:
        """Those from ``least`` thousandths on: places of needs and of offers, and the chance; by need, then by offer."""
        ...


def near(
    needs: Sequence[str],
    offers: Sequence[str],
    *,
    starts: NDArray[np.int64],
    offers_at: NDArray[np.int32],
    chance: NDArray[np.uint16],
    model: str,
) -> Near:
    """A table from its parts, checked and made read-only. Raises ``BadTable``."""
    for name, texts in (("needs", needs), ("offers", offers)):
        for before, after in pairwise(texts):
            if before >= after:
                raise BadTable(
                    f"the {name} of a table are distinct and sorted, and {after!r} follows {before!r}: "
                    f"give sorted(set({name}))"
                )
    if not model:
        raise BadTable("a table names the model that made it: give its name and version")
    for name, array, kind, length in (
        ("starts", starts, np.int64, len(needs) + 1),
        ("offers_at", offers_at, np.int32, len(offers_at)),
        ("chance", chance, np.uint16, len(offers_at)),
    ):
        if array.dtype != kind or array.shape != (length,):
            raise BadTable(
                f"{name} is {array.dtype} of shape {array.shape} and must be {np.dtype(kind)} of shape ({length},)"
            )
    if starts[0] != 0 or starts[-1] != len(offers_at) or (np.diff(starts) < 0).any():
        raise BadTable(f"starts must rise from 0 to {len(offers_at)}, the number of near pairs of texts")
    if len(offers_at) and (offers_at.min() < 0 or offers_at.max() >= len(offers)):
        raise BadTable(f"offers_at names offers from 0 to {len(offers) - 1}")
    rising = np.diff(offers_at) > 0
    rising[starts[1:-1][(starts[1:-1] > 0) & (starts[1:-1] < len(offers_at))] - 1] = True  # a new need begins anywhere
    if not rising.all():
        raise BadTable("the offers of one need are in ascending order and distinct")
    if len(chance) and (chance.min() < 1 or chance.max() > THOUSAND):
        raise BadTable("a chance is a whole number of thousandths, 1 to 1000")
    starts, offers_at, chance = starts.copy(), offers_at.copy(), chance.copy()
    for frozen in (starts, offers_at, chance):
        frozen.setflags(write=False)
    return Near(tuple(needs), tuple(offers), starts, offers_at, chance, model)


def near_texts(needs: Iterable[str], offers: Iterable[str], *, meaning: Compares[P], least: int = ASK) -> Near:
    """Every need with every offer that meets it with at least ``least`` thousandths. Texts may repeat, in any order."""
    lines, columns = sorted(set(needs)), sorted(set(offers))
    return _table(lines, columns, _compared(lines, columns, meaning=meaning, least=least), model=meaning.name)


def extended(
    table: Near, needs: Iterable[str], offers: Iterable[str], *, meaning: Compares[P], least: int = ASK
) -> Near:
    """The table with more texts; only what is new is compared. The same as ``near_texts`` of all texts at once."""
    if table.model != meaning.name:
        raise BadTable(
            f"this table was made by {table.model} and cannot be extended by {meaning.name}: make it anew with near_texts"
        )
    new_needs = sorted(set(needs) - set(table.needs))
    new_offers = sorted(set(offers) - set(table.offers))
    lines, columns = sorted({*table.needs, *new_needs}), sorted({*table.offers, *new_offers})
    line, column = _numbers(lines), _numbers(columns)

    def placed(found: Pairs, own_needs: Sequence[str], own_offers: Sequence[str]) -> Pairs:
        at, to, chance = found
        return _of(line, own_needs)[at], _of(column, own_offers)[to], chance

    known = np.repeat(np.arange(len(table.needs)), np.diff(table.starts)), table.offers_at, table.chance
    parts = [
        placed(known, table.needs, table.offers),
        placed(
            _compared(table.needs, new_offers, meaning=meaning, least=least),
            table.needs,
            new_offers,
        ),
        placed(_compared(new_needs, columns, meaning=meaning, least=least), new_needs, columns),
    ]
    at, to, chance = (np.concatenate([part[place] for part in parts]) for place in range(3))
    order = np.lexsort((to, at))
    return _table(lines, columns, (at[order], to[order], chance[order]), model=table.model)


def restricted(table: Near, needs: Iterable[str], offers: Iterable[str]) -> Near:
    """The part of the table about these texts, for the snapshot of a run. Raises ``BadTable`` for texts it does not know."""
    lines, columns = sorted(set(needs)), sorted(set(offers))
    line, column = _numbers(table.needs), _numbers(table.offers)
    for name, known, asked in (("need", line, lines), ("offer", column, columns)):
        missing = [text for text in asked if text not in known]
        if missing:
            raise BadTable(f"{len(missing)} texts are not in the table, the {name} {missing[0]!r} first: extend it")
    whereto = np.full(len(table.offers), -1, dtype=np.int64)
    whereto[_of(column, columns)] = np.arange(len(columns))
    rows = _of(line, lines)
    counts = table.starts[rows + 1] - table.starts[rows]
    at = np.repeat(np.arange(len(lines)), counts)
    places = np.arange(len(at)) + np.repeat(table.starts[rows] - (np.cumsum(counts) - counts), counts)
    to = whereto[table.offers_at[places]]
    keep = to >= 0
    return _table(lines, columns, (at[keep], to[keep], table.chance[places][keep]), model=table.model)


def _compared(needs: Sequence[str], offers: Sequence[str], *, meaning: Compares[P], least: int) -> Pairs:
    """Places of needs and offers, and the chance, of all that reach ``least``; by need, then by offer."""
    if not needs or not offers:
        return np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.uint16)
    return meaning.close(meaning.prepare(needs), meaning.prepare(offers), least=max(least, 1))


def _table(needs: Sequence[str], offers: Sequence[str], pairs: Pairs, *, model: str) -> Near:
    at, to, chance = pairs
    starts = np.zeros(len(needs) + 1, dtype=np.int64)
    np.cumsum(np.bincount(at, minlength=len(needs)), out=starts[1:])
    return near(
        needs,
        offers,
        starts=starts,
        offers_at=to.astype(np.int32),
        chance=chance.astype(np.uint16),
        model=model,
    )


def _numbers(texts: Sequence[str]) -> dict[str, int]:
    return {text: number for number, text in enumerate(texts)}


def _of(numbers: dict[str, int], texts: Sequence[str]) -> NDArray[np.int64]:
    return np.array([numbers[text] for text in texts], dtype=np.int64)
