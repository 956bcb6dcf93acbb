"""Groups around a topic from a snapshot: who is with whom, who gives, who needs what, who is left out, and how good the plan is."""

from __future__ import annotations

from datetime import date

from services.matching.engine.frozen_groups import FrozenGroup, GroupsProof
from services.matching.engine.grouping.circles import check, circles_of, people_of
from services.matching.engine.grouping.packing import Searcher, pack
from services.matching.engine.grouping.telling import left_out, told
from services.matching.engine.meaning.near import Near
from services.matching.engine.model import Grouping, Groups, IsCancelled, LeftOut, OnProgress, Snapshot
from services.matching.engine.scoring.ground import in_order, problem_of
from services.matching.engine.scoring.problem import MILLION

NAME = "circles-1"


def plan_groups(
    snapshot: Snapshot,
    near: Near,
    *,
    seed: int = 0,
    on_progress: OnProgress = lambda _stage, _done: None,
    cancelled: IsCancelled = lambda: False,
) -> tuple[Groups, GroupsProof | None]:
    """Groups for the snapshot's people: as few left out as possible, then the most value (``grouping.circles``); and what proves how
    good they are (nothing without people).

    Nobody is in two groups, whatever places they have: those are for pairs. The same snapshot, near texts and seed give the same
    groups, whatever the order of people and rules. Raises ``SnapshotRefused`` or ``RuleRefused`` for what makes no sense, and
    ``Cancelled``. Rules about the plan of pairs (together, include one) say nothing here.
    """
    grouping = snapshot.grouping or Grouping()
    check(grouping, people=len(snapshot.people))
    if not snapshot.people:
        return Groups(upper_bound=0.0, unmatched_bound=0, exact=True, engine=NAME, meaning=near.model), None
    on_progress("checking the rules", 0.3)
    known = in_order(snapshot.people, seed=seed)
    problem = problem_of(snapshot, people=known, near=near)
    people = people_of(problem, grouping)
    circles = circles_of(problem, people, level=grouping.level)
    searcher = Searcher(people, circles, grouping, cancelled=cancelled)
    packed = pack(
        searcher,
        size=problem.size,
        on_progress=lambda stage, done: on_progress(f"grouping: {stage}", 0.35 + 0.5 * done),
    )
    on_progress("explaining", 0.85)
    monday = date.fromisoformat(snapshot.week)
    groups = tuple(
        told(
            group,
            packed.groups,
            problem=problem,
            people=people,
            circles=circles,
            known=known,
            grouping=grouping,
            monday=monday,
        )
        for group in packed.groups
    )
    outside = set(range(problem.size)) - {person for group in packed.groups for person in group.members}
    out: tuple[LeftOut, ...] = left_out(sorted(outside), searcher=searcher, problem=problem, known=known)
    proof = GroupsProof(
        seed=seed,
        groups=tuple(
            FrozenGroup(option=group.option, language=group.language, members=group.members, value=group.value)
            for group in packed.groups
        ),
        value=packed.value,
        upper_bound=packed.upper_bound,
        most_people=packed.most_people,
        cover=packed.cover,
        dearest=packed.dearest,
    )
    plan = Groups(
        groups=groups,
        left_out=tuple(sorted(out, key=lambda each: each.person)),
        value=packed.value / MILLION,
        upper_bound=packed.upper_bound / MILLION,
        unmatched_bound=problem.size - packed.most_people,
        exact=packed.people == packed.most_people and packed.value == packed.upper_bound,
        engine=NAME,
        meaning=near.model,
    )
    return plan, proof
