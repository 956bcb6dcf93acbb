"""What a run of groups keeps so that its plan can be checked: the groups and two certificates, as bytes."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec
import numpy as np

from services.matching.engine.frozen import NotFrozen
from services.matching.engine.grouping.certificate import Certificate


@dataclass(frozen=True, slots=True, kw_only=True)
class FrozenGroup:
    """Who leads first, by places in the canonical order (see ``scoring.ground``); ``option``: of ``grouping.circles``; ``value`` in
    millionths."""

    option: int
    language: int
    members: tuple[int, ...]
    value: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class GroupsProof:
    """``seed`` made the order. No plan has more than ``most_people`` in groups (``cover`` proves it); none that has as many as this one is
    worth more than ``upper_bound`` (``dearest``); both perhaps by an integer program, which no certificate holds."""

    seed: int
    groups: tuple[FrozenGroup, ...]
    value: int
    upper_bound: int
    most_people: int
    cover: Certificate
    dearest: Certificate


@dataclass(frozen=True, slots=True, kw_only=True)
class _Prices:
    y: bytes
    led: bytes
    bonus: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Proof:
    seed: int
    groups: tuple[FrozenGroup, ...]
    value: int
    upper_bound: int
    most_people: int
    cover: _Prices
    dearest: _Prices


def groups_proof_bytes(proof: GroupsProof) -> bytes:
    """The proof, to be kept beside the snapshot."""
    return msgspec.msgpack.encode(
        _Proof(
            seed=proof.seed,
            groups=proof.groups,
            value=proof.value,
            upper_bound=proof.upper_bound,
            most_people=proof.most_people,
            cover=_kept(proof.cover),
            dearest=_kept(proof.dearest),
        )
    )


def groups_proof_from(content: bytes) -> GroupsProof:
    """The proof again. Raises ``NotFrozen``."""
    try:
        kept = msgspec.msgpack.decode(content, type=_Proof)
        return GroupsProof(
            seed=kept.seed,
            groups=kept.groups,
            value=kept.value,
            upper_bound=kept.upper_bound,
            most_people=kept.most_people,
            cover=_read(kept.cover, valued=False),
            dearest=_read(kept.dearest, valued=True),
        )
    except (msgspec.DecodeError, ValueError) as error:
        raise NotFrozen(f"this is no proof of groups: {error}") from error


def _kept(certificate: Certificate) -> _Prices:
    y, led = (array.astype("<i8").tobytes() for array in (certificate.y, certificate.led))
    return _Prices(y=y, led=led, bonus=certificate.bonus)


def _read(kept: _Prices, *, valued: bool) -> Certificate:
    y, led = (np.frombuffer(array, "<i8").astype(np.int64) for array in (kept.y, kept.led))
    return Certificate(y, led, kept.bonus, valued)
