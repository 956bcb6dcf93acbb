"""Rules that cannot hold together, found before a run: the smallest set that conflicts; and what one rule costs.

What rules demand of the whole plan – these two together, one of this group included, a partner from that group, anybody at all –
is tried on the people themselves: is there a pair for it under the other required rules? Dropping a rule never makes a
demand harder, so deleting one rule after the other, and keeping those without which the conflict is gone, ends with a set of
which every rule is needed (deletion-based extraction of a minimal unsatisfiable subset). Smaller sets elsewhere are then
looked for one by one as long as there are few to try.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from math import comb

import numpy as np
from numpy.typing import NDArray

from services.matching.engine.model import Person, Phrase, Snapshot
from services.matching.engine.scoring.directions import may_teach
from services.matching.engine.scoring.inverted import inverted, topics_of
from services.matching.engine.scoring.problem import MILLION, Problem
from services.matching.engine.scoring.rules import ALWAYS, Check, Included, Partners, Together
from services.matching.engine.scoring.sentences import phrase, say
from services.matching.engine.scoring.value import breaks

MOST_TRIED = 2_000  # sets of rules that are tried for being smaller than the one found
MOST_STEPS = 20_000  # of the search for partners of all groups; beyond, the run itself will tell
MOST_ROWS = 5_000  # people up to whom "nobody at all" is looked for
MOST_CONFLICTS = 10


@dataclass(frozen=True, slots=True)
class Conflict:
    """Required rules (their numbers, from 0) that cannot hold together; without any one of them the others can. ``why``: what
    fails, with ``people`` (places in the problem) whom it is about."""

    rules: tuple[int, ...]
    kinds: tuple[str, ...]
    code: str
    people: tuple[int, ...] = ()

    @property
    def fatal(self) -> bool:
        """Whether a run could only break a rule. Otherwise it goes on, and whoever is left without a partner reads why."""
        return self.code in {"together_forbidden", "together_too_often", "group_left_out"}


@dataclass(frozen=True, slots=True)
class Unmet:
    """A demand for which there is no pair."""

    code: str
    people: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Solved:
    """What a solver tells about a snapshot: how many people have a pair, and the value in millionths."""

    matched: int
    value: int


@dataclass(frozen=True, slots=True)
class RulePrice:
    """What dropping a rule would change: more people with a pair, and more value (millionths; may be less when more are matched)."""

    number: int
    kind: str
    people: int
    value: int
    required: bool = True

    @property
    def why(self) -> Phrase:
        """The same as a sentence."""
        about: dict[str, str | int | float] = {"number": self.number + 1, "rule": self.kind}
        if self.people > 0:
            return phrase("rule_costs_people", **about, people=self.people)
        if self.value > 0:
            return phrase("rule_costs_value", **about, worth=self.value / MILLION)
        return phrase("rule_costs_nothing", **about)


def price_of(
    number: int,
    *,
    snapshot: Snapshot,
    solve: Callable[[Snapshot], Solved],
    with_it: Solved | None = None,
) -> RulePrice:
    """What the rule at this place of the snapshot costs. ``with_it``: the solution with all rules, if there is one already."""
    kept = tuple(rule for place, rule in enumerate(snapshot.rules) if place != number)
    without = solve(replace(snapshot, rules=kept))
    before = with_it or solve(snapshot)
    rule = snapshot.rules[number]
    return RulePrice(number, rule.kind, without.matched - before.matched, without.value - before.value, rule.required)


def conflicts_of(problem: Problem) -> tuple[Conflict, ...]:
    """Conflicts, each as small as can be found; none when the required rules can hold together.

    First the fatal ones, then those that only leave people out; those of one sort share no rule.
    """
    required = tuple(check for check in problem.rules.checks if check.required and check.number != ALWAYS)
    found: list[Conflict] = []
    for fatal in (True, False):
        search, left = _Search(problem, fatal=fatal), required
        while len(found) < MOST_CONFLICTS and (smallest := search.smallest(left)) is not None:
            checks, unmet = smallest
            numbers = tuple(check.number for check in checks)
            found.append(Conflict(numbers, tuple(check.kind for check in checks), unmet.code, unmet.people))
            left = tuple(check for check in left if check.number not in numbers)
    return tuple(found)


def told(conflict: Conflict, *, problem: Problem, people: Sequence[Person], locale: str = "en") -> str:
    """The conflict as a sentence that says what to do. Rules are counted from 1."""
    names = sorted(people[at].id for at in conflict.people)
    given = dict(zip(("one", "other"), names, strict=False))
    rules = ", ".join(
        f"{number + 1} {kind.upper()}" for number, kind in zip(conflict.rules, conflict.kinds, strict=True)
    )
    return say(phrase("conflict", rules=rules, what=say(phrase(conflict.code, **given), locale=locale)), locale=locale)


class _Search:
    """Whether sets of checks can hold together, with what was found out about people on the way.

    ``fatal``: asks about demands that a run could only break; otherwise about who is left out.
    """

    def __init__(self, problem: Problem, *, fatal: bool) -> None:
        self._problem = problem
        self._fatal = fatal
        self._index = inverted(problem)
        self._always = tuple(check for check in problem.rules.checks if check.number == ALWAYS)
        self._held: dict[tuple[int, int], NDArray[np.bool_]] = {}
        self._relevant: dict[int, NDArray[np.bool_]] = {}

    def smallest(self, checks: tuple[Check, ...]) -> tuple[tuple[Check, ...], Unmet] | None:
        """The smallest set among these that cannot hold, and what fails; None when all can."""
        if self.unmet(checks) is None:
            return None
        core = list(checks)
        for check in checks:
            rest = [one for one in core if one is not check]
            if self.unmet(rest) is not None:
                core = rest
        for size in range(1, len(core)):
            if comb(len(checks), size) > MOST_TRIED:
                break
            for some in combinations(checks, size):
                unmet = self.unmet(some)
                if unmet is not None:
                    return some, unmet
        unmet = self.unmet(core)
        assert unmet is not None  # deletion keeps the conflict
        return tuple(core), unmet

    def unmet(self, checks: Iterable[Check]) -> Unmet | None:
        """What these checks demand and cannot have; None when they can hold together."""
        checks = tuple(checks)
        return self._broken_demand(checks) if self._fatal else self._left_out(checks)

    def _broken_demand(self, checks: tuple[Check, ...]) -> Unmet | None:
        forced = [form for check in checks if isinstance(form := check.form, Together) and self._demanded(form)]
        for form in forced:
            if not self._may_be(form.first, form.second, checks):
                return Unmet("together_forbidden", (form.first, form.second))
        room = self._problem.places.copy()
        for person, count in sorted(Counter(p for two in set(forced) for p in (two.first, two.second)).items()):
            room[person] -= count
            if room[person] < 0:
                return Unmet("together_too_often", (person,))
        groups = [check.form.people for check in checks if isinstance(check.form, Included)]
        has_pair = {person for two in forced for person in (two.first, two.second)}
        if not self._all_included(groups, checks, room=room, has_pair=has_pair):
            return Unmet("group_left_out")
        return None

    def _left_out(self, checks: tuple[Check, ...]) -> Unmet | None:
        for check in checks:
            if isinstance(check.form, Partners):
                for person in check.form.of:
                    if self._problem.able[person] and not self._possible(person, checks).any():
                        return Unmet("no_partner_among", (person,))
        return None if self._anybody(checks) else Unmet("nobody_possible")

    def _demanded(self, two: Together) -> bool:
        """People who said no to each other, or are away, are not forced: the run skips the rule."""
        able = self._problem.able
        one, other = np.array([two.first]), np.array([two.second])
        return bool(
            able[two.first]
            and able[two.second]
            and not any(breaks(check.form, self._problem, one, other)[0] for check in self._always)
        )

    def _may_be(self, first: int, second: int, checks: Iterable[Check]) -> bool:
        one, other = np.array([first]), np.array([second])
        roles = may_teach(self._problem, first, second) or may_teach(self._problem, second, first)
        return roles and not any(breaks(check.form, self._problem, one, other)[0] for check in checks)

    def _possible(self, person: int, checks: Iterable[Check]) -> NDArray[np.bool_]:
        """Who could be this person's partner: allowed, here, and with something to teach."""
        allowed = self._allowed(person, checks)
        if person not in self._relevant:
            self._relevant[person] = topics_of(self._problem, person, index=self._index)
        return allowed & self._relevant[person]

    def _allowed(self, person: int, checks: Iterable[Check]) -> NDArray[np.bool_]:
        problem = self._problem
        everybody = np.arange(problem.size)
        allowed: NDArray[np.bool_] = problem.able & (everybody != person) & bool(problem.able[person])
        for check in (*self._always, *checks):
            key = person, id(check)
            if key not in self._held:
                self._held[key] = ~breaks(check.form, problem, np.full(problem.size, person), everybody)
            allowed &= self._held[key]
        return allowed

    def _all_included(
        self,
        groups: Sequence[tuple[int, ...]],
        checks: tuple[Check, ...],
        *,
        room: NDArray[np.int64],
        has_pair: set[int],
    ) -> bool:
        """Whether some pairs within the places give somebody of every group a pair: tried one group after the other."""
        partners = {
            person: np.flatnonzero(self._possible(person, checks) & (room > 0)).tolist()
            for group in groups
            for person in group
            if room[person] > 0
        }
        steps = 0

        def include(at: int) -> bool:
            nonlocal steps
            steps += 1
            if at == len(groups) or steps > MOST_STEPS:
                return True
            if any(person in has_pair for person in groups[at]):
                return include(at + 1)
            for person in groups[at]:
                for partner in partners.get(person, ()):
                    if room[person] > 0 and room[partner] > 0:
                        new = {person, partner} - has_pair
                        room[[person, partner]] -= 1
                        has_pair.update(new)
                        if include(at + 1):
                            return True
                        has_pair.difference_update(new)
                        room[[person, partner]] += 1
            return False

        return include(0)

    def _anybody(self, checks: tuple[Check, ...]) -> bool:
        """Whether any two people could be a pair, unless there would be none without these rules too."""
        able = np.flatnonzero(self._problem.able).tolist()
        if len(able) < 2 or len(able) > MOST_ROWS or not checks:
            return True
        if any(self._allowed_at_all(person, checks) for person in able):
            return True
        return not any(self._allowed_at_all(person, ()) for person in able)

    def _allowed_at_all(self, person: int, checks: tuple[Check, ...]) -> bool:
        problem = self._problem
        roles = (problem.gives & bool(problem.receives[person])) | (problem.receives & bool(problem.gives[person]))
        return bool((self._allowed(person, checks) & roles).any())
