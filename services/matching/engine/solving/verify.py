"""An independent check of a plan and its certificate: it knows how pairs are asked, and nothing of how plans are made."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.matching.engine.solving.certificate import NOBODY, Certificate, least_alone, most_value
from services.matching.engine.solving.couples import worth
from services.matching.engine.solving.pairs import DEAREST, Edges, Millionths, Pairs


@dataclass(frozen=True, slots=True)
class Verdict:
    """``faults``: sentences; empty when the plan keeps every rule and the barrier holds. ``value`` in millionths; ``unmatched``:
    of those who wait; no plan leaves fewer alone than ``unmatched_bound``, and no plan that leaves as few alone as this one is
    worth more than ``upper_bound``. The bounds are recomputed here; they mean nothing while there are faults."""

    faults: tuple[str, ...]
    value: int
    unmatched: int
    unmatched_bound: int
    upper_bound: int


def check(
    pairs: Pairs,
    *,
    places: Millionths,
    waiting: NDArray[np.bool_],
    couples: Edges,
    certificate: Certificate,
    forced: Edges | None = None,
) -> Verdict:
    """Look at every couple and, person by person, at every possible pair. ``couples`` include the ``forced`` ones, which nobody
    has to allow."""
    size = pairs.size
    faults = _shapes(size, places=places, waiting=waiting, certificate=certificate)
    if ((couples.u < 0) | (couples.u >= couples.v) | (couples.v >= size)).any():
        faults.append(f"A couple is not two of the people 0 to {size - 1}, the smaller first.")
    if faults:
        return Verdict(tuple(faults), 0, 0, 0, 0)
    must = (
        {}
        if forced is None
        else dict(zip(zip(forced.u.tolist(), forced.v.tolist(), strict=True), forced.w.tolist(), strict=True))
    )
    faults += _plan(pairs, places=places, couples=couples, must=must)
    degree = np.bincount(couples.u, minlength=size) + np.bincount(couples.v, minlength=size)
    has_forced = np.zeros(size, dtype=np.bool_)
    left = places.copy()
    for u, v in must:
        has_forced[[u, v]] = True
        left[[u, v]] -= 1
    waits = waiting & ~has_forced
    excess, fault = _excess(pairs, left=left, waits=waits, certificate=certificate, must=set(must))
    faults += fault
    if excess != certificate.excess:
        faults.append(f"All pairs exceed the prices by {excess}, not by {certificate.excess} as the certificate says.")
    unmatched = int((waiting & (degree == 0)).sum())
    given = sum(must.values())
    return Verdict(
        tuple(faults),
        value=worth(couples),
        unmatched=unmatched,
        unmatched_bound=least_alone(certificate, places=left, waiting=waits),
        upper_bound=most_value(certificate, places=left, waiting=waits, unmatched=unmatched) + given,
    )


def _shapes(size: int, *, places: Millionths, waiting: NDArray[np.bool_], certificate: Certificate) -> list[str]:
    faults = []
    for name, array in (
        ("places", places),
        ("waiting", waiting),
        ("y", certificate.y),
        ("alone", certificate.alone),
        ("group", certificate.group),
        ("inner", certificate.inner),
    ):
        if array.shape != (size,):
            faults.append(f"{name} is {array.shape}, but there are {size} people.")
    if not faults and (certificate.alone < 0).any():
        faults.append(f"Person {int(np.argmax(certificate.alone < 0))} has a negative penalty for being alone.")
    if not faults and (certificate.alone[~waiting] != 0).any():
        faults.append("Somebody who waits for nobody has a penalty for being alone.")
    if not faults and (np.abs(certificate.y) > DEAREST).any():
        faults.append(f"Person {int(np.argmax(np.abs(certificate.y) > DEAREST))} has a price beyond ±{DEAREST}.")
    if not faults and ((certificate.group < NOBODY) | (certificate.group >= size)).any():
        faults.append(f"The barrier's groups are numbered 0 to {size - 1}; {NOBODY} is none.")
    return faults


def _plan(pairs: Pairs, *, places: Millionths, couples: Edges, must: dict[tuple[int, int], int]) -> list[str]:
    size = pairs.size
    listed = list(zip(couples.u.tolist(), couples.v.tolist(), couples.w.tolist(), strict=True))
    faults = []
    met = {(u, v) for u, v, _ in listed}
    if len(met) < len(listed):
        faults.append("A couple is planned twice.")
    faults += [f"{u} with {v} must be planned, but is not." for u, v in must if (u, v) not in met]
    worth = pairs.value(couples.u, couples.v).tolist()
    never = pairs.value(np.zeros(1, np.int32), np.zeros(1, np.int32)).tolist()[0] if size else 0
    for (u, v, w), really in zip(listed, worth, strict=True):
        if (u, v) in must:
            if w != must[u, v]:
                faults.append(f"{u} with {v} is forced at {must[u, v]}, not {w}.")
        elif really == never:
            faults.append(f"{u} with {v} is planned, but not possible.")
        elif really != w:
            faults.append(f"{u} with {v} is worth {really}, not {w}.")
    degree = np.bincount(couples.u, minlength=size) + np.bincount(couples.v, minlength=size)
    faults += [
        f"Person {p} has {degree[p]} partners and {places[p]} places." for p in np.flatnonzero(degree > places).tolist()
    ]
    return faults


def _excess(
    pairs: Pairs,
    *,
    left: Millionths,
    waits: NDArray[np.bool_],
    certificate: Certificate,
    must: set[tuple[int, int]],
) -> tuple[int, list[str]]:
    """Σ max(0, w − y_u − y_v) over every pair of people with places, and what is wrong with the barrier."""
    y, group, inner = certificate.y, certificate.group, certificate.inner
    excess, faults = 0, []
    for u in range(pairs.size):
        if left[u] == 0:
            if group[u] != NOBODY:
                faults.append(f"The barrier's group {group[u]} holds person {u}, who has no place.")
            continue
        partners, w = pairs.of(u)
        open_ = left[partners] > 0
        partners, w = partners[open_], w[open_]
        if must:
            free = np.array([(min(u, p), max(u, p)) not in must for p in partners.tolist()], dtype=np.bool_)
            partners, w = partners[free], w[free]
        after = partners > u
        excess += int(np.maximum(0, w[after] - y[u] - y[partners[after]]).sum())
        if group[u] != NOBODY:
            if not waits[u] or inner[u]:
                faults.append(f"The barrier's group {group[u]} holds person {u}, who does not wait or is inner.")
            out = partners[~inner[partners] & (group[partners] != group[u])]
            if out.size:
                faults.append(f"The barrier leaks: {u} may be paired with {out[0]}, outside of their group.")
    members = np.bincount(group[group != NOBODY], minlength=pairs.size) if pairs.size else np.zeros(0, np.int64)
    faults += [
        f"The barrier's group {g} has {members[g]} people, not an odd number."
        for g in np.flatnonzero((members & 1 == 0) & (members > 0)).tolist()
    ]
    crowded = (group != NOBODY) & (left != 1)
    crowded[crowded] = members[group[crowded]] > 1
    faults += [
        f"The barrier's group {group[p]} holds person {p}, who has {left[p]} places, not one."
        for p in np.flatnonzero(crowded).tolist()
    ]
    return excess, faults
