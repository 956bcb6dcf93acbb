"""Envelopes, the registry by wire name, and the JSON codec.

On the wire a fact is the JSON of its dataclass; its identity and origin travel as CloudEvents headers (binary content mode).
Decoding ignores unknown fields, so that an older reader takes a newer writer's message.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from functools import cache
from importlib import import_module
from typing import ClassVar, TypeVar
from uuid import UUID

import msgspec

OWNERS = ("profiles", "matching", "feedback", "notifications")


class Role(StrEnum):
    """What an actor may be; one actor can be several."""

    PERSON = "person"
    ADMIN = "admin"  # of their organization
    OPERATOR = "operator"  # of the platform
    SYSTEM = "system"  # a service on its own account: jobs and reactions


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Who asks: established by a token, never by the body of a request."""

    roles: tuple[Role, ...] = ()
    organization_id: UUID | None = None
    person_id: UUID | None = None
    subject: str = ""

    def is_a(self, role: Role) -> bool:
        """Whether the actor has the role."""
        return role in self.roles

    def administers(self, organization_id: UUID) -> bool:
        """Whether the actor is an admin of exactly this organization."""
        return Role.ADMIN in self.roles and self.organization_id == organization_id


NEVER = datetime.min.replace(tzinfo=UTC)  # a time that is still to be set
SYSTEM = Actor(roles=(Role.SYSTEM,), subject="system")


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """A fact: past tense, with the whole public state of its aggregate after the change.

    ``key`` is the aggregate's id and the Kafka key; ``version`` grows by one with each change of that aggregate, under its
    row lock, so that a projection is ``upsert … where version < excluded.version``.
    """

    WIRE: ClassVar[str] = ""
    TOPIC: ClassVar[str] = ""

    key: UUID
    version: int
    occurred_at: datetime
    organization_id: UUID | None = None
    actor_id: UUID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """An imperative. ``command_id`` is made by the caller: the same id again is answered with the same facts.

    ``actor`` and ``issued_at`` are set by the receiving service from the token and its clock; what a sender writes there is ignored.
    """

    WIRE: ClassVar[str] = ""

    command_id: UUID
    actor: Actor = Actor()
    issued_at: datetime = NEVER

    def asked(self) -> object:
        """What was asked for, without what a sender filled in: two commands of one id that ask for the same are the same."""
        return self


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """A private read: the answer is computed by the owner, and its text never goes onto a topic."""

    WIRE: ClassVar[str] = ""

    actor: Actor = Actor()
    asked_at: datetime = NEVER


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """A fact with its identity: what lies in an outbox, travels on a topic and comes back as a command's response."""

    fact_id: UUID
    source: str
    fact: Event
    traceparent: str = ""


EventT = TypeVar("EventT", bound=Event)
MessageT = TypeVar("MessageT")


class UnknownType(LookupError):
    """No class of this build has that wire name: a newer producer, or not our message."""


class Undecodable(ValueError):
    """The bytes are not a message of the type that they claim to be."""


@dataclass(frozen=True)
class Registry:
    """Every class of one kind by its wire name."""

    classes: Mapping[str, type] = field(default_factory=dict)
    decoders: Mapping[str, msgspec.json.Decoder[object]] = field(default_factory=dict)

    def named(self, wire: str) -> type:
        """The class with this wire name, or UnknownType."""
        try:
            return self.classes[wire]
        except KeyError:
            raise UnknownType(f"no message type is named {wire!r}") from None

    def decode(self, wire: str, payload: bytes) -> object:
        """Bytes to the frozen dataclass; UnknownType or Undecodable."""
        decoder = self.decoders.get(wire)
        if decoder is None:
            raise UnknownType(f"no message type is named {wire!r}")
        try:
            return decoder.decode(payload)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise Undecodable(f"{wire}: {error}") from error


def registry_of(classes: Iterable[type]) -> Registry:
    """Index classes by their WIRE; two of one name are a programming error."""
    by_name: dict[str, type] = {}
    for each in classes:
        wire = getattr(each, "WIRE", "")
        if not wire or wire in by_name:
            raise ValueError(f"{each.__name__}: its wire name {wire!r} is empty or taken")
        by_name[wire] = each
    return Registry(by_name, {wire: msgspec.json.Decoder(each) for wire, each in by_name.items()})


@cache
def facts() -> Registry:
    """All facts of all owners."""
    return registry_of(fact for owner in OWNERS for fact in import_module(f"contracts.{owner}").FACTS)


@cache
def commands() -> Registry:
    """All commands of all owners."""
    return registry_of(command for owner in OWNERS for command in import_module(f"contracts.{owner}").COMMANDS)


@cache
def queries() -> Registry:
    """All private reads of all owners."""
    return registry_of(query for owner in OWNERS for query in import_module(f"contracts.{owner}").QUERIES)


def topics() -> tuple[str, ...]:
    """Every topic that carries facts, sorted."""
    return tuple(sorted({fact.TOPIC for fact in facts().classes.values() if issubclass(fact, Event)}))


_encoder = msgspec.json.Encoder()


def encode(message: object) -> bytes:
    """Any contract dataclass to JSON bytes."""
    return _encoder.encode(message)


def decode(kind: type[MessageT], payload: bytes) -> MessageT:
    """JSON bytes to a given contract dataclass; Undecodable when they do not fit."""
    try:
        return msgspec.json.decode(payload, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Undecodable(f"{kind.__name__}: {error}") from error
