"""Organizations, people with contacts and consents, imports, erasures."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from chassis.migrations import chassis_tables, protect

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

OWN_ORGANIZATION = "organization_id = app_org()"
PERSON = ["person.organization_id", "person.person_id"]
IMPORT = ["people_import.organization_id", "people_import.import_id"]


def upgrade() -> None:
    """Make the tables; every one holds tenants' data, so every one is protected."""
    chassis_tables(op)
    op.create_table(
        "organization",
        sa.Column("organization_id", sa.Uuid, nullable=False),
        sa.Column("slug", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("issuer", sa.Text, nullable=False),
        sa.Column("admins", sa.ARRAY(sa.Text), nullable=False),
        sa.Column("locale", sa.Text, nullable=False),
        sa.Column("zone", sa.Text, nullable=False),
        sa.Column("proposed_fields", sa.ARRAY(sa.Text), nullable=False),
        sa.Column("admin_emails", sa.ARRAY(sa.Text), nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("organization_id", name="organization_pkey"),
        sa.UniqueConstraint("slug", name="organization_slug_key"),
        sa.UniqueConstraint("issuer", name="organization_issuer_key"),
    )
    protect(op, "organization", tenant=OWN_ORGANIZATION)
    op.create_table(
        "people_import",
        sa.Column("organization_id", sa.Uuid, nullable=False),
        sa.Column("import_id", sa.Uuid, nullable=False),
        sa.Column("file_name", sa.Text, nullable=False),
        sa.Column("digest", sa.LargeBinary, nullable=False),
        sa.Column("rows", sa.Integer, nullable=False),
        sa.Column("created", sa.Integer, nullable=False),
        sa.Column("updated", sa.Integer, nullable=False),
        sa.Column("unchanged", sa.Integer, nullable=False),
        sa.Column("rejected", sa.Integer, nullable=False),
        sa.Column("notes", sa.ARRAY(sa.Text), nullable=False),
        sa.Column("imported_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "import_id", name="people_import_pkey"),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.organization_id"], name="people_import_organization"
        ),
    )
    protect(op, "people_import", tenant=OWN_ORGANIZATION)
    op.create_table(
        "person",
        sa.Column("organization_id", sa.Uuid, nullable=False),
        sa.Column("person_id", sa.Uuid, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("display_name", sa.Text, nullable=False),
        sa.Column("job_title", sa.Text, nullable=False),
        sa.Column("locale", sa.Text, nullable=False),
        sa.Column("zone", sa.Text, nullable=False),
        sa.Column("languages", JSONB, nullable=False),
        sa.Column("availability", JSONB, nullable=False),
        sa.Column("offers", JSONB, nullable=False),
        sa.Column("needs", JSONB, nullable=False),
        sa.Column("facets", JSONB, nullable=False),
        sa.Column("criticism", sa.Text, nullable=False),
        sa.Column("team", sa.Text),
        sa.Column("manager_id", sa.Uuid),
        sa.Column("out_of_office_until", sa.Date),
        sa.Column("proposed_fields", sa.ARRAY(sa.Text), nullable=False),
        sa.Column("active", sa.Boolean, nullable=False),
        sa.Column("imported", JSONB, nullable=False),
        sa.Column("onboarded_by", sa.Uuid),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "person_id", name="person_pkey"),
        sa.UniqueConstraint("organization_id", "subject", name="person_subject_key"),
        sa.ForeignKeyConstraint(["organization_id"], ["organization.organization_id"], name="person_organization"),
        sa.ForeignKeyConstraint(
            ["organization_id", "manager_id"], PERSON, name="person_manager", deferrable=True, initially="DEFERRED"
        ),
        sa.ForeignKeyConstraint(["organization_id", "onboarded_by"], IMPORT, name="person_onboarded_by"),
    )
    op.create_index("person_manager_id", "person", ["organization_id", "manager_id"])
    protect(op, "person", tenant=OWN_ORGANIZATION)
    op.create_table(
        "contact",
        sa.Column("organization_id", sa.Uuid, nullable=False),
        sa.Column("person_id", sa.Uuid, nullable=False),
        sa.Column("email", sa.Text, nullable=False),
        sa.Column("email_key", sa.Text),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "person_id", name="contact_pkey"),
        sa.UniqueConstraint("organization_id", "email_key", name="contact_email_key"),
        sa.ForeignKeyConstraint(["organization_id", "person_id"], PERSON, name="contact_person", ondelete="CASCADE"),
    )
    protect(op, "contact", tenant=OWN_ORGANIZATION)
    op.create_table(
        "consent",
        sa.Column("organization_id", sa.Uuid, nullable=False),
        sa.Column("person_id", sa.Uuid, nullable=False),
        sa.Column("purpose", sa.Text, nullable=False),
        sa.Column("granted", sa.Boolean, nullable=False),
        sa.Column("until", sa.DateTime(timezone=True)),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "person_id", "purpose", name="consent_pkey"),
        sa.ForeignKeyConstraint(["organization_id", "person_id"], PERSON, name="consent_person", ondelete="CASCADE"),
    )
    protect(op, "consent", tenant=OWN_ORGANIZATION)
    op.create_table(
        "import_row",
        sa.Column("organization_id", sa.Uuid, nullable=False),
        sa.Column("import_id", sa.Uuid, nullable=False),
        sa.Column("person_id", sa.Uuid, nullable=False),
        sa.Column("row", sa.Integer, nullable=False),
        sa.Column("outcome", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "import_id", "person_id", name="import_row_pkey"),
        sa.ForeignKeyConstraint(["organization_id", "import_id"], IMPORT, name="import_row_import"),
        sa.ForeignKeyConstraint(["organization_id", "person_id"], PERSON, name="import_row_person", ondelete="CASCADE"),
    )
    op.create_index("import_row_person_id", "import_row", ["organization_id", "person_id"])
    protect(op, "import_row", tenant=OWN_ORGANIZATION)
    op.create_table(
        "import_problem",
        sa.Column("organization_id", sa.Uuid, nullable=False),
        sa.Column("import_id", sa.Uuid, nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("row", sa.Integer, nullable=False),
        sa.Column("column", sa.Text, nullable=False),
        sa.Column("value", sa.Text, nullable=False),
        sa.Column("message", sa.Text, nullable=False),
        sa.Column("remedy", sa.Text, nullable=False),
        sa.Column("person_id", sa.Uuid),
        sa.PrimaryKeyConstraint("organization_id", "import_id", "position", name="import_problem_pkey"),
        sa.ForeignKeyConstraint(["organization_id", "import_id"], IMPORT, name="import_problem_import"),
    )
    protect(op, "import_problem", tenant=OWN_ORGANIZATION)
    op.create_table(
        "erasure",
        sa.Column("organization_id", sa.Uuid, nullable=False),
        sa.Column("person_id", sa.Uuid, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("erased_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "person_id", name="erasure_pkey"),
        sa.ForeignKeyConstraint(["organization_id"], ["organization.organization_id"], name="erasure_organization"),
    )
    protect(op, "erasure", tenant=OWN_ORGANIZATION)
