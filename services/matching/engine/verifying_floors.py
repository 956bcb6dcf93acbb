"""The floors of a completed run checked from what it kept, without the solver."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from services.matching.engine.asked import asked_by, gained, owed_in, plainly
from services.matching.engine.frozen import FloorProof, Proof, ShareProof
from services.matching.engine.model import Snapshot
from services.matching.engine.scoring.problem import MILLION
from services.matching.engine.scoring.reasons import shown
from services.matching.engine.scoring.wishes import wished
from services.matching.engine.solving.certificate import Barrier, proof_of
from services.matching.engine.solving.couples import AtLeast, above, without
from services.matching.engine.solving.owed import (
    UNIT,
    WHOLE,
    Owed,
    Proven,
    got_by,
    revalued,
    share_bound,
    value_bound,
    weighted,
)
from services.matching.engine.solving.pairs import Edges, Pairs
from services.matching.engine.solving.verify import Verdict, check
from services.matching.engine.stated import Stated


@dataclass(frozen=True, slots=True, kw_only=True)
class FloorsChecked:
    """``upper_bound``: on the value of plans that keep the floors, in millionths as a planner sees them; None: the floors are none."""

    faults: tuple[str, ...] = ()
    upper_bound: int | None = None
    floor: float | None = None
    floor_bound: float | None = None
    share: float | None = None
    share_bound: float | None = None


def check_floors(known: Stated, kept: Proof, *, seen: Snapshot, unmatched: int) -> FloorsChecked:
    """That every couple and every organization has what the run says, that no higher floor leaves as few alone as ``unmatched``, and
    what plans under the floors are worth at most. ``seen``: the snapshot, which says what was asked for."""
    pairs, found = known.pairs, FloorsChecked()
    if kept.floor is not None:
        found = _floor(known, kept, kept.floor, unmatched=unmatched)
        pairs = wished(above(known.plain, kept.floor.floor), known.wishes)
    proof = kept.shares
    if proof is not None:
        owed = owed_in(known.problem, known.plain, asked=asked_by(seen).organizations)
        found = _shares(known, kept, proof, pairs=pairs, owed=owed, found=found)
    if kept.free is None:
        return found
    value = None if proof is None else proof.value
    if value is None:
        verdict = _check(
            known, pairs, couples=kept.couples, forced=kept.forced, proof=Proven(_none(), kept.certificate)
        )
        return replace(found, faults=found.faults + verdict.faults, upper_bound=verdict.upper_bound)
    assert proof is not None
    owed = owed_in(known.problem, known.plain, asked=proof.asked)
    faults, verdict = _weighted(
        known, kept, pairs=pairs, owed=owed, proof=Proven(value.weights, kept.certificate), unit=UNIT
    )
    bound = value_bound(verdict.upper_bound, weights=value.weights, needs=owed.needs(proof.share))
    if verdict.faults:
        # Nothing is proven of plans under the floors then; what bounds all plans bounds these.
        return replace(found, faults=found.faults + faults)
    return replace(found, faults=found.faults + faults, upper_bound=bound)


def _floor(known: Stated, kept: Proof, proof: FloorProof, *, unmatched: int) -> FloorsChecked:
    couples = plainly(known, without(kept.couples, kept.forced))
    faults = [
        f"{u} with {v} is worth {w}, below the floor of {proof.floor}."
        for u, v, w in zip(couples.u.tolist(), couples.v.tolist(), couples.w.tolist(), strict=True)
        if w < proof.floor
    ]
    barrier = Proven(_none(), proof_of(Barrier(proof.group, proof.inner)))
    higher = AtLeast(known.plain, proof.bound + 1)
    verdict = _check(known, higher, couples=kept.forced, forced=kept.forced, proof=barrier)
    faults += verdict.faults
    if verdict.unmatched_bound <= unmatched:
        faults.append(
            f"Above the floor of {proof.bound} no more than {verdict.unmatched_bound} are proven to be alone: a higher one may be possible."
        )
    floor, bound = shown(np.array([proof.floor, proof.bound], np.int64)).tolist()
    return FloorsChecked(faults=tuple(faults), floor=floor / MILLION, floor_bound=bound / MILLION)


def _shares(
    known: Stated, kept: Proof, proof: ShareProof, *, pairs: Pairs, owed: Owed, found: FloorsChecked
) -> FloorsChecked:
    faults = []
    if proof.asked != owed.asked:
        faults.append(f"The rules ask for a share of {owed.asked} thousandths, not {proof.asked}.")
    short = np.flatnonzero(got_by(kept.couples, owed=owed, got=gained(known)) < owed.needs(proof.share)).tolist()
    faults += [f"Organization {number} gets less than {proof.share} thousandths of its best." for number in short]
    bound = owed.asked
    if proof.most is not None:
        more, verdict = _weighted(known, kept, pairs=pairs, owed=owed, proof=proof.most, unit=0)
        faults += more
        bound = share_bound(verdict.upper_bound, weights=proof.most.weights, owed=owed)
    return replace(found, faults=found.faults + tuple(faults), share=proof.share / WHOLE, share_bound=bound / WHOLE)


def _weighted(
    known: Stated, kept: Proof, *, pairs: Pairs, owed: Owed, proof: Proven, unit: int
) -> tuple[tuple[str, ...], Verdict]:
    faults: tuple[str, ...] = ()
    if proof.weights.shape != owed.best.shape or (proof.weights < 0).any():
        return ("The weights of the organizations are not one each, and none below 0.",), Verdict((), 0, 0, 0, 0)
    weight = proof.weights[owed.of]
    verdict = _check(
        known,
        weighted(pairs, weight=weight, unit=unit, got=gained(known)),
        couples=revalued(kept.couples, weight=weight, unit=unit, got=gained(known)),
        forced=revalued(kept.forced, weight=weight, unit=unit, got=gained(known)),
        proof=proof,
    )
    return faults + verdict.faults, verdict


def _check(known: Stated, pairs: Pairs, *, couples: Edges, forced: Edges, proof: Proven) -> Verdict:
    return check(
        pairs,
        places=known.problem.places,
        waiting=np.ones(known.problem.size, dtype=np.bool_),
        couples=couples,
        certificate=proof.certificate,
        forced=forced,
    )


def _none() -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.zeros(0, np.int64)
