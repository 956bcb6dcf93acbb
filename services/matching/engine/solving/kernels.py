"""Loops over plain arrays, written so that they run as they are (small cohorts) and compiled (`compiled.faster`)."""

from __future__ import annotations

import heapq

import numpy as np
from numpy.typing import NDArray

from services.matching.engine.solving.pairs import Millionths

NONE = -1


def correct_labels(first: Millionths, sink: Millionths, length: Millionths, start: Millionths) -> Millionths:
    """The largest labels ≤ ``start`` with ``d[sink] ≤ d[node] + length``; the arcs of a node are first[node]:first[node + 1]."""
    size = len(start)
    distance = start.copy()
    queue = np.arange(size)
    waits = np.ones(size, np.bool_)
    at, count = 0, size
    while count > 0:
        node = queue[at]
        at = at + 1 if at + 1 < size else 0
        count -= 1
        waits[node] = False
        here = distance[node]
        for arc in range(first[node], first[node + 1]):
            there = here + length[arc]
            other = sink[arc]
            if there < distance[other]:
                distance[other] = there
                if not waits[other]:
                    waits[other] = True
                    end = at + count
                    queue[end if end < size else end - size] = other
                    count += 1
    return distance


def descend(
    first: Millionths,
    other: Millionths,
    w: Millionths,
    places: Millionths,
    alone: Millionths,
    y: Millionths,
    sweeps: int,
) -> None:
    """Move the prices ``y`` of one person after the other to where exactly as many couples are worth more as they have places: half-way
    between the last that is and the first that is not. ``other[first[p]:first[p + 1]]``: the partners of person p; a place that stays
    open is worth 0, the last of somebody who waits ``−alone``."""
    most = 0
    for room in places:
        most = max(most, room)
    best = np.zeros(most + 1, np.int64)
    for _ in range(sweeps):
        for person in range(len(y)):
            room = places[person]
            if room == 0:
                continue
            for place in range(room + 1):
                best[place] = 0 if place < room - 1 else -alone[person]
            for k in range(first[person], first[person + 1]):
                left = w[k] - y[other[k]]
                if left <= best[room]:
                    continue
                place = room
                while place > 0 and best[place - 1] < left:
                    best[place] = best[place - 1]
                    place -= 1
                best[place] = left
            y[person] = (best[room - 1] + best[room]) // 2


def reroute(
    first: Millionths,
    tail: Millionths,
    head: Millionths,
    cost: Millionths,
    room: Millionths,
    flow: Millionths,
    place: Millionths,
    left: Millionths,
    right: Millionths,
) -> int:
    """Mend a flow of least cost that new arcs, without flow, made dearer than it need be; how many units were sent anew.

    The arcs of L_p are ``first[p]:first[p + 1]``, its places ``place[p + 1] − place[p]``; ``left`` and ``right`` are its potentials:
    ``cost + left[tail] − right[head]`` is not positive where something flows, and not negative where there is room, but on the new
    arcs. There the potential of L_p rises until it is not, and what L_p sends at a loss thereby is taken back. Each unit is then sent
    again the cheapest way (Dijkstra's algorithm on these reduced costs, from L_p to the nearest R that lacks one), and the potentials
    of whatever was nearer are brought in line: after each unit the flow is again the cheapest of its size."""
    size = len(left)
    lacks_left, lacks_right = np.zeros(size, np.int64), np.zeros(size, np.int64)
    for p in range(size):
        least = left[p]
        for k in range(first[p], first[p + 1]):
            if flow[k] < room[k]:
                least = max(least, right[head[k]] - cost[k])
        if least == left[p]:
            continue
        left[p] = least
        for k in range(first[p], first[p + 1]):
            to = head[k]
            if flow[k] > 0 and cost[k] + least - right[to] > 0:
                lacks_left[p] += flow[k]
                lacks_right[to] += flow[k]
                flow[k] = 0
    # What carries something to R_p: held[place[p]:place[p] + degree[p]].
    held, degree = np.empty(place[size], np.int64), np.zeros(size, np.int64)
    for k in range(len(flow)):
        if flow[k] > 0:
            held[place[head[k]] + degree[head[k]]] = k
            degree[head[k]] += 1
    # L_p is node p, R_p node size + p.
    seen, done = np.full(2 * size, NONE), np.full(2 * size, NONE)
    dist, by = np.zeros(2 * size, np.int64), np.zeros(2 * size, np.int64)
    settled = np.empty(2 * size, np.int64)
    sent = 0
    for root in range(size):
        while lacks_left[root] > 0:
            heap = [(0, root)]
            dist[root], seen[root] = 0, sent
            count, goal = 0, NONE
            while heap:
                here, node = heapq.heappop(heap)
                if done[node] == sent or here != dist[node]:
                    continue
                if node >= size and lacks_right[node - size] > 0:
                    goal = node
                    break
                done[node] = sent
                settled[count] = node
                count += 1
                if node < size:
                    for k in range(first[node], first[node + 1]):
                        if flow[k] == room[k]:
                            continue
                        there = here + cost[k] + left[node] - right[head[k]]
                        to = size + head[k]
                        if seen[to] != sent or there < dist[to]:
                            seen[to], dist[to], by[to] = sent, there, k
                            heapq.heappush(heap, (there, to))
                else:
                    for slot in range(place[node - size], place[node - size] + degree[node - size]):
                        k = held[slot]
                        to = tail[k]
                        there = here - cost[k] - left[to] + right[node - size]
                        if seen[to] != sent or there < dist[to]:
                            seen[to], dist[to], by[to] = sent, there, k
                            heapq.heappush(heap, (there, to))
            for at in range(count):
                node = settled[at]
                nearer = dist[goal] - dist[node]
                if node < size:
                    left[node] -= nearer
                else:
                    right[node - size] -= nearer
            sent += 1
            lacks_left[root] -= 1
            lacks_right[goal - size] -= 1
            node = goal
            while node != root:
                k = by[node]
                to = head[k]
                if node >= size:
                    if flow[k] == 0:
                        held[place[to] + degree[to]] = k
                        degree[to] += 1
                    flow[k] += 1
                    node = tail[k]
                else:
                    flow[k] -= 1
                    if flow[k] == 0:
                        end = place[to] + degree[to] - 1
                        for slot in range(place[to], end):
                            if held[slot] == k:
                                held[slot] = held[end]
                                break
                        degree[to] -= 1
                    node = size + to
    return sent


def lengthen(
    first: Millionths,
    column: Millionths,
    sum_of_ends: Millionths,
    cost: Millionths,
    y: Millionths,
    alone: Millionths,
    place: Millionths,
    held: Millionths,
    degree: Millionths,
    chosen: NDArray[np.bool_],
    patience: int,
) -> int:
    """Better the plan by alternating paths from people with a free place; the number of paths that were flipped.

    ``column[first[p]:first[p + 1]]``: the couples of person p, cheapest first; ``sum_of_ends[k]``: u + v; ``cost[k]``:
    y_u + y_v − w, what couple k falls short of its prices; ``held[place[p]:place[p] + degree[p]]``: the couples that p is in.
    A path adds a couple at its start s, takes one from that partner, adds one for whoever thereby lost it, and so on; it ends
    at somebody with a free place (gain y_s + y_t − costs) or leaves its last person short (y_s − y_b − costs). It is found by
    Dijkstra's algorithm over who is short; ``patience`` bounds how many are looked at. A path between two free places is looked
    for from its dearer end, so a search ends where twice its start's price is spent. A person settled once is not looked at
    again, and a path that would use a couple twice is not taken: a heuristic, as walks in general graphs demand. Nobody who
    waits (``alone`` > 0) loses the last partner unless somebody gains theirs.
    """
    size = len(y)
    dist = np.zeros(size, np.int64)
    seen = np.full(size, NONE)  # by which root this person was last reached
    done = np.full(size, NONE)
    added = np.full(size, NONE)  # the couple that was added before this person lost one
    removed = np.full(size, NONE)
    before = np.full(size, NONE)
    flipped = 0
    for root in range(size):
        if place[root] + degree[root] >= place[root + 1]:
            continue
        own = int(y[root] + (alone[root] if degree[root] == 0 else 0))
        dist[root], seen[root], before[root] = 0, root, NONE
        heap = [(0, root)]
        best, best_from, best_last = 0, NONE, NONE  # the gain, the last person who is short, the couple added for them
        looked = 0
        while heap and looked < patience:
            here, person = heapq.heappop(heap)
            if done[person] == root or here != dist[person]:
                continue
            if 2 * own - here <= best:
                break
            done[person] = root
            looked += 1
            if person != root:
                gain = own - here - int(y[person] + (alone[person] if degree[person] == 1 else 0))
                if gain > best:
                    best, best_from, best_last = gain, person, NONE
            for at in range(first[person], first[person + 1]):
                k = column[at]
                there = here + int(cost[k])
                if 2 * own - there <= best:
                    break  # the couples that follow cost more
                if chosen[k]:
                    continue
                other = int(sum_of_ends[k] - person)
                if other == root and place[root] + degree[root] + 1 >= place[root + 1]:
                    continue
                back, used = person, False
                while back != root:
                    if added[back] == k:
                        used = True
                    back = int(before[back])
                if used:
                    continue
                if place[other] + degree[other] < place[other + 1]:
                    gain = own - there + int(y[other])
                    if degree[other] == 0 and other != root:
                        gain += int(alone[other])
                    if gain > best:
                        best, best_from, best_last = gain, person, int(k)
                for slot in range(place[other], place[other] + degree[other]):
                    gone = held[slot]
                    short = int(sum_of_ends[gone] - other)
                    if done[short] == root:
                        continue
                    total = there - int(cost[gone])
                    if seen[short] == root and dist[short] <= total:
                        continue
                    back, used = person, False
                    while back != root:
                        if removed[back] == gone:
                            used = True
                        back = int(before[back])
                    if used:
                        continue
                    total = max(total, here)  # a couple dearer than its prices may shorten a path: not its settled part
                    dist[short], seen[short] = total, root
                    added[short], removed[short], before[short] = k, gone, person
                    heapq.heappush(heap, (total, short))
        if best <= 0:
            continue
        flipped += 1
        back = best_from
        while back != root:
            gone = removed[back]
            chosen[gone] = False
            for p in (back, sum_of_ends[gone] - back):
                end = place[p] + degree[p] - 1
                for slot in range(place[p], end):
                    if held[slot] == gone:
                        held[slot] = held[end]
                        break
                degree[p] -= 1
            back = int(before[back])
        back, k = best_from, best_last
        while True:
            if k != NONE:
                chosen[k] = True
                for p in (back, sum_of_ends[k] - back):
                    held[place[p] + degree[p]] = k
                    degree[p] += 1
            if back == root:
                break
            k = int(added[back])
            back = int(before[back])
    return flipped


def colour(u: Millionths, v: Millionths, order: Millionths, at: Millionths, colours: Millionths) -> int:
    """Give every couple a colour (a round) that neither of its two people has yet; how many got one.

    ``at[p, c]``: the couple of person p in round c, or NONE; ``colours[k]``: of couple k, or NONE; both are filled in, in
    ``order``. Where no round is free for both, a free round a of u and one b of v are swapped along the chain of couples that
    alternates between them from v (Kempe 1879): in bipartite graphs it never ends at u (König 1916); where it always does, the
    couple stays without a round."""
    rounds = at.shape[1]
    chain = np.empty(at.shape[0], np.int64)
    coloured = 0
    for turn in range(len(order)):
        k = order[turn]
        if colours[k] != NONE:
            continue
        one, other = u[k], v[k]
        found = NONE
        for a in range(rounds):
            if at[one, a] == NONE and at[other, a] == NONE:
                found = a
                break
        if found == NONE:
            for a in range(rounds):
                if at[one, a] != NONE or found != NONE:
                    continue
                for b in range(rounds):
                    if at[other, b] != NONE:
                        continue
                    person, way, length = other, a, 0
                    while at[person, way] != NONE:
                        link = at[person, way]
                        chain[length] = link
                        length += 1
                        person = u[link] + v[link] - person
                        way = b if way == a else a
                    if person == one:
                        continue
                    for step in range(length):
                        link = chain[step]
                        at[u[link], colours[link]] = at[v[link], colours[link]] = NONE
                    for step in range(length):
                        link = chain[step]
                        colours[link] = b if colours[link] == a else a
                        at[u[link], colours[link]] = at[v[link], colours[link]] = link
                    found = a
                    break
        if found != NONE:
            colours[k] = found
            at[one, found] = k
            at[other, found] = k
            coloured += 1
    return coloured
