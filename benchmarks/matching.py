"""The matching engine against what else there is, on the same made-up cohort, in one run on one machine.

For every size: ours (arrays in, certificate out; the index is built within the time), greedy by value, greedy with exchanges of
partners, `rustworkx` (blossom), OR-tools' flow on everybody's 32 best, HiGHS on the same couples, and `matching` (stable
roommates, hospital–resident), each under a cap of time. Everybody plans with the same values; peers for whom a person has one
place only get each place as a person of their own. What a peer plans is measured by us: couples that break a rule are counted
and earn nothing.

Value is what people are shown: the tier that keeps one-way pairs for those whom no two-way pair can cover is no part of it.
``share_of_bound`` is a plan's value against the most that any plan which leaves as few people alone, and needs as few one-way
pairs, can be worth; a peer that leaves more alone or takes more one-way pairs can come close to it or pass it: see both beside it.

The last line is `RESULT` and JSON, a key for each number of people: `seconds`, `gap` (share of the bound that ours may miss),
`memory_mb` (the most that the process held), `unmatched`, `unmatched_bound`, `one_way`, `exact`, `violations`, `blocking` (pairs who would
both gain more than 0.1), `peers`: name → `seconds`, `share_of_bound`, `unmatched`, `one_way`, `violations`, `blocking`; `seconds` alone is
null when the cap was reached.
"""

from __future__ import annotations

import argparse
import json
import math
import multiprocessing
import queue
import resource
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.cohorts import problem
from benchmarks.peers import PEERS, Couples, Given
from services.matching.engine.scoring.indexed import IndexedPairs
from services.matching.engine.scoring.value import ONE_WAY_COST
from services.matching.engine.solving.couples import degrees
from services.matching.engine.solving.pairs import NEVER, Edges, Millionths, Pairs, edges_of
from services.matching.engine.solving.solve import EXACT, solve
from services.matching.engine.solving.stability import blocking
from services.matching.engine.solving.verify import check

SIZES = (1_000, 10_000, 100_000)
SEED = 1
BEST = 32
BOTH_GAIN = 100_000
LARGEST_PEER = {"hospital–resident": 10_000, "stable roommates": 1_000, "blossom (rustworkx)": 10_000, "HiGHS": 10_000}
"""People: above, a peer is known not to end under any cap that we would wait for."""


@dataclass(frozen=True)
class Measured:
    """A plan as we see it. ``value``: millionths, without the tier of one-way pairs; couples that break a rule earn nothing."""

    seconds: float
    value: int
    one_way: int
    unmatched: int
    violations: int
    blocking: int


def measured(pairs: Pairs, couples: Couples, *, places: Millionths, seconds: float) -> Measured:
    """Judge a plan that anybody made: possible, at most so many partners, each couple once."""
    one, other = (np.asarray(part, dtype=np.int32) for part in couples)
    known = edges_of(one, other, np.zeros(len(one), np.int64))
    w = pairs.value(known.u, known.v)
    good = (w != NEVER) & (known.u != known.v)
    room, kept = places.copy(), np.zeros(len(w), dtype=np.bool_)
    for k in np.flatnonzero(good).tolist():
        u, v = int(known.u[k]), int(known.v[k])
        if room[u] and room[v]:
            room[[u, v]] -= 1
            kept[k] = True
    plan = Edges(known.u[kept], known.v[kept], w[kept])
    one_way = int((plan.w < -ONE_WAY_COST // 2).sum())
    return Measured(
        seconds=seconds,
        value=sum(plan.w.tolist()) + one_way * ONE_WAY_COST,
        one_way=one_way,
        unmatched=int((degrees(plan, pairs.size) == 0).sum()),
        violations=len(one) - len(plan),
        blocking=len(blocking(pairs, plan, places=places, threshold=BOTH_GAIN)),
    )


def ours(people: int) -> tuple[dict[str, Any], Given]:
    """Plan, prove, verify; and what the peers are given."""
    cohort = problem(people, seed=SEED)
    solve(IndexedPairs(problem(200, seed=SEED)), places=problem(200, seed=SEED).places)  # a worker that has run before
    started = time.perf_counter()
    pairs = IndexedPairs(cohort)
    plan = solve(pairs, places=cohort.places, exact_up_to=0)
    proven = time.perf_counter() - started
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    exact, finished = plan, proven
    if people <= EXACT:
        started = time.perf_counter()
        exact = solve(IndexedPairs(cohort), places=cohort.places)
        finished = time.perf_counter() - started
    waiting = np.ones(people, dtype=np.bool_)
    found = check(pairs, places=cohort.places, waiting=waiting, couples=plan.couples, certificate=plan.certificate)
    judged = measured(pairs, (plan.u, plan.v), places=cohort.places, seconds=proven)
    bound = exact.upper_bound + int((exact.w < -ONE_WAY_COST // 2).sum()) * ONE_WAY_COST
    strongest = pairs.strongest(each=BEST)
    own_bound = judged.value + plan.upper_bound - plan.value
    result = {
        "seconds": round(proven, 3),
        "gap": (plan.upper_bound - plan.value) / own_bound,
        "memory_mb": memory,
        "unmatched": plan.unmatched,
        "unmatched_bound": plan.unmatched_bound,
        "one_way": judged.one_way,
        "violations": len(found.faults) + judged.violations,
        "blocking": judged.blocking,
        "exact": exact.exact,
        "exact_seconds": round(finished, 3) if exact.exact else None,
        "exact_gap": (exact.upper_bound - exact.value) / bound,
        "share_of_bound": judged.value / bound,
        "bound": bound,
    }
    return result, Given(u=strongest.u, v=strongest.v, w=strongest.w, places=cohort.places)


def raced(peer: Callable[[Given], Couples], given: Given, *, cap: float) -> tuple[Couples, float] | None:
    """A peer in a process of its own (HiGHS and OR-tools of other makers do not share one), killed at the cap."""
    context = multiprocessing.get_context("spawn")
    answers: multiprocessing.Queue[tuple[Any, Any, float] | str] = context.Queue()
    process = context.Process(target=_race, args=(peer, given, answers), daemon=True)
    process.start()
    try:
        answer = answers.get(timeout=cap + 15)
    except queue.Empty:
        return None
    finally:
        process.kill()
        process.join()
    if isinstance(answer, str):
        print(f"    failed: {answer}")
        return None
    one, other, seconds = answer
    return None if seconds > cap else ((one, other), seconds)


def _race(peer: Callable[[Given], Couples], given: Given, answers: Any) -> None:
    sys.setrecursionlimit(10**6)  # `matching` copies its players with all whom they know
    started = time.perf_counter()
    try:
        one, other = peer(given)
    except Exception as failure:  # a peer's failure is a result
        answers.put(f"{type(failure).__name__}: {failure}")
        return
    answers.put((np.asarray(one), np.asarray(other), time.perf_counter() - started))


def at(people: int, *, cap: float) -> dict[str, Any]:
    """One size: ours and every peer that may end under the cap."""
    print(f"\n{people:,} people", flush=True)
    result, given = ours(people)
    bound = result["bound"]
    print(f"  {'':<24}{'seconds':>9}{'of bound':>11}{'alone':>7}{'one-way':>8}{'broken':>8}{'blocking':>9}")

    def line(name: str, seconds: float, share: float, *rest: int) -> None:
        alone, one_way, broken, blocked = rest
        print(f"  {name:<24}{seconds:>9.2f}{share:>11.4%}{alone:>7}{one_way:>8}{broken:>8}{blocked:>9}", flush=True)

    line(
        "ours",
        result["seconds"],
        result["share_of_bound"],
        result["unmatched"],
        result["one_way"],
        result["violations"],
        result["blocking"],
    )
    proven = "exact" if result["exact"] else f"at most {result['exact_gap']:.4%} away"
    print(
        f"    gap proven over all pairs {result['gap']:.5%}; at least {result['unmatched_bound']} stay alone in any plan; "
        f"{result['memory_mb']} MB; with the finish {proven} in {result['exact_seconds'] or '–'} s"
    )
    pairs = IndexedPairs(problem(people, seed=SEED))
    peers: dict[str, dict[str, Any]] = {}
    for name, peer in PEERS.items():
        if people > LARGEST_PEER.get(name, people):
            print(f"  {name:<24}{'–':>9}  not tried at this size")
            continue
        done = raced(peer, given, cap=cap)
        if done is None:
            print(f"  {name:<24}{'–':>9}  nothing within {cap:.0f} s", flush=True)
            peers[name] = {"seconds": None}
            continue
        judged = measured(pairs, done[0], places=given.places, seconds=done[1])
        share = judged.value / bound
        line(name, judged.seconds, share, judged.unmatched, judged.one_way, judged.violations, judged.blocking)
        peers[name] = {
            "seconds": round(judged.seconds, 3),
            "share_of_bound": round(share, 6),
            "unmatched": judged.unmatched,
            "one_way": judged.one_way,
            "violations": judged.violations,
            "blocking": judged.blocking,
        }
    return {name: value for name, value in result.items() if name != "bound"} | {"peers": peers}


def plot(results: dict[str, dict[str, Any]], path: Path) -> None:
    """Seconds against people, both on scales of tenfolds, as a small drawing (SVG)."""
    lines: dict[str, list[tuple[int, float]]] = {}
    for people, result in results.items():
        lines.setdefault("ours", []).append((int(people), result["seconds"]))
        for name, peer in result["peers"].items():
            if peer["seconds"]:
                lines.setdefault(name, []).append((int(people), peer["seconds"]))

    def x(people: int) -> float:
        return 60 + 190 * (math.log10(people) - 3)

    def y(seconds: float) -> float:
        return 250 - 55 * (math.log10(max(seconds, 0.003)) + 2)

    drawn = ['<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 640 320" font-family="sans-serif" font-size="11">']
    for power in range(-2, 3):
        drawn.append(f'<line x1="60" x2="450" y1="{y(10.0**power):.0f}" y2="{y(10.0**power):.0f}" stroke="#ddd"/>')
        drawn.append(f'<text x="54" y="{y(10.0**power) + 4:.0f}" text-anchor="end">{10.0**power:g} s</text>')
    drawn += [f'<text x="{x(n):.0f}" y="295" text-anchor="middle">{n:,}</text>' for n in SIZES]
    for number, (name, points) in enumerate(lines.items()):
        colour = "#c0392b" if name == "ours" else f"hsl({(number * 47) % 360} 35% 45%)"
        path_ = " ".join(f"{x(n):.0f},{y(s):.0f}" for n, s in points)
        drawn.append(f'<polyline points="{path_}" fill="none" stroke="{colour}" stroke-width="2"/>')
        drawn += [f'<circle cx="{x(n):.0f}" cy="{y(s):.0f}" r="3" fill="{colour}"/>' for n, s in points]
        drawn.append(f'<text x="470" y="{40 + 18 * number}" fill="{colour}">{name}</text>')
    path.write_text("\n".join([*drawn, "</svg>", ""]))


def exponent(results: dict[str, dict[str, Any]]) -> float | None:
    """b where seconds grow like people to the b, from the smallest to the largest size."""
    sizes = sorted(int(people) for people in results)
    if len(sizes) < 2:
        return None
    low, high = (results[str(size)]["seconds"] for size in (sizes[0], sizes[-1]))
    return math.log(high / low) / math.log(sizes[-1] / sizes[0])


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.matching",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="Measure while the machine does nothing else. The first run compiles; run it twice.",
    )
    parser.add_argument("--people", type=int, action="append", help=f"one size, may be repeated (default: {SIZES})")
    parser.add_argument("--cap", type=float, default=60, help="seconds for each peer (default: 60)")
    parser.add_argument("--plot", type=Path, help="write a drawing (SVG) of seconds against people here")
    chosen = parser.parse_args()
    results = {str(people): at(people, cap=chosen.cap) for people in chosen.people or SIZES}
    grows = exponent(results)
    if grows is not None:
        print(f"\nours grows like people to the {grows:.2f}")
    if chosen.plot:
        plot(results, chosen.plot)
    print("RESULT", json.dumps(results, ensure_ascii=False))


if __name__ == "__main__":
    main()
