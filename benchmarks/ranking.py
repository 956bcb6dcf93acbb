"""What lying about one's ranking is worth: single people misreport, everybody else is truthful, and the plan is made anew.

    python -m benchmarks.ranking [--people N] [--cohorts C] [--ranking W] [--seed S]

Made-up cohorts. What a person would truly get out of a partner is the pair's value by meaning and a private taste of up to `--taste`,
drawn for every two people and direction; the true ranking is the five possible partners with the most of it. Lies: *swap* any two of
the five, *truncate* to the first four, three, two, one or none, *promote* the second to fifth to the top, and *invent*: put the best
one who is not among the five on top. A gain is what the liar's partner is truly worth to them, less what the one by the truthful ranking
is; being alone is worth 0. Every plan is exact.

A table by kind of lie, and as the last line `RESULT` and JSON: `cases`, `gained` and `lost` (shares of all lies), `mean` (gain over all
lies, losses counted), `mean_gain` (over those that gained), `largest`, `largest_loss`, `could_gain` (share of people whom at least one of
their lies would help, had they known all others' rankings), `kinds`: the same by kind; values as people see them (1 is a pair that
teaches everything, both ways).
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from benchmarks import cohorts
from services.matching.engine.model import Snapshot, Wish
from services.matching.engine.scoring.dense import matrices
from services.matching.engine.scoring.ground import in_order
from services.matching.engine.scoring.problem import MILLION
from services.matching.engine.scoring.wishes import MOST_RANKED, wished, wishes_of
from services.matching.engine.solving.pairs import NEVER, DensePairs
from services.matching.engine.solving.solve import solve
from services.matching.engine.stated import state

Ranking = tuple[int, ...]
ENOUGH = 1e-9  # a gain


@dataclass(frozen=True, slots=True)
class Lie:
    """One case: which kind, by whom, and what it gained them (less than 0: lost)."""

    kind: str
    person: tuple[int, int]  # the cohort's seed, and who
    gain: float


def lies(truth: Ranking, *, sixth: int | None) -> Iterator[tuple[str, Ranking]]:
    """Every misreport of a ranking, each once."""
    seen = {truth}
    found: list[tuple[str, Ranking]] = []
    for one, other in combinations(range(len(truth)), 2):
        swapped = list(truth)
        swapped[one], swapped[other] = swapped[other], swapped[one]
        found.append(("swap", tuple(swapped)))
    found += [("truncate", truth[:kept]) for kept in range(len(truth))]
    found += [("promote", (truth[at], *truth[:at], *truth[at + 1 :])) for at in range(1, len(truth))]
    if sixth is not None:
        found.append(("invent", (sixth, *truth[: MOST_RANKED - 1])))
    for kind, ranking in found:
        if ranking not in seen:
            seen.add(ranking)
            yield kind, ranking


def cases(people: int, *, seed: int, ranking: float, taste: float) -> list[Lie]:
    """All lies of all people of one cohort."""
    snapshot, near = cohorts.snapshot(people, seed=seed)
    known = state(snapshot, near, seed=0)
    places = known.problem.places
    whole = matrices(known.problem)
    random = np.random.default_rng(seed)
    worth = whole.value / MILLION + taste * random.random((people, people))
    worth[whole.planned == NEVER] = -np.inf
    order = np.argsort(-worth, axis=1, kind="stable")
    possible = (whole.planned != NEVER).sum(axis=1)
    truths: dict[int, Ranking] = {
        person: tuple(order[person, : min(MOST_RANKED, possible[person])].tolist()) for person in range(people)
    }
    pairs, ids = DensePairs(whole.planned), [person.id for person in known.people]

    def got(rankings: dict[int, Ranking]) -> NDArray[np.float64]:
        """What everybody's partners are truly worth to them."""
        wishes = tuple(
            Wish(by=ids[by], of=ids[of], rank=rank)
            for by, ranked in rankings.items()
            for rank, of in enumerate(ranked, start=1)
        )
        asked = Snapshot(people=snapshot.people, wishes=wishes, ranking=ranking)
        found = solve(wished(pairs, wishes_of(asked, people=in_order(snapshot.people, seed=0))), places=places)
        total = np.zeros(people)
        np.add.at(total, found.u, worth[found.u, found.v])
        np.add.at(total, found.v, worth[found.v, found.u])
        return total

    honest = got(truths)
    found = []
    for person, truth in truths.items():
        sixth = int(order[person, MOST_RANKED]) if possible[person] > MOST_RANKED else None
        for kind, lie in lies(truth, sixth=sixth):
            gain = float(got(truths | {person: lie})[person] - honest[person])
            found.append(Lie(kind, (seed, person), gain))
    return found


def summary(some: list[Lie]) -> dict[str, float | int]:
    """The figures of some lies."""
    gains = np.array([each.gain for each in some])
    better = gains[gains > ENOUGH]
    people = {each.person for each in some}
    helped = {each.person for each in some if each.gain > ENOUGH}
    return {
        "cases": len(some),
        "gained": round(len(better) / max(1, len(some)), 4),
        "lost": round(float((gains < -ENOUGH).sum()) / max(1, len(some)), 4),
        "mean": round(float(gains.mean()) if len(gains) else 0.0, 5),
        "mean_gain": round(float(better.mean()) if len(better) else 0.0, 4),
        "largest": round(float(gains.max(initial=0.0)), 4),
        "largest_loss": round(float(gains.min(initial=0.0)), 4),
        "could_gain": round(len(helped) / max(1, len(people)), 4),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.ranking",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--people", type=int, default=20, help="of each cohort (default: 20)")
    parser.add_argument("--cohorts", type=int, default=4, help="how many (default: 4)")
    parser.add_argument("--ranking", type=float, default=0.2, help="the weight of rankings, 0 to 0.5 (default: 0.2)")
    parser.add_argument(
        "--taste", type=float, default=0.3, help="the most that a private taste is worth (default: 0.3)"
    )
    parser.add_argument("--seed", type=int, default=1, help="of the first cohort (default: 1)")
    chosen = parser.parse_args()
    found: list[Lie] = []
    for number in range(chosen.cohorts):
        found += cases(chosen.people, seed=chosen.seed + number, ranking=chosen.ranking, taste=chosen.taste)
    kinds: dict[str, list[Lie]] = defaultdict(list)
    for each in found:
        kinds[each.kind].append(each)
    print("| lie | cases | gained | lost | mean | mean gain | largest gain | largest loss |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    for kind, some in [*sorted(kinds.items()), ("all", found)]:
        figures = summary(some)
        print(
            f"| {kind} | {figures['cases']} | {figures['gained']:.1%} | {figures['lost']:.1%} | {figures['mean']:+.4f} | "
            f"{figures['mean_gain']:.3f} | {figures['largest']:.3f} | {figures['largest_loss']:.3f} |"
        )
    result = summary(found) | {
        "people": chosen.people,
        "cohorts": chosen.cohorts,
        "ranking": chosen.ranking,
        "taste": chosen.taste,
        "kinds": {kind: summary(some) for kind, some in sorted(kinds.items())},
    }
    print("RESULT", json.dumps(result))


if __name__ == "__main__":
    main()
