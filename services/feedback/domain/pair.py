"""What feedback knows of a pair: who they are, whether they work together, what each wants to learn."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from contracts.errors import Conflict, NotFound
from contracts.matching import Pair, PairStatus

TOGETHER = (PairStatus.ACCEPTED, PairStatus.ACTIVE, PairStatus.ON_HOLD)
BEFORE = (PairStatus.DRAFT, PairStatus.PROPOSED, PairStatus.HALF_ACCEPTED)


class NoSuchPair(NotFound):
    """Absent, or not this actor's."""


class PairIsOver(Conflict):
    """The pair no longer works together."""


class PairIsNotActive(Conflict):
    """The pair does not work together yet, or not at present."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What ``learner_id`` wants to learn from ``teacher_id``, in the learner's words."""

    teacher_id: UUID
    learner_id: UUID
    need: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownPair:
    """The part of matching's pair that is needed here; ``departed``: one of the two left the platform for good."""

    pair_id: UUID
    cohort_id: UUID
    version: int
    status: PairStatus
    people: tuple[UUID, UUID]
    organizations: tuple[UUID, UUID]
    wishes: tuple[Wish, ...]
    accepted_at: datetime
    departed: bool = False


def known(pair: Pair, *, version: int, occurred_at: datetime) -> KnownPair:
    """Keep what is needed of a fact; accepted when the later of the two said yes."""
    first, second = pair.members
    answers = [member.accepted_at for member in pair.members if member.accepted_at is not None]
    return KnownPair(
        pair_id=pair.pair_id,
        cohort_id=pair.cohort_id,
        version=version,
        status=pair.status,
        people=(first.person_id, second.person_id),
        organizations=(first.organization_id, second.organization_id),
        wishes=tuple(
            Wish(teacher_id=each.teacher_id, learner_id=each.learner_id, need=each.need) for each in pair.directions
        ),
        accepted_at=max(answers, default=occurred_at),
    )


def without_wishes(pair: KnownPair) -> KnownPair:
    """The pair of somebody who left: nothing that either wanted, and nobody to write to."""
    return replace(pair, wishes=tuple(replace(wish, need="") for wish in pair.wishes), departed=True)


def member(pair: KnownPair | None, *, person_id: UUID | None) -> KnownPair:
    """The pair, for one of its two people; NoSuchPair for everybody else, as if it were absent."""
    if pair is None or person_id not in pair.people or pair.status in BEFORE:
        raise NoSuchPair("You have no such pair.", remedy="Look the pair up in your list of pairs.")
    return pair


def reachable(pair: KnownPair) -> KnownPair:
    """The pair, also after its end, unless one of the two has left the platform: PairIsOver."""
    if pair.departed:
        raise PairIsOver("The other person has left the platform, so this pair is closed.")
    return pair


def together(pair: KnownPair) -> KnownPair:
    """The pair, when its two people may still plan; PairIsOver otherwise."""
    reachable(pair)
    if pair.status not in TOGETHER:
        raise PairIsOver("This pair has ended; its history stays.", remedy="What you wrote can still be read.")
    return pair


def active(pair: KnownPair, *, signed: bool) -> KnownPair:
    """The pair, when it works together right now; PairIsOver or PairIsNotActive otherwise.

    ``signed``: both signed some terms of theirs. That is known here first: matching hears of it, and says that the pair is active, a little
    later, and whoever has read that must not be told otherwise."""
    together(pair)
    if not signed:
        raise PairIsNotActive(
            "You have not both signed your agreement yet.", remedy="Sign it, then plan your sessions."
        )
    if pair.status is PairStatus.ON_HOLD:
        raise PairIsNotActive("This pair is on hold.", remedy="Resume the pair first.")
    return pair


def other(people: tuple[UUID, UUID], *, than: UUID) -> UUID:
    """The one of two who is not ``than``."""
    first, second = people
    return second if than == first else first
