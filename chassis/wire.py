"""The JSON of answers over HTTP: recorded facts, and refusals as problem responses (RFC 9457)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import msgspec

from contracts import errors
from contracts.base import Event, Recorded, encode, facts
from contracts.errors import Problem, Refusal, RefusalKind

STATUS = {
    RefusalKind.NOT_FOUND: 404,
    RefusalKind.NOT_ALLOWED: 403,
    RefusalKind.INVALID: 422,
    RefusalKind.CONFLICT: 409,
    RefusalKind.FULL: 409,
    RefusalKind.TOO_LATE: 410,
}
_KINDS: dict[RefusalKind, type[Refusal]] = {
    RefusalKind.NOT_FOUND: errors.NotFound,
    RefusalKind.NOT_ALLOWED: errors.NotAllowed,
    RefusalKind.INVALID: errors.Invalid,
    RefusalKind.CONFLICT: errors.Conflict,
    RefusalKind.FULL: errors.Full,
    RefusalKind.TOO_LATE: errors.TooLate,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """One recorded fact in an answer; ``data`` is the fact's own JSON."""

    id: UUID
    source: str
    type: str
    time: datetime
    data: msgspec.Raw
    traceparent: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Problems:
    """An RFC 9457 problem; ``code`` is the refusal's class, ``kind`` what a client can do about it."""

    title: str
    status: int
    detail: str
    kind: RefusalKind | None = None
    code: str = ""
    remedy: str = ""
    problems: tuple[Problem, ...] = ()


def encode_recorded(recorded: Sequence[Recorded]) -> bytes:
    """The body of a command's answer."""
    return msgspec.json.encode(
        [
            Envelope(
                id=each.fact_id,
                source=each.source,
                type=each.fact.WIRE,
                time=each.fact.occurred_at,
                data=msgspec.Raw(encode(each.fact)),
                traceparent=each.traceparent,
            )
            for each in recorded
        ]
    )


def decode_recorded(content: bytes) -> tuple[Recorded, ...]:
    """The facts of a command's answer."""
    recorded = []
    for envelope in msgspec.json.decode(content, type=tuple[Envelope, ...]):
        fact = facts().decode(envelope.type, bytes(envelope.data))
        assert isinstance(fact, Event)
        recorded.append(
            Recorded(fact_id=envelope.id, source=envelope.source, fact=fact, traceparent=envelope.traceparent)
        )
    return tuple(recorded)


def problem_of(refusal: Refusal) -> Problems:
    """A refusal as a problem response."""
    return Problems(
        title=refusal.kind.value.replace("_", " "),
        status=STATUS[refusal.kind],
        detail=refusal.message,
        kind=refusal.kind,
        code=refusal.code,
        remedy=refusal.remedy,
        problems=refusal.problems,
    )


def refusal_from(problem: Problems) -> Refusal:
    """A problem response as the refusal that it tells of."""
    return _KINDS[problem.kind or RefusalKind.CONFLICT](
        problem.detail, remedy=problem.remedy, problems=problem.problems, code=problem.code
    )
