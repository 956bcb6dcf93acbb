"""What a run of speed rounds keeps so that its plan can be checked: who meets when, and the certificate of the bound, as bytes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from services.matching.engine.frozen import NotFrozen
from services.matching.engine.solving.certificate import Certificate
from services.matching.engine.solving.pairs import Edges, Numbers


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RoundsProof:
    """The meetings by places in the canonical order (see ``scoring.ground``), and the ``round`` of each, from 0. ``seed`` made the order.

    The certificate is that of pairs in which everybody has as many places as there are rounds. Values in millionths, as a planner
    sees them: pairs that go one way are ``ONE_WAY_COST`` below. ``unmatched``: who is there and meets nobody at all.
    """

    seed: int
    rounds: int
    couples: Edges
    round: Numbers
    certificate: Certificate
    value: int
    upper_bound: int
    unmatched: int
    unmatched_bound: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Proof:
    seed: int
    rounds: int
    arrays: dict[str, bytes]
    excess: int
    value: int
    upper_bound: int
    unmatched: int
    unmatched_bound: int


_KINDS = {
    "u": "<i4",
    "v": "<i4",
    "w": "<i8",
    "round": "<i4",
    "y": "<i8",
    "alone": "<i8",
    "group": "<i4",
    "inner": "|b1",
}


def rounds_proof_bytes(proof: RoundsProof) -> bytes:
    """The proof, to be kept beside the snapshot."""
    couples, certificate = proof.couples, proof.certificate
    arrays: dict[str, NDArray[Any]] = {
        "u": couples.u,
        "v": couples.v,
        "w": couples.w,
        "round": proof.round,
        "y": certificate.y,
        "alone": certificate.alone,
        "group": certificate.group,
        "inner": certificate.inner,
    }
    return msgspec.msgpack.encode(
        _Proof(
            seed=proof.seed,
            rounds=proof.rounds,
            arrays={name: array.astype(_KINDS[name]).tobytes() for name, array in arrays.items()},
            excess=certificate.excess,
            value=proof.value,
            upper_bound=proof.upper_bound,
            unmatched=proof.unmatched,
            unmatched_bound=proof.unmatched_bound,
        )
    )


def rounds_proof_from(content: bytes) -> RoundsProof:
    """The proof again. Raises ``NotFrozen``."""
    try:
        kept = msgspec.msgpack.decode(content, type=_Proof)
        array = {name: np.frombuffer(kept.arrays[name], kind) for name, kind in _KINDS.items()}
        return RoundsProof(
            seed=kept.seed,
            rounds=kept.rounds,
            couples=Edges(array["u"], array["v"], array["w"]),
            round=array["round"],
            certificate=Certificate(
                array["y"], array["alone"], group=array["group"], inner=array["inner"], excess=kept.excess
            ),
            value=kept.value,
            upper_bound=kept.upper_bound,
            unmatched=kept.unmatched,
            unmatched_bound=kept.unmatched_bound,
        )
    except (msgspec.DecodeError, KeyError, ValueError) as error:
        raise NotFrozen(f"this is no proof of rounds: {error}") from error
