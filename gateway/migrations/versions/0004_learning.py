"""What feedback taught, and its shadow for rebuilding."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from chassis.migrations import protect

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Additive: yesterday's code runs beside it. Numbers about many; whose feedback they come from may read them."""
    op.create_table(
        "calibrations",
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("organization_ids", postgresql.ARRAY(sa.Uuid()), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.LargeBinary, nullable=False),
    )
    protect(op, "calibrations", tenant="app_org() = ANY (organization_ids)")
    op.execute("REVOKE INSERT, UPDATE, DELETE ON calibrations FROM gateway_tenant")
    op.execute("CREATE TABLE rebuild.calibrations (LIKE public.calibrations INCLUDING ALL)")
    op.execute("GRANT SELECT, INSERT, UPDATE, DELETE, TRUNCATE ON rebuild.calibrations TO gateway_system")
