"""Checking what the platform claims, with code that had no part in it."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

import typer

from contracts.matching import ReadRunProof, RunProof
from deploy.cli.target import DEFAULT_DATA, DataDir, fail, find


def add_to(app: typer.Typer) -> None:
    """The commands of this group."""
    app.command("verify-run")(verify_run)


def verify_run(
    run: Annotated[str, typer.Argument(help="The run's id, as `matchRun { id }` gives it.")],
    data: DataDir = DEFAULT_DATA,
) -> None:
    """Check a match run: every rule of its plan, its value, and that no plan can be better than it claims. Knows no solver."""
    try:
        run_id = UUID(run)
    except ValueError:
        raise fail(f"{run!r} is no run's id: it is a UUID, and `matchRun {{ id }}` gives it.") from None
    kept = find(data).ask("matching", ReadRunProof(run_id=run_id), answer=RunProof)
    try:
        from services.matching.engine.verifying import verify  # numpy and all: only who verifies pays for it
    except ImportError as missing:
        raise fail("This installation cannot verify: install viceversa[operate] (make install).") from missing

    report = verify(kept.snapshot, near=kept.near, proof=kept.proof, digest=kept.run.snapshot_digest)
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
    if report.faults:
        raise fail("\n".join(f"✗ {sentence}" for sentence in report.faults))
    typer.secho("✓ every pair is possible and worth what the run says, and the bound holds over all pairs", fg="green")
