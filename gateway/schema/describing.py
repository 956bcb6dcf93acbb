"""Resolvers with their descriptions: strawberry's decorators, typed so that a method stays the method that it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, cast

import strawberry

Resolver = TypeVar("Resolver", bound=Callable[..., object])


def field(description: str) -> Callable[[Resolver], Resolver]:
    """A field that is computed."""
    return cast("Callable[[Resolver], Resolver]", strawberry.field(description=description))


def mutation(description: str) -> Callable[[Resolver], Resolver]:
    """A field that changes something."""
    return cast("Callable[[Resolver], Resolver]", strawberry.mutation(description=description))


def subscription(description: str) -> Callable[[Resolver], Resolver]:
    """A field that goes on telling."""
    return cast("Callable[[Resolver], Resolver]", strawberry.subscription(description=description))
