"""What a trial needs and production has elsewhere: a token issuer, and a mail server that keeps what it gets."""

from __future__ import annotations

import signal
import time
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer

from chassis.identity import DevelopmentIssuer
from chassis.settings import PREFIX
from deploy.cli.target import DEFAULT_DATA, DataDir

_LOOK_EVERY = 0.5  # seconds


def add_to(app: typer.Typer) -> None:
    """The commands of this group."""
    app.command()(issuer)
    app.command()(mailbox)


def issuer(
    base: Annotated[
        str, typer.Option(help="What others call this server.", envvar=PREFIX + "ISSUER")
    ] = "https://localhost:8443",
    host: Annotated[str, typer.Option(help="Address to listen at.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen at.")] = 8443,
    data: DataDir = DEFAULT_DATA,
    certificate: Annotated[
        Path | None,
        typer.Option(help="Where to write the certificate that others trust; default: in the data directory."),
    ] = None,
) -> None:
    """Run a token issuer for trials; whoever can read its key in the data directory can be anybody."""
    from deploy.issuer import serve

    data.mkdir(parents=True, exist_ok=True)
    signer = DevelopmentIssuer(data / "issuer.pem", base.rstrip("/") + "/")
    server = serve(signer, host=host, port=port, certificate=certificate or data / "issuer.crt")
    typer.echo(f"issuer {base} listens at {host}:{port}")
    _end_on_sigterm()
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        server.server_close()


def mailbox(
    folder: Annotated[Path, typer.Option(help="The Maildir that takes every message.")] = DEFAULT_DATA / "mail",
    host: Annotated[str, typer.Option(help="Address to listen at.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen at.")] = 2525,
) -> None:
    """Run a mail server that keeps everything and sends nothing on; prints who got which subject."""
    from deploy.mailbox import headers, mail_server

    _end_on_sigterm()
    with mail_server(folder, host=host, port=port) as address:
        typer.echo(f"{address} keeps mail in {folder}")
        shown = {file.name for file in (folder / "new").iterdir()}
        try:
            while True:
                for file in sorted((folder / "new").iterdir()):
                    if file.name not in shown:
                        shown.add(file.name)
                        message = headers(file)
                        typer.echo(f"to {message['To']}: {message['Subject']}")
                time.sleep(_LOOK_EVERY)
        except KeyboardInterrupt:
            return


def _end_on_sigterm() -> None:
    def end(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, end)
