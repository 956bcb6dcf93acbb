"""Learning: consents to it, released ratings beside what was promised, calibrations."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from chassis.database import Transaction
from chassis.holding import hold
from contracts.base import Event
from contracts.matching import Calibration, Cohort, Fit, RuleSet, calibration_id_of
from contracts.profiles import Consent
from services.matching.domain import learning
from services.matching.domain.kept import Kept, fact_of
from services.matching.domain.learning import MOST_DIRECTIONS, NEWS, Report
from services.matching.engine.model import Learned
from services.matching.store import tables
from services.matching.store.rows import one_from
from services.matching.store.save import LostUpdate

if TYPE_CHECKING:
    from services.matching.engine.learning.reports import Reported

_consent, _report, _calibration = tables.learning_consent, tables.report, tables.calibration


async def save_learning_consent(tx: Transaction, consent: Consent, *, version: int) -> bool:
    """Keep the newest version; False when this one is older."""
    statement = insert(_consent).values(
        person_id=consent.person_id, version=version, granted=consent.granted, until=consent.until
    )
    statement = statement.on_conflict_do_update(
        index_elements=[_consent.c.person_id],
        set_={name: statement.excluded[name] for name in ("version", "granted", "until")},
        where=_consent.c.version < statement.excluded.version,
    )
    return (await tx.connection.execute(statement.returning(_consent.c.person_id))).first() is not None


async def agreed_to_learning(tx: Transaction, people: Collection[UUID], *, now: datetime) -> set[UUID]:
    """Those of them whose consent holds, and who were not erased. Until the end of the transaction none of them can take it back."""
    candidate = tables.candidate
    rows = await tx.connection.execute(
        sa.select(_consent.c.person_id)
        .where(
            _consent.c.person_id.in_(people),
            *_holds(_consent, now=now),
            ~sa.exists().where(candidate.c.person_id == _consent.c.person_id, candidate.c.erased),
        )
        .order_by(_consent.c.person_id)
        .with_for_update(read=True, of=_consent)
    )
    return set(rows.scalars())


async def save_report(tx: Transaction, report: Report, *, version: int) -> None:
    """Keep the newest version of a released rating."""
    statement = insert(_report).values(version=version, heard_at=tx.now, **asdict(report))
    await tx.connection.execute(
        statement.on_conflict_do_update(
            index_elements=[_report.c.feedback_id],
            set_={name: statement.excluded[name] for name in ("version", "usefulness", "heard_at")},
            where=_report.c.version < statement.excluded.version,
        )
    )


async def drop_report(tx: Transaction, feedback_id: UUID, *, version: int) -> None:
    """Its rating is not public any more."""
    await tx.connection.execute(
        sa.delete(_report).where(_report.c.feedback_id == feedback_id, _report.c.version < version)
    )


async def forget_reports(tx: Transaction, people: Collection[UUID]) -> None:
    """Nothing that these people reported stays, nor what was reported of them."""
    await tx.connection.execute(
        sa.delete(_report).where(sa.or_(_report.c.learner_id.in_(people), _report.c.teacher_id.in_(people)))
    )


async def forget_lapsed_reports(tx: Transaction, *, now: datetime) -> None:
    """A consent that ran out has the effect of one taken back."""
    lapsed = await tx.connection.execute(
        sa.update(_consent)
        .where(_consent.c.granted, _consent.c.until <= now)
        .values(granted=False)
        .returning(_consent.c.person_id)
    )
    gone = set(lapsed.scalars())
    if gone:
        await forget_reports(tx, gone)


async def reports_of(tx: Transaction, organizations: Collection[UUID], *, now: datetime) -> tuple[str, list[Reported]]:
    """What may be learned from among the pairs of these organizations: the models that read the latest of it, and every direction
    of theirs (the latest ones, where there are very many)."""
    from services.matching.engine.learning.reports import Reported, reported_of  # numpy: only when there is a fit

    meaning = await tx.connection.scalar(
        _from(_report.c.meaning, organizations=organizations, now=now)
        .order_by(_report.c.heard_at.desc(), _report.c.feedback_id)
        .limit(1)
    )
    if meaning is None:
        return "", []
    direction = (_report.c.pair_id, _report.c.learner_id, _report.c.chance, _report.c.aptness)
    rows = await tx.connection.execute(
        _from(
            *direction,
            sa.func.sum(_report.c.usefulness).label("total"),
            sa.func.count().label("count"),
            organizations=organizations,
            now=now,
        )
        .where(_report.c.meaning == meaning)
        .group_by(*direction)
        .order_by(sa.func.max(_report.c.heard_at).desc(), *direction)
        .limit(MOST_DIRECTIONS)
    )
    return meaning, [
        Reported(
            chance=row.chance,
            aptness=row.aptness,
            reported=reported_of(total=int(row.total), count=row.count),
            pair=str(row.pair_id),
            learner=str(row.learner_id),
        )
        for row in rows
    ]


async def news_since(tx: Transaction, organizations: Collection[UUID], *, fit: Fit | None, now: datetime) -> int:
    """Directions that a fit would see and this one did not, or not like that."""
    unseen: list[sa.ColumnElement[bool]] = []
    if fit is not None:
        unseen = [
            sa.or_(
                _report.c.heard_at > fit.fitted_at,
                _report.c.learner_organization_id.not_in(fit.organizations),
                _report.c.teacher_organization_id.not_in(fit.organizations),
            )
        ]
    count = sa.func.count(sa.distinct(sa.tuple_(_report.c.pair_id, _report.c.learner_id)))
    return int(await tx.connection.scalar(_from(count, organizations=organizations, now=now).where(*unseen)) or 0)


async def organizations_with_news(tx: Transaction, *, now: datetime, most: int = 20) -> list[UUID]:
    """Organizations whose own calibration is worth a fit."""
    direction = sa.tuple_(_report.c.pair_id, _report.c.learner_id)
    rows = await tx.connection.execute(
        sa.select(_report.c.learner_organization_id)
        .select_from(
            _report.outerjoin(_calibration, _calibration.c.organization_id == _report.c.learner_organization_id)
        )
        .where(
            _report.c.learner_organization_id == _report.c.teacher_organization_id,
            sa.or_(_calibration.c.fitted_at.is_(None), _report.c.heard_at > _calibration.c.fitted_at),
            *_both_agree(now=now),
        )
        .group_by(_report.c.learner_organization_id)
        .having(sa.func.count(sa.distinct(direction)) >= NEWS)
        .order_by(_report.c.learner_organization_id)
        .limit(most)
    )
    return list(rows.scalars())


async def load_calibration(tx: Transaction, calibration_id: UUID, *, lock: bool = False) -> Kept[Calibration] | None:
    """The calibration; ``lock``: nobody else changes it, or makes it, until the end of the transaction."""
    if lock:
        await hold(tx, what="calibration", ids=[calibration_id])
    row = await tx.connection.execute(sa.select(_calibration).where(_calibration.c.calibration_id == calibration_id))
    return one_from(row.one_or_none(), Calibration)


async def calibrations(tx: Transaction, ids: Collection[UUID]) -> dict[UUID, Calibration]:
    """Those that there are, by id."""
    rows = await tx.connection.execute(sa.select(_calibration.c.state).where(_calibration.c.calibration_id.in_(ids)))
    found = [msgspec.convert(state, Calibration) for state in rows.scalars()]
    return {each.calibration_id: each for each in found}


async def learned_for(tx: Transaction, cohort: Cohort, *, rules: RuleSet) -> Learned | None:
    """What feedback taught, as it is in use now: a run freezes it with its snapshot, and advice heeds it like the next run."""
    if not rules.learned:
        return None
    partners = [partner.organization_id for partner in cohort.partners]
    known = await calibrations(tx, [calibration_id_of(each) for each in (*partners, None)])
    return learning.learned_for(rules, partners=partners, calibrations=known)


async def save_calibrations(tx: Transaction, changes: Iterable[Kept[Calibration]]) -> list[Event]:
    """Write what is not stored yet, and return its facts; the rows are locked."""
    fresh = [kept for kept in changes if not kept.stored]
    for kept in fresh:
        state = kept.state
        row: dict[str, Any] = {
            "calibration_id": state.calibration_id,
            "organization_id": state.organization_id,
            "version": kept.version,
            "told_as": kept.told_as.WIRE,
            "changed_at": kept.changed_at,
            "changed_by": kept.changed_by,
            "fitted_at": state.latest_fit.fitted_at if state.latest_fit else None,
            "state": msgspec.to_builtins(state),
        }
        statement = insert(_calibration).values(row)
        statement = statement.on_conflict_do_update(
            index_elements=[_calibration.c.calibration_id],
            set_={name: statement.excluded[name] for name in row if name != "calibration_id"},
            where=_calibration.c.version < statement.excluded.version,
        )
        if (await tx.connection.execute(statement.returning(_calibration.c.calibration_id))).first() is None:
            raise LostUpdate(f"calibration {state.calibration_id} was changed by somebody else")
    return [fact_of(kept) for kept in fresh]


def _from(*columns: sa.ColumnElement[Any], organizations: Collection[UUID], now: datetime) -> sa.Select[Any]:
    """Of all reports about pairs within these organizations of which both agree to be learned from."""
    return sa.select(*columns).where(
        _report.c.learner_organization_id.in_(organizations),
        _report.c.teacher_organization_id.in_(organizations),
        *_both_agree(now=now),
    )


def _both_agree(*, now: datetime) -> list[sa.ColumnElement[bool]]:
    return [
        sa.exists().where(_consent.c.person_id == person, *_holds(_consent, now=now))
        for person in (_report.c.learner_id, _report.c.teacher_id)
    ]


def _holds(consent: sa.Table, *, now: datetime) -> tuple[sa.ColumnElement[bool], ...]:
    return consent.c.granted, sa.or_(consent.c.until.is_(None), consent.c.until > now)
