"""Why these people: what each learns from whom, the parts of the value, how it stands with the others; and why somebody is in none."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import date

import numpy as np

from services.matching.engine import model, week
from services.matching.engine.grouping.circles import Circles, People, circles_of, parts_of, people_of
from services.matching.engine.grouping.packing import Group, Searcher
from services.matching.engine.meaning.near import MEETS
from services.matching.engine.model import (
    Grouping,
    GroupMember,
    LeftOut,
    Person,
    Phrase,
    PlannedGroup,
    Teaching,
    Term,
    summed,
)
from services.matching.engine.scoring.directions import Met, Taught, met_by, taught, teaching_of
from services.matching.engine.scoring.ground import is_complete
from services.matching.engine.scoring.problem import MILLION, Problem
from services.matching.engine.scoring.reasons import missing
from services.matching.engine.scoring.sentences import phrase, say

TOLD = {
    "learned": "group_learned",
    "learned by who leads": "group_back",
    "difference": "group_difference",
    "clocks": "clocks",
    "shared time": "group_time",
    "language": "language",
    "preferred rules": "group_preferred",
}


def told(
    group: Group,
    plan: Iterable[Group],
    *,
    problem: Problem,
    people: People,
    circles: Circles,
    known: Sequence[Person],
    grouping: Grouping,
    monday: date,
) -> PlannedGroup:
    """A group as its members and organizers will read it."""
    leader, *others = group.members
    joint = np.bitwise_and.reduce(problem.slots[list(group.members)], axis=0)
    shared = week.unpacked(joint)
    some = slice(int(circles.starts[group.option]), int(circles.starts[group.option + 1]))
    pool = dict(zip(circles.who[some].tolist(), range(some.start, some.stop), strict=True))
    back = max(others, key=lambda each: (int(people.teaches[each, leader]), -each))

    def member(person: int) -> GroupMember:
        gives = person == leader or bool(circles.gives[pool[person]])
        learns = None
        if person == leader and people.teaches[back, leader] > 0:
            learns = _teaching(taught(problem, back, leader), known[back], known[leader])
        elif not gives:
            learns = _teaching(_topic_of(problem, circles, group, person), known[leader], known[person])
        windows = week.window_texts(shared, zone=known[person].zone, monday=monday)
        return GroupMember(person=known[person].id, gives=gives, learns=learns, windows=windows)

    parts = parts_of(people, circles, group.option, group.members, language=group.language)
    level = int(people.spoken[list(group.members), group.language].min())
    given: dict[str, dict[str, str | int | float]] = {
        "learned": {"people": sum(not circles.gives[pool[each]] for each in others)},
        "shared time": {"minutes": int(shared.sum()) * week.SLOT_MINUTES},
        "clocks": {"hours": _widest(people, group) / 60},
        "language": {"language": problem.codes[group.language], "level": level},
    }
    terms = []
    for name, amount in parts.items():
        if amount or name == "learned":
            why = phrase(TOLD[name], **given.get(name, {}))
            terms.append(Term(name=name, amount=amount / MILLION, detail=say(why), why=why))
    rest = sorted(others, key=lambda each: known[each].id)
    return PlannedGroup(
        topic=problem.near.offers[int(problem.offer_text[circles.offer[group.option]])],
        members=(member(leader), *(member(each) for each in rest)),
        value=summed(terms),
        terms=tuple(terms),
        language=problem.codes[group.language],
        level=level,
        shared_minutes=int(shared.sum()) * week.SLOT_MINUTES,
        shared_windows=week.window_texts(shared),
        others=_others(group, plan, problem=problem, people=people, circles=circles, grouping=grouping),
    )


def left_out(
    outside: Sequence[int], *, searcher: Searcher, problem: Problem, known: Sequence[Person]
) -> tuple[LeftOut, ...]:
    """Why each of these is in no group: the first thing that they or their organizer could change."""
    grouping, level = searcher.grouping, searcher.grouping.level
    wider: dict[tuple[str, ...], Searcher] = {}

    def could(person: int, *, without: tuple[str, ...] = ()) -> bool:
        """Whether there is any group for this person, by itself."""
        if without not in wider:
            if not without:
                wider[without] = searcher
            else:
                people = people_of(problem, grouping, without=without)
                wider[without] = Searcher(people, circles_of(problem, people, level=level), grouping)
        return _is_somewhere(wider[without], person, size=problem.size)

    found = []
    every_rule = tuple(sorted({each.kind for each in problem.rules.checks if each.required}))
    for at in outside:
        person = known[at]
        if person.away:
            reason, why = model.OUT_OF_OFFICE, phrase("away")
        elif not is_complete(person):
            reason, why = model.INCOMPLETE_PROFILE, phrase("incomplete", missing=",".join(missing(person)))
        elif could(at):
            reason, why = model.CAPACITY, phrase("group_places")
        elif could(at, without=("shared_minutes",)):
            reason, why = model.NO_SHARED_TIME, phrase("group_no_time", minutes=grouping.minutes)
        elif could(at, without=("shared_language",)):
            reason, why = model.NO_SHARED_LANGUAGE, phrase("group_no_language")
        elif could(at, without=tuple({*every_rule, "shared_minutes", "shared_language"})):
            reason, why = model.NO_LEGAL_PARTNER, phrase("group_rules_forbid")
        else:
            reason, why = model.NOTHING_IN_COMMON, phrase("group_no_topic", group_level=level)
        found.append(LeftOut(person=person.id, reason=reason, why=(why,)))
    return tuple(found)


def _is_somewhere(searcher: Searcher, person: int, *, size: int) -> bool:
    circles = searcher.circles
    owners = np.repeat(np.arange(circles.size), np.diff(circles.starts))
    options = np.unique(np.concatenate((np.flatnonzero(circles.lead == person), owners[circles.who == person])))
    if not options.size:
        return False
    y = np.zeros(size, dtype=np.int64)
    y[person] = -MILLION  # any group with this person is above the threshold, and no other is
    return bool(searcher.best(y, bonus=0, valued=False, options=options)[0])


def _topic_of(problem: Problem, circles: Circles, group: Group, person: int) -> Taught | None:
    """The need of this person that the topic meets best."""
    offer = int(circles.offer[group.option])
    needs = range(problem.need_starts[person], problem.need_starts[person + 1])
    found = [met for need in needs if (met := met_by(problem, need, offer)) is not None and met.chance >= MEETS]
    return Taught(min(found, key=_best_first)) if found else None


def _best_first(met: Met) -> tuple[int, str, str]:
    return -met.worth, met.need, met.kind


def _teaching(direction: Taught | None, teacher: Person, learner: Person) -> Teaching | None:
    return None if direction is None else teaching_of(direction, teacher=teacher.id, learner=learner.id)


def _widest(people: People, group: Group) -> int:
    clocks = people.clock[list(group.members)]
    ahead = np.abs(clocks[:, None] - clocks) % 1440
    return int(np.minimum(ahead, 1440 - ahead).max())


def _others(
    group: Group,
    plan: Iterable[Group],
    *,
    problem: Problem,
    people: People,
    circles: Circles,
    grouping: Grouping,
) -> tuple[Phrase, ...]:
    """Everybody else who needs the topic, by the first thing that keeps them out, as numbers of people."""
    offer = int(circles.offer[group.option])
    elsewhere = {person for other in plan for person in other.members}
    members = list(group.members)
    joint = people.free[members].all(axis=0)
    count: Counter[str] = Counter()
    for person in np.flatnonzero(problem.able & problem.receives).tolist():
        if person in members:
            continue
        needs = range(problem.need_starts[person], problem.need_starts[person + 1])
        if not any(
            (met := met_by(problem, need, offer)) is not None and met.chance >= MEETS and met.worth for need in needs
        ):
            continue
        if not people.legal[person, members].all():
            count["group_others_rules"] += 1
        elif people.spoken[person, group.language] < people.floor:
            count["group_others_language"] += 1
        elif int(people.minutes[(people.free[person] & joint) > 0].sum()) < people.need_slots:
            count["group_others_time"] += 1
        elif person in elsewhere:
            count["group_others_elsewhere"] += 1
        elif len(members) == grouping.most:
            count["group_others_full"] += 1
        else:
            count["group_others_less"] += 1
    if not count:
        return (phrase("group_nobody_else"),)
    return tuple(phrase(code, people=count[code]) for code in sorted(count))
