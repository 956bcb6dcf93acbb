"""Rules of fairness that only a closer look at a plan would miss."""

import hashlib
from dataclasses import replace

import msgspec
import pytest

from services.matching.engine.frozen import Proof, near_bytes, proof_bytes
from services.matching.engine.match import match
from services.matching.engine.model import Snapshot
from services.matching.engine.verifying import verify
from tests.matching.engine_people import near_for, snapshot_of, somebody


def test_half_a_floor_lies_half_of_the_way_up() -> None:
    people = [
        somebody(
            f"p{number}", offers=["sushi", "python"][number % 2 :][:1], needs=["python", "sushi"][number % 2 :][:1]
        )
        for number in range(4)
    ]
    people = [
        replace(each, offers=(replace(each.offers[0], level=5 if k < 2 else 1),)) for k, each in enumerate(people)
    ]
    snapshot = snapshot_of(*people)
    reached = {}
    for share in (0.5, 1.0):
        floor = match(replace(snapshot, worst_off_floor=share), near_for(snapshot))[0].worst_off_floor
        assert floor is not None
        reached[share] = floor.reached or 0.0
    free, _ = match(snapshot, near_for(snapshot))
    worst = min(pair.value for pair in free.pairs)
    assert worst < reached[0.5] < reached[1.0]
    assert reached[0.5] == pytest.approx((worst + reached[1.0]) / 2, abs=2e-6)


def test_lies_about_floors_are_told_for_what_they_are() -> None:
    people = [
        somebody(f"p{k}", offers=[f"t{k % 2}"], needs=[f"t{1 - k % 2}"], level=1 + k % 5, organization="ab"[k // 4])
        for k in range(8)
    ]
    snapshot = snapshot_of(*people, worst_off_floor=1.0, organization_floor=0.9)
    _, proof = match(snapshot, near_for(snapshot))
    assert proof is not None
    assert proof.floor is not None
    assert proof.shares is not None
    assert faults(snapshot, proof) == ()
    assert any("digest" in fault for fault in faults(snapshot, proof, digest="another"))
    above = replace(proof, floor=replace(proof.floor, floor=int(proof.couples.w.min()) + 1))
    assert any("below the floor" in fault for fault in faults(snapshot, above))
    modest = replace(proof, shares=replace(proof.shares, asked=proof.shares.asked - 100))
    assert any("ask for a share of 900" in fault for fault in faults(snapshot, modest))


def faults(snapshot: Snapshot, proof: Proof, *, digest: str = "") -> tuple[str, ...]:
    content = msgspec.json.encode(snapshot)
    return verify(
        content,
        near=near_bytes(near_for(snapshot)),
        proof=proof_bytes(proof),
        digest=digest or hashlib.sha256(content).hexdigest(),
    ).faults
