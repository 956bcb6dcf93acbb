"""Cohorts, enrolments, seats, match runs, pairs, and what matching keeps of other services' facts."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql as pg

from chassis.migrations import chassis_tables, protect

revision = "0001"
down_revision = None

PARTNERS = "app_org() = ANY (partner_ids)"


def _kept() -> tuple[sa.Column[Any], ...]:
    return (
        sa.Column("partner_ids", pg.ARRAY(sa.Uuid), nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("told_as", sa.Text, nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_by", sa.Uuid),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("state", pg.JSONB, nullable=False),
    )


def upgrade() -> None:
    """Make the tables; every one of them protected."""
    chassis_tables(op)
    _known_of_others()
    _own()
    _walls()


def _known_of_others() -> None:
    op.create_table(
        "organization",
        sa.Column("organization_id", sa.Uuid, primary_key=True),
        sa.Column("version", sa.Integer, nullable=False),
    )
    op.create_table(
        "candidate",
        sa.Column("person_id", sa.Uuid, primary_key=True),
        sa.Column("organization_id", sa.Uuid),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("active", sa.Boolean, nullable=False),
        sa.Column("erased", sa.Boolean, nullable=False),
        sa.Column("manager_id", sa.Uuid),
        sa.Column("said", pg.JSONB(none_as_null=True)),
    )
    op.create_index("candidate_organization", "candidate", ["organization_id"])
    op.create_table(
        "consent",
        sa.Column("person_id", sa.Uuid, primary_key=True),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("granted", sa.Boolean, nullable=False),
        sa.Column("until", sa.DateTime(timezone=True)),
    )
    op.create_index("consent_until", "consent", ["until"])
    op.create_table(
        "block",
        sa.Column("person_id", sa.Uuid, primary_key=True),
        sa.Column("blocked_id", sa.Uuid, primary_key=True),
    )


def _own() -> None:
    op.create_table(
        "cohort",
        sa.Column("cohort_id", sa.Uuid, primary_key=True),
        *_kept(),
        sa.Column("series", sa.Text, nullable=False),
        sa.Column("next_move_at", sa.DateTime(timezone=True)),
    )
    op.create_index("cohort_next_move", "cohort", ["next_move_at"])
    op.create_index("cohort_series", "cohort", ["series"])
    op.create_table(
        "enrolment",
        sa.Column("enrolment_id", sa.Uuid, primary_key=True),
        sa.Column("cohort_id", sa.Uuid, nullable=False),
        sa.Column("person_id", sa.Uuid, nullable=False),
        sa.Column("organization_id", sa.Uuid, nullable=False),
        *_kept(),
        sa.UniqueConstraint("cohort_id", "person_id", name="enrolment_of_person"),
    )
    op.create_index("enrolment_person", "enrolment", ["person_id"])
    op.create_table(
        "seat",
        sa.Column("cohort_id", sa.Uuid, primary_key=True),
        sa.Column("person_id", sa.Uuid, primary_key=True),
        sa.Column("partner_ids", pg.ARRAY(sa.Uuid), nullable=False),
        sa.Column("capacity", sa.Integer, nullable=False),
        sa.Column("taken", sa.Integer, nullable=False, server_default=sa.text("0")),
        sa.CheckConstraint("taken BETWEEN 0 AND capacity", name="seat_never_overbooked"),
    )
    op.create_table(
        "match_run",
        sa.Column("run_id", sa.Uuid, primary_key=True),
        sa.Column("cohort_id", sa.Uuid, nullable=False),
        *_kept(),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seed", sa.BigInteger, nullable=False),
        sa.Column("came_from", sa.Text, nullable=False),
        sa.Column("claim", sa.Uuid),
        sa.Column("lease_until", sa.DateTime(timezone=True)),
        sa.Column("attempts", sa.Integer, nullable=False, server_default=sa.text("0")),
    )
    op.create_index("match_run_cohort", "match_run", ["cohort_id"])
    op.create_index("match_run_status", "match_run", ["status"])
    op.create_table(
        "run_snapshot",
        sa.Column("run_id", sa.Uuid, primary_key=True),
        sa.Column("people", pg.ARRAY(sa.Uuid), nullable=False),
        sa.Column("content", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "pair",
        sa.Column("pair_id", sa.Uuid, primary_key=True),
        sa.Column("cohort_id", sa.Uuid, nullable=False),
        sa.Column("first_id", sa.Uuid, nullable=False),
        sa.Column("second_id", sa.Uuid, nullable=False),
        sa.Column("run_id", sa.Uuid),
        *_kept(),
        sa.Column("expires_at", sa.DateTime(timezone=True)),
        sa.Column("pinned", sa.Boolean, nullable=False),
    )
    op.create_index("pair_cohort", "pair", ["cohort_id"])
    op.create_index("pair_first", "pair", ["first_id"])
    op.create_index("pair_second", "pair", ["second_id"])
    op.create_index("pair_run", "pair", ["run_id"])
    op.create_index("pair_expires", "pair", ["expires_at"])


def _walls() -> None:
    # Nothing about a tenant but that it exists: everybody may look, reactions alone write.
    protect(op, "organization", tenant="false", read="true")
    protect(op, "candidate", tenant="organization_id = app_org()")
    protect(op, "consent", tenant="person_id = app_person()")
    protect(op, "block", tenant="person_id = app_person()")
    for table in ("cohort", "enrolment", "seat", "match_run", "pair"):
        protect(op, table, tenant=PARTNERS)
    # Profiles of all partners in one row: for the worker only.
    protect(op, "run_snapshot", tenant="false")
