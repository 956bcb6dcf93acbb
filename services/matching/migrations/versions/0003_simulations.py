"""The plan of a run, kept beside its snapshot."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Additive: yesterday's code runs beside it."""
    op.add_column("run_snapshot", sa.Column("plan", sa.LargeBinary))
