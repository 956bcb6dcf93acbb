"""Environment → frozen Settings. A missing or wrong value fails at start, with its name and a hint, and all of them at once."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from chassis.clock import Clock, SharedClock, SystemClock

PREFIX = "VICEVERSA_"


class Mode(StrEnum):
    """Embedded: one machine, data of its own, secrets made up at start. Deployed: everything must be set."""

    EMBEDDED = "embedded"
    DEPLOYED = "deployed"


class SettingsError(SystemExit):
    """At least one setting is missing or wrong; the text names each with a hint."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One environment variable (without the prefix). No default: required. ``embedded_default`` serves the embedded mode only."""

    name: str
    hint: str
    default: str | None = None
    embedded_default: str | None = None


@dataclass(frozen=True, slots=True)
class Settings:
    """All that a process needs to know of its surroundings."""

    service: str
    mode: Mode
    database_url: str
    kafka: str
    internal_secret: str
    clock_file: Path | None
    log_level: str
    trace_ratio: float = 0.05
    kafka_security: Mapping[str, str] = field(default_factory=dict)
    kafka_session_seconds: int = 30
    own: Mapping[str, str] = field(default_factory=dict)

    @property
    def embedded(self) -> bool:
        """Whether this is the embedded platform."""
        return self.mode is Mode.EMBEDDED

    def clock(self) -> Clock:
        """The clock of this platform."""
        return SharedClock(self.clock_file) if self.clock_file else SystemClock()


COMMON = (
    Setting("MODE", "embedded or deployed", default="deployed"),
    Setting("DATABASE_URL", "postgresql://user:password@host:5432/viceversa_<service>, the service's own login"),
    Setting("KAFKA", "host:port of one or more brokers, separated by commas"),
    Setting("INTERNAL_SECRET", "the key of internal tokens: at least 32 characters, the same for all deployables"),
    Setting("CLOCK_FILE", "embedded mode only: the file that holds the clock's offset", default=""),
    Setting("LOG_LEVEL", "debug, info, warning or error", default="info"),
    Setting("TRACE_RATIO", "the part of all traces that is kept, from 0 to 1", default="0.05"),
    Setting("KAFKA_SECURITY_PROTOCOL", "PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL", default="PLAINTEXT"),
    Setting("KAFKA_CA_FILE", "the certificate authority of the brokers, when the system does not know it", default=""),
    Setting("KAFKA_SASL_MECHANISM", "PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512, when SASL is used", default=""),
    Setting("KAFKA_USERNAME", "the service's own principal, when SASL is used", default=""),
    Setting("KAFKA_PASSWORD", "its password", default=""),
    Setting(
        "KAFKA_SESSION_SECONDS",
        "6 to 300: a replica that says nothing for so long has died, and others take its partitions",
        default="30",
    ),
)
LEAST_SECRET = 32
_SHORTEST_SESSION, _LONGEST_SESSION = 6, 300  # what brokers allow unless they are told otherwise
_CHOICES = {
    "MODE": tuple(Mode),
    "LOG_LEVEL": ("debug", "info", "warning", "error"),
    "KAFKA_SECURITY_PROTOCOL": ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"),
    "KAFKA_SASL_MECHANISM": ("", "PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"),
}


def read(service: str, *, declared: Sequence[Setting] = (), environ: Mapping[str, str] | None = None) -> Settings:
    """The settings of one service from the environment, or SettingsError naming everything that is wrong.

    A variable that is set to nothing counts as not set.
    """
    environ = os.environ if environ is None else environ
    embedded = environ.get(PREFIX + "MODE") == Mode.EMBEDDED
    wrong: list[str] = []

    def value(setting: Setting) -> str:
        fallback = setting.embedded_default if embedded and setting.embedded_default is not None else setting.default
        found = environ.get(PREFIX + setting.name) or fallback
        if found is None:
            wrong.append(f"{PREFIX}{setting.name} is not set: {setting.hint}")
        return found or ""

    common = {setting.name: value(setting) for setting in COMMON}
    own = {setting.name: value(setting) for setting in declared}
    common["LOG_LEVEL"] = common["LOG_LEVEL"].lower()
    wrong += _wrong(common, embedded=embedded)
    if wrong:
        raise SettingsError(f"The {service} service cannot start:\n" + "\n".join(f"  - {line}" for line in wrong))
    security = {"security_protocol": common["KAFKA_SECURITY_PROTOCOL"]}
    if common["KAFKA_CA_FILE"]:
        security["ca_file"] = common["KAFKA_CA_FILE"]
    if "SASL" in common["KAFKA_SECURITY_PROTOCOL"]:
        security |= {
            "sasl_mechanism": common["KAFKA_SASL_MECHANISM"],
            "sasl_plain_username": common["KAFKA_USERNAME"],
            "sasl_plain_password": common["KAFKA_PASSWORD"],
        }
    return Settings(
        service=service,
        mode=Mode(common["MODE"]),
        database_url=common["DATABASE_URL"],
        kafka=common["KAFKA"],
        internal_secret=common["INTERNAL_SECRET"],
        clock_file=Path(common["CLOCK_FILE"]) if common["CLOCK_FILE"] else None,
        log_level=common["LOG_LEVEL"],
        trace_ratio=float(common["TRACE_RATIO"]),
        kafka_security=security,
        kafka_session_seconds=int(common["KAFKA_SESSION_SECONDS"]),
        own=own,
    )


def _wrong(common: Mapping[str, str], *, embedded: bool) -> Iterator[str]:
    for name, choices in _CHOICES.items():
        if common[name] not in choices:
            yield f"{PREFIX}{name} is {common[name]!r}: write one of {', '.join(choice for choice in choices if choice)}"
    secret = common["INTERNAL_SECRET"]
    if secret and len(secret) < LEAST_SECRET:
        yield f"{PREFIX}INTERNAL_SECRET is too short: at least {LEAST_SECRET} characters, e.g. from `openssl rand -hex 32`"
    if common["DATABASE_URL"] and not common["DATABASE_URL"].startswith(("postgresql://", "postgres://")):
        yield f"{PREFIX}DATABASE_URL must start with postgresql://"
    if common["CLOCK_FILE"] and not embedded:
        yield f"{PREFIX}CLOCK_FILE is for the embedded mode only: unset it, time is real here"
    if not re.fullmatch(r"0(\.\d+)?|1(\.0+)?", common["TRACE_RATIO"]):
        yield f"{PREFIX}TRACE_RATIO is {common['TRACE_RATIO']!r}: write a number from 0 to 1"
    session = common["KAFKA_SESSION_SECONDS"]
    if not re.fullmatch(r"\d{1,3}", session) or not _SHORTEST_SESSION <= int(session) <= _LONGEST_SESSION:
        yield (
            f"{PREFIX}KAFKA_SESSION_SECONDS is {session!r}: write a number from {_SHORTEST_SESSION} to {_LONGEST_SESSION}"
        )
    if common["KAFKA_CA_FILE"] and not Path(common["KAFKA_CA_FILE"]).is_file():
        yield f"{PREFIX}KAFKA_CA_FILE names no file: {common['KAFKA_CA_FILE']}"
    if "SASL" in common["KAFKA_SECURITY_PROTOCOL"]:
        for name in ("KAFKA_SASL_MECHANISM", "KAFKA_USERNAME", "KAFKA_PASSWORD"):
            if not common[name]:
                yield f"{PREFIX}{name} is not set, and {PREFIX}KAFKA_SECURITY_PROTOCOL asks for it"
