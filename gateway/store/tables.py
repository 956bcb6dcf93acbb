"""The read model: one table per aggregate, with its version, the columns to filter and sort by, and its whole public state.

``state`` is the JSON of the contract's dataclass as bytes, not jsonb: it is decoded by msgspec with its type and never searched in.
Every row is written only by projections; rows are equal however often and in whatever order their facts arrive, so nothing
here comes from a clock or a sequence.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

metadata = sa.MetaData()

Uuid = sa.Uuid()
Moment = sa.DateTime(timezone=True)


def _table(name: str, *columns: sa.Column[object] | sa.Index) -> sa.Table:
    return sa.Table(
        name,
        metadata,
        sa.Column("id", Uuid, primary_key=True),
        sa.Column("version", sa.BigInteger, nullable=False),
        *columns,
        sa.Column("state", sa.LargeBinary, nullable=False),
    )


def _key(name: str) -> sa.Column[object]:
    return sa.Column(name, Uuid, nullable=False)


def _word(name: str) -> sa.Column[object]:
    return sa.Column(name, sa.Text, nullable=False)


def _moment(name: str) -> sa.Column[object]:
    return sa.Column(name, Moment, nullable=False)


organizations = _table(
    "organizations",
    _word("issuer"),
    _word("name_key"),
    sa.Index("organizations_by_issuer", "issuer"),
    sa.Index("organizations_by_name", "name_key", "id"),
)
people = _table(
    "people",
    _key("organization_id"),
    _word("subject"),
    _word("name_key"),
    sa.Column("active", sa.Boolean, nullable=False),
    sa.Index("people_by_subject", "organization_id", "subject"),
    sa.Index("people_by_name", "organization_id", "name_key", "id"),
)
contacts = sa.Table(
    "contacts",
    metadata,
    sa.Column("id", Uuid, primary_key=True),  # the person
    sa.Column("version", sa.BigInteger, nullable=False),
    _word("email"),
)
consents = _table(
    "consents",
    _key("person_id"),
    _word("purpose"),
    sa.Column("granted", sa.Boolean, nullable=False),
    sa.Column("until", Moment),
    sa.Index("consents_by_person", "person_id", "purpose"),
)
cohorts = _table(
    "cohorts",
    _word("status"),
    sa.Column("partner_ids", postgresql.ARRAY(Uuid), nullable=False),
    _moment("starts_at"),
    sa.Index("cohorts_by_start", "starts_at", "id"),
)
enrolments = _table(
    "enrolments",
    _key("cohort_id"),
    _key("person_id"),
    _key("organization_id"),
    _word("status"),
    _moment("changed_at"),
    sa.Index("enrolments_by_cohort", "cohort_id", "organization_id"),
    sa.Index("enrolments_by_person", "person_id"),
)
runs = _table(
    "runs",
    _key("cohort_id"),
    _word("status"),
    _moment("changed_at"),
    sa.Column(
        "simulated", sa.Boolean, nullable=False, server_default=sa.false()
    ),  # a what-if is no cohort's latest run
    sa.Index("runs_by_cohort", "cohort_id", "changed_at"),
)
pairs = _table(
    "pairs",
    _key("cohort_id"),
    _key("person_a"),
    _key("person_b"),
    _word("status"),
    sa.Column("shown", sa.Boolean, nullable=False),  # whether the two ever learned of it
    sa.Column("value", sa.Double, nullable=False),
    _moment("changed_at"),
    sa.Index("pairs_by_cohort", "cohort_id", "value"),
    sa.Index("pairs_by_person_a", "person_a"),
    sa.Index("pairs_by_person_b", "person_b"),
)
agreements = _table(
    "agreements",
    _key("pair_id"),
    _key("person_a"),
    _key("person_b"),
    sa.Index("agreements_by_pair", "pair_id"),
)
agendas = _table(
    "agendas",
    _key("pair_id"),
    _key("person_a"),
    _key("person_b"),
    sa.Index("agendas_by_pair", "pair_id"),
)
sessions = _table(
    "sessions",
    _key("pair_id"),
    _key("cohort_id"),
    _key("person_a"),
    _key("person_b"),
    _word("status"),
    _moment("starts_at"),
    _moment("ends_at"),
    sa.Index("sessions_by_pair", "pair_id", "starts_at"),
    sa.Index("sessions_by_person_a", "person_a", "starts_at"),
    sa.Index("sessions_by_person_b", "person_b", "starts_at"),
    sa.Index("sessions_by_cohort", "cohort_id"),
)
feedback = _table(
    "feedback",
    _key("pair_id"),
    _key("cohort_id"),
    _key("author_id"),
    _key("addressee_id"),
    _word("status"),
    _moment("due_at"),
    sa.Column("usefulness", sa.SmallInteger),
    sa.Index("feedback_by_pair", "pair_id"),
    sa.Index("feedback_by_author", "author_id", "status"),
    sa.Index("feedback_by_cohort", "cohort_id"),
)
introductions = _table(
    "introductions",
    _key("pair_id"),
    _key("cohort_id"),
    _key("offered_by"),
    _key("offered_to"),
    sa.Column("third_id", Uuid),
    _word("status"),
    sa.Index("introductions_by_pair", "pair_id"),
    sa.Index("introductions_by_third", "third_id"),
    sa.Index("introductions_by_cohort", "cohort_id"),
)
reciprocity = _table(
    "reciprocity",
    _key("pair_id"),
    _key("cohort_id"),
    _key("person_a"),
    _key("person_b"),
    sa.Column("sessions_logged", sa.Integer, nullable=False),
    sa.Column("balance", sa.Double, nullable=False),
    sa.Index("reciprocity_by_pair", "pair_id"),
    sa.Index("reciprocity_by_cohort", "cohort_id"),
)
notifications = _table(
    "notifications",
    _key("person_id"),
    _moment("created_at"),
    sa.Column("unread", sa.Boolean, nullable=False),
    sa.Index("notifications_by_person", "person_id", "created_at", "id"),
    sa.Index("notifications_unread", "person_id", postgresql_where=sa.text("unread")),
)
preferences = _table(
    "preferences",
    _key("person_id"),
    sa.Index("preferences_by_person", "person_id"),
)
group_plans = _table(
    "group_plans",
    _key("cohort_id"),
    _moment("changed_at"),
    sa.Index("group_plans_by_cohort", "cohort_id", "changed_at"),
)
round_plans = _table(
    "round_plans",
    _key("cohort_id"),
    _moment("changed_at"),
    sa.Index("round_plans_by_cohort", "cohort_id", "changed_at"),
)
calibrations = _table(
    "calibrations",
    sa.Column("organization_ids", postgresql.ARRAY(Uuid), nullable=False),  # whose feedback it may come from
    _moment("changed_at"),
)

# Who was erased. Facts about them may still be on their way; projections ask here before they write.
erased = sa.Table(
    "erased",
    metadata,
    sa.Column("id", Uuid, primary_key=True),
    sa.Column("version", sa.BigInteger, nullable=False),
)


def among(column: sa.ColumnElement[Any], ids: Sequence[UUID]) -> sa.ColumnElement[bool]:
    """column = ANY(ids): one prepared statement for any number of ids."""
    return column == sa.any_(sa.literal(list(ids), postgresql.ARRAY(Uuid)))


def is_partner(organization_id: UUID | None) -> sa.ColumnElement[bool]:
    """Whether an organization is a partner of the cohort."""
    return sa.literal(organization_id, Uuid) == sa.any_(cohorts.c.partner_ids)


# For rebuilding beside the living tables, see chassis.replay.
READ_MODEL = tuple(metadata.tables)
