"""The matching engine against what else there is, on the same made-up cohort, in one run on one machine.

For every size: ours (arrays in, certificate out; the index is built within the time), greedy by value, greedy with exchanges of
partners, `rustworkx` (blossom), OR-tools' flow on everybody's 32 best, HiGHS on the same couples, and `matching` (stable
roommates, hospital–resident), each under a cap of time. Everybody plans with the same values; peers for whom a person has one
place only get each place as a person of their own. What a peer plans is measured by us: couples that break a rule are counted
and earn nothing.

Value is what people are shown: the tier that keeps one-way pairs for those whom no two-way pair can cover is no part of it.
``share_of_bound`` is a plan's value against the most that any plan which leaves as few people alone, and needs as few one-way
pairs, can be worth. Of a peer that takes more one-way pairs than ours only as many count, the best of them; one that leaves more
people alone can still come close to it, or pass it by a little: a share is marked with ``*`` where a plan leaves more people alone
than ours, or takes more one-way pairs.

The last line is `RESULT` and JSON, a key for each number of people: `seconds`, `gap` (share of the bound that ours may miss),
`memory_mb` (the most that the process held), `unmatched`, `unmatched_bound`, `one_way`, `exact`, `violations`, `blocking` (pairs who would
both gain more than 0.1), `peers`: name → `seconds`, `share_of_bound`, `unmatched`, `one_way`, `violations`, `blocking`; `seconds` alone is
null when the cap was reached. `cpu_seconds` beside every `seconds`: of all threads, for whoever measures on a busy machine; caps count
these. `--record` keeps the result in `benchmarks/data/matching_measured.json`, and draws and writes what docs/matching.md shows of it.
"""

from __future__ import annotations

import argparse
import json
import math
import multiprocessing
import os
import queue
import resource
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from benchmarks.cohorts import problem
from benchmarks.peers import PEERS, Couples, Given
from benchmarks.report import MARKED, exponent, mark, plot, record
from services.matching.engine.scoring.indexed import IndexedPairs, part_of, warm
from services.matching.engine.scoring.value import ONE_WAY_COST
from services.matching.engine.solving.blocks import split, union
from services.matching.engine.solving.couples import degrees
from services.matching.engine.solving.pairs import NEVER, Edges, Millionths, edges_of
from services.matching.engine.solving.solve import EXACT, solve
from services.matching.engine.solving.stability import bars
from services.matching.engine.solving.verify import check

SIZES = (1_000, 10_000, 100_000)
SEED = 1
BEST = 32
BOTH_GAIN = 100_000
PATIENCE = 12
"""A peer gets this many times its cap by the clock: other work on the machine is none of its fault."""
BLOCKS_FROM = 100_000  # people
BLOCKS_BY = 4
"""Everybody's best partners, by whom blocks are made."""
T = TypeVar("T")
LARGEST_PEER = {"hospital–resident": 10_000, "stable roommates": 1_000, "blossom (rustworkx)": 10_000, "HiGHS": 10_000}
"""People: above, a peer is known not to end under any cap that we would wait for."""


@dataclass(frozen=True)
class Measured:
    """A plan as we see it. ``value``: millionths, without the tier of one-way pairs; couples that break a rule earn nothing."""

    seconds: float
    cpu_seconds: float
    value: int
    one_way: int
    unmatched: int
    violations: int
    blocking: int


def measured(
    pairs: IndexedPairs, couples: Couples, *, places: Millionths, seconds: float, cpu: float, one_way: int | None = None
) -> Measured:
    """Judge a plan that anybody made: possible, at most so many partners, each couple once. No more than ``one_way`` of its one-way
    pairs count, the best of them: whoever takes more than need be must not look better for it."""
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
    tier = np.sort(plan.w[plan.w < -ONE_WAY_COST // 2])[::-1] + ONE_WAY_COST
    bar = bars(pairs.size, plan, places=places, threshold=BOTH_GAIN)
    own = int(((plan.w > bar[plan.u]) & (plan.w > bar[plan.v])).sum())
    return Measured(
        seconds=seconds,
        cpu_seconds=cpu,
        value=sum(plan.w[plan.w >= -ONE_WAY_COST // 2].tolist()) + sum(tier[:one_way].tolist()),
        one_way=len(tier),
        unmatched=int((degrees(plan, pairs.size) == 0).sum()),
        violations=len(one) - len(plan),
        blocking=pairs.exceeding(bar) - own,
    )


def ours(people: int) -> tuple[dict[str, Any], Given]:
    """Plan, prove, verify; and what the peers are given."""
    cohort = problem(people, seed=SEED)
    warm()  # a worker that has run before
    started, worked = time.perf_counter(), time.process_time()
    pairs = IndexedPairs(cohort)
    plan = solve(pairs, places=cohort.places, exact_up_to=0)
    proven, cpu = time.perf_counter() - started, time.process_time() - worked
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    exact, finished, finished_cpu = plan, proven, cpu
    if people <= EXACT:
        started, worked = time.perf_counter(), time.process_time()
        exact = solve(IndexedPairs(cohort), places=cohort.places)
        finished, finished_cpu = time.perf_counter() - started, time.process_time() - worked
    waiting = np.ones(people, dtype=np.bool_)
    started = time.perf_counter()
    found = check(pairs, places=cohort.places, waiting=waiting, couples=plan.couples, certificate=plan.certificate)
    verified = time.perf_counter() - started
    judged = measured(pairs, (plan.u, plan.v), places=cohort.places, seconds=proven, cpu=cpu)
    needed = int((exact.w < -ONE_WAY_COST // 2).sum())
    bound = exact.upper_bound + needed * ONE_WAY_COST
    strongest = pairs.strongest(each=BEST)
    own_bound = judged.value + plan.upper_bound - plan.value
    result = {
        "seconds": round(proven, 3),
        "cpu_seconds": round(cpu, 3),
        "gap": (plan.upper_bound - plan.value) / own_bound,
        "memory_mb": memory,
        "unmatched": plan.unmatched,
        "unmatched_bound": plan.unmatched_bound,
        "one_way": judged.one_way,
        "violations": len(found.faults) + judged.violations,
        "blocking": judged.blocking,
        "exact": exact.exact,
        "exact_seconds": round(finished, 3) if exact.exact else None,
        "exact_cpu_seconds": round(finished_cpu, 3) if exact.exact else None,
        "verify_seconds": round(verified, 3),
        "load": round(os.getloadavg()[0], 1),
        "exact_gap": (exact.upper_bound - exact.value) / bound,
        "share_of_bound": judged.value / bound,
        "bound": bound,
        "needed": needed,
    }
    return result, Given(u=strongest.u, v=strongest.v, w=strongest.w, places=cohort.places)


def in_blocks(people: int, *, most: int, bound: int) -> dict[str, Any]:
    """The same cohort in blocks of at most ``most`` people, one after the other here: how long the longest job takes, and what the
    bound over all pairs says about the plans put together. ``bound``: on the value of the cohort planned whole."""
    cohort = problem(people, seed=SEED)
    spent: dict[str, list[float]] = {"split": [], "job": [], "union": []}

    def timed(what: str, work: Callable[[], T]) -> T:
        started = time.process_time()
        found = work()
        spent[what].append(time.process_time() - started)
        return found

    pairs = IndexedPairs(cohort)
    blocks = timed("split", lambda: split(pairs.strongest(each=BLOCKS_BY), size=people, most=most))
    plans = [
        timed("job", lambda block=block: solve(part_of(cohort, block), places=cohort.places[block], exact_up_to=0))  # type: ignore[misc]
        for block in blocks
    ]
    stitched = timed("union", lambda: union(pairs, blocks, plans, places=cohort.places, rounds=0))
    plan = timed("union", lambda: union(pairs, blocks, plans, places=cohort.places))
    judged = measured(pairs, (plan.u, plan.v), places=cohort.places, seconds=0, cpu=sum(map(sum, spent.values())))
    most_value = judged.value + plan.upper_bound - plan.value
    return {
        "blocks": len(blocks),
        "split_cpu_seconds": round(spent["split"][0], 1),
        "longest_job_cpu_seconds": round(max(spent["job"]), 1),
        "jobs_cpu_seconds": round(sum(spent["job"]), 1),
        "stitch_cpu_seconds": round(spent["union"][0], 1),
        "union_cpu_seconds": round(spent["union"][1], 1),
        "gap_stitched": (stitched.upper_bound - stitched.value) / most_value,
        "gap": (plan.upper_bound - plan.value) / most_value,
        "share_of_bound": judged.value / bound,
        "unmatched": plan.unmatched,
        "unmatched_bound": plan.unmatched_bound,
        "violations": judged.violations,
    }


def raced(peer: Callable[[Given], Couples], given: Given, *, cap: float) -> tuple[Couples, float, float] | None:
    """A peer in a process of its own (HiGHS and OR-tools of other makers do not share one), stopped after ``cap`` processor
    seconds, or ``PATIENCE`` times as many by the clock: the couples, seconds, processor seconds."""
    context = multiprocessing.get_context("spawn")
    answers: multiprocessing.Queue[tuple[Any, Any, float, float] | str] = context.Queue()
    process = context.Process(target=_race, args=(peer, given, answers, cap), daemon=True)
    process.start()
    answer: tuple[Any, Any, float, float] | str | None = None
    give_up = time.perf_counter() + cap * PATIENCE + 60
    while answer is None and time.perf_counter() < give_up:
        alive = process.is_alive()  # before looking: whatever a process says, it says before it ends
        try:
            answer = answers.get(timeout=1)
        except queue.Empty:
            if not alive:
                break
    process.kill()
    process.join()
    if isinstance(answer, str):
        print(f"    failed: {answer}")
        return None
    return None if answer is None else ((answer[0], answer[1]), answer[2], answer[3])


def _race(peer: Callable[[Given], Couples], given: Given, answers: Any, cap: float) -> None:
    sys.setrecursionlimit(10**6)  # `matching` copies its players with all whom they know
    most = math.ceil(time.process_time() + cap)
    resource.setrlimit(resource.RLIMIT_CPU, (most, most + 5))
    started, worked = time.perf_counter(), time.process_time()
    try:
        one, other = peer(given)
    except Exception as failure:  # a peer's failure is a result
        answers.put(f"{type(failure).__name__}: {failure}")
        return
    answers.put((np.asarray(one), np.asarray(other), time.perf_counter() - started, time.process_time() - worked))


def at(people: int, *, cap: float) -> dict[str, Any]:
    """One size: ours and every peer that may end under the cap."""
    print(f"\n{people:,} people", flush=True)
    result, given = ours(people)
    bound = result["bound"]
    print(f"  {'':<24}{'seconds':>9}{'cpu':>9}{'of bound':>11}{'alone':>7}{'one-way':>8}{'broken':>8}{'blocking':>9}")

    def line(name: str, seconds: float, cpu: float, share: float, *rest: int) -> None:
        alone, one_way, broken, blocked = rest
        said = f"{share:.4%}{mark({'unmatched': alone, 'one_way': one_way}, ours=result) or ' '}"
        print(
            f"  {name:<24}{seconds:>9.2f}{cpu:>9.2f}{said:>12}{alone:>6}{one_way:>8}{broken:>8}{blocked:>9}",
            flush=True,
        )

    line(
        "ours",
        result["seconds"],
        result["cpu_seconds"],
        result["share_of_bound"],
        result["unmatched"],
        result["one_way"],
        result["violations"],
        result["blocking"],
    )
    proven = "exact" if result["exact"] else f"at most {result['exact_gap']:.4%} away"
    print(
        f"    gap proven over all pairs {result['gap']:.5%}; at least {result['unmatched_bound']} stay alone in any plan; "
        f"{result['memory_mb']} MB; with the finish {proven} in {result['exact_seconds'] or '–'} s; "
        f"verified in {result['verify_seconds']:.1f} s; load {result['load']}"
    )
    pairs = IndexedPairs(problem(people, seed=SEED))
    peers: dict[str, dict[str, Any]] = {}
    for name, peer in PEERS.items():
        if people > LARGEST_PEER.get(name, people):
            print(f"  {name:<24}{'–':>9}  not tried at this size")
            continue
        done = raced(peer, given, cap=cap)
        if done is None:
            print(f"  {name:<24}{'–':>9}  nothing within {cap:.0f} processor seconds", flush=True)
            peers[name] = {"seconds": None}
            continue
        judged = measured(pairs, done[0], places=given.places, seconds=done[1], cpu=done[2], one_way=result["needed"])
        share = judged.value / bound
        rest = (judged.unmatched, judged.one_way, judged.violations, judged.blocking)
        line(name, judged.seconds, judged.cpu_seconds, share, *rest)
        peers[name] = {
            "seconds": round(judged.seconds, 3),
            "cpu_seconds": round(judged.cpu_seconds, 3),
            "share_of_bound": round(share, 6),
            "unmatched": judged.unmatched,
            "one_way": judged.one_way,
            "violations": judged.violations,
            "blocking": judged.blocking,
        }
    print(f"  * {MARKED}", flush=True)
    if people >= BLOCKS_FROM:
        result["blocks"] = blocks = in_blocks(people, most=people // 4 + 1, bound=bound)
        print(
            f"  in {blocks['blocks']} blocks: split {blocks['split_cpu_seconds']} processor s, longest job "
            f"{blocks['longest_job_cpu_seconds']}, union {blocks['union_cpu_seconds']}; {blocks['share_of_bound']:.4%} of the bound, "
            f"gap proven over all pairs {blocks['gap']:.4%} ({blocks['gap_stitched']:.3%} with the blocks' own prices); "
            f"{blocks['unmatched']} alone, at least {blocks['unmatched_bound']} in any plan",
            flush=True,
        )
    return {name: value for name, value in result.items() if name not in {"bound", "needed"}} | {
        "cap": cap,
        "peers": peers,
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.matching",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="Measure while the machine does nothing else. The first run compiles; run it twice.",
    )
    parser.add_argument("--people", type=int, action="append", help=f"one size, may be repeated (default: {SIZES})")
    parser.add_argument("--cap", type=float, default=60, help="processor seconds for each peer (default: 60)")
    parser.add_argument("--plot", type=Path, help="write a drawing (SVG) of seconds against people here")
    parser.add_argument("--record", action="store_true", help="keep the result, and show it in docs/matching.md")
    chosen = parser.parse_args()
    results = {str(people): at(people, cap=chosen.cap) for people in chosen.people or SIZES}
    grows = exponent(results)
    if grows is not None:
        print(f"\nours grows like people to the {grows:.2f}")
    if chosen.plot:
        plot(results, chosen.plot)
    if chosen.record:
        record(results)
    print("RESULT", json.dumps(results, ensure_ascii=False))


if __name__ == "__main__":
    main()
