"""Which platform a command is for: one that runs here (its data directory), or the one that the environment names."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypeVar

import httpx
import typer

from chassis.identity import DevelopmentIssuer, internal_token
from chassis.settings import PREFIX
from contracts.base import OWNERS, Actor, Query, Role, decode, encode
from deploy.places import ROOT, STATE

AnswerT = TypeVar("AnswerT")

SERVICES = (*OWNERS, "gateway")
DataDir = Annotated[
    Path,
    typer.Option(
        "--data", envvar="VICEVERSA_DATA", help="Data directory of the embedded platform.", show_default=".data"
    ),
]
DEFAULT_DATA = ROOT / ".data"
_OPERATOR = Actor(roles=(Role.OPERATOR,), subject="viceversa command line")


@dataclass(frozen=True)
class Target:
    """A platform that can be reached: URLs by deployable, its broker, and how to prove that we are its operator."""

    urls: Mapping[str, str]
    kafka: str
    secret: str
    data_dir: Path | None = None

    def administer(self, service: str, action: str, *, timeout: float = 600.0) -> Any:
        """POST /admin/{action} at one service; its JSON answer. Exits with a message when it cannot be reached."""
        headers = {"authorization": f"Bearer {internal_token(_OPERATOR, secret=self.secret, audience=service)}"}
        try:
            answer = httpx.post(f"{self.urls[service]}/admin/{action}", headers=headers, timeout=timeout)
        except httpx.HTTPError as error:
            raise fail(f"{service} at {self.urls[service]} cannot be reached: {error}") from error
        if answer.status_code != httpx.codes.OK:
            raise fail(f"{service} answered {answer.status_code}: {answer.text[:500]}")
        return answer.json()

    def ask(self, service: str, query: Query, *, answer: type[AnswerT], timeout: float = 600.0) -> AnswerT:
        """A private read of one service, as an operator. Exits with a message when it is refused or cannot be reached."""
        headers = {"authorization": f"Bearer {internal_token(_OPERATOR, secret=self.secret, audience=service)}"}
        url = f"{self.urls[service]}/queries/{query.WIRE}"
        try:
            found = httpx.post(url, content=encode(query), headers=headers, timeout=timeout)
        except httpx.HTTPError as error:
            raise fail(f"{service} at {self.urls[service]} cannot be reached: {error}") from error
        if found.status_code != httpx.codes.OK:
            problem = found.json() if "json" in found.headers.get("content-type", "") else {"detail": found.text[:500]}
            raise fail(" ".join(filter(None, (problem.get("detail", ""), problem.get("remedy", "")))))
        return decode(answer, found.content)

    def issuer(self) -> DevelopmentIssuer:
        """The embedded platform's development issuer."""
        if self.data_dir is None:
            raise fail("Tokens of a deployed platform come from each organization's own issuer.")
        return DevelopmentIssuer(self.data_dir / "issuer.pem")


def find(data_dir: Path) -> Target:
    """The platform of a data directory, or of the environment when VICEVERSA_INTERNAL_SECRET is set."""
    secret = os.environ.get(PREFIX + "INTERNAL_SECRET")
    if secret:
        missing = [
            f"{PREFIX}{name.upper()}_URL" for name in SERVICES if f"{PREFIX}{name.upper()}_URL" not in os.environ
        ]
        if missing:
            raise fail("Set " + ", ".join(missing) + " to the base URLs of the services.")
        urls = {name: os.environ[f"{PREFIX}{name.upper()}_URL"].rstrip("/") for name in SERVICES}
        return Target(urls, os.environ.get(PREFIX + "KAFKA", "127.0.0.1:9092"), secret)
    state = data_dir / STATE
    if not state.exists():
        raise fail(
            f"No platform runs on {data_dir}. Start one with `viceversa up`, name its data directory with --data, "
            f"or set {PREFIX}INTERNAL_SECRET and the services' URLs for a deployed one."
        )
    found = json.loads(state.read_text())
    secrets = json.loads((data_dir / "secrets.json").read_text())
    return Target(found["urls"], found["kafka"], secrets["internal"], data_dir)


def known_service(name: str) -> str:
    """The name, if a deployable has it; exits with the names otherwise."""
    if name not in SERVICES:
        raise fail(f"There is no service {name!r}: choose one of {', '.join(SERVICES)}.")
    return name


def fail(message: str) -> typer.Exit:
    """Say what is wrong on standard error; raise what this returns."""
    typer.secho(message, err=True, fg="red")
    return typer.Exit(1)
