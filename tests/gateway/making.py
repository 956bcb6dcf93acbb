"""Facts and viewers for the gateway's tests: believable, and told apart by their texts."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4, uuid5

from contracts import feedback, matching, notifications, profiles
from contracts.base import Actor, Event, Role
from contracts.feedback import Agenda, Agreement, Feedback, Goal, Introduction, Session, TopicItem
from contracts.matching import Cohort, CohortStatus, Direction, Enrolment, EnrolmentStatus, Member, Pair, PairStatus
from contracts.notifications import Notification, Preferences
from contracts.profiles import Consent, Facets, Language, Need, Offer, Organization, Profile, Window

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
OPERATOR = Actor(roles=(Role.OPERATOR,), subject="olga")


def an_organization(name: str, **changes: Any) -> Organization:
    """An organization whose admin is ``boss@<name>``.

    Its issuer is its own: a gateway that serves many tests remembers whom an issuer's subject was, until it hears of a change.
    """
    organization_id = uuid4()
    slug = f"{name.lower()}-{organization_id.hex[:12]}"
    values: dict[str, Any] = {
        "organization_id": organization_id,
        "slug": slug,
        "name": name,
        "issuer": f"https://dev.viceversa.local/{slug}",
        "admins": (f"boss@{name.lower()}",),
        "admin_emails": (f"boss@{name.lower()}.example",),
    }
    return Organization(**values | changes)


def a_person(name: str, organization: Organization, **changes: Any) -> Profile:
    """Somebody with everything filled in; every private text holds ``secret of <name>``."""
    values: dict[str, Any] = {
        "person_id": uuid4(),
        "organization_id": organization.organization_id,
        "subject": f"subject secret of {name}",
        "display_name": name,
        "job_title": f"Title of {name}",
        "locale": "de",
        "zone": "Europe/Berlin",
        "languages": (Language(code="de"), Language(code="en")),
        "availability": (Window(weekday=0, start=540, end=600),),
        "offers": (Offer(text=f"offer secret of {name}"),),
        "needs": (Need(text=f"need secret of {name}"),),
        "facets": Facets(industry=f"industry secret of {name}"),
        "team": f"team secret of {name}",
        "out_of_office_until": date(2026, 3, 5),
    }
    return Profile(**values | changes)


def email_of(profile: Profile) -> str:
    """The address that ``told_of`` gives a person."""
    return f"email.secret.of.{profile.display_name}@example.org"


def person_of(profile: Profile) -> Actor:
    """A person as a token makes them."""
    return Actor(
        roles=(Role.PERSON,),
        organization_id=profile.organization_id,
        person_id=profile.person_id,
        subject=profile.subject,
    )


def admin_of(organization: Organization) -> Actor:
    """An admin without a profile."""
    return Actor(roles=(Role.ADMIN,), organization_id=organization.organization_id, subject=organization.admins[0])


def a_cohort(*organizations: Organization, **changes: Any) -> Cohort:
    """An active cohort of these partners."""
    values: dict[str, Any] = {
        "cohort_id": uuid4(),
        "name": "Spring",
        "status": CohortStatus.ACTIVE,
        "partners": tuple(
            matching.Partner(organization_id=each.organization_id, accepted=True) for each in organizations
        ),
        "opens_at": NOON - timedelta(days=30),
        "closes_at": NOON - timedelta(days=20),
        "starts_at": NOON - timedelta(days=10),
        "ends_at": NOON + timedelta(days=80),
    }
    return Cohort(**values | changes)


def an_enrolment(profile: Profile, cohort: Cohort, **changes: Any) -> Enrolment:
    """An admitted person."""
    values: dict[str, Any] = {
        "enrolment_id": uuid5(cohort.cohort_id, str(profile.person_id)),
        "cohort_id": cohort.cohort_id,
        "person_id": profile.person_id,
        "organization_id": profile.organization_id,
        "status": EnrolmentStatus.ADMITTED,
    }
    return Enrolment(**values | changes)


def a_pair(one: Profile, other: Profile, cohort: Cohort, **changes: Any) -> Pair:
    """A pair with both directions; its texts are the two's offers and needs."""
    first, second = sorted((one, other), key=lambda each: each.person_id)
    values: dict[str, Any] = {
        "pair_id": uuid4(),
        "cohort_id": cohort.cohort_id,
        "run_id": uuid4(),
        "status": PairStatus.PROPOSED,
        "members": tuple(
            Member(person_id=each.person_id, organization_id=each.organization_id) for each in (first, second)
        ),
        "directions": (_direction(first, second), _direction(second, first)),
        "value": 0.7,
        "terms": (matching.Term(name="difference", amount=0.1, detail="detail secret of the pair"),),
        "language": "de",
        "shared_minutes": 60,
        "shared_windows": ("Mon 08:00–09:00 UTC",),
        "common_ground": "common ground secret of the pair",
        "bridge": "bridge secret of the pair",
        "wordings": (
            matching.Wording(
                locale="pl",
                common_ground="common ground secret of the pair",
                bridge="bridge secret of the pair",
                details=("detail secret of the pair",),
            ),
        ),
        "questions": (
            matching.Question(question_id=uuid4(), asked_by=first.person_id, text="question secret of the pair"),
        ),
        "proposed_at": NOON,
        "expires_at": NOON + timedelta(hours=72),
        "pinned": True,
        "decline_reason": matching.DeclineReason.PERSONAL,
        "ended_reason": "ended secret of the pair",
    }
    return Pair(**values | changes)


def _direction(teacher: Profile, learner: Profile) -> Direction:
    return Direction(
        teacher_id=teacher.person_id,
        learner_id=learner.person_id,
        need=learner.needs[0].text,
        need_kind=learner.needs[0].kind.value,
        offer=teacher.offers[0].text,
        similarity=0.8,
        priority=2,
        level=3,
        value=0.7,
    )


def of_two(pair: Pair) -> dict[str, Any]:
    """What everything of a pair repeats."""
    return {
        "pair_id": pair.pair_id,
        "cohort_id": pair.cohort_id,
        "people": tuple(member.person_id for member in pair.members),
    }


def a_session(pair: Pair, **changes: Any) -> Session:
    """A meeting of a pair."""
    values: dict[str, Any] = of_two(pair) | {
        "session_id": uuid4(),
        "organizations": tuple(member.organization_id for member in pair.members),
        "number": 1,
        "status": feedback.SessionStatus.SCHEDULED,
        "starts_at": NOON + timedelta(days=1),
        "minutes": 60,
        "planned_minutes": 60,
        "place": "place secret of the pair",
    }
    return Session(**values | changes)


def an_agreement(pair: Pair, **changes: Any) -> Agreement:
    """What the two want to sign."""
    values: dict[str, Any] = of_two(pair) | {
        "agreement_id": uuid5(pair.pair_id, "agreement"),
        "organizations": tuple(member.organization_id for member in pair.members),
        "goals": tuple(Goal(person_id=each.person_id, text="goal secret of the pair") for each in pair.members),
        "ground_rules": "rules secret of the pair",
    }
    return Agreement(**values | changes)


def an_agenda(pair: Pair) -> Agenda:
    """One line."""
    item = TopicItem(
        item_id=uuid4(),
        text="topic secret of the pair",
        added_by=pair.members[0].person_id,
        added_as="teacher",
        learner_id=pair.members[1].person_id,
    )
    return Agenda(agenda_id=uuid5(pair.pair_id, "agenda"), items=(item,), **of_two(pair))


def a_feedback(pair: Pair, **changes: Any) -> Feedback:
    """A requested pulse, by the first for the second."""
    values: dict[str, Any] = {
        "feedback_id": uuid4(),
        "pair_id": pair.pair_id,
        "cohort_id": pair.cohort_id,
        "kind": feedback.FeedbackKind.PULSE,
        "author_id": pair.members[0].person_id,
        "addressee_id": pair.members[1].person_id,
        "status": feedback.FeedbackStatus.REQUESTED,
        "due_at": NOON + timedelta(days=3),
    }
    return Feedback(**values | changes)


def an_introduction(pair: Pair, **changes: Any) -> Introduction:
    """Offered by the first to the second."""
    values: dict[str, Any] = {
        "introduction_id": uuid4(),
        "pair_id": pair.pair_id,
        "cohort_id": pair.cohort_id,
        "offered_by": pair.members[0].person_id,
        "offered_to": pair.members[1].person_id,
        "about": "about secret of the pair",
        "status": feedback.IntroductionStatus.OFFERED,
    }
    return Introduction(**values | changes)


def a_reciprocity(pair: Pair, **changes: Any) -> feedback.Reciprocity:
    """One logged session."""
    values: dict[str, Any] = of_two(pair) | {"sessions_logged": 1, "balance": 0.5}
    return feedback.Reciprocity(**values | changes)


def a_notification(profile: Profile, **changes: Any) -> Notification:
    """A message."""
    values: dict[str, Any] = {
        "notification_id": uuid4(),
        "person_id": profile.person_id,
        "organization_id": profile.organization_id,
        "kind": notifications.NotificationKind.PROPOSAL,
        "cause": f"{uuid4()}",
        "title": f"message secret of {profile.display_name}",
        "body": "…",
        "created_at": NOON,
    }
    return Notification(**values | changes)


@dataclass
class Ledger:
    """Turns states into facts, with the version that follows for each aggregate."""

    at: datetime = NOON
    versions: dict[UUID, int] = field(default_factory=dict)

    def fact(self, kind: type[Event], key: UUID, **state: Any) -> Event:
        """The next fact about an aggregate."""
        self.versions[key] = self.versions.get(key, 0) + 1
        return kind(key=key, version=self.versions[key], occurred_at=self.at, **state)

    def of(self, *states: Any) -> list[Event]:
        """One fact for each state."""
        return [self._of(state) for state in states]

    def _of(self, state: Any) -> Event:
        kind: type[Event]
        match state:
            case Organization():
                kind, key, name = profiles.OrganizationUpdated, state.organization_id, "organization"
            case Profile():
                kind, key, name = profiles.ProfileUpdated, state.person_id, "profile"
            case Consent():
                key = uuid5(state.person_id, state.purpose)
                kind, name = profiles.ConsentChanged, "consent"
            case Cohort():
                kind, key, name = matching.CohortAdvanced, state.cohort_id, "cohort"
            case Enrolment():
                kind, key, name = matching.EnrolmentChanged, state.enrolment_id, "enrolment"
            case matching.MatchRun():
                kind, key, name = matching.MatchingProgressed, state.run_id, "run"
            case matching.RoundPlan():
                kind, key, name = matching.RoundPlanned, state.plan_id, "plan"
            case matching.GroupPlan():
                kind, key, name = matching.GroupsPlanned, state.plan_id, "plan"
            case matching.Calibration():
                kind, key, name = matching.CalibrationChanged, state.calibration_id, "calibration"
            case Pair():
                kind, key, name = matching.PairChanged, state.pair_id, "pair"
            case Agreement():
                kind, key, name = feedback.AgreementDrafted, state.agreement_id, "agreement"
            case Agenda():
                kind, key, name = feedback.AgendaChanged, state.agenda_id, "agenda"
            case Session():
                kind, key, name = feedback.SessionScheduled, state.session_id, "session"
            case Feedback():
                kind, key, name = feedback.FeedbackSubmitted, state.feedback_id, "feedback"
            case Introduction():
                kind, key, name = feedback.IntroductionAdvanced, state.introduction_id, "introduction"
            case feedback.Reciprocity():
                key = uuid5(state.pair_id, "reciprocity")
                kind, name = feedback.ReciprocityAssessed, "reciprocity"
            case Notification():
                kind, key, name = notifications.NotificationDelivered, state.notification_id, "notification"
            case Preferences():
                key = uuid5(state.person_id, "preferences")
                kind, name = notifications.PreferencesChanged, "preferences"
            case _:
                raise TypeError(f"no fact carries a {type(state).__name__}")
        return self.fact(kind, key, **{name: state})

    def contact(self, profile: Profile) -> Event:
        """How to reach somebody."""
        return profiles.ContactChanged(
            key=profile.person_id,
            version=1,
            occurred_at=self.at,
            person_id=profile.person_id,
            display_name=profile.display_name,
            email=email_of(profile),
        )

    def erased(self, profile: Profile) -> Event:
        """Somebody's data must go."""
        return self.fact(profiles.ProfileErased, profile.person_id, person_id=profile.person_id)


@dataclass
class World:
    """Two partners in a joint cohort and a third organization elsewhere; Ada and Ben are a pair, Cleo and Dan take part too."""

    ledger: Ledger
    north: Organization
    south: Organization
    far: Organization
    ada: Profile  # north
    ben: Profile  # south
    cleo: Profile  # north
    dan: Profile  # south
    eve: Profile  # north, in no cohort
    zoe: Profile  # far
    cohort: Cohort
    pair: Pair

    @property
    def people(self) -> Sequence[Profile]:
        """Everybody."""
        return self.ada, self.ben, self.cleo, self.dan, self.eve, self.zoe

    def facts(self) -> list[Event]:
        """All of it."""
        part = [an_enrolment(each, self.cohort) for each in (self.ada, self.ben, self.cleo, self.dan)]
        everything = self.ledger.of(self.north, self.south, self.far, *self.people, self.cohort, *part, self.pair)
        return everything + [self.ledger.contact(each) for each in self.people]


def a_world(status: PairStatus = PairStatus.PROPOSED, **changes: Any) -> World:
    """A world in which the pair of Ada and Ben is in a state."""
    north, south, far = an_organization("North"), an_organization("South"), an_organization("Far")
    ada, ben = a_person("Ada", north), a_person("Ben", south)
    cleo, dan, eve = a_person("Cleo", north), a_person("Dan", south), a_person("Eve", north)
    cohort = a_cohort(north, south)
    return World(
        ledger=Ledger(),
        north=north,
        south=south,
        far=far,
        ada=ada,
        ben=ben,
        cleo=cleo,
        dan=dan,
        eve=eve,
        zoe=a_person("Zoe", far),
        cohort=cohort,
        pair=a_pair(ada, ben, cohort, status=status, **changes),
    )
