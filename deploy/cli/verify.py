"""Checking what the platform claims, with code that had no part in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

from contracts.matching import ReadRunProof, RunMode, RunProof
from deploy.cli.target import DEFAULT_DATA, DataDir, fail, find

if TYPE_CHECKING:
    from services.matching.engine.verifying import Report
    from services.matching.engine.verifying_groups import GroupsReport
    from services.matching.engine.verifying_rounds import RoundsReport


def add_to(app: typer.Typer) -> None:
    """The commands of this group."""
    app.command("verify-run")(verify_run)


def verify_run(
    run: Annotated[str, typer.Argument(help="The run's id, as `matchRun { id }` or `runId` of a plan gives it.")],
    data: DataDir = DEFAULT_DATA,
) -> None:
    """Check a run, of pairs, speed rounds or groups: every rule of its plan, its value, and that no plan can be better than it claims.
    Knows no solver."""
    try:
        run_id = UUID(run)
    except ValueError:
        raise fail(
            f"{run!r} is no run's id: it is a UUID, and `matchRun {{ id }}` gives it, or `runId` of a plan of rounds or groups."
        ) from None
    kept = find(data).ask("matching", ReadRunProof(run_id=run_id), answer=RunProof)
    try:  # numpy and all: only who verifies pays for it
        from services.matching.engine.verifying import verify
        from services.matching.engine.verifying_groups import verify_groups
        from services.matching.engine.verifying_rounds import verify_rounds
    except ImportError as missing:
        raise fail("This installation cannot verify: install viceversa[operate] (make install).") from missing

    digest = kept.run.snapshot_digest
    if kept.run.mode is RunMode.GROUPS:
        of_groups = verify_groups(kept.snapshot, near=kept.near, proof=kept.proof, digest=digest)
        _tell_groups(run_id, of_groups)
        _judge(
            of_groups.faults,
            holds="every group is possible and worth what the run says, and the bound holds over all groups",
        )
    elif kept.run.mode is RunMode.ROUNDS:
        of_rounds = verify_rounds(kept.snapshot, near=kept.near, proof=kept.proof, digest=digest)
        _tell_rounds(run_id, of_rounds)
        _judge(
            of_rounds.faults,
            holds="every meeting is possible and worth what the run says, nobody meets two at once or anybody twice, "
            "and the bound holds over all pairs",
        )
    else:
        of_pairs = verify(kept.snapshot, near=kept.near, proof=kept.proof, digest=digest)
        _tell_pairs(run_id, of_pairs)
        _judge(
            of_pairs.faults,
            holds="every pair is possible and worth what the run says, and the bound holds over all pairs",
        )


def _judge(faults: tuple[str, ...], *, holds: str) -> None:
    if faults:
        raise fail("\n".join(f"✗ {sentence}" for sentence in faults))
    typer.secho(f"✓ {holds}", fg="green")


def _tell_pairs(run_id: UUID, report: Report) -> None:
    typer.echo(f"run {run_id}: {report.people} people, {report.pairs} pairs")
    typer.echo(
        f"  value {report.value:.6f}; nothing that leaves as few alone is worth more than {report.upper_bound:.6f}"
    )
    typer.echo(f"  so it is at most {report.gap:.4%} from the best")
    if report.floor is not None:
        typer.echo(
            f"  every pair is worth {report.floor:.6f} at least; no floor above {report.floor_bound:.6f} can be had"
        )
    if report.share is not None:
        typer.echo(
            f"  every organization gets {report.share:.1%} of its best at least; no plan gives each more than {report.share_bound:.1%}"
        )
    typer.echo(f"  {report.unmatched} without a pair; no plan has fewer than {report.unmatched_bound}")
    _tell_by_word(report.by_word)


def _tell_rounds(run_id: UUID, report: RoundsReport) -> None:
    typer.echo(f"run {run_id}: {report.people} people, {report.meetings} meetings in {report.rounds} rounds")
    typer.echo(
        f"  value {report.value:.6f}; no rounds that leave as few without any meeting are worth more than {report.upper_bound:.6f}"
    )
    typer.echo(f"  so they are at most {report.gap:.4%} from the best")
    typer.echo(f"  {report.unmatched} meet nobody at all; in no plan do fewer than {report.unmatched_bound}")


def _tell_groups(run_id: UUID, report: GroupsReport) -> None:
    typer.echo(f"run {run_id}: {report.people} people, {report.grouped} of them in {report.groups} groups")
    if report.faults:
        return
    if report.unfinished:
        raise fail(
            "There are more possible groups than were looked at: each group holds, but nothing is said about the bound."
        )
    typer.echo(
        f"  value {report.value:.6f}; no groups that leave out as few are worth more than {report.upper_bound:.6f}"
    )
    typer.echo(f"  so they are at most {report.gap:.4%} from the best")
    typer.echo(
        f"  {report.people - report.grouped} in no group; no plan leaves out fewer than {report.unmatched_bound}"
    )
    _tell_by_word(report.by_word)


def _tell_by_word(sentences: tuple[str, ...]) -> None:
    for sentence in sentences:
        typer.echo(f"  {sentence} An integer program said so, which is not run again here.")
