"""What a run keeps so that it can be repeated and checked: the near texts and the proof, as bytes."""

from __future__ import annotations

from dataclasses import dataclass, field

import msgspec
import numpy as np
from numpy.typing import NDArray

from services.matching.engine.meaning.near import Near, near
from services.matching.engine.solving.certificate import Certificate
from services.matching.engine.solving.owed import Proven
from services.matching.engine.solving.pairs import Edges, Numbers


@dataclass(frozen=True, slots=True, kw_only=True)
class _NearTexts:
    needs: tuple[str, ...]
    offers: tuple[str, ...]
    starts: bytes
    offers_at: bytes
    chance: bytes
    model: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FloorProof:
    """Every planned couple is worth ``floor``, forced ones aside; above ``bound`` more people would be alone, by a barrier of these groups
    and inner people among the pairs above it."""

    floor: int
    bound: int
    group: Numbers
    inner: NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ShareProof:
    """Every organization gets ``share`` of its best, of the share ``asked`` for, in thousandths, and no plan gives each more than
    ``bound``. ``value``: the weights under which the certificate of the plan holds; ``most``: what proves the bound. See
    ``solving.shares``."""

    asked: int
    share: int
    bound: int
    value: Proven | None
    most: Proven | None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Proof:
    """The plan by places in the canonical order (see ``scoring.ground``), and the certificate of its bound.

    ``seed`` made the order; ``forced`` couples had to be. Values in millionths, as a planner sees them: pairs that go one way
    are ``ONE_WAY_COST`` below. Under floors the certificate is of the pairs that they leave, and ``free``, of all pairs, proves how few
    must be alone.
    """

    seed: int
    forced: Edges
    couples: Edges
    certificate: Certificate
    value: int
    upper_bound: int
    unmatched: int
    unmatched_bound: int
    floor: FloorProof | None = None
    shares: ShareProof | None = None
    free: Certificate | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Proof:
    seed: int
    arrays: dict[str, tuple[str, bytes]]
    excess: int
    value: int
    upper_bound: int
    unmatched: int
    unmatched_bound: int
    floor: tuple[int, int] | None = None  # floor and bound
    shares: tuple[int, int, int] | None = None  # asked, share and bound
    excesses: dict[str, int] = field(default_factory=dict)


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
    excesses: dict[str, int] = {}

    def add(name: str, certificate: Certificate) -> None:
        arrays.update(_arrays(name, certificate))
        excesses[name] = certificate.excess

    if proof.free is not None:
        add("free", proof.free)
    if proof.floor is not None:
        arrays |= {"floor_group": proof.floor.group, "floor_inner": proof.floor.inner}
    for name, proven in (("value", proof.shares.value), ("most", proof.shares.most)) if proof.shares else ():
        if proven is not None:
            arrays[f"{name}_weights"] = proven.weights
            add(name, proven.certificate)
    return msgspec.msgpack.encode(
        _Proof(
            seed=proof.seed,
            arrays={name: (each.dtype.str, each.tobytes()) for name, each in arrays.items()},
            excess=certificate.excess,
            value=proof.value,
            upper_bound=proof.upper_bound,
            unmatched=proof.unmatched,
            unmatched_bound=proof.unmatched_bound,
            floor=None if proof.floor is None else (proof.floor.floor, proof.floor.bound),
            shares=None if proof.shares is None else (proof.shares.asked, proof.shares.share, proof.shares.bound),
            excesses=excesses,
        )
    )


def _arrays(name: str, certificate: Certificate) -> dict[str, NDArray[np.generic]]:
    return {
        f"{name}_y": certificate.y,
        f"{name}_alone": certificate.alone,
        f"{name}_group": certificate.group,
        f"{name}_inner": certificate.inner,
    }


def proof_from(content: bytes) -> Proof:
    """The proof again. Raises ``NotFrozen``."""
    try:
        kept = msgspec.msgpack.decode(content, type=_Proof)
        arrays = {name: np.frombuffer(data, dtype) for name, (dtype, data) in kept.arrays.items()}

        def certificate(name: str) -> Certificate:
            return Certificate(
                arrays[f"{name}_y"],
                arrays[f"{name}_alone"],
                group=arrays[f"{name}_group"],
                inner=arrays[f"{name}_inner"],
                excess=kept.excesses[name],
            )

        def proven(name: str) -> Proven | None:
            return Proven(arrays[f"{name}_weights"], certificate(name)) if name in kept.excesses else None

        floor = shares = None
        if kept.floor is not None:
            floor = FloorProof(
                floor=kept.floor[0],
                bound=kept.floor[1],
                group=arrays["floor_group"],
                inner=arrays["floor_inner"],
            )
        if kept.shares is not None:
            asked, share, bound = kept.shares
            shares = ShareProof(asked=asked, share=share, bound=bound, value=proven("value"), most=proven("most"))
        return Proof(
            free=certificate("free") if "free" in kept.excesses else None,
            floor=floor,
            shares=shares,
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
