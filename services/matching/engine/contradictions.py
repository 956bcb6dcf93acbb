"""Rules that contradict each other, found before anything is computed: without a solver, and without knowing any text."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from services.matching.engine.meaning.near import near
from services.matching.engine.model import Snapshot
from services.matching.engine.scoring.conflicts import conflicts_of, told
from services.matching.engine.scoring.ground import in_order, problem_of
from services.matching.engine.scoring.sentences import ENGLISH, LOCALES

_ANYTHING = "anything"


@dataclass(frozen=True, slots=True, kw_only=True)
class Contradiction:
    """Required rules (their places, from 0) that cannot hold together; without any one of them the others can. ``fatal``: a run would be
    refused; otherwise it would leave people out. ``said``: why, by locale."""

    rules: tuple[int, ...]
    fatal: bool
    said: tuple[tuple[str, str], ...]

    @property
    def english(self) -> str:
        """The sentence for whoever reads no other language."""
        return dict(self.said)[ENGLISH]


def contradictions(snapshot: Snapshot) -> tuple[Contradiction, ...]:
    """Rules that cannot hold together whatever people need and offer, each set as small as can be found; the fatal ones first."""
    # As if every offer met every need: what conflicts then conflicts in the run, which knows the texts.
    people = tuple(
        replace(
            person,
            offers=tuple(replace(offer, text=_ANYTHING) for offer in person.offers[:1]),
            needs=tuple(replace(need, text=_ANYTHING) for need in person.needs[:1]),
        )
        for person in snapshot.people
    )
    everything = near(
        (_ANYTHING,),
        (_ANYTHING,),
        starts=np.array([0, 1], np.int64),
        offers_at=np.array([0], np.int32),
        chance=np.array([1000], np.uint16),
        model="no model: everything meets everything",
    )
    ordered = in_order(people, seed=0)
    problem = problem_of(replace(snapshot, people=people), people=ordered, near=everything)
    return tuple(
        Contradiction(
            rules=conflict.rules,
            fatal=conflict.fatal,
            said=tuple((locale, told(conflict, problem=problem, people=ordered, locale=locale)) for locale in LOCALES),
        )
        for conflict in conflicts_of(problem)
    )
