"""From a mutation's input to a command, to its owner, and back to the object as this viewer sees it now."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any, Generic, TypeVar
from uuid import UUID, uuid4, uuid5

import msgspec
import strawberry

from contracts import errors
from contracts.base import Command, Event
from contracts.errors import Problem
from gateway.platform import OwnerAway
from gateway.schema.context import Info
from gateway.schema.refusals import NotFound, Refused, ServiceUnavailable, refused

CommandT = TypeVar("CommandT", bound=Command)
AnswerT = TypeVar("AnswerT")
StateT = TypeVar("StateT")
_PLACE = re.compile(r"^(?P<message>.*?)(?: - at `\$(?P<path>.*)`)?$", re.DOTALL)


@strawberry.input(description="What every mutation takes.")
class CommandInput:
    command_id: strawberry.ID | None = strawberry.field(
        default=None,
        description="A UUID made by the client. The same one again is answered with the same result and done only once.",
    )


class InputIsWrong(errors.Invalid):
    """The input cannot become a command; the problems say where."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Done(Generic[CommandT]):
    """A command that was carried out, and the facts that it made."""

    info: Info
    command: CommandT
    facts: Sequence[Event]

    def key_of(self, *kinds: type[Event]) -> UUID | None:
        """The aggregate of the last fact of these kinds."""
        return next((fact.key for fact in reversed(self.facts) if isinstance(fact, kinds)), None)


Then = Callable[[Done[CommandT]], Awaitable[AnswerT | None]]


async def carry_out(
    info: Info,
    given: CommandInput,
    kind: type[CommandT],
    then: Then[CommandT, AnswerT],
    *,
    made: str | None = None,
) -> AnswerT | Refused:
    """Build the command from an input whose fields are named like its own, and send it. ``made``: the id that a client may make."""
    try:
        command = as_command(given, kind, made=made)
    except InputIsWrong as wrong:
        return refused(wrong)
    return await send(info, command, then)


async def send(info: Info, command: CommandT, then: Then[CommandT, AnswerT]) -> AnswerT | Refused:
    """Send a command to its owner, take its facts into the read model at once, and read the object again."""
    try:
        facts = await info.context.platform.carry_out(command, actor=info.context.viewer)
    except errors.Refusal as refusal:
        return refused(refusal)
    except OwnerAway as away:
        return unavailable(away)
    info.context.loaders.forget()
    answer = await then(Done(info=info, command=command, facts=facts))
    if answer is None:
        return NotFound(
            message="It was done, and the result is not for you to see.",
            code="DoneUnseen",
            remedy="Nothing needs to be done.",
        )
    return answer


def unavailable(away: OwnerAway) -> ServiceUnavailable:
    """The owner of a command or a private read does not answer."""
    return ServiceUnavailable(
        message=str(away),
        code="ServiceUnavailable",
        remedy="Try again in a moment with the same commandId: it is done once at most.",
    )


def command_id_of(given: CommandInput) -> UUID:
    """The client's id of the command, or a new one."""
    if given.command_id is None:
        return uuid4()
    try:
        return UUID(given.command_id)
    except ValueError:
        raise InputIsWrong(
            "commandId is not a UUID.",
            problems=(Problem("commandId", "not a UUID", str(given.command_id), "make one with uuid4"),),
        ) from None


def id_of(value: str | None, *, path: str, otherwise: UUID | None = None) -> UUID:
    """An id of an input; ``otherwise`` stands for one that was left out."""
    if value is None and otherwise is not None:
        return otherwise
    try:
        return UUID(value)
    except ValueError:
        raise InputIsWrong(
            f"{path} is not an id.", problems=(Problem(path, "not a UUID", str(value), "pass the `id` of the object"),)
        ) from None


def as_command(given: CommandInput, kind: type[CommandT], *, made: str | None = None) -> CommandT:
    """The command that an input describes; InputIsWrong with the place of what does not fit."""
    command_id = command_id_of(given)
    plain = as_plain(given)
    plain["command_id"] = command_id
    if made is not None:
        plain.setdefault(made, uuid5(command_id, made))
    return converted(plain, kind)


def converted(plain: Mapping[str, object], kind: type[AnswerT]) -> AnswerT:
    """Plain data to a contract dataclass; InputIsWrong with the place of what does not fit."""
    try:
        return msgspec.convert(plain, type=kind)
    except msgspec.ValidationError as error:
        found = _PLACE.match(str(error))
        path = camel((found["path"] or "").lstrip(".")) if found else ""
        message = found["message"] if found else str(error)
        raise InputIsWrong(
            f"{path or 'input'}: {message}.",
            problems=(Problem(path, message, _found_at(plain, path), "see the description of the field"),),
        ) from None


def overlaid(state: StateT, plain: Mapping[str, object]) -> StateT:
    """A state with what an input gives put over it. What it leaves out may be old by now: say in the command which fields are meant."""
    return converted({**msgspec.to_builtins(state), **plain}, type(state))


def as_plain(given: object, *, path: str = "") -> dict[str, Any]:
    """A strawberry input as nested dicts and lists; what is null or left out is left to the contract's default."""
    return {
        each.name: _plain(value, path=f"{path}{camel(each.name)}")
        for each in dataclasses.fields(given)  # type: ignore[arg-type]
        if (value := getattr(given, each.name)) is not None and each.name != "command_id"
    }


def _plain(value: object, *, path: str) -> object:
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, datetime) and value.tzinfo is None:
        raise InputIsWrong(
            f"{path} has no offset from UTC.",
            problems=(Problem(path, "no offset from UTC", value.isoformat(), "write 2026-03-01T09:00:00Z or +01:00"),),
        )
    if isinstance(value, list):
        return [_plain(each, path=f"{path}[{number}]") for number, each in enumerate(value)]
    if dataclasses.is_dataclass(value):
        return as_plain(value, path=f"{path}.")
    return value


def camel(name: str) -> str:
    """snake_case to camelCase."""
    return re.sub(r"_([a-z])", lambda found: found[1].upper(), name)


def _found_at(plain: Mapping[str, object], path: str) -> str:
    """What a client wrote at a path, shortened; empty when it is not a simple value."""
    found: object = plain
    for part in re.findall(r"[^.\[\]]+", path):
        if isinstance(found, Mapping):
            found = next((value for key, value in found.items() if camel(str(key)) == part), None)
        elif isinstance(found, Sequence) and part.isdigit() and int(part) < len(found):
            found = found[int(part)]
        else:
            return ""
    return str(found)[:100] if isinstance(found, str | int | float) else ""
