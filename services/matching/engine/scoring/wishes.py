"""What people ranked: a term that planners see and nobody else, in whole millionths.

With 5 points for a first choice, 4 for a second … 1 for a fifth and none for whom one did not rank::

    wish = ranking · (mine + yours + 2 · min(mine, yours)) / 20

*Why this form.* A wish of one is worth something, and of both more than twice as much: as with what two teach each other, the
weaker side leads. Two first choices of each other are worth the whole weight, a first choice that is not returned a quarter.

*Why nobody sees it.* A ranking is its author's alone. If the value that a pair is shown with held this term, each of the two could
take their own rank off and would read the other one's in what is left: that they were ranked, or worse, that they were not. So the
value that people see, and its terms, which sum to it exactly, are those by meaning; the wish is added where plans are made, as the
tier of one-way pairs is. Only to its author a suggestion shows what their *own* rank adds.

A wish makes no pair possible: who has nothing to teach each other, or breaks a required rule, stays impossible.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from services.matching.engine.model import Person, Snapshot
from services.matching.engine.solving.couples import Revalued, keys, some, without
from services.matching.engine.solving.pairs import NEVER, Edges, Pairs, edges_of

MILLION = 1_000_000
MOST_RANKED = 5
MOST_WEIGHT = 0.5
"""More, and a wish could outweigh the tier that keeps pairs from going one way."""


def worth(mine: NDArray[np.int64], yours: NDArray[np.int64], *, ranking: float) -> NDArray[np.int64]:
    """Millionths, from the ranks that two people gave each other (1 to 5; 0: none)."""
    points, back = (np.where(rank > 0, MOST_RANKED + 1 - rank, 0) for rank in (mine, yours))
    added: NDArray[np.int64] = round(ranking * MILLION) * (points + back + 2 * np.minimum(points, back)) // 20
    return added


def wishes_of(snapshot: Snapshot, *, people: Sequence[Person]) -> Edges:
    """The couples of whom one ranked the other, and what that adds; places in ``people``."""
    place = {person.id: number for number, person in enumerate(people)}
    ranks: dict[tuple[int, int], tuple[int, int]] = {}
    for wish in snapshot.wishes:
        if wish.by in place and wish.of in place:
            by, of = place[wish.by], place[wish.of]
            mine, yours = ranks.get((min(by, of), max(by, of)), (0, 0))
            ranks[min(by, of), max(by, of)] = (wish.rank, yours) if by < of else (mine, wish.rank)
    couples = np.array(sorted(ranks), dtype=np.int64).reshape(len(ranks), 2)
    given = np.array([ranks[two] for two in sorted(ranks)], dtype=np.int64).reshape(len(ranks), 2)
    edges = edges_of(couples[:, 0], couples[:, 1], worth(given[:, 0], given[:, 1], ranking=snapshot.ranking))
    return some(edges, edges.w > 0)


def wished(pairs: Pairs, wishes: Edges) -> Pairs:
    """The same pairs, worth so much more; none becomes possible by it."""
    if not len(wishes):
        return pairs
    before = pairs.value(wishes.u, wishes.v)
    possible = before != NEVER
    raised = Edges(wishes.u[possible], wishes.v[possible], (before + wishes.w)[possible])
    return Revalued(pairs, raised)


def fulfilled(wishes: Edges, couples: Edges, *, but: Edges) -> int:
    """What the wishes of these couples add together, without those of some."""
    here = some(wishes, np.isin(keys(wishes), keys(without(couples, but))))
    return sum(here.w.tolist())


def wrong_with(snapshot: Snapshot) -> str:
    """What makes no sense about the wishes, as a sentence; "" when all does."""
    if not math.isfinite(snapshot.ranking) or not 0 <= snapshot.ranking <= MOST_WEIGHT:
        return f"The weight ranking is {snapshot.ranking}: choose a number from 0 to {MOST_WEIGHT}."
    seen: set[tuple[str, str | int]] = set()
    for wish in snapshot.wishes:
        if wish.by == wish.of:
            return f"{wish.by} ranked themselves: a wish is about somebody else."
        if not 1 <= wish.rank <= MOST_RANKED:
            return f"{wish.by} gave {wish.of} the rank {wish.rank}: choose 1 to {MOST_RANKED}."
        if (wish.by, wish.of) in seen or (wish.by, wish.rank) in seen:
            return f"{wish.by} ranked somebody twice, or two people alike: each has a rank of their own."
        seen |= {(wish.by, wish.of), (wish.by, wish.rank)}
    return ""
