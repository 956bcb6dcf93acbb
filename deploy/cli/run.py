"""Starting a platform here: the demo, and one that stays up."""

from __future__ import annotations

import signal
import time
from types import FrameType
from typing import Annotated

import typer
from rich.console import Console

from deploy.cli.target import DEFAULT_DATA, DataDir, fail
from deploy.demonstrate.client import StepFailed
from deploy.embedded import ChildFailed, temporary_folder
from deploy.local import Platform, PlatformFailed, platform

console = Console(highlight=False)
_RESTARTS, _TRYING_SECONDS = 5, 60.0


def add_to(app: typer.Typer) -> None:
    """The commands of this group."""
    app.command()(demo)
    app.command()(up)


def demo(
    stay: Annotated[bool, typer.Option("--stay", help="Keep the platform running afterwards, to look around.")] = False,
) -> None:
    """Watch four organizations go from spreadsheets to two-way learning, in under two minutes; cleans up after itself."""
    from deploy.demonstrate.journey import play

    _end_on_signals()
    started = time.monotonic()
    try:
        with temporary_folder() as folder, platform(folder, durable=False, say=_step) as running:
            result = play(running, console=console, started=started)
            if stay:
                _stay(running)
    except (PlatformFailed, ChildFailed, StepFailed) as failed:
        raise fail(f"\nThe demo failed: {failed}") from failed
    typer.echo(f"RESULT {result}")


def up(
    data: DataDir = DEFAULT_DATA,
    port: Annotated[int, typer.Option(help="Port of the GraphQL gateway.")] = 8000,
) -> None:
    """Start the whole platform and stay up; its data is kept for the next start."""
    _end_on_signals()
    try:
        with platform(data.absolute(), port=port, say=_step) as running:
            _stay(running)
    except (PlatformFailed, ChildFailed) as failed:
        raise fail(f"The platform did not start: {failed}") from failed


def _step(line: str) -> None:
    console.print(f"  [dim]{line}[/dim]")


def _stay(running: Platform) -> None:
    console.print(f"\n[bold]Viceversa is up.[/bold] GraphiQL: {running.gateway_url}/graphql")
    console.print(f"  data and logs: {running.data_dir}")
    console.print(f"  a token:       viceversa token operator root --data '{running.data_dir}'")
    console.print("  Ctrl-C stops it.")
    restarted: dict[str, list[float]] = {name: [] for name in running.processes}
    try:
        while True:
            time.sleep(0.5)
            for child in running.infrastructure.children:
                child.require_running("the platform was up")
            for name, child in list(running.processes.items()):
                if not child.running():
                    _start_again(running, name, restarted[name])
    except KeyboardInterrupt:
        console.print("\nstopping …")


def _start_again(running: Platform, name: str, before: list[float]) -> None:
    child = running.processes[name]
    recently = [moment for moment in before if time.monotonic() - moment < _TRYING_SECONDS]
    if len(recently) >= _RESTARTS:
        raise PlatformFailed(
            f"{name} ended {_RESTARTS + 1} times in a minute; the end of its log:\n{child.last_words()}"
        )
    before[:] = [*recently, time.monotonic()]
    console.print(f"[yellow]{name} ended with status {child.process.returncode}; starting it again[/yellow]")
    running.start(name)


def _end_on_signals() -> None:
    def end(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, end)
