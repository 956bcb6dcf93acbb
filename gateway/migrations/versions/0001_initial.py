"""The read model, and its shadow for rebuilding."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from chassis.migrations import chassis_tables, protect

revision = "0001"
down_revision = None

# What a tenant's transaction may see. The viewer tiers cross organizations, so the wall is not "my organization's rows": it is
# "rows of cohorts of which my organization is a partner", and for what belongs to two people or to one, exactly these people.
# Inside that wall, policy.py decides field by field. Each subquery is itself walled by the policies of its table.
OF_MY_COHORTS = "cohort_id IN (SELECT id FROM cohorts)"
OF_US_TWO = "app_person() IN (person_a, person_b)"
MINE = "person_id = app_person()"
WALLS = {
    "people": "organization_id = app_org() OR EXISTS (SELECT 1 FROM enrolments e WHERE e.person_id = people.id)",
    # Addresses: my own, my organization's, and those of whom I accepted and who accepted me.
    "contacts": "id = app_person() "
    "OR EXISTS (SELECT 1 FROM people p WHERE p.id = contacts.id AND p.organization_id = app_org()) "
    "OR EXISTS (SELECT 1 FROM pairs x WHERE x.status IN ('accepted', 'active', 'on_hold', 'completed') "
    "AND ((x.person_a = app_person() AND x.person_b = contacts.id) "
    "OR (x.person_b = app_person() AND x.person_a = contacts.id)))",
    # Whether somebody may be shown at all depends on their word for matching, so that one is read by others too.
    "consents": "person_id = app_person() "
    "OR (purpose = 'matching' AND EXISTS (SELECT 1 FROM people p WHERE p.id = consents.person_id))",
    "cohorts": "app_org() = ANY (partner_ids)",
    "enrolments": f"person_id = app_person() OR organization_id = app_org() OR {OF_MY_COHORTS}",
    "runs": OF_MY_COHORTS,
    "pairs": OF_MY_COHORTS,
    "agreements": OF_US_TWO,
    "agendas": OF_US_TWO,
    "sessions": OF_US_TWO,
    "reciprocity": OF_US_TWO,
    "feedback": "app_person() IN (author_id, addressee_id)",
    "introductions": "app_person() IN (offered_by, offered_to, third_id)",
    "notifications": MINE,
    "preferences": MINE,
}
# organizations has no wall: admins look for partners among all of them, and every token is checked against it. Issuer, admins and
# addresses are columns, which row-level security cannot hide: policy.ORGANIZATION does.
# erased holds bare ids of people that exist no more; tenants have no right to it.
UNWALLED = ("organizations", "erased")


def upgrade() -> None:
    """Create everything."""
    chassis_tables(op)
    _table(
        "organizations",
        _text("issuer"),
        _text("name_key"),
        indexes={"by_issuer": ["issuer"], "by_name": ["name_key", "id"]},
    )
    _table(
        "people",
        _uuid("organization_id"),
        _text("subject"),
        _text("name_key"),
        sa.Column("active", sa.Boolean, nullable=False),
        indexes={"by_subject": ["organization_id", "subject"], "by_name": ["organization_id", "name_key", "id"]},
    )
    _table("contacts", _text("email"), state=False)
    _table(
        "consents",
        _uuid("person_id"),
        _text("purpose"),
        sa.Column("granted", sa.Boolean, nullable=False),
        sa.Column("until", sa.DateTime(timezone=True)),
        indexes={"by_person": ["person_id", "purpose"]},
    )
    _table(
        "cohorts",
        _text("status"),
        sa.Column("partner_ids", postgresql.ARRAY(sa.Uuid()), nullable=False),
        _moment("starts_at"),
        indexes={"by_start": ["starts_at", "id"]},
    )
    _table(
        "enrolments",
        _uuid("cohort_id"),
        _uuid("person_id"),
        _uuid("organization_id"),
        _text("status"),
        _moment("changed_at"),
        indexes={"by_cohort": ["cohort_id", "organization_id"], "by_person": ["person_id"]},
    )
    _table(
        "runs",
        _uuid("cohort_id"),
        _text("status"),
        _moment("changed_at"),
        indexes={"by_cohort": ["cohort_id", "changed_at"]},
    )
    _table(
        "pairs",
        _uuid("cohort_id"),
        _uuid("person_a"),
        _uuid("person_b"),
        _text("status"),
        sa.Column("shown", sa.Boolean, nullable=False),
        sa.Column("value", sa.Double, nullable=False),
        _moment("changed_at"),
        indexes={"by_cohort": ["cohort_id", "value"], "by_person_a": ["person_a"], "by_person_b": ["person_b"]},
    )
    for name in ("agreements", "agendas"):
        _table(name, *_of_two(), indexes={"by_pair": ["pair_id"]})
    _table(
        "sessions",
        _uuid("pair_id"),
        _uuid("cohort_id"),
        _uuid("person_a"),
        _uuid("person_b"),
        _text("status"),
        _moment("starts_at"),
        _moment("ends_at"),
        indexes={
            "by_pair": ["pair_id", "starts_at"],
            "by_person_a": ["person_a", "starts_at"],
            "by_person_b": ["person_b", "starts_at"],
            "by_cohort": ["cohort_id"],
        },
    )
    _table(
        "feedback",
        _uuid("pair_id"),
        _uuid("cohort_id"),
        _uuid("author_id"),
        _uuid("addressee_id"),
        _text("status"),
        _moment("due_at"),
        sa.Column("usefulness", sa.SmallInteger),
        indexes={"by_pair": ["pair_id"], "by_author": ["author_id", "status"], "by_cohort": ["cohort_id"]},
    )
    _table(
        "introductions",
        _uuid("pair_id"),
        _uuid("cohort_id"),
        _uuid("offered_by"),
        _uuid("offered_to"),
        sa.Column("third_id", sa.Uuid()),
        _text("status"),
        indexes={"by_pair": ["pair_id"], "by_third": ["third_id"], "by_cohort": ["cohort_id"]},
    )
    _table(
        "reciprocity",
        _uuid("pair_id"),
        _uuid("cohort_id"),
        _uuid("person_a"),
        _uuid("person_b"),
        sa.Column("sessions_logged", sa.Integer, nullable=False),
        sa.Column("balance", sa.Double, nullable=False),
        indexes={"by_pair": ["pair_id"], "by_cohort": ["cohort_id"]},
    )
    _table(
        "notifications",
        _uuid("person_id"),
        _moment("created_at"),
        sa.Column("unread", sa.Boolean, nullable=False),
        indexes={"by_person": ["person_id", "created_at", "id"]},
    )
    op.create_index("notifications_unread", "notifications", ["person_id"], postgresql_where=sa.text("unread"))
    _table("preferences", _uuid("person_id"), indexes={"by_person": ["person_id"]})
    _table("erased", state=False)
    for table, wall in WALLS.items():
        protect(op, table, tenant=wall)
    for table in (*WALLS, *UNWALLED):
        # Only projections write, and they work across organizations.
        op.execute(f"REVOKE INSERT, UPDATE, DELETE ON {table} FROM gateway_tenant")
    op.execute("REVOKE ALL ON erased FROM gateway_tenant")
    _shadow((*WALLS, *UNWALLED))


def _shadow(tables: tuple[str, ...]) -> None:
    """The same tables again for `chassis.replay`, in a schema that only the system role may use."""
    op.execute("CREATE SCHEMA rebuild")
    op.execute("GRANT USAGE ON SCHEMA rebuild TO gateway_system")
    for table in tables:
        op.execute(f"CREATE TABLE rebuild.{table} (LIKE public.{table} INCLUDING ALL)")
        op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE, TRUNCATE ON rebuild.{table} TO gateway_system")


def _table(
    name: str,
    *columns: sa.Column[object],
    indexes: dict[str, list[str]] | None = None,
    state: bool = True,
) -> None:
    op.create_table(
        name,
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column("version", sa.BigInteger, nullable=False),
        *columns,
        *([sa.Column("state", sa.LargeBinary, nullable=False)] if state else []),
    )
    for suffix, keys in (indexes or {}).items():
        op.create_index(f"{name}_{suffix}", name, keys)


def _of_two() -> list[sa.Column[object]]:
    return [_uuid("pair_id"), _uuid("person_a"), _uuid("person_b")]


def _uuid(name: str) -> sa.Column[object]:
    return sa.Column(name, sa.Uuid(), nullable=False)


def _text(name: str) -> sa.Column[object]:
    return sa.Column(name, sa.Text, nullable=False)


def _moment(name: str) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=False)
