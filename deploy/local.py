"""The whole platform on this machine: embedded PostgreSQL and broker, a mail server, and each deployable as its own process."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import httpx

from chassis.failures import DATABASE_AWAY
from chassis.identity import DevelopmentIssuer
from contracts.base import OWNERS
from deploy import template
from deploy.embedded import (
    CAN_FORK,
    Child,
    ChildFailed,
    Embedded,
    Infrastructure,
    Nursery,
    embedded,
    free_port,
    nursery,
    start,
)
from deploy.mailbox import mail_server
from deploy.places import ROOT, STATE
from deploy.provision import SERVICES, ServiceDsns, service_dsns

# Small processes: one arena for malloc, one thread for linear algebra.
_SMALL = {"MALLOC_ARENA_MAX": "1", "OPENBLAS_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"}
_APPS = ("gateway.app", *(f"services.{owner}.app" for owner in OWNERS))
_PREPARED_WITHIN = 300.0
_READY_WITHIN = 120.0  # a small machine imports five programs at once


class PlatformFailed(Exception):
    """The platform did not come up; the message says which part, and the end of its log."""


@dataclass(frozen=True)
class Secrets:
    """Made up once per data directory, kept in a file that only its owner can read."""

    internal: str
    database: str
    unsubscribe: str


@dataclass
class Platform:
    """A platform that runs, with everything that a client, an operator or a test needs to reach it."""

    data_dir: Path
    gateway_url: str
    urls: Mapping[str, str]
    infrastructure: Infrastructure
    dsns: Mapping[str, ServiceDsns]
    secrets: Secrets
    mail: Path
    smtp_url: str
    processes: dict[str, Child] = field(default_factory=dict)
    nursery: Nursery | None = None  # where it can be: each deployable is forked off it, and not started as a program

    @property
    def issuer(self) -> DevelopmentIssuer:
        """Signs tokens for everybody on this platform."""
        return DevelopmentIssuer(self.data_dir / "issuer.pem")

    def issuer_of(self, organization: str) -> str:
        """The token issuer of an organization (its slug)."""
        return self.issuer.of(organization)

    def token(self, organization: str, subject: str) -> str:
        """An access token for a subject of an organization (its slug), or of `operator`."""
        return self.issuer.token(organization=organization, subject=subject, life=12 * 3600)

    def start(self, name: str) -> Child:
        """Start (or start again) one deployable."""
        run = ["chassis.serve", name, "--port", self.urls[name].rpartition(":")[2]]
        log, environment = self.data_dir / f"{name}.log", _environment(self, name)
        if self.nursery is not None:
            self.processes[name] = self.nursery.start(name, run=run, log=log, environment=environment)
        else:
            self.processes[name] = start(
                name, program=[sys.executable, "-m", *run], log=log, environment=environment, folder=ROOT
            )
        return self.processes[name]


@contextmanager
def platform(
    data_dir: Path,
    *,
    durable: bool = True,
    thrown_away: bool = False,
    port: int | None = None,
    say: Callable[[str], None] = lambda line: None,
) -> Iterator[Platform]:
    """The whole platform while the block runs; stopped gracefully at its end, or by the kernel when this process dies.

    Data stays in `data_dir`, also for the next start. `thrown_away`: the folder is new and nobody will want its data back, see
    `embedded`; its databases are copies. PlatformFailed when a part does not come up.
    """
    if port is not None and not _is_free(port):
        raise PlatformFailed(f"port {port} of 127.0.0.1 is in use: choose another one with --port")
    data_dir.mkdir(parents=True, exist_ok=True)
    secret = template.take(data_dir) if thrown_away else None
    made = _secrets(data_dir, database=secret)
    with ExitStack() as stack:
        # First, so that it imports while everything else starts.
        forking = stack.enter_context(_nursery(data_dir)) if CAN_FORK else None
        if thrown_away and secret is None:
            with embedded(data_dir, thrown_away=True) as first:
                _prepare(first, made, say, forking=forking)
            template.keep(data_dir, secret=made.database)
        infrastructure = stack.enter_context(embedded(data_dir, durable=durable, thrown_away=thrown_away))
        say("PostgreSQL and the broker are up")
        smtp_url = stack.enter_context(mail_server(data_dir / "mail", port=free_port()))
        _prepare(infrastructure, made, say, forking=forking, migrated=thrown_away)
        ports = {name: free_port() for name in SERVICES}
        if port is not None:
            ports["gateway"] = port
        urls = {name: f"http://127.0.0.1:{number}" for name, number in ports.items()}
        running = Platform(
            data_dir=data_dir,
            gateway_url=urls["gateway"],
            urls=urls,
            infrastructure=infrastructure,
            dsns={
                name: service_dsns(infrastructure.postgres_admin_dsn, service=name, password=made.database)
                for name in SERVICES
            },
            secrets=made,
            mail=data_dir / "mail",
            smtp_url=smtp_url,
            nursery=forking,
        )
        stack.callback(stop, running)
        running.issuer.public_key()  # made before anybody needs it
        for name in SERVICES:
            running.start(name)
        wait_until_ready(running, say=say)
        _write_state(running)
        yield running


def attach(data_dir: Path) -> Platform:
    """The platform that another process keeps running on a data directory; PlatformFailed when there is none."""
    file = data_dir / STATE
    if not file.exists():
        raise PlatformFailed(f"no platform runs on {data_dir}: start one with `viceversa up --data {data_dir}`")
    state = json.loads(file.read_text())
    made = _secrets(data_dir)
    return Platform(
        data_dir=data_dir,
        gateway_url=state["gateway_url"],
        urls=state["urls"],
        infrastructure=Infrastructure(state["postgres"], state["kafka"], data_dir),
        dsns={name: service_dsns(state["postgres"], service=name, password=made.database) for name in SERVICES},
        secrets=made,
        mail=Path(state["mail"]),
        smtp_url=state["smtp_url"],
    )


def revive(running: Platform, *, say: Callable[[str], None] = lambda line: None) -> None:
    """Start the database and the broker again when they have ended, at their old addresses, while the deployables wait for them.

    What the broker forgot is queued again. ChildFailed or PlatformFailed when that did not work; calling again tries again.
    """
    infrastructure = running.infrastructure
    assert isinstance(infrastructure, Embedded), "only who started them can start them again"
    if not infrastructure.postgres.child.running():
        infrastructure.postgres.start_again()
        say("PostgreSQL had ended and is up again")
    if not infrastructure.broker.child.running():
        asyncio.run(_bring_broker_back(running, infrastructure, say))
        say("the broker had ended and is up again")


async def _bring_broker_back(running: Platform, infrastructure: Embedded, say: Callable[[str], None]) -> None:

    from deploy.reconcile import relays_held
    from deploy.topics import create

    try:
        async with relays_held({name: dsn.app for name, dsn in running.dsns.items()}):
            with _standing_still(running):
                infrastructure.broker.start_again()
                create(infrastructure.kafka_bootstrap)
            # Forked off, where that can be: nobody publishes meanwhile, and importing takes many times as long as what is to be done.
            again = partial(_prepare, forking=running.nursery, broker_forgot=True)
            await asyncio.to_thread(again, infrastructure, running.secrets, say)
    except BaseException as error:
        infrastructure.broker.kill()  # half of this is worse than nothing: newer facts would go out before older ones
        if isinstance(error, DATABASE_AWAY):
            raise PlatformFailed(f"the broker is not back, because the database does not answer: {error!r}") from error
        raise


@contextmanager
def _standing_still(running: Platform) -> Iterator[None]:
    """No deployable moves while the block runs. The embedded broker makes a topic for whoever asks, and when two ask at once, or one asks
    while we make it, the topic begins twice: what was published in between is overwritten."""
    deployables = [child for child in running.processes.values() if child.running()]
    for child in deployables:
        child.process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        for child in deployables:
            child.process.send_signal(signal.SIGCONT)


def wait_until_ready(
    running: Platform, *, within: float = _READY_WITHIN, say: Callable[[str], None] = lambda line: None
) -> None:
    """Return when every deployable says that it is ready; PlatformFailed otherwise."""
    waiting = dict.fromkeys(running.processes, "has not answered yet")
    deadline = time.monotonic() + within
    with httpx.Client(timeout=3, verify=plain_http(), trust_env=False) as client:
        while waiting:
            for name in list(waiting):
                try:
                    running.processes[name].require_running("starting")
                    answer = client.get(f"{running.urls[name]}/health/ready")
                    waiting[name] = str(answer.json().get("failing"))
                except ChildFailed as failed:
                    raise PlatformFailed(str(failed)) from failed
                except (httpx.HTTPError, ValueError):
                    continue
                if answer.status_code == httpx.codes.OK:
                    del waiting[name]
                    say(f"{name} is ready")
            if waiting and time.monotonic() > deadline:
                lines = "\n".join(
                    f"  {name}: {why}; its log: {running.data_dir / name}.log" for name, why in waiting.items()
                )
                raise PlatformFailed(f"not ready after {within:.0f} s:\n{lines}")
            time.sleep(0.05)


def plain_http() -> ssl.SSLContext:
    """Trusts no certificate: for clients that only speak to 127.0.0.1, and need not read all of the machine's for that."""
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def stop(running: Platform) -> None:
    """Ask every deployable to finish, the gateway first, and wait for them."""
    for name in reversed(SERVICES):
        child = running.processes.get(name)
        if child is not None and child.running():
            child.process.terminate()
    for name in reversed(SERVICES):
        child = running.processes.get(name)
        if child is not None:
            child.stop(within=20)
    (running.data_dir / STATE).unlink(missing_ok=True)


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def _environment(running: Platform, name: str) -> dict[str, str]:
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("VICEVERSA_")}
    own = {
        "MODE": "embedded",
        "DATABASE_URL": running.dsns[name].app,
        "KAFKA": running.infrastructure.kafka_bootstrap,
        "INTERNAL_SECRET": running.secrets.internal,
        "CLOCK_FILE": str(running.data_dir / "clock"),
        "LOG_LEVEL": os.environ.get("VICEVERSA_LOG_LEVEL", "info"),
        "PUBLIC_URL": running.gateway_url,
    }
    if name == "matching":
        own |= {"KNOWN_VECTORS": str(ROOT / "deploy" / "demo" / "vectors.bin")}
        own |= {key: os.environ[f"VICEVERSA_{key}"] for key in ("MEANING",) if f"VICEVERSA_{key}" in os.environ}
    if name == "notifications":
        own |= {"SMTP_URL": running.smtp_url, "UNSUBSCRIBE_SECRET": running.secrets.unsubscribe}
    if name == "gateway":
        own |= {f"{owner.upper()}_URL": running.urls[owner] for owner in OWNERS}
        own |= {"DEVELOPMENT_KEY": str(running.data_dir / "issuer.pem")}
    return {**inherited, **_SMALL, **{f"VICEVERSA_{key}": value for key, value in own.items()}}


@contextmanager
def _nursery(data_dir: Path) -> Iterator[Nursery]:
    with nursery(log=data_dir / "nursery.log", environment={**os.environ, **_SMALL}, folder=ROOT) as forking:
        forking.load(["chassis.serve", "chassis.service"])
        yield forking


def _prepare(
    infrastructure: Infrastructure,
    made: Secrets,
    say: Callable[[str], None],
    *,
    forking: Nursery | None = None,
    migrated: bool = False,
    broker_forgot: bool = False,
) -> None:
    asked = json.dumps(
        {
            "admin_dsn": infrastructure.postgres_admin_dsn,
            "kafka": infrastructure.kafka_bootstrap,
            "password": made.database,
            "migrated": migrated,
            "broker_forgot": broker_forgot,
        }
    )
    if forking is not None:
        log = infrastructure.data_dir / "prepare.log"
        log.unlink(missing_ok=True)
        child = forking.start("prepare", run=["deploy.prepare"], log=log, environment=os.environ | _SMALL, given=asked)
        forking.load(_APPS)  # meanwhile
        failed, said = child.process.wait(_PREPARED_WITHIN), log.read_text()
        log.unlink()
        complaint = said
    else:
        done = subprocess.run(
            [sys.executable, "-m", "deploy.prepare"],
            input=asked,
            capture_output=True,
            text=True,
            cwd=ROOT,
            check=False,
            timeout=_PREPARED_WITHIN,
        )
        failed, said, complaint = done.returncode, done.stdout, done.stderr
    if failed:
        raise PlatformFailed(f"preparing databases and topics failed:\n{complaint[-3000:]}")
    for line in said.splitlines():
        say(line)


def _secrets(data_dir: Path, *, database: str | None = None) -> Secrets:
    file = data_dir / "secrets.json"
    if not file.exists():
        made = {name: secrets.token_hex(32) for name in ("internal", "database", "unsubscribe")}
        file.touch(mode=0o600)
        file.write_text(json.dumps(made | ({"database": database} if database else {})))
    return Secrets(**json.loads(file.read_text()))


def _write_state(running: Platform) -> None:
    file = running.data_dir / STATE
    unfinished = file.with_suffix(".tmp")
    unfinished.touch(mode=0o600)
    unfinished.write_text(
        json.dumps(
            {
                "gateway_url": running.gateway_url,
                "urls": dict(running.urls),
                "kafka": running.infrastructure.kafka_bootstrap,
                "postgres": running.infrastructure.postgres_admin_dsn,
                "smtp_url": running.smtp_url,
                "mail": str(running.mail),
                "pids": {name: child.pid for name, child in running.processes.items()},
            },
            indent=2,
        )
    )
    unfinished.rename(file)  # whoever waits for it never reads half of it
