"""Whether any plan at all is better than one that lies ready: for who checks a small plan, without an integer program.

A plan's distance from a certificate's bound is the sum of what it gives up: the price of everybody who is in no group, and what each
of its groups falls short of the most that its leader's groups are worth. A plan that is better than ours gives up less, in total,
than lies between ours and the bound. So only groups that fall short by less need be listed, and among those person after person is
put into a group or left out, until nothing is left to give up.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from services.matching.engine.grouping.certificate import Certificate
from services.matching.engine.grouping.verify import Found, Steps

BRANCHES = 100_000
"""Partial plans that are looked at, at most: a few seconds."""


@dataclass(frozen=True, slots=True)
class _Option:
    people: int  # a bit for each
    size: int
    short: int
    worth: int


def is_best(found: Sequence[Found], certificate: Certificate, *, people: int, value: int, budget: int) -> bool:
    """Whether no plan with at least ``people`` in groups is worth more than ``value``. A better one would give up less than ``budget``, and
    all groups that fall short by less are among ``found``. Raises ``TooMany``."""
    y, steps = certificate.y.tolist(), Steps(BRANCHES)
    of = _by_person(found, certificate)

    def better(open_: int, left: int, *, short_of: int, more: int) -> bool:
        """Whether those who are ``open_`` can be planned so that another ``short_of`` are in groups worth ``more``, for less than
        ``left``."""
        if short_of <= 0 and more < 0:
            return True
        if left <= 0 or open_.bit_count() < short_of:
            return False
        steps.take(1)
        chosen, fewest, options = -1, len(found) + 2, list[_Option]()
        rest = open_
        while rest and fewest:
            person = (rest & -rest).bit_length() - 1
            rest &= rest - 1
            fits = [each for each in of[person] if not each.people & ~open_ and each.short < left]
            ways = len(fits) + (y[person] < left)
            if ways < fewest:
                chosen, fewest, options = person, ways, fits
        if chosen < 0 or not fewest:
            return False
        return any(
            better(open_ & ~each.people, left - each.short, short_of=short_of - each.size, more=more - each.worth)
            for each in options
        ) or better(open_ & ~(1 << chosen), left - y[chosen], short_of=short_of, more=more)

    return not better((1 << len(y)) - 1, budget, short_of=people, more=value)


def _by_person(found: Sequence[Found], certificate: Certificate) -> list[list[_Option]]:
    """The groups that each could be in, those that fall short by least first; each set of people once, at its best."""
    y, best = certificate.y.tolist(), dict[int, _Option]()
    for group in found:
        size, people = len(group.members), sum(1 << each for each in group.members)
        short = int(certificate.led[group.members[0]]) - group.over
        worth = group.over + sum(y[each] for each in group.members)
        worth -= certificate.bonus * size if certificate.valued else 0
        known = best.get(people)
        if known is not None:
            short, worth = min(short, known.short), max(worth, known.worth)
        best[people] = _Option(people, size, short, worth)
    of: list[list[_Option]] = [[] for _ in y]
    for option in sorted(best.values(), key=lambda each: (each.short, each.people)):
        for person in range(len(y)):
            if option.people >> person & 1:
                of[person].append(option)
    return of
