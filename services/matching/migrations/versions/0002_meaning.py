"""Vectors of texts, by whom a candidate's texts were embedded, and what a run froze and proved besides its snapshot."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from chassis.migrations import protect

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Additive: yesterday's code runs beside it."""
    op.create_table(
        "text_vector",
        sa.Column("model", sa.Text, primary_key=True),
        sa.Column("digest", sa.LargeBinary, primary_key=True),
        sa.Column("vector", sa.LargeBinary, nullable=False),
    )
    protect(op, "text_vector", tenant="false")
    op.add_column("candidate", sa.Column("embedded_by", sa.Text))
    op.add_column("run_snapshot", sa.Column("near", sa.LargeBinary))
    op.add_column("run_snapshot", sa.Column("proof", sa.LargeBinary))
