"""Candidates for the engine, and a similarity that needs no model: texts share a topic when their first words are equal."""

from collections.abc import Sequence

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from services.matching.engine.meaning.near import Near, near
from services.matching.engine.model import Facet, Free, Need, Offer, Person, Rule, Snapshot, Speaks
from services.matching.engine.scoring.ground import in_order, problem_of, texts_of
from services.matching.engine.scoring.problem import Problem
from tests.matching.dice import Dice, thrown

ALL_DAY = tuple(Free(weekday=day, start=9 * 60, end=17 * 60) for day in range(5))
TOPICS = ("sushi", "python", "chess", "budgets", "stage")


def by_first_word(needs: Sequence[str], offers: Sequence[str], /) -> NDArray[np.float64]:
    """1.0 where the first words are equal, else 0.0."""
    return np.array([[float(need.split()[0] == offer.split()[0]) for offer in offers] for need in needs]).reshape(
        len(needs), len(offers)
    )


def somebody(
    name: str,
    *,
    offers: Sequence[str] = ("sushi",),
    needs: Sequence[str] = ("python",),
    organization: str = "",
    role: str = "both",
    places: int = 1,
    languages: dict[str, int] | None = None,
    zone: str = "UTC",
    windows: tuple[Free, ...] = ALL_DAY,
    facets: dict[str, str] | None = None,
    team: str = "",
    managers: Sequence[str] = (),
    away: bool = False,
    level: int = 5,
    priority: int = 3,
) -> Person:
    """A complete candidate of an organization of their own."""
    return Person(
        id=name,
        organization=organization or f"org of {name}",
        role=role,
        places=places,
        offers=tuple(Offer(text=text, level=level) for text in offers),
        needs=tuple(Need(text=text, priority=priority) for text in needs),
        languages=tuple(Speaks(code=code, level=known) for code, known in (languages or {"en": 5}).items()),
        zone=zone,
        windows=windows,
        facets=tuple(Facet(name=key, value=value) for key, value in (facets or {}).items()),
        team=team,
        managers=tuple(managers),
        away=away,
    )


def snapshot_of(*people: Person, rules: Sequence[Rule] = (), **more: object) -> Snapshot:
    """A snapshot with these people and rules."""
    return Snapshot(people=people, rules=tuple(rules), **more)  # type: ignore[arg-type]


def near_for(snapshot: Snapshot) -> Near:
    """The near texts of its people, by first words."""
    needs, offers = texts_of(snapshot.people)
    return near_from(needs, offers, chance=1000 * by_first_word(needs, offers))


def near_from(needs: Sequence[str], offers: Sequence[str], *, chance: NDArray[np.float64]) -> Near:
    """A table from a matrix of thousandths."""
    at, to = np.nonzero(chance)
    starts = np.concatenate(([0], np.cumsum(np.bincount(at, minlength=len(needs))))).astype(np.int64)
    table = chance[at, to].astype(np.uint16)
    return near(needs, offers, starts=starts, offers_at=to.astype(np.int32), chance=table, model="test")


def problem_for(snapshot: Snapshot, *, seed: int = 0, table: Near | None = None) -> tuple[Problem, dict[str, int]]:
    """A snapshot as arrays, and everybody's place in them."""
    people = in_order(snapshot.people, seed=seed)
    problem = problem_of(snapshot, people=people, near=table or near_for(snapshot))
    return problem, {person.id: index for index, person in enumerate(people)}


def crowds(*, most: int = 7, places: int = 2, roles: bool = True) -> st.SearchStrategy[tuple[Person, ...]]:
    """Small crowds with every reason not to be paired."""
    return thrown(2 + 20 * most, lambda dice: crowd(dice, most=most, places=places, roles=roles))


def crowd(dice: Dice, *, most: int = 7, places: int = 2, roles: bool = True) -> tuple[Person, ...]:
    size = dice.between(2, most)
    return tuple(
        somebody(
            f"p{number}",
            offers=dice.some(TOPICS, most=2),
            needs=dice.some(TOPICS, most=2),
            organization=dice.one(("red", "blue", "green")),
            role=dice.one(("both", "both", "gives", "receives")) if roles else "both",
            places=dice.between(1, places),
            languages={dice.one(("en", "de")): dice.between(1, 6)},
            zone=dice.one(("UTC", "Europe/Berlin", "Asia/Tokyo", "America/New_York")),
            facets={"industry": dice.one(("energy", "health"))} if dice.yes() else {},
            team=dice.one(("", "a", "b")),
            managers=("p0",) if number and dice.yes() else (),
            level=dice.between(1, 5),
            priority=dice.between(1, 3),
        )
        for number in range(size)
    )
