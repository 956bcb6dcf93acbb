"""Two people of two organizations, and the facts that the owners tell about them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from contracts.base import Actor, Event, Role
from contracts.feedback import (
    Agreement,
    AgreementDrafted,
    AgreementSigned,
    Feedback,
    FeedbackKind,
    FeedbackReleased,
    FeedbackRequested,
    FeedbackStatus,
    Introduction,
    IntroductionAdvanced,
    IntroductionStatus,
    PersonTally,
    PlannedMeeting,
    Reciprocity,
    ReciprocityAssessed,
    Session,
    SessionCancelled,
    SessionLog,
    SessionLogged,
    SessionScheduled,
    SessionStatus,
)
from contracts.matching import (
    Cohort,
    CohortAdvanced,
    CohortOpened,
    CohortStatus,
    Direction,
    Enrolment,
    EnrolmentChanged,
    EnrolmentStatus,
    Member,
    Pair,
    PairAccepted,
    PairActivated,
    PairChanged,
    PairDeclined,
    PairEnded,
    PairProposed,
    PairStatus,
    Partner,
    Question,
    UnmatchedReason,
)
from contracts.profiles import (
    ContactChanged,
    Organization,
    OrganizationRegistered,
    Profile,
    ProfileErased,
    ProfileUpdated,
    ProposedField,
)

NOON = datetime(2027, 3, 3, 12, 0, tzinfo=UTC)  # a Wednesday, nobody's quiet hours in Europe
PairFact = PairProposed | PairAccepted | PairDeclined | PairActivated | PairChanged | PairEnded
SessionFact = SessionScheduled | SessionCancelled | SessionLogged
_PAIR_FACTS: dict[PairStatus, type[PairFact]] = {
    PairStatus.DRAFT: PairProposed,
    PairStatus.PROPOSED: PairProposed,
    PairStatus.HALF_ACCEPTED: PairAccepted,
    PairStatus.ACCEPTED: PairAccepted,
    PairStatus.DECLINED: PairDeclined,
    PairStatus.EXPIRED: PairDeclined,
    PairStatus.SUPERSEDED: PairDeclined,
    PairStatus.ACTIVE: PairActivated,
    PairStatus.ON_HOLD: PairChanged,
    PairStatus.COMPLETED: PairEnded,
    PairStatus.ENDED_EARLY: PairEnded,
}
_SESSION_FACTS: dict[SessionStatus, type[SessionFact]] = {
    SessionStatus.CANCELLED: SessionCancelled,
    SessionStatus.NO_SHOW: SessionCancelled,
    SessionStatus.HELD: SessionLogged,
    SessionStatus.LOGGED: SessionLogged,
}


@dataclass(frozen=True)
class Somebody:
    """A person as profiles tells of them."""

    name: str
    organization_id: UUID
    email: str = ""
    locale: str = "en"
    zone: str = "UTC"
    person_id: UUID = field(default_factory=uuid4)
    shows: tuple[ProposedField, ...] = tuple(ProposedField)

    @property
    def subject(self) -> str:
        """Their login."""
        return f"s-{self.person_id}"

    @property
    def actor(self) -> Actor:
        """With a token."""
        return Actor(
            roles=(Role.PERSON,), organization_id=self.organization_id, person_id=self.person_id, subject=self.subject
        )

    def profile(self, *, version: int = 1) -> ProfileUpdated:
        """Onboarded, or changed."""
        return ProfileUpdated(
            key=self.person_id,
            version=version,
            occurred_at=NOON,
            organization_id=self.organization_id,
            profile=Profile(
                person_id=self.person_id,
                organization_id=self.organization_id,
                subject=self.subject,
                display_name=self.name,
                locale=self.locale,
                zone=self.zone,
                proposed_fields=self.shows,
            ),
        )

    def contact(self, *, version: int = 1, email: str | None = None) -> ContactChanged:
        """How to reach them."""
        return ContactChanged(
            key=self.person_id,
            version=version,
            occurred_at=NOON,
            organization_id=self.organization_id,
            person_id=self.person_id,
            display_name=self.name,
            email=self.email if email is None else email,
            locale=self.locale,
            zone=self.zone,
        )

    def erased(self) -> ProfileErased:
        """Gone."""
        return ProfileErased(key=self.person_id, version=9, occurred_at=NOON, person_id=self.person_id)


@dataclass(frozen=True)
class World:
    """Ada (English, London) of Acme and Bo (German, Berlin) of Berg, who are or become a pair; Cy knows Ada."""

    acme: UUID = field(default_factory=uuid4)
    berg: UUID = field(default_factory=uuid4)
    cohort_id: UUID = field(default_factory=uuid4)
    pair_id: UUID = field(default_factory=uuid4)
    run_id: UUID = field(default_factory=uuid4)
    ada_id: UUID = field(default_factory=uuid4)
    bo_id: UUID = field(default_factory=uuid4)
    cy_id: UUID = field(default_factory=uuid4)
    now: datetime = NOON
    ada_name: str = "Ada Okoro"
    ada_locale: str = "en-GB"
    bo_locale: str = "de-DE"
    bo_shows: tuple[ProposedField, ...] = tuple(ProposedField)

    @property
    def ada(self) -> Somebody:
        """The junior."""
        return Somebody(
            self.ada_name, self.acme, "ada@acme.example", self.ada_locale, "Europe/London", person_id=self.ada_id
        )

    @property
    def bo(self) -> Somebody:
        """The senior."""
        return Somebody(
            "Bo Lindqvist", self.berg, "bo@berg.example", self.bo_locale, "Europe/Berlin", self.bo_id, self.bo_shows
        )

    @property
    def cy(self) -> Somebody:
        """Whom Ada can introduce; an admin of Acme."""
        return Somebody("Cy Tran", self.acme, "cy@acme.example", "es", "Europe/Madrid", person_id=self.cy_id)

    def organization(
        self, organization_id: UUID, *, shows: tuple[ProposedField, ...] = tuple(ProposedField)
    ) -> OrganizationRegistered:
        """Acme's admin is Cy, with an address that Cy's profile has too; Berg's is somebody without a profile."""
        acme = organization_id == self.acme
        return OrganizationRegistered(
            key=organization_id,
            version=1,
            occurred_at=self.now,
            organization=Organization(
                organization_id=organization_id,
                slug="acme" if acme else "berg",
                name="Acme" if acme else "Berg AG",
                issuer="https://issuer.example",
                admins=(self.cy.subject,) if acme else ("somebody",),
                admin_emails=("Cy@acme.example",) if acme else ("buero@berg.example",),
                locale="en" if acme else "de",
                zone="Europe/London" if acme else "Europe/Berlin",
                proposed_fields=shows,
            ),
        )

    def people(self) -> list[Event]:
        """Everybody, everything that profiles and matching tell beforehand."""
        persons = (self.ada, self.bo, self.cy)
        return [
            self.organization(self.acme),
            self.organization(self.berg),
            *(each.profile() for each in persons),
            *(each.contact() for each in persons),
            self.cohort(),
        ]

    def cohort(
        self, *, status: CohortStatus = CohortStatus.OPEN, accepted: bool = True, version: int = 2
    ) -> CohortOpened | CohortAdvanced:
        """Acme drafted it, Berg is asked to join."""
        kind = CohortOpened if status is CohortStatus.OPEN else CohortAdvanced
        return kind(
            key=self.cohort_id,
            version=version,
            occurred_at=self.now,
            cohort=Cohort(
                cohort_id=self.cohort_id,
                name="Spring Edition",
                status=status,
                partners=(
                    Partner(organization_id=self.acme, accepted=True),
                    Partner(organization_id=self.berg, accepted=accepted),
                ),
                opens_at=self.now - timedelta(days=5),
                closes_at=self.now + timedelta(days=5),
                starts_at=self.now + timedelta(days=10),
                ends_at=self.now + timedelta(days=90),
            ),
        )

    def enrolment(
        self, status: EnrolmentStatus, *, version: int = 1, reason: UnmatchedReason | None = None
    ) -> EnrolmentChanged:
        """Ada's place."""
        enrolment_id = UUID(int=self.cohort_id.int ^ 1)
        return EnrolmentChanged(
            key=enrolment_id,
            version=version,
            occurred_at=self.now,
            enrolment=Enrolment(
                enrolment_id=enrolment_id,
                cohort_id=self.cohort_id,
                person_id=self.ada_id,
                organization_id=self.acme,
                status=status,
                waiting_position=3 if status is EnrolmentStatus.WAITLISTED else None,
                reason=reason,
            ),
        )

    def pair(
        self,
        status: PairStatus = PairStatus.PROPOSED,
        *,
        version: int = 1,
        accepted: tuple[UUID, ...] = (),
        by: UUID | None = None,
        at: datetime | None = None,
        questions: tuple[Question, ...] = (),
        proposed: bool = True,
    ) -> PairFact:
        """The pair of Ada and Bo, proposed at noon with 72 hours to answer."""
        at = at or self.now
        seen = proposed and status is not PairStatus.DRAFT
        pair = Pair(
            pair_id=self.pair_id,
            cohort_id=self.cohort_id,
            run_id=self.run_id,
            status=status,
            members=tuple(
                Member(
                    person_id=each.person_id,
                    organization_id=each.organization_id,
                    accepted_at=at if each.person_id in accepted else None,
                )
                for each in sorted((self.ada, self.bo), key=lambda each: each.person_id)
            ),
            directions=(
                Direction(
                    teacher_id=self.ada_id,
                    learner_id=self.bo_id,
                    need="what Kubernetes is for",
                    need_kind="EXPLAIN",
                    offer="running services in containers",
                    similarity=0.7,
                    priority=3,
                    level=4,
                    value=0.6,
                ),
                Direction(
                    teacher_id=self.bo_id,
                    learner_id=self.ada_id,
                    need="how to say no to a board",
                    need_kind="PERSPECTIVE",
                    offer="twenty years of board meetings",
                    similarity=0.6,
                    priority=2,
                    level=5,
                    value=0.5,
                ),
            ),
            value=0.55,
            language="en",
            shared_minutes=90,
            common_ground="Both like to explain with drawings.",
            bridge="Shipping and software.",
            proposed_at=self.now if seen else None,
            expires_at=self.now + timedelta(hours=72) if seen else None,
            questions=questions,
        )
        kind = _PAIR_FACTS[status]
        if questions and status in (PairStatus.PROPOSED, PairStatus.HALF_ACCEPTED):
            kind = PairChanged
        return kind(key=self.pair_id, version=version, occurred_at=at, actor_id=by, pair=pair)

    def question(self, *, answer: str | None = None) -> Question:
        """Ada asks before she answers."""
        return Question(
            question_id=UUID(int=self.pair_id.int ^ 2),
            asked_by=self.ada_id,
            text="Would evenings be fine, too?",
            answer=answer,
        )

    def agreement(
        self,
        *,
        signed_by: tuple[UUID, ...] = (),
        terms_version: int = 1,
        version: int = 1,
        by: UUID | None = None,
        cadence_days: int = 14,
    ) -> AgreementDrafted | AgreementSigned:
        """Drafted, or signed by these."""
        agreement_id = UUID(int=self.pair_id.int ^ 3)
        kind = AgreementSigned if signed_by else AgreementDrafted
        return kind(
            key=agreement_id,
            version=version,
            occurred_at=self.now,
            actor_id=by,
            agreement=Agreement(
                agreement_id=agreement_id,
                pair_id=self.pair_id,
                cohort_id=self.cohort_id,
                people=(self.ada_id, self.bo_id),
                organizations=(self.acme, self.berg),
                cadence_days=cadence_days,
                plan=(PlannedMeeting(number=1, minutes=60), PlannedMeeting(number=2, minutes=45)),
                terms_version=terms_version,
                signed_by=signed_by,
                complete=len(signed_by) == 2,
            ),
        )

    def session(
        self,
        status: SessionStatus = SessionStatus.SCHEDULED,
        *,
        starts_at: datetime | None = None,
        minutes: int = 60,
        sequence: int = 0,
        version: int = 1,
        logged: tuple[UUID, ...] = (),
        at: datetime | None = None,
        number: int = 1,
        by: UUID | None = None,
        place: str = "Room 4",
    ) -> SessionFact:
        """Ada plans a session with Bo, the next day by default."""
        session_id = UUID(int=self.pair_id.int ^ (16 + number))
        kind = _SESSION_FACTS.get(status, SessionScheduled)
        return kind(
            key=session_id,
            version=version,
            occurred_at=at or self.now,
            session=Session(
                session_id=session_id,
                pair_id=self.pair_id,
                cohort_id=self.cohort_id,
                people=(self.ada_id, self.bo_id),
                organizations=(self.acme, self.berg),
                number=number,
                status=status,
                starts_at=starts_at or self.now + timedelta(days=1),
                minutes=minutes,
                planned_minutes=60,
                place=place,
                focus="Containers",
                sequence=sequence,
                proposed_by=self.ada_id,
                cancelled_by=by,
                no_show_by=by if status is SessionStatus.NO_SHOW else None,
                logs=tuple(
                    SessionLog(person_id=each, logged_at=self.now, taught=True, learned=True, minutes=minutes)
                    for each in logged
                ),
            ),
        )

    def feedback(self, status: FeedbackStatus) -> FeedbackRequested | FeedbackReleased:
        """From Ada to Bo."""
        feedback_id = UUID(int=self.pair_id.int ^ 5)
        kind = FeedbackRequested if status is FeedbackStatus.REQUESTED else FeedbackReleased
        return kind(
            key=feedback_id,
            version=1 if status is FeedbackStatus.REQUESTED else 3,
            occurred_at=self.now,
            feedback=Feedback(
                feedback_id=feedback_id,
                pair_id=self.pair_id,
                cohort_id=self.cohort_id,
                kind=FeedbackKind.PULSE,
                author_id=self.ada_id,
                addressee_id=self.bo_id,
                status=status,
                due_at=self.now + timedelta(days=3),
            ),
        )

    def introduction(self, status: IntroductionStatus, *, version: int = 1) -> IntroductionAdvanced:
        """Ada offers Bo to introduce him to Cy."""
        introduction_id = UUID(int=self.pair_id.int ^ 6)
        known = status in (IntroductionStatus.CONSENTED, IntroductionStatus.MADE, IntroductionStatus.CLOSED)
        return IntroductionAdvanced(
            key=introduction_id,
            version=version,
            occurred_at=self.now,
            introduction=Introduction(
                introduction_id=introduction_id,
                pair_id=self.pair_id,
                cohort_id=self.cohort_id,
                offered_by=self.ada_id,
                offered_to=self.bo_id,
                third_person_id=self.cy_id if known else None,
                about="a school that wants to try pairs of pupils",
                status=status,
            ),
            ask_third_person_id=self.cy_id if status is IntroductionStatus.OFFERED else None,
        )

    def reciprocity(
        self, *, ada_silent: int = 0, bo_silent: int = 0, sessions: int = 2, version: int = 1
    ) -> ReciprocityAssessed:
        """The ledger of Ada and Bo."""
        return ReciprocityAssessed(
            key=UUID(int=self.pair_id.int ^ 7),
            version=version,
            occurred_at=self.now,
            reciprocity=Reciprocity(
                pair_id=self.pair_id,
                cohort_id=self.cohort_id,
                people=(self.ada_id, self.bo_id),
                sessions_logged=sessions,
                tallies=(
                    PersonTally(person_id=self.ada_id, silent_streak=ada_silent),
                    PersonTally(person_id=self.bo_id, silent_streak=bo_silent),
                ),
            ),
        )

    def later(self, by: timedelta) -> World:
        """The same people at another time."""
        return replace(self, now=self.now + by)
