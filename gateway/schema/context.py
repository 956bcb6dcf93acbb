"""What every resolver of one request shares: who asks, the loaders, and the way to the services."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, TypeVar
from uuid import UUID

import strawberry
from graphql import GraphQLError

from contracts.base import Actor

if TYPE_CHECKING:
    from starlette.websockets import WebSocket

    from gateway.loaders import Loaders
    from gateway.platform import Platform


@dataclass(slots=True, kw_only=True)
class Context:
    """One HTTP request, or one websocket connection (whose viewer comes with ``connection_init``)."""

    viewer: Actor
    expires_at: float | None  # real time, seconds since 1970
    platform: Platform
    loaders: Loaders
    connection: WebSocket | None = None
    connection_params: dict[str, object] = field(default_factory=dict)
    expiry: asyncio.TimerHandle | None = None  # closes the websocket when the token ends


Info = strawberry.Info[Context, None]
T = TypeVar("T")
# The one argument of every mutation.
Given = Annotated[T, strawberry.argument(name="input", description="What to do, and to what.")]
Id = Annotated[strawberry.ID, strawberry.argument(description="The id of the object: a UUID.")]


def the_id(value: str, *, path: str) -> UUID:
    """An id as a client wrote it; a GraphQL error that says where when it is not a UUID."""
    try:
        return UUID(value)
    except ValueError:
        raise GraphQLError(
            f"{path}: {value!r} is not an id. Ids are UUIDs, as every `id` field gives them.",
            extensions={"code": "InvalidId", "path": path},
        ) from None
