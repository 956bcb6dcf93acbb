"""The loops of ``indexed``, compiled. Whole numbers only, so any order of summing gives the same result on any machine.

A *row* is everything about one person: a scatter over the index finds everybody with whom there is something to teach; each of
them is then judged against the rules and valued, cheapest questions first, and not at all once what is left to find cannot
lift the pair above what is asked (``floor``).

All of it in one file: what is compiled is kept beside the file and made anew when *this file* changes, whatever it calls elsewhere.
For the same reason weights and tiers come in as numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from services.matching.engine.scoring.rules import REQUIRED
from services.matching.engine.solving.compiled import kept
from services.matching.engine.solving.pairs import NEVER

F = TypeVar("F", bound=Callable[..., Any])
Whole = Any
"""A whole number, of the interpreter or of numpy: compiled code knows no difference."""

MILLION = 1_000_000
HALF_A_DAY = 720  # minutes
LOWEST = -(2**62)
"""A floor below everything."""

# Without counted references (_nrt): nothing here makes or keeps an array, and counting the same arrays up and down for every
# pair, by all threads at once, took ten times as long as the work.
_COMPILING: dict[str, Any] = {"nogil": True, "error_model": "numpy", "_nrt": False}


def compiled(function: F) -> F:
    """Compiled at the first call, kept beside this file, and run without the interpreter's lock."""
    return kept(function, **_COMPILING)


def inlined(function: F) -> F:
    """The same, for what is called for every pair: handing over so many arrays would take longer than the work."""
    return kept(function, **_COMPILING, forceinline=True)


GIVES, RECEIVES, ABLE = 1, 2, 4
FLAGS, BAN, ZONE, LABELS = 0, 1, 2, 3
SAME, DIFFERENT, AT_LEAST_LEVEL, AT_LEAST_SLOTS, AT_MOST_CLOCK = 0, 1, 2, 3, 4
THIRD, LOGISTICS, MOST_SLOTS, TONGUES, PLATEAU, AMPLE_SLOTS, FLUENT, ONE_WAY_COST, ALL_BOTH = range(9)


class Ground(NamedTuple):
    """What a pair is judged by. Few arrays with much in each: every array that a loop touches has its price."""

    facts: NDArray[
        np.int32
    ]  # n by: FLAGS, BAN (base), ZONE (minutes), LABELS …, from TONGUES on: 8 · language + level, then −1
    costs: NDArray[np.int64]  # n: base costs
    slots: NDArray[np.uint64]  # n by words
    spoken: NDArray[np.uint8]  # n by languages
    different: NDArray[np.int64]  # the labels that count as difference
    rules: NDArray[np.int64]  # one row each: form, label or language, bound, cost (or REQUIRED)
    # MOST_SLOTS: shared slots above make no difference; TONGUES: their column; ALL_BOTH: roles forbid nothing; others: ``value``
    weights: NDArray[np.int64]


class Index(NamedTuple):
    """Who has what to teach (see ``Problem``, ``Inverted``, and ``Rulebook`` for the couples)."""

    need_starts: NDArray[np.int64]
    need_ask: NDArray[np.int32]
    need_priority: NDArray[np.uint8]
    offer_starts: NDArray[np.int64]
    offer_text: NDArray[np.int32]
    offer_skill: NDArray[np.uint8]
    ask_text: NDArray[np.int32]
    ask_kind: NDArray[np.uint8]
    near_starts: NDArray[np.int64]
    near_offer: NDArray[np.int32]
    near_chance: NDArray[np.uint16]
    meets_starts: NDArray[np.int64]
    meets_ask: NDArray[np.int32]
    meets_chance: NDArray[np.uint16]
    asker_starts: NDArray[np.int64]
    asker: NDArray[np.int32]
    asker_priority: NDArray[np.uint8]
    holder_starts: NDArray[np.int64]
    holder: NDArray[np.int32]
    holder_skill: NDArray[np.uint8]
    aptness: NDArray[np.int64]
    couple_starts: NDArray[np.int64]
    couple_other: NDArray[np.int32]
    couple_ban: NDArray[np.int64]
    couple_cost: NDArray[np.int64]


class Scratch(NamedTuple):
    """What one thread needs for its rows; clean between them."""

    two: NDArray[
        np.int32
    ]  # n by 4: best and second-best of what the row's person can teach each, and of what each can teach them
    taught: NDArray[
        np.uint64
    ]  # a bit for each person: can be taught something; small enough to stay near the processor
    met: NDArray[np.int32]  # n: how one need of the row's person is met by each
    reached: NDArray[np.int32]  # n: everybody in two
    meeting: NDArray[np.int32]  # n: everybody in met
    ask_best: NDArray[np.int32]
    asks: NDArray[np.int32]
    couple_ban: NDArray[np.int64]  # n
    couple_cost: NDArray[np.int64]  # n


def scratch(people: int, *, asks: int) -> Scratch:
    """Clean scratch."""
    return Scratch(
        two=np.zeros((people, 4), dtype=np.int32),
        taught=np.zeros(people // 64 + 1, dtype=np.uint64),
        met=np.zeros(people, dtype=np.int32),
        reached=np.empty(people, dtype=np.int32),
        meeting=np.empty(people, dtype=np.int32),
        ask_best=np.zeros(asks, dtype=np.int32),
        asks=np.empty(asks, dtype=np.int32),
        couple_ban=np.zeros(people, dtype=np.int64),
        couple_cost=np.zeros(people, dtype=np.int64),
    )


@inlined
def direction(best: Whole, second: Whole) -> Whole:
    """See ``value.direction``."""
    return best + second * (MILLION - best) // (2 * MILLION)


@inlined
def _beyond(people: NDArray[np.int32], low: Whole, high: Whole, after: Whole) -> Whole:
    """Where the people with numbers above ``after`` begin, in a stretch that ascends."""
    if after < 0:
        return low
    while low < high:
        middle = (low + high) >> 1
        if people[middle] <= after:
            low = middle + 1
        else:
            high = middle
    return low


@compiled
def _teach(i: Index, s: Scratch, u: Whole, after: Whole, least: Whole) -> Whole:
    """Fill in what one person can teach everybody beyond ``after``; returns how many were reached.

    Whoever cannot be taught ``least`` may be left out.
    """
    meets_starts, meets_ask, meets_chance = i.meets_starts, i.meets_ask, i.meets_chance
    asker_starts, asker, asker_priority = i.asker_starts, i.asker, i.asker_priority
    ask_kind, aptness = i.ask_kind, i.aptness
    two, taught, everybody, ask_best, asks = s.two, s.taught, s.reached, s.ask_best, s.asks
    asked = 0
    for offer in range(i.offer_starts[u], i.offer_starts[u + 1]):
        text, skill = i.offer_text[offer], i.offer_skill[offer]
        for entry in range(meets_starts[text], meets_starts[text + 1]):
            ask = meets_ask[entry]
            apt = np.int64(meets_chance[entry]) * aptness[ask_kind[ask], skill]
            if apt > ask_best[ask]:
                if ask_best[ask] == 0:
                    asks[asked] = ask
                    asked += 1
                ask_best[ask] = apt
    reached = 0
    for strong in (True, False):
        for position in range(asked):
            ask = asks[position]
            best = np.int64(ask_best[ask])
            # A direction is at most one and a half times its best need: where only weak asks are met, it stays below ``least``.
            # So weak asks only add to whom strong ones have found.
            if (3 * best >= 2 * least) != strong:
                continue
            end = asker_starts[ask + 1]
            for entry in range(_beyond(asker, asker_starts[ask], end, after), end):
                v = asker[entry]
                if not strong and not (taught[v >> 6] >> np.uint64(v & 63)) & np.uint64(1):
                    continue
                worth = best * (3 + np.int64(asker_priority[entry])) // 6
                if worth > two[v, 0]:
                    if two[v, 0] == 0:
                        everybody[reached] = v
                        reached += 1
                        taught[v >> 6] |= np.uint64(1) << np.uint64(v & 63)
                    two[v, 1] = two[v, 0]
                    two[v, 0] = worth
                elif worth > two[v, 1]:
                    two[v, 1] = worth
    for position in range(asked):
        ask_best[asks[position]] = 0
    return reached


@compiled
def _learn(i: Index, s: Scratch, u: Whole, after: Whole, reached: Whole, only_taught: Whole) -> Whole:
    """Fill in what everybody beyond ``after`` can teach one person (``only_taught``: of whom ``_teach`` found)."""
    near_starts, near_offer, near_chance = i.near_starts, i.near_offer, i.near_chance
    holder_starts, holder, holder_skill = i.holder_starts, i.holder, i.holder_skill
    aptness = i.aptness
    two, taught, met, everybody, meets = s.two, s.taught, s.met, s.reached, s.meeting
    for need in range(i.need_starts[u], i.need_starts[u + 1]):
        ask, priority = i.need_ask[need], 3 + np.int64(i.need_priority[need])
        text, kind = i.ask_text[ask], i.ask_kind[ask]
        meeting = 0
        for entry in range(near_starts[text], near_starts[text + 1]):
            offered, chance = near_offer[entry], np.int64(near_chance[entry])
            end = holder_starts[offered + 1]
            for holding in range(_beyond(holder, holder_starts[offered], end, after), end):
                v = holder[holding]
                if only_taught and not (taught[v >> 6] >> np.uint64(v & 63)) & np.uint64(1):
                    continue
                worth = chance * aptness[kind, holder_skill[holding]] * priority // 6
                if worth > met[v]:
                    if met[v] == 0:
                        meets[meeting] = v
                        meeting += 1
                    met[v] = worth
        for position in range(meeting):
            v = meets[position]
            worth = np.int64(met[v])
            met[v] = 0
            if two[v, 0] == 0 and two[v, 2] == 0:
                everybody[reached] = v
                reached += 1
            if worth > two[v, 2]:
                two[v, 3] = two[v, 2]
                two[v, 2] = worth
            elif worth > two[v, 3]:
                two[v, 3] = worth
    return reached


@compiled
def reach(g: Ground, i: Index, s: Scratch, u: Whole, after: Whole, only_taught: Whole, least: Whole) -> Whole:
    """Everybody beyond ``after`` with whom one person has something to teach, and what the rules say about the person's couples.

    ``only_taught``: whoever cannot be taught ``least`` may be left out. Fills ``two``, ``reached`` and the couples; returns how
    many were reached. The person may be among them.
    """
    flags = g.facts[u, FLAGS]
    if not flags & ABLE:
        return 0
    reached = 0
    if flags & GIVES:
        reached = _teach(i, s, u, after, least if only_taught else 0)
    if flags & RECEIVES:
        reached = _learn(i, s, u, after, reached, only_taught)
    for entry in range(i.couple_starts[u], i.couple_starts[u + 1]):
        s.couple_ban[i.couple_other[entry]] = i.couple_ban[entry]
        s.couple_cost[i.couple_other[entry]] = i.couple_cost[entry]
    return reached


@compiled
def leave(i: Index, s: Scratch, u: Whole, reached: Whole) -> None:
    """Clean what ``reach`` filled in."""
    for position in range(reached):
        v = s.reached[position]
        s.two[v, 0] = s.two[v, 1] = s.two[v, 2] = s.two[v, 3] = 0
        s.taught[v >> 6] = 0
    for entry in range(i.couple_starts[u], i.couple_starts[u + 1]):
        s.couple_ban[i.couple_other[entry]] = 0
        s.couple_cost[i.couple_other[entry]] = 0


@inlined
def _bits(word: Whole) -> Whole:
    """How many bits are set (a shape that compilers know as one instruction)."""
    word -= (word >> np.uint64(1)) & np.uint64(0x5555555555555555)
    word = (word & np.uint64(0x3333333333333333)) + ((word >> np.uint64(2)) & np.uint64(0x3333333333333333))
    word = (word + (word >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return np.int64((word * np.uint64(0x0101010101010101)) >> np.uint64(56))


@inlined
def judged(
    u: Whole, v: Whole, there: Whole, back: Whole, ban: Whole, cost: Whole, floor: Whole,
    facts: NDArray[np.int32], costs: NDArray[np.int64], slots: NDArray[np.uint64], spoken: NDArray[np.uint8],
    different: NDArray[np.int64], rules: NDArray[np.int64], weights: NDArray[np.int64],
) -> Whole:  # fmt: skip
    """What a planner sees of the pair, or NEVER: impossible, or at most ``floor``. The arrays are those of ``Ground``.

    ``there``, ``back``: both directions, not both 0, where u and v take part; ``ban``, ``cost``: the couple's own entries.
    """
    if u == v or np.int64(facts[u, BAN]) + np.int64(facts[v, BAN]) + ban > 0:
        return NEVER
    both = facts[u, FLAGS] & facts[v, FLAGS] & (GIVES | RECEIVES) == GIVES | RECEIVES
    if not both:
        there = max(there, back)
        back = there
    worth = 8 * min(there, back) // 10 + (there + back) // 10 - costs[u] - costs[v] - cost
    if both and (there == 0 or back == 0):
        worth -= weights[ONE_WAY_COST]
    if worth + weights[PLATEAU] * weights[THIRD] <= floor:
        return NEVER
    apart = 0
    for k in range(len(different)):
        mine, yours = facts[u, LABELS + different[k]], facts[v, LABELS + different[k]]
        if mine != yours and mine >= 0 and yours >= 0:
            apart += 1
    worth += weights[THIRD] * min(apart, weights[PLATEAU])
    if worth <= floor:
        return NEVER
    for k in range(len(rules)):
        if rules[k, 0] <= DIFFERENT:
            mine, yours = facts[u, LABELS + rules[k, 1]], facts[v, LABELS + rules[k, 1]]
            if (mine == yours and mine >= 0) != (rules[k, 0] == SAME):
                if rules[k, 3] == REQUIRED:
                    return NEVER
                worth -= rules[k, 3]
    clocks = abs(np.int64(facts[u, ZONE]) - np.int64(facts[v, ZONE])) % (2 * HALF_A_DAY)
    clocks = min(clocks, 2 * HALF_A_DAY - clocks)
    level: Whole = 0
    for k in range(weights[TONGUES], facts.shape[1]):
        tongue = facts[v, k]
        if tongue < 0:
            break
        level = max(level, min(np.int64(tongue & 7), np.int64(spoken[u, tongue >> 3])))
    worth -= weights[LOGISTICS] * 2 * clocks // (5 * HALF_A_DAY)
    fluent = weights[FLUENT]
    worth -= weights[LOGISTICS] * (fluent - min(level, fluent)) // (5 * fluent)
    if worth <= floor:
        return NEVER
    shared = 0
    for word in range(slots.shape[1]):
        shared += _bits(slots[u, word] & slots[v, word])
        if shared >= weights[MOST_SLOTS]:
            break
    ample = weights[AMPLE_SLOTS]
    worth -= weights[LOGISTICS] * 2 * (ample - min(shared, ample)) // (5 * ample)
    for k in range(len(rules)):
        form, about, bound = rules[k, 0], rules[k, 1], rules[k, 2]
        short = False
        if form == AT_MOST_CLOCK:
            short = clocks > bound
        elif form == AT_LEAST_SLOTS:
            short = shared < bound
        elif form == AT_LEAST_LEVEL:
            known = level if about < 0 else min(np.int64(spoken[u, about]), np.int64(spoken[v, about]))
            short = known < bound
        if short:
            if rules[k, 3] == REQUIRED:
                return NEVER
            worth -= rules[k, 3]
    return worth if worth > floor else NEVER


@inlined
def _worse(amount: Whole, partner: Whole, other_amount: Whole, other_partner: Whole) -> Whole:
    """Whether the first comes after the second: less, or as much with a larger number."""
    return amount < other_amount or (amount == other_amount and partner > other_partner)


@compiled
def _keep(
    amounts: NDArray[np.int64], partners: NDArray[np.int32], held: NDArray[np.int32], person: Whole, amount: Whole, partner: Whole
) -> None:  # fmt: skip
    """Put an entry into the person's heap of limited size, whose root is the worst."""
    size = amounts.shape[1]
    at: Whole = np.int64(held[person])
    if at < size:
        held[person] += 1
        while at > 0:
            up = (at - 1) >> 1
            if not _worse(amount, partner, amounts[person, up], partners[person, up]):
                break
            amounts[person, at], partners[person, at] = amounts[person, up], partners[person, up]
            at = up
    elif size > 0 and _worse(amounts[person, 0], partners[person, 0], amount, partner):
        at = 0
        while True:
            down = 2 * at + 1
            if down >= size:
                break
            if down + 1 < size and _worse(
                amounts[person, down + 1], partners[person, down + 1], amounts[person, down], partners[person, down]
            ):
                down += 1
            if not _worse(amounts[person, down], partners[person, down], amount, partner):
                break
            amounts[person, at], partners[person, at] = amounts[person, down], partners[person, down]
            at = down
    else:
        return
    amounts[person, at], partners[person, at] = amount, partner


@compiled
def sweep(
    g: Ground, i: Index, s: Scratch, y: NDArray[np.int64], first: Whole, step: Whole, pricing: Whole,
    cheap: NDArray[np.bool_], least_y: Whole, least_dear: Whole,
    excess: NDArray[np.int64], held: NDArray[np.int32], partners: NDArray[np.int32], amounts: NDArray[np.int64],
) -> None:  # fmt: skip
    """Every ``step``-th person from ``first`` on, with everybody after them: each pair once.

    ``pricing``: what counts is the value above ``y[u] + y[v]``, and only above zero; otherwise it is the value itself, whatever it
    is, of two-way pairs. The least price that a partner can have says how much somebody must be able to teach them at least; so
    the few who are ``cheap`` come with everybody in a row of their own (``least_y``: the least price of all, ``least_dear``: of the
    others). Fills ``excess`` of each person (over partners after them), and for both
    of a pair their best partners: how many are ``held``, who, and the amounts; as many as these have columns.
    """
    facts, costs, slots, spoken, different, rules, weights = g
    two, reached, couple_ban, couple_cost = s.two, s.reached, s.couple_ban, s.couple_cost
    all_both, one_way_cost = weights[ALL_BOTH], weights[ONE_WAY_COST]
    most_different = weights[PLATEAU] * weights[THIRD]
    each = amounts.shape[1]
    for u in range(first, len(facts), step):
        lowest = y[u] + (least_y if cheap[u] else least_dear)
        # No one-way pair can be worth its prices: whoever u cannot teach need not be looked at.
        only_taught = all_both and (not pricing or MILLION // 10 + most_different - one_way_cost <= lowest)
        # 0.8 · min(a, b) + 0.1 · (a + b) is at most 0.9 · a + 0.1: so much must a be for any hope.
        least = max(0, (lowest - MILLION // 10 - most_different) * 10 // 9) if pricing else 0
        count = reach(g, i, s, u, -1 if cheap[u] else u, only_taught, least)
        total = 0
        for position in range(count):
            v = np.int64(reached[position])
            a = direction(np.int64(two[v, 0]), np.int64(two[v, 1]))
            b = direction(np.int64(two[v, 2]), np.int64(two[v, 3]))
            if (only_taught and (a == 0 or b == 0)) or (cheap[v] and (v <= u or not cheap[u])):
                continue
            price = y[u] + y[v] if pricing else 0
            floor = price
            if not pricing:
                floor = LOWEST
                if each > 0 and held[u] == each and held[v] == each:
                    floor = min(amounts[u, 0], amounts[v, 0]) - 1  # a tie goes to the smaller number
            if all_both:
                # Nearly all pairs end here, before anything about the other person is looked up.
                most = 8 * min(a, b) // 10 + (a + b) // 10 + most_different
                if a == 0 or b == 0:
                    most -= one_way_cost
                if most <= floor:
                    continue
            worth = judged(
                u, v, a, b, couple_ban[v], couple_cost[v], floor, facts, costs, slots, spoken, different, rules, weights
            )
            if worth != NEVER:
                total += worth - price
                _keep(amounts, partners, held, u, worth - price, v)
                _keep(amounts, partners, held, v, worth - price, u)
        leave(i, s, u, count)
        excess[u] = total


@compiled
def sweep_alone(
    g: Ground, i: Index, s: Scratch, some: NDArray[np.int64], first: Whole, step: Whole,
    held: NDArray[np.int32], partners: NDArray[np.int32], amounts: NDArray[np.int64],
) -> None:  # fmt: skip
    """The best partners of every ``step``-th of these people, two-way or not, by value: one row of the result for each."""
    facts, costs, slots, spoken, different, rules, weights = g
    for k in range(first, len(some), step):
        u = some[k]
        count = reach(g, i, s, u, -1, False, 0)
        for position in range(count):
            v = np.int64(s.reached[position])
            a = direction(np.int64(s.two[v, 0]), np.int64(s.two[v, 1]))
            b = direction(np.int64(s.two[v, 2]), np.int64(s.two[v, 3]))
            floor = amounts[k, 0] - 1 if held[k] == amounts.shape[1] else LOWEST
            worth = judged(
                u, v, a, b, s.couple_ban[v], s.couple_cost[v], floor,
                facts, costs, slots, spoken, different, rules, weights,
            )  # fmt: skip
            if worth != NEVER:
                _keep(amounts, partners, held, k, worth, v)
        leave(i, s, u, count)


@compiled
def exceeding(
    g: Ground, i: Index, s: Scratch, bar: NDArray[np.int64], first: Whole, step: Whole, found: NDArray[np.int64]
) -> None:  # fmt: skip
    """Of every ``step``-th person from ``first`` on: how many after them are worth more with them than the bars of both."""
    facts, costs, slots, spoken, different, rules, weights = g
    most_different = weights[PLATEAU] * weights[THIRD]
    for u in range(first, len(facts), step):
        only_taught = weights[ALL_BOTH] != 0 and MILLION // 10 + most_different - weights[ONE_WAY_COST] <= bar[u]
        least = max(0, (bar[u] - MILLION // 10 - most_different) * 10 // 9)
        count = reach(g, i, s, u, u, only_taught, least)
        for position in range(count):
            v = np.int64(s.reached[position])
            a = direction(np.int64(s.two[v, 0]), np.int64(s.two[v, 1]))
            b = direction(np.int64(s.two[v, 2]), np.int64(s.two[v, 3]))
            floor = max(bar[u], bar[v])
            if (a == 0 and b == 0) or (only_taught and (a == 0 or b == 0)):
                continue
            if weights[ALL_BOTH] != 0 and 8 * min(a, b) // 10 + (a + b) // 10 + most_different <= floor:
                continue
            worth = judged(
                u, v, a, b, s.couple_ban[v], s.couple_cost[v], floor,
                facts, costs, slots, spoken, different, rules, weights,
            )  # fmt: skip
            if worth != NEVER:
                found[u] += 1
        leave(i, s, u, count)


@compiled
def row(
    g: Ground, i: Index, s: Scratch, u: Whole, others: NDArray[np.int32],
    there: NDArray[np.int64], back: NDArray[np.int64], worth: NDArray[np.int64],
) -> None:  # fmt: skip
    """After ``reach``: both directions, and what a planner sees, of one person with each of these others."""
    facts, costs, slots, spoken, different, rules, weights = g
    for position in range(len(others)):
        v = np.int64(others[position])
        there[position] = direction(np.int64(s.two[v, 0]), np.int64(s.two[v, 1]))
        back[position] = direction(np.int64(s.two[v, 2]), np.int64(s.two[v, 3]))
        worth[position] = judged(
            u, v, there[position], back[position], s.couple_ban[v], s.couple_cost[v], LOWEST,
            facts, costs, slots, spoken, different, rules, weights,
        )  # fmt: skip


@compiled
def _chance(i: Index, text: Whole, offered: Whole) -> Whole:
    """Thousandths that the offer meets the need, by their texts."""
    low, high = i.near_starts[text], i.near_starts[text + 1]
    while low < high:
        middle = (low + high) >> 1
        if i.near_offer[middle] < offered:
            low = middle + 1
        else:
            high = middle
    if low < i.near_starts[text + 1] and i.near_offer[low] == offered:
        return np.int64(i.near_chance[low])
    return 0


@compiled
def _teaches(g: Ground, i: Index, teacher: Whole, learner: Whole) -> Whole:
    """One direction, by looking at every need and offer of the two."""
    gives, receives = g.facts[teacher, FLAGS], g.facts[learner, FLAGS]
    if not (gives & ABLE and gives & GIVES and receives & ABLE and receives & RECEIVES):
        return 0
    best, second = 0, 0
    for need in range(i.need_starts[learner], i.need_starts[learner + 1]):
        ask, priority = i.need_ask[need], 3 + np.int64(i.need_priority[need])
        worth = 0
        for offer in range(i.offer_starts[teacher], i.offer_starts[teacher + 1]):
            chance = _chance(i, i.ask_text[ask], i.offer_text[offer])
            worth = max(worth, chance * i.aptness[i.ask_kind[ask], i.offer_skill[offer]] * priority // 6)
        if worth > best:
            best, second = worth, best
        elif worth > second:
            second = worth
    return direction(best, second)


@compiled
def values(g: Ground, i: Index, us: NDArray[np.int32], vs: NDArray[np.int32], found: NDArray[np.int64]) -> None:
    """Fill ``found`` with what a planner sees of these pairs."""
    facts, costs, slots, spoken, different, rules, weights = g
    for k in range(len(us)):
        u, v = np.int64(us[k]), np.int64(vs[k])
        there, back = _teaches(g, i, u, v), _teaches(g, i, v, u)
        ban, cost = np.int64(0), np.int64(0)
        for entry in range(i.couple_starts[u], i.couple_starts[u + 1]):
            if i.couple_other[entry] == v:
                ban, cost = i.couple_ban[entry], i.couple_cost[entry]
                break
        found[k] = NEVER
        if there + back > 0:
            found[k] = judged(
                u, v, there, back, ban, cost, LOWEST, facts, costs, slots, spoken, different, rules, weights
            )
