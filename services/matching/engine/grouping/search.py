"""The best group of all possible ones at given prices, or every group that is good enough: branch and bound.

One loop over plain arrays, written so that it runs as it is (few people) and compiled (``compiled.search``).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.int64]

WIDEST = 6  # the largest group
BEST, EVERY = 0, 1
PART, LOGISTICS, NEED_SLOTS, FLOOR, LEAST, MOST, BONUS, WORTH, MODE, THRESHOLD, PATIENCE, PLATEAU = range(12)
"""The places of ``given``. WORTH 1: groups count with their value, 0: only with their members' bonus and prices. PATIENCE: steps for
each option."""


def search(
    chosen: Numbers,
    lead: Numbers,
    starts: Numbers,
    who: Numbers,
    met: Numbers,
    back: Numbers,
    gives: NDArray[np.bool_],
    texts: NDArray[np.uint64],
    legal: NDArray[np.bool_],
    differ: Numbers,
    cost: Numbers,
    clock: Numbers,
    spoken: Numbers,
    free: NDArray[np.uint8],
    minutes: Numbers,
    y: Numbers,
    given: Numbers,
    bound: Numbers,
    found: Numbers,
) -> int:
    """Groups ``w + bonus · members − Σ y`` of the options ``chosen``; how many were found (more than fit: −1).

    BEST: the best one above the threshold of each option, in ``found``; ``bound[o]`` is what no group of the option exceeds, which
    is the best one's worth unless the patience ran out. EVERY: all from the threshold on. A row of ``found``: option, language, members
    (who leads first, −1 where there is none), and the worth last.

    At a node some are chosen; the others of the list may each be with all of those. What the group can become is at most: what is
    sure, the next best on the list, three differences for each couple that is open, and the best teacher of the one who leads.
    Logistics only get worse with every member.
    """
    blocks = len(minutes)
    longest = 0
    for o in chosen:
        longest = max(longest, starts[o + 1] - starts[o])
    pot = np.zeros(longest, np.int64)
    order = np.zeros(longest, np.int64)
    lists = np.zeros((WIDEST, longest), np.int64)
    count = np.zeros(WIDEST, np.int64)
    at = np.zeros(WIDEST, np.int64)
    picked = np.zeros(WIDEST, np.int64)  # places in the pool
    member = np.zeros(WIDEST, np.int64)  # people, the one who leads first
    joint = np.zeros((WIDEST, blocks), np.uint8)
    sure = np.zeros(WIDEST, np.int64)  # sum of the chosen ones' pots
    differing = np.zeros(WIDEST, np.int64)
    broken = np.zeros(WIDEST, np.int64)
    widest = np.zeros(WIDEST, np.int64)
    level = np.zeros(WIDEST, np.int64)
    taught = np.zeros(WIDEST, np.int64)
    givers = np.zeros(WIDEST, np.int64)
    short = np.zeros(WIDEST, np.int64)  # the logistics of one
    part, weight = given[PART] * given[WORTH], given[LOGISTICS] * given[WORTH]
    mode, worth = given[MODE], given[WORTH]
    total = 0
    for o in chosen:
        first, size = starts[o], starts[o + 1] - starts[o]
        leader = lead[o]
        for i in range(size):
            pot[i] = worth * met[first + i] - y[who[first + i]] + given[BONUS]
        order[:size] = np.argsort(-pot[:size], kind="mergesort")
        best, ceiling, steps = given[THRESHOLD], given[THRESHOLD], 0
        row = -1
        for language in range(spoken.shape[1]):
            if spoken[leader, language] < given[FLOOR]:
                continue
            for k in range(given[LEAST], given[MOST] + 1):
                rate = part * (120 // k)
                couples = k * (k - 1) // 2
                member[0] = leader
                joint[0] = free[leader]
                differing[0] = broken[0] = widest[0] = taught[0] = givers[0] = 0
                level[0] = spoken[leader, language]
                sure[0] = given[BONUS] - y[leader]
                short[0] = weight * (5 - min(level[0], 5)) // 25
                length = 0
                for i in range(size):
                    if spoken[who[first + order[i]], language] >= given[FLOOR]:
                        lists[0, length] = order[i]
                        length += 1
                count[0], at[0] = length, 0
                depth = 0
                while depth >= 0:
                    need = k - 1 - depth
                    i = at[depth]
                    if i + need > count[depth]:
                        depth -= 1
                        continue
                    reach = sure[depth] + rate * differing[depth] - (2 * broken[depth] + k - 1) // k * worth
                    reach -= (k - 1) * short[depth]
                    for j in range(i, i + need):
                        reach += pot[lists[depth, j]]
                    reach += rate * given[PLATEAU] * (couples - (depth + 1) * depth // 2)
                    if worth == 1:
                        last = pot[lists[depth, i + need - 1]]
                        more = taught[depth]
                        for j in range(i, count[depth]):
                            c = lists[depth, j]
                            extra = back[first + c] - (last - pot[c] if j >= i + need else 0)
                            more = max(more, extra)
                        reach += more
                    if depth == 0 and i == 0:
                        ceiling = max(ceiling, reach)
                    if steps > given[PATIENCE]:
                        break  # what the other sizes and languages could reach at most is still looked at
                    if reach < best or (reach == best and mode == BEST):
                        depth -= 1
                        continue
                    steps += 1
                    at[depth] = i + 1
                    c = lists[depth, i]
                    person = who[first + c]
                    after = depth + 1
                    givers[after] = givers[depth] + (1 if gives[first + c] else 0)
                    if givers[after] > 1 or (after == k - 1 and after - givers[after] < 2):
                        continue
                    slots = 0
                    for b in range(blocks):
                        both = joint[depth, b] & free[person, b]
                        joint[after, b] = both
                        if both:
                            slots += minutes[b]
                    if slots < given[NEED_SLOTS]:
                        continue
                    differing[after], broken[after], widest[after] = differing[depth], broken[depth], widest[depth]
                    for j in range(depth + 1):
                        ahead = abs(clock[person] - clock[member[j]]) % 1440
                        widest[after] = max(widest[after], min(ahead, 1440 - ahead))
                        differing[after] += differ[person, member[j]]
                        broken[after] += cost[person, member[j]]
                    picked[after], member[after] = c, person
                    sure[after] = sure[depth] + pot[c]
                    taught[after] = max(taught[depth], back[first + c])
                    level[after] = min(level[depth], spoken[person, language])
                    short[after] = (
                        weight * 2 * widest[after] // 3600
                        + weight * 2 * max(0, 36 - slots) // 180
                        + weight * (5 - min(level[after], 5)) // 25
                    )
                    if after < k - 1:
                        length = 0
                        for j in range(i + 1, count[depth]):
                            d = lists[depth, j]
                            if not legal[person, who[first + d]]:
                                continue
                            if gives[first + c] != gives[first + d]:
                                if (texts[first + c] & texts[first + d]) == 0:
                                    continue
                            elif gives[first + c]:
                                continue
                            lists[after, length] = d
                            length += 1
                        count[after], at[after] = length, 0
                        depth = after
                        continue
                    value = sure[after] + rate * differing[after] - (2 * broken[after] + k - 1) // k * worth
                    value += worth * taught[after] - (k - 1) * short[after]
                    if mode == BEST and value > best:
                        best = value
                        if row < 0:
                            row = total
                            total += 1
                    elif mode == EVERY and value >= best:
                        row = total
                        total += 1
                    else:
                        continue
                    if total > len(found):
                        return -1
                    found[row, 0], found[row, 1] = o, language
                    for j in range(WIDEST):
                        found[row, 2 + j] = member[j] if j < k else -1
                    found[row, 2 + WIDEST] = value
        bound[o] = best if steps <= given[PATIENCE] else max(best, ceiling)
    return total
