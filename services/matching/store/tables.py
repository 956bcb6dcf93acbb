"""The tables. An aggregate's row is its public state as JSON, with the columns beside it that statements look for."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

metadata = sa.MetaData()


def _uuid(name: str, **more: Any) -> sa.Column[Any]:
    return sa.Column(name, sa.Uuid, **more)


def _time(name: str, **more: Any) -> sa.Column[Any]:
    return sa.Column(name, sa.DateTime(timezone=True), **more)


def _kept() -> tuple[sa.Column[Any], ...]:
    """What every aggregate has. ``told_as``: the wire name of the fact that told the last change; ``state``: its dataclass."""
    return (
        sa.Column("partner_ids", pg.ARRAY(sa.Uuid), nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("told_as", sa.Text, nullable=False),
        _time("changed_at", nullable=False),
        _uuid("changed_by"),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("state", pg.JSONB, nullable=False),
    )


# Which organizations there are; nothing about them. Everybody may read it, reactions write it.
organization = sa.Table(
    "organization",
    metadata,
    _uuid("organization_id", primary_key=True),
    sa.Column("version", sa.Integer, nullable=False),
)

candidate = sa.Table(
    "candidate",
    metadata,
    _uuid("person_id", primary_key=True),
    _uuid("organization_id"),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("active", sa.Boolean, nullable=False),
    sa.Column("erased", sa.Boolean, nullable=False),
    _uuid("manager_id"),
    sa.Column("said", pg.JSONB(none_as_null=True)),  # a Candidate; NULL once erased
    sa.Column("embedded_by", sa.Text),  # the meaning (models and versions) that has read these texts; NULL: none yet
    sa.Index("candidate_organization", "organization_id"),
)

consent = sa.Table(
    "consent",
    metadata,
    _uuid("person_id", primary_key=True),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("granted", sa.Boolean, nullable=False),
    _time("until"),
    sa.Index("consent_until", "until"),
)

# Written and read by the person who blocks; the blocked one never learns of it.
block = sa.Table("block", metadata, _uuid("person_id", primary_key=True), _uuid("blocked_id", primary_key=True))

cohort = sa.Table(
    "cohort",
    metadata,
    _uuid("cohort_id", primary_key=True),
    *_kept(),
    sa.Column("series", sa.Text, nullable=False),
    _time("next_move_at"),
    sa.Index("cohort_next_move", "next_move_at"),
    sa.Index("cohort_series", "series"),
)

enrolment = sa.Table(
    "enrolment",
    metadata,
    _uuid("enrolment_id", primary_key=True),
    _uuid("cohort_id", nullable=False),
    _uuid("person_id", nullable=False),
    _uuid("organization_id", nullable=False),
    *_kept(),
    sa.UniqueConstraint("cohort_id", "person_id", name="enrolment_of_person"),
    sa.Index("enrolment_person", "person_id"),
)

# The narrow table whose row locks make accepting atomic. ``taken`` counts the pairs to which both said yes.
seat = sa.Table(
    "seat",
    metadata,
    _uuid("cohort_id", primary_key=True),
    _uuid("person_id", primary_key=True),
    sa.Column("partner_ids", pg.ARRAY(sa.Uuid), nullable=False),
    sa.Column("capacity", sa.Integer, nullable=False),
    sa.Column("taken", sa.Integer, nullable=False, server_default=sa.text("0")),
    sa.CheckConstraint("taken BETWEEN 0 AND capacity", name="seat_never_overbooked"),
)

match_run = sa.Table(
    "match_run",
    metadata,
    _uuid("run_id", primary_key=True),
    _uuid("cohort_id", nullable=False),
    *_kept(),
    _time("requested_at", nullable=False),
    sa.Column("seed", sa.BigInteger, nullable=False),
    sa.Column("came_from", sa.Text, nullable=False),  # the cohort's status before it was matched
    _uuid("claim"),  # the worker that computes it; only that one may record
    _time("lease_until"),  # by the database's own clock: it measures whether a process lives
    sa.Column("attempts", sa.Integer, nullable=False, server_default=sa.text("0")),
    sa.Index("match_run_cohort", "cohort_id"),
    sa.Index("match_run_status", "status"),
)

# What a run saw of people's profiles: for the worker only, and gone when one of them is erased.
run_snapshot = sa.Table(
    "run_snapshot",
    metadata,
    _uuid("run_id", primary_key=True),
    sa.Column("people", pg.ARRAY(sa.Uuid), nullable=False),
    sa.Column("content", sa.LargeBinary, nullable=False),
    sa.Column("near", sa.LargeBinary),  # which texts are near which: frozen with the first attempt
    sa.Column("proof", sa.LargeBinary),  # the plan and the certificate of its bound
    sa.Column("plan", sa.LargeBinary),  # the plan in words, as msgpack: what is compared and adopted
)

# A cache: what a model makes of a text. From people's words, so it is for the worker only and goes with them.
text_vector = sa.Table(
    "text_vector",
    metadata,
    sa.Column("model", sa.Text, primary_key=True),
    sa.Column("digest", sa.LargeBinary, primary_key=True),
    sa.Column("vector", sa.LargeBinary, nullable=False),
)

pair = sa.Table(
    "pair",
    metadata,
    _uuid("pair_id", primary_key=True),
    _uuid("cohort_id", nullable=False),
    _uuid("first_id", nullable=False),
    _uuid("second_id", nullable=False),
    _uuid("run_id"),
    *_kept(),
    _time("expires_at"),
    sa.Column("pinned", sa.Boolean, nullable=False),
    sa.Index("pair_cohort", "cohort_id"),
    sa.Index("pair_first", "first_id"),
    sa.Index("pair_second", "second_id"),
    sa.Index("pair_run", "run_id"),
    sa.Index("pair_expires", "expires_at"),
)

# Whom a person would like: read and written by its author alone.
ranking = sa.Table(
    "ranking",
    metadata,
    _uuid("cohort_id", primary_key=True),
    _uuid("person_id", primary_key=True),
    sa.Column("people", pg.ARRAY(sa.Uuid), nullable=False),  # the first choice first
    _time("ranked_at", nullable=False),
    sa.Index("ranking_person", "person_id"),
)

# Two people whom an organizer wants no run to pair; first_id < second_id.
veto = sa.Table(
    "veto",
    metadata,
    _uuid("cohort_id", primary_key=True),
    _uuid("first_id", primary_key=True),
    _uuid("second_id", primary_key=True),
    sa.Column("partner_ids", pg.ARRAY(sa.Uuid), nullable=False),
    _time("vetoed_at", nullable=False),
)

group_plan = sa.Table(
    "group_plan",
    metadata,
    _uuid("plan_id", primary_key=True),
    _uuid("cohort_id", nullable=False),
    *_kept(),
    sa.Index("group_plan_cohort", "cohort_id"),
)

round_plan = sa.Table(
    "round_plan",
    metadata,
    _uuid("plan_id", primary_key=True),
    _uuid("cohort_id", nullable=False),
    *_kept(),
    sa.Index("round_plan_cohort", "cohort_id"),
)

# People's word that feedback by and about them may be learned from. No row: no word, nothing is kept.
learning_consent = sa.Table(
    "learning_consent",
    metadata,
    _uuid("person_id", primary_key=True),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("granted", sa.Boolean, nullable=False),
    _time("until"),
)

# Released ratings beside what was promised. Who said what about whom: for fits only, and gone with either one's consent.
report = sa.Table(
    "report",
    metadata,
    _uuid("feedback_id", primary_key=True),
    sa.Column("version", sa.Integer, nullable=False),
    _uuid("pair_id", nullable=False),
    _uuid("learner_id", nullable=False),
    _uuid("teacher_id", nullable=False),
    _uuid("learner_organization_id", nullable=False),
    _uuid("teacher_organization_id", nullable=False),
    sa.Column("meaning", sa.Text, nullable=False),
    sa.Column("chance", sa.SmallInteger, nullable=False),
    sa.Column("aptness", sa.SmallInteger, nullable=False),
    sa.Column("usefulness", sa.SmallInteger, nullable=False),
    _time("heard_at", nullable=False),
    sa.Index("report_learner", "learner_id"),
    sa.Index("report_teacher", "teacher_id"),
    sa.Index("report_organization", "learner_organization_id", "heard_at"),
)

# What was learned, of an organization or (without one) among those that share. Numbers about many; no person in it.
calibration = sa.Table(
    "calibration",
    metadata,
    _uuid("calibration_id", primary_key=True),
    _uuid("organization_id"),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("told_as", sa.Text, nullable=False),
    _time("changed_at", nullable=False),
    _uuid("changed_by"),
    _time("fitted_at"),  # the latest attempt
    sa.Column("state", pg.JSONB, nullable=False),
)
