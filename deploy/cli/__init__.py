"""`viceversa`: start a platform, look after it, and generate what is generated."""

from __future__ import annotations

import typer

from deploy.cli import generate, operate, prepare, run, trial, verify

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Reverse mentoring across organizations. `viceversa demo` shows it, `viceversa up` keeps it running.",
)
run.add_to(app)
operate.add_to(app)
generate.add_to(app)
verify.add_to(app)
prepare.add_to(app)
trial.add_to(app)


def main() -> None:
    """The console script."""
    app()
