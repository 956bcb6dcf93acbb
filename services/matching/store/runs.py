"""Match runs: the queue with its leases, and the frozen snapshots."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from uuid import UUID

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from chassis.database import Transaction
from contracts.base import Event
from contracts.matching import CohortStatus, MatchRun, RunMode, RunStatus, UnmatchedReason
from services.matching.domain.kept import Kept, fact_of
from services.matching.domain.runs import UNFINISHED, RunExists
from services.matching.store import tables
from services.matching.store.cohorts import partner_organizations_of
from services.matching.store.rows import all_from, kept_from, locked, one_from

_run, _snapshot = tables.match_run, tables.run_snapshot
# Leases measure whether a process lives, so they follow real time and not the platform's clock, which can be moved.
_real_now = sa.func.clock_timestamp()
_simulated = sa.func.coalesce(_run.c.state["simulated"].as_boolean(), sa.false())

_whole = sa.func.coalesce(_run.c.state["mode"].astext, RunMode.WHOLE.value) == RunMode.WHOLE.value


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
    """A run that this worker computes; ``claim`` proves it when recording."""

    run: Kept[MatchRun]
    claim: UUID
    seed: int
    attempts: int
    came_from: CohortStatus


async def add_run(tx: Transaction, kept: Kept[MatchRun], *, seed: int, came_from: CohortStatus) -> list[Event]:
    """Queue a new run."""
    partners = await partner_organizations_of(tx, [kept.state.cohort_id])
    statement = insert(_run).values(
        run_id=kept.state.run_id,
        cohort_id=kept.state.cohort_id,
        partner_ids=list(partners[kept.state.cohort_id]),
        version=kept.version,
        told_as=kept.told_as.WIRE,
        changed_at=kept.changed_at,
        changed_by=kept.changed_by,
        status=kept.state.status.value,
        state=msgspec.to_builtins(kept.state),
        requested_at=kept.changed_at,
        seed=seed,
        came_from=came_from.value,
    )
    if (await tx.connection.execute(statement.on_conflict_do_nothing().returning(_run.c.run_id))).first() is None:
        raise RunExists("A run with this id exists.", remedy="Make a new id for a new run.")
    return [fact_of(kept)]


async def load_run(tx: Transaction, run_id: UUID, *, lock: bool = False) -> tuple[Kept[MatchRun], CohortStatus] | None:
    """The run, and the cohort's status before it; if this actor's organization takes part."""
    row = (await tx.connection.execute(locked(sa.select(_run).where(_run.c.run_id == run_id), lock))).one_or_none()
    return None if row is None else (kept_from(row, MatchRun), CohortStatus(row.came_from))


async def unfinished_runs(tx: Transaction, cohort_id: UUID) -> list[Kept[MatchRun]]:
    """Queued and running runs of a cohort, locked."""
    statement = (
        sa.select(_run)
        .where(_run.c.cohort_id == cohort_id, _run.c.status.in_([status.value for status in UNFINISHED]))
        .order_by(_run.c.run_id)
    )
    return all_from(await tx.connection.execute(locked(statement, True)), MatchRun)


async def published_runs(tx: Transaction, cohort_id: UUID) -> int:
    """How many runs of this cohort had their proposals published: its waves so far."""
    published = sa.select(sa.func.count()).where(
        _run.c.cohort_id == cohort_id, _run.c.state["published"].as_boolean().is_(sa.true())
    )
    return int(await tx.connection.scalar(published) or 0)


async def latest_published(tx: Transaction, cohort_id: UUID) -> UUID | None:
    """The run of this cohort whose proposals were published last."""
    statement = (
        sa.select(_run.c.run_id)
        .where(_run.c.cohort_id == cohort_id, _run.c.state["published"].as_boolean().is_(sa.true()), ~_simulated)
        .order_by(_run.c.changed_at.desc(), _run.c.run_id)
        .limit(1)
    )
    found: UUID | None = await tx.connection.scalar(statement)
    return found


async def latest_report(tx: Transaction, cohort_id: UUID) -> dict[UUID, UnmatchedReason]:
    """Why people were left out by the cohort's plan: the run that completed, or was adopted, last."""
    statement = (
        sa.select(_run)
        .where(
            _run.c.cohort_id == cohort_id,
            _run.c.status == RunStatus.COMPLETED.value,
            ~_simulated,
            _whole,
        )
        .order_by(_run.c.changed_at.desc(), _run.c.run_id)
        .limit(1)
    )
    latest = one_from((await tx.connection.execute(statement)).one_or_none(), MatchRun)
    return {} if latest is None else {left.person_id: left.reason for left in latest.state.unmatched}


async def claim_run(tx: Transaction, *, claim: UUID, lease_seconds: float) -> Claimed | None:
    """Take the run that waits longest: a queued one, or one whose worker died; simulations when nothing else waits. None when
    there is none."""
    statement = (
        sa.select(_run)
        .where(
            _run.c.status.in_([status.value for status in UNFINISHED]),
            sa.or_(_run.c.lease_until.is_(None), _run.c.lease_until < _real_now),
        )
        .order_by(_simulated, _run.c.requested_at, _run.c.run_id)
        .limit(1)
    )
    row = (await tx.connection.execute(locked(statement, True, skip=True))).one_or_none()
    if row is None:
        return None
    await tx.connection.execute(
        sa.update(_run)
        .where(_run.c.run_id == row.run_id)
        .values(claim=claim, lease_until=_lease(lease_seconds), attempts=row.attempts + 1)
    )
    return Claimed(
        run=kept_from(row, MatchRun),
        claim=claim,
        seed=row.seed,
        attempts=row.attempts + 1,
        came_from=CohortStatus(row.came_from),
    )


async def extend_claim(tx: Transaction, claimed: Claimed, *, lease_seconds: float) -> bool:
    """Prove to be alive; False when the run was cancelled or taken over."""
    result = await tx.connection.execute(
        sa.update(_run)
        .where(
            _run.c.run_id == claimed.run.state.run_id,
            _run.c.claim == claimed.claim,
            _run.c.status.in_([status.value for status in UNFINISHED]),
        )
        .values(lease_until=_lease(lease_seconds))
    )
    return bool(result.rowcount)


async def is_stopping(tx: Transaction, run_id: UUID) -> bool:
    """Whether an organizer wants the best plan so far."""
    stopping = sa.func.coalesce(_run.c.state["stopping"].as_boolean(), sa.false())
    return bool(await tx.connection.scalar(sa.select(stopping).where(_run.c.run_id == run_id)))


async def give_back(tx: Transaction, claimed: Claimed) -> None:
    """Let another worker start at once."""
    await tx.connection.execute(
        sa.update(_run)
        .where(_run.c.run_id == claimed.run.state.run_id, _run.c.claim == claimed.claim)
        .values(claim=None, lease_until=None, attempts=claimed.attempts - 1)
    )


async def lock_claimed(tx: Transaction, claimed: Claimed) -> Kept[MatchRun] | None:
    """The run as it stands, locked; None when this worker's claim is void (cancelled, or taken over)."""
    statement = sa.select(_run).where(
        _run.c.run_id == claimed.run.state.run_id,
        _run.c.claim == claimed.claim,
        _run.c.status.in_([status.value for status in UNFINISHED]),
    )
    return one_from((await tx.connection.execute(locked(statement, True))).one_or_none(), MatchRun)


@dataclass(frozen=True, slots=True, kw_only=True)
class Frozen:
    """What a run saw: its snapshot, the near texts once they are known, proof and plan (msgpack) once it is computed."""

    content: bytes
    near: bytes | None = None
    proof: bytes | None = None
    plan: bytes | None = None


async def load_snapshot(tx: Transaction, run_id: UUID) -> Frozen | None:
    """What the run froze, if an earlier attempt did and nobody in it was erased since."""
    row = (await tx.connection.execute(sa.select(_snapshot).where(_snapshot.c.run_id == run_id))).one_or_none()
    return None if row is None else Frozen(content=row.content, near=row.near, proof=row.proof, plan=row.plan)


async def is_frozen(tx: Transaction, run_id: UUID) -> bool:
    """Whether there is something to load."""
    return bool(await tx.connection.scalar(sa.select(sa.exists().where(_snapshot.c.run_id == run_id))))


async def latest_proven(tx: Transaction, cohort_id: UUID, *, published: bool) -> UUID | None:
    """The cohort's last run that is no simulation and whose proof is kept; ``published``: whose proposals people have seen."""
    statement = (
        sa.select(_run.c.run_id)
        .join(_snapshot, _snapshot.c.run_id == _run.c.run_id)
        .where(
            _run.c.cohort_id == cohort_id,
            _run.c.status == RunStatus.COMPLETED.value,
            ~_simulated,
            _whole,
            _snapshot.c.near.is_not(None),
            _snapshot.c.proof.is_not(None),
        )
        .order_by(_run.c.changed_at.desc(), _run.c.run_id)
        .limit(1)
    )
    if published:
        statement = statement.where(_run.c.state["published"].as_boolean().is_(sa.true()))
    found: UUID | None = await tx.connection.scalar(statement)
    return found


async def load_plan(tx: Transaction, run_id: UUID) -> bytes | None:
    """The run's plan as msgpack, if it is kept and nobody in it was erased since."""
    plan: bytes | None = await tx.connection.scalar(sa.select(_snapshot.c.plan).where(_snapshot.c.run_id == run_id))
    return plan


async def plan_is_kept(tx: Transaction, run_id: UUID) -> bool:
    """Whether there is something to load."""
    kept = sa.select(sa.exists().where(_snapshot.c.run_id == run_id, _snapshot.c.plan.is_not(None)))
    return bool(await tx.connection.scalar(kept))


async def seed_of(tx: Transaction, run_id: UUID) -> int:
    """The seed of a run that exists."""
    return int(await tx.connection.scalar(sa.select(_run.c.seed).where(_run.c.run_id == run_id)) or 0)


async def save_snapshot(tx: Transaction, run_id: UUID, *, people: Collection[UUID], content: bytes) -> None:
    """Freeze it."""
    statement = insert(_snapshot).values(run_id=run_id, people=sorted(people), content=content)
    await tx.connection.execute(statement.on_conflict_do_nothing())


async def save_near(tx: Transaction, run_id: UUID, near: bytes) -> None:
    """Freeze which texts are near: another attempt will read the same."""
    await tx.connection.execute(sa.update(_snapshot).where(_snapshot.c.run_id == run_id).values(near=near))


async def save_plan(tx: Transaction, run_id: UUID, plan: bytes) -> None:
    """Keep it for comparing and adopting."""
    await tx.connection.execute(sa.update(_snapshot).where(_snapshot.c.run_id == run_id).values(plan=plan))


async def save_proof(tx: Transaction, run_id: UUID, proof: bytes) -> None:
    """Keep it for whoever wants to check the run."""
    await tx.connection.execute(sa.update(_snapshot).where(_snapshot.c.run_id == run_id).values(proof=proof))


def _lease(seconds: float) -> sa.ColumnElement[object]:
    return _real_now + sa.func.make_interval(0, 0, 0, 0, 0, 0, seconds)
