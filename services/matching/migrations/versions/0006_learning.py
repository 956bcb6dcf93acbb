"""Consents to learning, released ratings beside what was promised, and calibrations."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql as pg

from chassis.migrations import protect

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Additive: yesterday's code runs beside it."""
    op.create_table(
        "learning_consent",
        sa.Column("person_id", sa.Uuid, primary_key=True),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("granted", sa.Boolean, nullable=False),
        sa.Column("until", sa.DateTime(timezone=True)),
    )
    op.create_table(
        "report",
        sa.Column("feedback_id", sa.Uuid, primary_key=True),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("pair_id", sa.Uuid, nullable=False),
        sa.Column("learner_id", sa.Uuid, nullable=False),
        sa.Column("teacher_id", sa.Uuid, nullable=False),
        sa.Column("learner_organization_id", sa.Uuid, nullable=False),
        sa.Column("teacher_organization_id", sa.Uuid, nullable=False),
        sa.Column("meaning", sa.Text, nullable=False),
        sa.Column("chance", sa.SmallInteger, nullable=False),
        sa.Column("aptness", sa.SmallInteger, nullable=False),
        sa.Column("usefulness", sa.SmallInteger, nullable=False),
        sa.Column("heard_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index("report_learner", "report", ["learner_id"])
    op.create_index("report_teacher", "report", ["teacher_id"])
    op.create_index("report_organization", "report", ["learner_organization_id", "heard_at"])
    op.create_table(
        "calibration",
        sa.Column("calibration_id", sa.Uuid, primary_key=True),
        sa.Column("organization_id", sa.Uuid),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("told_as", sa.Text, nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_by", sa.Uuid),
        sa.Column("fitted_at", sa.DateTime(timezone=True)),
        sa.Column("state", pg.JSONB, nullable=False),
    )
    protect(op, "learning_consent", tenant="person_id = app_person()")
    # Who said what about whom: reactions and fits only, no admin.
    protect(op, "report", tenant="false")
    protect(op, "calibration", tenant="organization_id = app_org()")
