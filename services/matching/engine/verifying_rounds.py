"""A completed run of speed rounds checked from what it kept, without the solver: every meeting and its round, the value and the bound."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass

import msgspec
import numpy as np

from services.matching.engine.frozen import near_from
from services.matching.engine.frozen_rounds import RoundsProof, rounds_proof_from
from services.matching.engine.model import Snapshot
from services.matching.engine.scoring.problem import MILLION
from services.matching.engine.scoring.value import ONE_WAY_COST
from services.matching.engine.solving.couples import Revalued, none, replaced
from services.matching.engine.solving.pairs import NEVER
from services.matching.engine.solving.verify import check
from services.matching.engine.stated import Stated, going_one_way, met_in_rounds, state


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundsReport:
    """``faults``: sentences, none when all holds. The rest was computed here; values as people see them. ``unmatched``: who is there and
    meets nobody in any round."""

    faults: tuple[str, ...]
    people: int
    rounds: int
    meetings: int
    value: float
    upper_bound: float
    unmatched: int
    unmatched_bound: int

    @property
    def gap(self) -> float:
        """How far the plan may be from the best, as a share of the bound."""
        return (self.upper_bound - self.value) / self.upper_bound if self.upper_bound else 0.0


def verify_rounds(snapshot: bytes, *, near: bytes, proof: bytes, digest: str) -> RoundsReport:
    """Look at every meeting and at every possible pair. ``digest``: the snapshot's SHA-256 as the run recorded it.

    Raises ``NotFrozen``, ``BadTable`` or ``msgspec.DecodeError`` for bytes that are none of it.
    """
    kept = rounds_proof_from(proof)
    seen = msgspec.json.decode(snapshot, type=Snapshot)
    known = state(seen, near_from(near), seed=kept.seed)
    there = known.problem.able
    faults = []
    if hashlib.sha256(snapshot).hexdigest() != digest:
        faults.append("The snapshot is not the one that the run froze: its digest differs.")
    if kept.rounds != seen.rounds:
        faults.append(f"The snapshot asks for {seen.rounds} rounds, not {kept.rounds}.")
    met = met_in_rounds(seen, people=known.people)
    verdict = check(
        Revalued(known.pairs, replaced(met, NEVER)) if len(met) else known.pairs,
        places=np.where(there, seen.rounds, 0).astype(np.int64),
        waiting=there,
        couples=kept.couples,
        certificate=kept.certificate,
    )
    faults += verdict.faults
    claimed = (kept.value, kept.upper_bound, kept.unmatched, kept.unmatched_bound)
    computed = (verdict.value, verdict.upper_bound, verdict.unmatched, verdict.unmatched_bound)
    if claimed != computed:
        faults.append(
            f"The run claims (value, upper bound, unmatched, bound on unmatched) {claimed}; it is {computed}."
        )
    faults += _times(known, kept, rounds=seen.rounds)
    above = 0 if faults else ONE_WAY_COST * going_one_way(known.problem, kept.couples, forced=none())
    return RoundsReport(
        faults=tuple(faults),
        people=int(there.sum()),
        rounds=seen.rounds,
        meetings=len(kept.couples),
        value=(verdict.value + above) / MILLION,
        upper_bound=(verdict.upper_bound + above) / MILLION,
        unmatched=verdict.unmatched,
        unmatched_bound=verdict.unmatched_bound,
    )


def _times(known: Stated, kept: RoundsProof, *, rounds: int) -> list[str]:
    """What is wrong with when they meet."""
    if kept.round.shape != kept.couples.u.shape:
        return [f"{len(kept.couples)} meetings have {len(kept.round)} rounds."]
    faults = [f"A meeting is in round {at + 1} of {rounds}." for at in kept.round.tolist() if not 0 <= at < rounds]
    ends = np.concatenate((kept.couples.u, kept.couples.v)).tolist()
    busy = Counter(zip(ends, kept.round.tolist() * 2, strict=True))
    return faults + [
        f"{known.people[who].id if 0 <= who < len(known.people) else who} meets {count} people in round {at + 1}."
        for (who, at), count in sorted(busy.items())
        if count > 1
    ]
