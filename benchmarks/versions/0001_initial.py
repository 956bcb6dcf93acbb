"""Tables of the benchmarks: those of the chassis, and a read model as the gateway's is."""

import sqlalchemy as sa
from alembic import op

from chassis.migrations import chassis_tables, forget_what_waits

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make all tables."""
    chassis_tables(op)
    forget_what_waits(op)
    # Public knowledge of everybody: no tenant column.
    op.create_table(
        "entry",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("organization_id", sa.Uuid, nullable=False, index=True),
        sa.Column("person_id", sa.Uuid, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("state", sa.LargeBinary, nullable=False),
    )
