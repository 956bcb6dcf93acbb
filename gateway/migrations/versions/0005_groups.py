"""Plans of groups, and their shadow for rebuilding."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from chassis.migrations import protect

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Additive: yesterday's code runs beside it. Who is with whom: policy decides, inside the wall of the own cohorts."""
    op.create_table(
        "group_plans",
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("cohort_id", sa.Uuid(), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.LargeBinary, nullable=False),
    )
    op.create_index("group_plans_by_cohort", "group_plans", ["cohort_id", "changed_at"])
    protect(op, "group_plans", tenant="cohort_id IN (SELECT id FROM cohorts)")
    op.execute("REVOKE INSERT, UPDATE, DELETE ON group_plans FROM gateway_tenant")
    op.execute("CREATE TABLE rebuild.group_plans (LIKE public.group_plans INCLUDING ALL)")
    op.execute("GRANT SELECT, INSERT, UPDATE, DELETE, TRUNCATE ON rebuild.group_plans TO gateway_system")
