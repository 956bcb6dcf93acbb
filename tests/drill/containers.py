"""A platform in containers that can be broken: Apache Kafka, PostgreSQL and our images, in a compose project of its own."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from chassis.identity import DevelopmentIssuer
from deploy import mailbox
from deploy.embedded import free_port
from tests.containers.platform import ComposedPlatform, composed, docker
from tests.drill.plan import BROKER, DATABASE, DEPLOYABLES

_FILES = ("--file=deploy/compose.yaml", "--file=tests/drill/compose.drill.yaml")
_ISSUER = "https://issuer:8443/"
_SERVICE = {BROKER: "kafka", DATABASE: "postgres"}  # what compose calls them
_MIB = re.compile(r"([\d.]+)([KMG])iB")
_IN_MB = {"K": 0.001024, "M": 1.048576, "G": 1073.741824}


class ContainerTarget:
    """The platform of the compose file, with its ports open to this machine."""

    name = "containers"
    remembers = True
    real_time = True

    def __init__(self, running: ComposedPlatform, *, folder: Path, ports: dict[str, int]) -> None:
        self._settings = running.settings()
        self._ports = ports
        self._mail = folder / "mail" / "mail"
        key = folder / "issuer.pem"
        key.write_text(running.compose("exec", "-T", "issuer", "cat", "/var/lib/viceversa/issuer.pem"))
        key.chmod(0o600)
        self._issuer = DevelopmentIssuer(key, _ISSUER)
        self._containers = {
            part: running.containers(_SERVICE.get(part, part))[0] for part in (*DEPLOYABLES, BROKER, DATABASE)
        }

    @property
    def gateway_url(self) -> str:
        """The base URL of the gateway."""
        return self.urls()["gateway"]

    def issuer_of(self, organization: str) -> str:
        """The token issuer of an organization (its slug)."""
        return self._issuer.of(organization)

    def token(self, organization: str, subject: str) -> str:
        """An access token."""
        return self._issuer.token(organization=organization, subject=subject, life=12 * 3600)

    @property
    def admin_dsn(self) -> str:
        """The database, as its superuser."""
        return self._dsn("postgres", self._settings["POSTGRES_PASSWORD"], "postgres")

    @property
    def app_dsns(self) -> dict[str, str]:
        """The database, as each service."""
        return {
            name: self._dsn(
                f"{name}_app", self._settings[f"VICEVERSA_{name.upper()}_DATABASE_PASSWORD"], f"viceversa_{name}"
            )
            for name in DEPLOYABLES
        }

    def _dsn(self, user: str, password: str, database: str) -> str:
        return f"postgresql://{user}:{quote(password, safe='')}@127.0.0.1:{self._ports[DATABASE]}/{database}"

    @property
    def kafka(self) -> str:
        """The broker."""
        return f"127.0.0.1:{self._ports[BROKER]}"

    @property
    def secret(self) -> str:
        """The key of internal tokens."""
        return self._settings["VICEVERSA_INTERNAL_SECRET"]

    def urls(self) -> dict[str, str]:
        """Base URLs of the deployables."""
        return {name: f"http://127.0.0.1:{self._ports[name]}" for name in DEPLOYABLES}

    def kill(self, part: str) -> None:
        """SIGKILL of everything in the container; the engine does not start again what was killed by hand."""
        docker("kill", "--signal", "KILL", self._containers[part])
        docker("wait", self._containers[part])

    def revive(self, part: str) -> None:
        """Start what was killed."""
        docker("start", self._containers[part])

    def pause(self, part: str) -> None:
        """Every process of the container stands still."""
        docker("pause", self._containers[part])

    def resume(self, part: str) -> None:
        """They go on."""
        docker("unpause", self._containers[part])

    def arrived(self) -> Counter[str]:
        """How often the mail of each notification arrived, by the left side of its Message-ID."""
        return Counter(
            str(message["Message-ID"]).strip("<> ").partition("@")[0] for message in mailbox.messages(self._mail)
        )

    def memory_mb(self) -> dict[str, int]:
        """Memory of each container."""
        parts = list(self._containers)
        shown = docker("stats", "--no-stream", "--format", "{{.MemUsage}}", *self._containers.values()).splitlines()
        return {part: _megabytes(line) for part, line in zip(parts, shown, strict=True)}

    def last_words(self, part: str) -> str:
        """The end of a part's log."""
        return docker("logs", "--tail", "20", self._containers[part])


def _megabytes(usage: str) -> int:
    found = _MIB.match(usage)
    return round(float(found[1]) * _IN_MB[found[2]]) if found else 0


@contextmanager
def container_target(folder: Path) -> Iterator[ContainerTarget]:
    """The platform in containers while the block runs; nothing of it stays but what is in ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    mail = folder / "mail"
    mail.mkdir(exist_ok=True)
    mail.chmod(0o777)  # its container's user is a number that this machine does not know
    ports = {part: free_port() for part in (*DEPLOYABLES, BROKER, DATABASE)}
    settings = {
        **{f"DRILL_{part.upper()}_PORT": str(port) for part, port in ports.items()},
        "DRILL_MAIL": str(mail),
        "VICEVERSA_PORT": str(ports["gateway"]),
        "VICEVERSA_MEANING": "light",
        "OTEL_EXPORTER_OTLP_ENDPOINT": "",
    }
    with composed(folder, files=_FILES, settings=settings) as running:
        yield ContainerTarget(running, folder=folder, ports=ports)
