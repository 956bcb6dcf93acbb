"""What learning from feedback gains, and how often it is taken in by luck, on generated feedback.

Two worlds. In the *fair* one people report what they were promised, with as much noise as people have: answers of 1 to 5, pairs with
a mood of their own. In the *biased* one the truth is ``SHIFT`` + ``SLOPE`` · logit of the chance: strong promises are too strong, weak
ones too weak. Each of many organizations collects feedback; a fit is tried whenever a quarter more has come in, and kept by the
rule of ``refit``. Printed for each number of directions: in how many organizations something was learned by then (in the fair world:
wrongly), and the log loss of 4,000 new directions under what is in use, beside that of believing the models and that of knowing the
truth.

The last line is `RESULT` and JSON: a key per number of directions, each with `fair` and `biased`: `learned` (share of the
organizations), `before`, `after` and `truth` (mean log loss in nats).
"""

from __future__ import annotations

import argparse
import json
import math
import random
import time
from collections.abc import Callable

from services.matching.engine.learning.curve import UNCHANGED
from services.matching.engine.learning.fit import losses
from services.matching.engine.learning.refit import BETTER, refit
from services.matching.engine.learning.reports import Reported, columns

SHIFT, SLOPE = -0.4, 0.6
APTNESSES = (360, 600, 680, 800, 800, 900, 1000)
SIZES = (50, 100, 150, 250, 400, 600, 1000)
TOGETHER = 12.0  # the smaller, the more do people differ who were promised the same
MOOD = 0.4

Truth = Callable[[float], float]


def fair(chance: float) -> float:
    """The models are right."""
    return chance


def biased(chance: float) -> float:
    """They are not."""
    kept = min(max(chance, 0.0005), 0.9995)
    return 1 / (1 + math.exp(-(SHIFT + SLOPE * math.log(kept / (1 - kept)))))


def generated(directions: int, *, truth: Truth, seed: int) -> list[Reported]:
    """Reports of both directions of pairs: chances as plans have them, mostly good ones; the mean of each report is what is true."""
    chances = random.Random(seed)
    found = []
    for number in range(directions // 2):
        mood = chances.choice((-MOOD, MOOD))
        for side in range(2):
            chance = min(1000, max(100, round(1000 / (1 + math.exp(-chances.gauss(1.5, 1.8))))))
            aptness = chances.choice(APTNESSES)
            mean = min(max(truth(chance / 1000) * aptness / 1000, 0.001), 0.999)
            mean += mood * min(mean, 1 - mean)  # as often up as down: on average nothing
            share = chances.betavariate(mean * TOGETHER, (1 - mean) * TOGETHER)
            useful = sum(chances.random() < share for _ in range(4))
            found.append(
                Reported(
                    chance=chance,
                    aptness=aptness,
                    reported=250 * useful,
                    pair=f"pair {seed} {number}",
                    learner=f"learner {seed} {number} {side}",
                )
            )
    return found


def measured(truth: Truth, *, organizations: int) -> dict[int, dict[str, float]]:
    """By number of directions."""
    new = columns(generated(4000, truth=truth, seed=-1))
    best = tuple(max(1, round(1000 * truth(at / 1000))) for at in UNCHANGED)
    before, ideal = float(losses(new, UNCHANGED).mean()), float(losses(new, best).mean())
    learned: dict[int, int] = dict.fromkeys(SIZES, 0)
    after: dict[int, float] = dict.fromkeys(SIZES, 0.0)
    for seed in range(organizations):
        reports, present, versions = generated(SIZES[-1], truth=truth, seed=seed), UNCHANGED, 0
        for size in _looks():
            found = refit(reports[:size], present=present)
            if found.outcome == BETTER:
                present, versions = found.curve, versions + 1
            if size in learned:
                learned[size] += versions > 0
                after[size] += float(losses(new, present).mean())
    return {
        size: {
            "learned": learned[size] / organizations,
            "before": round(before, 4),
            "after": round(after[size] / organizations, 4),
            "truth": round(ideal, 4),
        }
        for size in SIZES
    }


def _looks() -> list[int]:
    """A fit whenever a quarter more has come in, and at every size of the table."""
    found, size = set(SIZES), 100
    while size < SIZES[-1]:
        found.add(size)
        size += size // 8 * 2
    return sorted(found)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.learning", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--organizations", type=int, default=40, help="how many learn, in each world")
    organizations = parser.parse_args().organizations
    started = time.process_time()
    worlds = {truth.__name__: measured(truth, organizations=organizations) for truth in (fair, biased)}
    print(f"{organizations} organizations in each world; {time.process_time() - started:.0f} s of processor time\n")
    print(
        "| directions | "
        + " | ".join(f"{name}: learned | log loss | of the models | of the truth" for name in worlds)
        + " |"
    )
    print("| ---: |" + " ---: |" * 8)
    for size in SIZES:
        rows = [worlds[name][size] for name in worlds]
        print(
            f"| {size} | "
            + " | ".join(f"{r['learned']:.0%} | {r['after']:.4f} | {r['before']:.4f} | {r['truth']:.4f}" for r in rows)
            + " |"
        )
    print("RESULT " + json.dumps({str(size): {name: worlds[name][size] for name in worlds} for size in SIZES}))


if __name__ == "__main__":
    main()
