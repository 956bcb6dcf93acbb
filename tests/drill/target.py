"""A platform that can be broken: the embedded one, in processes of ours. Whoever breaks a part starts it again, as `viceversa up` does."""

from __future__ import annotations

import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Protocol

import psutil

from deploy import mailbox
from deploy.embedded import Child, ChildFailed, Embedded
from deploy.local import Platform, PlatformFailed, platform, revive
from tests.drill.plan import BROKER, DATABASE

_REVIVE_WITHIN = 90.0


class Target(Protocol):
    """What a drill needs of a platform."""

    name: str
    remembers: bool  # whether its broker still knows everything after it was killed
    real_time: bool  # whether its clock cannot be moved

    @property
    def gateway_url(self) -> str:
        """The base URL of the gateway."""

    def issuer_of(self, organization: str) -> str:
        """The token issuer of an organization (its slug)."""

    def token(self, organization: str, subject: str) -> str:
        """An access token."""

    @property
    def admin_dsn(self) -> str:
        """The database, as its superuser."""

    @property
    def app_dsns(self) -> dict[str, str]:
        """The database, as each service."""

    @property
    def kafka(self) -> str:
        """The broker."""

    @property
    def secret(self) -> str:
        """The key of internal tokens."""

    def urls(self) -> dict[str, str]:
        """Base URLs of the deployables."""

    def kill(self, part: str) -> None:
        """SIGKILL."""

    def revive(self, part: str) -> None:
        """Start what was killed; returns when it was started, not when it is ready."""

    def pause(self, part: str) -> None:
        """It stands still."""

    def resume(self, part: str) -> None:
        """It goes on."""

    def arrived(self) -> Counter[str]:
        """How often the mail of each notification arrived."""

    def memory_mb(self) -> dict[str, int]:
        """Resident memory by part."""

    def last_words(self, part: str) -> str:
        """The end of a part's log."""


class EmbeddedTarget:
    """The embedded platform."""

    name = "embedded"
    remembers = False
    real_time = False

    def __init__(self, running: Platform) -> None:
        assert isinstance(running.infrastructure, Embedded)
        self.running = running
        self.infrastructure = running.infrastructure
        self._one_at_a_time = threading.Lock()

    @property
    def gateway_url(self) -> str:
        """The base URL of the gateway."""
        return self.running.gateway_url

    def issuer_of(self, organization: str) -> str:
        """The token issuer of an organization (its slug)."""
        return self.running.issuer_of(organization)

    def token(self, organization: str, subject: str) -> str:
        """An access token."""
        return self.running.token(organization, subject)

    @property
    def admin_dsn(self) -> str:
        """The database, as its superuser."""
        return self.infrastructure.postgres_admin_dsn

    @property
    def app_dsns(self) -> dict[str, str]:
        """The database, as each service."""
        return {name: dsn.app for name, dsn in self.running.dsns.items()}

    @property
    def kafka(self) -> str:
        """The broker."""
        return self.infrastructure.kafka_bootstrap

    @property
    def secret(self) -> str:
        """The key of internal tokens."""
        return self.running.secrets.internal

    def urls(self) -> dict[str, str]:
        """Base URLs of the deployables."""
        return dict(self.running.urls)

    def kill(self, part: str) -> None:
        """SIGKILL."""
        if part == DATABASE:
            self.infrastructure.postgres.kill()
        else:
            self._child(part).kill()

    def revive(self, part: str) -> None:
        """Start what was killed."""
        if part not in (DATABASE, BROKER):
            with (
                self._one_at_a_time
            ):  # as one keeper would: what starts while the broker does would make topics of its own
                if not self._child(part).running():
                    self.running.start(part)
            return
        deadline = time.monotonic() + _REVIVE_WITHIN
        while True:
            with self._one_at_a_time:
                # Somebody else's task is to bring the database back: until then the broker's memory cannot be made good.
                if part == DATABASE or self.infrastructure.postgres.child.running():
                    try:
                        revive(self.running)
                    except (PlatformFailed, ChildFailed):
                        if time.monotonic() > deadline:
                            raise
                    else:
                        return
            time.sleep(0.2)

    def pause(self, part: str) -> None:
        """SIGSTOP; a database's workers too."""
        for process in self._processes(part):
            with suppress(psutil.NoSuchProcess):  # a connection's worker ends with the connection
                process.send_signal(signal.SIGSTOP)

    def resume(self, part: str) -> None:
        """SIGCONT."""
        for process in self._processes(part):
            with suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGCONT)

    def arrived(self) -> Counter[str]:
        """How often the mail of each notification arrived, by the left side of its Message-ID."""
        return Counter(
            str(message["Message-ID"]).strip("<> ").partition("@")[0] for message in mailbox.messages(self.running.mail)
        )

    def memory_mb(self) -> dict[str, int]:
        """Resident memory by part."""
        parts = [*self.running.processes, BROKER, DATABASE]
        return {part: sum(map(_memory, self._processes(part))) for part in parts}

    def last_words(self, part: str) -> str:
        """The end of a part's log."""
        return self._child(part).last_words()

    def _child(self, part: str) -> Child:
        if part == DATABASE:
            return self.infrastructure.postgres.child
        return self.infrastructure.broker.child if part == BROKER else self.running.processes[part]

    def _processes(self, part: str) -> list[psutil.Process]:
        try:
            mother = psutil.Process(self._child(part).pid)
            return [mother, *mother.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []


def _memory(process: psutil.Process) -> int:
    try:
        full = process.memory_full_info()
        return round(getattr(full, "pss", full.rss) / 1_000_000)
    except psutil.Error:
        return 0


@contextmanager
def embedded_target(folder: Path) -> Iterator[EmbeddedTarget]:
    """The embedded platform while the block runs."""
    with platform(folder, durable=False) as running:
        yield EmbeddedTarget(running)
