"""Starting a platform here: the demo, and one that stays up."""

from __future__ import annotations

import signal
import time
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from chassis.settings import PREFIX
from deploy.cli.target import DEFAULT_DATA, DataDir, fail
from deploy.demonstrate.client import StepFailed

if TYPE_CHECKING:
    from deploy.local import Platform  # imported where it is used: it brings a database and a broker along

console = Console(highlight=False)
_RESTARTS, _TRYING_SECONDS = 5, 60.0


def add_to(app: typer.Typer) -> None:
    """The commands of this group."""
    app.command()(demo)
    app.command()(up)


def demo(
    stay: Annotated[bool, typer.Option("--stay", help="Keep the platform running afterwards, to look around.")] = False,
    against: Annotated[
        str, typer.Option(help="Load the cohort into the running platform whose gateway has this URL, in real time.")
    ] = "",
    issuer: Annotated[
        str, typer.Option(help="With --against: the base URL of the platform's trial issuer.", envvar=PREFIX + "ISSUER")
    ] = "",
    data: DataDir = DEFAULT_DATA,
) -> None:
    """Watch four organizations go from spreadsheets to two-way learning, in under two minutes; cleans up after itself."""
    if against:
        return _load(against, issuer=issuer, data=data)
    try:
        from deploy.demonstrate.journey import play
        from deploy.embedded import ChildFailed, temporary_folder
        from deploy.local import PlatformFailed, platform
    except ImportError as missing:
        raise _no_embedded_platform() from missing

    _end_on_signals()
    started = time.monotonic()
    try:
        with temporary_folder() as folder, platform(folder, thrown_away=True, say=_step) as running:
            result = play(running, console=console, started=started)
            if stay:
                _stay(running)
    except (PlatformFailed, ChildFailed, StepFailed) as failed:
        raise fail(f"\nThe demo failed: {failed}") from failed
    typer.echo(f"RESULT {result}")
    return None


def _load(url: str, *, issuer: str, data: Path) -> None:
    from chassis.identity import DevelopmentIssuer
    from deploy.demonstrate.load import Trial, load

    if not issuer:
        raise fail(
            f"Name the issuer that the platform believes: --issuer https://issuer:8443, or {PREFIX}ISSUER. Its key is looked "
            f"for in the data directory; `viceversa issuer` runs one."
        )
    key = data / "issuer.pem"
    if not key.exists():
        raise fail(
            f"There is no issuer's key at {key}: run `viceversa issuer` on the same data directory, or name it with --data."
        )
    try:
        result = load(Trial(url.rstrip("/"), DevelopmentIssuer(key, issuer.rstrip("/") + "/")), console=console)
    except StepFailed as failed:
        raise fail(f"\nThe demo failed: {failed}") from failed
    typer.echo(f"RESULT {result}")


def up(
    data: DataDir = DEFAULT_DATA,
    port: Annotated[int, typer.Option(help="Port of the GraphQL gateway.")] = 8000,
) -> None:
    """Start the whole platform and stay up; its data is kept for the next start."""
    try:
        from deploy.embedded import ChildFailed
        from deploy.local import PlatformFailed, platform
    except ImportError as missing:
        raise _no_embedded_platform() from missing

    _end_on_signals()
    try:
        with platform(data.absolute(), port=port, say=_step) as running:
            _stay(running)
    except (PlatformFailed, ChildFailed) as failed:
        raise fail(f"The platform did not start: {failed}") from failed


def _no_embedded_platform() -> typer.Exit:
    return fail(
        "This installation has no database and no broker of its own: install viceversa[embedded] (make install), or load a "
        "running platform with --against."
    )


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
    from deploy.local import PlatformFailed

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
