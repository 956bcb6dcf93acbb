"""Everything that a group's value and legality depend on, as arrays.

A *group* has one who leads and gives: they hold an offer, the *topic*, at a sufficient level. At least two members need it: the
topic meets a need of theirs (probability of one half or more). Beside the one who leads, one more may give: somebody with
offers of a sufficient level that meet, of everybody who needs the topic there, such a need. All speak one language at the level
that the rules demand, all are free together for long enough each week, and no required rule forbids any two of them. Like every
division here, those below round down (the costs up), so that machines agree::

    value     = learned + difference − logistics − preferred rules
    learned   = Σ over those who need it: met by the topic, as in a pair (``directions``)
                + the best that any member can teach the one who leads: the direction of a pair
    difference = third / 60 · (120 / k) · Σ over all couples of min(differences, 3)               k members
    logistics = (k − 1) · weight · (0.4 · widest clocks / 12 h + 0.4 · missing of 3 hours that ALL share + 0.2 · language below C1)
    preferred = 2 / k · Σ over couples of the weights of the preferred rules that they break

*Why so.* In a group each member counts with what they learn, the one who leads too, because the street stays two-way. What a pair
has once, k − 1 couples of a group have in the mean: (k − 1) · mean over the k (k − 1) / 2 couples is 2 / k of their sum, so a group of
two would get what a pair gets. 120 / k is whole for 3 to 6 members; rounding one sixtieth of a third, and not the whole, keeps the
value exactly linear in the weight of difference, as for pairs.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from services.matching.engine import week
from services.matching.engine.meaning.near import MEETS
from services.matching.engine.model import LARGEST_GROUP, SMALLEST_GROUP, Grouping
from services.matching.engine.scoring.aptness import APTNESS, LEVELS
from services.matching.engine.scoring.dense import teaches
from services.matching.engine.scoring.ground import SnapshotRefused
from services.matching.engine.scoring.inverted import Inverted, inverted
from services.matching.engine.scoring.problem import Problem
from services.matching.engine.scoring.rules import LEVEL, SLOTS, Measure
from services.matching.engine.scoring.value import FLUENT, PLATEAU, breaks, differences

MOST_PEOPLE = 3_000
"""Couples are looked at as a matrix."""
PARTS = 60
"""A third of the weight of difference is cut into so many parts, of which a couple in a group of k gets 120 / k for each difference."""
MOST_TEXTS = 64  # distinct texts of a topic's needs that are told apart, to see who could give beside the one who leads

Numbers = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class People:
    """What the search looks at; n people in canonical order. ``free``: n by blocks of the week in which the same people are free;
    ``minutes``: the slots of each block."""

    legal: NDArray[np.bool_]  # n by n
    differ: NDArray[np.int64]  # n by n: differences, at most PLATEAU
    cost: Numbers  # n by n: what the preferred rules take off a couple, in millionths
    clock: Numbers  # n: minutes ahead of UTC
    spoken: NDArray[np.int64]  # n by languages
    free: NDArray[np.uint8]
    minutes: Numbers
    teaches: Numbers  # n by n, as in pairs
    part: int  # of the difference, see PARTS
    logistics: int
    need_slots: int  # that all members share
    floor: int  # of the common language


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Circles:
    """Who could lead what, and for whom: o options, each somebody with one of their offers; its pool is ``starts[o]:starts[o + 1]``."""

    lead: Numbers  # o
    offer: Numbers  # o: rows of Problem.offer_text
    starts: Numbers  # o + 1
    who: Numbers
    met: Numbers  # millionths; 0 for those who would give too
    back: Numbers  # what they could teach the one who leads
    gives: NDArray[np.bool_]
    texts: NDArray[np.uint64]  # which of the topic's needs they have, or could meet

    @property
    def size(self) -> int:
        """How many options."""
        return len(self.lead)


def check(grouping: Grouping, *, people: int) -> None:
    """Refuse sizes, minutes or a level that make no sense, and more people than couples fit into memory."""
    if not SMALLEST_GROUP <= grouping.least <= grouping.most <= LARGEST_GROUP:
        raise SnapshotRefused(
            f"Groups of {grouping.least} to {grouping.most} cannot be planned: choose {SMALLEST_GROUP} to {LARGEST_GROUP}."
        )
    if not 0 < grouping.minutes <= week.SLOTS * week.SLOT_MINUTES:
        raise SnapshotRefused(f"Groups that share {grouping.minutes} minutes a week: give 1 or more, within a week.")
    if not 1 <= grouping.level <= LEVELS:
        raise SnapshotRefused(f"To give from level {grouping.level} on: choose 1 to {LEVELS}.")
    if people > MOST_PEOPLE:
        raise SnapshotRefused(f"Groups of {people} people at once: plan them for {MOST_PEOPLE} at most.")


def people_of(problem: Problem, grouping: Grouping, *, without: tuple[str, ...] = ()) -> People:
    """The arrays; ``without``: required rules of these kinds are left out, and what they ask of a whole group too."""
    size = problem.size
    legal = np.zeros((size, size), dtype=np.bool_)
    differ, cost = np.zeros((size, size), dtype=np.int64), np.zeros((size, size), dtype=np.int64)
    everybody = np.arange(size)
    for u in range(size):
        me = np.full(size, u)
        held = everybody != u
        for each in problem.rules.checks:
            if each.required and each.kind not in without:
                held &= ~breaks(each.form, problem, me, everybody)
            elif not each.required:
                cost[u] += each.cost * breaks(each.form, problem, me, everybody)
        legal[u] = held & problem.able & problem.able[u]
        differ[u] = np.minimum(differences(problem, me, everybody), PLATEAU)
    free, minutes = _blocks(problem)
    bounds = {LEVEL: 1, SLOTS: -(-grouping.minutes // week.SLOT_MINUTES)}
    for each in problem.rules.checks:
        form = each.form
        if each.required and isinstance(form, Measure) and form.what in bounds and form.language < 0:
            bounds[form.what] = max(bounds[form.what], form.bound)
    return People(
        legal=legal,
        differ=differ,
        cost=cost,
        clock=problem.clock.astype(np.int64),
        spoken=problem.spoken.astype(np.int64),
        free=free,
        minutes=minutes,
        teaches=teaches(problem),
        # From the weight itself, not from its rounded third, one rounding is enough.
        part=round(problem.weights.third / PARTS),
        logistics=problem.weights.logistics,
        need_slots=0 if "shared_minutes" in without else bounds[SLOTS],
        floor=0 if "shared_language" in without else bounds[LEVEL],
    )


def circles_of(problem: Problem, people: People, *, level: int) -> Circles:
    """Everybody who takes part and gives, with each of their offers of at least this level that two others need."""
    index = inverted(problem)
    topics: dict[int, _Topic] = {}
    nobody = np.empty(0, np.int64)
    parts = [(nobody, nobody, nobody, np.empty(0, np.bool_), np.empty(0, np.uint64))]  # of no option
    leads, offers = [], []
    for lead in np.flatnonzero(problem.able & problem.gives).tolist():
        for offer in range(problem.offer_starts[lead], problem.offer_starts[lead + 1]):
            text, skill = int(problem.offer_text[offer]), int(problem.offer_skill[offer])
            if skill % LEVELS + 1 < level:
                continue
            if text not in topics:
                topics[text] = _topic(problem, index, text=text, level=level)
            pool = _pool(problem, people, topics[text], lead=lead, skill=skill)
            if (~pool[3]).sum() >= SMALLEST_GROUP - 1:
                parts.append(pool)
                leads.append(lead)
                offers.append(offer)
    return Circles(
        lead=np.array(leads, dtype=np.int64),
        offer=np.array(offers, dtype=np.int64),
        starts=np.concatenate(([0], np.cumsum([len(each[0]) for each in parts[1:]]))).astype(np.int64),
        who=np.concatenate([each[0] for each in parts]),
        met=np.concatenate([each[1] for each in parts]),
        back=np.concatenate([each[2] for each in parts]),
        gives=np.concatenate([each[3] for each in parts]),
        texts=np.concatenate([each[4] for each in parts]),
    )


def worth(people: People, circles: Circles, option: int, members: tuple[int, ...], *, language: int) -> int:
    """The value of a group, the one who leads first; millionths. As ``search`` counts it, written to be read."""
    k, parts = len(members), parts_of(people, circles, option, members, language=language)
    assert k >= SMALLEST_GROUP
    return sum(parts.values())


def parts_of(
    people: People, circles: Circles, option: int, members: tuple[int, ...], *, language: int
) -> dict[str, int]:
    """The named parts of a group's value, in millionths."""
    k = len(members)
    some = slice(int(circles.starts[option]), int(circles.starts[option + 1]))
    at = dict(zip(circles.who[some].tolist(), range(some.start, some.stop), strict=True))
    places = np.array([at[each] for each in members[1:]], dtype=np.int64)
    one, other = _couples(k)
    group = np.array(members)
    u, v = group[one], group[other]
    slots = int(people.minutes[people.free[group].all(axis=0)].sum())
    level = int(people.spoken[group, language].min())
    clocks = max(apart(int(a), int(b)) for a, b in zip(people.clock[u], people.clock[v], strict=True))
    weight = people.logistics
    return {
        "learned": int(circles.met[places].sum()),
        "learned by who leads": int(circles.back[places].max()),
        "difference": people.part * (2 * PARTS // k) * int(people.differ[u, v].sum()),
        "clocks": -(k - 1) * (weight * 2 * clocks // 3600),
        "shared time": -(k - 1) * (weight * 2 * max(0, 36 - slots) // 180),
        "language": -(k - 1) * (weight * (FLUENT - min(level, FLUENT)) // (5 * FLUENT)),
        "preferred rules": -2 * int(people.cost[u, v].sum()) // k,
    }


@cache
def _couples(k: int) -> tuple[Numbers, Numbers]:
    """Every two of k places."""
    one, other = np.triu_indices(k, 1)
    return one, other


def apart(one: int, other: int) -> int:
    """Minutes between two clocks, 0 to 720."""
    ahead = abs(one - other) % 1440
    return min(ahead, 1440 - ahead)


@dataclass(frozen=True, slots=True)
class _Topic:
    """Who needs an offer's text (by need: person, ask, chance, priority, which of its texts), and who could give it too."""

    person: Numbers
    ask: Numbers
    chance: Numbers
    priority: Numbers
    text: NDArray[np.uint64]
    giver: Numbers
    covers: NDArray[np.uint64]


def _topic(problem: Problem, index: Inverted, *, text: int, level: int) -> _Topic:
    row = slice(int(index.meets_starts[text]), int(index.meets_starts[text + 1]))
    close = index.meets_chance[row] >= MEETS
    asks, chances = index.meets_ask[row][close].tolist(), index.meets_chance[row][close].tolist()
    texts = sorted({int(problem.ask_text[ask]) for ask in asks})
    bit = {each: np.uint64(1) << np.uint64(number) for number, each in enumerate(texts[:MOST_TEXTS])}
    person, ask_of, chance_of, priority, need_text = [], [], [], [], []
    for ask, chance in zip(asks, chances, strict=True):
        for at in range(index.asker_starts[ask], index.asker_starts[ask + 1]):
            person.append(int(index.asker[at]))
            ask_of.append(ask)
            chance_of.append(chance)
            priority.append(int(index.asker_priority[at]))
            need_text.append(bit.get(int(problem.ask_text[ask]), np.uint64(0)))
    covers: dict[int, np.uint64] = {}
    near = problem.near
    for each in texts[:MOST_TEXTS]:
        for at in range(near.starts[each], near.starts[each + 1]):
            if near.chance[at] < MEETS:
                continue
            offer = int(near.offers_at[at])
            for holder in range(index.holder_starts[offer], index.holder_starts[offer + 1]):
                if int(index.holder_skill[holder]) % LEVELS + 1 >= level:
                    giver = int(index.holder[holder])
                    covers[giver] = covers.get(giver, np.uint64(0)) | bit[each]
    givers = sorted(covers)
    return _Topic(
        np.array(person, dtype=np.int64),
        np.array(ask_of, dtype=np.int64),
        np.array(chance_of, dtype=np.int64),
        np.array(priority, dtype=np.int64),
        np.array(need_text, dtype=np.uint64),
        np.array(givers, dtype=np.int64),
        np.array([covers[each] for each in givers], dtype=np.uint64),
    )


def _pool(
    problem: Problem, people: People, topic: _Topic, *, lead: int, skill: int
) -> tuple[Numbers, Numbers, Numbers, NDArray[np.bool_], NDArray[np.uint64]]:
    """Who could be in a group that this one leads: by number; met, back, whether they give, texts."""
    worth_ = topic.chance * APTNESS[problem.ask_kind[topic.ask], skill] * (3 + topic.priority) // 6
    met, texts = np.zeros(problem.size, dtype=np.int64), np.zeros(problem.size, dtype=np.uint64)
    np.maximum.at(met, topic.person, worth_)
    np.bitwise_or.at(texts, topic.person, topic.text)
    needs = met > 0
    needs[lead] = False
    gives = np.zeros(problem.size, dtype=np.bool_)
    gives[topic.giver] = True
    gives &= ~needs
    gives[lead] = False
    texts[topic.giver[gives[topic.giver]]] = topic.covers[gives[topic.giver]]
    joint = people.free[lead] & people.free
    enough = joint @ people.minutes >= people.need_slots
    tongue = (np.minimum(people.spoken[lead], people.spoken) >= people.floor).any(axis=1)
    who = np.flatnonzero((needs | gives) & people.legal[lead] & enough & tongue)
    return who, np.where(needs, met, 0)[who], people.teaches[who, lead], gives[who], texts[who]


def _blocks(problem: Problem) -> tuple[NDArray[np.uint8], Numbers]:
    """The week cut into blocks in which the same people are free: n by blocks, and the slots of each block."""
    slots = np.array([week.unpacked(each) for each in problem.slots], dtype=np.uint8).reshape(problem.size, week.SLOTS)
    columns, count = np.unique(slots.T, axis=0, return_counts=True)
    return np.ascontiguousarray(columns.T), count.astype(np.int64)
