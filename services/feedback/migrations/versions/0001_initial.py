"""The first tables of feedback."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from chassis.migrations import chassis_tables, protect

revision = "0001"
down_revision = None

_MOMENT = sa.DateTime(timezone=True)
_ONE_OF_THEM = "app_person() = ANY (people)"


def upgrade() -> None:
    """Create everything."""
    chassis_tables(op)
    _known()
    for name, one_per_pair in (
        ("agreement", True),
        ("agenda", True),
        ("session", False),
        ("feedback", False),
        ("introduction", False),
        ("reciprocity", True),
    ):
        _aggregate(name, one_per_pair=one_per_pair)
    op.add_column("agreement", sa.Column("agreed", JSONB))
    op.add_column("session", sa.Column("due_at", _MOMENT))
    op.create_index("session_due", "session", ["due_at"], postgresql_where=sa.text("due_at IS NOT NULL"))
    op.add_column("feedback", sa.Column("status", sa.Text, nullable=False))
    op.add_column("feedback", sa.Column("due_at", _MOMENT))
    op.create_index("feedback_due", "feedback", ["due_at"], postgresql_where=sa.text("due_at IS NOT NULL"))
    op.create_index("feedback_people", "feedback", ["people"], postgresql_using="gin")
    op.create_index("introduction_people", "introduction", ["people"], postgresql_using="gin")
    _calendar()
    _words()


def _known() -> None:
    op.create_table(
        "cohort",
        sa.Column("cohort_id", sa.Uuid, primary_key=True),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("partner_ids", ARRAY(sa.Uuid), nullable=False),
        sa.Column("starts_at", _MOMENT, nullable=False),
        sa.Column("ends_at", _MOMENT, nullable=False),
    )
    protect(op, "cohort", tenant="app_org() = ANY (partner_ids)")
    op.create_table(
        "person",
        sa.Column("person_id", sa.Uuid, primary_key=True),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("active", sa.Boolean, nullable=False),
        sa.Column("departed_at", _MOMENT),
    )
    # Everybody may ask whether an id belongs to somebody (a door is opened across organizations); only facts change it.
    protect(op, "person", tenant="false", read="true")
    op.create_table(
        "pair",
        sa.Column("pair_id", sa.Uuid, primary_key=True),
        sa.Column("cohort_id", sa.Uuid, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("people", ARRAY(sa.Uuid), nullable=False),
        sa.Column("organizations", ARRAY(sa.Uuid), nullable=False),
        sa.Column("wishes", JSONB, nullable=False),
        sa.Column("accepted_at", _MOMENT, nullable=False),
    )
    op.create_index("pair_cohort", "pair", ["cohort_id"])
    op.create_index("pair_people", "pair", ["people"], postgresql_using="gin")
    # Narrower than the cohort's partners: nobody but the two has any business with what belongs to a pair.
    protect(op, "pair", tenant=_ONE_OF_THEM)


def _aggregate(name: str, *, one_per_pair: bool) -> None:
    op.create_table(
        name,
        sa.Column(f"{name}_id", sa.Uuid, primary_key=True),
        sa.Column("pair_id", sa.Uuid, nullable=False),
        sa.Column("people", ARRAY(sa.Uuid), nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("changed_at", _MOMENT, nullable=False),
        sa.Column("changed_by", sa.Uuid),
        sa.Column("state", JSONB, nullable=False),
    )
    op.create_index(f"{name}_pair", name, ["pair_id"], unique=one_per_pair)
    protect(op, name, tenant=_ONE_OF_THEM)


def _calendar() -> None:
    op.create_table(
        "busy",
        sa.Column("session_id", sa.Uuid, primary_key=True),
        sa.Column("person_id", sa.Uuid, primary_key=True),
        sa.Column("starts_at", _MOMENT, nullable=False),
        sa.Column("ends_at", _MOMENT, nullable=False),
    )
    op.create_index("busy_person", "busy", ["person_id", "ends_at"])
    # My own time and that of those whom I am paired with: `pair` is walled for me already.
    protect(op, "busy", tenant="person_id IN (SELECT unnest(people) FROM pair)")


def _words() -> None:
    op.create_table(
        "session_words",
        sa.Column("session_id", sa.Uuid, primary_key=True),
        sa.Column("author_id", sa.Uuid, primary_key=True),
        sa.Column("addressee_id", sa.Uuid, nullable=False),
        sa.Column("taught", sa.Text, nullable=False),
        sa.Column("learned", sa.Text, nullable=False),
    )
    op.create_index("session_words_author", "session_words", ["author_id"])
    op.create_index("session_words_addressee", "session_words", ["addressee_id"])
    protect(
        op,
        "session_words",
        tenant="author_id = app_person()",
        read="app_person() IN (author_id, addressee_id)",
    )
    op.create_table(
        "feedback_words",
        sa.Column("feedback_id", sa.Uuid, primary_key=True),
        sa.Column("author_id", sa.Uuid, nullable=False),
        sa.Column("addressee_id", sa.Uuid, nullable=False),
        sa.Column("usefulness", sa.Integer, nullable=False),
        sa.Column("praise", sa.Text, nullable=False),
        sa.Column("critique", sa.Text, nullable=False),
    )
    op.create_index("feedback_words_author", "feedback_words", ["author_id"])
    op.create_index("feedback_words_addressee", "feedback_words", ["addressee_id"])
    # The seal, in the database itself: the addressee sees nothing before the release.
    protect(
        op,
        "feedback_words",
        tenant="author_id = app_person()",
        read=(
            "author_id = app_person() OR addressee_id = app_person() AND EXISTS ("
            "SELECT FROM feedback WHERE feedback.feedback_id = feedback_words.feedback_id AND feedback.status = 'released')"
        ),
    )
