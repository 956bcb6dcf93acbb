"""A completed run checked from what it kept, without the solver: the plan's rules, its value and its bounds."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import msgspec
import numpy as np

from services.matching.engine.frozen import Proof, near_from, proof_from
from services.matching.engine.model import Snapshot
from services.matching.engine.scoring.problem import MILLION
from services.matching.engine.solving.certificate import Certificate
from services.matching.engine.solving.pairs import Edges
from services.matching.engine.solving.settle import TooMany, is_best
from services.matching.engine.solving.verify import Verdict, check
from services.matching.engine.stated import Stated, state, unseen
from services.matching.engine.verifying_floors import FloorsChecked, check_floors

_NO_FLOORS = FloorsChecked()


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """``faults``: sentences, none when all holds. The rest was computed here; values as people see them. ``by_word``: what the run says
    beyond, by an integer program that was not found right or wrong here."""

    faults: tuple[str, ...]
    people: int
    pairs: int
    value: float
    upper_bound: float
    unmatched: int
    unmatched_bound: int
    floor: float | None = None  # of the worst pair, and what none that leaves as few alone exceeds
    floor_bound: float | None = None
    share: float | None = None  # that every organization has of its best, and what it could be at most
    share_bound: float | None = None
    by_word: tuple[str, ...] = ()

    @property
    def gap(self) -> float:
        """How far the plan may be from the best, as a share of the bound."""
        return (self.upper_bound - self.value) / self.upper_bound if self.upper_bound else 0.0


def verify(snapshot: bytes, *, near: bytes, proof: bytes, digest: str) -> Report:
    """Look at every couple of the plan and at every possible pair. ``digest``: the snapshot's SHA-256 as the run recorded it.

    Raises ``NotFrozen``, ``BadTable`` or ``msgspec.DecodeError`` for bytes that are none of it.
    """
    kept = proof_from(proof)
    seen = msgspec.json.decode(snapshot, type=Snapshot)
    known = state(seen, near_from(near), seed=kept.seed)
    faults = []
    if hashlib.sha256(snapshot).hexdigest() != digest:
        faults.append("The snapshot is not the one that the run froze: its digest differs.")
    verdict = _checked(known, kept, kept.certificate if kept.free is None else kept.free)
    faults += verdict.faults
    claimed = (kept.value, kept.unmatched, kept.unmatched_bound)
    if claimed != (verdict.value, verdict.unmatched, verdict.unmatched_bound):
        faults.append(
            f"The run claims (value, unmatched, bound on unmatched) {claimed}; it is "
            f"{(verdict.value, verdict.unmatched, verdict.unmatched_bound)}."
        )
    floors = check_floors(known, kept, seen=seen, unmatched=verdict.unmatched) if not faults else _NO_FLOORS
    faults += floors.faults
    faults += _unfounded(known, kept.forced)
    met = set(zip(kept.couples.u.tolist(), kept.couples.v.tolist(), strict=True))
    faults += [
        f"{known.people[u].id} and {known.people[v].id} had to be together and are not."
        for u, v in zip(known.forced.u.tolist(), known.forced.v.tolist(), strict=True)
        if (u, v) not in met
    ]
    by_word, upper_bound = list[str](), verdict.upper_bound if floors.upper_bound is None else floors.upper_bound
    above = 0 if faults else unseen(known, kept.couples)
    if not faults and kept.upper_bound < upper_bound:
        right = _settled(known, kept, verdict) if floors.upper_bound is None else None
        match right:
            case True:
                upper_bound = kept.upper_bound
            case False:
                faults.append(f"A plan that leaves as few alone is worth more than {kept.upper_bound}.")
            case None:
                most = (kept.upper_bound + above) / MILLION
                by_word.append(f"The run says that no such plan is worth more than {most:.6f}.")
    return Report(
        faults=tuple(faults),
        people=known.problem.size,
        pairs=len(kept.couples),
        value=(verdict.value + above) / MILLION,
        upper_bound=(upper_bound + above) / MILLION,
        unmatched=verdict.unmatched,
        unmatched_bound=verdict.unmatched_bound,
        floor=floors.floor,
        floor_bound=floors.floor_bound,
        share=floors.share,
        share_bound=floors.share_bound,
        by_word=tuple(by_word),
    )


def _checked(known: Stated, kept: Proof, certificate: Certificate) -> Verdict:
    return check(
        known.pairs,
        places=known.problem.places,
        waiting=np.ones(known.problem.size, dtype=np.bool_),
        couples=kept.couples,
        certificate=certificate,
        forced=kept.forced,
    )


def _settled(known: Stated, kept: Proof, verdict: Verdict) -> bool | None:
    """Whether no plan is worth more than the run says; None when that is too much to look at."""
    try:
        return is_best(
            known.pairs,
            places=known.problem.places,
            waiting=np.ones(known.problem.size, dtype=np.bool_),
            couples=kept.couples,
            certificate=kept.certificate,
            forced=kept.forced,
            unmatched=verdict.unmatched,
            upper_bound=verdict.upper_bound,
            claimed=kept.upper_bound,
        )
    except TooMany:
        return None


def _unfounded(known: Stated, forced: Edges) -> list[str]:
    """Forced couples for which this snapshot gives no reason, or another value: whoever may force may claim anything."""
    demanded = dict(
        zip(zip(known.forced.u.tolist(), known.forced.v.tolist(), strict=True), known.forced.w.tolist(), strict=True)
    )
    included = {person for group in known.problem.rules.included for person in group.people}
    faults = []
    for u, v, w in zip(forced.u.tolist(), forced.v.tolist(), forced.w.tolist(), strict=True):
        if (u, v) in demanded:
            worth = demanded[u, v]
        elif {u, v} & included:
            worth = int(known.pairs.value(np.array([u], np.int32), np.array([v], np.int32))[0])
        else:
            faults.append(f"{u} with {v} is forced by the proof, but neither by a rule nor by an organizer.")
            continue
        if w != worth:
            faults.append(f"{u} with {v} is forced at {w} and worth {worth}.")
    return faults
