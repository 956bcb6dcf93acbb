"""Speed mentoring from a snapshot: who meets whom in each round, with the bound of any schedule."""

from __future__ import annotations

import numpy as np

from services.matching.engine.frozen_rounds import RoundsProof
from services.matching.engine.match import NAME
from services.matching.engine.meaning.near import Near
from services.matching.engine.model import Cancelled, Couple, IsCancelled, OnProgress, Rounds, Snapshot
from services.matching.engine.scoring.problem import MILLION
from services.matching.engine.scoring.value import ONE_WAY_COST
from services.matching.engine.solving.couples import degrees, none
from services.matching.engine.solving.pairs import edges_of
from services.matching.engine.solving.rounds import schedule
from services.matching.engine.stated import going_one_way, met_in_rounds, state


def plan_rounds(
    snapshot: Snapshot,
    near: Near,
    *,
    seed: int = 0,
    on_progress: OnProgress = lambda _stage, _done: None,
    cancelled: IsCancelled = lambda: False,
) -> tuple[Rounds, RoundsProof | None]:
    """``snapshot.rounds`` rounds for its people, in which nobody meets somebody twice, nor whom they met in ``snapshot.rounds_met``; and
    what proves how good they are (nothing without people).

    The same snapshot, near texts and seed give the same rounds. Raises as ``match`` does.
    """
    if not snapshot.people:
        empty: tuple[tuple[Couple, ...], ...] = ((),) * snapshot.rounds
        return Rounds(rounds=empty, values=(0.0,) * snapshot.rounds, engine=NAME, meaning=near.model), None
    on_progress("checking the rules", 0.3)
    known = state(snapshot, near, seed=seed)
    on_progress("planning the rounds", 0.4)
    found = schedule(
        known.pairs,
        rounds=snapshot.rounds,
        present=known.problem.able,
        met=met_in_rounds(snapshot, people=known.people),
        cancelled=cancelled,
    )
    if cancelled():
        raise Cancelled
    one_way = going_one_way(known.problem, found.couples, forced=none())
    meetings: list[list[Couple]] = [[] for _ in range(snapshot.rounds)]
    values = [0] * snapshot.rounds
    for first, second, worth, at in zip(
        found.couples.u.tolist(),
        found.couples.v.tolist(),
        found.couples.w.tolist(),
        found.round.tolist(),
        strict=True,
    ):
        one, other = sorted((known.people[first].id, known.people[second].id))
        meetings[at].append(Couple(first=one, second=other))
        values[at] += worth + ONE_WAY_COST * going_one_way(
            known.problem,
            edges_of(np.array([first]), np.array([second]), np.array([worth])),
            forced=none(),
        )
    there = known.problem.able
    proof = RoundsProof(
        seed=seed,
        rounds=snapshot.rounds,
        couples=found.couples,
        round=found.round,
        certificate=found.certificate,
        value=found.value,
        upper_bound=found.upper_bound,
        unmatched=int((there & (degrees(found.couples, len(there)) == 0)).sum()),
        unmatched_bound=found.unmatched_bound,
    )
    plan = Rounds(
        rounds=tuple(tuple(sorted(each)) for each in meetings),
        values=tuple(each / MILLION for each in values),
        upper_bound=(found.upper_bound + one_way * ONE_WAY_COST) / MILLION,
        engine=NAME,
        meaning=near.model,
        learned=known.problem.near is not near,
    )
    return plan, proof
