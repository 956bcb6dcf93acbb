"""From a snapshot and the near texts to a ``Problem``: everybody in canonical order, everything a number."""

from __future__ import annotations

import hashlib
import math
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import replace
from datetime import date

import numpy as np
from numpy.typing import NDArray

from services.matching.engine import week
from services.matching.engine.learning.curve import corrected
from services.matching.engine.meaning.near import Near
from services.matching.engine.model import (
    BOTH,
    GIVES,
    LOCKED,
    NONE,
    RECEIVES,
    STICKY,
    Couple,
    Need,
    Offer,
    Person,
    Rule,
    Snapshot,
)
from services.matching.engine.scoring import aptness
from services.matching.engine.scoring.problem import (
    COLUMNS,
    FACETS,
    LEAST_PRIORITY,
    MOST_PRIORITY,
    UNSTATED,
    Problem,
    weights_of,
)
from services.matching.engine.scoring.rules import ALWAYS, Check, Setting, compiled, couples_of, rulebook
from services.matching.engine.scoring.wishes import wrong_with


class SnapshotRefused(ValueError):
    """A snapshot that cannot be computed with; the message says what is wrong, where, and what to do."""


def in_order(people: Iterable[Person], *, seed: int) -> tuple[Person, ...]:
    """An order that depends on what people say about themselves and on the seed; ids only part equals.

    Organizations, teams and managers are labels: they stay out of it, so that renaming them changes nothing.
    """

    def key(person: Person) -> tuple[bytes, str]:
        said = replace(person, id="", organization="", team="", managers=())
        return hashlib.sha256(f"{seed} {said!r}".encode()).digest(), person.id

    return tuple(sorted(people, key=key))


def problem_of(snapshot: Snapshot, *, people: Sequence[Person], near: Near) -> Problem:
    """The snapshot as arrays; ``people``: the snapshot's, ``in_order``; chances as its correction, if it has one, makes them.

    ``near`` must know every text of the snapshot. Raises ``SnapshotRefused`` or ``RuleRefused`` for what makes no sense.
    """
    _check(snapshot)
    near = corrected(near, snapshot.learned)
    monday = date.fromisoformat(snapshot.week)
    place = {person.id: number for number, person in enumerate(people)}
    codes = tuple(sorted({language.code for person in people for language in person.languages}))
    need_starts, asked, priority, ask_text, ask_kind = _needs(people, near=near)
    offer_starts, offer_text, offer_skill = _offers(people, near=near)
    return Problem(
        near=near,
        places=np.array([person.places for person in people], dtype=np.int64),
        able=np.array([takes_part(person) for person in people], dtype=np.bool_),
        gives=np.array([person.role in {GIVES, BOTH} for person in people], dtype=np.bool_),
        receives=np.array([person.role in {RECEIVES, BOTH} for person in people], dtype=np.bool_),
        need_starts=need_starts,
        need_ask=asked,
        need_priority=priority,
        offer_starts=offer_starts,
        offer_text=offer_text,
        offer_skill=offer_skill,
        ask_text=ask_text,
        ask_kind=ask_kind,
        labels=_labels(people),
        slots=_slots(people, monday=monday),
        clock=np.array([week.offset_minutes(person.zone, monday=monday) for person in people], dtype=np.int16),
        codes=codes,
        spoken=_spoken(people, codes=codes),
        rules=rulebook(checks_of(snapshot, rules=snapshot.rules, place=place, codes=codes), size=len(people)),
        weights=weights_of(difference=snapshot.difference, logistics=snapshot.logistics),
    )


def checks_of(
    snapshot: Snapshot, *, rules: Sequence[Rule], place: dict[str, int], codes: Sequence[str]
) -> tuple[Check, ...]:
    """What always holds – blocked, apart, vetoed – and these rules, in the snapshot's order."""
    setting = Setting(
        place=place,
        languages=codes,
        columns=COLUMNS,
        met=snapshot.met,
        above=[
            (place[person.id], place[manager])
            for person in snapshot.people
            for manager in person.managers
            if manager in place
        ],
    )
    always = [
        Check(ALWAYS, kind, required=True, cost=0, form=couples_of(couples, place=place))
        for kind, couples in (("blocked", snapshot.blocked), ("apart", snapshot.apart), ("vetoed", snapshot.vetoed))
    ]
    stated = [compiled(rule, number=number, setting=setting) for number, rule in enumerate(rules)]
    return (*always, *(check for check in stated if check is not None))


def takes_part(person: Person) -> bool:
    """Whether somebody can be planned with: here, and their profile is complete."""
    return not person.away and is_complete(person)


def is_complete(person: Person) -> bool:
    """Whether the profile says enough for the person's role: what they teach or want, a language, some time, a known zone."""
    has_topics = {
        GIVES: bool(person.offers),
        RECEIVES: bool(person.needs),
        BOTH: bool(person.offers or person.needs),
    }[person.role]
    return has_topics and bool(person.languages) and bool(person.windows) and week.zone_is_known(person.zone)


def texts_of(people: Iterable[Person]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The distinct texts of needs and of offers, sorted: what a ``Near`` must know."""
    people = list(people)
    return (
        tuple(sorted({need.text for person in people for need in person.needs})),
        tuple(sorted({offer.text for person in people for offer in person.offers})),
    )


def stated(person: Person, name: str) -> str:
    """The facet as the person wrote it; "" when unstated."""
    return next((facet.value.strip() for facet in person.facets if facet.name == name), "")


def _needs(
    people: Sequence[Person], *, near: Near
) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.uint8], NDArray[np.int32], NDArray[np.uint8]]:
    row = {text: number for number, text in enumerate(near.needs)}
    asks = sorted({(need.text, need.kind) for person in people for need in person.needs})
    for text, _ in asks:
        if text not in row:
            raise SnapshotRefused(f"The near texts know nothing of the need {text!r}: join its text first.")
    number = {ask: position for position, ask in enumerate(asks)}
    starts, asked, priority = [0], [], []
    for person in people:
        # Who asks for the same thing in the same way twice asks once, as urgently as they ever do.
        urgency: dict[int, int] = defaultdict(int)
        for need in person.needs:
            ask = number[need.text, need.kind]
            urgency[ask] = max(urgency[ask], need.priority)
        for ask in sorted(urgency):
            asked.append(ask)
            priority.append(urgency[ask])
        starts.append(len(asked))
    return (
        np.array(starts, dtype=np.int64),
        np.array(asked, dtype=np.int32),
        np.array(priority, dtype=np.uint8),
        np.array([row[text] for text, _ in asks], dtype=np.int32),
        np.array([aptness.KINDS.index(kind) for _, kind in asks], dtype=np.uint8),
    )


def _offers(people: Sequence[Person], *, near: Near) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.uint8]]:
    row = {text: number for number, text in enumerate(near.offers)}
    starts, texts, skills = [0], [], []
    for person in people:
        for offer in person.offers:
            if offer.text not in row:
                raise SnapshotRefused(f"The near texts know nothing of the offer {offer.text!r}: join its text first.")
        theirs = {(row[offer.text], aptness.skill(level=offer.level, setting=offer.setting)) for offer in person.offers}
        for text, skill in sorted(theirs):
            texts.append(text)
            skills.append(skill)
        starts.append(len(texts))
    return np.array(starts, dtype=np.int64), np.array(texts, dtype=np.int32), np.array(skills, dtype=np.uint8)


def _labels(people: Sequence[Person]) -> NDArray[np.int32]:
    said: dict[str, Callable[[Person], Hashable]] = {
        "organization": lambda person: person.organization,
        # Teams of two organizations may have the same name.
        "team": lambda person: person.team and (person.organization, person.team),
        **{name: lambda person, name=name: stated(person, name).casefold() for name in FACETS},  # type: ignore[misc]
    }
    labels = np.full((len(COLUMNS), len(people)), UNSTATED, dtype=np.int32)
    for column, name in enumerate(COLUMNS):
        # Numbered as they come: what a label is called has no influence on anything.
        numbers: dict[Hashable, int] = {}
        for index, person in enumerate(people):
            label = said[name](person)
            if label != "":
                labels[column, index] = numbers.setdefault(label, len(numbers))
    return labels


def _slots(people: Sequence[Person], *, monday: date) -> NDArray[np.uint64]:
    known: dict[Hashable, NDArray[np.uint64]] = {}
    rows = np.zeros((len(people), week.WORDS), dtype=np.uint64)
    for index, person in enumerate(people):
        weekly = (person.zone, person.windows)
        if weekly not in known:
            known[weekly] = week.packed(week.free_slots(person, monday=monday))
        rows[index] = known[weekly]
    return rows


def _spoken(people: Sequence[Person], *, codes: Sequence[str]) -> NDArray[np.uint8]:
    column = {code: number for number, code in enumerate(codes)}
    spoken = np.zeros((len(people), len(codes)), dtype=np.uint8)
    for index, person in enumerate(people):
        for language in person.languages:
            at = column[language.code]
            spoken[index, at] = max(int(spoken[index, at]), language.level)
    return spoken


def _check(snapshot: Snapshot) -> None:
    for name, weight in (("difference", snapshot.difference), ("logistics", snapshot.logistics)):
        if not math.isfinite(weight) or not 0 <= weight <= 1:
            raise SnapshotRefused(f"The weight {name} is {weight}: choose a number from 0 to 1.")
    seen: set[str] = set()
    for person in snapshot.people:
        if person.id in seen:
            raise SnapshotRefused(f"{person.id} is in the snapshot twice: keep one.")
        seen.add(person.id)
        problem = _wrong_with(person)
        if problem:
            raise SnapshotRefused(f"{person.id}: {problem}")
    if snapshot.keep not in {NONE, LOCKED, STICKY}:
        raise SnapshotRefused(
            f"To keep {snapshot.keep!r} of the current couples is unknown: choose none, locked or sticky."
        )
    problem = wrong_with(snapshot)
    if problem:
        raise SnapshotRefused(problem)
    for name in ("met", "blocked", "apart", "vetoed", "pinned", "current", "rounds_met"):
        couples: tuple[Couple, ...] = getattr(snapshot, name)
        for couple in couples:
            if couple.first == couple.second:
                raise SnapshotRefused(f"{couple.first} is {name} with themselves: a couple is two people.")


def _wrong_with(person: Person) -> str:
    if person.places < 0:
        return f"{person.places} places; give 0 or more."
    if person.role not in {GIVES, RECEIVES, BOTH}:
        return f"the role {person.role!r} is unknown; choose gives, receives or both."
    unknown = sorted({facet.name for facet in person.facets} - set(FACETS))
    if unknown:
        return f"the facet {unknown[0]!r} is unknown; choose among {', '.join(FACETS)}."
    for need in person.needs:
        problem = _wrong_with_need(need)
        if problem:
            return problem
    for offer in person.offers:
        problem = _wrong_with_offer(offer)
        if problem:
            return problem
    if any(not 1 <= language.level <= 6 for language in person.languages):
        return "a language has a level beyond 1 (A1) to 6 (C2)."
    if any(not (0 <= w.weekday <= 6 and 0 <= w.start < w.end <= 1440) for w in person.windows):
        return "a weekly window is none: weekday 0 to 6, minutes 0 to 1440, its end after its start."
    return ""


def _wrong_with_need(need: Need) -> str:
    if not LEAST_PRIORITY <= need.priority <= MOST_PRIORITY:
        return f"the need {need.text!r} has the priority {need.priority}; choose 1 to 3."
    if need.kind not in aptness.KINDS:
        return (
            f"the need {need.text!r} has the unknown kind {need.kind!r}; choose among {', '.join(aptness.KINDS[1:])}."
        )
    return ""


def _wrong_with_offer(offer: Offer) -> str:
    if not 1 <= offer.level <= aptness.LEVELS:
        return f"the offer {offer.text!r} has the level {offer.level}; choose 1 to 5."
    if offer.setting not in aptness.SETTINGS:
        return f"the offer {offer.text!r} has the unknown setting {offer.setting!r}; choose work, study or life."
    return ""
