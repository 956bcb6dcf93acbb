"""Relay connections by keyset: a page costs the same wherever it lies, and rows that arrive meanwhile shift nothing."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Sequence
from typing import Annotated, Generic, TypeVar

import msgspec
import strawberry
from graphql import GraphQLError

from gateway.store.paging import Asked, Page

NodeT = TypeVar("NodeT")
RowT = TypeVar("RowT")

LARGEST_PAGE = 100
First = Annotated[int, strawberry.argument(description="How many at most: 1 to 100.")]
After = Annotated[
    str | None, strawberry.argument(description="The cursor after which the page begins: an `endCursor`.")
]


@strawberry.interface(description="Anything that `node(id:)` can fetch again.")
class Node:
    id: strawberry.ID = strawberry.field(
        description="A UUID, unique on the whole platform. Mutations and links name the object by it."
    )


@strawberry.type(description="Where a page lies among all results.")
class PageInfo:
    has_next_page: bool = strawberry.field(description="Whether more follow after `endCursor`.")
    has_previous_page: bool = strawberry.field(description="Whether this page began after a cursor.")
    start_cursor: str | None = strawberry.field(description="The cursor of the first edge.")
    end_cursor: str | None = strawberry.field(description="Pass it as `after` to get the next page.")


@strawberry.type(description="One result with its place in the list.")
class Edge(Generic[NodeT]):
    cursor: str = strawberry.field(description="The place of this result; opaque.")
    node: NodeT = strawberry.field(description="The result.")


@strawberry.type(description="A page of results.")
class Connection(Generic[NodeT]):
    edges: list[Edge[NodeT]] = strawberry.field(description="The results with their cursors.")
    nodes: list[NodeT] = strawberry.field(description="The results without their cursors.")
    page_info: PageInfo = strawberry.field(description="Where this page lies.")
    total_count: int | None = strawberry.field(
        description="How many results there are in all. Null where the number itself would tell too much."
    )


def asked(first: int, after: str | None) -> Asked:
    """A client's page arguments, checked."""
    if not 1 <= first <= LARGEST_PAGE:
        raise GraphQLError(
            f"first: {first} is not between 1 and {LARGEST_PAGE}. Ask for fewer and follow pageInfo.endCursor.",
            extensions={"code": "PageSize"},
        )
    if after is None:
        return Asked(first=first)
    try:
        key = msgspec.json.decode(urlsafe_b64decode(after.encode()), type=tuple[str, ...])
    except (ValueError, msgspec.DecodeError):
        raise GraphQLError(
            "after: this is no cursor of this list. Pass the pageInfo.endCursor of the page before, unchanged.",
            extensions={"code": "InvalidCursor"},
        ) from None
    return Asked(first=first, after=key)


def connection(page: Page[RowT], node: Callable[[RowT], NodeT], *, asked: Asked) -> Connection[NodeT]:
    """A page of rows as a Relay connection; ``page.total`` None hides the count."""
    nodes: Sequence[NodeT] = [node(row) for row in page.rows]
    cursors = [urlsafe_b64encode(msgspec.json.encode(key)).decode() for key in page.keys]
    return Connection(
        edges=[Edge(cursor=cursor, node=each) for cursor, each in zip(cursors, nodes, strict=True)],
        nodes=list(nodes),
        page_info=PageInfo(
            has_next_page=page.more,
            has_previous_page=asked.after is not None,
            start_cursor=cursors[0] if cursors else None,
            end_cursor=cursors[-1] if cursors else None,
        ),
        total_count=page.total,
    )
