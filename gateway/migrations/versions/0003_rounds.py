"""Plans of speed rounds, and their shadow for rebuilding."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from chassis.migrations import protect

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Additive: yesterday's code runs beside it. Who meets whom: policy decides, inside the wall of the own cohorts."""
    op.create_table(
        "round_plans",
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("cohort_id", sa.Uuid(), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.LargeBinary, nullable=False),
    )
    op.create_index("round_plans_by_cohort", "round_plans", ["cohort_id", "changed_at"])
    protect(op, "round_plans", tenant="cohort_id IN (SELECT id FROM cohorts)")
    op.execute("REVOKE INSERT, UPDATE, DELETE ON round_plans FROM gateway_tenant")
    op.execute("CREATE TABLE rebuild.round_plans (LIKE public.round_plans INCLUDING ALL)")
    op.execute("GRANT SELECT, INSERT, UPDATE, DELETE, TRUNCATE ON rebuild.round_plans TO gateway_system")
