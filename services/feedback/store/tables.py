"""The tables. ``people`` are those who may see a row at all; words lie in tables of their own, behind a wall of their own."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

metadata = sa.MetaData()


def _aggregate(name: str, *own: sa.Column[Any] | sa.Index, one_per_pair: bool = False) -> sa.Table:
    return sa.Table(
        name,
        metadata,
        sa.Column(f"{name}_id", sa.Uuid, primary_key=True),
        sa.Column("pair_id", sa.Uuid, nullable=False),
        sa.Column("people", ARRAY(sa.Uuid), nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_by", sa.Uuid),
        sa.Column("state", JSONB, nullable=False),
        *own,
        sa.Index(f"{name}_pair", "pair_id", unique=one_per_pair),
    )


# What other owners told.
cohort = sa.Table(
    "cohort",
    metadata,
    sa.Column("cohort_id", sa.Uuid, primary_key=True),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("partner_ids", ARRAY(sa.Uuid), nullable=False),
    sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
)
person = sa.Table(
    "person",
    metadata,
    sa.Column("person_id", sa.Uuid, primary_key=True),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("active", sa.Boolean, nullable=False),
    sa.Column("departed_at", sa.DateTime(timezone=True)),
)
pair = sa.Table(
    "pair",
    metadata,
    sa.Column("pair_id", sa.Uuid, primary_key=True),
    sa.Column("cohort_id", sa.Uuid, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("people", ARRAY(sa.Uuid), nullable=False),
    sa.Column("organizations", ARRAY(sa.Uuid), nullable=False),
    sa.Column("wishes", JSONB, nullable=False),
    sa.Column("accepted_at", sa.DateTime(timezone=True), nullable=False),
    sa.Index("pair_cohort", "cohort_id"),
    sa.Index("pair_people", "people", postgresql_using="gin"),
)

# What feedback owns.
agreement = _aggregate(
    "agreement",
    sa.Column("agreed", JSONB),  # the terms that both signed last; those in `state` may be newer and unsigned
    one_per_pair=True,
)
agenda = _aggregate("agenda", one_per_pair=True)
session = _aggregate(
    "session",
    # When time itself moves it on; NULL once it has.
    due_at := sa.Column("due_at", sa.DateTime(timezone=True)),
    sa.Index("session_due", "due_at", postgresql_where=due_at.is_not(None)),
)
feedback = _aggregate(
    "feedback",
    sa.Column("status", sa.Text, nullable=False),
    feedback_due_at := sa.Column("due_at", sa.DateTime(timezone=True)),
    sa.Index("feedback_due", "due_at", postgresql_where=feedback_due_at.is_not(None)),
    sa.Index("feedback_people", "people", postgresql_using="gin"),
)
introduction = _aggregate("introduction", sa.Index("introduction_people", "people", postgresql_using="gin"))
reciprocity = _aggregate("reciprocity", one_per_pair=True)

# When somebody has a session, and nothing else about it: also for those who plan another one with them.
busy = sa.Table(
    "busy",
    metadata,
    sa.Column("session_id", sa.Uuid, primary_key=True),
    sa.Column("person_id", sa.Uuid, primary_key=True),
    sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
    sa.Index("busy_person", "person_id", "ends_at"),
)

# Words: for their author and their addressee alone, never in a fact.
session_words = sa.Table(
    "session_words",
    metadata,
    sa.Column("session_id", sa.Uuid, primary_key=True),
    sa.Column("author_id", sa.Uuid, primary_key=True),
    sa.Column("addressee_id", sa.Uuid, nullable=False),
    sa.Column("taught", sa.Text, nullable=False),
    sa.Column("learned", sa.Text, nullable=False),
    sa.Index("session_words_author", "author_id"),
    sa.Index("session_words_addressee", "addressee_id"),
)
feedback_words = sa.Table(
    "feedback_words",
    metadata,
    sa.Column("feedback_id", sa.Uuid, primary_key=True),
    sa.Column("author_id", sa.Uuid, nullable=False),
    sa.Column("addressee_id", sa.Uuid, nullable=False),
    sa.Column("usefulness", sa.Integer, nullable=False),
    sa.Column("praise", sa.Text, nullable=False),
    sa.Column("critique", sa.Text, nullable=False),
    sa.Index("feedback_words_author", "author_id"),
    sa.Index("feedback_words_addressee", "addressee_id"),
)
