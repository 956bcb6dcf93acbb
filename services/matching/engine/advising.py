"""Advice to one person, without a run: who would suit, and why somebody is not their partner.

Both read a *room*: everybody who is admitted, with the places that are free now, and the near texts of what is understood. A
room is made once for each state of a cohort; a question to it costs one row.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import date

import numpy as np

from services.matching.engine.explain import explain, with_models_word
from services.matching.engine.frozen import Proof
from services.matching.engine.meaning.near import Near
from services.matching.engine.model import Person, Phrase, PlannedPair, Snapshot, Term, summed
from services.matching.engine.scoring.ground import in_order, is_complete, problem_of
from services.matching.engine.scoring.inverted import Inverted, inverted
from services.matching.engine.scoring.problem import MILLION, Problem
from services.matching.engine.scoring.reasons import broken_kinds, reason_for
from services.matching.engine.scoring.row import row_of
from services.matching.engine.scoring.sentences import phrase, say
from services.matching.engine.scoring.value import breaks
from services.matching.engine.scoring.wishes import worth as worth_of_ranks
from services.matching.engine.solving.pairs import NEVER

OWN_RANKING = "your ranking"

POSSIBLE, PAIRED, KEPT_APART, VETOED, RULE, ROLES = "possible", "paired", "kept_apart", "vetoed", "rule", "roles"
INCOMPLETE, AWAY, NOT_READ = "incomplete_profile", "out_of_office", "not_read"
NOT_AVAILABLE, NOTHING, NO_PLACE = "not_available", "nothing_to_teach", "no_place"
BETTER_ELSEWHERE, OWN_IS_BETTER = "better_elsewhere", "own_is_better"

EVERYBODYS = frozenset(
    {"cross_organization", "same_organization", "shared_language", "shared_minutes", "zone_spread", "not_met_before"}
)
"""Rules about what a pair would show of the other one anyway. All others could betray a team, a facet, or who named whom."""


@dataclass(frozen=True, slots=True, eq=False)
class Room:
    """A cohort ready to be asked about. ``unread``: texts that are not understood yet; they meet nothing. ``near``: as the models
    alone say, before any correction."""

    people: tuple[Person, ...]
    place: Mapping[str, int]
    problem: Problem
    index: Inverted
    monday: date
    ranking: float
    unread: frozenset[str]
    near: Near


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """``pairs``: the best first, with what their ``ranks`` by the one who asks add. ``why``: why there is none."""

    pairs: tuple[PlannedPair, ...] = ()
    ranks: tuple[int, ...] = ()
    why: tuple[Phrase, ...] = ()
    unread: tuple[str, ...] = ()
    unread_of_others: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Why two people are not together. ``rules``: kinds that are broken and may be named."""

    code: str
    why: tuple[Phrase, ...]
    rules: tuple[str, ...] = ()
    value: float | None = None


def room(snapshot: Snapshot, near: Near, *, unread: Collection[str] = ()) -> Room:
    """From a snapshot of everybody who is admitted; whoever has no free place has 0."""
    people = in_order(snapshot.people, seed=0)
    problem = problem_of(snapshot, people=people, near=near)
    return Room(
        people,
        {person.id: number for number, person in enumerate(people)},
        problem,
        inverted(problem),
        date.fromisoformat(snapshot.week),
        snapshot.ranking,
        frozenset(unread),
        near,
    )


def suggest(there: Room, person: str, *, ranked: tuple[str, ...] = (), most: int = 5) -> Advice:
    """The ``most`` possible partners with a free place who are worth most to somebody, two-way pairs first. ``ranked``: by this
    person, the first choice first; what it adds is a term of its own, and others' rankings are none of their business."""
    u, problem = there.place[person], there.problem
    own = there.people[u]
    texts = _texts(own)
    unread = {"unread": tuple(sorted(texts & there.unread)), "unread_of_others": len(there.unread - texts)}
    if problem.places[u] < 1:
        return Advice(why=(phrase("own_places_taken"),), **unread)  # type: ignore[arg-type]
    row = row_of(problem, u, index=there.index)
    possible = row.valued.planned != NEVER
    free = possible & (problem.places[row.others] > 0)
    if not free.any():
        why = (phrase("nobody_free", people=int(possible.sum())),) if possible.any() else _why_nobody(there, u)
        return Advice(why=why, **unread)  # type: ignore[arg-type]
    ranks = np.array([_rank(there.people[other].id, ranked) for other in row.others.tolist()], dtype=np.int64)
    added = worth_of_ranks(ranks, np.zeros_like(ranks), ranking=there.ranking)
    order = np.lexsort((row.others, -(row.valued.planned + added)))
    best = order[free[order]][:most].tolist()
    couples = [(u, int(row.others[at])) for at in best]
    explained = explain(couples, people=there.people, problem=problem, monday=there.monday)
    if problem.near is not there.near:
        explained = with_models_word(explained, there.near)
    told = {_other(pair, person): pair for pair in explained}
    pairs = []
    for at in best:
        pair = told[there.people[int(row.others[at])].id]
        pairs.append(_with_rank(pair, rank=int(ranks[at]), added=int(added[at])) if added[at] else pair)
    return Advice(pairs=tuple(pairs), ranks=tuple(ranks[best].tolist()), **unread)  # type: ignore[arg-type]


def why_not(there: Room, person: str, other: str, *, organizer: bool = False) -> Verdict:
    """The first thing that keeps the two apart, in the order in which somebody could do something about it."""
    if person not in there.place or other not in there.place:
        return Verdict(code=NOT_AVAILABLE, why=(phrase("not_available"),))
    u, v = there.place[person], there.place[other]
    one, two, problem = there.people[u], there.people[v], there.problem
    broken = broken_kinds(problem, u, v)
    if "apart" in broken:
        return Verdict(code=PAIRED, why=(phrase("paired_before"),))
    if not is_complete(one):
        return Verdict(code=INCOMPLETE, why=reason_for(u, problem=problem, people=there.people, index=there.index).why)
    if not is_complete(two):
        return Verdict(code=INCOMPLETE, why=(phrase("incomplete_other"),))
    if one.away or (two.away and organizer):
        return Verdict(code=AWAY, why=(phrase("away"),))
    if two.away:  # until when somebody is away is for those whom they work with
        return Verdict(code=NOT_AVAILABLE, why=(phrase("not_available"),))
    forbidden = _forbidden(problem, u, v, broken=broken, organizer=organizer)
    if forbidden is not None:
        return forbidden
    row = row_of(problem, u, index=there.index)
    at = np.flatnonzero((row.others == v) & (row.valued.planned != NEVER))
    if not len(at):
        if (_texts(one) | _texts(two)) & there.unread:
            return Verdict(code=NOT_READ, why=(phrase("not_read"),))
        return Verdict(code=NOTHING, why=(phrase("nothing_to_teach"),))
    value = int(row.valued.value[at[0]]) / MILLION
    if problem.places[u] < 1 or problem.places[v] < 1:
        why = phrase("own_places_taken" if problem.places[u] < 1 and not organizer else "no_free_place")
        return Verdict(code=NO_PLACE, why=(why,), value=value)
    return Verdict(code=POSSIBLE, why=(phrase("nothing_against", worth=value),), value=value)


def why_not_by_price(seen: Room, proof: Proof, person: str, other: str) -> Verdict | None:
    """Why a run gave somebody another partner than this one: its prices say. ``seen``: what the run saw, in its own order; None
    where the run has nothing to say about the two."""
    if person not in seen.place or other not in seen.place:
        return None
    u, v = seen.place[person], seen.place[other]
    row = row_of(seen.problem, u, index=seen.index)
    values = dict(zip(row.others.tolist(), row.valued.value.tolist(), strict=True))
    partners = [*proof.couples.v[proof.couples.u == u].tolist(), *proof.couples.u[proof.couples.v == u].tolist()]
    at = np.flatnonzero((row.others == v) & (row.valued.planned != NEVER))
    if not len(at) or not partners or v in partners:
        return None
    worth, own = values[v] / MILLION, min(values.get(partner, 0) for partner in partners) / MILLION
    given = {"worth": worth, "own": own}
    if worth <= own:
        return Verdict(code=OWN_IS_BETTER, why=(phrase("own_is_better", **given),), value=worth)
    why = (
        phrase("one_way_instead", **given)
        if row.valued.one_way[at[0]]
        else phrase("place_worth_more", **given, price=int(proof.certificate.y[v]) / MILLION)
    )
    return Verdict(code=BETTER_ELSEWHERE, why=(why,), value=worth)


def as_run_saw(snapshot: Snapshot, near: Near, *, seed: int) -> Room:
    """The room of a run, in the order that its seed made: the order of its prices."""
    people = in_order(snapshot.people, seed=seed)
    problem = problem_of(snapshot, people=people, near=near)
    place = {person.id: number for number, person in enumerate(people)}
    monday = date.fromisoformat(snapshot.week)
    return Room(people, place, problem, inverted(problem), monday, snapshot.ranking, frozenset(), near)


def _forbidden(problem: Problem, u: int, v: int, *, broken: tuple[str, ...], organizer: bool) -> Verdict | None:
    if "vetoed" in broken and organizer:
        return Verdict(code=VETOED, why=(phrase("vetoed"),))
    shown = {kind for kind in broken if organizer or kind in EVERYBODYS} - {"blocked", "vetoed", "roles", "self"}
    if shown:
        first, second = np.array([u]), np.array([v])
        checks = [
            check
            for check in problem.rules.checks
            if check.required and check.kind in shown and breaks(check.form, problem, first, second)[0]
        ]
        why = tuple(phrase("broken_rule", rule=check.kind, number=check.number + 1) for check in checks)
        return Verdict(code=RULE, why=why, rules=tuple(dict.fromkeys(check.kind for check in checks)))
    if set(broken) - {"roles", "self"}:
        return Verdict(code=KEPT_APART, why=(phrase("kept_apart"),))
    if broken:
        return Verdict(code=ROLES, why=(phrase("same_role"),))
    return None


def _why_nobody(there: Room, u: int) -> tuple[Phrase, ...]:
    """Why nobody is possible, without what only organizers may know: which other rule, or whose veto, would make a difference."""
    found = reason_for(u, problem=there.problem, people=there.people, index=there.index)
    shown = tuple(why for why in found.why if why.code in {"away", "incomplete", "no_topic"})
    return shown or (phrase("rules_leave_nobody_now"),)


def _texts(person: Person) -> set[str]:
    return {offer.text for offer in person.offers} | {need.text for need in person.needs}


def _rank(other: str, ranked: tuple[str, ...]) -> int:
    return ranked.index(other) + 1 if other in ranked else 0


def _other(pair: PlannedPair, person: str) -> str:
    return pair.second if pair.first == person else pair.first


def _with_rank(pair: PlannedPair, *, rank: int, added: int) -> PlannedPair:
    why = phrase("own_ranking", rank=rank)
    terms = (*pair.terms, Term(name=OWN_RANKING, amount=added / MILLION, detail=say(why), why=why))
    return replace(pair, terms=terms, value=summed(terms))
