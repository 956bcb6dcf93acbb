"""Facts, commands and private reads of the profiles service: organizations, people, consents, onboarding, erasure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import ClassVar
from uuid import UUID, uuid5

from contracts.base import Command, Event, Query
from contracts.partly import asked_of

TOPIC = "viceversa.profiles"
CONTACTS = "viceversa.contacts"  # e-mail addresses; only notifications and the gateway may read it


class NeedKind(StrEnum):
    """How somebody wants to be helped."""

    SHOW_ME = "SHOW_ME"
    EXPLAIN = "EXPLAIN"
    CRITIQUE = "CRITIQUE"
    CHALLENGE_ME = "CHALLENGE_ME"
    RECOMMEND = "RECOMMEND"
    HANDS_ON = "HANDS_ON"
    PERSPECTIVE = "PERSPECTIVE"
    CAREER = "CAREER"


class Setting(StrEnum):
    """Where an offer was learned."""

    WORK = "work"
    STUDY = "study"
    LIFE = "life"


class Cefr(StrEnum):
    """Command of a language, by the Common European Framework."""

    A1 = "A1"
    A2 = "A2"
    B1 = "B1"
    B2 = "B2"
    C1 = "C1"
    C2 = "C2"


class Criticism(StrEnum):
    """How a person likes to be criticized; the other sees it before writing a critique."""

    DIRECT = "direct"
    GENTLE = "gentle"
    ASK_FIRST = "ask_first"


class Purpose(StrEnum):
    """What a consent is for."""

    MATCHING = "matching"  # be matched and shown to proposed partners
    GROWTH_EVIDENCE = "growth_evidence"  # evidence of growth visible to the organization
    LEARNING = "learning"  # released feedback may tune later matching


class ProposedField(StrEnum):
    """What a proposed partner may see besides name, role and organization."""

    OFFERS = "offers"
    NEEDS = "needs"
    LANGUAGES = "languages"
    ZONE = "zone"
    FACETS = "facets"
    CRITICISM = "criticism"


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """A topic that a person can teach; level 1 (a little) to 5 (deeply)."""

    text: str
    level: int = 3
    setting: Setting = Setting.WORK


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """Something a person wants; priority 1 (nice) to 3 (most)."""

    text: str
    priority: int = 2
    kind: NeedKind = NeedKind.EXPLAIN


@dataclass(frozen=True, slots=True, kw_only=True)
class Language:
    """A language (ISO 639-1, or 639-3 for one without two letters) and how well it is spoken."""

    code: str
    level: Cefr = Cefr.B2


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A weekly window in the person's own zone; weekday 0 is Monday, minutes count from midnight, end > start."""

    weekday: int
    start: int
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Facets:
    """Background that a person chose to state. Never age, gender or ethnicity."""

    career_stage: str | None = None
    industry: str | None = None
    function: str | None = None
    education: str | None = None
    region: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Organization:
    """The public state of a tenant. ``admins`` are subjects of its issuer."""

    organization_id: UUID
    slug: str
    name: str
    issuer: str
    admins: tuple[str, ...]
    locale: str = "en"
    zone: str = "UTC"
    proposed_fields: tuple[ProposedField, ...] = tuple(ProposedField)
    admin_emails: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """The public state of a person. Identity is (the organization's issuer, subject)."""

    person_id: UUID
    organization_id: UUID
    subject: str
    display_name: str
    job_title: str = ""
    locale: str = "en"
    zone: str = "UTC"
    languages: tuple[Language, ...] = ()
    availability: tuple[Window, ...] = ()
    offers: tuple[Offer, ...] = ()
    needs: tuple[Need, ...] = ()
    facets: Facets = Facets()
    criticism: Criticism = Criticism.GENTLE
    team: str | None = None
    manager_id: UUID | None = None
    out_of_office_until: date | None = None
    proposed_fields: tuple[ProposedField, ...] = tuple(ProposedField)
    active: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Consent:
    """A person's word for one purpose, and to whom it is shown; ``until`` None means: until withdrawn."""

    person_id: UUID
    purpose: Purpose
    granted: bool
    until: datetime | None = None


def person_id_of(organization_id: UUID, *, subject: str) -> UUID:
    """The id of whoever has this subject at the organization's issuer; in a CSV file the subject is the ``external_id``.

    Derived, so that onboarding twice makes nobody twice and one organization can never name another's person.
    """
    return uuid5(organization_id, subject)


def consent_id_of(person_id: UUID, *, purpose: Purpose) -> UUID:
    """The key of a person's consent for one purpose."""
    return uuid5(person_id, purpose.value)


# ---- facts -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class OrganizationRegistered(Event):
    """A partner organization joined the platform."""

    WIRE: ClassVar[str] = "viceversa.profiles.organization-registered.v1"
    TOPIC: ClassVar[str] = TOPIC
    organization: Organization


@dataclass(frozen=True, slots=True, kw_only=True)
class OrganizationUpdated(Event):
    """A partner organization changed its settings."""

    WIRE: ClassVar[str] = "viceversa.profiles.organization-updated.v1"
    TOPIC: ClassVar[str] = TOPIC
    organization: Organization


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileUpdated(Event):
    """A person was onboarded or changed their profile. Key: the person."""

    WIRE: ClassVar[str] = "viceversa.profiles.profile-updated.v1"
    TOPIC: ClassVar[str] = TOPIC
    profile: Profile


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentChanged(Event):
    """A person granted or withdrew a consent. Key: the consent (uuid5 of person and purpose)."""

    WIRE: ClassVar[str] = "viceversa.profiles.consent-changed.v1"
    TOPIC: ClassVar[str] = TOPIC
    consent: Consent


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileErased(Event):
    """A person's data must go everywhere. Key: the person."""

    WIRE: ClassVar[str] = "viceversa.profiles.profile-erased.v1"
    TOPIC: ClassVar[str] = TOPIC
    person_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactChanged(Event):
    """How to reach a person; on its own topic. Key: the person. An empty address: there is none (any more)."""

    WIRE: ClassVar[str] = "viceversa.contacts.contact-changed.v1"
    TOPIC: ClassVar[str] = CONTACTS
    person_id: UUID
    display_name: str
    email: str
    locale: str = "en"
    zone: str = "UTC"


# ---- commands ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterOrganization(Command):
    """By an operator."""

    WIRE: ClassVar[str] = "viceversa.profiles.register-organization.v1"
    organization: Organization


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateOrganization(Command):
    """By an admin of the organization or an operator; issuer and slug stay as they are. ``only``: the fields that are meant; None: all."""

    WIRE: ClassVar[str] = "viceversa.profiles.update-organization.v1"
    organization: Organization
    only: tuple[str, ...] | None = None

    def asked(self) -> object:
        """See ``Command``."""
        return self.organization.organization_id, asked_of(self.organization, only=self.only)


@dataclass(frozen=True, slots=True, kw_only=True)
class SaveProfile(Command):
    """By the person or an admin of the organization; creates the person when there is none with this id. ``email`` None: unchanged.
    ``only``: the fields of somebody who is here that are meant; None: all."""

    WIRE: ClassVar[str] = "viceversa.profiles.save-profile.v1"
    profile: Profile
    email: str | None = None
    only: tuple[str, ...] | None = None

    def asked(self) -> object:
        """See ``Command``."""
        return self.profile.person_id, self.email, asked_of(self.profile, only=self.only)


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportPeople(Command):
    """Onboard people from a CSV file: the good rows are taken, each bad row is reported (see PreviewImport for a dry run)."""

    WIRE: ClassVar[str] = "viceversa.profiles.import-people.v1"
    import_id: UUID
    organization_id: UUID
    file_name: str
    content: bytes  # base64 in JSON


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeConsent(Command):
    """By the person themselves only."""

    WIRE: ClassVar[str] = "viceversa.profiles.change-consent.v1"
    consent: Consent


@dataclass(frozen=True, slots=True, kw_only=True)
class ErasePerson(Command):
    """By the person themselves, or an admin of their organization."""

    WIRE: ClassVar[str] = "viceversa.profiles.erase-person.v1"
    person_id: UUID


# ---- private reads -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class RowProblem:
    """One wrong cell: row counts as a spreadsheet does (the header is row 1)."""

    row: int
    column: str
    value: str
    message: str
    remedy: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportReport:
    """What an import did, or would do."""

    import_id: UUID
    file_name: str
    dry_run: bool
    rows: int
    created: int
    updated: int
    unchanged: int
    rejected: int
    problems: tuple[RowProblem, ...] = ()
    notes: tuple[str, ...] = ()  # encoding and delimiter found, formula cells neutralised …


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviewImport(Query):
    """The dry run: an ImportReport, nothing changed. By an admin."""

    WIRE: ClassVar[str] = "viceversa.profiles.preview-import.v1"
    import_id: UUID
    organization_id: UUID
    file_name: str
    content: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadImport(Query):
    """The stored report of an import that was carried out. By an admin."""

    WIRE: ClassVar[str] = "viceversa.profiles.read-import.v1"
    import_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportPerson(Query):
    """All that profiles keeps about a person. By the person themselves. Answer: PersonExport."""

    WIRE: ClassVar[str] = "viceversa.profiles.export-person.v1"
    person_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonExport:
    """A person's data, as JSON text ready to be saved; formulas neutralised."""

    person_id: UUID
    exported_at: datetime
    json: str


FACTS = (OrganizationRegistered, OrganizationUpdated, ProfileUpdated, ConsentChanged, ProfileErased, ContactChanged)
COMMANDS = (RegisterOrganization, UpdateOrganization, SaveProfile, ImportPeople, ChangeConsent, ErasePerson)
QUERIES = (PreviewImport, ReadImport, ExportPerson)
