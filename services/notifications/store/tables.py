"""The tables of notifications. Foreign facts are kept as projections with their version; messages, mails and wishes are its own."""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    Column,
    DateTime,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    Time,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, UUID

metadata = MetaData()

_NO_TEXT = text("''")
_ZERO = text("0")
_FALSE = text("false")
_NOTHING = text("'{}'")


def _text(name: str) -> Column[str]:
    return Column(name, Text, nullable=False, server_default=_NO_TEXT)


def _moment(name: str, *, nullable: bool = True) -> Column[object]:
    return Column(name, DateTime(timezone=True), nullable=nullable)


def _version(name: str = "version") -> Column[int]:
    return Column(name, Integer, nullable=False, server_default=_ZERO)


# Whoever is erased stays as a bare id, so that a late fact does not bring them back.
person = Table(
    "person",
    metadata,
    Column("person_id", UUID, primary_key=True),
    Column("organization_id", UUID),
    _text("subject"),
    _text("name"),
    _text("email"),
    Column("locale", Text, nullable=False, server_default=text("'en'")),
    Column("zone", Text, nullable=False, server_default=text("'UTC'")),
    Column("shows", ARRAY(Text), nullable=False, server_default=_NOTHING),
    Column("mailbox", Boolean, nullable=False, server_default=_FALSE),
    Column("erased", Boolean, nullable=False, server_default=_FALSE),
    _version("profile_version"),
    _version("contact_version"),
    Index("person_subject", "organization_id", "subject"),
)

organization = Table(
    "organization",
    metadata,
    Column("organization_id", UUID, primary_key=True),
    _text("name"),
    Column("shows", ARRAY(Text), nullable=False, server_default=_NOTHING),
    Column("admins", ARRAY(Text), nullable=False, server_default=_NOTHING),
    Column("admin_emails", ARRAY(Text), nullable=False, server_default=_NOTHING),
    _version(),
)

cohort = Table(
    "cohort",
    metadata,
    Column("cohort_id", UUID, primary_key=True),
    _text("name"),
    _moment("closes_at", nullable=False),
    _moment("starts_at", nullable=False),
    _moment("ends_at", nullable=False),
    Column("initiator_id", UUID),
    Column("partners", Integer, nullable=False, server_default=_ZERO),
    Column("to_ask", ARRAY(UUID), nullable=False, server_default=_NOTHING),
    _version(),
    Index("cohort_to_ask", "cohort_id", postgresql_where=text("to_ask <> '{}'")),
)

pair = Table(
    "pair",
    metadata,
    Column("pair_id", UUID, primary_key=True),
    Column("cohort_id", UUID),
    Column("status", Text),
    Column("members", JSONB, nullable=False, server_default=text("'[]'")),
    _moment("proposed_at"),
    _moment("expires_at"),
    _moment("active_since"),
    Column("cadence_days", Integer, nullable=False),
    _moment("look_at"),
    _version(),
    Index("pair_look_at", "look_at", postgresql_where=text("look_at IS NOT NULL")),
)

meeting = Table(
    "meeting",
    metadata,
    Column("session_id", UUID, primary_key=True),
    Column("pair_id", UUID, nullable=False),
    Column("status", Text, nullable=False),
    Column("number", Integer, nullable=False),
    _moment("starts_at", nullable=False),
    _moment("ends_at", nullable=False),
    _moment("changed_at", nullable=False),
    Column("logged_by", ARRAY(UUID), nullable=False, server_default=_NOTHING),
    _version(),
    Index("meeting_pair", "pair_id"),
)

silence = Table(
    "silence",
    metadata,
    Column("cause", Text, primary_key=True),
    Column("pair_id", UUID, nullable=False),
    _moment("nudged_at"),
    _moment("escalated_at"),
    Index("silence_pair", "pair_id"),
)

# ``roles`` names the people and organizations of the template by id; the text is written when all ``needs`` are known (version 0: not yet).
message = Table(
    "message",
    metadata,
    Column("notification_id", UUID, primary_key=True),
    Column("person_id", UUID, nullable=False),
    Column("organization_id", UUID),
    Column("kind", Text, nullable=False),
    Column("occasion", Text, nullable=False),
    Column("cause", Text, nullable=False),
    _text("link"),
    Column("people", JSONB, nullable=False, server_default=text("'{}'")),
    Column("organizations", JSONB, nullable=False, server_default=text("'{}'")),
    Column("cohort_id", UUID),
    Column("details", JSONB, nullable=False, server_default=text("'{}'")),
    Column("about", ARRAY(UUID), nullable=False, server_default=_NOTHING),
    Column("needs", ARRAY(UUID), nullable=False, server_default=_NOTHING),
    _text("title"),
    _text("body"),
    Column("locale", Text, nullable=False, server_default=text("'en'")),
    _moment("created_at", nullable=False),
    Column("email", Text, nullable=False),
    _moment("email_sent_at"),
    _moment("read_at"),
    Column("attempts", Integer, nullable=False, server_default=_ZERO),
    _text("error"),
    _version(),
    UniqueConstraint("person_id", "cause", name="message_once"),
    Index("message_about", "about", postgresql_using="gin"),
    Index("message_waiting", "created_at", postgresql_where=text("version = 0")),
)

mail = Table(
    "mail",
    metadata,
    Column("notification_id", UUID, primary_key=True),
    Column("person_id", UUID, nullable=False),
    Column("state", Text, nullable=False),
    _moment("due_at", nullable=False),
    Column("claim", UUID),
    _moment("lease_until"),
    Column("attempts", Integer, nullable=False, server_default=_ZERO),
    _text("reply"),
    Index("mail_due", "due_at", postgresql_where=text("state = 'pending'")),
    Index("mail_leased", "lease_until", postgresql_where=text("state IN ('claimed', 'sending', 'taken')")),
    Index("mail_claim", "claim", postgresql_where=text("claim IS NOT NULL")),
    Index("mail_person", "person_id"),
)

preferences = Table(
    "preferences",
    metadata,
    Column("person_id", UUID, primary_key=True),
    Column("muted_kinds", ARRAY(Text), nullable=False, server_default=_NOTHING),
    Column("email_enabled", Boolean, nullable=False),
    Column("quiet_from", Time, nullable=False),
    Column("quiet_until", Time, nullable=False),
    _version(),
)
