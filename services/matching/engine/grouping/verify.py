"""An independent look at all possible groups: it knows what a group is and what it is worth, and nothing of how plans are made.

Groups are built one member after the other, many at once: a *front* holds partial groups of one option, language and size, as rows. For
each row, everybody who could still join counts with what they add to those who are there, and the open couples with the most that two
can differ; logistics only get worse. Rows that cannot come above the bar are dropped. Since the certificate says what nobody exceeds,
the bar is known from the start.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.matching.engine.grouping.certificate import Certificate
from services.matching.engine.grouping.circles import PARTS, Circles, Numbers, People
from services.matching.engine.model import Grouping
from services.matching.engine.scoring.value import AMPLE_SLOTS, FLUENT, HALF_A_DAY, PLATEAU

STEPS = 3_000_000
"""Partial groups that are looked at, at most: half a minute or so."""
CELLS = 200_000  # rows times candidates of a front that is worked on at once
LEAST_LEARNERS = 2


class TooMany(Exception):
    """There are more groups to look at than was allowed."""


@dataclass(frozen=True, slots=True)
class Found:
    """A group above the bar: who leads first; ``over``: what it is worth at the prices, in millionths."""

    option: int
    language: int
    members: tuple[int, ...]
    over: int


@dataclass(slots=True)
class Steps:
    """How many partial groups may still be looked at."""

    left: int = STEPS

    def take(self, count: int) -> None:
        """Raises ``TooMany``."""
        self.left -= count
        if self.left < 0:
            raise TooMany


def wrong_with(
    people: People, circles: Circles, grouping: Grouping, *, option: int, language: int, members: tuple[int, ...]
) -> str:
    """What forbids a group, in words; "" when nothing does."""
    if not 0 <= option < circles.size:
        return "nobody could lead it"
    if len(set(members)) < len(members):
        return "somebody is in it twice"
    if not grouping.least <= len(members) <= grouping.most:
        return f"it has {len(members)} members, not {grouping.least} to {grouping.most}"
    leader, *others = members
    some = slice(int(circles.starts[option]), int(circles.starts[option + 1]))
    at = dict(zip(circles.who[some].tolist(), range(some.start, some.stop), strict=True))
    if leader != int(circles.lead[option]) or not all(each in at for each in others):
        return "its topic is not for all of them"
    everybody = np.array(members)
    if not (people.legal[np.ix_(everybody, everybody)] | np.eye(len(members), dtype=np.bool_)).all():
        return "two of them may not meet"
    gives = [each for each in others if circles.gives[at[each]]]
    learns = [each for each in others if each not in gives]
    if len(gives) > 1 or len(learns) < LEAST_LEARNERS:
        return f"{len(gives)} give beside who leads and {len(learns)} learn"
    if any(not circles.texts[at[one]] & circles.texts[at[two]] for one in gives for two in learns):
        return "somebody gives what another member does not need"
    if not 0 <= language < people.spoken.shape[1] or int(people.spoken[everybody, language].min()) < people.floor:
        return "not all speak its language well enough"
    if int(people.minutes[people.free[everybody].all(axis=0)].sum()) < people.need_slots:
        return "its members share too little time"
    return ""


def groups_above(
    people: People, circles: Circles, grouping: Grouping, certificate: Certificate, *, short: int, steps: Steps
) -> list[Found]:
    """Every possible group that is worth more at the prices than what its leader's groups shall not exceed, less ``short``. Raises
    ``TooMany``."""
    found: list[Found] = []
    for option in range(circles.size):
        pool = _pool(people, circles, option, certificate)
        bar = int(certificate.led[pool.leader]) - short
        for language in range(people.spoken.shape[1]):
            if int(people.spoken[pool.leader, language]) < people.floor:
                continue
            for size in range(grouping.least, grouping.most + 1):
                found += [
                    Found(option, language, (pool.leader, *sorted(pool.who[list(row)].tolist())), over)
                    for row, over in _above(people, pool, language=language, size=size, bar=bar, steps=steps)
                ]
    return found


@dataclass(frozen=True, slots=True)
class _Pool:
    """Who could be in a group of one option, the most welcome first, with each other: p people."""

    leader: int
    who: Numbers
    pot: Numbers  # what each brings along, alone
    alone: int  # what the leader brings
    back: Numbers
    gives: NDArray[np.bool_]
    fits: NDArray[np.bool_]  # p by p
    differ: Numbers  # p by p
    cost: Numbers
    apart: Numbers  # minutes between clocks
    differ_lead: Numbers  # p
    cost_lead: Numbers
    apart_lead: Numbers
    free: NDArray[np.uint8]
    free_lead: NDArray[np.uint8]
    valued: int


def _pool(people: People, circles: Circles, option: int, certificate: Certificate) -> _Pool:
    some = slice(int(circles.starts[option]), int(circles.starts[option + 1]))
    leader, valued = int(circles.lead[option]), int(certificate.valued)
    pot = valued * circles.met[some] - certificate.y[circles.who[some]] + certificate.bonus
    order = np.argsort(-pot, kind="stable")
    who, gives, texts = circles.who[some][order], circles.gives[some][order], circles.texts[some][order]
    fits = people.legal[np.ix_(who, who)] & ~(gives[:, None] & gives)
    mixed = gives[:, None] != gives
    fits &= ~mixed | ((texts[:, None] & texts) != 0)
    np.fill_diagonal(fits, False)
    return _Pool(
        leader=leader,
        who=who,
        pot=pot[order],
        alone=certificate.bonus - int(certificate.y[leader]),
        back=valued * circles.back[some][order],
        gives=gives,
        fits=np.triu(fits),  # each set of people is built once, in this order
        differ=people.differ[np.ix_(who, who)],
        cost=people.cost[np.ix_(who, who)],
        apart=_apart(people.clock[who][:, None], people.clock[who]),
        differ_lead=people.differ[leader, who],
        cost_lead=people.cost[leader, who],
        apart_lead=_apart(people.clock[leader], people.clock[who]),
        free=people.free[who],
        free_lead=people.free[leader],
        valued=valued,
    )


def _apart(one: Numbers, other: Numbers) -> Numbers:
    ahead = np.abs(one - other) % (2 * HALF_A_DAY)
    shorter: Numbers = np.minimum(ahead, 2 * HALF_A_DAY - ahead)
    return shorter


@dataclass(frozen=True, slots=True)
class _Front:
    """m partial groups. By row and candidate: ``open`` who may join, ``gain`` what they add, ``cost`` and ``apart`` to those there."""

    chosen: Numbers  # m by members so far, places in the pool
    sure: Numbers
    broken: Numbers
    widest: Numbers
    level: Numbers
    taught: Numbers
    givers: Numbers
    joint: NDArray[np.uint8]
    open: NDArray[np.bool_]
    gain: Numbers
    cost: Numbers
    apart: Numbers

    def rows(self, which: slice) -> _Front:
        """Some of them."""
        return _Front(*(getattr(self, name)[which] for name in self.__slots__))


def _above(
    people: People, pool: _Pool, *, language: int, size: int, bar: int, steps: Steps
) -> Iterator[tuple[tuple[int, ...], int]]:
    spoken = people.spoken[pool.who, language]
    rate = pool.valued * people.part * (2 * PARTS // size)
    one = np.zeros(1, np.int64)
    fronts = [
        _Front(
            chosen=np.zeros((1, 0), np.int64),
            sure=one + pool.alone,
            broken=one,
            widest=one,
            level=one + int(people.spoken[pool.leader, language]),
            taught=one,
            givers=one,
            joint=pool.free_lead[None, :],
            open=(spoken >= people.floor)[None, :],
            gain=(pool.pot + rate * pool.differ_lead)[None, :],
            cost=pool.cost_lead[None, :],
            apart=pool.apart_lead[None, :],
        )
    ]
    at_once = max(1, CELLS // max(1, len(pool.who)))
    while fronts:
        front = fronts.pop()
        if len(front.sure) > at_once:
            fronts += [front.rows(slice(start, start + at_once)) for start in range(0, len(front.sure), at_once)]
            continue
        rest = size - 1 - front.chosen.shape[1]
        kept, joining = _promising(people, pool, front, size=size, rest=rest, rate=rate, bar=bar)
        steps.take(len(kept))
        if not len(kept):
            continue
        grown = _grown(people, pool, front, kept, joining, spoken=spoken, rate=rate)
        enough = grown.joint @ people.minutes >= people.need_slots
        if rest > 1:
            fronts.append(_Front(*(getattr(grown, name)[enough] for name in grown.__slots__)))
            continue
        over = grown.sure + grown.taught - _paid(people, pool, grown, size=size)
        for row in np.flatnonzero(enough & (over > bar) & (size - 1 - grown.givers >= LEAST_LEARNERS)).tolist():
            yield tuple(grown.chosen[row].tolist()), int(over[row])


def _promising(
    people: People, pool: _Pool, front: _Front, *, size: int, rest: int, rate: int, bar: int
) -> tuple[Numbers, Numbers]:
    """Rows, and who joins each, that may still come above the bar with ``rest`` members more."""
    lowest = np.int64(-(2**60))
    if len(pool.who) < rest:
        return np.empty(0, np.int64), np.empty(0, np.int64)
    gain = np.where(front.open, front.gain, lowest)
    best = -np.sort(-gain, axis=1)[:, :rest]
    whole = front.open.sum(axis=1) >= rest
    last = np.where(whole, best[:, -1], 0)
    others = np.where(whole, best[:, :-1].sum(axis=1), 0)
    base = front.sure - _paid(people, pool, front, size=size) + rate * PLATEAU * (rest * (rest - 1) // 2)
    # Who teaches the leader most is there already, among the best, or takes the place of the last of those.
    back = np.where(front.open, pool.back - np.maximum(0, last[:, None] - gain), lowest)
    taught = np.maximum(front.taught, back.max(axis=1, initial=lowest))
    reach = (base + others + taught)[:, None] + np.minimum(gain, last[:, None])
    # One who is among the best anyway adds no more than the last of them in their stead.
    row, who = np.nonzero(front.open & whole[:, None] & (reach > bar))
    return row.astype(np.int64), who.astype(np.int64)


def _paid(people: People, pool: _Pool, front: _Front, *, size: int) -> Numbers:
    """What logistics and preferred rules take off so far; more members never make it less."""
    if not pool.valued:
        return np.zeros(len(front.sure), np.int64)
    weight = people.logistics
    slots = front.joint @ people.minutes
    paid: Numbers = (
        weight * 2 * front.widest // (5 * HALF_A_DAY)
        + weight * 2 * np.maximum(0, AMPLE_SLOTS - slots) // (5 * AMPLE_SLOTS)
        + weight * (FLUENT - np.minimum(front.level, FLUENT)) // (5 * FLUENT)
    )
    return (size - 1) * paid + -(-2 * front.broken // size)


def _grown(
    people: People, pool: _Pool, front: _Front, row: Numbers, who: Numbers, *, spoken: Numbers, rate: int
) -> _Front:
    return _Front(
        chosen=np.column_stack((front.chosen[row], who)),
        sure=front.sure[row] + front.gain[row, who],
        broken=front.broken[row] + front.cost[row, who],
        widest=np.maximum(front.widest[row], front.apart[row, who]),
        level=np.minimum(front.level[row], spoken[who]),
        taught=np.maximum(front.taught[row], pool.back[who]),
        givers=front.givers[row] + pool.gives[who],
        joint=front.joint[row] & pool.free[who],
        open=front.open[row] & pool.fits[who],
        gain=front.gain[row] + rate * pool.differ[who],
        cost=front.cost[row] + pool.cost[who],
        apart=np.maximum(front.apart[row], pool.apart[who]),
    )
