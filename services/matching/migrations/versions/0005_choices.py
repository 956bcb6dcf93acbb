"""Rankings of people by people, and organizers' vetoes."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql as pg

from chassis.migrations import protect

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Additive: yesterday's code runs beside it."""
    op.create_table(
        "ranking",
        sa.Column("cohort_id", sa.Uuid, primary_key=True),
        sa.Column("person_id", sa.Uuid, primary_key=True),
        sa.Column("people", pg.ARRAY(sa.Uuid), nullable=False),
        sa.Column("ranked_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index("ranking_person", "ranking", ["person_id"])
    # Its author's alone: no organizer, and nobody who is in it.
    protect(op, "ranking", tenant="person_id = app_person()")
    op.create_table(
        "veto",
        sa.Column("cohort_id", sa.Uuid, primary_key=True),
        sa.Column("first_id", sa.Uuid, primary_key=True),
        sa.Column("second_id", sa.Uuid, primary_key=True),
        sa.Column("partner_ids", pg.ARRAY(sa.Uuid), nullable=False),
        sa.Column("vetoed_at", sa.DateTime(timezone=True), nullable=False),
    )
    protect(op, "veto", tenant="app_org() = ANY (partner_ids)")
