"""Refusals: what a service answers when a request is understood and still not carried out."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar


class RefusalKind(StrEnum):
    """What a client can do about a refusal; each kind is one type of the GraphQL error unions."""

    NOT_FOUND = "not_found"  # absent, or not for this viewer: the two look exactly alike
    NOT_ALLOWED = "not_allowed"  # seen, but this actor may not do it
    INVALID = "invalid"  # the input itself is wrong
    CONFLICT = "conflict"  # the state does not allow it now
    FULL = "full"  # no place left
    TOO_LATE = "too_late"  # a deadline passed


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong: where (``offers[1].level``), what was found, and what to do about it."""

    path: str
    message: str
    value: str = ""
    remedy: str = ""


class Refusal(Exception):
    """Base of all domain errors. The message is a sentence that a person can act on."""

    kind: ClassVar[RefusalKind] = RefusalKind.CONFLICT

    def __init__(self, message: str, *, remedy: str = "", problems: tuple[Problem, ...] = (), code: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy
        self.problems = problems
        # The name of the class, stable, for programs; given only where another process raised it.
        self.code = code or type(self).__name__


class NotFound(Refusal):
    """The thing does not exist, or not for this actor."""

    kind = RefusalKind.NOT_FOUND


class NotAllowed(Refusal):
    """This actor may not do this."""

    kind = RefusalKind.NOT_ALLOWED


class Invalid(Refusal):
    """The input is wrong; ``problems`` say where."""

    kind = RefusalKind.INVALID


class Conflict(Refusal):
    """The present state does not allow this."""

    kind = RefusalKind.CONFLICT


class Full(Refusal):
    """No place is left."""

    kind = RefusalKind.FULL


class TooLate(Refusal):
    """A deadline has passed."""

    kind = RefusalKind.TOO_LATE
