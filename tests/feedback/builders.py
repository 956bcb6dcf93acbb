"""People, pairs and the facts that other owners tell about them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from contracts.base import Actor, Event, Role
from contracts.feedback import Agreement
from contracts.matching import (
    Cohort,
    CohortAdvanced,
    CohortStatus,
    Direction,
    Member,
    Pair,
    PairAccepted,
    PairActivated,
    PairChanged,
    PairEnded,
    PairStatus,
    Partner,
)
from contracts.profiles import Profile, ProfileErased, ProfileUpdated
from services.feedback.domain import agreement
from services.feedback.domain.kept import Kept
from services.feedback.domain.pair import KnownPair, Wish

START = datetime(2027, 3, 1, 9, 0, tzinfo=UTC)  # a Monday
END = START + timedelta(days=84)


def a_person(organization_id: UUID, *, person_id: UUID | None = None) -> Actor:
    """Somebody with a token."""
    person_id = person_id or uuid4()
    return Actor(roles=(Role.PERSON,), organization_id=organization_id, person_id=person_id, subject=f"s-{person_id}")


def id_of(actor: Actor) -> UUID:
    """The person's id."""
    assert actor.person_id is not None
    return actor.person_id


@dataclass
class Two:
    """Ada (junior) and Bo (senior) of two organizations, with the facts that matching tells about them."""

    cohort_id: UUID = field(default_factory=uuid4)
    pair_id: UUID = field(default_factory=uuid4)
    ada: Actor = field(default_factory=lambda: a_person(uuid4()))
    bo: Actor = field(default_factory=lambda: a_person(uuid4()))
    ada_wants: str = "how to say no to a board"
    bo_wants: str = "what Kubernetes is for"
    cohort_version: int = 3
    pair_version: int = 3

    @property
    def people(self) -> tuple[UUID, UUID]:
        """Both, in the order that matching keeps."""
        first, second = sorted((id_of(self.ada), id_of(self.bo)))
        return first, second

    def cohort(self, *, starts_at: datetime = START, ends_at: datetime = END) -> CohortAdvanced:
        """The edition takes place."""
        organizations = [each.organization_id for each in (self.ada, self.bo)]
        return CohortAdvanced(
            key=self.cohort_id,
            version=self.cohort_version,
            occurred_at=START - timedelta(days=30),
            cohort=Cohort(
                cohort_id=self.cohort_id,
                name="Spring",
                status=CohortStatus.ACTIVE,
                partners=tuple(Partner(organization_id=each, accepted=True) for each in organizations if each),
                opens_at=START - timedelta(days=30),
                closes_at=START - timedelta(days=10),
                starts_at=starts_at,
                ends_at=ends_at,
            ),
        )

    def pair(self, status: PairStatus) -> Pair:
        """What matching knows of the two."""
        members = [
            Member(
                person_id=id_of(each),
                organization_id=each.organization_id or uuid4(),
                accepted_at=START - timedelta(days=2),
            )
            for each in sorted((self.ada, self.bo), key=id_of)
        ]
        directions = [
            Direction(
                teacher_id=id_of(teacher),
                learner_id=id_of(learner),
                need=need,
                offer="",
                similarity=0.8,
                priority=2,
                level=3,
                value=0.7,
            )
            for teacher, learner, need in (
                (self.bo, self.ada, self.ada_wants),
                (self.ada, self.bo, self.bo_wants),
            )
        ]
        return Pair(
            pair_id=self.pair_id,
            cohort_id=self.cohort_id,
            status=status,
            members=tuple(members),
            directions=tuple(directions),
            value=0.7,
        )

    def _told(self, kind: type[PairAccepted | PairActivated | PairChanged | PairEnded], status: PairStatus) -> Event:
        self.pair_version += 1
        return kind(
            key=self.pair_id,
            version=self.pair_version,
            occurred_at=START - timedelta(days=2),
            pair=self.pair(status),
        )

    def half_accepted(self) -> Event:
        """One said yes."""
        return self._told(PairAccepted, PairStatus.HALF_ACCEPTED)

    def accepted(self) -> Event:
        """Both said yes."""
        return self._told(PairAccepted, PairStatus.ACCEPTED)

    def activated(self) -> Event:
        """Both signed."""
        return self._told(PairActivated, PairStatus.ACTIVE)

    def held(self) -> Event:
        """On hold."""
        return self._told(PairChanged, PairStatus.ON_HOLD)

    def ended(self) -> Event:
        """Over."""
        return self._told(PairEnded, PairStatus.COMPLETED)

    def known(self, status: PairStatus = PairStatus.ACTIVE) -> KnownPair:
        """The same, as the domain sees it."""
        first, second = self.people
        return KnownPair(
            pair_id=self.pair_id,
            cohort_id=self.cohort_id,
            version=1,
            status=status,
            people=(first, second),
            organizations=(self.cohort_id, self.cohort_id),
            wishes=(
                Wish(teacher_id=id_of(self.bo), learner_id=id_of(self.ada), need=self.ada_wants),
                Wish(teacher_id=id_of(self.ada), learner_id=id_of(self.bo), need=self.bo_wants),
            ),
            accepted_at=START - timedelta(days=2),
        )

    def drafted(self) -> Kept[Agreement]:
        """Their first agreement: six meetings in twelve weeks."""
        return agreement.draft(self.known(PairStatus.ACCEPTED), starts=START.date(), ends=END.date(), now=START)

    def agreed(self) -> Agreement:
        """The same, signed by both."""
        first, second = self.people
        return replace(self.drafted().state, signed_by=(first, second), complete=True)


def a_profile(actor: Actor, *, version: int = 1, active: bool = True) -> ProfileUpdated:
    """The person is on the platform."""
    person_id = id_of(actor)
    return ProfileUpdated(
        key=person_id,
        version=version,
        occurred_at=START,
        profile=Profile(
            person_id=person_id,
            organization_id=actor.organization_id or uuid4(),
            subject=actor.subject,
            display_name="Somebody",
            active=active,
        ),
    )


def erased(actor: Actor, *, version: int = 9) -> ProfileErased:
    """The person has left for good."""
    return ProfileErased(key=id_of(actor), version=version, occurred_at=START, person_id=id_of(actor))
