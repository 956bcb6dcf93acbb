"""What is generated from the code and committed, so that changes are seen: GraphQL schema, AsyncAPI, golden examples."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from deploy.cli.target import fail

Check = Annotated[
    bool, typer.Option("--check", help="Write nothing; fail when the committed file is not the present one.")
]


def add_to(app: typer.Typer) -> None:
    """The commands of this group."""
    app.command()(schema)
    app.command()(asyncapi)
    app.command()(contracts)


def schema(check: Check = False) -> None:
    """Write gateway/schema.graphql."""
    from gateway import schema as graphql

    _write(
        Path(graphql.__file__).parent.parent / "schema.graphql", graphql.sdl(), check=check, remedy="viceversa schema"
    )


def asyncapi(check: Check = False) -> None:
    """Write contracts/asyncapi.json: every topic, its messages, who sends and who receives them."""
    from deploy import contracts as generated

    _write(generated.ASYNCAPI, generated.asyncapi(), check=check, remedy="viceversa asyncapi")


def contracts() -> None:
    """Write golden examples for new messages and land the present schema; refuses what is more than an addition."""
    from deploy import contracts as generated

    wrong = generated.land()
    if wrong:
        raise fail("The contracts may only grow:\n" + "\n".join(f"  - {sentence}" for sentence in wrong))
    for file in generated.write_examples():
        typer.echo(f"wrote {file.name}")


def _write(file: Path, text: str, *, check: bool, remedy: str) -> None:
    if check:
        if not file.exists() or file.read_text(encoding="utf-8") != text:
            raise fail(f"{file.name} is not what the code says: run `{remedy}` and commit it.")
        return
    file.write_text(text, encoding="utf-8")
    typer.echo(f"wrote {file}")
