"""One direction of a pair, named: which needs the teacher meets best, and by which offers."""

from __future__ import annotations

from dataclasses import dataclass

from services.matching.engine.model import Also, Teaching
from services.matching.engine.scoring.aptness import APTNESS, KINDS, LEVELS, SETTINGS
from services.matching.engine.scoring.problem import MILLION, Problem


@dataclass(frozen=True, slots=True)
class Met:
    """A need met by the teacher's best offer for it; ``worth`` in millionths, ``chance`` and ``aptness`` in thousandths."""

    worth: int
    need: str
    kind: str
    priority: int
    offer: str
    level: int
    setting: str
    chance: int
    aptness: int


@dataclass(frozen=True, slots=True)
class Taught:
    """The two needs that are met best; ``worth``: of the whole direction, ``second_adds``: the second's part of it."""

    best: Met
    second: Met | None = None

    @property
    def second_adds(self) -> int:
        """See ``value.direction``."""
        return self.second.worth * (MILLION - self.best.worth) // (2 * MILLION) if self.second else 0

    @property
    def worth(self) -> int:
        """In millionths."""
        return self.best.worth + self.second_adds


def may_teach(problem: Problem, teacher: int, learner: int) -> bool:
    """Whether their roles allow it."""
    return bool(problem.gives[teacher] and problem.receives[learner])


def taught(problem: Problem, teacher: int, learner: int) -> Taught | None:
    """What one can teach the other; None where the texts leave nothing. Roles are not looked at."""
    found = sorted(
        (met for met in _all_met(problem, teacher, learner) if met.worth > 0),
        key=lambda met: (-met.worth, met.need, met.kind),
    )
    return Taught(found[0], found[1] if len(found) > 1 else None) if found else None


def nearest(problem: Problem, teacher: int, learner: int) -> Taught | None:
    """For a pair that an organizer wants although the texts leave nothing: the most urgent need and the deepest offer."""
    needs = range(problem.need_starts[learner], problem.need_starts[learner + 1])
    offers = range(problem.offer_starts[teacher], problem.offer_starts[teacher + 1])
    if not needs or not offers:
        return None
    need = max(needs, key=lambda at: (int(problem.need_priority[at]), -at))
    offer = max(offers, key=lambda at: (int(problem.offer_skill[at]) % LEVELS, -at))
    return Taught(_met(problem, need, offer, chance=0))


def teaching_of(direction: Taught, *, teacher: str, learner: str) -> Teaching:
    """As it is shown and stored."""
    best, second = direction.best, direction.second
    return Teaching(
        teacher=teacher,
        learner=learner,
        need=best.need,
        need_kind=best.kind,
        offer=best.offer,
        similarity=best.chance / 1000,
        priority=best.priority,
        level=best.level,
        setting=best.setting,
        value=best.worth / MILLION,
        also=_also(second, adds=direction.second_adds) if second else None,
        aptness=best.aptness / 1000,
    )


def _also(second: Met, *, adds: int) -> Also:
    return Also(
        need=second.need,
        need_kind=second.kind,
        offer=second.offer,
        similarity=second.chance / 1000,
        priority=second.priority,
        level=second.level,
        value=adds / MILLION,
    )


def met_by(problem: Problem, need: int, offer: int) -> Met | None:
    """How one offer meets one need (places in the problem); None where the texts are not near."""
    near, text = problem.near, problem.ask_text[problem.need_ask[need]]
    row = slice(near.starts[text], near.starts[text + 1])
    at = near.offers_at[row].searchsorted(problem.offer_text[offer])
    if at == row.stop - row.start or near.offers_at[row][at] != problem.offer_text[offer]:
        return None
    return _met(problem, need, offer, chance=int(near.chance[row][at]))


def _all_met(problem: Problem, teacher: int, learner: int) -> list[Met]:
    """For every need of the learner the teacher's best offer; ties go to the earlier text."""
    near, found = problem.near, []
    for need in range(problem.need_starts[learner], problem.need_starts[learner + 1]):
        text = problem.ask_text[problem.need_ask[need]]
        row = slice(near.starts[text], near.starts[text + 1])
        chances = dict(zip(near.offers_at[row].tolist(), near.chance[row].tolist(), strict=True))
        offers = [
            _met(problem, need, offer, chance=chances[int(problem.offer_text[offer])])
            for offer in range(problem.offer_starts[teacher], problem.offer_starts[teacher + 1])
            if int(problem.offer_text[offer]) in chances
        ]
        if offers:
            found.append(max(offers, key=lambda met: met.worth))
    return found


def _met(problem: Problem, need: int, offer: int, *, chance: int) -> Met:
    ask, skill = problem.need_ask[need], int(problem.offer_skill[offer])
    kind, priority = int(problem.ask_kind[ask]), int(problem.need_priority[need])
    aptness = int(APTNESS[kind, skill])
    return Met(
        worth=chance * aptness * (3 + priority) // 6,
        need=problem.near.needs[problem.ask_text[ask]],
        kind=KINDS[kind],
        priority=priority,
        offer=problem.near.offers[problem.offer_text[offer]],
        level=skill % LEVELS + 1,
        setting=SETTINGS[skill // LEVELS],
        chance=chance,
        aptness=aptness,
    )
