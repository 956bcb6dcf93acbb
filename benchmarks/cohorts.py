"""Made-up cohorts of any size, the same ones for the same seed: as a ``Problem`` at once, or as a snapshot for small ones.

People need and offer topics whose popularity follows Zipf's law; topics lie in fields, and what is near in a field is near in
meaning. Organizations, zones, languages, free hours and facets are drawn with the unevenness of real cohorts: a few large
organizations, most people in one zone, most with English.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from services.matching.engine import week
from services.matching.engine.meaning.near import Near, near
from services.matching.engine.model import Facet, Free, Need, Offer, Person, Rule, Snapshot, Speaks
from services.matching.engine.scoring import aptness
from services.matching.engine.scoring.ground import checks_of
from services.matching.engine.scoring.problem import COLUMNS, FACETS, UNSTATED, Problem, weights_of
from services.matching.engine.scoring.rules import rulebook

RULES = (
    Rule(kind="different_team"),
    Rule(kind="no_reporting_line"),
    Rule(kind="shared_language", parameter=3),
    Rule(kind="shared_minutes", parameter=30),
    Rule(kind="not_met_before"),
    Rule(kind="cross_organization", required=False, weight=0.2),
)
MONDAY = "2026-01-05"
ZONES = ("Europe/Berlin", "Europe/London", "America/New_York", "Asia/Kolkata", "Asia/Tokyo", "America/Los_Angeles")
ZONE_SHARES = (0.4, 0.2, 0.2, 0.1, 0.05, 0.05)
LANGUAGES = ("de", "en", "es", "fr", "ja", "pl")
KINDS = aptness.KINDS[1:]
ITEMS = 3  # needs and offers a person
FIELD = 16  # topics in a field: as many texts are near to a need
FACET_VALUES = {"industry": 12, "function": 10, "education": 6, "region": 8, "career_stage": 5}
SAYS_A_FACET = 0.8
HOURS = ((8, 12), (9, 12), (9, 17), (13, 17), (17, 20))  # of the person's own clock


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Drawn:
    """n people as numbers; ``need`` and ``offer``: topics, ITEMS columns, the ones of a person all different."""

    near: Near
    need: NDArray[np.int64]
    priority: NDArray[np.int64]
    kind: NDArray[np.int64]
    offer: NDArray[np.int64]
    level: NDArray[np.int64]
    setting: NDArray[np.int64]
    organization: NDArray[np.int64]
    team: NDArray[np.int64]
    facets: NDArray[np.int64]  # one column for each of FACETS, UNSTATED where nothing is said
    zone: NDArray[np.int64]
    spoken: NDArray[np.int64]  # n by LANGUAGES
    days: NDArray[np.bool_]  # n by 5
    hours: NDArray[np.int64]
    places: NDArray[np.int64]


def drawn(people: int, *, seed: int, topics: int | None = None) -> Drawn:
    """Draw a cohort. ``topics``: by default as many as people, at least 32 and at most 20,000."""
    random = np.random.default_rng(seed)
    count = topics or min(20_000, max(2 * FIELD, people))
    popularity = 1 / np.arange(1, count + 1) ** 0.9
    popularity /= popularity.sum()
    numbering = random.permutation(count)  # the popular topics lie in all fields

    def some(size: int) -> NDArray[np.int64]:
        chosen: NDArray[np.int64] = numbering[
            np.searchsorted(np.cumsum(popularity), random.random((size, ITEMS))).clip(0, count - 1)
        ]
        for column in range(1, ITEMS):  # a topic twice: the next one instead
            while (again := (chosen[:, :column] == chosen[:, [column]]).any(axis=1)).any():
                chosen[again, column] = (chosen[again, column] + 1) % count
        return chosen

    organizations = max(2, min(200, people // 50))
    size = 1 / np.arange(1, organizations + 1)
    spoken = np.zeros((people, len(LANGUAGES)), dtype=np.int64)
    spoken[:, LANGUAGES.index("en")] = random.choice([0, 2, 3, 4, 5, 6], people, p=[0.03, 0.05, 0.12, 0.25, 0.3, 0.25])
    mother = random.integers(0, len(LANGUAGES), people)
    spoken[np.arange(people), mother] = 6
    facets = np.stack([random.integers(0, FACET_VALUES[name], people) for name in FACETS], axis=1)
    facets[random.random(facets.shape) > SAYS_A_FACET] = UNSTATED
    days = random.random((people, 5)) < 0.6
    days[~days.any(axis=1), 2] = True
    return Drawn(
        near=_near(count, random=random),
        need=some(people),
        priority=random.integers(1, 4, (people, ITEMS)),
        kind=random.integers(0, len(KINDS), (people, ITEMS)),
        offer=some(people),
        level=random.integers(1, 6, (people, ITEMS)),
        setting=random.integers(0, len(aptness.SETTINGS), (people, ITEMS)),
        organization=random.choice(organizations, people, p=size / size.sum()),
        team=random.integers(UNSTATED, 8, people),
        facets=facets,
        zone=random.choice(len(ZONES), people, p=ZONE_SHARES),
        spoken=spoken,
        days=days,
        hours=random.integers(0, len(HOURS), people),
        places=random.choice([1, 2], people, p=[0.9, 0.1]),
    )


def problem(people: int, *, seed: int, topics: int | None = None, difference: float = 0.12) -> Problem:
    """A cohort as arrays, under RULES."""
    cohort = drawn(people, seed=seed, topics=topics)
    asks, asked = np.unique(cohort.need * len(KINDS) + cohort.kind, return_inverse=True)
    monday = date.fromisoformat(MONDAY)
    weekly = {
        (zone, hours, tuple(days)): week.packed(
            week.free_slots(_somebody(zone=zone, hours=hours, days=days), monday=monday)
        )
        for zone, hours, days in {
            (int(z), int(h), tuple(d)) for z, h, d in zip(cohort.zone, cohort.hours, cohort.days.tolist(), strict=True)
        }
    }
    slots = np.stack(
        [
            weekly[int(z), int(h), tuple(d)]
            for z, h, d in zip(cohort.zone, cohort.hours, cohort.days.tolist(), strict=True)
        ]
    )
    nobody = Snapshot(people=(), rules=RULES)
    everybody = np.ones(people, dtype=np.bool_)
    starts = np.arange(people + 1, dtype=np.int64) * ITEMS
    clocks = np.array([week.offset_minutes(zone, monday=monday) for zone in ZONES], dtype=np.int16)
    return Problem(
        near=cohort.near,
        places=cohort.places,
        able=everybody,
        gives=everybody,
        receives=everybody,
        need_starts=starts,
        need_ask=asked.reshape(-1).astype(np.int32),
        need_priority=cohort.priority.reshape(-1).astype(np.uint8),
        offer_starts=starts,
        offer_text=cohort.offer.reshape(-1).astype(np.int32),
        offer_skill=(cohort.setting * aptness.LEVELS + cohort.level - 1).reshape(-1).astype(np.uint8),
        ask_text=(asks // len(KINDS)).astype(np.int32),
        ask_kind=(asks % len(KINDS) + 1).astype(np.uint8),
        labels=np.stack(
            [
                cohort.organization,
                np.where(cohort.team == UNSTATED, UNSTATED, cohort.organization * 8 + cohort.team),
                *cohort.facets.T,
            ]
        ).astype(np.int32),
        slots=slots,
        clock=clocks[cohort.zone],
        codes=LANGUAGES,
        spoken=cohort.spoken.astype(np.uint8),
        rules=rulebook(checks_of(nobody, rules=RULES, place={}, codes=LANGUAGES), size=people),
        weights=weights_of(difference=difference, logistics=nobody.logistics),
    )


def snapshot(people: int, *, seed: int, topics: int | None = None) -> tuple[Snapshot, Near]:
    """The same cohort as a snapshot, with its near texts: for some thousand people."""
    cohort = drawn(people, seed=seed, topics=topics)
    table = cohort.near
    found = [
        Person(
            id=f"p{index:06}",
            organization=f"org {cohort.organization[index]}",
            places=int(cohort.places[index]),
            offers=tuple(
                Offer(text=table.offers[topic], level=int(level), setting=aptness.SETTINGS[setting])
                for topic, level, setting in zip(
                    cohort.offer[index], cohort.level[index], cohort.setting[index], strict=True
                )
            ),
            needs=tuple(
                Need(text=table.needs[topic], priority=int(priority), kind=KINDS[kind])
                for topic, priority, kind in zip(
                    cohort.need[index], cohort.priority[index], cohort.kind[index], strict=True
                )
            ),
            languages=tuple(
                Speaks(code=code, level=int(level))
                for code, level in zip(LANGUAGES, cohort.spoken[index], strict=True)
                if level
            ),
            zone=ZONES[cohort.zone[index]],
            windows=_windows(hours=int(cohort.hours[index]), days=tuple(cohort.days[index])),
            facets=tuple(
                Facet(name=name, value=f"{name} {value}")
                for name, value in zip(FACETS, cohort.facets[index], strict=True)
                if value != UNSTATED
            ),
            team="" if cohort.team[index] == UNSTATED else f"team {cohort.team[index]}",
        )
        for index in range(people)
    ]
    return Snapshot(people=tuple(found), rules=RULES, week=MONDAY), table


def _near(count: int, *, random: np.random.Generator) -> Near:
    """Each need is met by the offer of its own topic, surely, and by those of its field, now and then."""
    topic = np.arange(count)
    width = np.minimum(FIELD, count - topic // FIELD * FIELD)
    starts = np.concatenate(([0], np.cumsum(width))).astype(np.int64)
    row = np.repeat(topic, width)
    at = (row // FIELD) * FIELD + np.arange(len(row)) - starts[row]
    chance = np.where(at == row, random.integers(800, 1001, len(row)), random.integers(20, 600, len(row)))
    names = tuple(f"{number:06}" for number in range(count))
    return near(
        needs=tuple(f"learn {name}" for name in names),
        offers=tuple(f"teach {name}" for name in names),
        starts=starts,
        offers_at=at.astype(np.int32),
        chance=chance.astype(np.uint16),
        model="made up",
    )


def _somebody(*, zone: int, hours: int, days: tuple[bool, ...]) -> Person:
    return Person(id="", organization="", zone=ZONES[zone], windows=_windows(hours=hours, days=days))


def _windows(*, hours: int, days: tuple[bool, ...]) -> tuple[Free, ...]:
    start, end = HOURS[hours]
    return tuple(Free(weekday=day, start=60 * start, end=60 * end) for day, free in enumerate(days) if free)


if __name__ == "__main__":
    made = problem(1_000, seed=1)
    print(f"{made.size} people, {len(COLUMNS)} labels each, {len(made.ask_text)} different asks")
