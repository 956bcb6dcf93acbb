"""What a mutation answers when it does not do what it was asked: one GraphQL type for each thing that a client can do about it."""

from __future__ import annotations

from collections.abc import Mapping

import strawberry

from contracts import errors


@strawberry.interface(
    description="A mutation was understood and not carried out. Nothing has changed. Spread `... on Refusal` to catch them all."
)
class Refusal:
    message: str = strawberry.field(description="What is wrong, in a sentence that can be shown to a person.")
    code: str = strawberry.field(description="The stable name of the reason, for programs: `PairIsFull`.")
    remedy: str = strawberry.field(description="What to do about it.")


@strawberry.type(description="It does not exist, or not for this viewer: the two look exactly alike.")
class NotFound(Refusal):
    pass


@strawberry.type(description="This viewer may not do this.")
class NotAllowed(Refusal):
    pass


@strawberry.type(description="One thing that is wrong with an input.")
class InputProblem:
    path: str = strawberry.field(description="Where: `offers[1].level`, counted from 0.")
    message: str = strawberry.field(description="What is wrong.")
    value: str = strawberry.field(description="What was found there; empty when it says nothing.")
    remedy: str = strawberry.field(description="What to write instead.")


@strawberry.type(description="The input itself is wrong; the problems say where.")
class InvalidInput(Refusal):
    problems: list[InputProblem] = strawberry.field(description="Everything that is wrong, at once.")


@strawberry.type(description="The present state does not allow this. Read the object again.")
class Conflict(Refusal):
    pass


@strawberry.type(description="No place is left.")
class Full(Refusal):
    pass


@strawberry.type(description="A deadline has passed.")
class TooLate(Refusal):
    pass


@strawberry.type(
    description="The service that decides this does not answer now. Nothing is lost: send the same `commandId` again."
)
class ServiceUnavailable(Refusal):
    pass


Refused = NotFound | NotAllowed | InvalidInput | Conflict | Full | TooLate | ServiceUnavailable

_TYPES: Mapping[errors.RefusalKind, type[NotFound | NotAllowed | Conflict | Full | TooLate]] = {
    errors.RefusalKind.NOT_FOUND: NotFound,
    errors.RefusalKind.NOT_ALLOWED: NotAllowed,
    errors.RefusalKind.CONFLICT: Conflict,
    errors.RefusalKind.FULL: Full,
    errors.RefusalKind.TOO_LATE: TooLate,
}
_REMEDIES: Mapping[errors.RefusalKind, str] = {
    errors.RefusalKind.NOT_FOUND: "Check the id; it may also be that you are no longer part of this.",
    errors.RefusalKind.NOT_ALLOWED: "Ask an admin of your organization.",
    errors.RefusalKind.INVALID: "Correct what the problems name, and send it again with a new commandId.",
    errors.RefusalKind.CONFLICT: "Read the object again and decide anew.",
    errors.RefusalKind.FULL: "Wait until a place is free.",
    errors.RefusalKind.TOO_LATE: "Nothing more can be done here; ask the organizers.",
}


def refused(refusal: errors.Refusal) -> Refused:
    """A service's refusal as the member of the union that stands for its kind."""
    remedy = refusal.remedy or _REMEDIES[refusal.kind]
    if refusal.kind is errors.RefusalKind.INVALID:
        problems = [
            InputProblem(path=each.path, message=each.message, value=each.value, remedy=each.remedy)
            for each in refusal.problems
        ]
        return InvalidInput(message=refusal.message, code=refusal.code, remedy=remedy, problems=problems)
    return _TYPES[refusal.kind](message=refusal.message, code=refusal.code, remedy=remedy)


def absent(what: str) -> NotFound:
    """What the viewer names does not exist, or not for them."""
    return NotFound(
        message=f"There is no such {what}.", code="NotFound", remedy=_REMEDIES[errors.RefusalKind.NOT_FOUND]
    )


def needs_a_person() -> NotAllowed:
    """Only somebody with a profile can do this."""
    return NotAllowed(
        message="Only a person with a profile can do this, and this token's subject has none.",
        code="NeedsProfile",
        remedy="Ask an admin of your organization to onboard you.",
    )
