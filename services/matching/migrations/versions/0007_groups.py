"""Plans of groups."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql as pg

from chassis.migrations import protect

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Additive: yesterday's code runs beside it."""
    op.create_table(
        "group_plan",
        sa.Column("plan_id", sa.Uuid, primary_key=True),
        sa.Column("cohort_id", sa.Uuid, nullable=False),
        sa.Column("partner_ids", pg.ARRAY(sa.Uuid), nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("told_as", sa.Text, nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_by", sa.Uuid),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("state", pg.JSONB, nullable=False),
    )
    op.create_index("group_plan_cohort", "group_plan", ["cohort_id"])
    protect(op, "group_plan", tenant="app_org() = ANY (partner_ids)")
