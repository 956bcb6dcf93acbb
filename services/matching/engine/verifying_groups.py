"""A completed run of groups checked from what it kept, without the solver: every group, the value, and both bounds over all groups."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from services.matching.engine.frozen import near_from
from services.matching.engine.frozen_groups import FrozenGroup, GroupsProof, groups_proof_from
from services.matching.engine.grouping.certificate import Certificate
from services.matching.engine.grouping.circles import Circles, People, check, circles_of, people_of, worth
from services.matching.engine.grouping.settle import is_best
from services.matching.engine.grouping.verify import Steps, TooMany, groups_above, wrong_with
from services.matching.engine.model import Grouping, Person, Snapshot
from services.matching.engine.scoring.ground import in_order, problem_of
from services.matching.engine.scoring.problem import MILLION

DEAREST = 2**50
"""Prices and bonuses lie below, so that sums stay exact."""
LISTED = 400_000
"""Partial groups that are looked at to see whether an integer program was right."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupsReport:
    """``faults``: sentences, none when all holds. ``grouped`` of the ``people`` are in groups. The bounds were computed here, over all
    possible groups; ``by_word``: what the run says beyond, by an integer program that was not found right or wrong here. ``unfinished``:
    there were too many groups to look at, so that nothing here proves the bounds."""

    faults: tuple[str, ...]
    people: int
    groups: int
    grouped: int
    value: float
    upper_bound: float
    unmatched_bound: int
    by_word: tuple[str, ...] = ()
    unfinished: bool = False

    @property
    def gap(self) -> float:
        """How far the plan may be from the best, as a share of the bound."""
        return (self.upper_bound - self.value) / self.upper_bound if self.upper_bound else 0.0


@dataclass(frozen=True, slots=True)
class _Ground:
    """What the snapshot says."""

    known: Sequence[Person]
    people: People
    circles: Circles
    grouping: Grouping


def verify_groups(
    snapshot: bytes, *, near: bytes, proof: bytes, digest: str, steps: Steps | None = None
) -> GroupsReport:
    """Look at every group of the plan and at every possible one. ``digest``: the snapshot's SHA-256 as the run recorded it. ``steps``:
    how many partial groups may be looked at.

    Raises ``NotFrozen``, ``BadTable`` or ``msgspec.DecodeError`` for bytes that are none of it.
    """
    kept = groups_proof_from(proof)
    seen = msgspec.json.decode(snapshot, type=Snapshot)
    grouping = seen.grouping or Grouping()
    check(grouping, people=len(seen.people))
    known = in_order(seen.people, seed=kept.seed)
    problem = problem_of(seen, people=known, near=near_from(near))
    people = people_of(problem, grouping)
    ground = _Ground(known, people, circles_of(problem, people, level=grouping.level), grouping)
    faults = []
    if hashlib.sha256(snapshot).hexdigest() != digest:
        faults.append("The snapshot is not the one that the run froze: its digest differs.")
    faults += _plan(ground, kept.groups)
    value = sum(group.value for group in kept.groups)
    if value != kept.value:
        faults.append(f"The run claims a value of {kept.value} millionths; its groups sum to {value}.")
    faults += _shapes(kept, size=len(known))
    grouped = sum(len(group.members) for group in kept.groups)
    most, upper, unfinished, by_word = 0, 0, False, list[str]()
    if not faults:
        try:
            more, most, upper, by_word = _bounds(ground, kept, grouped=grouped, value=value, steps=steps or Steps())
            faults += more
        except TooMany:
            unfinished = True
    return GroupsReport(
        faults=tuple(faults),
        people=len(known),
        groups=len(kept.groups),
        grouped=grouped,
        value=value / MILLION,
        upper_bound=upper / MILLION,
        unmatched_bound=len(known) - min(most, len(known)),
        by_word=tuple(by_word),
        unfinished=unfinished,
    )


def _plan(ground: _Ground, groups: Sequence[FrozenGroup]) -> list[str]:
    faults, seen = [], set[int]()
    for group in groups:
        if not all(0 <= each < len(ground.known) for each in group.members):
            faults.append(f"A group holds somebody who is none of the {len(ground.known)} people.")
            continue
        names = ", ".join(ground.known[each].id for each in group.members)
        wrong = wrong_with(
            ground.people,
            ground.circles,
            ground.grouping,
            option=group.option,
            language=group.language,
            members=group.members,
        )
        if wrong:
            faults.append(f"The group of {names} is not possible: {wrong}.")
            continue
        really = worth(ground.people, ground.circles, group.option, group.members, language=group.language)
        if really != group.value:
            faults.append(f"The group of {names} is worth {really}, not {group.value}.")
        faults += [f"{ground.known[each].id} is in two groups." for each in group.members if each in seen]
        seen.update(group.members)
    return faults


def _shapes(kept: GroupsProof, *, size: int) -> list[str]:
    faults = []
    for name, each in (("people in groups", kept.cover), ("value", kept.dearest)):
        for array in (each.y, each.led):
            if array.shape != (size,):
                faults.append(f"The certificate of {name} is about {len(array)} people, not {size}.")
            elif ((array < 0) | (array > DEAREST)).any():
                faults.append(f"The certificate of {name} has a number below 0 or beyond {DEAREST}.")
        if not 0 <= each.bonus <= DEAREST:
            faults.append(f"The certificate of {name} has a bonus of {each.bonus}.")
    if kept.cover.bonus != MILLION:
        faults.append(f"Each person in a group counts a million, not {kept.cover.bonus}.")
    return faults


def _bounds(
    ground: _Ground, kept: GroupsProof, *, grouped: int, value: int, steps: Steps
) -> tuple[list[str], int, int, list[str]]:
    """Faults; how many people groups can hold at most; what no plan with so many in groups exceeds; and what is not proven of it."""
    faults, by_word = list[str](), list[str]()
    for name, certificate in (("people", kept.cover), ("value", kept.dearest)):
        above = groups_above(ground.people, ground.circles, ground.grouping, certificate, short=0, steps=steps)
        if above:
            names = ", ".join(ground.known[each].id for each in above[0].members)
            faults.append(f"At the prices of {name} {len(above)} groups exceed what their leaders' shall not: {names}.")
    most, upper = min(kept.cover.most_people, len(ground.known)), kept.dearest.ceiling(people=grouped)
    if faults:
        return faults, most, upper, by_word
    if grouped > kept.most_people or value > kept.upper_bound:
        faults.append("The run claims less than its own plan has.")
    if kept.most_people > most:
        faults.append(f"The run says that groups may hold {kept.most_people}; no more than {most} can be in groups.")
    if kept.most_people < most:
        # More people than the run says would give up less of the certificate's bound than this.
        budget = kept.cover.ceiling(people=0) - MILLION * (kept.most_people + 1) + 1
        match _settled(ground, kept.cover, people=0, value=MILLION * kept.most_people, budget=budget):
            case True:
                most = kept.most_people
            case False:
                faults.append(f"More than {kept.most_people} people can be in groups.")
            case None:
                by_word.append(f"The run says that no plan has more than {kept.most_people} people in groups.")
    if kept.upper_bound < upper:
        budget = upper - kept.upper_bound
        match _settled(ground, kept.dearest, people=grouped, value=kept.upper_bound, budget=budget):
            case True:
                upper = kept.upper_bound
            case False:
                faults.append(f"A plan with as many in groups is worth more than {kept.upper_bound}.")
            case None:
                by_word.append(f"The run says that no plan is worth more than {kept.upper_bound / MILLION:.6f}.")
    return faults, most, upper, by_word


def _settled(ground: _Ground, certificate: Certificate, *, people: int, value: int, budget: int) -> bool | None:
    """Whether no plan with so many ``people`` in groups is worth more than ``value``; None when that is too much to look at."""
    try:
        listed = groups_above(
            ground.people, ground.circles, ground.grouping, certificate, short=budget, steps=Steps(LISTED)
        )
        return is_best(listed, certificate, people=people, value=value, budget=budget)
    except TooMany:
        return None
