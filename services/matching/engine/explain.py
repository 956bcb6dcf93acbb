"""Why these two: both directions, the terms of the value, what they share and what is new; and why somebody got nobody."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from services.matching.engine import model, week
from services.matching.engine.legality import Ground, Legality, facet_values, shared_language
from services.matching.engine.meaning import Similarity
from services.matching.engine.model import (
    BOTH,
    DIVERSITY_FACETS,
    GIVES,
    RECEIVES,
    LeftOut,
    Outcome,
    Person,
    PlannedPair,
    Teaching,
)
from services.matching.engine.worth import Worth, best_teaching

SAME_TOPIC = 0.8
SHARED_FACETS = ("industry", "function", "education", "region", "career_stage")


def explain(
    first: int, second: int, *, ground: Ground, worth: Worth, similarity: Similarity, pinned: bool
) -> PlannedPair:
    """The pair at these two places of the ground, as its two people and their organizer will read it."""
    # The order of the two in the text follows their ids, like the order of a pair's members.
    first, second = sorted((first, second), key=lambda index: ground.people[index].id)
    one, other = ground.people[first], ground.people[second]
    directions = _directions(one, other, similarity=similarity, pinned=pinned)
    language, level = shared_language(one, other)
    minutes = int(ground.minutes[first, second])
    distance = float(ground.distance[first, second])
    windows = week.window_texts(ground.slots[first] & ground.slots[second])
    details = {
        "weaker direction": "0.8 of the direction in which less is taught",
        "both directions": "0.1 of the sum",
        "difference": ", ".join(_differences(one, other)),
        "logistics": f"{minutes} shared minutes a week, {distance:g} hours between the clocks, "
        + (f"{language} at level {level} of 6" if language else "no shared language"),
    }
    terms = worth.terms(first, second, details=details)
    return PlannedPair(
        first=one.id,
        second=other.id,
        value=sum(term.amount for term in terms),
        terms=terms,
        directions=directions,
        language=language,
        shared_minutes=minutes,
        shared_windows=windows,
        common_ground=_common_ground(one, other, directions=directions, similarity=similarity),
        bridge=_bridge(one, other, directions=directions),
        one_way_reason=_one_way_reason(one, other, directions=directions, pinned=pinned),
        pinned=pinned,
    )


def reason_for(index: int, *, ground: Ground, legality: Legality, worth: Worth, able: NDArray[np.bool_]) -> LeftOut:
    """Why this person has nobody: the first thing that they or their organizer could change. ``able``: who takes part."""
    person = ground.people[index]
    legal = legality.legal[index] & able
    if person.away:
        code = model.OUT_OF_OFFICE
    elif not is_complete(person):
        code = model.INCOMPLETE_PROFILE
    elif (legal & worth.relevant[index]).any():
        code = model.CAPACITY
    elif legal.any():
        code = model.NOTHING_IN_COMMON
    elif (legality.but("shared_minutes")[index] & able).any():
        code = model.NO_SHARED_TIME
    elif (legality.but("shared_language")[index] & able).any():
        code = model.NO_SHARED_LANGUAGE
    else:
        code = model.NO_LEGAL_PARTNER
    return LeftOut(person=person.id, reason=code)


def is_complete(person: Person) -> bool:
    """Whether the profile says enough for the person's role: what they teach or want, a language, some time, a known zone."""
    has_topics = {
        GIVES: bool(person.offers),
        RECEIVES: bool(person.needs),
        BOTH: bool(person.offers or person.needs),
    }[person.role]
    return has_topics and bool(person.languages) and bool(person.windows) and week.zone_is_known(person.zone)


def outcomes(people: Sequence[Person], *, pairs: Iterable[PlannedPair]) -> tuple[Outcome, ...]:
    """How each organization fared."""
    best: dict[str, float] = {}
    for pair in pairs:
        for person in (pair.first, pair.second):
            best[person] = max(best.get(person, pair.value), pair.value)
    found = []
    for organization in sorted({person.organization for person in people}):
        theirs = [person for person in people if person.organization == organization]
        values = sorted(best[person.id] for person in theirs if person.id in best)
        found.append(
            Outcome(
                organization=organization,
                people=len(theirs),
                matched=len(values),
                mean_value=round(sum(values) / len(values), 6) if values else 0.0,
                worst_value=values[0] if values else 0.0,
            )
        )
    return tuple(found)


def _directions(one: Person, other: Person, *, similarity: Similarity, pinned: bool) -> tuple[Teaching, ...]:
    found = []
    for teacher, learner in ((one, other), (other, one)):
        if teacher.role != RECEIVES and learner.role != GIVES:
            teaching = best_teaching(teacher, learner, similarity=similarity)
            if teaching is None and pinned:
                # An organizer knows something that the texts do not say: show the nearest texts all the same.
                teaching = best_teaching(teacher, learner, similarity=similarity, least=0.0)
            if teaching is not None:
                found.append(teaching)
    return tuple(found)


def _one_way_reason(one: Person, other: Person, *, directions: Sequence[Teaching], pinned: bool) -> str:
    if len(directions) == 2:
        return ""
    if one.role != BOTH or other.role != BOTH:
        return "By their roles in this cohort, one teaches and the other learns."
    if pinned:
        return "An organizer put these two together."
    return "Only one of the two offers what the other wants, and no pair that goes both ways was left."


def _common_ground(one: Person, other: Person, *, directions: Sequence[Teaching], similarity: Similarity) -> str:
    for lead, ours, theirs in (
        ("Both want to learn about", [n.text for n in one.needs], [n.text for n in other.needs]),
        ("Both know about", [o.text for o in one.offers], [o.text for o in other.offers]),
    ):
        alike = similarity(ours, theirs)
        if alike.size and alike.max() >= SAME_TOPIC:
            i, j = np.unravel_index(int(np.argmax(alike)), alike.shape)
            mine, yours = ours[int(i)], theirs[int(j)]
            return f"{lead} “{mine}”" + (f" and “{yours}”" if yours != mine else "")
    for name in SHARED_FACETS:
        mine, yours = facet_values((one, other), name)
        if mine and mine == yours:
            return f"The same {name.replace('_', ' ')}: {_stated(one, name)}"
    if directions:
        topic = max(directions, key=lambda teaching: teaching.value)
        return f"Both care about “{topic.need}”"
    language, _ = shared_language(one, other)
    return f"Both speak {language}" if language else "Both joined the same cohort"


def _bridge(one: Person, other: Person, *, directions: Sequence[Teaching]) -> str:
    differing = _differences(one, other)
    if differing:
        return "; ".join(differing[:3])
    topics = [teaching.offer for teaching in directions]
    if len(topics) == 2 and topics[0] != topics[1]:
        return f"Different topics: “{topics[0]}” and “{topics[1]}”"
    if topics:
        return f"A topic that only one of them knows: “{topics[0]}”"
    return "Two people who would not have met otherwise"


def _differences(one: Person, other: Person) -> list[str]:
    found = ["Different organizations"] if one.organization != other.organization else []
    for name in DIVERSITY_FACETS:
        mine, yours = facet_values((one, other), name)
        if mine and yours and mine != yours:
            found.append(f"{name}: {_stated(one, name)} and {_stated(other, name)}")
    return found


def _stated(person: Person, name: str) -> str:
    return next(facet.value for facet in person.facets if facet.name == name)
