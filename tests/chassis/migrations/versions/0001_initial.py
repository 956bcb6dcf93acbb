"""What the probe service keeps: two tables with row-level security, and a read model with its copy for rebuilds."""

import sqlalchemy as sa
from alembic import op

from chassis.migrations import chassis_tables, forget_what_waits, protect

revision = "0001"
down_revision = None

_UUID = sa.Uuid()


def upgrade() -> None:
    """Make all tables."""
    chassis_tables(op)
    forget_what_waits(op)
    op.create_table(
        "person",
        sa.Column("person_id", _UUID, primary_key=True),
        sa.Column("organization_id", _UUID, nullable=False),
        sa.Column("display_name", sa.Text, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
    )
    protect(op, "person", tenant="organization_id = app_org()")
    # One row for each time that a handler ran; no key, so that doing something twice shows. No tenant reads it.
    op.create_table(
        "effect",
        sa.Column("effect_id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        sa.Column("handler", sa.Text, nullable=False),
        sa.Column("key", _UUID, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("word", sa.Text, nullable=False),
        sa.Column("pid", sa.Integer, nullable=False),
        sa.Column("traceparent", sa.Text, nullable=False),
    )
    protect(op, "effect", tenant="false")
    op.execute("CREATE SCHEMA rebuild")
    op.execute("GRANT USAGE ON SCHEMA rebuild TO probe_system")
    for schema in ("public", "rebuild"):
        # Public knowledge of everybody: no tenant column.
        op.create_table(
            "card",
            sa.Column("person_id", _UUID, primary_key=True),
            sa.Column("display_name", sa.Text, nullable=False),
            sa.Column("version", sa.Integer, nullable=False),
            schema=schema,
        )
    op.execute("GRANT SELECT, INSERT, UPDATE, DELETE, TRUNCATE ON rebuild.card TO probe_system")
