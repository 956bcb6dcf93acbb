"""The six people of docs/matching.md, and everything that the text says about them, computed: ``python -m docs.pictures.cohort``."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import msgspec
import numpy as np
from numpy.typing import NDArray

from services.matching.engine import meaning
from services.matching.engine.frozen import Proof, near_bytes, proof_bytes
from services.matching.engine.match import match
from services.matching.engine.meaning.near import Near, near_texts
from services.matching.engine.model import Couple, Facet, Free, Need, Offer, Person, Plan, Snapshot, Speaks
from services.matching.engine.scoring.directions import taught
from services.matching.engine.scoring.ground import texts_of
from services.matching.engine.solving.flow import Fraction, fractional
from services.matching.engine.solving.pairs import Edges
from services.matching.engine.solving.plan import greedy
from services.matching.engine.stated import Stated, state
from services.matching.engine.verifying import verify

SEED = 1
ZONES = {"Ama": "Africa/Accra", "Fumiko": "Asia/Tokyo"}
CHIARA_DALIA, AMA_EMEKA = Couple(first="Chiara", second="Dalia"), Couple(first="Ama", second="Emeka")
SAID: dict[str, tuple[Offer, tuple[Need, ...]]] = {
    "Ama": (
        Offer(text="editing short vertical videos on the phone", level=5, setting="life"),
        (
            Need(text="to understand what our balance sheet says", priority=3, kind="EXPLAIN"),
            Need(text="I get stage fright before every talk", priority=2, kind="SHOW_ME"),
        ),
    ),
    "Bernd": (
        Offer(text="reading balance sheets and annual accounts", level=5, setting="work"),
        (
            Need(text="Wie schneidet man kurze Videos mit dem Handy?", priority=3, kind="SHOW_ME"),
            Need(text="speaking calmly in front of many people", priority=2, kind="CRITIQUE"),
        ),
    ),
    "Chiara": (
        Offer(text="public speaking without fear", level=4, setting="work"),
        (
            Need(text="cutting clips for social media", priority=3, kind="HANDS_ON"),
            Need(text="how to read a company's balance sheet", priority=2, kind="EXPLAIN"),
            Need(text="writing a first small program of my own", priority=1, kind="SHOW_ME"),
        ),
    ),
    "Dalia": (
        Offer(text="Python for people who have never programmed", level=4, setting="study"),
        (
            Need(text="negotiating my salary", priority=3, kind="CHALLENGE_ME"),
            Need(text="cultivar tomates en el balcón", priority=2, kind="SHOW_ME"),
            Need(text="speaking in public", priority=1, kind="CRITIQUE"),
        ),
    ),
    "Emeka": (
        Offer(text="salary negotiations, from both sides of the table", level=5, setting="work"),
        (
            Need(text="learning to program in Python", priority=3, kind="HANDS_ON"),
            Need(text="growing vegetables on a small balcony", priority=2, kind="SHOW_ME"),
        ),
    ),
    "Fumiko": (
        Offer(text="a vegetable garden on the balcony", level=5, setting="life"),
        (
            Need(text="negotiating a better salary", priority=2, kind="PERSPECTIVE"),
            Need(text="Python programming from zero", priority=3, kind="EXPLAIN"),
        ),
    ),
}
INDUSTRIES = {"Ama": "media", "Bernd": "banking", "Chiara": "media", "Dalia": "energy", "Emeka": "retail"}


def snapshot(*, apart: tuple[Couple, ...] = ()) -> Snapshot:
    """Six people of four organizations, one place each."""
    return Snapshot(
        people=tuple(
            Person(
                id=name,
                organization=f"organization {number % 4}",
                offers=(offer,),
                needs=needs,
                languages=(Speaks(code="en", level=5 if number % 2 else 4),),
                zone=ZONES.get(name, "Europe/Berlin"),
                windows=tuple(Free(weekday=day, start=8 * 60, end=20 * 60) for day in (1, 3)),
                facets=(Facet(name="industry", value=INDUSTRIES[name]),) if name in INDUSTRIES else (),
            )
            for number, (name, (offer, needs)) in enumerate(SAID.items())
        ),
        apart=apart,
    )


@dataclass(frozen=True, slots=True, eq=False)
class Worked:
    """The example, solved: what the engine was given, its fraction, its plan and its proof."""

    snapshot: Snapshot
    near: Near
    known: Stated
    edges: Edges
    fraction: Fraction
    plan: Plan
    proof: Proof

    def name(self, person: int) -> str:
        """Of somebody by their place in the canonical order."""
        return self.known.people[person].id


def worked(*, apart: tuple[Couple, ...] = (), near: Near | None = None) -> Worked:
    """Understand, state, relax, solve."""
    seen = snapshot(apart=apart)
    table = near or near_texts(*texts_of(seen.people), meaning=meaning.load(meaning.FULL))
    known = state(seen, table, seed=SEED)
    size = len(known.people)
    edges = known.pairs.strongest(each=size)
    waits = np.ones(size, dtype=np.bool_)
    alone = np.full(size, 4 * (1 + int(np.abs(edges.w).max())), dtype=np.int64)
    fraction = fractional(
        edges, places=known.problem.places, waiting=waits, alone=alone, guess=np.zeros(size, dtype=np.int64)
    )
    plan, proof = match(seen, table, seed=SEED)
    assert proof is not None
    return Worked(seen, table, known, edges, fraction, plan, proof)


def tell(example: Worked) -> None:
    """Print what the text says: directions, values, prices, plan and proof; in millionths."""
    name, problem, certificate = example.name, example.known.problem, example.proof.certificate
    edges, halves = example.edges, example.fraction.halves
    for k in np.argsort(-edges.w, kind="stable").tolist():
        u, v = int(edges.u[k]), int(edges.v[k])
        there, back = (found.worth if (found := taught(problem, *two)) else 0 for two in ((u, v), (v, u)))
        print(f"  {name(u)} teaches {name(v)} {there}, {name(v)} teaches {name(u)} {back}", end=": ")
        print(f"{int(edges.w[k])} to a planner, {halves[k]} halves in the fraction")
    print("  fraction:", int((halves * edges.w).sum()) / 2, "; prices:", dict(_named(example, example.fraction.y)))
    print("  greedy:", _couples(example, greedy(edges, places=problem.places, waiting=np.ones(problem.size, np.bool_))))
    for pair in example.plan.pairs:
        terms = ", ".join(f"{term.name} {term.amount}" for term in pair.terms)
        print(f"  planned: {pair.first}–{pair.second} {pair.value:.6f} = {terms}")
    for out in example.plan.left_out:
        print(f"  left out: {out.person}, {out.reason}")
    print("  shown:", example.plan.value, "of at most", example.plan.upper_bound, "; exact:", example.plan.exact)
    proof = example.proof
    print(f"  a planner's value {proof.value} of at most {proof.upper_bound}; unmatched {proof.unmatched}", end=" ")
    print(f"of at least {proof.unmatched_bound}; groups {dict(_named(example, certificate.group))}")
    seen = msgspec.json.encode(example.snapshot)
    checked = verify(
        seen, near=near_bytes(example.near), proof=proof_bytes(proof), digest=hashlib.sha256(seen).hexdigest()
    )
    print(f"  the verifier: {checked}, gap {checked.gap:.4%}")


def _named(example: Worked, numbers: NDArray[np.int64] | NDArray[np.int32]) -> list[tuple[str, int]]:
    return [(example.name(person), number) for person, number in enumerate(numbers.tolist())]


def _couples(example: Worked, edges: Edges) -> list[tuple[str, str, int]]:
    return [
        (example.name(u), example.name(v), w)
        for u, v, w in zip(edges.u.tolist(), edges.v.tolist(), edges.w.tolist(), strict=True)
    ]


def main() -> None:
    """All three versions of the story."""
    first = worked()
    for need in first.near.needs:
        print(f"{need!r}: {first.near.of(need)}")
    print("\nall six")
    tell(first)
    print("\nChiara and Dalia apart")
    tell(worked(apart=(CHIARA_DALIA,), near=first.near))
    print("\nand Ama and Emeka apart")
    tell(worked(apart=(CHIARA_DALIA, AMA_EMEKA), near=first.near))


if __name__ == "__main__":
    main()
