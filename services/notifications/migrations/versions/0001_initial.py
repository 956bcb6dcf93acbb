"""The first tables of notifications."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from chassis.migrations import chassis_tables, protect

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create everything. A person sees their own messages, mails, wishes and row; the rest is for the service alone."""
    chassis_tables(op)
    op.create_table(
        "person",
        sa.Column("person_id", sa.UUID(), nullable=False),
        sa.Column("organization_id", sa.UUID(), nullable=True),
        sa.Column("subject", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("name", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("email", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("locale", sa.Text(), server_default=sa.text("'en'"), nullable=False),
        sa.Column("zone", sa.Text(), server_default=sa.text("'UTC'"), nullable=False),
        sa.Column("shows", postgresql.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("mailbox", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("erased", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("profile_version", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("contact_version", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.PrimaryKeyConstraint("person_id"),
    )
    op.create_index("person_subject", "person", ["organization_id", "subject"])
    op.create_table(
        "organization",
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("name", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("shows", postgresql.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("admins", postgresql.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("admin_emails", postgresql.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("version", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.PrimaryKeyConstraint("organization_id"),
    )
    op.create_table(
        "cohort",
        sa.Column("cohort_id", sa.UUID(), nullable=False),
        sa.Column("name", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("closes_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("initiator_id", sa.UUID(), nullable=True),
        sa.Column("partners", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("to_ask", postgresql.ARRAY(sa.UUID()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("version", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.PrimaryKeyConstraint("cohort_id"),
    )
    op.create_index("cohort_to_ask", "cohort", ["cohort_id"], postgresql_where=sa.text("to_ask <> '{}'"))
    op.create_table(
        "pair",
        sa.Column("pair_id", sa.UUID(), nullable=False),
        sa.Column("cohort_id", sa.UUID(), nullable=True),
        sa.Column("status", sa.Text(), nullable=True),
        sa.Column("members", postgresql.JSONB(), server_default=sa.text("'[]'"), nullable=False),
        sa.Column("proposed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("active_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("cadence_days", sa.Integer(), nullable=False),
        sa.Column("look_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("version", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.PrimaryKeyConstraint("pair_id"),
    )
    op.create_index("pair_look_at", "pair", ["look_at"], postgresql_where=sa.text("look_at IS NOT NULL"))
    op.create_table(
        "meeting",
        sa.Column("session_id", sa.UUID(), nullable=False),
        sa.Column("pair_id", sa.UUID(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("logged_by", postgresql.ARRAY(sa.UUID()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("version", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.PrimaryKeyConstraint("session_id"),
    )
    op.create_index("meeting_pair", "meeting", ["pair_id"])
    op.create_table(
        "silence",
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("pair_id", sa.UUID(), nullable=False),
        sa.Column("nudged_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("escalated_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("cause"),
    )
    op.create_index("silence_pair", "silence", ["pair_id"])
    op.create_table(
        "message",
        sa.Column("notification_id", sa.UUID(), nullable=False),
        sa.Column("person_id", sa.UUID(), nullable=False),
        sa.Column("organization_id", sa.UUID(), nullable=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("occasion", sa.Text(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("link", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("people", postgresql.JSONB(), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("organizations", postgresql.JSONB(), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("cohort_id", sa.UUID(), nullable=True),
        sa.Column("details", postgresql.JSONB(), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("about", postgresql.ARRAY(sa.UUID()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("needs", postgresql.ARRAY(sa.UUID()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("title", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("body", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("locale", sa.Text(), server_default=sa.text("'en'"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("email_sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("read_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("error", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("version", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.PrimaryKeyConstraint("notification_id"),
        sa.UniqueConstraint("person_id", "cause", name="message_once"),
    )
    op.create_index("message_about", "message", ["about"], postgresql_using="gin")
    op.create_index("message_waiting", "message", ["created_at"], postgresql_where=sa.text("version = 0"))
    op.create_table(
        "mail",
        sa.Column("notification_id", sa.UUID(), nullable=False),
        sa.Column("person_id", sa.UUID(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("claim", sa.UUID(), nullable=True),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("reply", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.PrimaryKeyConstraint("notification_id"),
    )
    op.create_index("mail_claim", "mail", ["claim"], postgresql_where=sa.text("claim IS NOT NULL"))
    op.create_index("mail_due", "mail", ["due_at"], postgresql_where=sa.text("state = 'pending'"))
    op.create_index(
        "mail_leased", "mail", ["lease_until"], postgresql_where=sa.text("state IN ('claimed', 'sending', 'taken')")
    )
    op.create_index("mail_person", "mail", ["person_id"])
    op.create_table(
        "preferences",
        sa.Column("person_id", sa.UUID(), nullable=False),
        sa.Column("muted_kinds", postgresql.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("email_enabled", sa.Boolean(), nullable=False),
        sa.Column("quiet_from", sa.Time(), nullable=False),
        sa.Column("quiet_until", sa.Time(), nullable=False),
        sa.Column("version", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.PrimaryKeyConstraint("person_id"),
    )
    for table in ("person", "message", "mail", "preferences"):
        protect(op, table, tenant="person_id = app_person()")
    # Projections of other owners' facts: people may read them there, under those owners' rules, and never here.
    for table in ("organization", "cohort", "pair", "meeting", "silence"):
        protect(op, table, tenant="false")
