"""What people rank and organizers veto: who may, when, and whom."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from uuid import UUID

from contracts.errors import Conflict, Invalid, NotFound, Problem, TooLate
from contracts.matching import Cohort, CohortStatus, Enrolment, Pair, PairStatus, Ranking, Veto
from services.matching.domain.authority import people_of
from services.matching.domain.enrolments import ENROLLED, NotEnrolled
from services.matching.domain.kept import Kept
from services.matching.domain.pairs import LIVE, supersede

MOST_RANKED = 5

RANKING = {CohortStatus.OPEN, CohortStatus.CLOSED}
_TO_COME = {CohortStatus.DRAFT}
VETOABLE = {
    CohortStatus.OPEN,
    CohortStatus.CLOSED,
    CohortStatus.MATCHING,  # a run that is under way leaves the couple out when it ends
    CohortStatus.REVIEW,
    CohortStatus.ACTIVE,
}


class RankingIsWrong(Invalid):
    """Too many, oneself, somebody twice, or somebody who takes no part; ``problems`` say who."""


class RankingIsOver(TooLate):
    """The cohort was matched."""


class RankingHasNotBegun(Conflict):
    """Nobody can enrol yet."""


class VetoIsWrong(Invalid):
    """A pair is of two different people."""


class CannotVeto(Conflict):
    """Somebody has no place, the two were asked already, or the cohort is over."""


class NoVeto(NotFound):
    """There is nothing to take back."""


class IsVetoed(Conflict):
    """An organizer does not want these two together."""


def rank(
    cohort: Cohort, *, by: UUID, people: tuple[UUID, ...], enrolments: Mapping[UUID, Enrolment], now: datetime
) -> Ranking:
    """The whole ranking. ``enrolments``: of the person and of those whom they name, in this cohort."""
    if cohort.status in _TO_COME:
        raise RankingHasNotBegun("This cohort is not open yet.", remedy="Rank people once registration is open.")
    if cohort.status not in RANKING:
        raise RankingIsOver(
            f"This cohort is {cohort.status.value}: rankings count before it is matched.",
            remedy="Answer the proposal that you get; the next edition takes a ranking again.",
        )
    if not _takes_part(by, enrolments):
        raise NotEnrolled("You do not take part in this cohort.", remedy="Enrol first.")
    problems = tuple(_problems(by, people, enrolments))
    if problems:
        raise RankingIsWrong(
            "This ranking cannot be kept; the one before stays.",
            remedy="Correct each of the problems listed.",
            problems=problems,
        )
    return Ranking(cohort_id=cohort.cohort_id, people=people, ranked_at=now)


def _problems(by: UUID, people: tuple[UUID, ...], enrolments: Mapping[UUID, Enrolment]) -> Iterable[Problem]:
    if len(people) > MOST_RANKED:
        yield Problem(
            "people",
            f"At most {MOST_RANKED} people are ranked.",
            str(len(people)),
            f"Keep the {MOST_RANKED} whom you want most.",
        )
    for number, person in enumerate(people):
        path = f"people[{number}]"
        if person == by:
            yield Problem(path, "This is you.", str(person), "Name somebody else.")
        elif person in people[:number]:
            yield Problem(path, "This person is ranked twice.", str(person), "Name everybody once.")
        elif not _takes_part(person, enrolments):
            yield Problem(
                path, "Nobody like that takes part in this cohort.", str(person), "Choose among its participants."
            )


def veto(cohort: Cohort, *, people: tuple[UUID, UUID], enrolments: Mapping[UUID, Enrolment], now: datetime) -> Veto:
    """No run pairs these two from now on. ``enrolments``: theirs, in this cohort."""
    two = couple(people)
    if cohort.status not in VETOABLE:
        raise CannotVeto(
            f"Nothing can be vetoed while the cohort is {cohort.status.value}.", remedy="Veto before matching ends."
        )
    if not all(_takes_part(person, enrolments) for person in two):
        raise CannotVeto("Both people must take part in the cohort.", remedy="Choose two of its participants.")
    return Veto(cohort_id=cohort.cohort_id, people=two, vetoed_at=now)


def couple(people: Collection[UUID]) -> tuple[UUID, UUID]:
    """Two different people, sorted."""
    two = sorted(set(people))
    if len(two) != 2:
        raise VetoIsWrong("A pair is of two different people.", remedy="Name two people.")
    return two[0], two[1]


def dropped(present: Iterable[Kept[Pair]], *, veto: Veto, now: datetime) -> list[Kept[Pair]]:
    """The draft of the two, superseded. ``present``: all pairs of the two in this cohort."""
    changes = []
    for kept in present:
        if set(people_of(kept.state)) != set(veto.people):
            continue
        if kept.state.status is PairStatus.DRAFT:
            changes.append(supersede(kept, why="An organizer took this pair out.", now=now))
        elif kept.state.status in LIVE:
            raise CannotVeto(
                "These two have been asked already, or work together.",
                remedy="Wait for their answers, or end the pair; a veto is for what runs will find.",
            )
    return changes


def check_not_vetoed(people: Collection[UUID], *, vetoed: Collection[frozenset[UUID]]) -> None:
    """Whoever pins two vetoed people must know."""
    if frozenset(people) in vetoed:
        raise IsVetoed("An organizer vetoed this pair.", remedy="Withdraw the veto first.")


def _takes_part(person: UUID, enrolments: Mapping[UUID, Enrolment]) -> bool:
    return person in enrolments and enrolments[person].status in ENROLLED
