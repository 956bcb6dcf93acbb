"""What profiles keeps. Every key begins with the organization, so that no reference can cross from one tenant to another."""

from __future__ import annotations

from sqlalchemy import (
    ARRAY,
    Boolean,
    Column,
    Date,
    DateTime,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
)
from sqlalchemy.dialects.postgresql import JSONB

metadata = MetaData()

organization = Table(
    "organization",
    metadata,
    Column("organization_id", Uuid, nullable=False),
    Column("slug", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("issuer", Text, nullable=False),
    Column("admins", ARRAY(Text), nullable=False),
    Column("locale", Text, nullable=False),
    Column("zone", Text, nullable=False),
    Column("proposed_fields", ARRAY(Text), nullable=False),
    Column("admin_emails", ARRAY(Text), nullable=False),
    Column("version", Integer, nullable=False),
    Column("changed_at", DateTime(timezone=True), nullable=False),
    PrimaryKeyConstraint("organization_id", name="organization_pkey"),
    UniqueConstraint("slug", name="organization_slug_key"),
    UniqueConstraint("issuer", name="organization_issuer_key"),
)

people_import = Table(
    "people_import",
    metadata,
    Column("organization_id", Uuid, nullable=False),
    Column("import_id", Uuid, nullable=False),
    Column("file_name", Text, nullable=False),
    Column("digest", LargeBinary, nullable=False),  # of the content, which itself is not kept
    Column("rows", Integer, nullable=False),
    Column("created", Integer, nullable=False),
    Column("updated", Integer, nullable=False),
    Column("unchanged", Integer, nullable=False),
    Column("rejected", Integer, nullable=False),
    Column("notes", ARRAY(Text), nullable=False),
    Column("imported_at", DateTime(timezone=True), nullable=False),
    PrimaryKeyConstraint("organization_id", "import_id", name="people_import_pkey"),
    ForeignKeyConstraint(["organization_id"], ["organization.organization_id"], name="people_import_organization"),
)

person = Table(
    "person",
    metadata,
    Column("organization_id", Uuid, nullable=False),
    Column("person_id", Uuid, nullable=False),
    Column("subject", Text, nullable=False),
    Column("display_name", Text, nullable=False),
    Column("job_title", Text, nullable=False),
    Column("locale", Text, nullable=False),
    Column("zone", Text, nullable=False),
    Column("languages", JSONB, nullable=False),
    Column("availability", JSONB, nullable=False),
    Column("offers", JSONB, nullable=False),
    Column("needs", JSONB, nullable=False),
    Column("facets", JSONB, nullable=False),
    Column("criticism", Text, nullable=False),
    Column("team", Text),
    Column("manager_id", Uuid),
    Column("out_of_office_until", Date),
    Column("proposed_fields", ARRAY(Text), nullable=False),
    Column("active", Boolean, nullable=False),
    Column("imported", JSONB, nullable=False),  # what the organization's file said last, by field
    Column("onboarded_by", Uuid),  # the import that brought them first
    Column("version", Integer, nullable=False),
    Column("changed_at", DateTime(timezone=True), nullable=False),
    PrimaryKeyConstraint("organization_id", "person_id", name="person_pkey"),
    UniqueConstraint("organization_id", "subject", name="person_subject_key"),
    ForeignKeyConstraint(["organization_id"], ["organization.organization_id"], name="person_organization"),
    # Deferred, because a file may name a manager before their own row.
    ForeignKeyConstraint(
        ["organization_id", "manager_id"],
        ["person.organization_id", "person.person_id"],
        name="person_manager",
        deferrable=True,
        initially="DEFERRED",
    ),
    ForeignKeyConstraint(
        ["organization_id", "onboarded_by"],
        ["people_import.organization_id", "people_import.import_id"],
        name="person_onboarded_by",
    ),
)
Index("person_manager_id", person.c.organization_id, person.c.manager_id)

# Apart from the profile, so that reading profiles never reads addresses.
contact = Table(
    "contact",
    metadata,
    Column("organization_id", Uuid, nullable=False),
    Column("person_id", Uuid, nullable=False),
    Column("email", Text, nullable=False),
    Column(
        "email_key", Text
    ),  # NULL: no address. Unique inside the organization only: a wider rule would tell on others
    Column("version", Integer, nullable=False),
    Column("changed_at", DateTime(timezone=True), nullable=False),
    PrimaryKeyConstraint("organization_id", "person_id", name="contact_pkey"),
    UniqueConstraint("organization_id", "email_key", name="contact_email_key"),
    ForeignKeyConstraint(
        ["organization_id", "person_id"],
        ["person.organization_id", "person.person_id"],
        name="contact_person",
        ondelete="CASCADE",
    ),
)

consent = Table(
    "consent",
    metadata,
    Column("organization_id", Uuid, nullable=False),
    Column("person_id", Uuid, nullable=False),
    Column("purpose", Text, nullable=False),
    Column("granted", Boolean, nullable=False),
    Column("until", DateTime(timezone=True)),
    Column("version", Integer, nullable=False),
    Column("changed_at", DateTime(timezone=True), nullable=False),
    PrimaryKeyConstraint("organization_id", "person_id", "purpose", name="consent_pkey"),
    ForeignKeyConstraint(
        ["organization_id", "person_id"],
        ["person.organization_id", "person.person_id"],
        name="consent_person",
        ondelete="CASCADE",
    ),
)

import_row = Table(
    "import_row",
    metadata,
    Column("organization_id", Uuid, nullable=False),
    Column("import_id", Uuid, nullable=False),
    Column("person_id", Uuid, nullable=False),
    Column("row", Integer, nullable=False),
    Column("outcome", Text, nullable=False),
    PrimaryKeyConstraint("organization_id", "import_id", "person_id", name="import_row_pkey"),
    ForeignKeyConstraint(
        ["organization_id", "import_id"],
        ["people_import.organization_id", "people_import.import_id"],
        name="import_row_import",
    ),
    ForeignKeyConstraint(
        ["organization_id", "person_id"],
        ["person.organization_id", "person.person_id"],
        name="import_row_person",
        ondelete="CASCADE",
    ),
)
Index("import_row_person_id", import_row.c.organization_id, import_row.c.person_id)

import_problem = Table(
    "import_problem",
    metadata,
    Column("organization_id", Uuid, nullable=False),
    Column("import_id", Uuid, nullable=False),
    Column("position", Integer, nullable=False),
    Column("row", Integer, nullable=False),
    Column("column", Text, nullable=False),
    Column("value", Text, nullable=False),
    Column("message", Text, nullable=False),
    Column("remedy", Text, nullable=False),
    Column("person_id", Uuid),  # whom the row is about, who may not be kept: a refused row's person need not exist
    PrimaryKeyConstraint("organization_id", "import_id", "position", name="import_problem_pkey"),
    ForeignKeyConstraint(
        ["organization_id", "import_id"],
        ["people_import.organization_id", "people_import.import_id"],
        name="import_problem_import",
    ),
)

# That somebody was here, so that versions never begin again and no file brings them back.
erasure = Table(
    "erasure",
    metadata,
    Column("organization_id", Uuid, nullable=False),
    Column("person_id", Uuid, nullable=False),
    Column("version", Integer, nullable=False),
    Column("erased_at", DateTime(timezone=True), nullable=False),
    PrimaryKeyConstraint("organization_id", "person_id", name="erasure_pkey"),
    ForeignKeyConstraint(["organization_id"], ["organization.organization_id"], name="erasure_organization"),
)
