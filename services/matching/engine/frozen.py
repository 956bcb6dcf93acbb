"""What a run keeps so that it can be repeated and checked: the near texts and the proof, as bytes."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec
import numpy as np
from numpy.typing import NDArray

from services.matching.engine.meaning.near import Near, near
from services.matching.engine.solving.certificate import Certificate
from services.matching.engine.solving.pairs import Edges


@dataclass(frozen=True, slots=True, kw_only=True)
class _NearTexts:
    needs: tuple[str, ...]
    offers: tuple[str, ...]
    starts: bytes
    offers_at: bytes
    chance: bytes
    model: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Proof:
    """The plan by places in the canonical order (see ``scoring.ground``), and the certificate of its bound.

    ``seed`` made the order; ``forced`` couples had to be. Values in millionths, as a planner sees them: pairs that go one way
    are ``ONE_WAY_COST`` below.
    """

    seed: int
    forced: Edges
    couples: Edges
    certificate: Certificate
    value: int
    upper_bound: int
    unmatched: int
    unmatched_bound: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Proof:
    seed: int
    arrays: dict[str, tuple[str, bytes]]
    excess: int
    value: int
    upper_bound: int
    unmatched: int
    unmatched_bound: int


class NotFrozen(ValueError):
    """These bytes are not what a run of this build keeps."""


def near_bytes(table: Near) -> bytes:
    """The table, to be frozen with a run."""
    return msgspec.msgpack.encode(
        _NearTexts(
            needs=table.needs,
            offers=table.offers,
            starts=table.starts.astype("<i8").tobytes(),
            offers_at=table.offers_at.astype("<i4").tobytes(),
            chance=table.chance.astype("<u2").tobytes(),
            model=table.model,
        )
    )


def near_from(content: bytes) -> Near:
    """The table again. Raises ``NotFrozen`` or ``BadTable``."""
    try:
        kept = msgspec.msgpack.decode(content, type=_NearTexts)
    except msgspec.DecodeError as error:
        raise NotFrozen(f"these are no near texts: {error}") from error
    return near(
        kept.needs,
        kept.offers,
        starts=np.frombuffer(kept.starts, "<i8").astype(np.int64),
        offers_at=np.frombuffer(kept.offers_at, "<i4").astype(np.int32),
        chance=np.frombuffer(kept.chance, "<u2").astype(np.uint16),
        model=kept.model,
    )


def proof_bytes(proof: Proof) -> bytes:
    """The proof, to be kept beside the snapshot."""
    certificate = proof.certificate
    arrays: dict[str, NDArray[np.generic]] = {
        "u": proof.couples.u,
        "v": proof.couples.v,
        "w": proof.couples.w,
        "forced_u": proof.forced.u,
        "forced_v": proof.forced.v,
        "forced_w": proof.forced.w,
        "y": certificate.y,
        "alone": certificate.alone,
        "group": certificate.group,
        "inner": certificate.inner,
    }
    return msgspec.msgpack.encode(
        _Proof(
            seed=proof.seed,
            arrays={name: (each.dtype.str, each.tobytes()) for name, each in arrays.items()},
            excess=certificate.excess,
            value=proof.value,
            upper_bound=proof.upper_bound,
            unmatched=proof.unmatched,
            unmatched_bound=proof.unmatched_bound,
        )
    )


def proof_from(content: bytes) -> Proof:
    """The proof again. Raises ``NotFrozen``."""
    try:
        kept = msgspec.msgpack.decode(content, type=_Proof)
        arrays = {name: np.frombuffer(data, dtype) for name, (dtype, data) in kept.arrays.items()}
        return Proof(
            seed=kept.seed,
            forced=Edges(arrays["forced_u"], arrays["forced_v"], arrays["forced_w"]),
            couples=Edges(arrays["u"], arrays["v"], arrays["w"]),
            certificate=Certificate(
                arrays["y"], arrays["alone"], group=arrays["group"], inner=arrays["inner"], excess=kept.excess
            ),
            value=kept.value,
            upper_bound=kept.upper_bound,
            unmatched=kept.unmatched,
            unmatched_bound=kept.unmatched_bound,
        )
    except (msgspec.DecodeError, KeyError, TypeError, ValueError) as error:
        raise NotFrozen(f"this is no proof: {error}") from error
