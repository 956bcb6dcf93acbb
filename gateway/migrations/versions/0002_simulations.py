"""Which match runs are simulations."""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Additive: yesterday's code runs beside it, and all of its runs are real. Again in the schema of rebuilding."""
    for table in ("public.runs", "rebuild.runs"):
        op.execute(f"ALTER TABLE {table} ADD COLUMN simulated boolean NOT NULL DEFAULT false")
