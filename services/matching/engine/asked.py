"""What a rule set asks for before value: floors; and by what they are measured. For who plans and for who checks the plan."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from services.matching.engine.model import Snapshot
from services.matching.engine.scoring.problem import Problem
from services.matching.engine.scoring.reasons import shown
from services.matching.engine.solving.owed import WHOLE, Got, Owed, best_of
from services.matching.engine.solving.pairs import NEVER, Edges, Millionths, Pairs
from services.matching.engine.stated import Stated


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the rule set asks for, in thousandths; 0: nothing."""

    worst_off: int = 0
    organizations: int = 0


NOTHING = Asked()


def asked_by(snapshot: Snapshot) -> Asked:
    """Thousandths."""
    return Asked(
        worst_off=round(snapshot.worst_off_floor * WHOLE), organizations=round(snapshot.organization_floor * WHOLE)
    )


def plainly(known: Stated, couples: Edges) -> Edges:
    """The couples at what they are worth to a planner without what people ranked; those that had to be and are not possible, as they
    are."""
    worth_ = known.plain.value(couples.u, couples.v)
    return Edges(couples.u, couples.v, np.where(worth_ == NEVER, couples.w, worth_))


def gained(known: Stated) -> Got:
    """What the two of each couple get, as people see it: nobody's rankings enter floors, or they could be read from them."""
    return lambda couples: shown(plainly(known, couples).w)


def owed_in(problem: Problem, pairs: Pairs, *, asked: int) -> Owed:
    """What every organization's people would get at best. ``pairs``: all of them, above no floor and without rankings."""
    labels = problem.labels[0].astype(np.int64)
    of: Millionths = np.where(labels < 0, labels.max(initial=-1) + 1, labels)
    count = int(of.max(initial=-1)) + 1
    return Owed(
        of,
        best_of(pairs, of=of, places=problem.places, got=lambda couples: shown(couples.w), organizations=count),
        asked,
    )
