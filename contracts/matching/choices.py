"""What people and organizers choose themselves: suggestions to look at, a ranking of partners, vetoes.

None of it is told by a fact: a ranking is its author's alone, suggestions are computed for who asks, and a veto is the
organizers'. All are private reads of the service that keeps them. (A veto that drops a draft is told as that pair's PairDeclined.)
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import ClassVar
from uuid import UUID

from contracts.base import Command, Query
from contracts.matching.cohorts import RuleKind
from contracts.matching.pairs import Direction, Term, Wording


class WhyNotCode(StrEnum):
    """Why two people are not together; what a person learns about another one goes no further than what a pair would show."""

    POSSIBLE = "possible"  # nothing speaks against it
    PAIRED = "paired"  # they are, or were, proposed to each other in this cohort
    KEPT_APART = "kept_apart"  # a wish, a veto, or a rule about what only the other one may tell
    VETOED = "vetoed"  # by an organizer; organizers only
    RULE = "rule"  # rules of the cohort, named
    ROLES = "roles"  # both only teach, or both only learn
    NOT_AVAILABLE = "not_available"  # one of them takes no part at the moment
    INCOMPLETE_PROFILE = "incomplete_profile"
    OUT_OF_OFFICE = "out_of_office"
    NOT_READ = "not_read"  # texts of one of them are not understood yet
    NOTHING_TO_TEACH = "nothing_to_teach"
    NO_PLACE = "no_place"  # one of them has as many partners as they take, or is promised
    BETTER_ELSEWHERE = "better_elsewhere"  # the run found more in other pairs: see the prices
    OWN_IS_BETTER = "own_is_better"  # the partner that the run found is worth at least as much


@dataclass(frozen=True, slots=True, kw_only=True)
class Suggestion:
    """Somebody who would suit; ``terms`` sum to ``value`` exactly. ``rank``: the asking person's own, from 1; 0: not ranked."""

    person_id: UUID
    organization_id: UUID
    value: float
    terms: tuple[Term, ...]
    directions: tuple[Direction, ...]
    language: str = ""
    shared_minutes: int = 0
    common_ground: str = ""
    bridge: str = ""
    one_way_reason: str = ""
    wordings: tuple[Wording, ...] = ()
    rank: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Suggestions:
    """The best first. ``unread``: the asking person's own texts that are not understood yet; ``unread_of_others``: how many of
    others. ``why``: why there is nobody, in English; ``wordings``: the same by locale."""

    cohort_id: UUID
    person_id: UUID
    suggestions: tuple[Suggestion, ...] = ()
    unread: tuple[str, ...] = ()
    unread_of_others: int = 0
    why: tuple[str, ...] = ()
    wordings: tuple[tuple[str, tuple[str, ...]], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class WhyNot:
    """``why``: sentences in English; ``wordings``: the same by locale. ``rules``: those that are broken, as far as they are shown.
    ``value``: what the two would be worth, where a pair of them is possible by the rules."""

    cohort_id: UUID
    person_id: UUID
    other_id: UUID
    code: WhyNotCode
    why: tuple[str, ...] = ()
    rules: tuple[RuleKind, ...] = ()
    value: float | None = None
    wordings: tuple[tuple[str, tuple[str, ...]], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranking:
    """Whom a person would like, the first choice first; five at most."""

    cohort_id: UUID
    people: tuple[UUID, ...]
    ranked_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Rankings:
    """A person's own, by cohort."""

    rankings: tuple[Ranking, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Veto:
    """Two people whom an organizer wants no run to pair, sorted by id."""

    cohort_id: UUID
    people: tuple[UUID, UUID]
    vetoed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Vetoes:
    """All of a cohort, the latest first."""

    vetoes: tuple[Veto, ...] = ()


# ---- commands ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class RankPeople(Command):
    """By the person, before the cohort is matched: the whole ranking, the first choice first; nobody takes it back. Nobody is told."""

    WIRE: ClassVar[str] = "viceversa.matching.rank-people.v1"
    cohort_id: UUID
    people: tuple[UUID, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class VetoPair(Command):
    """By an admin of a partner: a draft of the two is dropped, and no run pairs them until the veto is taken back."""

    WIRE: ClassVar[str] = "viceversa.matching.veto-pair.v1"
    cohort_id: UUID
    people: tuple[UUID, UUID]


@dataclass(frozen=True, slots=True, kw_only=True)
class WithdrawVeto(Command):
    """By an admin of a partner: the next run may pair the two."""

    WIRE: ClassVar[str] = "viceversa.matching.withdraw-veto.v1"
    cohort_id: UUID
    people: tuple[UUID, UUID]


# ---- private reads -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class SuggestPartners(Query):
    """By a person who takes part. Answer: Suggestions."""

    WIRE: ClassVar[str] = "viceversa.matching.suggest-partners.v1"
    cohort_id: UUID
    first: int = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainWhyNot(Query):
    """By a person about themselves and another one, or by an admin of a partner about ``person_id`` and another one. Answer: WhyNot."""

    WIRE: ClassVar[str] = "viceversa.matching.explain-why-not.v1"
    cohort_id: UUID
    other_id: UUID
    person_id: UUID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadRankings(Query):
    """By a person: their own, of one cohort or of all. Answer: Rankings."""

    WIRE: ClassVar[str] = "viceversa.matching.read-rankings.v1"
    cohort_id: UUID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ListVetoes(Query):
    """By an admin of a partner. Answer: Vetoes."""

    WIRE: ClassVar[str] = "viceversa.matching.list-vetoes.v1"
    cohort_id: UUID


COMMANDS = (
    RankPeople,
    VetoPair,
    WithdrawVeto,
)
QUERIES = (
    SuggestPartners,
    ExplainWhyNot,
    ReadRankings,
    ListVetoes,
)
