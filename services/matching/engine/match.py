"""The door of the engine: a snapshot in, a plan out."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import date

import numpy as np

from services.matching.engine import explain, meaning
from services.matching.engine.assign import Couples, assign
from services.matching.engine.legality import Ground, Legality, judge, survey
from services.matching.engine.model import (
    Cancelled,
    Couple,
    IsCancelled,
    OnProgress,
    Person,
    Plan,
    RulesContradict,
    Snapshot,
    Unpinned,
)
from services.matching.engine.worth import appraise

NAME = "exchange-1"


def match(
    snapshot: Snapshot,
    *,
    seed: int = 0,
    similarity: meaning.Similarity,
    on_progress: OnProgress = lambda _stage, _done: None,
    cancelled: IsCancelled = lambda: False,
    similarity_name: str = meaning.NAME,
) -> Plan:
    """Pair people so that as many as possible have somebody, then for value; every pair and every person left out explained.

    The same snapshot and seed give the same plan, whatever the order of its people, rules and couples, and whatever their
    organizations are called. Raises ``Cancelled`` soon after ``cancelled()`` turns true, and ``RulesContradict`` when two
    people must be together and a required rule forbids it.
    """
    name = f"{NAME} {similarity_name}"
    people = in_order(snapshot.people, seed=seed)
    if not people:
        return Plan(engine=name)

    def enter(stage: str, done: float) -> None:
        if cancelled():
            raise Cancelled
        on_progress(stage, done)

    enter("checking the rules", 0.1)
    ground = survey(people, monday=date.fromisoformat(snapshot.week))
    legality = judge(snapshot, ground=ground)
    enter("comparing needs and offers", 0.3)
    worth = appraise(snapshot, ground=ground, similarity=similarity)
    enter("pairing", 0.6)
    forced, pins, unpinned = _force(snapshot, ground=ground, legality=legality)
    able = np.array([not person.away and explain.is_complete(person) for person in people], dtype=np.bool_)
    possible = legality.legal & worth.relevant & np.logical_and.outer(able, able)
    couples = assign(
        worth.value,
        good=possible & worth.both_ways,
        legal=possible,
        places=[person.places for person in people],
        forced=forced,
        cancelled=cancelled,
    )
    enter("explaining", 0.9)
    pairs = sorted(
        (
            explain.explain(
                first, second, ground=ground, worth=worth, similarity=similarity, pinned=(first, second) in pins
            )
            for first, second in couples
        ),
        key=lambda pair: (pair.first, pair.second),
    )
    paired = {index for couple in couples for index in couple}
    left_out = [
        explain.reason_for(index, ground=ground, legality=legality, worth=worth, able=able)
        for index in range(len(people))
        if index not in paired
    ]
    return Plan(
        pairs=tuple(pairs),
        left_out=tuple(sorted(left_out, key=lambda out: out.person)),
        outcomes=explain.outcomes(people, pairs=pairs),
        unpinned=tuple(unpinned),
        value=round(sum(pair.value for pair in pairs), 6),
        engine=name,
    )


def in_order(people: tuple[Person, ...], *, seed: int) -> tuple[Person, ...]:
    """An order that depends on what people say about themselves and on the seed; ids only part equals.

    Organizations, teams and managers are labels: they stay out of it, so that renaming them changes nothing.
    """

    def key(person: Person) -> tuple[bytes, str]:
        said = replace(person, id="", organization="", team="", managers=())
        return hashlib.sha256(f"{seed} {said!r}".encode()).digest(), person.id

    return tuple(sorted(people, key=key))


def _force(snapshot: Snapshot, *, ground: Ground, legality: Legality) -> tuple[Couples, Couples, list[Unpinned]]:
    """What must be: required TOGETHER rules first, then pins as far as places and hard rules allow."""
    room = [person.places for person in ground.people]
    forced: Couples = set()
    pins: Couples = set()
    unpinned: list[Unpinned] = []

    def places_of(couple: Couple) -> tuple[int, int] | None:
        if couple.first not in ground.place or couple.second not in ground.place:
            return None
        first, second = ground.place[couple.first], ground.place[couple.second]
        return min(first, second), max(first, second)

    def why_not(first: int, second: int) -> str:
        broken = legality.broken_by(first, second)
        if {"blocked", "apart"} & set(broken):
            return "these two cannot be paired"  # who blocked whom is nobody's business
        if broken:
            return "forbidden by " + ", ".join(kind.upper() for kind in broken)
        if ground.people[first].away or ground.people[second].away:
            return "one of the two is out of office"
        if room[first] < 1 or room[second] < 1:
            return "one of the two has no free place"
        return ""

    def take(first: int, second: int) -> None:
        forced.add((first, second))
        room[first] -= 1
        room[second] -= 1

    together = sorted(
        Couple(first=min(rule.people), second=max(rule.people))
        for rule in snapshot.rules
        if rule.required and rule.kind == "together"
    )
    for couple in together:
        at = places_of(couple)
        if at is None or at in forced or not legality.kinds["apart"][at] or not legality.kinds["blocked"][at]:
            continue  # they are a pair already, are not here, or one of them said no: nobody is forced
        reason = why_not(*at)
        if reason.startswith("forbidden"):
            raise RulesContradict(
                f"TOGETHER of {couple.first} and {couple.second} cannot hold: {reason}. Take one of these rules back."
            )
        if not reason:
            take(*at)
    for couple in sorted(snapshot.pinned):
        at = places_of(couple)
        reason = "one of the two has no free place" if at is None else "" if at in forced else why_not(*at)
        if reason or at is None:
            unpinned.append(Unpinned(couple=couple, reason=reason))
            continue
        if at not in forced:
            take(*at)
        pins.add(at)
    return forced, pins, unpinned
